"""What `check_wiring` and `check_training` do where there is a judge: ask, judge, report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from skiplab.checks import CheckFailed
from skiplab.checks.challenge import Challenge, Tracing, TrainingChallenge, fresh_seed
from skiplab.checks.crossing import OBSERVE
from skiplab.checks.exercise import Exercise, all_exercises
from skiplab.checks.handle import OBSERVATIONS, Handle, Observation
from skiplab.checks.judge import Verdict, judge_training, judge_wiring
from skiplab.checks.pictures import Pair, find_pair, show_after_cell

_draw_seed: ContextVar[Callable[[], int]] = ContextVar("draw_seed", default=fresh_seed)


@contextmanager
def seeds_from(draw: Callable[[], int]) -> Iterator[None]:
    """Take the seeds of fresh challenges from a function, instead of the operating system.

    Args:
        draw: Gives a seed, 0 to 2147483647, each time.
    """
    token = _draw_seed.set(draw)
    try:
        yield
    finally:
        _draw_seed.reset(token)


def wiring(network: Any, answer: str | None, seed: int, fresh: int) -> None:  # noqa: ANN401
    """Check a wiring; see `skiplab.checks.check_wiring`."""
    exercise = find_exercise(network, answer)
    verdicts = []
    for drawn in _seeds(seed, fresh):
        challenge = exercise.draw_challenge(drawn)
        verdicts.append(judge_wiring(exercise, challenge, _observe(network, challenge)))
        if not verdicts[-1].passed:
            break
    _report(verdicts, fresh, lambda: _pair(exercise, network, verdicts[-1]))


def training(network: Any, answer: str | None, seed: int, fresh: int) -> None:  # noqa: ANN401
    """Check a training; see `skiplab.checks.check_training`."""
    exercise = find_exercise(network, answer)
    if exercise.rival is None:
        raise ValueError(f'answer: got "{exercise.answer}", wanted an exercise that is to train')
    verdicts = []
    for drawn in _seeds(seed, fresh):
        question = exercise.draw_challenge(drawn)
        wired = judge_wiring(exercise, question, _observe(network, question))
        challenge = exercise.draw_training(drawn)
        seen = _observe(network, challenge) if wired.passed else None
        verdicts.append(judge_training(exercise, wired, challenge, seen))
        if not verdicts[-1].passed:
            break
    _report(verdicts, fresh, lambda: None)


def find_exercise(network: object, answer: str | None) -> Exercise:
    """Find what an answer is to be held to.

    Args:
        network: the student's class; its name counts only where `answer` is None.
        answer: the exercise's id, as in "skipnet7".

    Raises:
        ValueError: there is no such exercise.
    """
    exercises = all_exercises()
    key = answer if answer is not None else getattr(network, "__name__", "").lower()
    if key not in exercises:
        known = ", ".join(f'"{name}"' for name in exercises)
        given = f'"{key}"' if key else f"a {type(network).__name__} object"
        raise ValueError(f"answer: got {given}, wanted one of {known}")
    return exercises[key]


def _observe(
    network: Any,  # noqa: ANN401
    challenge: Challenge | TrainingChallenge | Tracing,
) -> Observation:
    """Ask a network a challenge, wherever it is."""
    if not isinstance(network, Handle):
        return OBSERVE[type(challenge)](network, challenge)
    try:
        return network.observe(challenge)
    except ValueError as error:
        raise CheckFailed(
            f"{network.__name__} could not be looked at.\n"
            f"  seen      {error}\n"
            f"  expected  a {OBSERVATIONS[type(challenge)].__name__}\n"
            "  where     code that changes how Python, PyTorch or the checks work."
        ) from error


def _seeds(seed: int, fresh: int) -> list[int]:
    """Return the seeds of the challenges to ask: one that is given, or fresh ones."""
    for name, value, wanted in (("seed", seed, "0 to 2147483647"), ("fresh", fresh, "0 or more")):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
            raise ValueError(f"{name}: got {value!r}, wanted a whole number, {wanted}")
    return [_draw_seed.get()() for _ in range(fresh)] or [seed]


def _pair(exercise: Exercise, network: Any, failed: Verdict) -> Pair | None:  # noqa: ANN401
    """The expected wiring and the network's own, where they differ.

    The verdict is there already. Whatever the student's code does now, it gives at most no picture.
    """
    if failed.diagnosis == "implemented":
        return None
    try:
        return find_pair(exercise, _observe(network, exercise.tracing()))
    except KeyboardInterrupt:
        raise
    except BaseException:  # the code may end its process, too
        return None


def _report(verdicts: list[Verdict], fresh: int, find: Callable[[], Pair | None]) -> None:
    """Print what holds, and stop at the first verdict that found a mistake, with its picture."""
    failed = next((verdict for verdict in verdicts if not verdict.passed), None)
    shown = failed or verdicts[0]
    if failed is None and fresh:
        asked = "a new random challenge" if fresh == 1 else f"{fresh} new random challenges"
        print(f"✓ {shown.title}: holds for {asked}, too", flush=True)
        return
    print(shown.title)
    for name, holds in shown.held.items():
        if holds is not None:
            print(f"  {'✓' if holds else '✗'} {shown.lines[name]}")
    # A report is one output of its cell. A notebook puts together what it is told within a moment.
    sys.stdout.flush()
    if failed is not None:
        error = CheckFailed(failed.message)
        error.pair = find()
        show_after_cell(error.pair)
        raise error
