"""Checks that say what is wrong: `check_wiring` and `check_training`.

`observe` asks a network and writes down what it does; `judge` compares that with the right
network and names the mistake. In a notebook both run here, one after the other.
"""

from __future__ import annotations

from typing import Any

from skiplab.checks.challenge import fresh_seed
from skiplab.checks.exercise import Exercise, all_exercises
from skiplab.checks.judge import Verdict, judge_training, judge_wiring
from skiplab.checks.observe import observe_training, observe_wiring

__all__ = ["CheckFailed", "check_training", "check_wiring"]


class CheckFailed(AssertionError):  # noqa: N818 -- students read this name
    """An answer does not do what was asked for. The first line of the message names the mistake.

    Jupyter shows the message alone: the lines of this package on the way would help nobody.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"\x1b[0;31mCheckFailed\x1b[0m: {self}"]


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


def _seeds(seed: int, fresh: int) -> list[int]:
    """Return the seeds of the challenges to ask: one that is given, or fresh ones."""
    for name, value, wanted in (("seed", seed, "0 to 2147483647"), ("fresh", fresh, "0 or more")):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
            raise ValueError(f"{name}: got {value!r}, wanted a whole number, {wanted}")
    return [fresh_seed() for _ in range(fresh)] or [seed]


def _report(verdicts: list[Verdict], fresh: int) -> None:
    """Print what holds, and stop at the first verdict that found a mistake."""
    failed = next((verdict for verdict in verdicts if not verdict.passed), None)
    shown = failed or verdicts[0]
    if failed is None and fresh:
        print(f"✓ {shown.title}: holds for {fresh} new random challenges, too")
        return
    print(shown.title)
    for name, holds in shown.held.items():
        if holds is not None:
            print(f"  {'✓' if holds else '✗'} {shown.lines[name]}")
    if failed is not None:
        raise CheckFailed(failed.message)


def check_wiring(
    network: Any,  # noqa: ANN401
    answer: str | None = None,
    *,
    seed: int = 0,
    fresh: int = 0,
) -> None:
    """Check how a network is wired, with random weights, inputs and gradients.

    Prints a line for each property that holds.

    Args:
        network: your class, as in `SkipNet7`.
        answer: the exercise it answers, as in "skipnet7"; by default the class's own name.
        seed: which challenge; the same seed asks the same.
        fresh: ask this many challenges with seeds from the operating system instead.

    Raises:
        CheckFailed: something is wrong; the message says what, and where to look.
        ValueError: there is no such exercise, or `seed` or `fresh` is no whole number.
    """
    exercise = find_exercise(network, answer)
    verdicts = []
    for drawn in _seeds(seed, fresh):
        challenge = exercise.draw_challenge(drawn)
        verdicts.append(judge_wiring(exercise, challenge, observe_wiring(network, challenge)))
        if not verdicts[-1].passed:
            break
    _report(verdicts, fresh)


def check_training(
    network: Any,  # noqa: ANN401
    answer: str | None = None,
    *,
    seed: int = 0,
    fresh: int = 0,
) -> None:
    """Check that a network trains: train it for a short while, beside its plain counterpart.

    Prints a line for each property that holds. A network that is wired wrongly does not pass,
    whatever its loss.

    Args:
        network: your class, as in `SkipNet7`.
        answer: the exercise it answers, as in "skipnet7"; by default the class's own name.
        seed: which challenge; the same seed asks the same.
        fresh: ask this many challenges with seeds from the operating system instead.

    Raises:
        CheckFailed: something is wrong; the message says what, and where to look.
        ValueError: there is no such exercise, or `seed` or `fresh` is no whole number.
    """
    exercise = find_exercise(network, answer)
    if exercise.rival is None:
        raise ValueError(f'answer: got "{exercise.answer}", wanted an exercise that is to train')
    verdicts = []
    for drawn in _seeds(seed, fresh):
        question = exercise.draw_challenge(drawn)
        wiring = judge_wiring(exercise, question, observe_wiring(network, question))
        training = exercise.draw_training(drawn)
        seen = observe_training(network, training) if wiring.passed else None
        verdicts.append(judge_training(exercise, wiring, training, seen))
        if not verdicts[-1].passed:
            break
    _report(verdicts, fresh)
