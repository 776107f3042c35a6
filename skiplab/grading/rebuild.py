"""Rebuild a submission: the lesson as its author wrote it, with the text of the student's answers.

Nothing else of a submission survives: no metadata, no tags, no test cell, no kernel, no output.
"""

from __future__ import annotations

import ast
import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearMarkScheme,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    IncludeHeaderFooter,
    LockCells,
)
from nbgrader.utils import is_grade, is_solution
from traitlets.config import Config

from skiplab.grading.cells import NOTE, OWN, RECORD, SKIP_TAG

MOST_EXTRA = 200  # cells of the student's own
MOST_TEXT = 100_000  # characters of an answer, or of a cell of the student's own


@dataclass
class Rebuilt:
    """A rebuilt notebook.

    Attributes:
        notebook: the notebook.
        notes: what was odd about the submission, a line each.
    """

    notebook: NotebookNode
    notes: list[str] = field(default_factory=list)


def lesson_notebook(source: Path, config: Config | None = None) -> NotebookNode:
    """A lesson as a student has it, hidden tests included.

    Args:
        source: the source notebook.
        config: nbgrader's settings.

    Returns:
        What nbgrader's `generate_assignment` makes of it, with its own preprocessors, before it
        takes the hidden tests out. Its metadata list the names that the answers bind.
    """
    notebook = nbformat.read(source, as_version=4)
    notebook.nbformat_minor = max(5, notebook.nbformat_minor)
    for index, cell in enumerate(notebook.cells):
        cell.setdefault("id", f"cell-{index}")
    bound = {name for cell in notebook.cells if is_solution(cell) for name in _bound_by(cell)}
    notebook.metadata[RECORD] = {"answers": sorted(bound)}
    resources: dict[str, Any] = {"metadata": {"path": str(source.parent)}}
    for step in (
        IncludeHeaderFooter,
        LockCells,
        ClearSolutions,
        ClearOutput,
        ComputeChecksums,
        ClearMarkScheme,
        CheckCellMetadata,
        ComputeChecksums,
    ):
        notebook, resources = step(config=config).preprocess(notebook, resources)
    return notebook


def rebuild(
    lesson: NotebookNode, submitted: NotebookNode, received: datetime | None = None
) -> Rebuilt:
    """Put a student's answers, and their own code cells, into the lesson.

    An answer is the text of the one cell with the answer's `grade_id` and its type. Where there is
    no such cell, or more than one with different texts, the answer is as it was released, and a
    note below says why; all other answers count. A student's own code cell comes after the cell of
    the lesson that it comes after in the submission.

    Args:
        lesson: from `lesson_notebook`; not changed.
        submitted: the submitted notebook, of any content.
        received: when it came in, if that is known.

    Returns:
        The rebuilt notebook, and what is to be said about it; its metadata say so, too.
    """
    answers: dict[str, list[NotebookNode]] = {}
    extra: dict[int, list[str]] = {}
    places = _places(lesson)
    strangers: list[str] = []
    changed: dict[int, str] = {}
    at, count, long_ones = -1, 0, 0
    for cell in submitted.cells:
        name = _grade_id(cell)
        place = places.get(name) if name else places.get(f"#{cell.get('id')}")
        if place is None and not name:  # a tool may have given it a new id
            place = places.get(f"={cell.cell_type} {cell.source.strip()}")
        if name and place is not None:
            answers.setdefault(name, []).append(cell)
        if place is not None:
            at = place
            given = lesson.cells[place]
            if _is_given_code(given) and cell.source.strip() != given.source.strip():
                changed[place] = (
                    f"the cell {name or given.id} is the lesson's and was changed: the"
                    " lesson's own was used. Code of your own belongs into a new cell"
                )
        elif name:
            strangers.append(f"cell {name[:80]} does not belong to the lesson and was left out")
        elif cell.cell_type == "code" and cell.source.strip():
            count += 1
            if len(cell.source) > MOST_TEXT:
                long_ones += 1
            elif count <= MOST_EXTRA:
                extra.setdefault(at, []).append(cell.source)

    rebuilt = Rebuilt(copy.deepcopy(lesson), strangers[:10])
    cells: list[NotebookNode] = []
    for index in range(-1, len(lesson.cells)):
        if index >= 0:
            cell = rebuilt.notebook.cells[index]
            cells.append(cell)
            if is_solution(cell):
                why_not = _fill_in(cell, answers.get(_grade_id(cell), []))
                if why_not:
                    rebuilt.notes.append(why_not)
                    cells.append(_note(why_not, len(cells)))
            elif index in changed:
                rebuilt.notes.append(changed[index])
                cells.append(_note(changed[index], len(cells)))
            elif is_grade(cell) and _grade_id(cell) not in answers:
                rebuilt.notes.append(
                    f"cell {_grade_id(cell)} is missing: the lesson's own was used"
                )
        for source in extra.get(index, []):
            own = nbformat.v4.new_code_cell(source, id=f"own-{len(cells)}", metadata={OWN: True})
            cells.append(own)
    if count > MOST_EXTRA:
        rebuilt.notes.append(f"of the student's own code cells the first {MOST_EXTRA} were used")
    if long_ones:
        rebuilt.notes.append(
            f"{long_ones} of the student's own code cells have more than {MOST_TEXT} characters and"
            " were left out"
        )
    rebuilt.notebook.cells = cells
    record = rebuilt.notebook.metadata[RECORD]
    record["notes"] = rebuilt.notes
    if received is not None:
        record["received"] = received.isoformat()
    return rebuilt


