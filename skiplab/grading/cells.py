"""How this package and nbgrader mark the cells of a rebuilt notebook."""

from __future__ import annotations

from nbformat import NotebookNode

RECORD = "skiplab"  # the key of what this package notes among the metadata of a notebook
NOTE = "skiplab_note"  # marks, in the metadata, a cell that the grader added
OWN = "skiplab_own"  # marks a student's own code cell
SKIP_TAG = "skip-execution"  # cells that only demonstrate


def is_answer(cell: NotebookNode) -> bool:
    """Whether a cell is a student's to fill in."""
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def is_check(cell: NotebookNode) -> bool:
    """Whether a cell is code of the lesson that gives points."""
    own = cell.metadata.get("nbgrader", {})
    return cell.cell_type == "code" and bool(own.get("grade")) and not own.get("solution")
