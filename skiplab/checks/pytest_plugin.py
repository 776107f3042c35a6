"""`pytest --pyargs skiplab.checks --notebook PATH`: the checks of a lesson as tests.

Every property of every check is a test of its own. The answers run in a kernel; the verdict is
reached here.
"""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the notebook whose answers are to be tested."""
    parser.getgroup("skiplab").addoption(
        "--notebook",
        metavar="PATH",
        help="a lesson's notebook: its answers are held to every property of every check",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Say at once, in a line, if the notebook is none."""
    path = config.getoption("--notebook")
    if path is None:
        return
    # Imported late: this module is loaded in every run of pytest, whatever is tested.
    from skiplab.checks.answers import NotALesson, read_lesson

    try:
        read_lesson(Path(path))
    except NotALesson as error:
        raise pytest.UsageError(f"--notebook: {error}") from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of every property of every check of the notebook's lesson."""
    if "property_of_check" not in metafunc.fixturenames:
        return
    path = metafunc.config.getoption("--notebook")
    if path is None:
        metafunc.parametrize("property_of_check", [None], ids=["no-notebook"])
        return
    from skiplab.checks.answers import read_lesson
    from skiplab.checks.judge import TRAINING, wiring_lines

    _, exercises = read_lesson(Path(path))
    cases = [
        (exercise, "wiring", name) for exercise in exercises for name in wiring_lines(exercise)
    ]
    cases += [
        (exercise, "trains", name)
        for exercise in exercises
        if exercise.rival is not None
        for name in TRAINING
    ]
    metafunc.parametrize(
        "property_of_check",
        cases,
        ids=[f"{exercise.answer}-{check}-{name}" for exercise, check, name in cases],
    )
