"""Grade a lesson's submissions: read, rebuild, have workers run them, record, make feedback.

This process reads what was handed in, and writes what comes of it. Workers (`work.py`) do the rest,
in any order. What is known already is not done again: neither a result (`results.py`) nor its
recording, nor a page of feedback whose marks are the same.

However this process ends, the next one goes on from what it finds: a result is kept as soon as it
is there, a file is written whole or not at all, and a submission counts as recorded only when its
autograded notebook and the gradebook say the same.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode, from_dict
from nbformat.v4 import reads_json
from nbgrader.api import MissingEntry
from nbgrader.converters import Autograde, GenerateFeedback
from sqlalchemy.exc import InterfaceError, OperationalError
from traitlets.config import Config
from traitlets.utils.importstring import import_item

from skiplab.course.directory import Course, one_line
from skiplab.errors import CourseError
from skiplab.grading import work
from skiplab.grading.cells import RECORD
from skiplab.grading.intake import SubmissionError, odd_name, read_submission
from skiplab.grading.jail import Door
from skiplab.grading.plugins import kept_lines
from skiplab.grading.pool import Pool, Task
from skiplab.grading.rebuild import lesson_notebook, rebuild
from skiplab.grading.received import received_at
from skiplab.grading.record import Graded, Marks, Recorder, comments, scores, write_folder
from skiplab.grading.report import Row, graded_cells, make_row
from skiplab.grading.results import Results, Terms, package_hash

BATCH = 50  # submissions recorded together
BATCH_SECONDS = 2  # or those that have come in so long
CHUNK = 50  # submissions looked up in the gradebook together

# Those of the course's preprocessors that this grader does itself, elsewhere. The last looks at
# what a rebuilt notebook has from the lesson: once, when that is put into the gradebook, is enough.
_OWN = (
    "skiplab.grading.plugins.Rebuild",
    "skiplab.grading.plugins.RunInJail",
    "nbgrader.preprocessors.saveautogrades.SaveAutoGrades",
    "nbgrader.preprocessors.latesubmissions.AssignLatePenalties",
    "nbgrader.preprocessors.checkcellmetadata.CheckCellMetadata",
)

# What is wrong with more than one submission: the disk, the gradebook, a worker's machine.
_OF_ALL = (OSError, CourseError, OperationalError, InterfaceError)


@dataclass(frozen=True)
class Submission:
    """A submission that is being graded.

    Attributes:
        student: whose.
        notebook: the rebuilt notebook.
        received: when it came in; None where that is not known.
    """

    student: str
    notebook: NotebookNode
    received: datetime | None


class Run:
    """One run over a lesson's submissions.

    Args:
        course: the course.
        terms: the lesson, and what it is graded with.
        pool: the workers.
        door: a warm process for workers on this machine; None where they have their own.
        room: how many tasks may wait for a worker.
        force: whether to grade again what is known.

    Attributes:
        rows: what came of each submission, by student.
        counts: how many were "graded", "known" (the result was), "unchanged" (the record was, too)
            or "not graded".

    Raises:
        CourseError: the lesson's source cannot be used.
    """

    def __init__(
        self,
        course: Course,
        terms: Terms,
        pool: Pool,
        door: Door | None,
        room: Callable[[], int],
        force: bool,
    ) -> None:
        """Read the lesson."""
        self.course, self.lesson, self.terms = course, terms.lesson, terms
        self.rows: dict[str, Row] = {}
        self.counts = dict.fromkeys(("graded", "known", "unchanged", "not graded"), 0)
        self._pool, self._door, self._room, self._force = pool, door, room, force
        # Nobody can know it before, and all who are graded in one run are asked the same.
        self._seed = secrets.token_hex(16)
        self._results = Results(course.root / "results" / self.lesson)
        self.recorder: Recorder | None = None
        self._counted: dict[str, str] = {}
        self._begun: set[str] = set()
        self._under_way: dict[str, list[Submission]] = {}
        self._to_record: list[Graded] = []
        self._recorded_at = 0.0  # the first is recorded at once
        try:
            self._base = lesson_notebook(course.source(self.lesson), course.config)
        except Exception as error:  # nbgrader's preprocessors fail in many ways
            raise CourseError(f"{course.source(self.lesson)}: {one_line(error)}") from error
        coursedir = course.nbgrader(self.lesson)
        self._shared = coursedir.groupshared
        converter = Autograde(coursedir=coursedir, config=course.config)
        self._before = _steps(converter.sanitize_preprocessors, course)
        self._after = _steps(converter.autograde_preprocessors, course)
        self._most = graded_cells(course, self.lesson)
        self._db_url = coursedir.db_url
        self._feedback_config = _feedback_config(course)
        settings = (course.root / "nbgrader_config.py").read_bytes()
        self._settings = hashlib.sha256(settings).hexdigest()

    def begin(self, students: list[str]) -> None:
        """Give the workers something to do, before the gradebook is there.

        Args:
            students: the first ones; those whose record has to be looked up are left for later.
        """
        for student in students:
            if not self._autograded(student).exists():
                self._begun.add(student)
                with self._minding(student):
                    self._take_in(student, lambda: None)

    def grade(self, students: Iterable[str], recorder: Recorder, tell: Callable[[], None]) -> None:
        """Grade submissions, and record what came of them.

        Args:
            students: whose; those begun already among them.
            recorder: writes into the gradebook.
            tell: called again and again, to show how far it is.

        Raises:
            CourseError: the jail does not work, or a worker has another version.
            OSError: something could not be written.
        """
        self.recorder = recorder
        rest = (student for student in students if student not in self._begun)
        for chunk in _chunks(rest, CHUNK):
            marks = _Lazily(partial(recorder.marks, chunk))
            for student in chunk:
                while self._pool.waiting >= self._room():
                    self._go_on(tell)
                with self._minding(student):
                    self._take_in(student, partial(marks.get, student))
                self._go_on(tell, 0)
        while self._pool.waiting or self._to_record:
            if not self._pool.waiting:
                self._record()
            self._go_on(tell)

    def _go_on(self, tell: Callable[[], None], seconds: float = 0.2) -> None:
        """Take what workers have finished, for at most so long; record what has come in."""
        for task in self._pool.done(seconds):
            task.then(task)
        is_old = time.monotonic() - self._recorded_at > BATCH_SECONDS
        if len(self._to_record) >= BATCH or (self._to_record and is_old):
            self._record()
        tell()

    def _take_in(self, student: str, marks: Callable[[], Marks | None]) -> None:
        """Read and rebuild a submission; have it run, unless what comes of it is known."""
        folder = self.course.root / "submitted" / student / self.lesson
        why_not = odd_name(student)
        if why_not:
            self._give_up(student, why_not)
            return
        try:
            submitted, received = self._read(student, folder)
        except SubmissionError as error:
            self._give_up(student, str(error))
            return
        notebook = rebuild(self._base, submitted, received).notebook
        notebook = self._step_through(self._before, student, notebook)
        one = Submission(student, notebook, received)
        record = self.terms.record(notebook, self._seed)
        if not self._force:
            if self._is_recorded(one, record["key"], marks):
                return
            known = self._results.get(record["key"])
            if known is not None:
                self._count(student, "known")
                self._finish(one, known)
                return
        alike = self._under_way.setdefault(record["key"], [])
        alike.append(one)
        if len(alike) == 1:
            text = json.dumps(notebook)
            job = work.Job(self.terms, self._seed, package_hash(), self._door, text)
            self._pool.submit(work.run, job, partial(self._ran, record))

    def _read(self, student: str, folder: Path) -> tuple[NotebookNode, datetime | None]:
        """A submission, and when that one came in: `nbgrader collect` may be bringing another."""
        received = received_at(self.course.root, self.lesson, student)
        while True:
            submitted = read_submission(folder, self.lesson)
            before, received = received, received_at(self.course.root, self.lesson, student)
            if received == before:
                return submitted, received

    def _is_recorded(self, one: Submission, key: str, marks: Callable[[], Marks | None]) -> bool:
        """Whether notebook and gradebook hold the result; sees to time, penalty and feedback."""
        try:
            text = self._autograded(one.student).read_text(encoding="utf-8")
            graded = reads_json(text)
            old, new = graded.metadata[RECORD], one.notebook.metadata[RECORD]
            same = old["key"] == key and all(
                old.get(name) == new.get(name) for name in ("received", "notes")
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False
        there = marks() if same else None
        if there is None or there.auto != scores(graded):
            return False
        if there.auto_comments != comments(graded):
            return False
        due = None
        if there.late_seconds > 0:
            due = self.recorder.penalty(one.student, there.total, there.late_seconds)
        self._count(one.student, "unchanged")
        if due != there.penalty or one.received not in (None, there.received):
            self._to_record.append(Graded(one.student, None, one.received))
        else:
            self._show(one.student, text, there)
        return True

    def _ran(self, record: dict[str, str], task: Task) -> None:
        """A notebook has been run, for all whose it is."""
        alike = self._under_way.pop(record["key"])
        if isinstance(task.error, work.WrongVersionError):
            raise task.error
        if task.error is not None:
            for one in alike:
                self._give_up(one.student, _why(task.error))
            return
        result = {**record, "cells": task.value}
        self._results.put(record["key"], result)
        for one in alike:
            self._count(one.student, "graded")
            with self._minding(one.student):
                self._finish(one, result)

    def _finish(self, one: Submission, result: dict[str, Any]) -> None:
        """Write a result into the notebook it belongs to, to be recorded."""
        notebook = one.notebook
        for index, outputs, number in result["cells"]:
            notebook.cells[index].outputs = from_dict(outputs)
            notebook.cells[index].execution_count = number
        notebook.metadata[RECORD] |= {
            name: value for name, value in result.items() if name != "cells"
        }
        notebook = self._step_through(self._after, one.student, notebook)
        self._to_record.append(Graded(one.student, notebook, one.received))

    def _record(self) -> None:
        """Record what has come in, and have the feedback made."""
        batch, self._to_record = self._to_record, []
        self._recorded_at = time.monotonic()
        try:
            self.recorder.write(batch)
        except _OF_ALL:
            raise
        except Exception:  # one of them cannot be recorded, and the others can
            batch = [one for one in batch if self._is_recorded_alone(one)]
        marks = self.recorder.marks([one.student for one in batch])
        for one in batch:
            with self._minding(one.student):
                self._show(one.student, self._write_autograded(one), marks[one.student])

    def _is_recorded_alone(self, one: Graded) -> bool:
        with self._minding(one.student):
            self.recorder.write([one])
            return True
        return False

    @contextmanager
    def _minding(self, student: str) -> Iterator[None]:
        """Go on with the others, whatever is odd about one submission."""
        try:
            yield
        except _OF_ALL:
            raise
        except Exception as error:
            self._give_up(student, _why(error))

    def _write_autograded(self, one: Graded) -> str:
        """Write the folder in `autograded/`, its notebook last; return the notebook's text."""
        place = self._autograded(one.student)
        if one.notebook is None:
            return place.read_text(encoding="utf-8")
        text = nbformat.writes(one.notebook)
        files = self._beside(one.student) | {place.name: text.encode()}
        permissions = self.recorder.permissions
        write_folder(place.parent, files, place.name, permissions, self._shared)
        return text

    def _beside(self, student: str) -> dict[str, bytes]:
        """What lies beside a graded notebook or its page: of what was handed in, two lines."""
        submitted = self.course.root / "submitted" / student / self.lesson
        lines = {name: line.encode() for name, line in kept_lines(submitted).items()}
        return dict(self.terms.files) | lines

    def _show(self, student: str, text: str, marks: Marks) -> None:
        """Note what came of a submission, and have its feedback made where it is not there."""
        graded = reads_json(text)
        self.rows[student] = make_row(student, graded, marks, self._most)
        page = work.Page(
            text,
            {cell: (marks.score(cell), most) for cell, most in self._most.items()},
            marks.comments,
            {
                "unique_key": self.lesson,
                "output_files_dir": f"{self.lesson}_files",
                "metadata": {"name": self.lesson},
                "nbgrader": {
                    **self._names(student),
                    "score": marks.total - (marks.penalty or 0),
                    "max_score": sum(self._most.values()),
                    "late_penalty": marks.penalty or 0,
                },
            },
            self._feedback_config,
        )
        parts = [text, page.scores, page.comments, page.resources, self._settings, package_hash()]
        stamp = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        place = self._feedback(student)
        if not place.is_file() or not _ends_with(place, stamp):
            self._pool.submit(work.make_page, page, partial(self._write_page, student, stamp))

    def _write_page(self, student: str, stamp: str, task: Task) -> None:
        """Write a page of feedback."""
        if task.error is not None:
            self._give_up(student, f"its feedback could not be made: {_why(task.error)}")
            return
        place = self._feedback(student)
        page = f"{task.value}\n{_stamped(stamp)}".encode()
        files = self._beside(student) | {place.name: page}
        permissions = self.recorder.feedback_permissions
        write_folder(place.parent, files, place.name, permissions, self._shared)

    def _give_up(self, student: str, problem: str) -> None:
        """Note that a submission could not be graded."""
        self._count(student, "not graded")
        self.rows[student] = Row(student, problem)

    def _count(self, student: str, how: str) -> None:
        """Count a submission under a name, and no longer under another."""
        if student in self._counted:
            self.counts[self._counted[student]] -= 1
        self._counted[student] = how
        self.counts[how] += 1

    def _autograded(self, student: str) -> Path:
        folder = self.course.root / "autograded" / student / self.lesson
        return folder / f"{self.lesson}.ipynb"

    def _feedback(self, student: str) -> Path:
        return self.course.root / "feedback" / student / self.lesson / f"{self.lesson}.html"

    def _names(self, student: str) -> dict[str, str]:
        """How nbgrader tells a step what it is about."""
        return {"notebook": self.lesson, "assignment": self.lesson, "student": student}

    def _step_through(
        self, steps: list[Callable], student: str, notebook: NotebookNode
    ) -> NotebookNode:
        """Have the course's other preprocessors look at a notebook."""
        names = {**self._names(student), "db_url": self._db_url}
        resources = {"unique_key": self.lesson, "nbgrader": names}
        for step in steps:
            notebook, resources = step(notebook, resources)
        return notebook


