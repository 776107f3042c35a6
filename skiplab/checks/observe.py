"""Ask a student's network a challenge, and write down what it does.

This is the half of a check that runs where the student's code runs. It knows nothing of the
right answer; what it returns is plain data, for `judge` to look at wherever that is.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import linecache
import logging
import random
import re
import sysconfig
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch._C._functorch import is_functorch_wrapped_tensor

from skiplab.checks.challenge import (
    GIVEN,
    Arguments,
    Batch,
    Challenge,
    Tracing,
    TrainingChallenge,
    Trial,
    Weights,
    construct,
    find_module,
    find_parameter,
    load_weights,
)
from skiplab.lesson.tracing import TracingError, Wiring, trace_wiring
from skiplab.lesson.training import train_model

# Code that is none of the student's.
LIBRARIES = (
    str(Path(torch.__file__).parent),
    str(Path(__file__).parents[1]),
    *(sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")),
    "<frozen ",
)
# How much larger the weights are in a call that tells whether the output follows them.
LARGER = 4


@dataclass
class Problem:
    """An exception in the student's code.

    Attributes:
        phase: "build", "forward", "backward" or "train".
        kind: the exception's class name.
        message: its text, shortened.
        line: the number of the student's line it came from, 0 if unknown.
        code: the text of that line.
    """

    phase: str
    kind: str
    message: str
    line: int = 0
    code: str = ""


@dataclass
class Run:
    """What one call of `forward` gave.

    Attributes:
        trial: index of the trial.
        call: what was done: a batch's index and a mode, as in "1 train" or "0 eval again"; in
            "1 eval larger" and "1 train at 0" the weights were others.
        problem: the exception, if there was one.
        returned: class name of what was returned, "Tensor" if all is well.
        output: the tensor returned, if it was one.
        attached: whether the output carries a graph for gradients.
        input_changed: whether the call changed its input.
        input_after: what the input is after the call, if it changed.
        weights_changed: the parameters that the call changed, or put others in the place of.
        buffers: buffer name -> values after the call, of those that the trial gives values to.
        gradients: "X" and parameter name -> gradient, None where none arrived; the dictionary is
            None where gradients were not asked for or could not be.
    """

    trial: int
    call: str
    problem: Problem | None = None
    returned: str = ""
    output: Tensor | None = None
    attached: bool = False
    input_changed: bool = False
    input_after: Tensor | None = None
    weights_changed: list[str] = field(default_factory=list)
    buffers: dict[str, Tensor] = field(default_factory=dict)
    gradients: dict[str, Tensor | None] | None = None


@dataclass
class WiringObservation:
    """All that was seen of a network under a challenge.

    Attributes:
        problem: what kept the class from being built at all.
        missing: parameters the network should have and has not, or in another shape, or has and
            should not have, as text; in the first of the trials `missing_in`.
        missing_in: the trials in which there are such.
        runs: the calls of `forward`.
        layer_inputs: layer -> what it was called with in turn, in one call of `forward`.
        extra_used: parameters that the exercise does not have and the output depends on, in the
            first trial in which there are any.
        starts: parameter -> its value in a new network, for each trial; of those parameters that
            are single numbers.
    """

    problem: Problem | None = None
    missing: list[str] = field(default_factory=list)
    missing_in: list[int] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    layer_inputs: dict[str, list[Tensor]] = field(default_factory=dict)
    extra_used: list[str] = field(default_factory=list)
    starts: dict[str, list[float]] = field(default_factory=dict)


@dataclass
class TrainingObservation:
    """What training gave.

    Attributes:
        problem: the exception, if there was one.
        losses: the loss of every epoch.
        weights: the parameters after training.
    """

    problem: Problem | None = None
    losses: list[float] = field(default_factory=list)
    weights: Weights = field(default_factory=dict)


@dataclass
class TracingObservation:
    """How networks are wired.

    Attributes:
        problem: what kept them from being traced at all.
        wirings: one for each network, or a sentence that says why there is none.
    """

    problem: Problem | None = None
    wirings: list[Wiring | str] = field(default_factory=list)


def describe_problem(error: BaseException, phase: str) -> Problem:
    """Turn an exception into plain data that points at the student's own line."""
    line, code = 0, ""
    for frame in traceback.extract_tb(error.__traceback__):
        if not frame.filename.startswith(LIBRARIES):
            line = frame.lineno or 0
            code = (frame.line or linecache.getline(frame.filename, line)).strip()
    return Problem(phase, type(error).__name__, str(error)[:400], line, code[:200])


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Run student code with its prints and warnings kept aside and all global state restored.

    A print or a warning is no mistake, but nbgrader takes anything on stderr for a failure.
    One thread is enough for networks this small, and two of them on a busy machine wait for each
    other far longer than they compute.
    """
    threads, level = torch.get_num_threads(), logging.root.manager.disable
    numpy_state, python_state = np.random.get_state(), random.getstate()
    torch.set_num_threads(1)
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
            torch.random.fork_rng(devices=[]),
            torch.inference_mode(False),
            torch.autocast("cpu", enabled=False),
            torch.enable_grad(),
        ):
            warnings.simplefilter("ignore")
            logging.disable()  # a handler may hold on to the real stderr
            yield
    finally:
        logging.disable(level)
        torch.set_num_threads(threads)
        np.random.set_state(numpy_state)
        random.setstate(python_state)


def _build(network: Callable[..., nn.Module], arguments: Arguments) -> nn.Module:
    """Build the student's network on the CPU in float32, whatever defaults are set."""
    return _build_and_tell(network, arguments)[0]


