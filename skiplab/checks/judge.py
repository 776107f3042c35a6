"""Compare what was seen of a network with what the right one does, and name the mistake.

Judging is pure: challenge and observation in, verdict out. It can run in another process than
the student's code, and gives the same verdict each time.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from skiplab.checks.challenge import Challenge, TrainingChallenge, Trial, construct, load_weights
from skiplab.checks.exercise import KEPT, Exercise, Misconception
from skiplab.checks.observe import (
    LARGER,
    Problem,
    Run,
    TrainingObservation,
    WiringObservation,
    glance,
    observe_training,
    observe_wiring,
    quiet,
)

# What a wiring is held to, in the order in which it is looked at, each with the line that says so.
WIRING = {
    "implemented": "forward is implemented",
    "builds": "the network can be made in any size, with the layers of the exercise",
    "runs": "it runs on one example and on several, in train and in eval mode",
    "returns": "it returns float32 numbers of shape {shape}",
    "pure": "it leaves its input and its weights as they are",
    "repeatable": "the same input gives the same output",
    "rows": "each example is computed on its own{in_eval}",
    "values": "the outputs are those of the wiring asked for",
    "statistics": "the normalisations keep their running statistics in train mode, and only there",
    "gradients": "every layer and the input get the right gradient",
}

# What a trained network is held to.
TRAINING = {
    "wiring": "it is wired as the exercise asks",
    "runs": "it trains from start to end",
    "course": "its loss goes the way of the right network's, epoch by epoch",
    "weights": "its weights at the end give that loss in a network known to be right",
    "falls": "its loss ends below {bound}, as the right network's does",
    "beats": "its loss ends clearly below that of {rival}, trained in the same way",
}
# Two correct networks that round differently drift apart a little over a hundred steps.
TRAINING_TOLERANCE = 0.01
CLEARLY = 0.75  # "clearly below": at most this part of the rival's loss

RELATIVE_TOLERANCE = 1e-4
ABSOLUTE_TOLERANCE = 2e-5  # in units of the largest expected number
FEW = 6  # names in one message


def _wrapped(message: str) -> str:
    """Break the long lines of a message, under the text of their first part."""
    lines = message.splitlines()
    return "\n".join(
        [
            *lines[:1],
            *(textwrap.fill(line, 76, subsequent_indent=" " * 12) for line in lines[1:]),
        ]
    )


@dataclass(frozen=True)
class Verdict:
    """What came of a check.

    Attributes:
        title: what was checked, as in "SkipNet7 wiring".
        held: property -> True (it holds), False (it does not), None (could not be looked at).
        lines: property -> the line that describes it.
        diagnosis: name of the misconception, or of the property that failed; "" if passed.
        message: for the student, several lines; the first names the mistake; "" if passed.
    """

    title: str
    held: dict[str, bool | None]
    lines: dict[str, str]
    diagnosis: str = ""
    message: str = ""

    def __post_init__(self) -> None:
        """Make the message fit a notebook's width."""
        object.__setattr__(self, "message", _wrapped(self.message))

    @property
    def passed(self) -> bool:
        """Whether every property holds."""
        return all(self.held.values())


def close(seen: Tensor | None, expected: Tensor | None) -> bool:
    """Whether two tensors hold the same numbers, up to rounding. No gradient counts as zero."""
    if seen is None and expected is None:
        return True
    if seen is None:
        seen = torch.zeros_like(expected)
    if expected is None:
        expected = torch.zeros_like(seen)
    if seen.shape != expected.shape:
        return False
    # Nearly always they are the same to the bit. Where a NaN is among them this does not say so.
    if seen.dtype == expected.dtype == torch.float32 and torch.equal(seen, expected):
        return True
    seen, expected = seen.double(), expected.double()
    finite = expected[expected.isfinite()]
    scale = float(finite.abs().max()) if finite.numel() else 0.0
    return torch.allclose(
        seen,
        expected,
        rtol=RELATIVE_TOLERANCE,
        atol=ABSOLUTE_TOLERANCE * max(scale, 1e-6),
        equal_nan=True,
    )


def _same_kind(seen: Run, expected: Run) -> bool:
    """Whether two calls ended in the same kind of result."""
    if (seen.problem is None) != (expected.problem is None):
        return False
    if seen.problem is not None and expected.problem is not None:
        return _problem_in_short(seen.problem) == _problem_in_short(expected.problem)
    if seen.returned != expected.returned or (seen.output is None) != (expected.output is None):
        return False
    return seen.output is None or (
        seen.output.dtype == expected.output.dtype and seen.output.shape == expected.output.shape
    )


def _problem_in_short(problem: Problem) -> tuple[Any, ...]:
    """What an exception has in common with another of the same cause: sizes, but not their order.

    "The size of tensor a (7) must match the size of tensor b (14)" is the same as b and a.
    """
    first = problem.message.partition("\n")[0]
    return problem.kind, problem.phase, sorted(re.findall(r"\d+", first)) or first


