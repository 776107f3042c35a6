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
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skiplab.checks.challenge import (
    Arguments,
    Batch,
    Challenge,
    Tracing,
    TrainingChallenge,
    Trial,
    Weights,
    construct,
    load_weights,
)
from skiplab.lesson.tracing import TracingError, Wiring, trace_wiring
from skiplab.lesson.training import train_model

LIBRARIES = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]))


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
        call: what was done: a batch's index and a mode, as in "1 train" or "0 eval again".
        problem: the exception, if there was one.
        returned: class name of what was returned, "Tensor" if all is well.
        output: the tensor returned, if it was one.
        attached: whether the output carries a graph for gradients.
        input_changed: whether the call changed its input.
        input_after: what the input is after the call, if it changed.
        weights_changed: the parameters that the call changed.
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
        extra_used: parameters that the exercise does not have and the output depends on.
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
    other far longer than they compute. New layers are float32, whatever a cell above has set.
    """
    threads, level = torch.get_num_threads(), logging.root.manager.disable
    dtype = torch.get_default_dtype()
    numpy_state, python_state = np.random.get_state(), random.getstate()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
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
        torch.set_default_dtype(dtype)
        np.random.set_state(numpy_state)
        random.setstate(python_state)


def _build(network: Callable[..., nn.Module], arguments: Arguments) -> nn.Module:
    """Build the student's network on the CPU, whatever defaults are set."""
    model = construct(network, arguments)
    if not isinstance(model, nn.Module):
        raise TypeError(f"expected an nn.Module, got {type(model).__name__}")
    return model.to(device="cpu")


def _missing_parameters(model: nn.Module, weights: Weights, buffers: Weights) -> list[str]:
    """List the parameters and buffers that are absent or of another shape."""
    missing = []
    parameters = _parameters(model)
    for name, values in weights.items():
        if name not in parameters:
            missing.append(_in_place_of(model, name))
            continue
        if isinstance(parameters[name], nn.parameter.UninitializedParameter):
            missing.append(f"{name} has no shape before the first call{_kind(model, name)}")
            continue
        shape = tuple(_shaped(parameters[name], values).shape)
        if shape != tuple(values.shape):
            wanted = tuple(values.shape) if values.dim() else "of one number"
            missing.append(f"{name} has shape {shape}, not {wanted}{_kind(model, name)}")
        elif parameters[name].dtype != values.dtype:
            kind = str(parameters[name].dtype).removeprefix("torch.")
            missing.append(f"{name} is of {kind}, not float32")
        elif not parameters[name].requires_grad:
            missing.append(f"{name} is not trained: its requires_grad is off")
    held = dict(model.named_buffers(remove_duplicate=False))
    for name, values in buffers.items():
        if held.get(name) is None:
            missing.append(f"{name} is not there")
        elif held[name].shape != values.shape:
            missing.append(f"{name} has shape {tuple(held[name].shape)}, not {tuple(values.shape)}")
    if not missing:
        names: dict[int, str] = {}
        for name in weights:
            first = names.setdefault(id(parameters[name]), name)
            if first != name:
                missing.append(f"{name} is the same as {first}")
    return list(dict.fromkeys(missing))


def _kind(model: nn.Module, name: str) -> str:
    """Say of what type the layer of a parameter is; nothing of one that belongs to no layer."""
    layer = name.rpartition(".")[0]
    return f": {layer} is of type {type(model.get_submodule(layer)).__name__}" if layer else ""


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
        for name in _parameters(model)
        if name.partition(".")[0] in surplus
    ]


def _layers(trial: Trial) -> set[str]:
    """Name the layers that have parameters."""
    return {name.partition(".")[0] for name in trial.weights}