@contextlib.contextmanager
def _unset_is_nan() -> Iterator[None]:
    """Fill new memory with NaN: `torch.empty` is 0 by chance only, and often enough."""
    before = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    fills = torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warns)
        torch.utils.deterministic.fill_uninitialized_memory = fills


def _build_and_tell(
    network: Callable[..., nn.Module], arguments: Arguments
) -> tuple[nn.Module, dict[str, torch.dtype]]:
    """Build it, and tell which of its parameters were not made in the type of the session."""
    with _unset_is_nan():
        model = construct(network, arguments)
    if not isinstance(model, nn.Module):
        raise TypeError(f"expected an nn.Module, got {type(model).__name__}")
    usual = torch.get_default_dtype()
    kinds = {name: each.dtype for name, each in model.named_parameters() if each.dtype != usual}
    return model.to(device="cpu", dtype=torch.float32), kinds


def _missing_parameters(model: nn.Module, trial: Trial) -> list[str]:
    """List the parameters and buffers that are absent, of another shape, or of the wrong block."""
    missing = []
    weights, buffers = trial.weights, trial.buffers
    parameters = _parameters(model, weights)
    for name, values in weights.items():
        if name not in parameters:
            missing.append(_in_place_of(model, name))
            continue
        if isinstance(parameters[name], nn.parameter.UninitializedParameter):
            missing.append(f"{name} has no shape before the first call{_layer_kind(model, name)}")
            continue
        shape = tuple(_shaped(parameters[name], values).shape)
        if shape != tuple(values.shape):
            wanted = tuple(values.shape) if values.dim() else "of one number"
            missing.append(f"{name} has shape {shape}, not {wanted}{_layer_kind(model, name)}")
        elif not parameters[name].requires_grad:
            missing.append(f"{name} is not trained: its requires_grad is off")
    held = dict(model.named_buffers(remove_duplicate=False))
    for name, values in buffers.items():
        if held.get(name) is None:
            missing.append(f"{name} is not there")
        elif held[name].shape != values.shape:
            missing.append(f"{name} has shape {tuple(held[name].shape)}, not {tuple(values.shape)}")
    if not missing:
        missing = _other_blocks(model, trial)
    if not missing:
        names: dict[int, str] = {}
        for name in weights:
            first = names.setdefault(parameters[name].data_ptr(), name)
            if first != name:
                missing.append(f"{name} is the same as {first}")
    return list(dict.fromkeys(missing))


