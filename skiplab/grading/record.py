"""Record results as nbgrader does: its gradebook, `autograded/` and `feedback/`.

One process writes, many submissions at a time. The rows are those that nbgrader's own converters
write (`Autograde.init_assignment`, `SaveAutoGrades`, `AssignLatePenalties`), in a few statements
instead of 166 a submission.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbgrader.api import (
    Comment,
    Grade,
    Gradebook,
    MissingEntry,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
    new_uuid,
)
from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_solution, is_task
from sqlalchemy import insert, update

from skiplab.course.directory import Course
from skiplab.grading.results import write_whole


@dataclass
class Marks:
    """What the gradebook holds of a submission.

    Attributes:
        auto: points given by the checks, by graded cell; None where a person has to give them.
        manual: points given by a person; None where there are none.
        extra: extra points given by a person.
        waiting: the cells that a person has to look at.
        auto_comments: nbgrader's own comments, by answer.
        comments: the comments to be shown, by answer.
        received: when it came in.
        late_seconds: how late that was.
        penalty: points taken away for that.
    """

    auto: dict[str, float | None] = field(default_factory=dict)
    manual: dict[str, float | None] = field(default_factory=dict)
    extra: dict[str, float | None] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    auto_comments: dict[str, str | None] = field(default_factory=dict)
    comments: dict[str, str | None] = field(default_factory=dict)
    received: datetime | None = None
    late_seconds: float = 0
    penalty: float | None = None

    def score(self, cell: str) -> float:
        """The points for a cell, as nbgrader counts them: a person's count before the checks'."""
        manual, auto = self.manual.get(cell), self.auto.get(cell)
        if manual is None and auto is None:
            return 0.0
        return (manual if manual is not None else auto) + (self.extra.get(cell) or 0.0)

    @property
    def total(self) -> float:
        """The points for the notebook, before the penalty."""
        return sum(self.score(cell) for cell in self.auto)


@dataclass(frozen=True)
class Graded:
    """A graded notebook, to be recorded.

    Attributes:
        student: whose.
        notebook: the notebook; None where only the time or the penalty has changed.
        received: when it came in; None where that is not known.
    """

    student: str
    notebook: NotebookNode | None
    received: datetime | None


def scores(notebook: NotebookNode) -> dict[str, float | None]:
    """What the checks give for each graded cell; None where a person has to (`determine_grade`)."""
    return {
        cell.metadata.nbgrader.grade_id: None if is_task(cell) else determine_grade(cell)[0]
        for cell in notebook.cells
        if is_grade(cell) or is_task(cell)
    }


def comments(notebook: NotebookNode) -> dict[str, str | None]:
    """What nbgrader itself says to each answer: whether there is one."""
    return {
        cell.metadata.nbgrader.grade_id: "No response."
        if cell.metadata.nbgrader.get("checksum") == compute_checksum(cell) and not is_task(cell)
        else None
        for cell in notebook.cells
        if is_solution(cell) or is_task(cell)
    }


@dataclass(frozen=True)
class _Ids:
    """What the gradebook calls the parts of a lesson; cells are id -> name."""

    assignment: str
    due: datetime | None
    notebook: str
    graded: dict[str, str]
    answers: dict[str, str]
    notebooks: list[tuple[str, dict[str, str], dict[str, str]]]


@dataclass
class _Entry:
    """The rows of a submission: their ids, and what they hold."""

    submission: str
    notebook: str
    extension: timedelta | None
    marks: Marks
    grades: dict[str, str] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)


class Recorder:
    """Writes one lesson's results into the gradebook.

    Args:
        course: the course.
        lesson: a lesson that the gradebook knows.

    Raises:
        CourseError: the gradebook cannot be opened.
    """

    def __init__(self, course: Course, lesson: str) -> None:
        """Open the gradebook."""
        coursedir = course.nbgrader(lesson)
        self._lesson = lesson
        self._config = course.config
        self._settings = Autograde(coursedir=coursedir, config=course.config)
        self._gradebook = Gradebook(coursedir.db_url, coursedir.course_id)
        self._late = AssignLatePenalties(config=course.config)
        self._late.init_plugin()

    def close(self) -> None:
        """Close the gradebook."""
        self._gradebook.close()

    def marks(self, students: list[str]) -> dict[str, Marks]:
        """What the gradebook holds of some students' submissions.

        Args:
            students: whose.

        Returns:
            By student; those without a submission are left out.
        """
        found = self._read(students)
        self._gradebook.db.rollback()  # nothing stays locked
        return {student: entry.marks for student, entry in found.items()}

    def _read(self, students: list[str]) -> dict[str, _Entry]:
        """The rows of some students' submissions: four statements, all by indexes."""
        query, lesson = self._gradebook.db.query, self._ids
        found: dict[str, _Entry] = {}
        by_notebook: dict[str, _Entry] = {}
        for row in (
            query(
                SubmittedAssignment.id,
                SubmittedAssignment.student_id,
                SubmittedAssignment.timestamp,
                SubmittedAssignment.extension,
                SubmittedNotebook.id.label("notebook"),
                SubmittedNotebook.late_submission_penalty,
            )
            .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
            .filter(
                SubmittedAssignment.assignment_id == lesson.assignment,
                SubmittedAssignment.student_id.in_(students),
                SubmittedNotebook.notebook_id == lesson.notebook,
            )
        ):
            submission, student, received, extension, notebook, penalty = row
            marks = Marks(received=received, penalty=penalty)
            entry = _Entry(submission, notebook, extension, marks)
            entry.marks.late_seconds = self._late_seconds(received, extension)
            found[student] = by_notebook[notebook] = entry
        for row in query(
            Grade.id,
            Grade.cell_id,
            Grade.notebook_id,
            Grade.auto_score,
            Grade.manual_score,
            Grade.extra_credit,
            Grade.needs_manual_grade,
        ).filter(Grade.cell_id.in_(lesson.graded), Grade.notebook_id.in_(by_notebook)):
            entry, cell = by_notebook[row.notebook_id], lesson.graded[row.cell_id]
            entry.grades[cell], marks = row.id, entry.marks
            marks.auto[cell], marks.manual[cell] = row.auto_score, row.manual_score
            marks.extra[cell] = row.extra_credit
            if row.needs_manual_grade:
                marks.waiting.add(cell)
        for row in query(
            Comment.id,
            Comment.cell_id,
            Comment.notebook_id,
            Comment.auto_comment,
            Comment.manual_comment,
        ).filter(Comment.cell_id.in_(lesson.answers), Comment.notebook_id.in_(by_notebook)):
            entry, cell = by_notebook[row.notebook_id], lesson.answers[row.cell_id]
            entry.comments[cell] = row.id
            entry.marks.auto_comments[cell] = row.auto_comment
            own = row.manual_comment
            entry.marks.comments[cell] = row.auto_comment if own is None else own
        return found

    def _late_seconds(self, received: datetime | None, extension: timedelta | None) -> float:
        """How late a submission came (`SubmittedAssignment.total_seconds_late`)."""
        if received is None or self._ids.due is None:
            return 0.0
        due = self._ids.due + (extension or timedelta())
        return max(0.0, (received - due).total_seconds())

    def enrol(self, students: list[str]) -> None:
        """Have students in the gradebook whose submissions could not be graded."""
        self._add_students(students)
        self._gradebook.db.commit()

    def write(self, batch: list[Graded]) -> None:
        """Write grades, comments, times and late penalties, all or none.

        A person's points and comments stay. Where there are points of a person, the cell is marked
        for another look, as nbgrader does.

        Args:
            batch: no student twice.

        Raises:
            MissingEntry: a student is not in the gradebook, and nbgrader is set not to add any.
        """
        db, students = self._gradebook.db, [one.student for one in batch]
        try:
            self._add_students(students)
            there = self._read(students)
            self._add_submissions([student for student in students if student not in there])
            there = self._read(students)
            changes: dict[type, list[dict[str, Any]]] = {
                kind: [] for kind in (SubmittedAssignment, SubmittedNotebook, Grade, Comment)
            }
            for one in batch:
                self._change(one, there[one.student], changes)
            for kind, rows in changes.items():
                if rows:
                    db.execute(update(kind), rows)
            db.commit()
        except BaseException:
            db.rollback()
            raise

    def _change(
        self, one: Graded, entry: _Entry, changes: dict[type, list[dict[str, Any]]]
    ) -> None:
        """What is to be changed in the rows of a submission, by their ids."""
        marks = entry.marks
        if one.received is not None and one.received != marks.received:
            marks.received = one.received
            marks.late_seconds = self._late_seconds(one.received, entry.extension)
            row = {"id": entry.submission, "timestamp": one.received}
            changes[SubmittedAssignment].append(row)
        if one.notebook is not None:
            given, said = scores(one.notebook), comments(one.notebook)
            marks.auto |= given
            tasks = {
                cell.metadata.nbgrader.grade_id for cell in filter(is_task, one.notebook.cells)
            }
            for cell, points in given.items():
                if cell in tasks:  # a person's alone
                    continue
                # As SaveAutoGrades: a person's points want another look.
                look = points is None or marks.manual[cell] is not None
                row = {"id": entry.grades[cell], "auto_score": points, "needs_manual_grade": look}
                changes[Grade].append(row)
            for cell, comment in said.items():
                changes[Comment].append({"id": entry.comments[cell], "auto_comment": comment})
        late = None
        if marks.late_seconds > 0:
            late = self.penalty(one.student, marks.total, marks.late_seconds)
        row = {"id": entry.notebook, "late_submission_penalty": late}
        changes[SubmittedNotebook].append(row)

    def penalty(self, student: str, score: float, late_seconds: float) -> float | None:
        """The penalty for a late submission, by the course's own rule.

        Args:
            student: whose.
            score: the notebook's points.
            late_seconds: how late it came.
        """
        given = self._late.plugin_inst.late_submission_penalty(student, score, late_seconds)
        return None if given is None else min(max(0, given), score)

    def _add_students(self, students: list[str]) -> None:
        db = self._gradebook.db
        known = {row.id for row in db.query(Student.id).filter(Student.id.in_(students))}
        new = [student for student in students if student not in known]
        if new and not self._settings.create_student:
            raise MissingEntry(f"the gradebook has no student “{new[0]}”")
        db.add_all([Student(id=student) for student in new])

    def _add_submissions(self, students: list[str]) -> None:
        """Add rows for submissions, as `Gradebook.add_submission` does."""
        db, lesson = self._gradebook.db, self._ids
        rows: dict[type, list[dict[str, Any]]] = {
            kind: [] for kind in (SubmittedAssignment, SubmittedNotebook, Grade, Comment)
        }
        for student in students:
            submission = {"id": new_uuid(), "student_id": student}
            rows[SubmittedAssignment].append(submission | {"assignment_id": lesson.assignment})
            for notebook, graded, answers in lesson.notebooks:
                part = {"id": new_uuid(), "assignment_id": submission["id"]}
                rows[SubmittedNotebook].append(part | {"notebook_id": notebook})
                for kind, cells in ((Grade, graded), (Comment, answers)):
                    rows[kind] += [
                        {"id": new_uuid(), "cell_id": cell, "notebook_id": part["id"]}
                        for cell in cells
                    ]
        for kind, new in rows.items():
            if new:
                db.execute(insert(kind), new)

    @cached_property
    def _ids(self) -> _Ids:
        """What the gradebook calls the parts of the lesson."""
        assignment = self._gradebook.find_assignment(self._lesson)
        notebooks = [
            (
                notebook.id,
                {cell.id: cell.name for cell in (*notebook.grade_cells, *notebook.task_cells)},
                {cell.id: cell.name for cell in (*notebook.solution_cells, *notebook.task_cells)},
            )
            for notebook in assignment.notebooks
        ]
        own = self._gradebook.find_notebook(self._lesson, self._lesson).id
        graded, answers = next(cells for name, *cells in notebooks if name == own)
        return _Ids(assignment.id, assignment.duedate, own, graded, answers, notebooks)

    @cached_property
    def permissions(self) -> int:
        """The permissions of what lies in `autograded/`."""
        return int(str(self._settings.permissions), 8)

    @cached_property
    def feedback_permissions(self) -> int:
        """The permissions of what lies in `feedback/`."""
        feedback = GenerateFeedback(coursedir=self._settings.coursedir, config=self._config)
        return int(str(feedback.permissions), 8)


def write_folder(
    folder: Path, files: dict[str, bytes], last: str, permissions: int, shared: bool
) -> None:
    """Have a folder hold some files and no others.

    Args:
        folder: the folder.
        files: relative path and content.
        last: the file that is written last: while it is the old one, the rest may be old, too.
        permissions: of the files.
        shared: whether the group may write to the folders, as nbgrader's `groupshared` says.

    Raises:
        OSError: a file cannot be written.
    """
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink(missing_ok=True)
    kept = {folder / name for name in files}
    for path in sorted(folder.rglob("*"), reverse=True):  # what lies in a folder, then the folder
        if path.is_symlink() or not path.is_dir():
            if path not in kept:
                path.unlink()
        elif not any(path.iterdir()):
            path.rmdir()
    for name in sorted(files, key=lambda name: name == last):
        write_whole(folder / name, files[name], permissions)
    if shared:
        # As nbgrader: also the folder that colleagues put their students into.
        inner = [path for path in folder.rglob("*") if path.is_dir()]
        for path in (folder.parent.parent, folder, *inner):
            mode = path.stat().st_mode & 0o7777
            if mode & 0o2770 != 0o2770:
                with suppress(PermissionError):  # a colleague's
                    path.chmod(mode | 0o2770)
