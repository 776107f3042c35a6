"""How fast is a class graded, and what does it cost? Prints a table with what must be reached.

    python benchmarks/grading.py [--quick] [--full] [--large] [--only PART …] [--seed N]

Classes are made anew, by a seed: of twelve submissions of lesson 2, eight are right, in a style
that is drawn, two are wired wrongly, one is slow (it trains its network once more, in a cell of its
own), and one is broken. No two have the same text, so no result serves twice. The first part grades
such a class; the others take classes of right ones. Both sides are measured in the same run:

1. throughput: `skiplab grade` as a command, from start to end, feedback and report included,
   against `nbgrader autograde` as it comes, on the same notebooks with the same cells skipped.
   nbgrader gets a draw of a fifth of the class (`--full`: all of it). Nothing is taken off either
   time. That both give the same points to every right submission is asserted.
2. overhead: CPU time of all processes of `skiplab grade`, above that of a submission's own cells,
   grade cells included, which are run with `exec` in a fork of a process that has run the lesson
   before. Classes of two sizes, so that starting cancels out; one worker, for where the cores
   share a cache, or more, the same code takes more CPU time on two at once.
3. scaling: one worker and two, classes of two sizes likewise; and what two processes that only
   compute reach against one, which is what the machine has to give.
4. recording: a submission's share of the time in the recorder, for a class whose work is free (8),
   against the time in which nbgrader has its gradebook open.
5. memory: the most that each kind of process used, and all together for each worker, against
   `nbgrader autograde` with its kernel.
6. regrading: `skiplab grade` on a class of 1,000 of which nothing has changed.
7. cluster: results a second from two workers of a Dask scheduler, against two local ones; tasks a
   second whose work is free.
8. driver: classes of 1,000 and 10,000 (`--large`: 100,000, too) with an executor that returns a
   known result and a known page at once, of 2 KB where a real one has some hundred: what is left
   is what the driver itself does.
9. first: from starting the command until the first submission is recorded.

Takes about fifteen minutes on two cores; `--quick` a few, with classes too small to rely on.
"""

import argparse
import contextlib
import ctypes
import io
import itertools
import json
import math
import multiprocessing
import operator
import os
import pickle
import platform
import random
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from right_answers import right_answers

# What needs PyTorch is imported by the functions that need it: the driver's memory is measured in
# processes that begin with this file.
ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
LESSON = "2_skip_connections"
DOZEN = ["honest"] * 8 + ["wrong"] * 2 + ["slow", "broken"]
SAMPLE = 5  # nbgrader gets one in so many
SIZES = (12, 60)  # of the classes whose difference counts
BATCH = 50  # submissions recorded together, as in skiplab.grading.run

STOCK = """
c = get_config()
c.CourseDirectory.course_id = "skiplab"
c.Execute.timeout = 60
c.Execute.startup_timeout = 120
c.Execute.iopub_timeout = 60
c.Execute.skip_cells_with_tag = "skip-execution"
"""


@dataclass(frozen=True)
class Row:
    """A row of the table: what was reached, what is wanted, and whether that is so."""

    name: str
    reached: str
    wanted: str
    passed: bool


@dataclass(frozen=True)
class Took:
    """What grading a class by the command took.

    Attributes:
        seconds: from its start to its end.
        cpu: seconds of computing, of all its processes; None where that cannot be counted.
        first: seconds until the first submission was recorded.
        counts: how many submissions were graded, unchanged and so on.
    """

    seconds: float
    cpu: float | None
    first: float
    counts: dict[str, int]


@dataclass(frozen=True)
class Slope:
    """What a submission more takes, by two classes of different size."""

    seconds: float
    cpu: float | None


@dataclass
class Bench:
    """What all parts share.

    Attributes:
        folder: where to work.
        options: from the command line.
        sizes: of the classes whose difference counts.
        slopes: what has been measured, by the options of the command.
        number: of the next course.
    """

    folder: Path
    options: argparse.Namespace
    sizes: tuple[int, int] = SIZES
    slopes: dict[str, list[Slope]] = field(default_factory=lambda: defaultdict(list))
    number: Iterator[int] = field(default_factory=itertools.count)

    @property
    def stock(self) -> Path:
        """A course for nbgrader as it comes, without submissions."""
        return self.folder / "stock"

    @property
    def release(self) -> Path:
        """The lesson as students get it."""
        return self.stock / "release" / LESSON / f"{LESSON}.ipynb"

    def course(self) -> Path:
        """A new course for this grader, without submissions."""
        folder = self.folder / f"course-{next(self.number)}"
        shutil.copytree(ROOT / "source" / LESSON, folder / "source" / LESSON)
        shutil.copy(ROOT / "nbgrader_config.py", folder)
        return folder


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small classes, everything once")
    parser.add_argument("--full", action="store_true", help="nbgrader grades all of the class")
    parser.add_argument("--large", action="store_true", help="the driver with 100,000 submissions")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--seed", type=int, default=4, help="which classes are drawn")
    options = parser.parse_args()
    # For both sides: what either starts inherits it.
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    print(
        f"{len(os.sched_getaffinity(0))} cores, load at the start {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, Linux {platform.release()}, seed {options.seed}"
    )
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="skiplab-bench-") as folder:
        bench = Bench(Path(folder), options, (4, 12) if options.quick else SIZES)
        make_stock(bench)
        for name in options.only:
            say(f"== {name}")
            print(f"\n{name}", flush=True)
            rows += PARTS[name](bench)
    print("\n| | reached | wanted | |")
    print("| --- | --- | --- | --- |")
    for row in rows:
        verdict = "reached" if row.passed else "**not reached**"
        print(f"| {row.name} | {row.reached} | {row.wanted} | {verdict} |")