def _surplus_parameters(model: nn.Module, trial: Trial, layers: set[str]) -> list[str]:
    """List the parameters of layers that the exercise has in other sizes, and not in this one.

    Args:
        model: the network.
        trial: the size.
        layers: the layers that have parameters in any size.
    """
    surplus = layers - _layers(trial)
    return [
        f"{name} is there, and should not be"
        for name, _ in model.named_parameters(remove_duplicate=False)
        if name.partition(".")[0] in surplus
    ]


def _layers(trial: Trial) -> set[str]:
    """Name the layers that have parameters."""
    return {name.partition(".")[0] for name in trial.weights}


def _other_blocks(model: nn.Module, trial: Trial) -> list[str]:
    """List the blocks that are not of the class that the network was given for them."""
    given = [GIVEN[value] for value in trial.arguments.values() if isinstance(value, str)]
    paths = dict.fromkeys(
        match[1] for name in trial.weights if (match := re.match(r"(.*?\.\d+)\.", name))
    )
    return [
        f"{path} is of type {type(block).__name__}, not the {kind.__name__} that was given"
        for kind in given
        for path in paths
        if not isinstance(block := find_module(model, path), kind)
    ]


def _in_place_of(model: nn.Module, name: str) -> str:
    """Say what there is where a parameter should be."""
    found: Any = model
    of_class = False
    parts = name.split(".")
    for number, part in enumerate(parts):
        path = ".".join(parts[:number])
        if not isinstance(found, nn.Module) and not _is_registered(found, model):
            return f"{path} is of type {_kind(found)}, which registers no layers"
        if part.isdigit() and not isinstance(found, nn.ModuleList | nn.Sequential):
            return f"{path} is of type {_kind(found)}, not nn.ModuleList or nn.Sequential"
        inside = find_module(found, part) if part.isdigit() else getattr(found, part, None)
        if inside is None and (part.isdigit() or not hasattr(found, part)):
            if path and not part.isdigit():
                return f"{name} is not there: {path} is of type {_kind(found)}"
            # A layer is missed by its weight, what holds it by name.
            more = f", nor {'.'.join(parts[: number + 1])}" if number < len(parts) - 2 else ""
            return f"{name} is not there{more}"
        given = inspect.getattr_static(type(found), part, None)
        of_class = of_class or isinstance(given, nn.Module | nn.Parameter)
        found = inside
    if not isinstance(found, nn.Parameter):
        return f"{name} is of type {_kind(found)}, not nn.Parameter"
    if of_class:
        return f"{name} belongs to the class, not to each {type(model).__name__} made of it"
    return f"{name} is not registered: parameters() does not have it under this name"


def _is_registered(found: object, model: nn.Module) -> bool:
    """Whether a plain list, or the like, holds layers that the network knows all the same."""
    inside = found.values() if isinstance(found, dict) else found
    if not isinstance(found, list | tuple | set | dict):
        return False
    layers = [layer for layer in inside if isinstance(layer, nn.Module)]
    known = {id(parameter) for parameter in model.parameters()}
    return bool(layers) and all(
        id(parameter) in known for layer in layers for parameter in layer.parameters()
    )


def _layer_kind(model: nn.Module, name: str) -> str:
    """Say of what type the layer of a parameter is; nothing of one that belongs to no layer."""
    path = name.rpartition(".")[0]
    return f": {path} is of type {type(find_module(model, path)).__name__}" if path else ""


def _kind(found: object) -> str:
    """Name the type of something, and of the modules that it holds."""
    kind = type(found).__name__
    if not isinstance(found, nn.Module):
        return kind
    inside = ", ".join(type(child).__name__ for child in found.children())
    return kind + (f" of {inside}" if inside else "")


