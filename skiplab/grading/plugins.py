"""Where nbgrader's `autograde` hands over: what nbgrader_config.py names.

nbgrader makes the exporter once per command and uses it twice for each submission: once to
sanitize what was handed in (`Rebuild`), once to run and score it (`RunInJail`).
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import stat
import weakref
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from nbconvert.exporters import HTMLExporter, NotebookExporter, TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.markdown import markdown2html_mistune
from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbformat import NotebookNode
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange.default import Exchange
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_solution, parse_utc
from traitlets import Enum, Integer, default
from traitlets.config import Config

from skiplab.grading.cells import RECORD
from skiplab.grading.intake import read_submission
from skiplab.grading.jail import PROCESS, SANDBOX, Jail, JailError, Limits, copy_own_files
from skiplab.grading.rebuild import lesson_notebook, rebuild
from skiplab.grading.received import received_at
from skiplab.grading.results import Terms, own_contents

# What a written answer may use, and commands of TeX that MathJax would make links or styles of.
_TAGS = (
    *("a", "abbr", "b", "blockquote", "br", "code", "del", "div", "em", "h1", "h2", "h3", "h4"),
    *("hr", "i", "li", "ol", "p", "pre", "span", "strong", "sub", "sup", "table", "tbody", "td"),
    *("th", "thead", "tr", "ul"),
)
NO_ALT = "A figure that came without a description"
KEPT = 200  # cells whose highlighted source is kept: those of a lesson, and some
_ACTIVE_TEX = re.compile(r"\\(href|require|cssId|class|style|unicode|bbox|data|html\w*)\b")

_warm: weakref.WeakValueDictionary[tuple[str, ...], Jail] = weakref.WeakValueDictionary()


def warm_jail(isolation: str, course: Path, config: Config) -> Jail:
    """The jail of a course: one for all who ask, as long as somebody keeps it.

    Args:
        isolation: "sandbox" or "process".
        course: The course directory; it is hidden, and so is the exchange.
        config: nbgrader's settings.

    Raises:
        JailError: There is none to be had.
    """
    hide = [course.resolve(), Path(Exchange(config=config).root).resolve()]
    key = (isolation, *map(str, hide))
    jail = _warm.get(key)
    if jail is None or not jail.is_alive():
        jail = _warm[key] = Jail(isolation, hide)
    return jail


class GuardedCourse(CourseDirectory):
    """The course directory as `autograde` is to see it: it copies nothing a student handed in.

    And the time a submission came in is the server's, whatever a file in it says.
    """

    def get_existing_timestamp(self, dest_path: str) -> datetime | None:
        """When a submission was received; of one that is autograded already, as it was then."""
        folder = Path(dest_path)
        lesson, student = folder.name, folder.parent.name
        graded = self.format_path(self.autograded_directory, student, lesson)
        if folder != Path(graded):
            return received_at(Path(self.root), lesson, student)
        try:
            text = (folder / f"{lesson}.ipynb").read_text(encoding="utf-8")
            return datetime.fromisoformat(json.loads(text)["metadata"][RECORD]["received"])
        except (OSError, ValueError, KeyError, TypeError):
            return None


class GradingExporter(NotebookExporter):
    """Looks at a submission before anything reads it, and keeps the jail warm meanwhile."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401
        """Take the place of nbgrader's own exporter; `parent` is its converter."""
        super().__init__(**kwargs)
        converter = self.parent
        given = converter.coursedir
        traits = {name: getattr(given, name) for name in given.trait_names(config=True)}
        # nbgrader copies every file that is not ignored, links followed, before it calls anybody.
        guarded = GuardedCourse(config=given.config, **traits | {"ignore": ["*"]})
        converter.coursedir = guarded
        # Nobody can know it before, and all who are graded in one run are asked the same.
        self.seed = secrets.token_hex(16)
        self._warm()

    def _warm(self) -> None:
        """Have a jail, also where the last one was ended, as by a system out of memory."""
        converter = self.parent
        try:
            isolation = RunInJail(parent=self).isolation
            self.jail = warm_jail(isolation, Path(converter.coursedir.root), self.config)
        except JailError as error:
            converter.log.error("%s", error)
            raise NbGraderException(str(error)) from error

    def from_filename(
        self,
        filename: str,
        resources: dict | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> tuple[NotebookNode, dict]:
        """Convert a notebook, after a look at it.

        Raises:
            SubmissionError: It cannot be graded.
        """
        course, names = self.parent.coursedir, resources["nbgrader"]
        student, lesson = names["student"], names["assignment"]
        path = Path(filename)
        if path.parent == Path(course.format_path(course.submitted_directory, student, lesson)):
            self._warm()
            submitted = read_submission(path.parent, lesson)
            return self.from_notebook_node(submitted, resources, **kwargs)
        return super().from_filename(filename, resources, **kwargs)


class Rebuild(NbGraderPreprocessor):
    """First half: the lesson, with the student's answers in it, takes the submission's place."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Rebuild a submitted notebook.

        Args:
            nb: The submitted notebook.
            resources: What nbgrader passes along.
        """
        course: CourseDirectory = self.parent.parent.coursedir
        names = resources["nbgrader"]
        student, lesson = names["student"], names["assignment"]
        source = source_notebook(course, lesson)
        received = received_at(Path(course.root), lesson, student)
        rebuilt = rebuild(lesson_notebook(source, self.config), nb, received)
        for note in rebuilt.notes:
            self.log.warning("%s: %s", student, note)
        to = Path(course.format_path(course.autograded_directory, student, lesson))
        submitted = Path(course.format_path(course.submitted_directory, student, lesson))
        for name, text in kept_lines(submitted).items():
            to.mkdir(parents=True, exist_ok=True)
            (to / name).write_text(text, encoding="ascii")
        copy_own_files(source.parent, to)
        return rebuilt.notebook, resources


class NoScripts(SanitizeHTML):
    """For pages made of graded notebooks: what a student wrote is text, and runs nowhere."""

    @default("tags")
    def _tags_default(self) -> list[str]:
        return list(_TAGS)

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict, cell_index: int
    ) -> tuple[NotebookNode, dict]:
        """Clean a student's written answer; the lesson's own text stays as it is.

        Args:
            cell: The cell.
            resources: What nbconvert passes along.
            cell_index: Its place.
        """
        if cell.cell_type == "markdown" and is_solution(cell):
            # Cleaned as HTML: a link that runs something hides from whoever cleans Markdown.
            html = markdown2html_mistune(_ACTIVE_TEX.sub(r"\\text{\1}", cell.source))
            cell.source = self.sanitize_html_tags(html)
        for output in cell.get("outputs", []):
            for kind in {"image/png", "image/jpeg"} & set(output.get("data", {})):
                if not output.metadata.get("alt"):
                    output.metadata.setdefault(kind, {}).setdefault("alt", NO_ALT)
        return cell, resources


