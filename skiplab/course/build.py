"""Build `release/` (what students get) and `solutions/` (solved, run, with pictures).

Both are made from `source/` by nbgrader's own converters. A built notebook carries in its metadata
a hash of what it was made from, so only what is out of date is built again, whatever the time
stamps of a fresh clone say.
"""

import ast
import shutil
import tempfile
import time
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.converters import GenerateAssignment, GenerateSolution
from nbgrader.preprocessors import ClearMarkScheme, ClearOutput, IncludeHeaderFooter, LockCells
from rich.console import Console

import skiplab
from skiplab.checks.exercise import all_exercises
from skiplab.course.contents import content_files, content_hash
from skiplab.course.directory import (
    ConversionError,
    Course,
    convert,
    list_fonts,
    pick_lessons,
)
from skiplab.errors import CourseError

# What a solved notebook depends on besides its source.
_PACKAGE = Path(skiplab.__file__).parent
_BEHIND_SOLUTIONS = (_PACKAGE / "lesson", _PACKAGE / "checks")


def build(
    course: Course,
    lessons: list[str],
    to: Path | None = None,
    force: bool = False,
    console: Console | None = None,
    solutions: bool = True,
    cell_seconds: int = 30,
) -> None:
    """Build the release and the solution of lessons, where they are out of date.

    A notebook is put in place in one step when it is finished: an interrupted build leaves the
    old one.

    Args:
        course: The course.
        lessons: Which lessons; none means all.
        to: Where `release/` and `solutions/` go; the course's root by default.
        force: Build what is up to date, too.
        console: Where to tell about it; standard output by default.
        solutions: Build the solutions, too: that takes a minute or two each.
        cell_seconds: The longest a cell of a solution may take; the default is for a machine with
            nothing else to do.

    Raises:
        CourseError: A lesson could not be built; the message says which, where and why.
    """
    console = console or Console(highlight=False)
    to = to or course.root
    for lesson in pick_lessons(course, lessons):
        release = to / "release" / lesson / f"{lesson}.ipynb"
        solution = to / "solutions" / lesson / f"{lesson}.ipynb"
        release_hash = content_hash(course.source(lesson).parent)
        solution_hash = content_hash(course.source(lesson).parent, *_BEHIND_SOLUTIONS)
        stale_release = force or _made_from(release) != release_hash
        stale_solution = solutions and (force or _made_from(solution) != solution_hash)
        if not stale_release and not stale_solution:
            console.print(f"{lesson}: up to date")
            continue
        with tempfile.TemporaryDirectory(prefix="skiplab-build-") as folder:
            made_release, made_solution = _generate(course, lesson, Path(folder))
            # The solution comes first: a lesson whose own answers fail its checks is not released.
            if stale_solution:
                with console.status(f"{lesson}: running the solution") as status:
                    told = _execute(
                        made_solution, course.source(lesson), cell_seconds, status.update
                    )
                _look_at_mistakes(lesson)
            if stale_release:
                _put(made_release, release, release_hash)
                console.print(f"{lesson}: release built")
            if stale_solution:
                _put(made_solution, solution, solution_hash)
                console.print(f"{lesson}: solution built, {told}", soft_wrap=True)


def _generate(course: Course, lesson: str, folder: Path) -> tuple[Path, Path]:
    """Have nbgrader make the release and the solution of a lesson, with a throw-away gradebook.

    Returns:
        The two notebooks.
    """
    coursedir = course.nbgrader(
        lesson,
        release_directory=str(folder / "release"),
        solution_directory=str(folder / "solutions"),
        db_url=f"sqlite:///{folder / 'gradebook.db'}",
    )
    config = course.config.copy()
    # Without Execute, whose settings are meant for grading: the solution is run below.
    config.GenerateSolution.preprocessors = [
        IncludeHeaderFooter,
        LockCells,
        ClearOutput,
        ClearMarkScheme,
    ]
    try:
        convert(GenerateAssignment, coursedir, config)
        convert(GenerateSolution, coursedir, config)
    except ConversionError as error:
        raise CourseError(f"{course.source(lesson)}: {error}") from error
    return tuple(folder / kind / lesson / f"{lesson}.ipynb" for kind in ("release", "solutions"))


