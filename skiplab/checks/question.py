"""What a grader asks of the process that runs a student's code, besides challenges."""

from __future__ import annotations

import builtins
import contextlib
from dataclasses import dataclass, field
from typing import Any

from skiplab.checks.challenge import Challenge, Tracing, TrainingChallenge
from skiplab.checks.observe import Problem


@dataclass
class Reference:
    """Something that cannot cross: it stays where it is, and is asked about.

    Attributes:
        number: under which it is kept; 0 where only its name is known.
        name: the name it has in the notebook, or its own; "" if it has none.
        kind: the name of its class.
    """

    number: int
    name: str
    kind: str


@dataclass
class Missing:
    """There is nothing of that name."""

    name: str


@dataclass
class Question:
    """What is asked of the process that runs a student's code.

    Attributes:
        what: "value" of a name, "observe" a challenge, "call", or "attribute".
        of: the thing it is about; for "value", only its name counts.
        challenge: the challenge to observe.
        name: of the attribute.
        arguments: positional arguments of the call.
        keywords: keyword arguments of the call.
    """

    what: str
    of: Reference
    challenge: Challenge | TrainingChallenge | Tracing | None = None
    name: str = ""
    arguments: list[Any] = field(default_factory=list)
    keywords: dict[str, Any] = field(default_factory=dict)


def exception(problem: Problem) -> Exception:
    """The exception that a problem tells of: the same if Python has it, else a RuntimeError."""
    kind = getattr(builtins, problem.kind, None)
    where = f" (line {problem.line}: {problem.code})" if problem.code else ""
    made: Exception = RuntimeError(f"{problem.kind}: {problem.message}{where}")
    if isinstance(kind, type) and issubclass(kind, Exception):
        # Some need more than a message, such as UnicodeDecodeError.
        with contextlib.suppress(TypeError):
            made = kind(problem.message + where)
    made.from_student = True
    return made


def is_from_student(error: BaseException) -> bool:
    """Whether an exception was raised by the student's code."""
    return getattr(error, "from_student", False)
