"""Repeat a recorded grading: the same notebook, the same challenges, the same random streams."""

from __future__ import annotations

import copy
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import determine_grade, is_grade, is_solution
from rich.console import Console

from skiplab.course.directory import Course, pick_lessons
from skiplab.errors import CourseError, UsageError
from skiplab.grading.cells import RECORD
from skiplab.grading.execute import Grading, run_notebook
from skiplab.grading.plugins import RunInJail, warm_jail
from skiplab.grading.results import fingerprint, package_hash


def replay(course: Course, lesson: str, student: str, console: Console | None = None) -> int:
    """Grade once more what was graded, from the record in the autograded notebook, and compare.

    Nothing is written: gradebook, notebook and feedback stay as they are.

    Args:
        course: The course directory.
        lesson: The lesson.
        student: Whose.
        console: Where to tell about it; standard output by default.

    Returns:
        0 where every score and every message comes out the same, 1 where one does not.

    Raises:
        CourseError: There is no record, it was changed since, or there is no jail.
        UsageError: There is no such lesson.
    """
    console = console or Console(highlight=False)
    pick_lessons(course, [lesson])
    path = course.root / "autograded" / student / lesson / f"{lesson}.ipynb"
    recorded, record = _read(path, student)
    again = copy.deepcopy(recorded)
    for cell in again.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    if fingerprint(again) != record["work"]:
        raise CourseError(f"{path} was changed after it was graded: it cannot be repeated.")
    if record["package"] != package_hash():
        console.print("skiplab has changed since: what differs may be due to that.")
    settings = RunInJail(config=course.config)
    jail = warm_jail(record["isolation"], course.root, course.config)
    with console.status(f"{lesson}: {student}") as status:
        run_notebook(
            again,
            lesson,
            jail.door,
            Grading(record["seed"], record["isolation"]),
            settings.limits,
            course.source(lesson).parent,
            lambda done, of: status.update(f"{lesson}: {student}, cell {done + 1} of {of}"),
        )
    jail.close()
    same = True
    for old, new in zip(recorded.cells, again.cells, strict=True):
        if old.cell_type != "code" or not is_grade(old) or is_solution(old):
            continue
        before, after = _result(old), _result(new)
        same = same and before == after
        name = old.metadata.nbgrader.grade_id
        console.print(f"{name:24} {before[0]:g} then, {after[0]:g} now", end="")
        console.print(", the same words" if before[1] == after[1] else ", other words")
    console.print("Repeated exactly." if same else "Not the same.")
    return 0 if same else 1


def _read(path: Path, student: str) -> tuple[NotebookNode, dict]:
    """An autograded notebook and the record in it."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise UsageError(f"{student} has no graded notebook at {path}.") from None
    record = notebook.metadata.get(RECORD, {})
    if not {"seed", "isolation", "work", "package"} <= record.keys():
        raise CourseError(f"{path} holds no record of its grading: grade it again.")
    return notebook, record


def _result(cell: NotebookNode) -> tuple[float, list[str]]:
    """The score of a grade cell, and what was said."""
    said = [output.get("text", output.get("evalue", "")) for output in cell.outputs]
    return determine_grade(cell)[0], said