def _look_at_mistakes(lesson: str) -> None:
    """Refuse a lesson with a catalogued mistake that is no Python: it would end a student's check.

    Raises:
        CourseError: There is one; the message says which, where and why.
    """
    texts = (
        (exercise.answer, one.name, exercise.source(forward, one.after, one.head))
        for exercise in all_exercises().values()
        if exercise.lesson == lesson
        for one in exercise.misconceptions
        for forward in (one.forward, *one.same)
    )
    for answer, name, text in texts:
        try:
            ast.parse(text)
        except SyntaxError as error:
            raise CourseError(
                f"{answer}: the misconception {name} is not Python: "
                f"{error.msg}, in {(error.text or '').strip()!r}"
            ) from error


def _execute(path: Path, source: Path, cell_seconds: int, tell: Callable[[str], None]) -> str:
    """Run every cell of a notebook, those that only demonstrate too, and keep what they show.

    Args:
        path: The notebook; replaced by the one with outputs.
        source: The source notebook: cells run in its folder, as nbgrader has them.
        cell_seconds: The longest a cell may take.
        tell: Told which cell is running.

    Returns:
        How long it took, in words.

    Raises:
        CourseError: A cell failed, took too long, or wrote to stderr (nbgrader would give a
            graded cell no points for that).
    """
    list_fonts()
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=cell_seconds,
        iopub_timeout=cell_seconds,
        startup_timeout=120,
        shutdown_kernel="immediate",
        extra_arguments=["--log-level=ERROR"],  # it warns of talking over TCP, on this machine
        skip_cells_with_tag="",
        record_timing=False,  # a build must not differ from the next one
        resources={"metadata": {"path": str(source.parent)}},
    )
    code = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    seconds = {}
    with client.setup_kernel():
        for number, index in enumerate(code, 1):
            cell = notebook.cells[index]
            tell(f"{path.stem}: running cell {number} of {len(code)} ({cell.id})")
            started = time.monotonic()
            problem = _execute_cell(client, cell, index)
            if problem:
                raise CourseError(f"{source}, cell {cell.id}: {problem}")
            seconds[cell.id] = time.monotonic() - started
    nbformat.write(notebook, path)
    slowest = max(seconds, key=seconds.get)
    return (
        f"run in {sum(seconds.values()):.0f} s, at most {seconds[slowest]:.0f} s a cell ({slowest})"
    )


def _execute_cell(client: NotebookClient, cell: NotebookNode, index: int) -> str | None:
    """Run a cell; return what is wrong with how it went, in one line, if anything is."""
    try:
        client.execute_cell(cell, index)
    except CellTimeoutError:
        return f"took longer than {client.timeout} s"
    except CellExecutionError as error:
        return f"{error.ename}: {(error.evalue.splitlines() or [''])[0]}"
    except DeadKernelError:
        return "the kernel died"
    cell.outputs = join_words(cell.outputs)
    for output in cell.outputs:
        if output.output_type == "error":  # where the cell's tags allow it
            return f"{output.ename}: {output.evalue}"
        if output.output_type == "stream" and output.name == "stderr":
            return f"wrote to stderr: {output.text.strip()}"
    return None


def join_words(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Make one output of words that follow each other: in how many parts they arrive is chance.

    nbclient's own way, `coalesce_streams`, takes the words below a figure up to those above it.

    Args:
        outputs: Those of a cell, in order. They are left as they are.

    Returns:
        Them, with no two of words to the same stream next to each other.
    """
    joined: list[NotebookNode] = []
    for (kind, name), group in groupby(outputs, lambda one: (one.output_type, one.get("name"))):
        if kind == "stream":
            joined.append(new_output(kind, name=name, text="".join(one.text for one in group)))
        else:
            joined.extend(group)
    return joined


def _put(made: Path, target: Path, made_from: str) -> None:
    """Put a built notebook, and what lies beside it, in place."""
    notebook = nbformat.read(made, as_version=4)
    notebook.metadata["skiplab"] = {"made_from": made_from}
    nbformat.write(notebook, made)
    target.parent.mkdir(parents=True, exist_ok=True)
    # The notebook comes last: it is what says that the folder is up to date.
    for path in sorted(content_files(made.parent), key=lambda path: path == made):
        place = target.parent / path.relative_to(made.parent)
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{place.name}.part")
        shutil.copyfile(path, part)
        part.replace(place)


def _made_from(path: Path) -> str | None:
    """The hash of what a built notebook was made from, or None where there is none."""
    try:
        return nbformat.read(path, as_version=4).metadata.skiplab.made_from
    except (OSError, AttributeError, nbformat.reader.NotJSONError):
        return None