def _shaped(tensor: Tensor, values: Tensor) -> Tensor:
    """A parameter or its gradient; one that is to be a single number may have any shape."""
    return tensor.reshape(()) if values.dim() == 0 and tensor.numel() == 1 else tensor


def _shared_parameters(model: nn.Module, other: nn.Module, weights: Weights) -> list[str]:
    """List the parameters that two networks, each made on its own, have in common."""
    mine, others = _parameters(model, weights), _parameters(other, weights)
    return [
        f"{name} is one and the same in every {type(model).__name__}"
        for name in weights
        if name in others and mine[name].data_ptr() == others[name].data_ptr()
    ]


def _of_another_type(
    network: Callable[..., nn.Module], trial: Trial, kinds: dict[str, torch.dtype]
) -> list[str]:
    """List the parameters whose type of numbers keeps the network from its work.

    A network is looked at in float32. One that has been made in another type need not be right
    where others are in the type of the session.

    Args:
        network: the student's class.
        trial: a trial.
        kinds: the parameters that are of another type than the session's.
    """
    if not kinds:
        return []
    usual = torch.get_default_dtype()
    try:
        with torch.no_grad():
            output = construct(network, trial.arguments)(trial.batches[0].X.to(usual, copy=True))
        if not isinstance(output, Tensor) or output.dtype == usual:
            return []
    except KeyboardInterrupt:
        raise
    except BaseException:
        pass  # a layer of one type refuses numbers of another
    return [
        f"{name} holds {kind} numbers, not {usual}".replace("torch.", "")
        for name, kind in kinds.items()
    ]


def _parameters(model: nn.Module, weights: Weights) -> dict[str, nn.Parameter]:
    """Find the parameters of the exercise that a network has at the moment."""
    found = {name: find_parameter(model, name) for name in weights}
    return {name: parameter for name, parameter in found.items() if parameter is not None}


def _extra_parameters(model: nn.Module, weights: Weights) -> dict[str, nn.Parameter]:
    """Find learnable parameters beyond those of the exercise, layers with a second name apart."""
    parameters = dict(model.named_parameters(remove_duplicate=False))
    if parameters.keys() == weights.keys():
        return {}
    known = {id(parameter) for parameter in _parameters(model, weights).values()}
    extra = {}
    for name, parameter in parameters.items():
        if id(parameter) not in known:
            known.add(id(parameter))
            extra[name] = parameter
    return {
        name: parameter
        for name, parameter in extra.items()
        if parameter.requires_grad
        and not isinstance(parameter, nn.parameter.UninitializedParameter)
    }


def _randomise_extra(
    model: nn.Module, weights: Weights, done: set[int], generator: torch.Generator
) -> bool:
    """Give parameters beyond the exercise's random values: where they are used, it will show.

    Returns:
        Whether there were any that had none.
    """
    extra = _extra_parameters(model, weights).values()
    new = [parameter for parameter in extra if id(parameter) not in done]
    with torch.no_grad():
        for parameter in new:
            parameter.uniform_(-1, 1, generator=generator)
            done.add(id(parameter))
    return bool(new)


def _changed_weights(
    model: nn.Module, weights: Weights, made: dict[str, nn.Parameter]
) -> list[str]:
    """List the parameters whose values are not those given, or that are not those once made.

    An optimizer goes on with the parameters that it was given: it never hears of new ones.
    """
    parameters = _parameters(model, weights)
    return [
        name
        for name, values in weights.items()
        if name not in parameters
        or parameters[name] is not made[name]
        or not torch.equal(_shaped(parameters[name], values), values)
    ]


