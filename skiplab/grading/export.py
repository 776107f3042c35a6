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

    Three statements, each over whole tables by their keys: nbgrader's own attributes are statements
    for each student, and one for all looks, in SQLite, at each notebook for each submission.
    """
    submissions = gradebook.db.query(
        SubmittedAssignment.id, SubmittedAssignment.student_id, SubmittedAssignment.timestamp
    ).join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
    penalties = gradebook.db.query(
        SubmittedNotebook.assignment_id, func.sum(SubmittedNotebook.late_submission_penalty)
    ).group_by(SubmittedNotebook.assignment_id)
    points = (
        gradebook.db.query(SubmittedNotebook.assignment_id, func.sum(Grade.score))
        .select_from(Grade)
        .join(SubmittedNotebook, Grade.notebook_id == SubmittedNotebook.id)
        .group_by(SubmittedNotebook.assignment_id)
    )
    penalty, score = dict(penalties.all()), dict(points.all())
    return {
        student: (time, score.get(submission) or 0.0, penalty.get(submission) or 0.0)
        for submission, student, time in submissions.filter(Assignment.name == assignment)
    }
