"""How a network is wired: found out by running it, not by reading it.

Every operation of a forward pass is noted as PyTorch does it, with the tensors that go in and come
out (`torch.overrides.TorchFunctionMode`); what gets a gradient is asked of autograd.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from numbers import Number
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

MOST_OPERATIONS = 2_000

# What an operation is, by its name without underscores at the ends.
_MAPS = "linear conv1d conv2d conv3d matmul mm bmm addmm einsum bilinear rmatmul baddbmm mv dot"
_ACTIVATIONS = (
    "relu relu6 leaky_relu prelu rrelu elu celu selu gelu silu mish sigmoid tanh softmax"
    " log_softmax softplus softsign hardtanh hardsigmoid hardswish logsigmoid threshold clamp"
    " clamp_min clip maximum"
)
_SAME = (
    "view reshape flatten unflatten squeeze unsqueeze transpose permute contiguous clone to float"
    " double type type_as detach requires_grad_ data T mT H expand expand_as view_as reshape_as"
    " alias positive movedim swapaxes t cpu"
)
_KINDS = {
    **dict.fromkeys(_MAPS.split(), "layer"),
    **dict.fromkeys(_ACTIVATIONS.split(), "activation"),
    **dict.fromkeys(_SAME.split(), "same"),
    **dict.fromkeys(
        ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"), "norm"
    ),
    **dict.fromkeys(("cat", "concat", "concatenate", "stack", "hstack", "vstack"), "concatenate"),
    **dict.fromkeys(("add", "radd", "iadd", "sub", "rsub", "isub", "subtract"), "add"),
    **dict.fromkeys(("mul", "rmul", "imul", "multiply", "div", "truediv", "rtruediv"), "multiply"),
    **dict.fromkeys(("idiv", "itruediv", "divide", "true_divide", "rdiv", "neg"), "multiply"),
}
KINDS = frozenset({*_KINDS.values(), "input", "other", "value", "output"} - {"same"})
_LABELS = {
    "relu": "ReLU",
    "concatenate": "join",
    "cat": "join",
    "concat": "join",
    "getitem": "part",
}


class TracingError(ValueError):
    """A network cannot be traced; the message says why, in a sentence."""


@dataclass(frozen=True)
class Node:
    """An operation, a value that goes in, or the result.

    Attributes:
        name: the only one of its name; the same in two networks where it does the same.
        kind: one of `KINDS`; a "value" is a tensor from elsewhere.
        label: what to write on it.
        scope: the part of the network it belongs to, as in "blocks.3"; "" for none.
    """

    name: str
    kind: str
    label: str
    scope: str = ""


@dataclass(frozen=True)
class Edge:
    """A tensor that goes from one node to another.

    Attributes:
        source: the name of the node it comes from.
        target: the name of the node it goes to.
        cut: whether no gradient comes back along it.
    """

    source: str
    target: str
    cut: bool = False


@dataclass(frozen=True)
class Wiring:
    """How a network is wired.

    Attributes:
        nodes: those that the output depends on, in the order in which they were computed.
        edges: between these.
        unused: layers that the output does not depend on.
        no_gradient: layers that it depends on and that get no gradient, or those of their
            parameters that get none, as in "layer_1.bias".
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    unused: tuple[str, ...] = ()
    no_gradient: tuple[str, ...] = ()

    def links(self) -> set[Edge]:
        """Who is connected with whom."""
        return set(self.edges)


def trace_wiring(model: nn.Module, input_size: int | tuple[int, ...]) -> Wiring:
    """Trace a network: run it forwards once, ask autograd for its gradients, and note what it did.

    Weights, gradients, running statistics and random streams are afterwards as they were.

    Args:
        model: the network.
        input_size: numbers in one example, or the shape of one, as in (channels, length).

    Returns:
        How it is wired.

    Raises:
        TracingError: it raises an exception, returns no tensor, or does not come to an end.
    """
    shape = (input_size,) if isinstance(input_size, int) else tuple(input_size)
    like = next((p for p in model.parameters() if p.is_floating_point()), torch.zeros(0))
    with _unchanged(model), torch.enable_grad():
        leaf = torch.randn(4, *shape, device=like.device, dtype=like.dtype, requires_grad=True)
        given = leaf * 1  # a student may write into it, which a leaf does not allow
        tracer = _Tracer(model, given)
        try:
            with tracer.scopes(), tracer:
                output = model(given)
        except TracingError:
            raise
        except Exception as error:
            said = (str(error).splitlines() or [""])[0][:200]
            raise TracingError(
                f"there is no picture, because forward stopped with {type(error).__name__}: {said}"
            ) from error
        if not isinstance(output, Tensor):
            kind = type(output).__name__
            raise TracingError(f"there is no picture, because forward returned {kind}, no tensor")
        return tracer.wiring(output, leaf)


