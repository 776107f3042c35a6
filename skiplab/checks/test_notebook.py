"""The tests that `pytest --pyargs skiplab.checks --notebook PATH` runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from skiplab.checks.answers import read_lesson, running_answers
from skiplab.checks.exercise import Exercise
from skiplab.checks.judge import Verdict, judge_training, judge_wiring

SEED = 0


@pytest.fixture(scope="session")
def verdict_of(pytestconfig: pytest.Config) -> Iterator[Callable[[Exercise, str], Verdict]]:
    """Give the verdict on an exercise's check; each is reached once."""
    if pytestconfig.getoption("--notebook") is None:
        pytest.fail("say which notebook, with --notebook PATH", pytrace=False)
    path = Path(pytestconfig.getoption("--notebook")).resolve()
    notebook, _ = read_lesson(path)
    with running_answers(notebook, path.parent) as (ask, stopped):

        @cache
        def verdict(exercise: Exercise, check: str) -> Verdict:
            if exercise.answer in stopped:
                pytest.fail(f"its cell stopped with {stopped[exercise.answer]}", pytrace=False)
            if check == "wiring":
                question = exercise.draw_challenge(SEED)
                return judge_wiring(exercise, question, ask(exercise.name, question))
            wiring = verdict(exercise, "wiring")
            question = exercise.draw_training(SEED)
            seen = ask(exercise.name, question) if wiring.passed else None
            return judge_training(exercise, wiring, question, seen)

        yield verdict


def test_answer(
    verdict_of: Callable[[Exercise, str], Verdict], property_of_check: tuple[Exercise, str, str]
) -> None:
    """Hold one answer to one property of one check."""
    exercise, check, name = property_of_check
    verdict = verdict_of(exercise, check)
    if verdict.held[name] is None:
        pytest.skip("not looked at: a property before it does not hold")
    if not verdict.held[name]:
        pytest.fail(verdict.message, pytrace=False)