def _call(
    model: nn.Module,
    run: Run,
    X: Tensor,
    given: Tensor,
    trial: Trial,
    made: dict[str, nn.Parameter],
    intact: bool = False,
) -> Tensor | None:
    """Call the network once, fill in the run, and return the live output.

    Args:
        model: the network.
        run: what to fill in.
        X: the input, a copy of `given`.
        given: what the input should still be after the call.
        trial: what the weights should be, before the call and after it, and the buffers before it.
        made: the parameters that the network was made with.
        intact: whether the weights are known to be those, so that nobody need look.
    """
    try:
        # Compared rather than copied: nearly always they are still there from the call before.
        changed = not intact and _changed_weights(model, trial.weights, made)
        load_weights(model, trial.weights if changed else {}, trial.buffers)
        output = model(X)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        run.problem = describe_problem(error, "forward")
        return None
    run.returned = "Tensor" if isinstance(output, Tensor) else type(output).__name__
    run.input_changed = X.shape != given.shape or not torch.equal(X.detach(), given)
    if run.input_changed:
        run.input_after = X.detach().clone()
    run.weights_changed = _changed_weights(model, trial.weights, made)
    if trial.buffers:
        held = dict(model.named_buffers(remove_duplicate=False))
        found = {name: held.get(name) for name in trial.buffers}
        run.buffers = {name: one.detach().clone() for name, one in found.items() if one is not None}
    if not isinstance(output, Tensor):
        return None
    if output.layout != torch.strided or output.is_quantized or output.device.type != "cpu":
        run.returned = f"{output.type()} of another kind"
        return None
    run.output = output.detach().clone()
    run.attached = output.requires_grad
    return output


def _pull_back(
    model: nn.Module, run: Run, output: Tensor, X: Tensor, batch: Batch, weights: Weights
) -> list[str]:
    """Send the upstream gradient back, as training does, and note what arrives where.

    Returns:
        The parameters beyond the exercise's that got a gradient.
    """
    if output.requires_grad:
        if output.shape != batch.upstream.shape or not output.is_floating_point():
            return []
        try:
            # A copy: a hook of the student's is given this very tensor, and may change it.
            output.backward(batch.upstream.to(output.dtype, copy=True))
        except Exception as error:
            run.problem = describe_problem(error, "backward")
            return []
    parameters = _parameters(model, weights)
    tensors = {"X": X} | {name: parameters.get(name) for name in weights}
    run.gradients = {
        name: None
        if tensor is None or tensor.grad is None
        else _shaped(tensor.grad.detach().clone(), weights.get(name, X))
        for name, tensor in tensors.items()
    }
    return [
        name
        for name, parameter in _extra_parameters(model, weights).items()
        if parameter.grad is not None and bool(parameter.grad.abs().max() > 0)
    ]


