"""What an exercise is: the right network, and the wrong ones that people write."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from textwrap import indent
from typing import Any

import numpy as np
import torch
from torch import nn

from skiplab.checks.challenge import (
    GIVEN,
    Arguments,
    Challenge,
    Size,
    Tracing,
    TrainingChallenge,
    Trial,
    construct,
    draw_trial,
)
from skiplab.lesson.data import make_data

# Whoever checks a class asks the same again and again. What is asked, and what else depends on the
# exercise and the seed alone, is worked out once and kept: so many challenges, of about a megabyte.
KEPT = 32


@dataclass(frozen=True)
class Misconception:
    """A wrong `forward` that has a name.

    Attributes:
        name: short and unique within its exercise, as in "no-skip".
        family: the family of mistakes it belongs to.
        mistake: what is wrong, in a clause that follows "SkipNet7: ".
        look: where to look, in a sentence. It does not give the solution.
        forward: the wrong function, as text.
        after: code that follows the class, where the mistake needs some.
        same: other ways to write the same mistake, which behave in the same way.
        head: the class's text down to the line before `forward`, where the mistake is in there; ""
            where that is as the exercise has it.
        numbers: whether its numbers follow from the challenge alone. They do not where it draws
            random numbers or uses something from outside; then it is known by its behaviour.
    """

    name: str
    family: str
    mistake: str
    look: str
    forward: str
    after: str = ""
    same: tuple[str, ...] = ()
    head: str = ""
    numbers: bool = True


@dataclass(frozen=True, eq=False)
class Exercise:
    """A network to be wired.

    Attributes:
        answer: the `grade_id` of the answer cell, as in "skipnet7".
        name: the class's name.
        lesson: the lesson it belongs to.
        head: the class's text down to the line before `forward`, as the lesson gives it; where
            students write a part of it, with that part right.
        forward: the right `forward`, as text.
        misconceptions: wrong ones; of several that match, the first names the mistake.
        sizes: the size of each trial; the first has all widths equal, the last is the lesson's.
        input_shape: shape of one example, from the constructor arguments.
        output_shape: shape of a result, in the words of a check.
        writes_init: whether students write a part of `__init__`, too.
        starts: the value that a parameter must start with, for those that are single numbers.
        rival: a network, trained likewise, whose loss the trained network must stay below; None
            where an exercise asks for no training.
        loss_bound: what the loss after the short training must stay below.
    """

    answer: str
    name: str
    lesson: str
    head: str
    forward: str
    misconceptions: tuple[Misconception, ...]
    sizes: tuple[Size, ...]
    input_shape: Callable[[Arguments], tuple[int, ...]]
    output_shape: str = "(examples, output_size)"
    writes_init: bool = False
    starts: dict[str, float] = field(default_factory=dict)
    rival: Exercise | None = None
    loss_bound: float = float("inf")

    def source(self, forward: str | None = None, after: str = "", head: str = "") -> str:
        """Return the text of the class with the right `forward` and head, or with others."""
        body = indent((forward or self.forward).strip("\n"), "    ")
        return f"{(head or self.head).strip()}\n\n{body}\n\n{after}".rstrip() + "\n"

    def network(
        self, forward: str | None = None, after: str = "", head: str = ""
    ) -> type[nn.Module]:
        """Return the class with the right `forward` and head, or with others.

        Only text of the course itself comes here, never a student's.
        """
        return _compile(self.source(forward, after, head), self.name)

    @property
    def is_normalised(self) -> bool:
        """Whether the network has batch normalisations."""
        return "nn.BatchNorm" in self.head

    def draw_challenge(self, seed: int) -> Challenge:
        """Draw a challenge, or find the one that was drawn before.

        Args:
            seed: the same seed gives the same challenge.

        Returns:
            One trial for each of `sizes`. Others hold it, too: nobody may change it.
        """
        return _draw_challenge(self, seed)

    def draw_training(self, seed: int) -> TrainingChallenge:
        """Draw a short training: PyTorch's own initial weights, the lesson's data, fewer examples.

        Args:
            seed: the same seed gives the same challenge.

        Returns:
            The training. Others hold it, too: nobody may change it.
        """
        return _draw_training(self, seed)

    def tracing(self) -> Tracing:
        """Return the question how a network is wired, in all sizes but the lesson's own."""
        return _tracing(self)


@lru_cache(maxsize=KEPT)
def _draw_challenge(exercise: Exercise, seed: int) -> Challenge:
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        trials = tuple(_draw_trial(exercise, size, generator) for size in exercise.sizes)
    return Challenge(seed, trials)


def _draw_trial(exercise: Exercise, size: Size, generator: torch.Generator) -> Trial:
    """Draw a trial of one size; where that fails, say of which exercise and size."""
    try:
        return draw_trial(
            exercise.network(),
            size,
            exercise.input_shape(size.arguments),
            generator,
            thorough=size is exercise.sizes[0],
        )
    except Exception as error:  # the author's mistake, whatever it is
        raise RuntimeError(
            f"the course's own {exercise.name} cannot be asked anything with {size.arguments}: "
            f"{type(error).__name__}: {error}"
        ) from error


@lru_cache(maxsize=KEPT)
def _draw_training(exercise: Exercise, seed: int) -> TrainingChallenge:
    arguments = exercise.sizes[-1].arguments
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = construct(exercise.network(), arguments).float()
    weights = {name: values.detach() for name, values in model.named_parameters()}
    data = make_data(64, arguments["input_size"], arguments["output_size"], seed=seed)
    return TrainingChallenge(seed, arguments, weights, data)


@cache
def _tracing(exercise: Exercise) -> Tracing:
    sizes = tuple(size.arguments for size in exercise.sizes[:-1])
    return Tracing(sizes, tuple(exercise.input_shape(arguments) for arguments in sizes))


@cache
def _compile(source: str, name: str) -> type[nn.Module]:
    namespace: dict[str, Any] = {"torch": torch, "nn": nn, "F": nn.functional, "np": np} | GIVEN
    with torch.random.fork_rng(devices=[]):  # some misconceptions make a network right away
        exec(compile(source, f"<{name}>", "exec"), namespace)
    return namespace[name]


@cache
def all_exercises() -> dict[str, Exercise]:
    """Return every exercise of every lesson, by the `grade_id` of its answer.

    Raises:
        ValueError: two exercises have the same.
    """
    package = importlib.import_module("skiplab.checks")
    exercises = {}
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("lesson_"):
            lesson = importlib.import_module(f"skiplab.checks.{module.name}")
            for exercise in lesson.EXERCISES:
                if exercise.answer in exercises:
                    raise ValueError(f"{module.name}: another exercise is “{exercise.answer}”, too")
                exercises[exercise.answer] = exercise
    return exercises