class _Tracer(TorchFunctionMode):
    """Notes the operations on tensors that depend on a network's input or parameters."""

    def __init__(self, model: nn.Module, given: Tensor) -> None:
        super().__init__()
        self._model = model
        self._owners = _owners(model)
        self._made_of = {one: [name] for one, name in self._owners.items()}
        self._nodes: list[Node] = [Node("X", "input", "X")]
        self._edges: dict[int, list[tuple[int, bool]]] = {0: []}  # target: its sources, cut or not
        self._layers: dict[int, list[str]] = {}  # the layers at work in a node
        self._where: dict[int, tuple[int, bool]] = {id(given): (0, False)}
        self._kept: list[Any] = [given]  # an id is used again when its owner is gone
        self._scope: list[str] = []

    @contextmanager
    def scopes(self) -> Iterator[None]:
        """Know which part of the network is at work."""
        with ExitStack() as stack:
            for name, module in self._model.named_modules():
                if name:
                    before = module.register_forward_pre_hook(
                        lambda _module, _inputs, name=name: self._scope.append(name)
                    )
                    after = module.register_forward_hook(
                        lambda _module, _inputs, _output: self._scope.pop() and None,
                        always_call=True,
                    )
                    stack.callback(before.remove)
                    stack.callback(after.remove)
            yield

    def __torch_function__(
        self,
        func: Callable,
        types: Any,  # noqa: ANN401
        args: tuple = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        kwargs = kwargs or {}
        inputs = list(_tensors((args, kwargs)))
        # An operation that writes into its input makes the same tensor stand for another node.
        before = [self._where.get(id(one)) for one in inputs]
        attached = [one.requires_grad for one in inputs]
        result = func(*args, **kwargs)
        for made in _tensors(result):
            self._note(func, args, kwargs, list(zip(inputs, before, attached, strict=True)), made)
        return result

    def _note(
        self,
        func: Callable,
        args: tuple,
        kwargs: dict[str, Any],
        inputs: list[tuple[Tensor, tuple[int, bool] | None, bool]],
        made: Tensor,
    ) -> None:
        """Note what made a tensor."""
        name = func.__name__
        if name == "__get__":  # of a property, such as X.T
            name = func.__self__.__name__
        name = name.strip("_")
        owners = [self._owners[id(one)] for one, _, _ in inputs if id(one) in self._owners]
        layers = [one for own in inputs for one in self._made_of.get(id(own[0]), ())]
        tracked = [(one, where, was) for one, where, was in inputs if where is not None]
        if not tracked and not owners:
            return
        self._kept.append(made)
        is_cut = made.is_floating_point() and not made.requires_grad
        kind = _KINDS.get(name, "other")
        numbers = [one for one in (*args, *kwargs.values()) if isinstance(one, Number)]
        if kind == "add" and len(inputs) == 1 and numbers[:1] in ([0], [0.0]):
            kind = "same"  # as sum([...]) begins
        if not tracked:  # of parameters alone, as in layer.weight.T
            # As in layer.weight.T, which is still the layer's, and in 1 + alpha.
            sign = {"add": "+", "radd": "+", "mul": "×", "rmul": "×", "pow": "^"}.get(name, name)
            terms = " ".join([sign, *(f"{one:g}" for one in numbers)])
            self._owners[id(made)] = owners[0] if kind == "same" else f"({owners[0]} {terms})"
            self._made_of[id(made)] = layers
            return
        if kind == "same":
            node, cut = tracked[0][1]
            self._where[id(made)] = (node, cut or (is_cut and tracked[0][2]))
            return
        number = len(self._nodes)
        if number > MOST_OPERATIONS:
            raise TracingError(
                f"there is no picture, because forward makes more than {MOST_OPERATIONS} steps"
            )
        sources = [(node, cut or (is_cut and was)) for _, (node, cut), was in tracked]
        # Other tensors: from outside, or made of random numbers. Those of no dimension are numbers.
        others = [
            one
            for one, where, _ in inputs
            if where is None and id(one) not in self._owners and one.dim() and one is not made
        ]
        label, kind = self._label(name, kind, owners, numbers, others)
        if kind in ("add", "concatenate", "multiply") and others and not numbers:
            self._nodes.append(Node("", "value", "a constant"))
            self._edges[number] = []
            sources.append((number, False))
            number += 1
        scope = self._scope[-1] if self._scope else ""
        self._nodes.append(Node("", kind, label, scope))
        self._edges[number] = sources
        self._layers[number] = layers
        self._where[id(made)] = (number, False)

    def _label(
        self, name: str, kind: str, owners: list[str], numbers: list, others: list[Tensor]
    ) -> tuple[str, str]:
        """What to write on a node, and its kind, now that more is known."""
        owner = owners[0] if owners else ""
        if kind in ("layer", "norm"):
            if not owner and any(isinstance(one, nn.Parameter) for one in others):
                owner = f"new {name}"  # a layer that the network does not hold
            return (owner or name, kind) if kind == "norm" or owner else (name, "other")
        if name in ("clamp", "clip", "clamp_min", "maximum", "threshold") and numbers in ([0], []):
            return "ReLU", kind
        if kind == "multiply":
            factor = owner or (f"{numbers[0]:g}" if numbers else "")
            sign = "÷" if "div" in name else "×"
            return ("− " if name == "neg" else f"{sign} {factor}".strip()), kind
        if kind == "add":
            sign = "−" if "sub" in name else "+"
            return (f"{sign} {owner}" if owner else sign), kind
        return _LABELS.get(name, name), kind

    def wiring(self, output: Tensor, leaf: Tensor) -> Wiring:
        """What was noted, as far as the output depends on it."""
        end, cut = self._where.get(id(output), (None, False))
        number = len(self._nodes)
        self._nodes.append(Node("output", "output", "output"))
        self._edges[number] = [] if end is None else [(end, cut)]
        needed, left = set(), [number]
        while left:
            one = left.pop()
            if one not in needed:
                needed.add(one)
                left += [source for source, _ in self._edges[one]]
        used = {layer for one in needed for layer in self._layers.get(one, ())}
        names = self._names(sorted(needed | {0}))
        nodes = tuple(replace(self._nodes[one], name=names[one]) for one in sorted(names))
        edges = tuple(
            Edge(names[source], names[target], cut)
            for target in sorted(needed)
            for source, cut in dict.fromkeys(self._edges[target])
        )
        layers = list(dict.fromkeys(_owners(self._model, buffers=False).values()))
        return Wiring(
            nodes,
            edges,
            tuple(one for one in layers if one not in used),
            tuple(self._without_gradient(output, leaf, used)),
        )

    def _names(self, order: list[int]) -> dict[int, str]:
        """A name for each node: a layer's own, or what is done after what."""
        names: dict[int, str] = {}
        count: Counter[str] = Counter()
        for one in order:
            node = self._nodes[one]
            if node.name:
                names[one] = node.name
                continue
            name = node.label
            if node.kind in ("add", "concatenate"):
                count[f"{name} #"] += 1
                name = f"{name} {count[f'{name} #']}"
            elif node.kind not in ("layer", "norm") and self._edges[one]:
                name = f"{name} after {names[self._edges[one][0][0]]}"
            count[name] += 1
            names[one] = name if count[name] == 1 else f"{name} ({count[name]})"
        return names

    def _without_gradient(self, output: Tensor, leaf: Tensor, used: set[str]) -> Iterator[str]:
        """Of the layers that are used, those without a gradient, and parameters without one."""
        named = list(self._model.named_parameters())
        learns = [(name, one) for name, one in named if one.requires_grad]
        got: set[str] = set()
        if output.requires_grad:
            wanted = [one for _, one in learns] + [leaf]
            upstream = torch.randn_like(output)
            with suppress(RuntimeError):  # something was overwritten that a gradient needs
                found = torch.autograd.grad(output, wanted, upstream, allow_unused=True)
                got = {
                    name
                    for (name, _), gradient in zip(learns, found, strict=False)
                    if gradient is not None
                }
        owners = _owners(self._model, buffers=False)
        parameters: dict[str, list[str]] = {}
        for name, one in named:
            parameters.setdefault(owners[id(one)], []).append(name)
        for layer, names in parameters.items():
            if layer in used and not got & set(names):
                yield layer
            elif layer in used:
                yield from (name for name in names if name not in got)


def _owners(model: nn.Module, buffers: bool = True) -> dict[int, str]:
    """Whose each parameter is: the name of its layer, or its own where it is the network's."""
    owners = {}
    for path, module in model.named_modules():
        named = [*module.named_parameters(recurse=False)]
        named += module.named_buffers(recurse=False) if buffers else []
        # A layer has a "weight"; what another module holds itself goes by its own name.
        is_layer = any(name == "weight" for name, _ in named) and path
        for name, one in named:
            owners[id(one)] = path if is_layer else f"{path}.{name}".strip(".")
    return owners


def _tensors(values: Any) -> Iterator[Tensor]:  # noqa: ANN401
    """The tensors in arguments or results."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, list | tuple):
        for one in values:
            yield from _tensors(one)
    elif isinstance(values, dict):
        yield from _tensors(list(values.values()))


@contextmanager
def _unchanged(model: nn.Module) -> Iterator[None]:
    """Leave a network, and random streams, as they were."""
    kept = {name: one.detach().clone() for name, one in model.state_dict(keep_vars=True).items()}
    device_types = {one.device for one in model.parameters() if one.device.type == "cuda"}
    with torch.random.fork_rng(devices=list(device_types)):
        torch.manual_seed(0)
        try:
            yield
        finally:
            with torch.no_grad():
                for name, one in model.state_dict(keep_vars=True).items():
                    if name in kept and not torch.equal(one, kept[name]):
                        one.copy_(kept[name])


def part_of(node: Node) -> str:
    """The numbered part of a network that a node belongs to, as in "blocks.3"; "" for none."""
    found = re.match(r"(.*?\b\d+)(\.|$)", node.scope)
    return found[1] if found else ""
