"""A course directory: the folder with `nbgrader_config.py` and `source/`, and its settings."""

import logging
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

from nbgrader.apps import NbGrader
from nbgrader.converters import BaseConverter
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import chdir
from sqlalchemy.exc import SAWarning
from traitlets.config import Config

from skiplab.errors import UsageError


class ConversionError(Exception):
    """nbgrader could not convert an assignment; the message is the reason, in one line."""


@dataclass(frozen=True)
class Course:
    """A course directory and its settings.

    Attributes:
        root: Where it lies.
        config: nbgrader's settings: the site's, the user's, and those of `nbgrader_config.py`.
    """

    root: Path
    config: Config

    @property
    def lessons(self) -> list[str]:
        """The lessons in `source/`, in order."""
        return sorted(
            path.parent.name
            for path in self.root.glob("source/*/*.ipynb")
            if path.parent.name == path.stem
        )

    def source(self, lesson: str) -> Path:
        """The source notebook of a lesson."""
        return self.root / "source" / lesson / f"{lesson}.ipynb"

    def nbgrader(self, lesson: str, **settings: str) -> CourseDirectory:
        """The object nbgrader has for this directory.

        Args:
            lesson: The assignment it is about.
            **settings: Any of its traits, to be set for this one use.
        """
        return CourseDirectory(
            config=self.config, root=str(self.root), assignment_id=lesson, **settings
        )


def open_course(root: Path) -> Course:
    """Read the settings of a course directory.

    Args:
        root: The folder.

    Raises:
        UsageError: It is not a course directory, or its settings cannot be read.
    """
    root = root.resolve()
    if not (root / "nbgrader_config.py").is_file() or not (root / "source").is_dir():
        raise UsageError(
            f"{root} is not a course directory: it has no nbgrader_config.py with source/ beside"
            " it. Go to one, or name it with --course."
        )
    app = NbGrader()
    app.raise_config_file_errors = True
    try:
        with chdir(str(root)):
            app.load_config_file()
    except Exception as error:  # the file is a program: anything may be wrong with it
        raise UsageError(
            f"{root / 'nbgrader_config.py'} cannot be read: {type(error).__name__}: {error}"
        ) from error
    return Course(root, app.config)


def pick_lessons(course: Course, wanted: list[str]) -> list[str]:
    """The lessons asked for, or all.

    Args:
        course: The course.
        wanted: Names of lessons; none means all.

    Raises:
        UsageError: The course has no lesson, or none of that name.
    """
    if not course.lessons:
        raise UsageError(f"{course.root / 'source'} holds no lesson (LESSON/LESSON.ipynb).")
    for lesson in wanted:
        if lesson not in course.lessons:
            raise UsageError(f"No lesson “{lesson}” here; there are {', '.join(course.lessons)}.")
    return wanted or course.lessons


def convert(converter: type[BaseConverter], coursedir: CourseDirectory, config: Config) -> None:
    """Run one of nbgrader's converters, quietly.

    Args:
        converter: `GenerateAssignment`, `Autograde`, ….
        coursedir: What it is to work on; see `Course.nbgrader`.
        config: Its settings.

    Raises:
        ConversionError: It failed. nbgrader reports failures to its log, so that is where the
            reason is taken from.
    """
    log = logging.Logger("nbgrader")  # of its own: the root logger would print
    reasons = _Reasons()
    log.addHandler(reasons)
    try:
        with warnings.catch_warnings():
            # nbgrader's gradebook trips over SQLAlchemy's advice; nothing is lost.
            warnings.simplefilter("ignore", SAWarning)
            converter(coursedir=coursedir, config=config, log=log, force=True).start()
    except NbGraderException as error:
        raise ConversionError(one_line(reasons.first or error)) from error


def list_fonts() -> None:
    """Let matplotlib list this machine's fonts, once, before any notebook imports it.

    It can say on stderr that it does, and a graded cell that writes there gets no points.
    """
    import matplotlib.font_manager  # noqa: F401


def one_line(error: BaseException) -> str:
    """An exception in one line: what kind it is, and the first line of what it says."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


class _Reasons(logging.Handler):
    """Keeps the first exception that nbgrader catches and tells its log of."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.first: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        self.first = self.first or sys.exc_info()[1]
