"""A student's class or function, as the grader sees it: something to be asked, never to be run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from skiplab.checks.challenge import Challenge, Tracing, TrainingChallenge
from skiplab.checks.observe import (
    Problem,
    TracingObservation,
    TrainingObservation,
    WiringObservation,
)
from skiplab.checks.question import Missing, Question, Reference, exception

Ask = Callable[[Question], Any]
Observation = WiringObservation | TrainingObservation | TracingObservation
OBSERVATIONS = {
    Challenge: WiringObservation,
    TrainingChallenge: TrainingObservation,
    Tracing: TracingObservation,
}


class Handle:
    """Stands for a thing in the process that runs a student's code.

    Calling it, and reading its attributes, happens over there; what comes back is a plain value (a
    number, a string, a tensor, a list of such, …), or another handle where it is none. An
    exception comes back, too.

    Two handles are equal only if they are the same, and a handle is neither true nor false: what a
    student's own `__eq__` or `__bool__` would say counts for nothing.
    """

    def __init__(self, reference: Reference, ask: Ask) -> None:
        """Stand for what a reference names; `ask` takes questions there."""
        self.__name__ = reference.name
        self._reference = reference
        self._ask = ask

    def observe(self, challenge: Challenge | TrainingChallenge | Tracing) -> Observation:
        """Ask a challenge.

        Args:
            challenge: The challenge.

        Returns:
            What was seen, as `observe_wiring`, `observe_training` and `observe_tracing` do.

        Raises:
            ValueError: what came back is no observation.
        """
        seen = self._ask(Question("observe", self._reference, challenge))
        wanted = OBSERVATIONS[type(challenge)]
        if isinstance(seen, Missing):
            seen = Problem("build", "NameError", f"name '{seen.name}' is not defined")
        if isinstance(seen, Problem):
            return wanted(problem=seen)
        if not isinstance(seen, wanted):
            raise ValueError(f"not an observation: a {type(seen).__name__}")
        return seen

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:  # noqa: ANN401
        """Call it, with plain values or other handles."""
        plain = [_crossing(value) for value in arguments]
        named = {name: _crossing(value) for name, value in keywords.items()}
        asked = Question("call", self._reference, None, "", plain, named)
        return received(self._ask(asked), self._ask)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Read an attribute."""
        if name.startswith("_"):
            raise AttributeError(name)
        return received(self._ask(Question("attribute", self._reference, None, name)), self._ask)

    def __bool__(self) -> NoReturn:
        """Refuse to be a condition."""
        raise TypeError(f"{self!r} is not a plain value: it is neither true nor false")

    def __len__(self) -> NoReturn:
        """Refuse to be counted."""
        raise TypeError(f"{self!r} is not a plain value: it has no length here")

    def __iter__(self) -> NoReturn:
        """Refuse to be walked through."""
        raise TypeError(f"{self!r} is not a plain value: it has no items here")

    def __repr__(self) -> str:
        """Say what it stands for."""
        return f"<the student's {self._reference.kind} {self._reference.name}>"


def _crossing(value: Any) -> Any:  # noqa: ANN401
    return value._reference if isinstance(value, Handle) else value


def look_up(name: str, ask: Ask) -> Any:  # noqa: ANN401
    """What a name stands for in the process that runs a student's code.

    Args:
        name: The name.
        ask: Takes a question there, and brings back the answer.

    Returns:
        A plain value, or a `Handle`.

    Raises:
        NameError: There is nothing of that name.
    """
    found = ask(Question("value", Reference(0, name, "")))
    if isinstance(found, Reference):  # the name in the notebook says more than its own
        found = Reference(found.number, name, found.kind)
    return received(found, ask)


def received(found: Any, ask: Ask) -> Any:  # noqa: ANN401
    """An answer, as a grade cell is to see it.

    Raises:
        NameError: There is nothing of that name.
        Exception: The student's code raised it.
    """
    if isinstance(found, Missing):
        raise NameError(f"name '{found.name}' is not defined")
    if isinstance(found, Problem):
        raise exception(found)
    return Handle(found, ask) if isinstance(found, Reference) else found
