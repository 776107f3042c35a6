"""Grade a lesson: find what was handed in, have nbgrader grade each, report."""

import glob
import tempfile
import time
from collections.abc import Iterable

from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from skiplab.course.directory import (
    ConversionError,
    Course,
    CourseError,
    UsageError,
    convert,
    pick_lessons,
)
from skiplab.grading.intake import Submission, find_submissions
from skiplab.grading.jail import SANDBOX, Jail
from skiplab.grading.plugins import RunInJail, warm_jail
from skiplab.grading.report import NO_SANDBOX, collect, print_table, write_csv, write_page


def grade(
    course: Course,
    lesson: str,
    students: list[str],
    console: Console | None = None,
    isolation: str | None = None,
) -> int:
    """Grade what was handed in for a lesson; leave gradebook, feedback and report.

    Args:
        course: The course directory.
        lesson: The lesson.
        students: Whose; none means everybody's.
        console: Where to tell about it; standard output by default.
        isolation: "sandbox" or "process"; by default what nbgrader_config.py says, or a sandbox.

    Returns:
        0 where everything was graded, 1 where something could not be.

    Raises:
        CourseError: Nothing was handed in, the lesson cannot be put into the gradebook, or there
            is no sandbox.
        UsageError: There is no such lesson, or no such student.
    """
    console = console or Console(highlight=False)
    started = time.monotonic()
    pick_lessons(course, [lesson])
    everything = find_submissions(course.root / "submitted", lesson)
    if not everything:
        raise CourseError(
            f"Nothing to grade: there is no submitted/STUDENT/{lesson} in {course.root}."
        )
    handed_in = {submission.student for submission in everything}
    for student in students:
        if student not in handed_in:
            raise UsageError(f"{student} has handed in nothing for {lesson}.")
    chosen = [one for one in everything if not students or one.student in students]

    if isolation is not None:
        course.config.RunInJail.isolation = isolation
    jail = _jail(course)  # kept for the whole class
    register(course, lesson)
    problems = {one.student: one.problem for one in everything if one.problem}
    for submission in _with_progress(chosen, lesson, console):
        problem = submission.problem or grade_one(course, lesson, submission.student)
        if problem:
            problems[submission.student] = problem
            enrol(course, lesson, submission.student)

    jail.close()
    rows = collect(course, lesson, everything, problems)
    page = write_page(course, lesson, rows)
    csv = write_csv(course)
    shown = [row for row in rows if row.student in {one.student for one in chosen}]
    print_table(lesson, shown, console)
    console.print(f"Report     {page}", soft_wrap=True)
    console.print(f"Grades     {csv}", soft_wrap=True)
    console.print(f"Feedback   {course.root / 'feedback'}/STUDENT/{lesson}", soft_wrap=True)
    if jail.isolation != SANDBOX:
        console.print(NO_SANDBOX, style="bold red")
    console.print(f"{len(shown)} submissions in {time.monotonic() - started:.0f} s")
    return 1 if any(row.problem for row in shown) else 0


def _jail(course: Course) -> Jail:
    """The jail that all submissions of a run share."""
    if "GradingExporter" not in str(course.config.Autograde.get("exporter_class")):
        raise CourseError(
            f"{course.root / 'nbgrader_config.py'} does not grade in a jail: it is from an earlier"
            " version. Take the lines about c.Autograde and c.GenerateFeedback from this version's."
        )
    return warm_jail(RunInJail(config=course.config).isolation, course.root, course.config)


def register(course: Course, lesson: str) -> None:
    """Tell the gradebook which cells of a lesson are graded, and what they hold.

    It is what `nbgrader generate_assignment` does; the released notebook is thrown away.

    Raises:
        CourseError: The source is not a lesson nbgrader can use, or its cells are not those for
            which there are submissions already.
    """
    with tempfile.TemporaryDirectory(prefix="skiplab-grade-") as folder:
        coursedir = course.nbgrader(lesson, release_directory=folder)
        try:
            convert(GenerateAssignment, coursedir, course.config)
        except ConversionError as error:
            raise CourseError(f"{course.source(lesson)}: {error}") from error


def grade_one(course: Course, lesson: str, student: str) -> str | None:
    """Have nbgrader grade one submission and write its feedback.

    Args:
        course: The course directory.
        lesson: The lesson, known to the gradebook.
        student: Whose; the gradebook gets to know new ones.

    Returns:
        Why it could not be graded, in one line; None where it was.
    """
    coursedir = course.nbgrader(lesson, student_id=glob.escape(student))
    try:
        convert(Autograde, coursedir, course.config)
        convert(GenerateFeedback, coursedir, course.config)
    except ConversionError as error:
        return str(error)
    return None


def enrol(course: Course, lesson: str, student: str) -> None:
    """Put a student whose submission could not be graded into the gradebook, for the export."""
    coursedir = course.nbgrader(lesson)
    with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
        gradebook.update_or_create_student(student)


def _with_progress(
    submissions: list[Submission], lesson: str, console: Console
) -> Iterable[Submission]:
    """The submissions one after the other, with a line on the screen about where we are."""
    if not console.is_terminal:  # a log: one line each
        for number, submission in enumerate(submissions, 1):
            console.print(f"{lesson}: {number} of {len(submissions)}, {submission.student}")
            yield submission
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task(lesson, total=len(submissions))
        for submission in submissions:
            progress.update(task, description=f"{lesson}: {submission.student}")
            yield submission
            progress.advance(task)