class _Page(TemplateExporter):
    """Keeps the page, and gives those that would look through it an empty one."""

    page = ""

    def from_notebook_node(
        self,
        nb: NotebookNode,
        resources: dict | None = None,
        **settings: Any,  # noqa: ANN401
    ) -> tuple[str, dict]:
        self.page, resources = super().from_notebook_node(nb, resources, **settings)
        return "", resources


class FeedbackExporter(HTMLExporter, _Page):
    """Pages of feedback as nbconvert makes them, in a third of the time.

    What stands in many submissions is rendered once. And nbconvert reads each page that it has made
    again, to make JupyterLab's output areas reachable by the keyboard, of which nbgrader's template
    has none, and to give figures an alternative text, which `NoScripts` does.
    """

    @default("filters")
    def _filters_default(self) -> dict[str, Callable[..., str]]:
        highlight = lru_cache(KEPT)(Highlight2HTML(pygments_lexer="ipython3", parent=self))

        def cached(source: str, language: str | None = None, metadata: dict | None = None) -> str:
            return highlight(source, (metadata or {}).get("magics_language", language))

        return {"highlight_code": cached}

    def from_notebook_node(
        self,
        nb: NotebookNode,
        resources: dict | None = None,
        **settings: Any,  # noqa: ANN401
    ) -> tuple[str, dict]:
        """Make a page.

        Args:
            nb: The graded notebook.
            resources: What the template shows beside it.
            settings: What nbconvert passes along.
        """
        _, resources = super().from_notebook_node(nb, resources, **settings)
        return self.page, resources


