"""Look at a submission as data, before anything of it runs: can it be graded, and what is odd?"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.nbgraderformat import SCHEMA_VERSION
from nbgrader.preprocessors import NbGraderPreprocessor


@dataclass(frozen=True)
class Submission:
    """What a student handed in for a lesson.

    Attributes:
        student: Who.
        problem: Why it cannot be graded, in one line; None where it can.
        notes: What the instructor should know though it can be graded, a line each.
    """

    student: str
    problem: str | None = None
    notes: tuple[str, ...] = ()


class SubmissionError(Exception):
    """A submission cannot be graded; the message says why, in one line."""


def find_submissions(submitted: Path, lesson: str, source: Path) -> list[Submission]:
    """Everything handed in for a lesson, in order of the students' ids.

    Args:
        submitted: The folder with a folder for each student.
        lesson: The lesson.
        source: The lesson's source notebook: which cells are graded.
    """
    wanted = _ids(nbformat.read(source, as_version=4))
    return [
        look_at(folder, folder.parent.name, lesson, wanted)
        for folder in sorted(submitted.glob(f"*/{lesson}"))
    ]


def look_at(folder: Path, student: str, lesson: str, wanted: list[str]) -> Submission:
    """What a submitted folder holds.

    Args:
        folder: `submitted/STUDENT/LESSON`.
        student: The student's id.
        lesson: The lesson.
        wanted: The ids of the cells it should have.
    """
    try:
        notebook = _read(folder, lesson)
        _check_metadata(notebook)
    except SubmissionError as error:
        return Submission(student, str(error))
    counts = Counter(_ids(notebook))
    notes = [f"cell {name} is missing" for name in wanted if name not in counts]
    notes += [
        f"cell {name} is there {counts[name]} times: the last counts"
        for name in wanted
        if counts[name] > 1
    ]
    return Submission(student, notes=tuple(notes))


class CheckSubmission(NbGraderPreprocessor):
    """For nbgrader's own `autograde`: refuse damaged metadata, mend what can be mended.

    Goes before `DeduplicateIds`. Without it one such submission stops the grading of all the
    others: nbgrader takes a cell whose metadata have another schema version for a sign that the
    whole course needs upgrading, and its `DeduplicateIds` leaves the first of two cells with the
    same id with empty metadata, which look like an ancient version.
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Check a submitted notebook.

        Args:
            nb: The notebook.
            resources: What nbgrader passes along; returned as it is.

        Raises:
            SubmissionError: It cannot be graded.
        """
        _check_metadata(nb)
        seen = set()
        for cell in reversed(nb.cells):  # as DeduplicateIds has it, the last one counts
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            if grade_id in seen:
                self.log.warning("Cell %s is there more than once: the last counts", grade_id)
                del cell.metadata["nbgrader"]
            elif grade_id is not None:
                seen.add(grade_id)
        return nb, resources


def _read(folder: Path, lesson: str) -> NotebookNode:
    path = folder / f"{lesson}.ipynb"
    if not path.is_file():
        others = sorted(other.name for other in folder.glob("*.ipynb"))
        raise SubmissionError(
            f"no {path.name}; there is {', '.join(others)}"
            if others
            else f"no notebook: {path.name} is missing"
        )
    if path.stat().st_size == 0:
        raise SubmissionError(f"{path.name} is empty")
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except nbformat.reader.NotJSONError:
        raise SubmissionError(f"{path.name} is not a notebook: not JSON") from None
    except UnicodeDecodeError:
        raise SubmissionError(f"{path.name} is not a notebook: not text") from None
    except Exception as error:  # nbformat's readers fail in many ways on JSON of another shape
        lines = str(error).splitlines() or [type(error).__name__]
        raise SubmissionError(f"{path.name} is not a notebook: {lines[0]}") from error
    return notebook


def _check_metadata(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        metadata = cell.metadata.get("nbgrader", {})
        if not isinstance(metadata, dict):
            raise SubmissionError("a cell's nbgrader metadata are damaged")
        version = metadata.get("schema_version", 0) if metadata else SCHEMA_VERSION
        if version != SCHEMA_VERSION:
            raise SubmissionError(
                f"cell {metadata.get('grade_id', cell.get('id', ''))} has nbgrader metadata of"
                f" version {version}, and {SCHEMA_VERSION} is needed: the answers have to be"
                " copied into a newly fetched notebook"
            )


def _ids(notebook: NotebookNode) -> list[str]:
    """The ids of the answers and graded cells, as often as they are there."""
    found = [cell.metadata.get("nbgrader") for cell in notebook.cells]
    return [
        metadata.get("grade_id", "")
        for metadata in found
        if isinstance(metadata, dict) and (metadata.get("grade") or metadata.get("solution"))
    ]
