"""What came out of grading a lesson: a table for the terminal, a page, and the grades as CSV."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import Environment, PackageLoader, StrictUndefined
from nbformat import NotebookNode
from nbformat.v4 import reads_json
from nbgrader.api import Gradebook
from nbgrader.utils import is_grade, is_solution, is_task
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from skiplab.course.directory import Course, one_line
from skiplab.grading.cells import RECORD
from skiplab.grading.export import CsvExport
from skiplab.grading.intake import odd_name, why_not
from skiplab.grading.jail import SANDBOX
from skiplab.grading.record import Marks, Recorder

NO_SANDBOX = (
    "Graded without a sandbox: a student's code could read and change what this account can."
)

# Columns that student, total and diagnosis need beside the points.
ROOM = 60


@dataclass
class Score:
    """What a student got for one graded cell; `points` is None where nobody has marked it yet."""

    points: float | None
    most: float

    def __str__(self) -> str:
        """As a table shows it."""
        return "to be marked" if self.points is None else f"{self.points:g}"


@dataclass
class Row:
    """The result of one student.

    Attributes:
        student: Who.
        problem: Why the submission could not be graded; None where it was.
        scores: A score for each graded cell; none where it could not be graded.
        diagnoses: What went wrong, by graded cell.
        notes: What was odd about the submission.
        feedback: The page for the student, seen from `report/`.
        isolation: How the student's code was kept apart, "sandbox" or "process"; "" if unknown.
    """

    student: str
    problem: str | None = None
    scores: dict[str, Score] = field(default_factory=dict)
    diagnoses: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    feedback: str | None = None
    isolation: str = ""

    @property
    def total(self) -> float:
        """The points so far."""
        return sum(score.points or 0 for score in self.scores.values())

    @property
    def remarks(self) -> list[str]:
        """What there is to say, each thing once."""
        problem = [f"not graded: {self.problem}"] if self.problem else []
        return list(dict.fromkeys([*problem, *self.diagnoses.values(), *self.notes]))


def make_row(student: str, graded: NotebookNode, marks: Marks, cells: dict[str, float]) -> Row:
    """The result of one student.

    Args:
        student: Who.
        graded: The autograded notebook.
        marks: What the gradebook holds.
        cells: The graded cells, in order, and the most points for each.
    """
    record = graded.metadata.get(RECORD, {})
    waiting = {cell for cell in marks.waiting if marks.manual.get(cell) is None}
    return Row(
        student,
        scores={
            cell: Score(None if cell in waiting else marks.score(cell), most)
            for cell, most in cells.items()
        },
        diagnoses=diagnose(graded),
        notes=tuple(record.get("notes", [])),
        isolation=record.get("isolation", ""),
    )


def earlier_rows(
    course: Course, lesson: str, students: list[str], recorder: Recorder
) -> Iterator[Row]:
    """The results of students who were graded before, or not yet.

    Args:
        course: The course directory.
        lesson: The lesson.
        students: Who.
        recorder: Reads the gradebook.
    """
    cells = graded_cells(course, lesson)
    for start in range(0, len(students), 100):
        some = students[start : start + 100]
        marks = recorder.marks(some)
        for student in some:
            path = course.root / "autograded" / student / lesson / f"{lesson}.ipynb"
            if path.is_file() and student in marks:
                try:
                    graded = reads_json(path.read_text(encoding="utf-8"))
                    yield make_row(student, graded, marks[student], cells)
                except Exception as error:  # a file of any content
                    why = f"{path.relative_to(course.root)} cannot be read ({one_line(error)})"
                    yield Row(student, f"{why}: grade it again")
            else:
                submitted = course.root / "submitted" / student / lesson
                why = odd_name(student) or why_not(submitted, lesson)
                yield Row(student, why or "not graded yet")


def graded_cells(course: Course, lesson: str) -> dict[str, float]:
    """The graded cells of a lesson, in order, and the most points for each."""
    notebook = nbformat.read(course.source(lesson), as_version=4)
    return {
        cell.metadata.nbgrader.grade_id: float(cell.metadata.nbgrader.points)
        for cell in notebook.cells
        if is_grade(cell) or is_task(cell)
    }


def diagnose(notebook: NotebookNode) -> dict[str, str]:
    """What went wrong in the graded code cells of an autograded notebook.

    Args:
        notebook: The notebook, as nbgrader's `autograde` leaves it.

    Returns:
        One line for each graded cell that failed, by its id.
    """
    diagnoses = {}
    broken = []  # the answer cells so far that stopped: source, id, why
    for cell in notebook.cells:
        failure = _failure(cell) if cell.cell_type == "code" else None
        if failure is None:
            continue
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if is_solution(cell):
            broken.append((cell.source, name, failure))
        elif is_grade(cell):
            missing = re.match(r"NameError: name '(\w+)' is not defined", failure)
            for source, answer, cause in broken:
                if missing and missing[1] in source:
                    failure = f"its answer cell, {answer}, stopped with {cause}"
            diagnoses[name] = failure
    return diagnoses


def _failure(cell: NotebookNode) -> str | None:
    """Why a cell failed, in one line; None where it did not."""
    for output in cell.outputs:
        if output.output_type == "error":
            # Python names a cell by a temporary file that nobody else has.
            said = re.sub(r"\(\S*\.py, line (\d+)\)", r"(line \1)", _first_line(output.evalue))
            if output.ename in ("CheckFailed", "Stopped", "CellTimeoutError"):
                return said or "took too long and was stopped"
            return f"{output.ename}: {said}" if said else output.ename
        if output.output_type == "stream" and output.name == "stderr":
            return f"wrote to stderr: {_first_line(output.text)}"
    return None


def _first_line(text: str) -> str:
    """The first line that is not empty, without what is too long for a table."""
    return (text.lstrip()[:MOST_SAID].splitlines() or [""])[0].strip()


MOST_SAID = 500  # characters of a diagnosis
MOST_SHOWN = 60  # rows of the table in the terminal


def print_summary(lesson: str, rows: list[Row], console: Console) -> None:
    """Print the results: everybody's, or of a large class what they have in common.

    Args:
        lesson: The lesson.
        rows: Its results.
        console: Where.
    """
    if len(rows) <= MOST_SHOWN:
        print_table(lesson, rows, console)
        return
    graded = [row for row in rows if row.scores]
    table = Table(title=lesson, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for heading in ("cell", "points", "mean", "full", "none", "to be marked"):
        table.add_column(heading, justify="left" if heading == "cell" else "right")
    for cell in graded[0].scores if graded else ():
        scores = [row.scores[cell] for row in graded]
        given = [score.points for score in scores if score.points is not None]
        table.add_row(
            Text(cell),
            f"{scores[0].most:g}",
            f"{sum(given) / len(given):.2f}" if given else "–",
            str(sum(points >= scores[0].most for points in given)),
            str(sum(points == 0 for points in given)),
            str(len(scores) - len(given)),
        )
    console.print(table)
    said = Counter(
        f"{cell}: {diagnosis}" for row in graded for cell, diagnosis in row.diagnoses.items()
    )
    if said:
        console.print("Most frequent diagnoses")
        for diagnosis, count in said.most_common(8):
            console.print(Text(f"{count:6}  {diagnosis}"), soft_wrap=True)
    for row in rows:
        if row.problem:
            console.print(Text(f"{row.student}  not graded: {row.problem}"), soft_wrap=True)
    console.print()


def as_values(row: Row) -> dict[str, Any]:
    """The result of one student as plain values, for machines.

    Args:
        row: The result.
    """
    return {
        "student": row.student,
        "problem": row.problem,
        "total": row.total if row.scores else None,
        "scores": {
            cell: {"points": score.points, "most": score.most} for cell, score in row.scores.items()
        },
        "diagnoses": row.diagnoses,
        "notes": list(row.notes),
    }


def print_table(lesson: str, rows: list[Row], console: Console) -> None:
    """Print the results.

    Args:
        lesson: The lesson.
        rows: Its results.
        console: Where.
    """
    cells = next((row.scores for row in rows if row.scores), {})
    headings = [f"{cell}-of {score.most:g}".split("-") for cell, score in cells.items()]
    needed = sum(max(map(len, heading)) + 3 for heading in headings)
    # Else what went wrong goes below, where it has room.
    is_wide = console.width >= needed + ROOM
    table = Table(
        title=lesson,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        padding=(0, 1 if is_wide else 0),
        pad_edge=False,
    )
    table.add_column("student", no_wrap=True)
    for heading in headings:  # where there is no room, a long word goes on in the next line
        table.add_column("\n".join(heading), justify="right", overflow="fold")
    most = sum(score.most for score in cells.values())
    table.add_column(f"total\nof {most:g}", justify="right", no_wrap=True)
    if is_wide:
        table.add_column("diagnosis", ratio=1)
    below = Table.grid(padding=(0, 2, 0, 0))
    for row in rows:
        scores = [str(row.scores[cell]) if row.scores else "–" for cell in cells]
        total = f"{row.total:g}" if row.scores else "–"
        said = Text("\n".join(row.remarks))
        table.add_row(Text(row.student), *scores, total, *[said] * is_wide)
        if said:
            below.add_row(Text(row.student), said)
    console.print(table)
    if not is_wide:
        console.print(below)
        console.print()


def write_page(course: Course, lesson: str, rows: list[Row]) -> Path:
    """Write the results as a page for the instructor.

    Args:
        course: The course directory.
        lesson: The lesson.
        rows: Its results.

    Returns:
        The page.
    """
    templates = Environment(
        loader=PackageLoader("skiplab.grading", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = templates.get_template("report.html.j2").render(
        lesson=lesson,
        rows=rows,
        cells=graded_cells(course, lesson),
        warning=NO_SANDBOX if any(row.isolation not in ("", SANDBOX) for row in rows) else "",
    )
    page = course.root / "report" / f"{lesson}.html"
    page.parent.mkdir(exist_ok=True)
    page.write_text(text, encoding="utf-8")
    return page


def write_csv(course: Course) -> Path:
    """Write the grades of all lessons graded so far, as `nbgrader export` does.

    Args:
        course: The course directory.

    Returns:
        The file.
    """
    coursedir = course.nbgrader("")
    path = course.root / "report" / "grades.csv"
    path.parent.mkdir(exist_ok=True)
    with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
        CsvExport(config=course.config, to=str(path)).export(gradebook)
    return path