def _same_run(seen: Run, expected: Run, statistics: bool = False) -> bool:
    """Whether two calls did the same, numbers and gradients included.

    And running statistics, where nothing else is wrong: elsewhere they tell the order in which
    layers were called, too, which is no part of a mistake.
    """
    if not _same_kind(seen, expected):
        return False
    if seen.input_changed != expected.input_changed:
        return False
    if not close(seen.input_after, expected.input_after):
        return False
    if seen.weights_changed != expected.weights_changed or seen.attached != expected.attached:
        return False
    if seen.output is not None and not close(seen.output, expected.output):
        return False
    if statistics and _other_statistics(seen, expected):
        return False
    if (seen.gradients is None) != (expected.gradients is None):
        return False
    return seen.gradients is None or all(
        close(seen.gradients.get(name), gradient) for name, gradient in expected.gradients.items()
    )


def _other_statistics(seen: Run, expected: Run) -> list[str]:
    """Name the buffers that a call left with other values."""
    return [
        name
        for name, values in expected.buffers.items()
        if name not in seen.buffers or not close(seen.buffers[name], values)
    ]


def _same_numbers(
    seen: WiringObservation, expected: WiringObservation, statistics: bool = False
) -> bool:
    """Whether two networks, both of them made as asked, did the same in every call."""
    if expected.problem or expected.missing:
        return False
    # An exception says little of what led to it; what each layer was given says more.
    if any(run.problem for run in expected.runs) and not _same_layer_inputs(seen, expected):
        return False
    runs = {(run.trial, run.call): run for run in seen.runs}
    keys = [(run.trial, run.call) for run in expected.runs]
    return all(key in runs for key in keys) and all(
        _same_run(runs[key], run, statistics) for key, run in zip(keys, expected.runs, strict=True)
    )


def _same_layer_inputs(seen: WiringObservation, expected: WiringObservation) -> bool:
    """Whether two networks called the same layers, with the same."""
    return seen.layer_inputs.keys() == expected.layer_inputs.keys() and all(
        len(seen.layer_inputs[name]) == len(inputs)
        and all(map(close, seen.layer_inputs[name], inputs))
        for name, inputs in expected.layer_inputs.items()
    )


def _outputs(seen: WiringObservation) -> dict[tuple[int, str], Tensor]:
    return {(run.trial, run.call): run.output for run in seen.runs if run.output is not None}


def _differ(seen: WiringObservation, one: str, other: str) -> bool:
    """Whether two calls with the same input ever gave different outputs."""
    outputs = _outputs(seen)
    pairs = [
        (outputs[trial, call], outputs.get((trial, f"{call[0]} {other}")))
        for trial, call in outputs
        if call[2:] == one
    ]
    return any(b is not None and not close(a, b) for a, b in pairs)


def _rows_differ(seen: WiringObservation) -> bool:
    """Whether the first example gave another output alone than among others, in eval mode."""
    outputs = _outputs(seen)
    for (trial, call), alone in outputs.items():
        if call == "0 eval":
            together = outputs.get((trial, "1 eval"))
            if together is not None and together.dim() and not close(alone, together[:1]):
                return True
    return False


def _without_gradient(seen: WiringObservation) -> set[str]:
    """Names of the parameters, and "X", that never got any gradient in any trial that ran."""
    received: dict[str, bool] = {}
    for run in seen.runs:
        for name, gradient in (run.gradients or {}).items():
            arrived = gradient is not None and bool(gradient.abs().max() > 0)
            received[name] = received.get(name, False) or arrived
    return {name for name, arrived in received.items() if not arrived}


def _behaviour(seen: WiringObservation) -> dict[str, Any]:
    """What can be said of a network without comparing its numbers to another's."""
    return {
        "kinds": [
            (
                run.trial,
                run.call,
                run.problem and (run.problem.kind, run.problem.phase),
                run.returned,
                run.output is not None and (run.output.dtype, run.output.shape),
            )
            for run in seen.runs
        ],
        "input changed": any(run.input_changed for run in seen.runs),
        "weights changed": any(run.weights_changed for run in seen.runs),
        "attached": any(run.attached for run in seen.runs),
        "train varies": _differ(seen, "train", "train again"),
        "eval varies": _differ(seen, "eval", "eval again"),
        "varies under one seed": _differ(seen, "eval again", "no_grad"),
        "without gradient": _without_gradient(seen),
        "calls": {name: len(inputs) for name, inputs in seen.layer_inputs.items()},
    }