def _places(lesson: NotebookNode) -> dict[str, int]:
    """Where each cell of the lesson stands, by `grade_id`, by "#" and id, by "=" and text."""
    places: dict[str, int] = {}
    for index, cell in enumerate(lesson.cells):
        places[f"#{cell.id}"] = index
        if cell.cell_type == "code" and not _grade_id(cell):
            places.setdefault(f"=code {cell.source.strip()}", index)
        if name := _grade_id(cell):
            places[name] = index
    return places


def _grade_id(cell: NotebookNode) -> str:
    """The id under which nbgrader knows a cell; "" where it does not."""
    metadata = cell.metadata.get("nbgrader", {})
    name = metadata.get("grade_id", "") if isinstance(metadata, dict) else ""
    return name if isinstance(name, str) else ""


def _fill_in(cell: NotebookNode, found: list[NotebookNode]) -> str | None:
    """Write a student's text into an answer cell; return why that cannot be done, if so."""
    name = _grade_id(cell)
    if not found:
        return f"the answer cell {name} is missing: it was deleted, renamed or replaced"
    right = [one.source for one in found if one.cell_type == cell.cell_type]
    if not right:
        return f"the answer cell {name} is a {found[0].cell_type} cell, not a {cell.cell_type} cell"
    # A copy that is empty, or as it was released, is no second answer.
    written = [text for text in right if text.strip() and text.strip() != cell.source.strip()]
    if len(set(written)) > 1:
        return (
            f"the answer cell {name} is there {len(right)} times, with different contents: it was"
            " copied or split"
        )
    text = (written or right)[0]
    if len(text) > MOST_TEXT:
        return f"the answer cell {name} has {len(text)} characters, and {MOST_TEXT} is the most"
    cell.source = text
    return None


def _bound_by(cell: NotebookNode) -> Iterator[str]:
    """The names that an answer binds at its top level, by the course's own solution."""
    if cell.cell_type != "code":
        return
    with contextlib.suppress(SyntaxError):
        tree = ast.parse(TransformerManager().transform_cell(cell.source))
        for statement in tree.body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield statement.name
                continue
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    yield node.id
                elif isinstance(node, ast.alias):
                    yield (node.asname or node.name).partition(".")[0]


def _is_given_code(cell: NotebookNode) -> bool:
    """Whether a cell is the lesson's own and runs when it is graded."""
    is_demonstration = SKIP_TAG in cell.metadata.get("tags", [])
    is_given = not is_solution(cell) and not is_grade(cell)
    return cell.cell_type == "code" and is_given and not is_demonstration


def _note(text: str, number: int) -> NotebookNode:
    """A cell that tells the student why an answer was not used."""
    said = f"**Note from the grader:** {text}. No other answer is affected."
    return nbformat.v4.new_markdown_cell(said, id=f"note-{number}", metadata={NOTE: True})
