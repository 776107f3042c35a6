"""What a worker does: run a rebuilt notebook, or make a page of feedback.

Both are functions of their argument alone, which holds everything they need: any worker, on any
machine, can do them, in any order, and again. A worker sees no database and no other submission.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import resource
import select
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat import NotebookNode, from_dict
from nbformat.v4 import reads_json
from traitlets.config import Config

from skiplab.grading.cells import OWN
from skiplab.grading.jail import MOST_PATH, Door, Jail, JailError
from skiplab.grading.pool import DoubtfulError, HopelessError
from skiplab.grading.results import Files, Terms, package_hash, write_whole

PAGE_SECONDS = 20  # of computing for a page; most take less than a tenth of one
PAGE_BYTES = 1 << 30  # of memory more than the worker has
MOST_SAID = 2_000  # characters that a page without a student's texts keeps of what a check said
LEFT_OUT = (
    "Note from the grader: what you wrote and what it printed are left out here, because the page"
    " could not be drawn with them. Your points are as they are."
)
_alone = threading.Lock()  # one job at a time in a process, however many threads it has
_own_jail: Jail | None = None


class WrongVersionError(HopelessError):
    """A worker has another version of this package than the grader."""


@dataclass(frozen=True)
class Job:
    """A rebuilt notebook to be run.

    Attributes:
        terms: what it is graded with.
        seed: the seed of the grading.
        package: the grader's version of this package, `package_hash`.
        door: a warm process on this machine; None where the worker is to have its own.
        notebook: the rebuilt notebook, as JSON.
    """

    terms: Terms
    seed: str
    package: str
    door: Door | None
    notebook: str


def run(job: Job) -> list[list[Any]]:
    """Run a rebuilt notebook.

    Args:
        job: the notebook, and what it is graded with.

    Returns:
        For each code cell its index, its outputs and its number.

    Raises:
        JailError: the jail does not work, or was ended. That is never the student's fault.
        HopelessError: there is no jail to be had on this machine, or the grader has another version
            of this package.
        DoubtfulError: what came of it may be owed to whatever else ran on the machine.
    """
    if job.package != package_hash():
        raise WrongVersionError(
            f"The worker on {socket.gethostname()} has another version of skiplab than this"
            " machine: install the same on both, and start the worker again."
        )
    terms = job.terms
    notebook: NotebookNode = from_dict(json.loads(job.notebook))
    with _alone:
        door = job.door or _jail(terms.isolation).door
        # Who only hands out work needs none of it, and it takes seconds to import.
        import torch

        from skiplab.grading.execute import Grading, run_notebook

        # Enough for networks this small; as many workers as cores use the machine up.
        torch.set_num_threads(1)
        files = _unpacked(terms.files, door.folder)
        grading = Grading(job.seed, terms.isolation)
        doubt = run_notebook(notebook, terms.lesson, door, grading, terms.limits, files)
        if not _is_whole(files, terms.files):
            raise JailError(f"The lesson's own files were taken away while they were used: {files}")
    result = [
        [index, cell.outputs, cell.execution_count]
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type == "code"
    ]
    if doubt is not None:
        raise DoubtfulError(doubt, result)
    return result


@dataclass(frozen=True)
class Page:
    """A page of feedback to be made.

    Attributes:
        notebook: the autograded notebook, as JSON.
        scores: score and most points of each graded cell, by its id.
        comments: comment on each answer, by its id.
        resources: what nbgrader's template shows beside the notebook.
        config: nbgrader's settings.
    """

    notebook: str
    scores: dict[str, tuple[float, float]]
    comments: dict[str, str | None]
    resources: dict[str, Any]
    config: Config


def make_page(page: Page) -> str:
    """Make a page of feedback, as nbgrader's `generate_feedback` does.

    There is text for which that takes for ever, or all memory. So it is done in a fork with limits;
    where it reaches one, the page is made without what the student wrote.

    Args:
        page: the graded notebook and its marks.

    Returns:
        The page, HTML.
    """
    with _alone:
        key = json.dumps(page.config, default=str, sort_keys=True)
        is_first = key not in _exporters
        exporter = _exporter(key, page.config)
        if is_first:  # what stands in each submission is made here, once for all forks
            _draw(exporter, page, with_texts=False)
        html = _in_a_fork(lambda: _draw(exporter, page, with_texts=True))
        return html if html is not None else _draw(exporter, page, with_texts=False)


def _draw(exporter: Any, page: Page, with_texts: bool) -> str:  # noqa: ANN401
    notebook: NotebookNode = reads_json(page.notebook)
    for cell in notebook.cells:
        own = cell.metadata.get("nbgrader", {})
        if own.get("solution") or own.get("task"):
            own["comment"] = page.comments.get(own.grade_id)
        if own.get("grade") or own.get("task"):
            own["score"], own["points"] = page.scores.get(own.grade_id, (0.0, own.points))
        if not with_texts:
            _leave_out(cell)
    html, _ = exporter.from_notebook_node(notebook, resources=dict(page.resources))
    return html


def _leave_out(cell: NotebookNode) -> None:
    """Take out of a graded cell what a student wrote, or what their code printed."""
    own = cell.metadata.get("nbgrader", {})
    if own.get("solution") or own.get("task") or cell.metadata.get(OWN):
        cell.source = f"# {LEFT_OUT}" if cell.cell_type == "code" else LEFT_OUT
    if cell.cell_type == "code" and (own.get("solution") or not own.get("grade")):
        cell.outputs = []
    for output in cell.get("outputs", []):
        if "evalue" in output:  # it may say what the student's code said
            output.evalue = output.evalue[:MOST_SAID]
            output.traceback = [f"{output.ename}: {output.evalue}"]
        if "text" in output:
            output.text = output.text[:MOST_SAID]


def _in_a_fork(make: Callable[[], str]) -> str | None:
    """What a function returns, called in a fork with limits; None where it reaches one, or fails.

    A fork of a process with threads can stand still, if another thread held a lock at that moment:
    then it is tried once more.
    """
    for _ in range(2):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.close(reading)  # or it would wait for a reader for ever, were this worker killed
                gc.disable()
                room = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
                for limit, most in (
                    (resource.RLIMIT_CPU, PAGE_SECONDS),
                    (resource.RLIMIT_AS, room + PAGE_BYTES),
                    (resource.RLIMIT_CORE, 0),
                ):
                    resource.setrlimit(limit, (most, most))
                with open(writing, "wb") as pipe:  # noqa: PTH123 -- a descriptor, no path
                    pipe.write(make().encode(errors="replace"))
                status = 0
            finally:
                os._exit(status)
        os.close(writing)
        made, until = [], time.monotonic() + 10 * PAGE_SECONDS
        with open(reading, "rb", buffering=0) as pipe:  # noqa: PTH123
            while select.select([pipe], [], [], max(0, until - time.monotonic()))[0]:
                part = pipe.read(1 << 20)
                if not part:
                    break
                made.append(part)
            else:
                os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if status == 0:
            return b"".join(made).decode()
        if not (os.WIFSIGNALED(status) and time.monotonic() > until):
            break
    return None


_exporters: dict[str, Any] = {}


def _exporter(key: str, config: Config) -> Any:  # noqa: ANN401
    """Nbgrader's exporter of feedback with these settings; the last one is kept."""
    if key not in _exporters:
        # Only the first page needs them, and they take a second to import.
        from nbgrader.converters import GenerateFeedback
        from nbgrader.coursedir import CourseDirectory
        from nbgrader.preprocessors import GetGrades

        converter = GenerateFeedback(coursedir=CourseDirectory(config=config), config=config)
        exporter = converter.exporter_class(parent=converter, config=converter.config)
        names = {GetGrades, f"{GetGrades.__module__}.GetGrades", "nbgrader.preprocessors.GetGrades"}
        for step in converter.preprocessors:
            if step not in names:  # it asks the gradebook; the page brings what that would say
                exporter.register_preprocessor(step)
        _exporters.clear()
        _exporters[key] = exporter
    return _exporters[key]