def _in_place_of(model: nn.Module, name: str) -> str:
    """Say what there is where a parameter should be."""
    found: Any = model
    parts = name.split(".")
    for number, part in enumerate(parts, start=1):
        if isinstance(found, nn.Module) and not hasattr(found, part):
            more = number < len(parts) - 1  # a layer is missed by its weight, what holds it by name
            if number == len(parts) > 1:
                inside = ", ".join(type(child).__name__ for child in found.children())
                kind = type(found).__name__ + (f" of {inside}" if inside else "")
                return f"{name} is not there: {'.'.join(parts[:-1])} is of type {kind}"
            return f"{name} is not there" + (f", nor {'.'.join(parts[:number])}" if more else "")
        holder, found = found, getattr(found, part)
        # One that belongs to the class itself is told below.
        is_own = inspect.getattr_static(type(holder), part, None) is not found
        if isinstance(found, nn.Module) and is_own and part not in holder._modules:
            return f"{'.'.join(parts[:number])} is there, and is not registered as a layer"
        if number < len(parts) and not isinstance(found, nn.Module):
            path, kind = ".".join(parts[:number]), type(found).__name__
            return f"{path} is of type {kind}, which registers no layers"
    if isinstance(found, nn.Parameter):
        return f"{name} belongs to the class, not to each {type(model).__name__} made of it"
    return f"{name} is of type {type(found).__name__}, not nn.Parameter"


def _shaped(tensor: Tensor, values: Tensor) -> Tensor:
    """A parameter or its gradient; one that is to be a single number may have any shape."""
    return tensor.reshape(()) if values.dim() == 0 and tensor.numel() == 1 else tensor


def _shared_parameters(model: nn.Module, other: nn.Module, weights: Weights) -> list[str]:
    """List the parameters that two networks, each made on its own, have in common."""
    mine, others = _parameters(model), _parameters(other)
    return [
        f"{name} is one and the same in every {type(model).__name__}"
        for name in weights
        if mine[name] is others.get(name)
    ]


