"""Grades as CSV."""

import csv
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.plugins import ExportPlugin

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
                for student in gradebook.students:
                    if assignments and assignment.name not in assignments:
                        continue
                    if students and student.id not in students:
                        continue
                    row = {
                        "assignment": assignment.name,
                        "duedate": assignment.duedate,
                        "student_id": student.id,
                        "last_name": student.last_name,
                        "first_name": student.first_name,
                        "email": student.email,
                        "max_score": assignment.max_score,
                    }
                    try:
                        submission = gradebook.find_submission(assignment.name, student.id)
                        penalty = submission.late_submission_penalty or 0.0
                        row["timestamp"] = submission.timestamp
                        row["raw_score"] = submission.score
                        row["late_submission_penalty"] = penalty
                        row["score"] = max(0.0, submission.score - penalty)
                    except MissingEntry:  # nothing handed in: no points
                        row |= dict.fromkeys(("raw_score", "late_submission_penalty", "score"), 0.0)
                    table.writerow(row)
