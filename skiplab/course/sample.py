"""A sample class to grade, and a folder to work in: what `skiplab demo` and `skiplab lab` make."""

import os
import shutil
import sys
import time
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import is_solution
from rich.console import Console

from skiplab.course.build import build
from skiplab.course.directory import Course, open_course
from skiplab.errors import CourseError
from skiplab.grading.grade import grade


def demo(root: Path) -> int:
    """Grade the sample class, all lessons, in `demo/`.

    Args:
        root: The course directory; it has `examples/`.

    Returns:
        0: that some of the samples cannot be graded is part of the show.

    Raises:
        CourseError: There are no samples, or a lesson cannot be built or graded.
    """
    started = time.monotonic()
    console = Console(highlight=False)
    course = open_course(root)
    students = find_samples(course)
    build(course, [], console=console, solutions=False)
    folder = course.root / "demo"
    if folder.exists():
        shutil.rmtree(folder)
    make_sample_course(course, students, folder)
    sample = open_course(folder)
    for lesson in sample.lessons:
        console.print()
        if any((folder / "submitted").glob(f"*/{lesson}")):
            grade(sample, lesson, [], console)
        else:
            console.print(f"{lesson}: nobody in the sample class has handed it in")
    console.print(f"\nThe sample class is graded: {time.monotonic() - started:.0f} s in all.")
    return 0


def find_samples(course: Course) -> list[Path]:
    """The folders of the sample class in `examples/`.

    In each, `ANSWER.py` or `ANSWER.md` is what stands in the answer cell of that id, and
    `LESSON.ipynb` a whole submission. A student hands in the lessons there is a file for; in them,
    where there is none, code is the course's own solution and a written answer is not given.

    Args:
        course: The course.

    Raises:
        CourseError: There are none, or a file there is for no answer of the course.
    """
    examples = course.root / "examples"
    students = sorted(path for path in examples.glob("*") if path.is_dir())
    if not students:
        raise CourseError(f"There is no sample class in {examples}.")
    known = {name for lesson in course.lessons for name in answers(course.source(lesson))}
    for path in (path for student in students for path in student.iterdir()):
        if path.stem not in known | set(course.lessons):
            raise CourseError(f"{path}: the course has no answer “{path.stem}”.")
    return students


def make_sample_course(course: Course, students: list[Path], to: Path) -> None:
    """Make a course directory with the submissions of a sample class.

    Args:
        course: Where the lessons come from, built.
        students: The folders with their answers; see `find_samples`.
        to: The new course directory.
    """
    shutil.copytree(course.root / "source", to / "source")
    shutil.copy(course.root / "nbgrader_config.py", to)
    for student in students:
        given = {path.stem: path for path in student.iterdir()}
        for lesson in course.lessons:
            own = answers(course.source(lesson))
            if not given.keys() & {lesson, *own}:
                continue
            submission = to / "submitted" / student.name / lesson / f"{lesson}.ipynb"
            submission.parent.mkdir(parents=True)
            if lesson in given:
                shutil.copy(given[lesson], submission)
                continue
            texts = own | {
                name: given[name].read_text(encoding="utf-8").strip()
                for name in own.keys() & given.keys()
            }
            release = course.root / "release" / lesson / submission.name
            nbformat.write(fill_in(release, texts), submission)


def fill_in(release: Path, answers: dict[str, str]) -> NotebookNode:
    """A released notebook with answers written into it.

    Args:
        release: The notebook.
        answers: What stands in an answer cell, by its id; other ids are ignored.
    """
    notebook = nbformat.read(release, as_version=4)
    for cell in notebook.cells:
        if is_solution(cell) and cell.metadata.nbgrader.grade_id in answers:
            cell.source = answers[cell.metadata.nbgrader.grade_id]
    return notebook


def lab(root: Path, arguments: list[str]) -> int:
    """Open JupyterLab on a copy of the released lessons, in `lab/`.

    A lesson that is there already stays as it is, with the work in it.

    Args:
        root: The course directory.
        arguments: Handed on to JupyterLab.

    Raises:
        CourseError: A lesson cannot be built.
    """
    console = Console(highlight=False)
    course = open_course(root)
    build(course, [], console=console, solutions=False)
    folder = course.root / "lab"
    for lesson in course.lessons:
        if (folder / lesson).exists():
            console.print(
                f"{lesson}: kept as you left it (to start afresh, move lab/{lesson} away)"
            )
        else:
            shutil.copytree(course.root / "release" / lesson, folder / lesson)
            console.print(f"{lesson}: copied from release/")
    console.print(f"Your work is kept in {folder}", soft_wrap=True)
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", str(folder), *arguments])


def answers(source: Path) -> dict[str, str]:
    """The course's own answers to the code cells of a lesson, by id; none for written ones."""
    return {
        cell.metadata.nbgrader.grade_id: "\n".join(
            line
            for line in cell.source.splitlines()
            if "BEGIN SOLUTION" not in line and "END SOLUTION" not in line
        )
        if cell.cell_type == "code"
        else "YOUR ANSWER HERE"
        for cell in nbformat.read(source, as_version=4).cells
        if is_solution(cell)
    }
