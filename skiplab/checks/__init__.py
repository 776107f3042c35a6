"""Checks that say what is wrong: `check_wiring` and `check_training`.

`observe` asks a network and writes down what it does; `judge` compares that with the right
network and names the mistake. In a notebook both run here, one after the other. When a class is
graded, the student's code runs where there is no judge, and these functions there check nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any

__all__ = ["CheckFailed", "award", "check_training", "check_wiring"]

_keep_award: ContextVar[Callable[[float], None] | None] = ContextVar("keep_award", default=None)


class CheckFailed(AssertionError):  # noqa: N818 -- students read this name
    """An answer does not do what was asked for. The first line of the message names the mistake.

    Jupyter shows the message alone: the lines of this package on the way would help nobody.

    Attributes:
        pair: the expected wiring and the student's, to be drawn; None where there is nothing to
            draw.
    """

    pair: Any = None

    def _render_traceback_(self) -> list[str]:
        return [f"\x1b[0;31mCheckFailed\x1b[0m: {self}"]


def check_wiring(
    network: Any,  # noqa: ANN401
    answer: str | None = None,
    *,
    seed: int = 0,
    fresh: int = 0,
) -> None:
    """Check how a network is wired.

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
    if asking := _asking("check_wiring"):
        asking.wiring(network, answer, seed, fresh)


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
    if asking := _asking("check_training"):
        asking.training(network, answer, seed, fresh)


def award(points: float, reason: str = "") -> None:
    """Give points of a grade cell for good, whatever the rest of the cell finds.

    A cell that runs to its end gives all of its points. One that stops before gives what has been
    awarded until then.

    Args:
        points: how many more.
        reason: what for, in a few words.

    Raises:
        ValueError: `points` is no number above 0.
    """
    if isinstance(points, bool) or not isinstance(points, int | float) or not points > 0:
        raise ValueError(f"points: got {points!r}, wanted a number above 0")
    print(f"✓ {points:g} {'point' if points == 1 else 'points'}{': ' if reason else ''}{reason}")
    if keep := _keep_award.get():
        keep(float(points))


@contextmanager
def keeping_awards(keep: Callable[[float], None]) -> Iterator[None]:
    """Tell a function of every award given meanwhile.

    Args:
        keep: Takes the points.
    """
    token = _keep_award.set(keep)
    try:
        yield
    finally:
        _keep_award.reset(token)


def _asking(name: str) -> ModuleType | None:
    """The module that asks and judges; None where it is out of reach, inside the grader's jail."""
    try:
        return importlib.import_module("skiplab.checks.asking")
    except ModuleNotFoundError as error:
        if error.name != "skiplab.checks.asking":
            raise
        print(f"{name}: not here. The grader does it, outside.")
        return None