def _matching(
    exercise: Exercise, challenge: Challenge, seen: WiringObservation, statistics: bool
) -> Misconception | None:
    """Find the first catalogued misconception that does what was seen.

    Args:
        exercise: what was to be wired.
        challenge: the question that was asked.
        seen: the answer.
        statistics: whether the running statistics count.
    """
    last = len(challenge.trials) - 1
    seen_small = replace(seen, runs=[run for run in seen.runs if run.trial < last])
    expected = _expected(exercise, challenge.seed)
    right_small = replace(expected, runs=[run for run in expected.runs if run.trial < last])
    if _same_numbers(seen, right_small, statistics):
        return None  # it goes wrong in the lesson's own sizes alone, in which none of them is asked
    unsteady = (
        _differ(seen, "train", "train again")
        or _differ(seen, "eval", "eval again")
        or any(run.problem for run in seen.runs)
    )
    seed = challenge.seed
    for wrong in _alike_at_a_glance(exercise, seed, seen, unsteady):
        if wrong.numbers:
            if _same_numbers(seen, _seen_of(exercise, wrong, seed), statistics):
                return wrong
        elif _behaviour(seen_small) == _behaviour_of(exercise, wrong, seed, True) and _behaviour(
            seen
        ) == _behaviour_of(exercise, wrong, seed, False):
            return wrong
    return None


def _made_alike(exercise: Exercise, seed: int, seen: WiringObservation) -> Misconception | None:
    """Find the first catalogued misconception that goes wrong in the making as this one did."""
    last = len(exercise.sizes) - 1
    mine = _making(seen, last)
    for wrong in exercise.misconceptions:
        if wrong.head:
            other = _seen_of(exercise, wrong, seed)
            if _making(other, last) == mine and not _is_well_made(exercise, other, last):
                return wrong
    return None


def _making(seen: WiringObservation, trials: int) -> tuple[Any, ...]:
    """What was seen of a network before its first call, in so many trials."""
    problem = seen.problem and (seen.problem.kind, seen.problem.phase, seen.problem.message)
    starts = {name: values[:trials] for name, values in seen.starts.items()}
    return problem, seen.missing, [k for k in seen.missing_in if k < trials], starts


def _is_well_made(exercise: Exercise, seen: WiringObservation, trials: int) -> bool:
    """Whether nothing went wrong before the first call, in so many trials."""
    wanted = {name: [value] * trials for name, value in exercise.starts.items()}
    starts = {name: values[:trials] for name, values in seen.starts.items()}
    return not seen.problem and not seen.missing and starts == wanted


def _alike_at_a_glance(
    exercise: Exercise, seed: int, seen: WiringObservation, unsteady: bool
) -> list[Misconception]:
    """Find the misconceptions that do what was seen in one call. They are few."""
    mine = next(run for run in seen.runs if (run.trial, run.call) == (0, "1 train"))
    return [
        wrong
        for wrong, run in _catalogue_at_a_glance(exercise, seed)
        if (wrong.numbers or unsteady) and (_same_run if wrong.numbers else _same_kind)(mine, run)
    ]


@lru_cache(maxsize=KEPT)
def _catalogue_at_a_glance(exercise: Exercise, seed: int) -> list[tuple[Misconception, Run]]:
    """Call every misconception once."""
    challenge = exercise.draw_challenge(seed)
    with quiet():
        return [
            (wrong, glance(exercise.network(wrong.forward, wrong.after, wrong.head), challenge))
            for wrong in exercise.misconceptions
        ]


@lru_cache(maxsize=2 * KEPT)
def _seen_of(exercise: Exercise, wrong: Misconception, seed: int) -> WiringObservation:
    """Ask a misconception the challenge of this seed, but for the lesson's own sizes."""
    network = exercise.network(wrong.forward, wrong.after, wrong.head)
    return observe_wiring(network, exercise.draw_challenge(seed).small())


@lru_cache(maxsize=2 * KEPT)
def _behaviour_of(
    exercise: Exercise, wrong: Misconception, seed: int, small: bool
) -> dict[str, Any]:
    """Say how a misconception behaves in the challenge of this seed."""
    if small:
        return _behaviour(_seen_of(exercise, wrong, seed))
    network = exercise.network(wrong.forward, wrong.after, wrong.head)
    return _behaviour(observe_wiring(network, exercise.draw_challenge(seed)))


@lru_cache(maxsize=KEPT)
def _expected(exercise: Exercise, seed: int) -> WiringObservation:
    """Ask the right network the challenge of this seed."""
    return observe_wiring(exercise.network(), exercise.draw_challenge(seed))


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def _few(names: list[str]) -> str:
    """Name a few of many."""
    return ", ".join(names[:FEW]) + (", …" if len(names) > FEW else "")


def _sizes_in_words(trial: Trial) -> str:
    return ", ".join(f"{name}={value}" for name, value in trial.arguments.items())