class _Lazily:
    """A dictionary that is made when it is first asked."""

    def __init__(self, make: Callable[[], dict[str, Any]]) -> None:
        self._make = cache(make)

    def get(self, key: str) -> Any:  # noqa: ANN401
        return self._make().get(key)


def _feedback_config(course: Course) -> Config:
    """Those of the settings that feedback depends on; the gradebook's address is for no worker."""
    converter = GenerateFeedback(coursedir=course.nbgrader(""), config=course.config)
    named = [*converter.preprocessors, *course.config.HTMLExporter.get("preprocessors", [])]
    steps = [import_item(step) if isinstance(step, str) else step for step in named]
    users = [GenerateFeedback, converter.exporter_class, *steps]
    names = {base.__name__ for user in users for base in getattr(user, "__mro__", ())}
    return Config({name: part for name, part in course.config.items() if name in names})


def _steps(wanted: list[Any], course: Course) -> list[Callable]:
    """Nbgrader's preprocessors, apart from those that this grader does itself."""
    exporter = NotebookExporter(config=course.config)
    chosen = [import_item(step) if isinstance(step, str) else step for step in wanted]
    made = [
        step(parent=exporter) if isinstance(step, type) else step
        for step in chosen
        if f"{step.__module__}.{step.__qualname__}" not in _OWN
    ]
    return [step for step in made if getattr(step, "enabled", True)]


def _chunks(items: Iterable[str], size: int) -> Iterator[list[str]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _stamped(stamp: str) -> str:
    return f"<!-- skiplab {stamp} -->\n"


def _ends_with(path: Path, stamp: str) -> bool:
    wanted = _stamped(stamp).encode()
    with path.open("rb") as file:
        file.seek(-min(len(wanted), path.stat().st_size), 2)
        return file.read() == wanted


def _why(error: BaseException) -> str:
    """Why a worker could not do its part, in one line."""
    plain = isinstance(error, CourseError | BrokenExecutor | MissingEntry)
    return str(error) if plain else one_line(error)
