"""What the jail costs: the same solved lesson run by stock nbgrader, in processes, in the sandbox.

Prints, in one run, for a notebook that only imports torch and for each lesson: seconds a
submission with nbgrader's own `Execute` (a new kernel for each), with this grader without a
sandbox (`process`), and with it, and the ratios. The warm process is started once and not counted;
it is shown apart.

    python benchmarks/jail.py [--times N]
"""

import argparse
import copy
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import Execute

from skiplab.course.directory import open_course
from skiplab.grading.execute import Grading, run_notebook
from skiplab.grading.jail import PROCESS, SANDBOX, Jail, Limits
from skiplab.grading.rebuild import lesson_notebook, rebuild

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--times", type=int, default=5, help="submissions of each kind")
    times = parser.parse_args().times
    course = open_course(ROOT)
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    jails = {}
    for isolation in (PROCESS, SANDBOX):
        started = time.perf_counter()
        jails[isolation] = Jail(isolation)
        print(f"{isolation}: warm after {time.perf_counter() - started:.1f} s")
    print(f"\n{'seconds a submission':28}{'stock':>8}{'process':>9}{'sandbox':>9}", end="")
    print("   sandbox/process   stock/sandbox")
    cell = nbformat.v4.new_code_cell("import torch\ntorch.ones(3).sum()")
    notebooks = {"import torch": nbformat.v4.new_notebook(cells=[cell])}
    for lesson in course.lessons:
        base = lesson_notebook(course.source(lesson), course.config)
        solved = nbformat.read(ROOT / "solutions" / lesson / f"{lesson}.ipynb", as_version=4)
        notebooks[lesson] = rebuild(base, solved).notebook
    for name, notebook in notebooks.items():

        def stock(notebook: NotebookNode = notebook) -> None:
            resources = {"metadata": {"path": str(ROOT)}}
            Execute(config=course.config).preprocess(copy.deepcopy(notebook), resources)

        def ours(
            isolation: str, notebook: NotebookNode = notebook, name: str = name
        ) -> Callable[[], None]:
            grading = Grading("benchmark", isolation)
            jail = jails[isolation]
            return lambda: run_notebook(copy.deepcopy(notebook), name, jail.door, grading, Limits())

        took = seconds([stock, ours(PROCESS), ours(SANDBOX)], times)
        print(f"{name:28}{took[0]:8.2f}{took[1]:9.2f}{took[2]:9.2f}", end="")
        print(f"{took[2] / took[1]:18.2f}{took[0] / took[2]:16.2f}", flush=True)
    for jail in jails.values():
        jail.close()


def seconds(ways: list[Callable[[], None]], times: int) -> list[float]:
    """The median time of each way, taken in turns, so that a busy moment hits them all."""
    took: list[list[float]] = [[] for _ in ways]
    for _ in range(times):
        for way, list_of_times in zip(ways, took, strict=True):
            started = time.perf_counter()
            way()
            list_of_times.append(time.perf_counter() - started)
    return [statistics.median(each) for each in took]


if __name__ == "__main__":
    main()