class RunInJail(NbGraderPreprocessor):
    """Second half, in place of nbgrader's `Execute`: run the notebook and score it."""

    isolation = Enum(
        [SANDBOX, PROCESS],
        SANDBOX,
        help="How the student's code is kept apart; see docs/trust.md.",
    ).tag(config=True)
    cell_seconds = Integer(Limits.cell_seconds, help="How long a cell may take.").tag(config=True)
    wall_seconds = Integer(Limits.wall_seconds, help="How long a notebook may take.").tag(
        config=True
    )
    cpu_seconds = Integer(Limits.cpu_seconds, help="How long all its processes may compute.").tag(
        config=True
    )
    memory_mb = Integer(Limits.memory_bytes >> 20, help="How much memory a notebook may use.").tag(
        config=True
    )
    disk_mb = Integer(
        Limits.disk_bytes >> 20, help="The largest file, and all files in a folder."
    ).tag(config=True)
    processes = Integer(Limits.processes, help="How many processes a notebook may have.").tag(
        config=True
    )
    output_mb = Integer(
        Limits.output_bytes >> 20, help="How much output of a notebook is kept."
    ).tag(config=True)
    restarts = Integer(
        Limits.restarts, help="How often a notebook's process is started again."
    ).tag(config=True)

    @property
    def limits(self) -> Limits:
        """The limits, as the jail takes them."""
        return Limits(
            cell_seconds=self.cell_seconds,
            wall_seconds=self.wall_seconds,
            cpu_seconds=self.cpu_seconds,
            memory_bytes=self.memory_mb << 20,
            disk_bytes=self.disk_mb << 20,
            processes=self.processes,
            output_bytes=self.output_mb << 20,
            restarts=self.restarts,
        )

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Run a rebuilt notebook; leave outputs, scores, and the record of the grading in it.

        Args:
            nb: The rebuilt notebook.
            resources: What nbgrader passes along.
        """
        from skiplab.grading.execute import Grading, run_notebook  # PyTorch: only who runs needs it

        exporter: GradingExporter = self.parent
        name = resources["nbgrader"]["assignment"]
        source = source_notebook(exporter.parent.coursedir, name)
        grading = Grading(exporter.seed, self.isolation)
        terms = Terms(name, own_contents(source.parent), self.isolation, self.limits)
        record = terms.record(nb, grading.seed)
        run_notebook(nb, name, exporter.jail.door, grading, self.limits, source.parent)
        nb.metadata[RECORD] = {**nb.metadata.get(RECORD, {}), **record}
        return nb, resources


def kept_lines(submitted: Path) -> dict[str, str]:
    """The two lines by which `nbgrader release_feedback` names a page; they decide nothing.

    Args:
        submitted: The folder that was handed in.

    Returns:
        The text of each file, by its name, where it is one line of text.
    """
    kept = {}
    for name in ("timestamp.txt", "submission_secret.txt"):
        path = submitted / name
        # There may be none, or it may be something else.
        with contextlib.suppress(OSError, ValueError, OverflowError):
            if stat.S_ISREG(path.lstat().st_mode) and path.lstat().st_size <= 256:
                text = path.read_text(encoding="ascii")
                if name == "timestamp.txt":
                    parse_utc(text.strip())  # nbgrader trips over one that is none
                kept[name] = text
    return kept


def source_notebook(course: CourseDirectory, lesson: str) -> Path:
    """The source notebook of a lesson."""
    folder = Path(course.format_path(course.source_directory, ".", lesson))
    return folder / f"{lesson}.ipynb"