def _call_in_words(challenge: Challenge, run: Run) -> str:
    """Say what was fed to the network in a call."""
    trial = challenge.trials[run.trial]
    sizes = _sizes_in_words(trial)
    examples = len(trial.batches[int(run.call[0])].X)
    mode = "train mode" if "train" in run.call else "eval mode"
    mode += " without gradients" if "no_grad" in run.call or _is_larger(run) else ""
    other = f", with weights {LARGER} times as large" if _is_larger(run) else ""
    if _is_at_zero(run):
        numbers = [name for name, values in trial.weights.items() if values.dim() == 0]
        other = f", with {', '.join(numbers)} at 0"
    return f"a batch of {examples} in {mode}, {sizes}{other}"


def _is_larger(run: Run) -> bool:
    """Whether the weights were larger than those of the trial."""
    return run.call.endswith(" larger")


def _is_at_zero(run: Run) -> bool:
    """Whether the parameters that are single numbers were 0."""
    return run.call.endswith(" at 0")


def _problem_in_words(problem: Problem) -> str:
    where = f" in line {problem.line}: {problem.code}" if problem.code else ""
    text = problem.message.splitlines()[0] if problem.message else "(no message)"
    return f"{problem.kind}: {text}{where}"


def _first_difference(seen: Tensor, expected: Tensor) -> str:
    """Show the first row in which two outputs differ, a few numbers of each."""
    for number, (a, b) in enumerate(zip(seen, expected, strict=True)):
        if not close(a, b):
            few = 5
            rest = " …" if b.numel() > few else ""
            return (
                f"  expected  example {number}: {_numbers(b.flatten()[:few].tolist())}{rest}\n"
                f"  seen      example {number}: {_numbers(a.flatten()[:few].tolist())}{rest}"
            )
    return ""