def _observe_trial(
    network: Callable[..., nn.Module],
    index: int,
    trial: Trial,
    layers: set[str],
    seeds: tuple[int, int],
    seen: WiringObservation,
) -> None:
    """Run one trial and add what was seen to the observation."""
    model, kinds = _build_and_tell(network, trial.arguments)
    missing = _missing_parameters(model, trial) + _surplus_parameters(model, trial, layers)
    missing = missing or _of_another_type(network, trial, kinds)
    if index == 0 and not missing:
        other = _build(network, trial.arguments)
        missing = _shared_parameters(model, other, trial.weights)
    if missing:
        seen.missing = seen.missing or missing
        seen.missing_in.append(index)
    if seen.missing:
        return
    for name, values in trial.weights.items():
        if values.dim() == 0:
            start = float(find_parameter(model, name).detach())
            seen.starts.setdefault(name, []).append(start)
    made = _parameters(model, trial.weights)
    randomised: set[int] = set()
    generator = torch.Generator().manual_seed(seeds[0])
    _randomise_extra(model, trial.weights, randomised, generator)
    # Whether nothing of the student's has run since the weights were last looked at.
    intact = False
    plain = all(
        (type(module).train, type(module).zero_grad) == (nn.Module.train, nn.Module.zero_grad)
        for module in model.modules()
    )
    extra_used: list[str] = []

    def call(
        number: int, how: str, seed: int, X: Tensor | None = None, weights: Weights | None = None
    ) -> tuple[Run, Tensor | None]:
        nonlocal intact
        torch.default_generator.manual_seed(seed)
        run = Run(index, f"{number} {how}")
        given = trial.batches[number].X
        X = given.clone() if X is None else X
        asked = trial if weights is None else replace(trial, weights=weights)
        output = _call(model, run, X, given, asked, made, intact and weights is None)
        intact = plain and weights is None and not (run.problem or run.weights_changed)
        seen.runs.append(run)
        return run, output

    def call_and_pull_back(number: int, how: str, seed: int, weights: Weights | None) -> None:
        nonlocal intact
        leaf = trial.batches[number].X.clone().requires_grad_()
        model.zero_grad(set_to_none=True)
        # Not a leaf, so that changing it in place is possible, as it is in the plain call.
        run, output = call(number, how, seed, leaf.clone(), weights)
        intact = False  # the gradient may run hooks of the student's
        if output is not None:
            used = _pull_back(model, run, output, leaf, trial.batches[number], trial.weights)
            extra_used.extend(name for name in used if name not in extra_used)

    # The seeds tell random numbers from memory: the second and the third call share one.
    first, second = seeds
    for number in range(len(trial.batches)):
        for mode in ("train", "eval"):
            model.train(mode == "train")
            call(number, mode, first)
            # Some may have been made only now, in forward.
            if _randomise_extra(model, trial.weights, randomised, generator):
                intact = False  # they may share memory with the weights
            call_and_pull_back(number, f"{mode} again", second, None)
        with torch.no_grad():
            call(number, "no_grad", second)
    # Weights change, in training: what was kept of an earlier call does not.
    larger = {name: LARGER * values for name, values in trial.weights.items()}
    with torch.no_grad():
        call(1, "eval larger", second, weights=larger)
    zeroed = {name: values * (values.dim() > 0) for name, values in trial.weights.items()}
    if any(values.dim() == 0 for values in zeroed.values()):
        model.train()
        call_and_pull_back(1, "train at 0", second, zeroed)
    seen.extra_used = seen.extra_used or extra_used
    if index > 0:
        return
    # Many calls, with inputs that take turns: for what happens only sometimes, or only later.
    # Some without gradients, as whoever only wants the loss does, in train mode, too.
    # All in one tensor: who knows it again by its identity does not know what is in it.
    X = trial.batches[1].X.clone()
    for turn in range(0 if any(run.problem for run in seen.runs) else 20):
        for mode in ("train", "eval"):
            model.train(mode == "train")
            number = 1 + turn % 2
            with torch.set_grad_enabled(turn % 4 < 2):
                how = "" if torch.is_grad_enabled() else " no_grad"
                given = X.copy_(trial.batches[number].X)
                call(number, f"{mode} turn {turn}{how}", first + turn, given)
    seen.layer_inputs = _layer_inputs(model, trial, made)


def _layer_inputs(
    model: nn.Module, trial: Trial, made: dict[str, nn.Parameter]
) -> dict[str, list[Tensor]]:
    """Call the network once more, in eval mode, and note what each layer is called with.

    A layer whose weights are used without calling it, as in `X @ self.layer_1.weight.T`, leaves
    no trace; the list is then empty. Within `torch.vmap` a tensor stands for many and holds no
    numbers of its own: nothing can be told then, and there are no lists at all.
    """
    layers = dict.fromkeys(name.rpartition(".")[0] for name in trial.weights if "." in name)
    inputs: dict[str, list[Tensor]] = {name: [] for name in layers}

    is_telling = True

    def note(name: str, arguments: tuple[Any, ...]) -> None:
        nonlocal is_telling
        given = next((each for each in arguments if isinstance(each, Tensor)), None)
        if given is not None and is_functorch_wrapped_tensor(given):
            is_telling = False
        elif given is not None and len(inputs[name]) < 10:
            inputs[name].append(given.detach().clone())

    hooks = [
        layer.register_forward_pre_hook(
            lambda _, arguments, named, name=name: note(name, (*arguments, *named.values())),
            with_kwargs=True,
        )
        for name in layers
        if (layer := find_module(model, name)) is not None
    ]
    given = trial.batches[1].X
    model.eval()
    _call(model, Run(0, "trace"), given.clone(), given, trial, made)
    for hook in hooks:
        hook.remove()
    return inputs if is_telling else {}