def _jail(isolation: str) -> Jail:
    """This worker's own jail.

    Raises:
        HopelessError: there is none to be had on its machine.
    """
    global _own_jail
    if _own_jail is not None:
        if _own_jail.isolation == isolation and _own_jail.is_alive():
            return _own_jail
        _own_jail.close()
        _own_jail = None
    _settle()
    try:
        jail = Jail(isolation, wait=False)
        import skiplab.grading.execute  # noqa: F401 -- takes as long as a jail to get warm

        jail.wait()
    except JailError as error:
        raise HopelessError(f"The worker on {socket.gethostname()}: {error}") from error
    _own_jail = jail
    return jail


def _settle() -> None:
    """Have temporary files where Dask clears up, also after a worker that was killed."""
    if "distributed" not in sys.modules:
        return
    with suppress(ValueError):  # this is no worker of Dask's
        folder = sys.modules["distributed"].get_worker().local_directory
        if len(folder) <= MOST_PATH:
            tempfile.tempdir = folder


def _unpacked(files: Files, folder: Path) -> Path | None:
    """Where a lesson's own files are; None where it has none.

    They are in the folder of a jail, which somebody removes however this worker ends.
    """
    if not files:
        return None
    place = folder / f"lesson-{hashlib.sha256(repr(files).encode()).hexdigest()[:16]}"
    for name, content in files:
        if not Path(place, name).is_file():  # or no more: somebody has tidied up
            write_whole(Path(place, name), content)
    return place


def _is_whole(folder: Path | None, files: Files) -> bool:
    """Whether a folder has all of a lesson's own files."""
    return folder is None or all(Path(folder, name).is_file() for name, _ in files)
