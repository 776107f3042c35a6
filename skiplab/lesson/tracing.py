"""How a network is wired: found out by running it, not by reading it.

Every operation of a forward pass is noted as PyTorch does it, with the tensors that go in and come
out (`torch.overrides.TorchFunctionMode`). What happens where that does not see it, as in a thread
or in a script, is read from autograd's graph; what gets a gradient is asked of autograd.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from skiplab.lesson import arguments, operations
from skiplab.lesson.unchanged import lazy_parts, unchanged

MOST_OPERATIONS, MOST_CALLS = 2_000, 50_000
MOST_NUMBERS = 10_000_000  # in one example
EXAMPLES = 2  # no width of a layer in the exercises, so that what mixes them up stops


class TracingError(ValueError):
    """A network cannot be traced; the message says why, in a sentence."""


@dataclass(frozen=True)
class Node:
    """An operation, a value that goes in, or the result.

    Attributes:
        name: the only one of its name; the same in two networks where it does the same.
        kind: one of `operations.KINDS`; a "value" is a tensor from elsewhere.
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
        TypeError: `input_size` is no number and no shape.
        ValueError: `input_size` is too small or too large.
    """
    shape = _shape(input_size)
    with _told():
        if lazy := lazy_parts(model):
            raise TracingError(
                f"there is no picture, because {lazy[0]} has no shape yet: run the network once"
            )
        with unchanged(model), torch.inference_mode(False), torch.enable_grad():
            return _trace(model, shape)


def _trace(model: nn.Module, shape: tuple[int, ...]) -> Wiring:
    like = next((p for p in model.parameters() if p.is_floating_point()), torch.zeros(0))
    leaf = torch.randn(EXAMPLES, *shape, device=like.device, dtype=like.dtype, requires_grad=True)
    given = leaf * 1  # a student may write into it, which a leaf does not allow
    tracer = _Tracer(model, given, leaf)
    with tracer.scopes(), tracer:
        output = model(given)
    if not isinstance(output, Tensor):
        kind = type(output).__name__
        raise TracingError(f"there is no picture, because forward returned {kind}, no tensor")
    return tracer.wiring(output, leaf)


def _shape(input_size: Any) -> tuple[int, ...]:  # noqa: ANN401
    """The shape of one example."""
    given = input_size if isinstance(input_size, list | tuple) else (input_size,)
    shape = tuple(arguments.whole_number("input_size", one) for one in given)
    numbers = 1
    for one in shape:
        numbers *= one
    if numbers > MOST_NUMBERS:
        raise ValueError(f"input_size: got {numbers} numbers, wanted at most {MOST_NUMBERS}")
    return shape


@contextmanager
def _told() -> Iterator[None]:
    """Whatever a student's code raises is a reason why there is no picture."""
    try:
        yield
    except (TracingError, KeyboardInterrupt):
        raise
    except _TooManyStepsError as error:
        raise TracingError(
            f"there is no picture, because forward makes more than {error} steps"
        ) from None
    except BaseException as error:  # a network may also try to end the process
        try:
            lines = [_printable(line).strip() for line in str(error).splitlines()]
        except Exception:
            lines = []
        said = f"{type(error).__name__}: {next(filter(None, lines), '')[:200]}".strip(": ")
        raise TracingError(f"there is no picture, because forward stopped with {said}") from error


class _TooManyStepsError(BaseException):
    """A network does not come to an end; no `except Exception` of its own may hide that."""


@dataclass(frozen=True)
class _Place:
    """Where a tensor comes from: a node, and whether no gradient comes back from here to it."""

    node: int
    cut: bool = False


@dataclass(frozen=True)
class _Owned:
    """A tensor made of parameters and buffers alone, such as `layer.weight.T` and `1 + alpha`."""

    label: str
    layers: frozenset[str]
    tensors: frozenset[int]  # their ids


Origin = _Place | _Owned | None  # None: it comes from elsewhere


@dataclass
class _Step:
    """What is known of a node beside its name."""

    node: Node
    sources: list[_Place]
    owned: list[_Owned] = field(default_factory=list)
    compares: tuple[int, bool] | None = None  # with 0: which node, and whether it is above
    negates: _Place | None = None
    stacks: int | None = None  # along which dimension

    def layers(self) -> set[str]:
        """The layers at work in it."""
        return {layer for one in self.owned for layer in one.layers}