def _seeds(challenge: Challenge) -> tuple[int, int]:
    """Two seeds for PyTorch's generator that nobody who does not know the challenge knows."""
    generator = torch.Generator().manual_seed(challenge.seed)
    first, second = torch.randint(2**31, (2,), generator=generator).tolist()
    return first, second


def glance(network: Callable[..., nn.Module], challenge: Challenge) -> Run:
    """Call a network of the course once: the cheapest look that tells most of them apart.

    To be called within `quiet`.

    Returns:
        The same as the first trial's run "1 train" of `observe_wiring`.
    """
    trial = challenge.trials[0]
    run = Run(0, "1 train")
    seed = _seeds(challenge)[0]
    try:
        model = _build(network, trial.arguments)
    except Exception as error:
        run.problem = describe_problem(error, "build")
        return run
    _randomise_extra(model, trial.weights, set(), torch.Generator().manual_seed(seed))
    torch.default_generator.manual_seed(seed)
    given = trial.batches[1].X
    made = _parameters(model, trial.weights)
    _call(model, run, given.clone(), given, trial, made)
    return run


def observe_wiring(network: Any, challenge: Challenge) -> WiringObservation:  # noqa: ANN401
    """Ask a network class a challenge.

    Each batch of each trial is fed twice in train mode, twice in eval mode and once without
    gradients; the second time the upstream gradient is sent back. One more call has larger
    weights, and one, where there are parameters that are single numbers, has these at 0. In the
    first trial forty more calls follow.

    Args:
        network: what the student's name stands for; it should be a class.
        challenge: the question.

    Returns:
        What was seen, as plain data. Exceptions of the student's code are part of it.
    """
    seen = WiringObservation()
    if not callable(network) or isinstance(network, nn.Module):
        seen.problem = Problem("build", "NotAClass", f"a {type(network).__name__} object")
        return seen
    layers = set().union(*map(_layers, challenge.trials))
    with quiet():
        for index, trial in enumerate(challenge.trials):
            try:
                _observe_trial(network, index, trial, layers, _seeds(challenge), seen)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                seen.problem = describe_problem(error, "build")
            if seen.problem:
                break
    return seen


def observe_training(network: Any, challenge: TrainingChallenge) -> TrainingObservation:  # noqa: ANN401
    """Train a network class from given weights with the course's own `train_model`.

    Args:
        network: the student's class.
        challenge: data, initial weights and settings.

    Returns:
        Losses and final weights, as plain data.
    """
    seen = TrainingObservation()
    with quiet():
        try:
            model = _build(network, challenge.arguments)
            load_weights(model, challenge.weights)
            optimizer = torch.optim.SGD(model.parameters(), lr=challenge.learning_rate)
            X, y = (part.clone() for part in challenge.data)  # the network may change its input
            seen.losses = train_model(model, challenge.epochs, X, y, nn.MSELoss(), optimizer, 0)
            trained = _parameters(model, challenge.weights)
            seen.weights = {name: each.detach().clone() for name, each in trained.items()}
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            seen.problem = describe_problem(error, "train")
    return seen


def observe_tracing(network: Any, challenge: Tracing) -> TracingObservation:  # noqa: ANN401
    """Trace networks of a class.

    Args:
        network: what the student's name stands for; it should be a class.
        challenge: of which sizes.

    Returns:
        How they are wired, as plain data.
    """
    seen = TracingObservation()
    with quiet():
        for arguments, shape in zip(challenge.sizes, challenge.shapes, strict=True):
            try:
                seen.wirings.append(trace_wiring(_build(network, arguments), shape))
            except TracingError as error:
                seen.wirings.append(str(error))
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                seen.problem = describe_problem(error, "build")
                break
    return seen
