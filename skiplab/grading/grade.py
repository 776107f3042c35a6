"""Grade a lesson: what the `grade` command does around a run (`run.py`)."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from nbgrader.api import MissingEntry
from nbgrader.converters import GenerateAssignment
from nbgrader.dbutil import ALEMBIC_DIR
from nbgrader.exchange.default import Exchange
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from skiplab.course.directory import ConversionError, Course, convert, one_line, pick_lessons
from skiplab.errors import CourseError, UsageError
from skiplab.grading.intake import find_students, odd_name
from skiplab.grading.jail import SANDBOX, Door, Jail
from skiplab.grading.plugins import RunInJail
from skiplab.grading.pool import Pool, begin_local, end_local, local
from skiplab.grading.record import Recorder
from skiplab.grading.report import (
    NO_SANDBOX,
    Row,
    as_values,
    earlier_rows,
    print_summary,
    write_csv,
    write_page,
)
from skiplab.grading.results import Terms, own_contents
from skiplab.grading.run import Run

LOG_SECONDS = 5  # between two lines about the progress, where there is no terminal


@dataclass(frozen=True)
class Options:
    """How a class is graded.

    Attributes:
        isolation: "sandbox" or "process"; None: as nbgrader_config.py says, or a sandbox.
        workers: how many processes of this machine; None: one for each core.
        scheduler: the address of a Dask scheduler, whose workers are to be used instead.
        force: whether to grade again what is known.
        as_json: whether to print the results as JSON, and what else there is to say on stderr.
    """

    isolation: str | None = None
    workers: int | None = None
    scheduler: str | None = None
    force: bool = False
    as_json: bool = False


def grade(
    course: Course,
    lesson: str,
    students: list[str],
    console: Console | None = None,
    options: Options | None = None,
    early: Jail | None = None,
) -> int:
    """Grade what was handed in for a lesson; leave gradebook, feedback and report.

    Args:
        course: The course directory.
        lesson: The lesson.
        students: Whose; none means everybody's.
        console: Where to tell about it; standard output by default.
        options: How.
        early: A jail that has been started already; it is used up here.

    Returns:
        0 where everything was graded, 1 where something could not be.

    Raises:
        CourseError: Nothing was handed in, the lesson cannot be put into the gradebook, there is
            no sandbox, somebody else is grading, or something cannot be written.
        UsageError: There is no such lesson, or no such student.
    """
    options = options or Options()
    console = console or Console(highlight=False, stderr=options.as_json)
    started = time.monotonic()
    everybody, chosen = _who(course, lesson, students)
    isolation = options.isolation or RunInJail(config=course.config).isolation
    course.config.RunInJail.isolation = isolation
    settings = _settings(course)
    terms = Terms(lesson, own_contents(course.source(lesson).parent), isolation, settings.limits)
    with (
        _only_one(course),
        _workers(course, options, isolation, len(chosen), early, console) as workers,
    ):
        run = Run(course, terms, workers.pool, workers.door, workers.room, options.force)
        try:
            with _progress(run, len(chosen), lesson, console) as tell:
                tell()
                run.begin(chosen[:1])
                register(course, lesson)
                recorder = Recorder(course, lesson)
                run.grade(chosen, recorder, tell)
            lost = [row.student for row in run.rows.values() if row.problem]
            lost = [student for student in lost if odd_name(student) is None]
            with suppress(MissingEntry):
                recorder.enrol(lost)
            rest = [student for student in everybody if student not in run.rows]
            rows = [*run.rows.values(), *earlier_rows(course, lesson, rest, recorder)]
            rows.sort(key=lambda row: row.student)
            recorder.close()
            return _report(course, lesson, rows, run, console, options, started)
        except BrokenPipeError:
            raise
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise CourseError(f"Cannot go on: {where}{error.strerror}. {_KEPT}") from error
        except SQLAlchemyError as error:
            raise CourseError(
                f"The gradebook cannot be used: {one_line(error)}. {_KEPT}"
            ) from error


_KEPT = "What is graded so far is kept: put it right, and run the same command again to go on"


def _who(course: Course, lesson: str, students: list[str]) -> tuple[list[str], list[str]]:
    """Everybody who has handed in something, and who of them is to be graded."""
    pick_lessons(course, [lesson])
    everybody = find_students(course.root / "submitted", lesson)
    if not everybody:
        raise CourseError(
            f"Nothing to grade: there is no submitted/STUDENT/{lesson} in {course.root}."
        )
    handed_in = set(everybody)
    for student in students:
        if student not in handed_in:
            raise UsageError(f"{student} has handed in nothing for {lesson}.")
    return everybody, sorted(set(students)) or everybody


def _settings(course: Course) -> RunInJail:
    """The limits in nbgrader_config.py."""
    if "GradingExporter" not in str(course.config.Autograde.get("exporter_class")):
        raise CourseError(
            f"{course.root / 'nbgrader_config.py'} does not grade in a jail: it is from an earlier"
            " version. Take the lines about c.Autograde and c.GenerateFeedback from this version's."
        )
    return RunInJail(config=course.config)


@contextmanager
def _only_one(course: Course) -> Iterator[None]:
    """See that nobody else is grading in this course directory."""
    place = course.root / ".skiplab-grading"
    with place.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            who = file.read().strip() or "somebody"
            raise CourseError(
                f"{course.root} is being graded already, by {who}. Wait until that has ended."
            ) from None
        file.truncate(0)
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        file.write(f"process {os.getpid()} on {socket.gethostname()}, since {now}\n")
        file.flush()
        yield
        file.truncate(0)


@dataclass(frozen=True)
class _Workers:
    """Whoever does the work.

    Attributes:
        pool: Takes the work.
        door: A warm process for workers on this machine; None where they have their own.
        room: How many tasks may wait.
    """

    pool: Pool
    door: Door | None
    room: Callable[[], int]


@contextmanager
def _workers(
    course: Course,
    options: Options,
    isolation: str,
    tasks: int,
    early: Jail | None,
    console: Console,
) -> Iterator[_Workers]:
    """The workers: processes of this machine, or those of a Dask scheduler."""
    if options.scheduler is not None:
        from skiplab.grading.cluster import Cluster

        cluster = Cluster(options.scheduler, console)
        pool = Pool(cluster.executor, cluster.check)
        try:
            yield _Workers(pool, None, cluster.room)
        finally:
            pool.close()
            cluster.close()
        return
    if early is not None and early.isolation != isolation:
        early.close()
        early = None
    jail = early or Jail(isolation, wait=False)
    begin_local()
    count = min(options.workers or len(os.sched_getaffinity(0)), tasks)

    def mend() -> None:
        if not jail.is_alive():
            jail.restart()

    pool = Pool(partial(local, count), mend)
    hide = (course.root.resolve(), Path(Exchange(config=course.config).root).resolve())
    try:
        yield _Workers(pool, replace(jail.door, hide=hide), lambda: 2 * count + 2)
    finally:
        pool.close()
        end_local()
        jail.close()


def register(course: Course, lesson: str) -> None:
    """Tell the gradebook which cells of a lesson are graded, and what they hold.

    It is what `nbgrader generate_assignment` does; the released notebook is thrown away.

    Raises:
        CourseError: The source is not a lesson nbgrader can use, or its cells are not those for
            which there are submissions already.
        SQLAlchemyError: The gradebook cannot be reached, or is none.
    """
    _begin_gradebook(course.nbgrader(lesson).db_url)
    with tempfile.TemporaryDirectory(prefix="skiplab-grade-") as folder:
        coursedir = course.nbgrader(lesson, release_directory=folder)
        try:
            convert(GenerateAssignment, coursedir, course.config)
        except ConversionError as error:
            raise CourseError(f"{course.source(lesson)}: {error}") from error


def _begin_gradebook(url: str) -> None:
    """Note in a new gradebook which version of its tables it has, as nbgrader does.

    nbgrader starts alembic for it in a second Python, and waits three seconds. It makes the tables
    all the same, and finds them whatever moment this is ended at.

    Raises:
        SQLAlchemyError: The gradebook cannot be reached, or is none.
    """
    engine = create_engine(url)
    try:
        if not inspect(engine).get_table_names():
            with engine.begin() as connection:
                versions = ScriptDirectory(ALEMBIC_DIR)
                MigrationContext.configure(connection).stamp(versions, "head")
    finally:
        engine.dispose()


@contextmanager
def _progress(run: Run, of: int, lesson: str, console: Console) -> Iterator[Callable[[], None]]:
    """Show how far it is, how fast, and how long it will take: a line on a terminal, or a log."""
    started = time.monotonic()

    def said() -> str:
        counts = ", ".join(f"{count} {name}" for name, count in run.counts.items() if count)
        rate = len(run.rows) / (time.monotonic() - started)
        return f"{counts or 'starting'}" + (f", {rate:.2g} a second" if run.rows else "")

    if console.is_terminal:
        columns = (
            TextColumn(lesson),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[said]}"),
        )
        with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
            task = progress.add_task(lesson, total=of, said="")
            yield lambda: progress.update(task, completed=len(run.rows), said=said())
        return
    told: list[tuple[float, int]] = []

    def tell() -> None:
        now, done = time.monotonic(), len(run.rows)
        is_first = bool(told) and told[-1][1] == 0 < done
        if told and not is_first and (now - told[-1][0] < LOG_SECONDS or done == told[-1][1]):
            return
        told.append((now, done))
        left = ""
        if 0 < done < of:
            left = f", about {_in_words((now - started) / done * (of - done))} left"
        console.print(f"{lesson}: {done} of {of}, {said()}{left}", soft_wrap=True)

    yield tell


def _in_words(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _report(
    course: Course,
    lesson: str,
    rows: list[Row],
    run: Run,
    console: Console,
    options: Options,
    started: float,
) -> int:
    """Write page and table of grades, and say what came out."""
    for row in rows:
        feedback = f"feedback/{row.student}/{lesson}/{lesson}.html"
        row.feedback = f"../{feedback}" if (course.root / feedback).is_file() else None
    page = write_page(course, lesson, rows)
    csv = write_csv(course)
    shown = [row for row in rows if row.student in run.rows]
    took = time.monotonic() - started
    counts = {name: count for name, count in run.counts.items() if count}
    if options.as_json:
        made: dict[str, Any] = {
            "lesson": lesson,
            "isolation": run.terms.isolation,
            "seconds": round(took, 3),
            "counts": run.counts,
            "report": str(page),
            "grades": str(csv),
            "submissions": [as_values(row) for row in shown],
        }
        print(json.dumps(made, ensure_ascii=False, indent=1))
    else:
        print_summary(lesson, shown, console)
        console.print(f"Report     {page}", soft_wrap=True)
        console.print(f"Grades     {csv}", soft_wrap=True)
        console.print(f"Feedback   {course.root / 'feedback'}/STUDENT/{lesson}", soft_wrap=True)
    if run.terms.isolation != SANDBOX:
        console.print(NO_SANDBOX, style="bold red")
    of = ", ".join(f"{count} {name}" for name, count in counts.items())
    noun = "submission" if len(shown) == 1 else "submissions"
    console.print(f"{len(shown)} {noun} in {took:.0f} s: {of}")
    return 1 if any(row.problem for row in shown) else 0
