"""The `skiplab` command: build the course, grade a lesson, show it all on a sample class."""

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path

from skiplab.errors import CourseError


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The command line, without the program's name; `sys.argv`'s by default.

    Returns:
        The exit status: 0 all well, 1 something could not be done, 2 wrong usage.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    # nbgrader runs `alembic` by name: a virtual environment need not be activated for that.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    try:
        return options.run(options)
    except ModuleNotFoundError as error:
        if (error.name or "skiplab").partition(".")[0] == "skiplab":
            raise
        print(
            f"skiplab: {error.name} is not installed. For building and grading install the extra:"
            " pip install 'skiplab[grading]'",
            file=sys.stderr,
        )
        return 2
    except CourseError as error:
        print(f"skiplab: {error}", file=sys.stderr)
        return error.status
    except BrokenPipeError:  # whoever read the output has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("\nskiplab: interrupted. Run the same command again to go on.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="skiplab", description=__doc__.split("command: ")[1].capitalize()
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    build = commands.add_parser(
        "build", help="build release/ and solutions/ from source/, where out of date"
    )
    build.add_argument("lessons", nargs="*", metavar="LESSON", help="default: all")
    build.add_argument("--to", type=Path, metavar="DIR", help="put them there instead of here")
    build.add_argument("--force", action="store_true", help="also what is up to date")
    build.add_argument(
        "--cell-seconds",
        type=int,
        metavar="N",
        default=30,
        help="the longest a cell of a solution may take; default: %(default)s",
    )
    build.set_defaults(run=_build)

    grade = commands.add_parser(
        "grade",
        help="grade the submissions of a lesson",
        description="Grades submitted/STUDENT/LESSON/; leaves gradebook.db, autograded/, feedback/"
        " and report/. Exit status: 0 all graded, 1 some could not be (each is named with the"
        " reason), 2 wrong usage.",
    )
    grade.add_argument("lesson", metavar="LESSON")
    grade.add_argument(
        "--student", nargs="+", action="extend", default=[], metavar="ID", help="default: all"
    )
    grade.add_argument(
        "--isolation",
        choices=("sandbox", "process"),
        help="how students' code is kept apart: in a sandbox (default; stops where there is none),"
        " or only in processes of its own, which hides nothing from it",
    )
    where = grade.add_mutually_exclusive_group()
    where.add_argument(
        "--workers",
        type=_count,
        metavar="N",
        help="processes of this machine that grade at a time; default: one for each core",
    )
    where.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="the address of a Dask scheduler (tcp://HOST:8786): its workers grade instead",
    )
    grade.add_argument(
        "--force", action="store_true", help="grade again what is known and has not changed"
    )
    grade.add_argument(
        "--json",
        action="store_true",
        help="print the results as JSON; all that is said besides goes to stderr",
    )
    grade.set_defaults(run=_grade)

    replay = commands.add_parser(
        "replay",
        help="repeat a recorded grading, and compare",
        description="Repeats the grading of autograded/STUDENT/LESSON with the same challenges and"
        " random numbers. Changes nothing. Exit status: 0 the same scores and words, 1 not, or it"
        " could not be done, 2 wrong usage.",
    )
    replay.add_argument("lesson", metavar="LESSON")
    replay.add_argument("student", metavar="ID")
    replay.set_defaults(run=_replay)

    demo = commands.add_parser("demo", help="grade the sample class in examples/, in demo/")
    demo.set_defaults(run=_demo)

    lab = commands.add_parser("lab", help="open JupyterLab on your own copy of release/, in lab/")
    lab.add_argument("jupyter", nargs="*", metavar="-- OPTION", help="options for JupyterLab")
    lab.set_defaults(run=_lab)

    for command in (build, grade, replay):
        command.add_argument(
            "--course",
            type=Path,
            default=Path(),
            metavar="DIR",
            help="the course directory; default: the current one",
        )
    return parser


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError
    return count


_count.__name__ = "whole number above 0"  # as argparse names it


# What a command needs is imported when it runs: `skiplab --help` should not wait for nbgrader.


def _build(options: argparse.Namespace) -> int:
    from skiplab.course.build import build
    from skiplab.course.directory import open_course

    build(
        open_course(options.course),
        options.lessons,
        to=options.to,
        force=options.force,
        cell_seconds=options.cell_seconds,
    )
    return 0


def _grade(options: argparse.Namespace) -> int:
    import gc

    import skiplab.grading.lean  # noqa: F401 -- before anything that it makes faster

    early = None
    if options.scheduler is None and (options.course / "submitted").is_dir():
        # The two things that take longest to start: meanwhile the rest is imported.
        from skiplab.grading.jail import SANDBOX, Jail, JailError
        from skiplab.grading.pool import begin_local

        begin_local()
        with suppress(JailError):  # said later, unless the course wants none
            early = Jail(options.isolation or SANDBOX, wait=False)
    from skiplab.course.directory import open_course
    from skiplab.grading.grade import Options, grade

    gc.freeze()  # what is imported stays: looking through it takes 0.3 s, at the end if not before
    how = Options(
        options.isolation, options.workers, options.scheduler, options.force, options.json
    )
    course = open_course(options.course)
    return grade(course, options.lesson, options.student, options=how, early=early)


def _replay(options: argparse.Namespace) -> int:
    from skiplab.course.directory import open_course
    from skiplab.grading.replay import replay

    return replay(open_course(options.course), options.lesson, options.student)


def _demo(options: argparse.Namespace) -> int:
    from skiplab.course.sample import demo

    return demo(Path())


def _lab(options: argparse.Namespace) -> int:
    from skiplab.course.sample import lab

    return lab(Path(), options.jupyter)