def say(text: str) -> None:
    """Tell how far it is."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


# The classes


def make_stock(bench: Bench) -> None:
    """Make the course that nbgrader grades, and with it what students get."""
    shutil.copytree(ROOT / "source" / LESSON, bench.stock / "source" / LESSON)
    (bench.stock / "nbgrader_config.py").write_text(STOCK)
    subprocess.run(
        ["nbgrader", "generate_assignment", LESSON],
        cwd=bench.stock,
        check=True,
        capture_output=True,
    )


def make_class(
    bench: Bench, course: Path, count: int, kinds: list[str], attempt: int = 0
) -> dict[str, str]:
    """Hand in a class's work.

    Args:
        bench: what all parts share.
        course: where.
        count: how many students; the first of a larger class are those of a smaller one.
        kinds: of so many students, in turn; their order is drawn.
        attempt: another one is other work of the same students.

    Returns:
        The kind of each student's submission.
    """
    made = {}
    for number in range(count):
        turn, place = divmod(number, len(kinds))
        order = random.Random(f"{bench.options.seed} order {turn}").sample(kinds, len(kinds))
        student = f"s{number:05}"
        made[student] = order[place]
        draw = random.Random(f"{bench.options.seed} {number} {attempt}")
        how = list(BROKEN)[turn % len(BROKEN)] if order[place] == "broken" else ""
        text = submission(bench, order[place], f"{student}, {attempt}", draw, how)
        hand_in(course, student, text)
    return made


def hand_in(course: Path, student: str, text: str) -> None:
    """Put a notebook's text where submissions lie."""
    path = course / "submitted" / student / LESSON / f"{LESSON}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def submission(bench: Bench, kind: str, author: str, draw: random.Random, how: str = "") -> str:
    """A submission's text.

    Args:
        bench: what all parts share.
        kind: "honest", "wrong", "slow" or "broken".
        author: stands in its answers, so that they are nobody else's.
        draw: what is drawn is drawn from it.
        how: it is broken, one of `BROKEN`.
    """
    from skiplab.checks.exercise import all_exercises
    from skiplab.course.sample import answers, fill_in

    by = f"# by {author}\n"
    given = answers(bench.stock / "source" / LESSON / f"{LESSON}.ipynb")
    texts = {name: f"{by}{text}" for name, text in given.items()}
    texts |= {name: f"By {author}: I have measured it." for name in given if "explain" in name}
    for exercise in all_exercises().values():
        if exercise.answer not in given:
            continue
        styles = right_answers(exercise)
        texts[exercise.answer] = by + styles[draw.choice(sorted(styles))]
        if kind == "wrong" and (exercise.answer == "skipnet7" or draw.random() < 0.5):
            mistake = draw.choice(exercise.misconceptions)
            texts[exercise.answer] = by + IMPORTS + exercise.source(mistake.forward, mistake.after)
    texts["skipnet7"] += BROKEN.get(how, "")
    notebook = fill_in(bench.release, texts)
    if kind == "slow":
        after = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells]
        own = nbformat.v4.new_code_cell(by + TRAINING)
        notebook.cells.insert(after.index("skipnet7-trains") + 1, own)
    text = nbformat.writes(notebook)
    return text[: len(text) // 2] if how == "half a file" else text


IMPORTS = "import numpy as np\nimport torch.nn.functional as F\n\n\n"
TRAINING = """
X_more, y_more = skiplab.make_data(samples=200)
torch.manual_seed(1)
model_more = SkipNet7(512, 32)
optimizer_more = torch.optim.SGD(model_more.parameters(), lr=0.01)
losses_more = skiplab.train_model(
    model_more, 200, X_more, y_more, nn.MSELoss(), optimizer_more, print_every=50
)
"""
BROKEN = {
    "half a file": "",
    "a syntax error": "\nclass (:\n",
    "an exception": "\nraise RuntimeError('what now?')\n",
    "its process ends": "\nimport os\nos._exit(3)\n",
}


# Measuring


def skiplab_grade(course: Path, *options: str, watch: "Memory | None" = None) -> Took:
    """Grade a class by the command.

    Args:
        course: the course directory.
        options: of the command.
        watch: looks at the memory of its processes meanwhile.
    """
    command = ["skiplab", "grade", LESSON, "--json", *options]
    first, said = 0.0, []

    def listen() -> None:
        nonlocal first
        for line in process.stderr:  # one about the progress comes when something is recorded
            said.append(line)
            recorded = re.match(rf"{LESSON}: (\d+) of ", line)
            if not first and recorded and recorded[1] != "0":
                first = time.perf_counter() - started

    with tempfile.TemporaryFile("w+") as out, counting_cpu() as cpu:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=course,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
        )
        listener = threading.Thread(target=listen)
        listener.start()
        if watch is not None:
            watch.start(process.pid)
        status = process.wait()
        seconds = time.perf_counter() - started
        listener.join()  # now all who could have said something have ended
        used = cpu()
        out.seek(0)
        if status not in (0, 1):
            raise RuntimeError(f"{' '.join(command)}: exit status {status}\n{''.join(said)}")
        try:
            counts = json.load(out)["counts"]
        except ValueError:
            raise RuntimeError(f"{' '.join(command)}\n{''.join(said)}") from None
    return Took(seconds, used, first, counts)