class _Tracer(TorchFunctionMode):
    """Notes the operations on tensors that depend on a network's input or parameters."""

    def __init__(self, model: nn.Module, given: Tensor, leaf: Tensor) -> None:
        super().__init__()
        self._model = model
        self._steps = [_Step(Node("X", "input", "X"), [])]
        self._origins: dict[int, Origin] = {}
        self._seen: dict[int, tuple[Any, int]] = {}  # what autograd said of a tensor, and when
        self._functions: dict[Any, Origin] = {}  # the same by autograd's nodes
        self._kept: list[Any] = []  # an id is used again when its owner is gone
        self._new: set[int] = set()  # tensors made of nothing that the network depends on
        self._left: list[tuple[_Place, torch.Size]] = []
        self._calls = 0
        self._scope: list[str] = []
        for one, name in _owners(model).items():
            self._origins[one] = _Owned(name, frozenset([name]), frozenset([one]))
        self._own = set(self._origins)
        self._remember(leaf, _Place(0))
        self._remember(given, _Place(0))

    @contextmanager
    def scopes(self) -> Iterator[None]:
        """Know which part of the network is at work."""
        with ExitStack() as stack:
            for name, module in self._model.named_modules():
                if name:
                    with suppress(RuntimeError):  # a part in TorchScript takes no hooks
                        before = module.register_forward_pre_hook(
                            lambda _module, _inputs, name=name: self._scope.append(name)
                        )
                        stack.callback(before.remove)
                        after = module.register_forward_hook(
                            lambda _module, _inputs, _output: self._scope.pop() and None,
                            always_call=True,
                        )
                        stack.callback(after.remove)
            yield

    def __torch_function__(
        self,
        func: Callable,
        types: Any,  # noqa: ANN401
        args: tuple = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        self._calls += 1
        if self._calls > MOST_CALLS:
            raise _TooManyStepsError(MOST_CALLS)
        kwargs = kwargs or {}
        inputs = list(_tensors((args, kwargs)))
        if any(torch._C._functorch.is_functorch_wrapped_tensor(one) for one in inputs):
            return func(*args, **kwargs)  # as vmap does: what comes of it is read from autograd
        name = operations.name_of(func)
        # An operation that writes into its input makes the same tensor stand for another node.
        origins = [self._origin(one) for one in inputs]
        learnt = [one.requires_grad for one in inputs]
        result = func(*args, **kwargs)
        made = [args[0]] if name == "setitem" else list(_tensors(result))
        if name in operations.NEW or (not inputs and name not in operations.COPIES):
            self._new.update(map(id, made))
            self._kept += made
            return result
        if name in operations.LEAVING and isinstance(origins[0], _Place) and inputs[0].dim():
            self._left.append((origins[0], inputs[0].shape))
        call = _Call(name, args, kwargs, inputs, origins, learnt)
        for one in made:
            self._note(call, one, getattr(func, "__name__", "").endswith("_"))
        return result

    def _note(self, call: _Call, made: Tensor, in_place: bool) -> None:
        """Note what made a tensor."""
        name = call.name
        is_input = any(one is made for one in call.inputs)
        if name in operations.FILLED and in_place and is_input:
            if id(made) not in self._own:
                self._origins[id(made)] = None
                self._new.add(id(made))
            return
        given = list(zip(call.inputs, call.origins, call.learnt, strict=True))
        if "out" in call.kwargs or (name == "copy" and in_place):
            given = [one for one in given if one[0] is not made] or given
        elif name == "setitem" and call.args[1] in (Ellipsis, slice(None)):
            given, name = given[1:], "copy"
        cuts = made.dtype != torch.bool and not made.requires_grad
        sources = [
            _Place(origin.node, origin.cut or (cuts and learns))
            for _, origin, learns in given
            if isinstance(origin, _Place)
        ]
        owned = [origin for _, origin, _ in given if isinstance(origin, _Owned)]
        # Others are from outside, or made of random numbers. Of no dimension they are numbers.
        others = [one for one, origin, _ in given if origin is None and one.dim()]
        if not sources and not owned:
            return
        if name == "setitem" and _share(made, call.args[2]):
            self._remember(made, self._origins.get(id(made)))
            return  # t[i] += 1 writes into a part of t, and then puts it in its place
        if name == "copy" and (sources or is_input):
            origin = sources[0] if sources else owned[0]
        else:
            origin = self._step(name, sources, owned, others, call)
        if id(made) in self._own and not sources:
            return  # a parameter that is written into is still the layer's
        before = self._origins.get(id(made))
        self._remember(made, origin)
        base = made._base
        if base is not None and is_input and operations.kind_of(name) != "same":
            self._write_through(base, before, origin)

    def _write_through(self, base: Tensor, before: Origin, origin: Origin) -> None:
        """What was written into a part of a tensor is in the whole."""
        old = self._origins.get(id(base))
        if id(base) in self._own:
            return
        if old != before and isinstance(origin, _Place):
            sources = [one for one in (old, origin) if isinstance(one, _Place)]
            origin = self._step("setitem", sources, [], [])
        self._remember(base, origin)

    def _step(
        self,
        name: str,
        sources: list[_Place],
        owned: list[_Owned],
        others: list[Tensor],
        call: _Call | None = None,
    ) -> Origin:
        """Note an operation, by what goes in; what comes out is from there."""
        args, kwargs = (call.args, call.kwargs) if call else ((), {})
        numbers = operations.numbers_in(args, kwargs)
        kind = operations.kind_of(name)
        if kind == "add" and len(sources) + len(owned) == 1 and not others and numbers == [0]:
            kind = "same"  # as sum([...]) begins
        if not sources:
            return _together(name, kind, owned, numbers)
        if kind == "same":
            return sources[0]
        if kind == "add" and (layer := self._with_bias(name, sources, owned, others)):
            return layer
        if name == "sum" and (terms := self._stacked(sources[0], args, kwargs)):
            sources, name, kind = terms, "add", "add"
        if name in ("sub", "isub", "subtract") and len(sources) == 2:
            taken = self._steps[sources[1].node].negates
            if taken and not sources[1].cut:
                sources, name = [sources[0], taken], "add"
        label = ""
        if call and operations.is_relu(name, args, kwargs, self._is_mask, _is_zero):
            own = [one for one in sources if self._steps[one.node].compares is None]
            label, kind, sources, others = "ReLU", "activation", (own or sources)[:1], []
        if not label:
            label, kind = self._label(name, kind, sources, owned, numbers, others)
        if len(self._steps) > MOST_OPERATIONS:
            raise _TooManyStepsError(MOST_OPERATIONS)
        if kind in ("add", "concatenate", "multiply") and others and not numbers:
            self._steps.append(_Step(Node("", "value", "a constant"), []))
            sources = [*sources, _Place(len(self._steps) - 1)]
        step = _Step(
            Node("", kind, label, self._scope[-1] if self._scope else ""), sources, list(owned)
        )
        if (
            name in operations.POSITIVE | operations.NEGATIVE
            and len(args) == 2
            and _is_zero(args[1])
        ):
            step.compares = sources[0].node, name in operations.POSITIVE
        if name == "neg":
            step.negates = sources[0]
        if name == "stack":
            step.stacks = kwargs.get("dim", args[1] if len(args) > 1 else 0)
        self._steps.append(step)
        return _Place(len(self._steps) - 1)

    def _with_bias(
        self, name: str, sources: list[_Place], owned: list[_Owned], others: list[Tensor]
    ) -> _Place | None:
        """The layer whose own bias is added to it, where that is all."""
        if "sub" in name or len(sources) != 1 or len(owned) != 1 or others or sources[0].cut:
            return None
        step, bias = self._steps[sources[0].node], owned[0]
        has = {one for own in step.owned for one in own.tensors}
        if step.node.kind != "layer" or step.layers() != bias.layers or has & bias.tensors:
            return None
        step.owned.append(bias)
        return sources[0]

    def _stacked(self, source: _Place, args: tuple, kwargs: dict[str, Any]) -> list[_Place]:
        """What is added up by the sum of a stack."""
        step = self._steps[source.node]
        dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
        if step.stacks is None or dim != step.stacks or source.cut or step.owned:
            return []
        return step.sources

    def _is_mask(self, mask: Any, of: Any, above: bool) -> bool:  # noqa: ANN401
        """Whether a tensor says where another is above 0, or below."""
        if not isinstance(mask, Tensor) or not isinstance(of, Tensor):
            return False
        at, whose = self._origins.get(id(mask)), self._origins.get(id(of))
        if not isinstance(at, _Place) or not isinstance(whose, _Place):
            return False
        return self._steps[at.node].compares == (whose.node, above)

    def _label(
        self,
        name: str,
        kind: str,
        sources: list[_Place],
        owned: list[_Owned],
        numbers: list,
        others: list[Tensor],
    ) -> tuple[str, str]:
        """What to write on a node, and its kind, now that more is known."""
        owner = owned[0].label if owned else ""
        if kind in ("layer", "norm"):
            if not owner and any(isinstance(one, nn.Parameter) for one in others):
                owner = f"new {name}"  # a layer that the network does not hold
            return (owner or name, kind) if kind == "norm" or owner else (name, "other")
        if kind == "multiply":
            factor = owner or (f"{numbers[0]:g}" if numbers else "")
            sign = "÷" if "div" in name else "×"
            return ("−" if name == "neg" else f"{sign} {factor}".strip()), kind
        if kind == "add":
            sign = "−" if "sub" in name else "+"
            twice = "itself" if len(sources) == 2 and sources[0] == sources[1] else ""
            return f"{sign} {owner or twice}".strip(), kind
        return operations.LABELS.get(name, name), kind

    def _origin(self, one: Tensor) -> Origin:
        """Where a tensor comes from, as it is now."""
        origin = self._origins.get(id(one))
        function = _function(one)
        if function and (origin is None or function != self._seen[id(one)][0]):
            if isinstance(origin, _Place) and self._seen[id(one)] == (None, _version(one)):
                self._reconnect(origin, function[0])
            else:  # made, or written into, where nobody looked
                origin = self._read(function)
            self._remember(one, origin)
        elif origin is None and not function and id(one) not in self._new:
            origin = self._from_numbers(one)
        return origin

    def _remember(self, one: Tensor, origin: Origin) -> None:
        function = _function(one)
        self._kept.append(one)
        self._origins[id(one)] = origin
        self._seen[id(one)] = function, _version(one)
        if function:
            self._functions[function] = origin

    def _from_numbers(self, one: Tensor) -> Origin:
        """Where a tensor comes from whose numbers were outside of PyTorch, as in NumPy."""
        if not one.dim() or isinstance(one, nn.Parameter):
            return None
        lengths = {shape[0] for _, shape in self._left}
        if one.shape[0] not in lengths:
            return None
        sources = [_Place(place.node, True) for place, shape in self._left]
        origin = self._step("numbers", list(dict.fromkeys(sources)), [], [])
        self._remember(one, origin)
        return origin

    def _read(self, function: tuple[Any, int]) -> Origin:
        """What autograd knows of a tensor; of each step only what gets a gradient."""
        left = [function]
        while left:
            node, _ = top = left[-1]
            before = [one for one in node.next_functions if one[0] is not None]
            unread = [one for one in before if one not in self._functions]
            if top in self._functions:
                left.pop()
            elif hasattr(node, "variable"):
                self._functions[top] = self._origins.get(id(node.variable))
            elif unread:
                left += unread
            else:
                name = operations.name_in_autograd(node)
                origins = [self._functions[one] for one in before]
                sources = [one for one in origins if isinstance(one, _Place)]
                owned = [one for one in origins if isinstance(one, _Owned)]
                strange = [
                    one[0].variable
                    for one, origin in zip(before, origins, strict=True)
                    if origin is None and hasattr(one[0], "variable")
                ]
                found = self._step(name, sources, owned, strange) if sources or owned else None
                self._functions[top] = found
        return self._functions[function]

    def _reconnect(self, end: _Place, function: Any) -> None:  # noqa: ANN401
        """Take away the cuts in what a `torch.autograd.Function` does: it has its own gradient."""
        before = [self._read(one) for one in function.next_functions if one[0] is not None]
        starts = {one.node for one in before if isinstance(one, _Place)}
        inside = set(starts)
        for number in range(min(starts, default=end.node), end.node + 1):
            if number not in starts and any(
                one.node in inside for one in self._steps[number].sources
            ):
                inside.add(number)
        for number in self._needed(end.node, starts) & inside - starts:
            step = self._steps[number]
            step.sources = [
                _Place(one.node, one.cut and one.node not in inside) for one in step.sources
            ]

    def _needed(self, end: int, starts: set[int] = frozenset()) -> set[int]:
        """The nodes that one depends on, with it."""
        found, left = set(), [end]
        while left:
            one = left.pop()
            if one not in found:
                found.add(one)
                left += [] if one in starts else [at.node for at in self._steps[one].sources]
        return found

    def wiring(self, output: Tensor, leaf: Tensor) -> Wiring:
        """What was noted, as far as the output depends on it."""
        origin = self._origin(output)
        if isinstance(origin, _Owned):
            self._steps.append(_Step(Node("", "value", origin.label), [], [origin]))
            origin = _Place(len(self._steps) - 1)
        end = len(self._steps)
        found = _with_gradient(self._model, output, leaf) if output.requires_grad else None
        sources = [origin] if origin else []
        if origin and found is None and self._is_open(origin):
            sources = [_Place(origin.node, True)]
        self._steps.append(_Step(Node("output", "output", "output"), sources))
        needed = self._needed(end)
        used = {layer for one in needed for layer in self._steps[one].layers()}
        names = self._names(sorted(needed | {0}))
        nodes = tuple(replace(self._steps[one].node, name=names[one]) for one in sorted(names))
        edges = tuple(
            Edge(names[source.node], names[target], source.cut)
            for target in sorted(needed)
            for source in dict.fromkeys(self._steps[target].sources)
        )
        got = found or set()
        owners = _owners(self._model, buffers=False)
        parameters: dict[str, list[str]] = {}
        for name, one in self._model.named_parameters():
            parameters.setdefault(owners[id(one)], []).append(name)
        used |= {layer for layer, own in parameters.items() if got & set(own)}
        without: list[str] = []
        for layer, own in parameters.items():
            if layer in used and not got & set(own):
                without.append(layer)
            elif layer in used:
                without += [name for name in own if name not in got]
        unused = tuple(one for one in parameters if one not in used)
        return Wiring(nodes, edges, unused, tuple(without))

    def _is_open(self, place: _Place) -> bool:
        """Whether there is a way from the input to a place with no cut in it."""
        left, done = [place], set()
        while left:
            one = left.pop()
            if not one.cut and one.node not in done:
                if one.node == 0:
                    return True
                done.add(one.node)
                left += self._steps[one.node].sources
        return False

    def _names(self, order: list[int]) -> dict[int, str]:
        """A name for each node: a layer's own, or what is done after what."""
        names = {one: self._steps[one].node.name for one in order if self._steps[one].node.name}
        taken = set(names.values())
        for one in order:
            step = self._steps[one]
            if one in names:
                continue
            label, number = step.node.label, 1
            is_counted = step.node.kind in ("add", "concatenate")
            if step.node.kind not in ("layer", "norm") and not is_counted and step.sources:
                label = f"{label} after {names[step.sources[0].node]}"
            name = f"{label} 1" if is_counted else label
            while name in taken:
                number += 1
                name = f"{label} {number}" if is_counted else f"{label} ({number})"
            names[one] = name
            taken.add(name)
        return names


@dataclass(frozen=True, eq=False)
class _Call:
    """A call of one of PyTorch's functions."""

    name: str
    args: tuple
    kwargs: dict[str, Any]
    inputs: list[Tensor]
    origins: list[Origin]
    learnt: list[bool]  # whether each input required a gradient before


def _together(name: str, kind: str, owned: list[_Owned], numbers: list) -> _Owned:
    """What is made of parameters alone."""
    layers = frozenset().union(*(one.layers for one in owned))
    tensors = frozenset().union(*(one.tensors for one in owned))
    labels = list(dict.fromkeys(one.label for one in owned))
    # A weight that is seen otherwise, masked or normalised, is still the layer's.
    is_seen_otherwise = kind == "other" and (not numbers or operations.LABELS.get(name) == "part")
    is_layers = len(layers) == 1 and (len(tensors) > 1 or is_seen_otherwise)
    if kind == "same" or (is_layers and kind != "add"):
        return _Owned(next(iter(layers)) if is_layers else labels[0], layers, tensors)
    sign = operations.SIGNS.get(name, name)
    if len(labels) == 1 and len(numbers) == 1 and name in ("rsub", "rtruediv"):
        label = f"{numbers[0]:g} {sign} {labels[0]}"
    elif len(labels) > 1:
        label = f" {sign} ".join(labels) if len(sign) == 1 else f"{sign} {', '.join(labels)}"
    else:
        label = " ".join([labels[0], sign, *(f"{one:g}" for one in numbers)])
    return _Owned(f"({label})", layers, tensors)


def _function(one: Tensor) -> tuple[Any, int] | None:
    """Autograd's node for a tensor; None where it has none, and for a leaf."""
    return (one.grad_fn, one.output_nr) if one.requires_grad and one.grad_fn is not None else None


def _version(one: Tensor) -> int:
    """How often a tensor was written into."""
    return -1 if one.is_inference() else one._version


def _is_zero(value: Any) -> bool:  # noqa: ANN401
    """Whether a value is 0, or a tensor of zeros that nothing is learnt of."""
    if isinstance(value, Tensor):
        return not value.requires_grad and not value.any()
    return isinstance(value, int | float) and value == 0


def _share(one: Tensor, other: Any) -> bool:  # noqa: ANN401
    """Whether two tensors share their numbers."""
    if not isinstance(other, Tensor):
        return False
    try:
        return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
    except RuntimeError:  # such as a sparse tensor, which has none
        return False


def _with_gradient(model: nn.Module, output: Tensor, leaf: Tensor) -> set[str] | None:
    """The parameters that get a gradient, by name; None where the way back stops with an error."""
    learns = {name: one for name, one in model.named_parameters() if one.requires_grad}
    wanted = [*learns.values(), leaf]
    try:
        output = output.to_dense() if output.is_sparse else output
        upstream = torch.randn_like(output)
        try:
            found = torch.autograd.grad(output, wanted, upstream, True, allow_unused=True)
        except RuntimeError:  # a checkpoint allows backward() alone
            for one in wanted:
                one.grad = None
            output.backward(upstream)
            found = [one.grad for one in wanted]
    except Exception:  # something was overwritten that it needs, or it is the student's own
        return None
    return {name for name, gradient in zip(learns, found, strict=False) if gradient is not None}


def _owners(model: nn.Module, buffers: bool = True) -> dict[int, str]:
    """Whose each parameter is: the name of its layer, or its own where it is the network's."""
    owners = {}
    for path, module in model.named_modules():
        named = [*module.named_parameters(recurse=False)]
        named += module.named_buffers(recurse=False) if buffers else []
        layer = path.split(".parametrizations.")[0]
        # A layer has a weight; what another module holds itself goes by its own name.
        is_layer = layer != path or any(
            "weight" in name or name == "running_mean" for name, _ in named
        )
        if not path and not [*module.children()]:
            layer = type(module).__name__
        for name, one in named:
            owner = layer if is_layer and layer else f"{path}.{name}".strip(".")
            owners[id(one)] = _printable(owner)
    return owners


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _tensors(values: Any) -> Iterator[Tensor]:  # noqa: ANN401
    """The tensors in arguments or results."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, list | tuple):
        for one in values:
            yield from _tensors(one)
    elif isinstance(values, dict):
        yield from _tensors(list(values.values()))


def part_of(node: Node) -> str:
    """The numbered part of a network that a node belongs to, as in "blocks.3"; "" for none."""
    found = re.match(r"(.*?\b\d+)(\.|$)", node.scope)
    return found[1] if found else ""
