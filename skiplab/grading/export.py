"""Grades as CSV."""

import csv
from pathlib import Path

from nbgrader.api import (
    Assignment,
    Grade,
    Gradebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.plugins import ExportPlugin
from sqlalchemy import func

COLUMNS = [
    *("assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email"),
    *("raw_score", "late_submission_penalty", "score", "max_score"),
]


class CsvExport(ExportPlugin):
    """What nbgrader's own exporter writes, with quotes where they are needed.

    A comma in a name stays in its column. `nbgrader export` uses it by `nbgrader_config.py`, with
    all of its options.
    """

    def export(self, gradebook: Gradebook) -> None:
        """Write the grades to the file `self.to`, or `grades.csv`.

        Args:
            gradebook: Where they are.
        """
        assignments = {str(name) for name in self.assignment}
        students = {str(name) for name in self.student}
        with Path(self.to or "grades.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            for assignment in gradebook.assignments:
                if assignments and assignment.name not in assignments:
                    continue
                handed_in = _submissions(gradebook, assignment.name)
                for student in gradebook.db.query(*_STUDENT).order_by(*_ORDER):
                    if students and student.id not in students:
                        continue
                    timestamp, score, penalty = handed_in.get(student.id, (None, 0.0, 0.0))
                    table.writerow(
                        {
                            "assignment": assignment.name,
                            "duedate": assignment.duedate,
                            "timestamp": timestamp,
                            "student_id": student.id,
                            "last_name": student.last_name,
                            "first_name": student.first_name,
                            "email": student.email,
                            "raw_score": score,
                            "late_submission_penalty": penalty,
                            "score": max(0.0, score - penalty),
                            "max_score": assignment.max_score,
                        }
                    )


_STUDENT = (Student.id, Student.last_name, Student.first_name, Student.email)
_ORDER = (Student.last_name, Student.first_name)  # as nbgrader's own


def _submissions(gradebook: Gradebook, assignment: str) -> dict[str, tuple]:
    """Time, points and penalty of each submission, by student.

    One statement that adds up grades: nbgrader's own attributes are a statement for each student.
    """
    rows = (
        gradebook.db.query(
            SubmittedAssignment.student_id,
            SubmittedAssignment.timestamp,
            func.coalesce(func.sum(Grade.score), 0.0),
        )
        .join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
        .outerjoin(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .outerjoin(Grade, Grade.notebook_id == SubmittedNotebook.id)
        .filter(Assignment.name == assignment)
        .group_by(SubmittedAssignment.student_id, SubmittedAssignment.timestamp)
    )
    penalties = dict(
        gradebook.db.query(
            SubmittedAssignment.student_id,
            func.coalesce(func.sum(SubmittedNotebook.late_submission_penalty), 0.0),
        )
        .join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
        .outerjoin(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .filter(Assignment.name == assignment)
        .group_by(SubmittedAssignment.student_id)
        .all()
    )
    return {student: (time, score, penalties[student]) for student, time, score in rows}
