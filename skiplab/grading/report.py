"""What came out of grading a lesson: a table for the terminal, a page, and the grades as CSV."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from jinja2 import Environment, PackageLoader, StrictUndefined
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.utils import is_grade, is_solution
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from skiplab.course.directory import Course
from skiplab.grading.export import CsvExport
from skiplab.grading.intake import Submission
from skiplab.grading.jail import SANDBOX
from skiplab.grading.plugins import RECORD

NO_SANDBOX = (
    "Graded without a sandbox: a student's code could read and change what this account can."
)


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


def collect(
    course: Course, lesson: str, submissions: list[Submission], problems: dict[str, str]
) -> list[Row]:
    """The results of a lesson, from the gradebook and the autograded notebooks.

    Args:
        course: The course directory.
        lesson: The lesson.
        submissions: What was handed in.
        problems: Why some could not be graded, by student.
    """
    coursedir = course.nbgrader(lesson)
    cells = graded_cells(course, lesson)
    rows = []
    with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
        for submission in submissions:
            student = submission.student
            row = Row(student, problems.get(student))
            rows.append(row)
            path = course.root / "autograded" / student / lesson / f"{lesson}.ipynb"
            if row.problem is None and not path.is_file():
                row.problem = "not graded yet"
            if row.problem is not None:
                continue
            graded = nbformat.read(path, as_version=4)
            row.diagnoses = diagnose(graded)
            record = graded.metadata.get(RECORD, {})
            row.notes = tuple(record.get("notes", []))
            row.isolation = record.get("isolation", "")
            for cell, most in cells.items():
                try:
                    grade = gradebook.find_grade(cell, lesson, lesson, student)
                except MissingEntry:
                    row.scores[cell] = Score(0, most)
                    continue
                waiting = grade.needs_manual_grade and grade.manual_score is None
                row.scores[cell] = Score(None if waiting else grade.score or 0, most)
            feedback = course.root / "feedback" / student / lesson / f"{lesson}.html"
            if feedback.is_file():
                row.feedback = f"../{feedback.relative_to(course.root).as_posix()}"
    return rows


def graded_cells(course: Course, lesson: str) -> dict[str, float]:
    """The graded cells of a lesson, in order, and the most points for each."""
    notebook = nbformat.read(course.source(lesson), as_version=4)
    return {
        cell.metadata.nbgrader.grade_id: float(cell.metadata.nbgrader.points)
        for cell in notebook.cells
        if is_grade(cell)
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
            lines = [line.strip() for line in output.evalue.splitlines() if line.strip()]
            # Python names a cell by a temporary file that nobody else has.
            said = re.sub(r"\(\S*\.py, line (\d+)\)", r"(line \1)", lines[0]) if lines else ""
            if output.ename in ("CheckFailed", "Stopped", "CellTimeoutError"):
                return said or "took too long and was stopped"
            return f"{output.ename}: {said}" if said else output.ename
        if output.output_type == "stream" and output.name == "stderr":
            return f"wrote to stderr: {(output.text.strip().splitlines() or [''])[0]}"
    return None


def print_table(lesson: str, rows: list[Row], console: Console) -> None:
    """Print the results.

    Args:
        lesson: The lesson.
        rows: Its results.
        console: Where.
    """
    cells = next((row.scores for row in rows if row.scores), {})
    is_wide = console.width >= 110  # else what went wrong goes below, where it has room
    table = Table(title=lesson, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    table.add_column("student", no_wrap=True)
    for cell, score in cells.items():
        heading = cell.replace("-", "\n")
        table.add_column(f"{heading}\nof {score.most:g}", justify="right", no_wrap=True)
    table.add_column(f"total\nof {sum(score.most for score in cells.values()):g}", justify="right")
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
