"""Look at a submission as data, before anything of it is copied or runs: can it be graded?"""

import json
import os
import stat
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

MOST_BYTES = 16 << 20  # of a notebook, outputs included; a solved lesson with pictures has 1 MB
MOST_CELLS = 2_000
MOST_LETTERS = 128  # of a student's name, as in the gradebook
MOST_NAME_BYTES = 240  # of the same: a file is named for it, and its name has 255 at most


class SubmissionError(Exception):
    """A submission cannot be graded; the message says why, in one line."""


def find_students(submitted: Path, lesson: str) -> list[str]:
    """Who has handed in something for a lesson, in order of their ids.

    Args:
        submitted: The folder with a folder for each student.
        lesson: The lesson.
    """
    return sorted({_readable(folder.parent.name) for folder in submitted.glob(f"*/{lesson}")})


def _readable(name: str) -> str:
    """A folder's name, with � for what is no character, or none that can be shown."""
    text = os.fsencode(name).decode(errors="replace")
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def odd_name(student: str) -> str | None:
    """Why nobody can be graded under a name, in one line; None where one can.

    Args:
        student: The name, from `find_students`.
    """
    if "�" in student:
        return "the folder's name has characters that cannot be shown; � stands for them"
    if len(student) > MOST_LETTERS or len(student.encode()) > MOST_NAME_BYTES:
        return (
            f"the folder's name has {len(student)} characters, and {MOST_LETTERS} is the most"
            f" (in UTF-8, {MOST_NAME_BYTES} bytes)"
        )
    return None


def why_not(folder: Path, lesson: str) -> str | None:
    """Why a submission cannot be graded, in one line; None where it can.

    Args:
        folder: `submitted/STUDENT/LESSON`.
        lesson: The lesson.
    """
    try:
        read_submission(folder, lesson)
    except SubmissionError as error:
        return str(error)
    return None


def read_submission(folder: Path, lesson: str) -> NotebookNode:
    """The text of a submitted notebook's cells, and their nbgrader metadata; nothing else.

    Args:
        folder: `submitted/STUDENT/LESSON`.
        lesson: The lesson.

    Raises:
        SubmissionError: It cannot be graded.
    """
    path = folder / f"{lesson}.ipynb"
    _check_file(path)
    try:
        made = as_text(json.loads(path.read_text(encoding="utf-8")))
        cells = made["cells"]
        if len(cells) > MOST_CELLS:
            raise SubmissionError(
                f"{path.name} has {len(cells)} cells, and {MOST_CELLS} is the most"
            )
        kept = {name: made[name] for name in ("nbformat", "nbformat_minor")} | {"metadata": {}}
        notebook = nbformat.reads(
            json.dumps({**kept, "cells": [_bare(cell) for cell in cells]}), as_version=4
        )
        nbformat.validate(notebook)
    except SubmissionError:
        raise
    except UnicodeDecodeError:
        raise SubmissionError(f"{path.name} is not a notebook: not text") from None
    except json.JSONDecodeError:
        raise SubmissionError(f"{path.name} is not a notebook: not JSON") from None
    except Exception as error:  # nbformat's readers fail in many ways on JSON of another shape
        said = (str(error).splitlines() or [""])[0][:200]
        raise SubmissionError(
            f"{path.name} is not a notebook: {type(error).__name__} {said}"
        ) from error
    return notebook


def as_text(values: Any) -> Any:  # noqa: ANN401
    """Values as JSON has them, with a question mark for what is no character.

    JSON and Python's strings can hold half a surrogate pair; no file and no gradebook can.

    Args:
        values: dictionaries, lists, strings, numbers, True, False and None.
    """
    return json.loads(json.dumps(values, ensure_ascii=False).encode(errors="replace"))


def _check_file(path: Path) -> None:
    """Raise a SubmissionError where the notebook is no file of reasonable size."""
    folder = path.parent
    if folder.is_symlink() or not folder.is_dir():
        raise SubmissionError(f"{folder.name} is not a folder")
    try:
        found = path.lstat()
    except OSError:
        others = sorted(other.name for other in folder.glob("*.ipynb"))
        raise SubmissionError(
            f"no {path.name}; there is {', '.join(others)}"
            if others
            else f"no notebook: {path.name} is missing"
        ) from None
    if not stat.S_ISREG(found.st_mode):
        raise SubmissionError(f"{path.name} is a link or a folder, or something else than a file")
    if found.st_size == 0:
        raise SubmissionError(f"{path.name} is empty")
    if found.st_size > MOST_BYTES:
        raise SubmissionError(
            f"{path.name} has {found.st_size >> 20} MB, and {MOST_BYTES >> 20} MB is the most"
        )


def _bare(cell: dict) -> dict:
    """A cell without outputs, attachments, and metadata other than nbgrader's."""
    metadata = cell.get("metadata", {})
    own = {"nbgrader": metadata["nbgrader"]} if "nbgrader" in metadata else {}
    bare = {name: cell[name] for name in ("cell_type", "id", "source") if name in cell}
    code = {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {}
    return {**bare, **code, "metadata": own}
