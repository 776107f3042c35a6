"""Run the answers of a notebook in a kernel of their own, and ask them questions from here."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import start_new_kernel
from nbformat import NotebookNode

from skiplab.checks.crossing import pack, unpack
from skiplab.checks.exercise import Exercise, all_exercises
from skiplab.checks.handle import Handle
from skiplab.checks.question import Question, Reference

CELL_SECONDS = 60


class NotALesson(ValueError):  # noqa: N818 -- it is read as a sentence
    """A file that holds no answers to any lesson."""


def read_lesson(path: Path) -> tuple[NotebookNode, list[Exercise]]:
    """Read a notebook and find which exercises it is to answer.

    Args:
        path: a student's notebook, a submission or a solution.

    Returns:
        The notebook, and all exercises of the lesson it belongs to.

    Raises:
        NotALesson: there is no such file, it is no notebook, or it answers no exercise.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except OSError as error:
        raise NotALesson(f"{path}: {error.strerror}") from error
    except Exception as error:
        raise NotALesson(f"{path} is not a notebook: {error}") from error
    ids = {cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells}
    exercises = list(all_exercises().values())
    lessons = {exercise.lesson for exercise in exercises if exercise.answer in ids}
    if not lessons:
        raise NotALesson(f"{path} answers no exercise of this course")
    return notebook, [exercise for exercise in exercises if exercise.lesson in lessons]


def _is_answer(cell: NotebookNode) -> bool:
    """Whether a cell is to be run: not one that grades, nor one that only demonstrates."""
    return (
        cell.cell_type == "code"
        and not cell.metadata.get("nbgrader", {}).get("grade", False)
        and "skip-execution" not in cell.metadata.get("tags", [])
    )


@contextmanager
def running_answers(
    notebook: NotebookNode, folder: Path
) -> Iterator[tuple[Callable[[str, Any], Any], dict[str, str]]]:
    """Run a notebook's answers in a kernel.

    Args:
        notebook: the notebook; its grade cells and demonstrations are left out.
        folder: where the kernel works: the notebook's own folder.

    Yields:
        A function from a name and a challenge to an observation, and for each answer cell that
        stopped, its `grade_id` and the error.
    """
    manager, client = start_new_kernel(
        kernel_name="python3", cwd=str(folder), extra_arguments=["--log-level=ERROR"]
    )
    stopped: dict[str, str] = {}

    def run(source: str) -> str:
        """Run code, and return the error it stopped with, or ""."""
        try:
            reply = client.execute_interactive(
                source, allow_stdin=False, timeout=CELL_SECONDS, output_hook=lambda _: None
            )
        except TimeoutError:
            manager.interrupt_kernel()
            return f"it took longer than {CELL_SECONDS} s"
        content = reply["content"]
        if content["status"] == "ok":
            return ""
        return f"{content.get('ename', 'the kernel stopped')}: {content.get('evalue', '')}"

    with tempfile.TemporaryDirectory(prefix="skiplab-") as temporary:
        question, answer = Path(temporary, "question"), Path(temporary, "answer")

        def ask(name: str, challenge: Any) -> Any:  # noqa: ANN401
            def carry(asked: Question) -> Any:  # noqa: ANN401
                answer.unlink(missing_ok=True)
                question.write_bytes(pack(asked))
                error = run(
                    "__import__('pathlib').Path("
                    f"{str(answer)!r}).write_bytes(__import__('skiplab.checks.crossing').checks"
                    f".crossing.answer(open({str(question)!r}, 'rb').read(), globals()))"
                )
                if error:
                    raise RuntimeError(f"{name} could not be looked at: {error}")
                return unpack(answer.read_bytes())

            return Handle(Reference(0, name, "class"), carry).observe(challenge)

        try:
            for cell in notebook.cells:
                if _is_answer(cell):
                    error = run(cell.source)
                    if error:
                        stopped[cell.metadata.get("nbgrader", {}).get("grade_id", "")] = error
            yield ask, stopped
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