def _parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Find all parameters a network has at the moment, those with two names under both."""
    return dict(model.named_parameters(remove_duplicate=False))


def _extra_parameters(
    parameters: dict[str, nn.Parameter], weights: Weights
) -> dict[str, nn.Parameter]:
    """Find learnable parameters beyond those of the exercise, layers with a second name apart."""
    if parameters.keys() == weights.keys():
        return {}
    known = {id(parameters.get(name)) for name in weights}
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
    extra = _extra_parameters(_parameters(model), weights).values()
    new = [parameter for parameter in extra if id(parameter) not in done]
    with torch.no_grad():
        for parameter in new:
            parameter.uniform_(-1, 1, generator=generator)
            done.add(id(parameter))
    return bool(new)


def _changed_weights(model: nn.Module, weights: Weights) -> list[str]:
    """List the parameters whose values are not those given."""
    parameters = _parameters(model)
    return [
        name
        for name, values in weights.items()
        if name not in parameters or not torch.equal(_shaped(parameters[name], values), values)
    ]


def _call(
    model: nn.Module, run: Run, X: Tensor, given: Tensor, trial: Trial, intact: bool = False
) -> Tensor | None:
    """Call the network once, fill in the run, and return the live output.

    Args:
        model: the network.
        run: what to fill in.
        X: the input, a copy of `given`.
        given: what the input should still be after the call.
        trial: what the weights should be, before the call and after it, and the buffers before it.
        intact: whether the weights are known to be those, so that nobody need look.
    """
    try:
        # Compared rather than copied: nearly always they are still there from the call before.
        changed = not intact and _changed_weights(model, trial.weights)
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
    run.weights_changed = _changed_weights(model, trial.weights)
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
    parameters = _parameters(model)
    tensors = {"X": X} | {name: parameters.get(name) for name in weights}
    run.gradients = {
        name: None
        if tensor is None or tensor.grad is None
        else _shaped(tensor.grad.detach().clone(), weights.get(name, X))
        for name, tensor in tensors.items()
    }
    return [
        name
        for name, parameter in _extra_parameters(parameters, weights).items()
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
    model = _build(network, trial.arguments)
    missing = _missing_parameters(model, trial.weights, trial.buffers)
    missing += _surplus_parameters(model, trial, layers)
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
            start = float(model.get_parameter(name).detach())
            seen.starts.setdefault(name, []).append(start)
    randomised: set[int] = set()
    generator = torch.Generator().manual_seed(seeds[0])
    _randomise_extra(model, trial.weights, randomised, generator)
    # Whether nothing of the student's has run since the weights were last looked at.
    intact = False
    plain = all(
        (type(module).train, type(module).zero_grad) == (nn.Module.train, nn.Module.zero_grad)
        for module in model.modules()
    )

    def call(
        number: int, how: str, seed: int, X: Tensor | None = None
    ) -> tuple[Run, Tensor | None]:
        nonlocal intact
        torch.default_generator.manual_seed(seed)
        run = Run(index, f"{number} {how}")
        given = trial.batches[number].X
        X = given.clone() if X is None else X
        output = _call(model, run, X, given, trial, intact)
        intact = plain and not (run.problem or run.weights_changed)
        seen.runs.append(run)
        return run, output

    # The seeds tell random numbers from memory: the second and the third call share one.
    first, second = seeds
    for number, batch in enumerate(trial.batches):
        for mode in ("train", "eval"):
            model.train(mode == "train")
            call(number, mode, first)
            # Some may have been made only now, in forward.
            if _randomise_extra(model, trial.weights, randomised, generator):
                intact = False  # they may share memory with the weights

            leaf = batch.X.clone().requires_grad_()
            model.zero_grad(set_to_none=True)
            # Not a leaf, so that changing it in place is possible, as it is in the plain call.
            run, output = call(number, f"{mode} again", second, leaf.clone())
            intact = False  # the gradient may run hooks of the student's
            if output is not None:
                for name in _pull_back(model, run, output, leaf, batch, trial.weights):
                    if name not in seen.extra_used:
                        seen.extra_used.append(name)
        with torch.no_grad():
            call(number, "no_grad", second)
    if index > 0:
        return
    if not any(run.problem for run in seen.runs):
        # Many calls, with inputs that take turns: for what happens only sometimes, or only later.
        # Some without gradients, as whoever only wants the loss does, in train mode, too.
        for turn in range(20):
            for mode in ("train", "eval"):
                model.train(mode == "train")
                number = 1 + turn % 2
                with torch.set_grad_enabled(turn % 4 < 2):
                    how = "" if torch.is_grad_enabled() else " no_grad"
                    call(number, f"{mode} turn {turn}{how}", first + turn)
    model.eval()
    seen.layer_inputs = _layer_inputs(model, trial)


def _layer_inputs(model: nn.Module, trial: Trial) -> dict[str, list[Tensor]]:
    """Call the network once more, in eval mode, and note what each layer is called with.

    A layer whose weights are used without calling it, as in `X @ self.layer_1.weight.T`, leaves
    no trace; the list is then empty.
    """
    layers = dict.fromkeys(name.rpartition(".")[0] for name in trial.weights if "." in name)
    inputs: dict[str, list[Tensor]] = {name: [] for name in layers}

    def note(name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        given = [one for one in (*arguments, *keywords.values()) if isinstance(one, Tensor)]
        if len(inputs[name]) < 10 and given:
            inputs[name].append(given[0].detach().clone())

    hooks = [
        model.get_submodule(name).register_forward_pre_hook(
            lambda _, arguments, keywords, name=name: note(name, arguments, keywords),
            with_kwargs=True,
        )
        for name in layers
    ]
    given = trial.batches[1].X
    _call(model, Run(0, "trace"), given.clone(), given, trial)
    for hook in hooks:
        hook.remove()
    return inputs


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
    _call(model, run, given.clone(), given, trial)
    return run


def observe_wiring(network: Any, challenge: Challenge) -> WiringObservation:  # noqa: ANN401
    """Ask a network class a challenge.

    Each batch of each trial is fed twice in train mode, twice in eval mode and once without
    gradients; the second time the upstream gradient is sent back. In the first trial forty more
    calls follow.

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
            seen.weights = {
                name: model.get_parameter(name).detach().clone() for name in challenge.weights
            }
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