@contextmanager
def counting_cpu() -> Iterator[Callable[[], float | None]]:
    """Count the CPU time of everything started meanwhile, to the last descendant.

    What a process knows of its children's time leaves out those that nobody waited for: the kernels
    of a process namespace that ends, and so most of what is to be counted. The system's own counter
    (perf_event_open(2)) leaves out nothing.
    """
    numbers = {"x86_64": 298, "aarch64": 241}
    inherit, only_user, no_hypervisor = 1 << 1, 1 << 5, 1 << 6  # it counts the system's share, too
    attributes = ctypes.create_string_buffer(128)
    software, task_clock = 1, 1
    flags = inherit | only_user | no_hypervisor
    struct.pack_into("=IIQQQQQ", attributes, 0, software, 128, task_clock, 0, 0, 0, flags)
    counter = ctypes.CDLL(None).syscall(numbers[platform.machine()], attributes, 0, -1, -1, 8)
    own = time.thread_time()
    if counter < 0:
        yield lambda: None
        return
    try:
        yield lambda: struct.unpack("Q", os.read(counter, 8))[0] / 1e9 - (time.thread_time() - own)
    finally:
        os.close(counter)


class Memory:
    """The most memory that the processes of a grader used, by what they are.

    Attributes:
        most: resident and proportional kilobytes: of shared pages, the second has only a part.
        together: proportional kilobytes of all of them at a time.
    """

    def __init__(self) -> None:
        """Look at nothing yet."""
        self.most: dict[str, tuple[int, int]] = {}
        self.together = 0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, pid: int) -> None:
        """Look at a process and those below it, until it ends or `stop` is called."""
        self._thread = threading.Thread(target=self._look, args=(pid,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def _look(self, root: int) -> None:
        while not self._over.wait(0.1):
            together = 0
            for pid, what in processes(root).items():
                with contextlib.suppress(OSError, IndexError):  # it is gone, or not ours to see
                    new = (kilobytes(pid, "status", "VmHWM"), kilobytes(pid, "smaps_rollup", "Pss"))
                    old = self.most.get(what, (0, 0))
                    self.most[what] = (max(new[0], old[0]), max(new[1], old[1]))
                    together += new[1]
            self.together = max(self.together, together)


def processes(root: int) -> dict[int, str]:
    """The processes of a grader, and what each is."""
    parents, names, lines = {}, {}, {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with contextlib.suppress(OSError):
                head, _, rest = (path / "stat").read_text().rpartition(")")
                pid = int(path.name)
                parents[pid], names[pid] = int(rest.split()[1]), head.partition("(")[2]
                lines[pid] = (path / "cmdline").read_bytes().decode(errors="replace")
    found = {root: "driver"} if root in parents else {}
    look = list(found)
    while look:
        parent = look.pop()
        for pid in (one for one, its in parents.items() if its == parent and one not in found):
            look.append(pid)
            if names[pid] == "bwrap":
                found[pid] = "bubblewrap"
            elif "grading/inside.py" in lines[pid]:
                is_warm = names[parent] == "bwrap" or found[parent] == "driver"
                found[pid] = "warm process" if is_warm else "a submission's own"
            elif "multiprocessing.forkserver" in lines[pid]:
                is_first = found[parent] == "driver"
                found[pid] = "what workers are forked from" if is_first else "worker"
            else:
                found[pid] = "other"
    return found


def kilobytes(pid: int | str, file: str, name: str) -> int:
    """A number from one of the files about a process."""
    text = Path(f"/proc/{pid}/{file}").read_text()
    return int(re.findall(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)[0])


def slope(bench: Bench, *options: str) -> Slope:
    """What a submission more takes, by two classes of honest submissions.

    Args:
        bench: what all parts share; keeps the result, too.
        options: of the command.
    """
    took = []
    for size in bench.sizes:
        course = bench.course()
        make_class(bench, course, size, ["honest"])
        took.append(skiplab_grade(course, *options))
        assert took[-1].counts["graded"] == size, took[-1].counts
        say(f"{' '.join(options)}: {size} submissions in {took[-1].seconds:.1f} s")
        shutil.rmtree(course)
    small, large = took
    more = bench.sizes[1] - bench.sizes[0]
    cpu = None if large.cpu is None else (large.cpu - small.cpu) / more
    found = Slope((large.seconds - small.seconds) / more, cpu)
    bench.slopes[" ".join(options)].append(found)
    return found


def elsewhere(function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
    """Call a function in a new process; return what it returns."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as one:
        return one.submit(function, *arguments).result()


def points(course: Path) -> dict[str, dict[str, float | None]]:
    """What the checks gave, by student and cell."""
    from nbgrader.api import Gradebook
    from sqlalchemy.exc import SAWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # nbgrader trips over SQLAlchemy's advice
        with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
            return {
                one.student.id: {grade.name: grade.auto_score for grade in one.notebooks[0].grades}
                for one in gradebook.assignment_submissions(LESSON)
            }


# The parts


def throughput(bench: Bench) -> list[Row]:
    """`skiplab grade` against `nbgrader autograde`."""
    from skiplab.course.directory import open_course
    from skiplab.grading.report import graded_cells

    size = 12 if bench.options.quick else 60
    ours = bench.course()
    kinds = make_class(bench, ours, size, DOZEN)
    took = skiplab_grade(ours)
    say(f"skiplab grade: {size} submissions in {took.seconds:.1f} s")

    stock = bench.folder / "stock-throughput"
    shutil.copytree(bench.stock, stock)
    chosen = list(kinds)
    if not bench.options.full and not bench.options.quick:
        draw = random.Random(f"{bench.options.seed} sample")
        chosen = []
        for kind in dict.fromkeys(DOZEN):
            of_kind = [student for student, its in kinds.items() if its == kind]
            chosen += draw.sample(of_kind, len(of_kind) // SAMPLE)
    for student in chosen:
        shutil.copytree(ours / "submitted" / student, stock / "submitted" / student)
    say(f"nbgrader autograde: {len(chosen)} submissions …")
    started = time.perf_counter()
    done = subprocess.run(
        ["nbgrader", "autograde", LESSON], cwd=stock, stdin=subprocess.DEVNULL, capture_output=True
    )
    stock_seconds = time.perf_counter() - started
    say(f"nbgrader autograde: exit status {done.returncode}, {stock_seconds:.1f} s")

    here, there = points(ours), points(stock)
    honest = [student for student in chosen if kinds[student] == "honest"]
    assert honest, "nobody to compare"
    most = graded_cells(open_course(ours), LESSON)
    for student in honest:
        assert here[student] == there[student], (student, here[student], there[student])
        for cell, score in here[student].items():  # what a person is to mark has no points yet
            assert score in (None, most[cell]), (student, here[student])
    other = [student for student in chosen if kinds[student] != "honest"]
    same = sum(here.get(student) == there.get(student) for student in other)

    mine, theirs = took.seconds / size, stock_seconds / len(chosen)
    counts = ", ".join(f"{count} {kind}" for kind, count in Counter(kinds.values()).items())
    print(f"class of {size} ({counts}); what came of them: {took.counts}")
    print(f"skiplab grade       {mine:6.2f} s a submission ({took.seconds:.0f} s for all)")
    sample = "all" if len(chosen) == size else f"{len(chosen)} drawn from the {size}"
    print(
        f"nbgrader autograde  {theirs:6.2f} s a submission ({stock_seconds:.0f} s for {sample}, "
        "same share of each kind; nothing taken off)"
    )
    print(f"same points for all {len(honest)} honest submissions that both graded: asserted;")
    print(f"same points for {same} of the {len(other)} others")
    ratio = theirs / mine
    return [
        Row(
            f"throughput against stock `nbgrader autograde`, lesson 2, class of {size}",
            f"{ratio:.1f} × ({mine:.2f} s a submission against {theirs:.2f} s)",
            "10 ×",
            ratio >= 10,
        )
    ]


def overhead(bench: Bench) -> list[Row]:
    """CPU time of all processes, above that of the submissions' own cells."""
    found = with_workers(bench, 1)
    course = bench.course()
    more = list(make_class(bench, course, bench.sizes[1], ["honest"]))[bench.sizes[0] :]
    fresh, known = (
        statistics.mean(elsewhere(own_cells, course, more, is_known)) for is_known in (False, True)
    )
    print(f"own cells, in a fork of a process that has run the lesson: {fresh:.3f} s a submission")
    print(f"… where its challenges have been worked out as well:       {known:.3f} s a submission")
    name, wanted = "CPU per submission above its own cells' CPU", "at most 0.25 s"
    counted = [one.cpu for one in found if one.cpu is not None]
    if not counted:
        print("CPU time cannot be counted here: sysctl kernel.perf_event_paranoid=2 allows it")
        return [Row(name, "not measured", wanted, False)]
    total = statistics.median(counted)
    print(f"all processes of `skiplab grade --workers 1`:              {total:.3f} s a submission")
    print(f"above its own cells: {total - fresh:.3f} s; above the lower figure {total - known:.3f}")
    times = f"{total / fresh:.2f} × ({total:.2f} s against {fresh:.2f} s)"
    stricter = f"above known challenges {total - known:.2f} s"
    return [Row(name, f"{total - fresh:.2f} s; {times}; {stricter}", wanted, total - fresh <= 0.25)]


def own_cells(course: Path, students: list[str], is_known: bool) -> list[float]:
    """CPU seconds of submissions' own cells, in forks of this process, which has run the lesson.

    Args:
        course: the course directory.
        students: whose.
        is_known: whether all are asked the same challenges, so that they are known before.
    """
    import torch

    from skiplab.checks.asking import seeds_from
    from skiplab.course.directory import open_course
    from skiplab.grading.cells import SKIP_TAG
    from skiplab.grading.intake import read_submission
    from skiplab.grading.rebuild import lesson_notebook, rebuild

    torch.set_num_threads(1)
    opened = open_course(course)
    base = lesson_notebook(opened.source(LESSON), opened.config)

    def cells(student: str) -> list[str]:
        submitted = read_submission(course / "submitted" / student / LESSON, LESSON)
        return [
            cell.source
            for cell in rebuild(base, submitted).notebook.cells
            if cell.cell_type == "code" and SKIP_TAG not in cell.metadata.get("tags", [])
        ]

    def run(sources: list[str]) -> float:
        names: dict[str, Any] = {"__name__": "__main__"}
        drawn = itertools.count(1)
        same = seeds_from(lambda: next(drawn)) if is_known else contextlib.nullcontext()
        started = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()), same:
            for source in sources:
                exec(compile(source, "<cell>", "exec"), names)
        return time.process_time() - started

    run(cells(students[0]))
    took = []
    for sources in map(cells, students):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                os.write(writing, repr(run(sources)).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as answer:
            took.append(float(answer.read()))
        os.waitpid(child, 0)
    return took


def with_workers(bench: Bench, count: int) -> list[Slope]:
    """What a submission more takes with so many workers; as measured already, where it is."""
    return bench.slopes[f"--workers {count}"] or [slope(bench, "--workers", str(count))]


def scaling(bench: Bench) -> list[Row]:
    """Two workers against one."""
    times = 1 if bench.options.quick else 2
    for turn in range(times):
        for count in (1, 2):
            if len(bench.slopes[f"--workers {count}"]) <= turn:
                slope(bench, "--workers", str(count))
    one, two = (
        statistics.median(found.seconds for found in bench.slopes[f"--workers {count}"])
        for count in (1, 2)
    )
    ceiling = computing()
    small, large = bench.sizes
    print(f"one worker    {one:.3f} s a submission (class of {large} less class of {small})")
    print(f"two workers   {two:.3f} s a submission")
    print(f"ratio {one / two:.2f}; two processes that only compute reach {ceiling:.2f} here")
    reached = f"{one / two:.2f} × ({1 / two:.2f} a second against {1 / one:.2f})"
    reached += f"; computing alone reaches {ceiling:.2f} ×"
    return [Row("two workers against one", reached, "1.8 ×", one / two >= 1.8)]


def computing() -> float:
    """How much two processes that only compute do in the time of one."""
    context = multiprocessing.get_context("spawn")
    ratios = []
    with ProcessPoolExecutor(2, context) as pool:
        list(pool.map(compute, [2, 2]))  # start, import
        for _ in range(3):
            alone = pool.submit(compute, 300).result()
            both = max(pool.map(compute, [300, 300]))
            ratios.append(2 * alone / both)
    return statistics.median(ratios)


def compute(steps: int) -> float:
    """Train a network of the lesson's size for some steps; return the seconds."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    layers = [nn.Linear(512, 128), nn.ReLU(), *[nn.Linear(128, 128), nn.ReLU()] * 5]
    model, X = nn.Sequential(*layers), torch.rand(2000, 512)
    started = time.perf_counter()
    for _ in range(steps):
        model(X).square().mean().backward()
    return time.perf_counter() - started


def recording(bench: Bench) -> list[Row]:
    """The recorder's time for a submission, against nbgrader's."""
    size = 200 if bench.options.quick else 1000
    course = free_course(bench, size)
    found = elsewhere(grade_for_free, course, known_cells(bench), size)
    shutil.rmtree(course)
    spent = {name: 1000 * seconds / size for name, seconds in found["spent"].items()}

    count = 5 if bench.options.quick else 20
    stock = bench.folder / "stock-recording"
    shutil.copytree(bench.stock, stock)
    make_class(bench, stock, count, ["honest"])
    say(f"nbgrader autograde without running anything: {count} submissions …")
    gradebook, total = (1000 * seconds / count for seconds in elsewhere(stock_recording, stock))

    write, files, marks = (spent[name] for name in ("write", "_write_autograded", "marks"))
    print(f"gradebook: writing it   {write:6.2f} ms a submission, {size} in batches of {BATCH}")
    print(f"autograded/: its file   {files:6.2f} ms")
    print(f"gradebook: reading it   {marks:6.2f} ms, for report and feedback")
    print(f"nbgrader: its gradebook {gradebook:6.2f} ms, as long as it has it open")
    print(f"nbgrader: all but running the notebook {total:.0f} ms")
    ours = write + files
    reached = f"{ours:.1f} ms with the autograded file, {write:.1f} ms without; nbgrader "
    reached += f"{gradebook:.0f} ms without: {gradebook / write:.0f} ×"
    return [Row("recording a submission", reached, "at most 10 ms", ours <= 10)]


def stock_recording(root: Path) -> tuple[float, float]:
    """Have nbgrader autograde a class, without running anything.

    Returns:
        The seconds for which a gradebook was open, and those for all.
    """
    from nbgrader.api import Gradebook
    from nbgrader.converters import Autograde
    from nbgrader.preprocessors import Execute

    from skiplab.course.directory import convert, open_course

    spent, opened = 0.0, {}
    begin, close = Gradebook.__init__, Gradebook.close

    def timed_begin(book: Gradebook, *arguments: object, **named: object) -> None:
        opened[id(book)] = time.perf_counter()
        begin(book, *arguments, **named)

    def timed_close(book: Gradebook) -> None:
        nonlocal spent
        close(book)
        spent += time.perf_counter() - opened.pop(id(book))

    course = open_course(root)
    steps = [step for step in Autograde().autograde_preprocessors if step is not Execute]
    course.config.Autograde.autograde_preprocessors = steps
    Gradebook.__init__, Gradebook.close = timed_begin, timed_close
    started = time.perf_counter()
    convert(Autograde, course.nbgrader(LESSON), course.config)
    return spent, time.perf_counter() - started


def memory(bench: Bench) -> list[Row]:
    """The most memory of each kind of process."""
    course = bench.course()
    make_class(bench, course, 6 if bench.options.quick else 24, ["honest"])
    watch = Memory()
    skiplab_grade(course, "--workers", "2", watch=watch)
    watch.stop()
    stock = bench.folder / "stock-memory"
    shutil.copytree(bench.stock, stock)
    make_class(bench, stock, 2, ["honest"])
    theirs = Memory()
    command = ["nbgrader", "autograde", LESSON]
    quiet = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    with subprocess.Popen(command, cwd=stock, **quiet) as process:
        theirs.start(process.pid)
        assert process.wait() == 0
    theirs.stop()

    print(f"{'MB at most, each':32}{'resident':>10}{'its part':>10}  of what processes share")
    for what, (resident, part) in sorted(watch.most.items(), key=lambda item: -item[1][0]):
        if what not in ("bubblewrap", "other"):
            print(f"{what:32}{resident / 1024:10.0f}{part / 1024:10.0f}")
    for what, is_what in (("nbgrader", "driver"), ("nbgrader's kernel", "other")):
        resident, part = theirs.most[is_what]
        print(f"{what:32}{resident / 1024:10.0f}{part / 1024:10.0f}")
    each, stock_all = watch.together / 2 / 1024, theirs.together / 1024
    print(f"all together, for each of two workers: {each:.0f} MB; nbgrader, which grades one at a")
    print(f"time, {stock_all:.0f} MB: {each / stock_all:.2f} × that")
    return []


def regrading(bench: Bench) -> list[Row]:
    """A class of which nothing has changed."""
    size = 200 if bench.options.quick else 1000
    course = free_course(bench, size)
    elsewhere(grade_for_free, course, known_cells(bench), size)
    took = skiplab_grade(course)
    assert took.counts["unchanged"] == size, took.counts
    shutil.rmtree(course)
    print(f"{took.seconds:.1f} s for {size:,}: {1000 * took.seconds / size:.1f} ms a submission")
    graded = size * statistics.median(one.seconds for one in with_workers(bench, 2))
    print(f"two workers take about {graded:.0f} s to grade them: {graded / took.seconds:.0f} ×")
    name = f"regrading an unchanged class of {size:,}"
    return [Row(name, f"{took.seconds:.1f} s", "at most 20 s", took.seconds <= 20)]


def cluster(bench: Bench) -> list[Row]:
    """Two workers of a Dask scheduler against two local ones."""
    local = statistics.median(found.seconds for found in with_workers(bench, 2))
    with dask(bench.folder, 2) as address:
        course = bench.course()
        make_class(bench, course, 6, ["honest"], attempt=1)
        skiplab_grade(course, "--scheduler", address)  # each worker has its warm process then
        shutil.rmtree(course)
        there = slope(bench, "--scheduler", address).seconds
        free = free_tasks(address)
    small, large = bench.sizes
    print(f"Dask    {1 / there:.2f} results a second (class of {large} less class of {small})")
    print(f"local   {1 / local:.2f} results a second; Dask has {local / there:.2f} of that")
    print(f"Dask, tasks that do nothing, with the data of a page of feedback: {free:.0f} a second")
    return []


def free_tasks(address: str, count: int = 3000) -> float:
    """How many tasks a second a scheduler hands out, and takes back, whose work is free.

    Args:
        address: the scheduler's.
        count: of tasks; each is sent a notebook's 34 KB and sends back a page's 204 KB.
    """
    from distributed import Client, as_completed

    def send() -> Any:  # noqa: ANN401
        return client.submit(operator.mul, os.urandom(34_000), 6, pure=False)

    with Client(address, set_as_default=False) as client:
        began = time.perf_counter()
        done = as_completed([send() for _ in range(20)], loop=client.loop, with_results=True)
        for number, _ in enumerate(done, start=20):
            if number < count:
                done.add(send())
        return count / (time.perf_counter() - began)


@contextmanager
def dask(folder: Path, workers: int) -> Iterator[str]:
    """A Dask scheduler with workers, all on this machine; gives its address."""
    place = folder / "scheduler.json"
    began: list[subprocess.Popen] = []

    def begin(name: str, *words: str) -> None:
        with (folder / f"{name}.log").open("wb") as log:
            command = ["dask", name, "--no-dashboard", *words]
            began.append(subprocess.Popen(command, cwd=folder, stdout=log, stderr=log))

    try:
        begin("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(place))
        until = time.monotonic() + 60
        while not place.exists():
            if began[0].poll() is not None or time.monotonic() > until:
                raise RuntimeError((folder / "scheduler.log").read_text())
            time.sleep(0.1)
        address = json.loads(place.read_text())["address"]
        many = ("--nworkers", str(workers), "--nthreads", "1")
        begin("worker", address, *many, "--local-directory", str(folder / "dask"))
        yield address
    finally:
        for process in reversed(began):
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def driver(bench: Bench) -> list[Row]:
    """What the driver itself does, with an executor whose work is free."""
    sizes = [200, 1000] if bench.options.quick else [1000, 10_000]
    sizes += [100_000] if bench.options.large else []
    rows = []
    one = [found.seconds for found in bench.slopes["--workers 1"]]
    heading = "submissions   a second   CPU ms each   MB at most   MB after 10 %, 50 %, 100 %"
    print(f"{heading}   MB on disk")
    for size in sizes:
        course = free_course(bench, size)
        found = elsewhere(grade_for_free, course, known_cells(bench), size)
        disk = sum(path.lstat().st_blocks for path in course.rglob("*")) // 2048
        shutil.rmtree(course)
        rate, most = size / found["seconds"], found["most"] / 1024
        grown = [used / 1024 for used in found["grown"]]
        said = ", ".join(f"{used:.0f}" for used in grown)
        each = 1000 * found["cpu"] / size
        line = f"{size:11,}{rate:11.1f}{each:14.1f}{most:13.0f}{said:>29}{disk:13,}"
        line += f"   keeps up with {rate * statistics.median(one):.0f} workers" if one else ""
        print(line, flush=True)
        if size == sizes[1]:
            a_thousand = 1000 * (grown[2] - grown[0]) / (0.9 * size)
            reached = f"{most:.0f} MB at most; {a_thousand:+.1f} MB with each 1,000"
            name = f"memory while grading {size:,} (driver)"
            # Flat: at this rate, ten times as many would fit as well.
            flat = most + 9 * size * a_thousand / 1000 < 500
            rows.append(Row(name, reached, "flat, under 500 MB", most < 500 and flat))
    return rows


def known_cells(bench: Bench) -> list[Any]:
    """What running an honest submission gives: graded once, for real."""
    kept = bench.folder / "known.json"
    if not kept.exists():
        course = bench.course()
        hand_in(course, "anybody", solved(bench).replace(AUTHOR, "anybody"))
        skiplab_grade(course)
        (result,) = course.glob("results/*/*/*.json")
        shutil.copy(result, kept)
    return json.loads(kept.read_text())["cells"]


AUTHOR = "s-author"


def solved(bench: Bench) -> str:
    """A right submission; `AUTHOR` in it is to be replaced."""
    draw = random.Random(f"{bench.options.seed} solved")
    return submission(bench, "honest", AUTHOR, draw)


def free_course(bench: Bench, size: int) -> Path:
    """A course with so many submissions, right ones of different authors."""
    say(f"{size:,} submissions …")
    course, text = bench.course(), solved(bench)
    for number in range(size):
        student = f"s{number:06}"
        hand_in(course, student, text.replace(AUTHOR, student))
    return course


class Free(Executor):
    """Answers at once, with what is known. Both ways it is packed as if it went to a worker.

    Args:
        answers: by the name of the function that is called.
        tell: called with the number of notebooks so far.
    """

    def __init__(self, answers: dict[str, Any], tell: Callable[[int], None]) -> None:
        """Pack the answers."""
        self._answers = {name: pickle.dumps(answer) for name, answer in answers.items()}
        self._tell, self._count = tell, 0

    def submit(self, function: Callable, /, *arguments: object, **named: object) -> Future:
        """Do nothing, and be done."""
        name = function.__name__
        pickle.dumps((function, arguments, named))
        if name == "run":
            self._count += 1
            self._tell(self._count)
        future: Future = Future()
        future.set_result(pickle.loads(self._answers[name]))
        return future


def grade_for_free(root: Path, cells: list[Any], size: int) -> dict[str, Any]:
    """Grade a class as the command does, with workers whose work is free.

    Args:
        root: the course directory.
        cells: what comes of each notebook.
        size: how many submissions there are.

    Returns:
        The seconds for all, of time and of computing; the kilobytes of memory at most and after
        10, 50 and 100 % of the class; and the seconds spent in what records.
    """
    import skiplab.grading.lean  # noqa: F401 -- as the command does

    # isort: split
    from rich.console import Console

    from skiplab.course.directory import open_course
    from skiplab.grading import grade as grading
    from skiplab.grading.pool import Pool
    from skiplab.grading.record import Recorder
    from skiplab.grading.run import Run

    grown = []
    marks = [math.ceil(size * share) for share in (0.1, 0.5, 1)]
    spent: dict[str, float] = defaultdict(float)

    def tell(count: int) -> None:
        if count in marks:
            grown.append(kilobytes("self", "status", "VmRSS"))
            say(f"{count:,} of {size:,}, {grown[-1] >> 10} MB")

    page = "<!DOCTYPE html>\n<html><body>" + "<p>A page of feedback</p>\n" * 80 + "</body></html>"
    answers = {"run": cells, "make_page": page}

    @contextmanager
    def workers(*_: object) -> Iterator[Any]:
        pool = Pool(lambda: Free(answers, tell), lambda: None)
        yield grading._Workers(pool, None, lambda: 6)
        pool.close()

    def timed(owner: type, name: str) -> None:
        function = getattr(owner, name)

        def call(*arguments: object) -> Any:  # noqa: ANN401
            began = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                spent[name] += time.perf_counter() - began

        setattr(owner, name, call)

    grading._workers = workers
    timed(Recorder, "write")
    timed(Recorder, "marks")
    timed(Run, "_write_autograded")
    started, computed = time.perf_counter(), time.process_time()
    with Path(os.devnull).open("w") as nowhere:
        status = grading.grade(open_course(root), LESSON, [], Console(file=nowhere))
    assert status == 0
    return {
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - computed,
        "most": kilobytes("self", "status", "VmHWM"),
        "grown": grown,
        "spent": dict(spent),
    }


def first(bench: Bench) -> list[Row]:
    """How long one waits for the first result."""
    times = 1 if bench.options.quick else 3
    waited: dict[str, list[float]] = {"a fresh course": [], "one with a gradebook": []}
    for _ in range(times):
        course = bench.course()
        for attempt, name in enumerate(waited):
            make_class(bench, course, 6, ["honest"], attempt)
            waited[name].append(skiplab_grade(course).first)
            assert waited[name][-1] > 0, "nothing was recorded"
            say(f"first result, {name}: {waited[name][-1]:.1f} s")
        shutil.rmtree(course)
    said = [f"{statistics.median(all_):.1f} s ({name})" for name, all_ in waited.items()]
    print("\n".join(said))
    longest = max(statistics.median(all_) for all_ in waited.values())
    name = "waiting for the first result"
    return [Row(name, ", ".join(said), "at most 5 s", longest <= 5)]


PARTS: dict[str, Callable[[Bench], list[Row]]] = {
    "throughput": throughput,
    "overhead": overhead,
    "scaling": scaling,
    "recording": recording,
    "memory": memory,
    "regrading": regrading,
    "cluster": cluster,
    "driver": driver,
    "first": first,
}


if __name__ == "__main__":
    main()