class _Look:
    """Look at the properties of a wiring one after the other, until one fails."""

    def __init__(
        self,
        exercise: Exercise,
        challenge: Challenge,
        seen: WiringObservation,
        expected: WiringObservation,
    ) -> None:
        self.exercise = exercise
        self.challenge = challenge
        self.seen = seen
        self.expected = {(run.trial, run.call): run for run in expected.runs}
        self.layer_inputs = expected.layer_inputs

    def implemented(self) -> str:
        name = self.exercise.name
        problems = [self.seen.problem, *(run.problem for run in self.seen.runs)]
        for problem in problems:
            if problem is None or problem.kind != "NotImplementedError":
                continue
            if 'missing the required "forward"' in problem.message:
                if f"[{name}]" not in problem.message:
                    continue  # of another module, such as an nn.ModuleList that is called
                return (
                    f"{name} has no forward.\n"
                    "  where     the line `def forward(self, X):`: its spelling, and its "
                    "indentation, which is that of __init__."
                )
            where = "__init__" if problem.phase == "build" else "forward"
            # The stub raises it bare; PyTorch's own say what is not implemented.
            if problem.phase != "backward" and (
                problem.code.startswith("raise NotImplementedError") or not problem.message
            ):
                return (
                    f"{name}.{where} is not implemented yet.\n"
                    "  where     the answer cell: put your code in place of "
                    "`raise NotImplementedError()`, run the cell, then run this one again."
                )
        return ""

    def builds(self) -> str:
        name = self.exercise.name
        problem = self.seen.problem
        if problem and problem.kind == "NotAClass":
            return (
                f"{name} is {problem.message}, where the class is needed.\n"
                f"  where     names that you gave twice: {name} should stay the class itself."
            )
        where = "  where     __init__: the exercise needs it as it was given."
        if self.exercise.writes_init:
            where = "  where     __init__: the names, kinds and sizes that the exercise asks for."
        if problem:
            return (
                f"{name} cannot be made, or cannot take the exercise's weights.\n"
                f"  seen      {_problem_in_words(problem)}\n{where}"
            )
        if self.seen.missing:
            return (
                f"{name} does not have the layers of the exercise.\n"
                f"  seen      {'; '.join(self.seen.missing[:3])}{self._missing_where()}\n{where}"
            )
        for parameter, wanted in self.exercise.starts.items():
            started = self.seen.starts.get(parameter, [])
            if started != [wanted] * len(self.challenge.trials):
                return (
                    f"{name}: {parameter} does not start at {wanted:g}.\n"
                    f"  seen      {_numbers(started)}, in networks of "
                    f"{len(self.challenge.trials)} sizes\n"
                    f"  where     the line of __init__ that makes {parameter}."
                )
        return ""

    def _missing_where(self) -> str:
        """Say in which size something is missing, if it is not in all."""
        if len(self.seen.missing_in) == len(self.challenge.trials):
            return ""
        return f" ({_sizes_in_words(self.challenge.trials[self.seen.missing_in[0]])})"

    def runs(self) -> str:
        broken = [run for run in self.seen.runs if run.problem and run.problem.phase == "forward"]
        if not broken:
            return ""
        run = broken[0]
        if not run.problem.line and any(earlier.weights_changed for earlier in self.seen.runs):
            return self.pure()  # what was changed cannot be looked at again
        hint = "where     that line."
        is_shape = re.search(r"(shape|size|dimension).*\d", run.problem.message)
        if not run.problem.code:
            hint = "where     forward: it is called with X alone, and is to return a tensor."
        if is_shape:
            hint = "where     that line, and the shapes of what it is given."
        healthy = {run.trial for run in self.seen.runs} - {run.trial for run in broken}
        found = self._given_wrong() if is_shape else ""
        if 0 in healthy:
            found = self._extra() or self._misused()
        if found:
            hint = f"where     {found}"
        elif healthy:
            hint = (
                f"but       with {_sizes_in_words(self.challenge.trials[max(healthy)])} it runs.\n"
                "  where     numbers and names that only fit one size, or a path that skips the "
                f"layer which changes the size.{self._made()}"
            )
        return (
            f"{self.exercise.name}.forward stops with {run.problem.kind}.\n"
            f"  seen      {_problem_in_words(run.problem)}\n"
            f"  fed       {_call_in_words(self.challenge, run)}\n"
            f"  {hint}"
        )

    def returns(self) -> str:
        for run in self.seen.runs:
            right = self.expected[run.trial, run.call].output
            wanted = f"a float32 tensor of shape {tuple(right.shape)}"
            vowel = run.returned[:1].lower() in "aeiou"
            got = "None" if run.returned == "NoneType" else f"a{'n' * vowel} {run.returned}"
            if run.output is not None:
                kind = str(run.output.dtype).removeprefix("torch.")
                got = f"a {kind} tensor of shape {tuple(run.output.shape)}"
                if run.output.dtype == right.dtype and run.output.shape == right.shape:
                    if run.output.isfinite().all():
                        continue
                    got, wanted = "nan or inf among the numbers", "finite numbers"
            return (
                f"{self.exercise.name}.forward does not return what it should.\n"
                f"  seen      {got}\n"
                f"  expected  {wanted}\n"
                f"  fed       {_call_in_words(self.challenge, run)}\n"
                "  where     the last lines of forward, and the layer the output comes from."
            )
        return ""

    def pure(self) -> str:
        for run in self.seen.runs:
            if run.input_changed or run.weights_changed:
                what = "its input" if run.input_changed else _few(run.weights_changed)
                made = "" if run.input_changed else ", or layers and parameters that forward makes"
                return (
                    f"{self.exercise.name}.forward changes {what}.\n"
                    f"  fed       {_call_in_words(self.challenge, run)}\n"
                    "  where     what is done in place: a name ending in an underscore, "
                    f"+= and the like, .data{made}."
                )
        return ""

    def repeatable(self) -> str:
        outputs = _outputs(self.seen)
        for run in self.seen.runs:
            if _is_larger(run) or _is_at_zero(run):
                continue
            number, mode, *_ = run.call.split()
            before = outputs[run.trial, f"{number} {mode.replace('no_grad', 'eval')}"]
            if not close(run.output, before):
                grad = "whether gradients are computed (is_grad_enabled, requires_grad), "
                return (
                    f"{self.exercise.name} gives two outputs for the same input and weights.\n"
                    f"  fed       {_call_in_words(self.challenge, run)}, more than once\n"
                    f"  where     {grad * ('no_grad' in run.call)}anything random in forward, the "
                    "time, a layer made in it, and what it keeps from one call to the next, such "
                    "as attributes of self that it changes."
                )
        return ""

    def rows(self) -> str:
        norms = ", a normalisation in train mode" if self.exercise.is_normalised else ""
        if _rows_differ(self.seen):
            return (
                f"{self.exercise.name} gives an example another output in a batch than alone.\n"
                "  seen      the first example gives one output alone, another one in a batch\n"
                "  where     what lets examples change each other: anything that works over the "
                f"first dimension (mean, sum, max, an index, a reshape){norms}, or asks how many "
                "examples there are; or an attribute of self that forward changes."
            )
        return ""

    def values(self) -> str:
        for run in self.seen.runs:
            right = self.expected[run.trial, run.call].output
            if not close(run.output, right):
                return (
                    f"{self.exercise.name} computes something else than the wiring asked for.\n"
                    f"  fed       {_call_in_words(self.challenge, run)}\n"
                    f"{_first_difference(run.output, right)}\n"
                    f"  where     {self._extra() or self._where_only_some() or self._where()}"
                )
        return ""

    def statistics(self) -> str:
        for run in self.seen.runs:
            wrong = _other_statistics(run, self.expected[run.trial, run.call])
            if wrong:
                return (
                    f"{self.exercise.name} gives the right output, but leaves wrong running "
                    "statistics.\n"
                    f"  seen      other numbers in {wrong[0]} after the call\n"
                    f"  fed       {_call_in_words(self.challenge, run)}\n"
                    "  where     how each normalisation is called: once in every forward, as it "
                    "is, in the mode of the network."
                )
        return ""

    def _extra(self) -> str:
        """Say which parameters the output depends on, though the exercise does not have them."""
        if not self.seen.extra_used:
            return ""
        return (
            "the parameters that the exercise does not have, which your output depends on: "
            f"{_few(self.seen.extra_used)}."
        )

    def _where_only_some(self) -> str:
        """Say what the wrong calls have in common, where what the layers were given shows nothing.

        That was noted in one call, which may have been right.
        """
        wrong = [
            run
            for run in self.seen.runs
            if not close(run.output, self.expected[run.trial, run.call].output)
        ]
        if any((run.trial, run.call) == (0, "1 eval") for run in wrong):
            return ""
        if all(_is_larger(run) for run in wrong):
            return (
                "what forward keeps from one call to the next, such as outputs or copies of "
                "weights, and what it does to large numbers."
            )
        in_train = {"train" in run.call for run in wrong}
        if len(in_train) == 1:
            mode, other = ("train", "eval") if in_train == {True} else ("eval", "train")
            return f"what forward does in {mode} mode: in {other} mode its outputs are right."
        if all(run.trial > 0 for run in wrong):
            fine = _sizes_in_words(self.challenge.trials[0])
            return (
                f"what depends on the size, or on how large the numbers are: with {fine} the "
                "outputs are right."
            )
        batches = self.challenge.trials[0].batches
        counts = {len(batches[int(run.call[0])].X) for run in wrong if run.trial == 0}
        if right := {len(batch.X) for batch in batches} - counts:
            return (
                "what depends on the number of examples: with "
                f"{max(right)} of them the outputs are right."
            )
        return (
            "what depends on how many examples there are, on how large the numbers are, or on "
            "earlier calls: for some inputs the outputs are right."
        )

    def _where(self) -> str:
        """Say where a wrong value comes from, by what each layer is given."""
        if misused := self._misused():
            return misused
        if not self.seen.layer_inputs:
            return "each line of forward."
        if wrong := self._given_wrong():
            return wrong
        unused = [name for name in self.layer_inputs if not self.seen.layer_inputs.get(name)]
        if idle := [name for name in unused if not self._is_alive(name)]:
            return f"{', '.join(idle)}: not called in forward, at least in this size."
        if unused:
            return (
                f"how the numbers of {', '.join(unused)} are used, without calling "
                f"self.{unused[0]}(…), or what is done at the end. The layers that are called are "
                "given what they should be."
            )
        return (
            "what is done with the outputs of the layers at the end: every layer is given what "
            f"it should be.{self._made()}"
        )

    def _made(self) -> str:
        """Add where students make layers that these may be the mistake."""
        return " Or how a layer is made in __init__." if self.exercise.writes_init else ""

    def _given_wrong(self) -> str:
        """Name the first layer that is given something else than it should be, if there is one."""
        right, wrong = [], []
        for name, wanted in self.layer_inputs.items():
            given = self.seen.layer_inputs.get(name, [])
            if len(given) == len(wanted):
                (right if all(map(close, given, wanted)) else wrong).append(name)
        if not wrong:
            return ""
        fine = f"{', '.join(right)}: given what it should be. But " if right else ""
        return f"{fine}{wrong[0]} is given something else: see what comes just before it."

    def _is_alive(self, layer: str) -> bool:
        """Whether a layer's parameters got a gradient: then it is used, whether called or not."""
        cold = _without_gradient(self.seen)
        return any(
            name.rpartition(".")[0] == layer and name not in cold
            for run in self.seen.runs
            for name in run.gradients or {}
        )

    def _misused(self) -> str:
        """Say which layer is called too often or, while others are called, not at all."""
        called = {name: len(inputs) for name, inputs in self.seen.layer_inputs.items()}
        if not called:
            return ""
        if not any(called.values()):
            if any(map(self._is_alive, called)):
                return (
                    "each line of forward: it uses the numbers of the layers without calling "
                    f"self.{next(iter(called))}(…), so what each is given is not seen."
                )
            return (
                "each line of forward: in the call that was looked at, it calls no layer of self."
            )
        for name, inputs in self.layer_inputs.items():
            if called.get(name) and called[name] != len(inputs):
                return f"{name}: it is used {called[name]} times, not {len(inputs)}."
        return ""

    def gradients(self) -> str:
        name = self.exercise.name
        for run in self.seen.runs:
            if run.problem:
                return (
                    f"{name}: the gradient cannot be computed, {run.problem.kind}.\n"
                    f"  seen      {_problem_in_words(run.problem)}\n"
                    f"  where     {self._where_no_gradient(run.problem)}"
                )
            right = self.expected[run.trial, run.call].gradients
            if right is None:
                continue
            got = run.gradients or {}
            wrong = [key for key, value in right.items() if not close(got.get(key), value)]
            if wrong:
                none = [key for key in wrong if got.get(key) is None or not got[key].any()]
                seen = f"no gradient at {_few(none)}" if none else f"wrong at {_few(wrong)}"
                at_zero = ", or asks whether a number is 0" if _is_at_zero(run) else ""
                return (
                    f"{name} gives the right output, but the wrong gradient.\n"
                    f"  seen      {seen}\n"
                    f"  fed       {_call_in_words(self.challenge, run)}\n"
                    "  where     anything that leaves the graph (detach, .data, no_grad, .numpy(), "
                    ".item(), torch.tensor(…), copies of layers, requires_grad) or changes "
                    f"gradients (hooks, backward){at_zero}."
                )
        return ""

    def _where_no_gradient(self, problem: Problem) -> str:
        """Say what may keep a gradient from being computed."""
        if "inplace" in problem.message or "in-place" in problem.message:
            return "what is done in place: a tensor that the gradient needs was changed."
        if "second time" in problem.message:
            return "what is kept from one call to the next: its gradient was computed already."
        return "what autograd cannot go back through, as the error says."


