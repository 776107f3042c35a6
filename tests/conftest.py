"""What several tests share: the course, its commands, and in which order they start."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

# A job started in the background may be deaf to Ctrl-C, and so are its children. Some tests are
# about Ctrl-C.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
LESSONS = sorted(path.parent.name for path in ROOT.glob("source/*/*.ipynb"))

# nbgrader runs `alembic` by name, in the tests' own process too.
os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
# As nbgrader_config.py has it, and for the same reason.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# `make test` tells every make below it that it is part of the same run: what it then prints, and
# what its `-n` means, is not what a user sees who types the command.
for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES"):
    os.environ.pop(name, None)

# `make test` has a worker for each core and gives it whole files, in this order: a long one that
# was started last would be waited for alone. The others come after these.
LONGEST = [
    "test_attacks",
    "test_attacks_are_real",
    "test_misconceptions",
    "test_cycle",
    "test_gradebook_rows",
    "test_postgresql",
    "test_builds_are_fresh",
    "test_lesson_claims",
    "test_demo",
    "test_fresh_challenges",
    "test_honest_styles",
    "test_failures",
    "test_bad_submissions",
    "test_checks_in_the_terminal",
    "test_uncatalogued_mistakes",
]


def pytest_collection_modifyitems(items):
    rank = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


def run(*command, cwd=ROOT, status=0, **environment):
    """Run a command as a user does; return what it printed.

    It must end with the exit status `status`; None lets any pass.
    """
    done = subprocess.run(
        [str(BIN / command[0]) if (BIN / command[0]).exists() else command[0], *command[1:]],
        cwd=cwd,
        env=os.environ | {key: str(value) for key, value in environment.items()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert status is None or done.returncode == status, f"{command}\n{done.stdout}"
    return done.stdout


def read(path):
    return nbformat.read(path, as_version=4)


def notebook(kind, lesson, root=ROOT):
    """The notebook of a lesson in `source`, `release` or `solutions`."""
    return read(root / kind / lesson / f"{lesson}.ipynb")


def graded(lesson, cell_type=None):
    """The points of the graded cells of a lesson, by id, in order."""
    return {
        cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader.points
        for cell in notebook("source", lesson).cells
        if cell.metadata.get("nbgrader", {}).get("grade") and cell_type in (None, cell.cell_type)
    }


def make_course(folder, *parts):
    """A course directory: the sources, and what else is asked for (`release`, `examples`, …)."""
    for part in ("source", *parts):
        shutil.copytree(ROOT / part, folder / part)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    return folder


def make_small_course(folder):
    """A course with a lesson named `small` that runs in a moment, for what every lesson shares."""
    common = {"schema_version": 3, "task": False}
    answer = {"grade": False, "solution": True, "locked": False, **common}
    test = {"grade": True, "solution": False, "locked": True, "points": 2, **common}
    cells = [nbformat.v4.new_markdown_cell("# Small", id="title")]
    for name, solution, check in (
        ("first", "x = 6 * 7", "assert x == 42"),
        ("second", "y = x + 1", "assert y == 43"),
    ):
        cells += [
            nbformat.v4.new_code_cell(
                f"### BEGIN SOLUTION\n{solution}\n### END SOLUTION",
                id=name,
                metadata={"nbgrader": answer | {"grade_id": name}},
            ),
            nbformat.v4.new_code_cell(
                f"### BEGIN HIDDEN TESTS\n{check}\n### END HIDDEN TESTS",
                id=f"{name}-test",
                metadata={"nbgrader": test | {"grade_id": f"{name}-test"}},
            ),
        ]
    skip = {"tags": ["skip-execution"]}
    cells.append(nbformat.v4.new_code_cell("print('demo', x)", id="demo", metadata=skip))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    (folder / "source" / "small").mkdir(parents=True)
    nbformat.write(made, folder / "source" / "small" / "small.ipynb")
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    return folder


def hand_in(course, student, lesson, contents):
    """Put a notebook, or text that should be one, into a course's `submitted/`."""
    path = course / "submitted" / student / lesson / f"{lesson}.ipynb"
    path.parent.mkdir(parents=True)
    if isinstance(contents, str):
        path.write_text(contents)
    else:
        nbformat.write(contents, path)
    return path


@pytest.fixture(scope="session")
def offline():
    """Environment variables under which Python reaches nothing beyond this machine."""
    return {"PYTHONPATH": str(ROOT / "tests" / "offline")}


@pytest.fixture(scope="session")
def solved():
    """The released notebook of a lesson with the course's answers filled in, by lesson.

    Written answers too: a nbgrader that finds one unchanged takes it for no answer.
    """
    from skiplab.course.directory import open_course
    from skiplab.course.sample import answers, fill_in

    course = open_course(ROOT)
    return {
        lesson: fill_in(
            ROOT / "release" / lesson / f"{lesson}.ipynb",
            answers(course.source(lesson))
            | {name: "Because I have measured it." for name in graded(lesson, "markdown")},
        )
        for lesson in LESSONS
    }