def wiring_lines(exercise: Exercise) -> dict[str, str]:
    """Return what a wiring is held to, in order, each with the line that says so.

    Args:
        exercise: what was to be wired. Only where it has batch normalisations do these count.
    """
    is_normalised = exercise.is_normalised
    lines = WIRING | {
        "returns": WIRING["returns"].format(shape=exercise.output_shape),
        "rows": WIRING["rows"].format(in_eval=" in eval mode" if is_normalised else ""),
    }
    return {name: line for name, line in lines.items() if is_normalised or name != "statistics"}


def judge_wiring(exercise: Exercise, challenge: Challenge, seen: WiringObservation) -> Verdict:
    """Judge what was seen of a network.

    Args:
        exercise: what was to be wired.
        challenge: the question that was asked.
        seen: the answer, from `observe_wiring`.

    Returns:
        The verdict. A wrong network that does exactly what a catalogued misconception does gets
        its name; any other gets the first property that fails, and where.
    """
    title = f"{exercise.name} wiring"
    expected = _expected(exercise, challenge.seed)
    broken = next((run.problem for run in expected.runs if run.problem), expected.problem)
    if broken is not None:
        raise RuntimeError(
            f"the course's own {exercise.name} fails: {broken.kind} {broken.message}"
        )
    look = _Look(exercise, challenge, seen, expected)
    lines = wiring_lines(exercise)
    held: dict[str, bool | None] = dict.fromkeys(lines)
    if not _is_plausible(seen, expected):
        held["runs"] = False
        message = (
            f"{exercise.name} was not seen as it was asked.\n"
            "  where     code that changes how Python, PyTorch or the checks work."
        )
        return Verdict(title, held, lines, "runs", message)
    message = diagnosis = ""
    for name in lines:
        message = getattr(look, name)()
        held[name] = not message
        if message:
            diagnosis = name
            break
    if not message:
        return Verdict(title, held, lines)
    if diagnosis != "implemented":
        wrong = (
            _made_alike(exercise, challenge.seed, seen)
            if diagnosis == "builds"
            else _matching(exercise, challenge, seen, diagnosis in ("statistics", "gradients"))
        )
        if wrong is not None:
            facts = [
                line
                for line in message.splitlines()[1:]
                if line.startswith(("  seen", "  expected", "  fed"))
            ]
            message = "\n".join(
                [f"{exercise.name}: {wrong.mistake}.", *facts, f"  where     {wrong.look}"]
            )
            diagnosis = wrong.name
    return Verdict(title, held, lines, diagnosis, message)


def _is_plausible(seen: WiringObservation, expected: WiringObservation) -> bool:
    """Whether an observation speaks of what was asked: of nothing else, and of each thing once.

    And of all of it, unless something stopped it.
    """
    stopped = seen.problem or seen.missing or any(run.problem for run in seen.runs)
    calls = [(run.trial, run.call) for run in seen.runs]
    asked = {(run.trial, run.call) for run in expected.runs}
    # What a network has may depend on its size: a deeper one has more blocks.
    names = {run.trial: run.gradients.keys() for run in expected.runs if run.gradients is not None}
    buffers = {run.trial: run.buffers.keys() for run in expected.runs}
    return (
        len(set(calls)) == len(calls)
        and (set(calls) <= asked if stopped else set(calls) == asked)
        and all(
            run.gradients is None or run.gradients.keys() == names[run.trial] for run in seen.runs
        )
        and all(set(run.weights_changed) <= names[run.trial] for run in seen.runs)
        and all(run.buffers.keys() <= buffers[run.trial] for run in seen.runs)
        and set(seen.missing_in) <= names.keys()
        and seen.layer_inputs.keys() <= expected.layer_inputs.keys()
        and all(len(inputs) <= 10 for inputs in seen.layer_inputs.values())
    )


def judge_training(
    exercise: Exercise,
    wiring: Verdict,
    challenge: TrainingChallenge,
    seen: TrainingObservation | None,
) -> Verdict:
    """Judge how a network trained.

    The judge trains the right network and its rival in the same way, and works out the final loss
    itself, from the weights that it is given.

    Args:
        exercise: what was to be wired and trained.
        wiring: the verdict on the same network's wiring.
        challenge: data, initial weights and settings.
        seen: what training gave, from `observe_training`; None where the wiring is wrong.

    Returns:
        The verdict. A network that is wired wrongly does not pass, whatever its loss.
    """
    name, rival = exercise.name, exercise.rival
    lines = {
        key: line.format(bound=exercise.loss_bound, rival=rival.name)
        for key, line in TRAINING.items()
    }
    held: dict[str, bool | None] = dict.fromkeys(TRAINING)

    def failing(key: str, message: str, diagnosis: str = "") -> Verdict:
        held[key] = False
        return Verdict(f"{name} training", held, lines, diagnosis or key, message)

    if not wiring.passed:
        return failing("wiring", wiring.message, wiring.diagnosis)
    held["wiring"] = True
    if seen.problem or len(seen.losses) != challenge.epochs:
        text = _problem_in_words(seen.problem) if seen.problem else f"{len(seen.losses)} losses"
        return failing(
            "runs",
            f"{name} does not get through its training.\n  seen      {text}\n"
            "  where     anything in forward that changes from call to call.",
        )
    held["runs"] = True
    course, wanted_end = _right_course(exercise, challenge)
    for epoch, (loss, wanted) in enumerate(zip(seen.losses, course, strict=True)):
        if not abs(loss - wanted) <= TRAINING_TOLERANCE * wanted:
            return failing(
                "course",
                f"{name} does not train as the right network does.\n"
                f"  seen      loss {loss:.4f} before step {epoch + 1}\n"
                f"  expected  about {wanted:.4f}\n"
                "  where     anything in forward that changes from call to call.",
            )
    held["course"] = True
    shapes = {name: values.shape for name, values in challenge.weights.items()}
    if {name: values.shape for name, values in seen.weights.items()} != shapes:
        return failing(
            "weights",
            f"{name}'s weights after training are not there, or not in their shapes.\n"
            "  where     anything in forward that replaces or copies layers.",
        )
    final = _loss(exercise, challenge, seen.weights)
    if not abs(final - wanted_end) <= TRAINING_TOLERANCE * wanted_end:
        return failing(
            "weights",
            f"{name}'s weights after training are not those that give its loss.\n"
            f"  seen      loss {final:.4f} with these weights in the right network\n"
            f"  expected  about {wanted_end:.4f}\n"
            "  where     anything in forward that replaces or copies layers.",
        )
    held["weights"] = True
    if not final < exercise.loss_bound:
        return failing(
            "falls", f"{name} ends with loss {final:.4f}, not below {exercise.loss_bound}."
        )
    held["falls"] = True
    beaten = _rival_loss(rival, challenge)
    if not final < CLEARLY * beaten:
        return failing(
            "beats",
            f"{name} ends with loss {final:.4f}, {rival.name} with {beaten:.4f}.",
        )
    held["beats"] = True
    return Verdict(f"{name} training", held, lines)


# A drawn training is one object for as long as it is kept, so its identity is as good as its seed.
@lru_cache(maxsize=KEPT)
def _right_course(exercise: Exercise, challenge: TrainingChallenge) -> tuple[list[float], float]:
    """Train the right network: its loss before each step, and after the last."""
    right = observe_training(exercise.network(), challenge)
    return right.losses, _loss(exercise, challenge, right.weights)


@lru_cache(maxsize=KEPT)
def _rival_loss(rival: Exercise, challenge: TrainingChallenge) -> float:
    """Train the rival from the initial weights that it shares, and return its last loss."""
    shared = {k: v for k, v in challenge.weights.items() if not k.startswith("skip_layer")}
    return observe_training(rival.network(), replace(challenge, weights=shared)).losses[-1]


def _loss(exercise: Exercise, challenge: TrainingChallenge, weights: dict[str, Tensor]) -> float:
    """Work out the loss that weights give in the right network."""
    with torch.random.fork_rng(devices=[]):
        model = construct(exercise.network(), challenge.arguments).float()
    load_weights(model, weights)
    X, y = challenge.data
    with torch.no_grad():
        return float(nn.functional.mse_loss(model(X), y))
