"""What else runs on the machine costs nobody a point, and a submission slows others so far only."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import nbformat
import pytest
from conftest import BIN, hand_in, make_small_course, notebook, read, run
from nbgrader.api import Gradebook

LESSON = "small"
FULL = {"first-test": 2.0, "second-test": 2.0}
COMPUTES = """
import time

begun = time.process_time()
while time.process_time() - begun < 1.5:
    pass
"""
HOGS = """
import os, time

for _ in range(60):
    if os.fork() == 0:
        os.setsid()  # the system shares the cores among sessions
        while True:
            pass
time.sleep(100)
"""
# Each child's account goes to nobody, and none lives as long as the limit.
SHORT_LIVED = """
import os, signal, time

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    for _ in range(4):
        if os.fork() == 0:
            while time.process_time() < 1:
                pass
            os._exit(0)
    time.sleep(1)
"""
TOGETHER = """
import os, time

for _ in range(8):
    if os.fork() == 0:
        while True:
            pass
time.sleep(100)
"""


def make(folder, limits=""):
    """A course with the small lesson, whose first check needs a module of the lesson's own."""
    course = make_small_course(folder)
    path = course / "source" / LESSON / f"{LESSON}.ipynb"
    (path.parent / "answers.py").write_text("wanted = 42\n")
    made = nbformat.read(path, as_version=4)
    test = next(cell for cell in made.cells if cell.id == "first-test")
    test.source = "from answers import wanted\n\nassert x == wanted"
    given = nbformat.v4.new_code_cell("from answers import wanted", id="given")
    made.cells.insert(1, given)
    nbformat.write(made, path)
    config = course / "nbgrader_config.py"
    config.write_text(config.read_text() + limits)
    return course


def answer(course, student, first="", second=""):
    """Hand in the right answers, with more code before each."""
    made = notebook("source", LESSON, course)
    for cell, before, right in (("first", first, "x = wanted"), ("second", second, "y = x + 1")):
        next(one for one in made.cells if one.id == cell).source = f"{before}\n{right}"
    hand_in(course, student, LESSON, made)


def grades(course, student):
    with Gradebook(f"sqlite:///{course}/gradebook.db", "skiplab") as gradebook:
        submission = gradebook.find_submission(LESSON, student)
        return {g.cell.name: g.auto_score for one in submission.notebooks for g in one.grades}


def begin(course, *options, **environment):
    return subprocess.Popen(
        [BIN / "skiplab", "grade", LESSON, *options],
        cwd=course,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def descendants(pid):
    """The processes that came from one, each after its parent."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        born = [int(one) for task in tasks for one in (task / "children").read_text().split()]
    except OSError:
        return []
    return [one for child in born for one in (child, *descendants(child))]


def test_a_neighbour_that_takes_all_cores(tmp_path):
    limits = "\nc.RunInJail.cell_seconds = 6\nc.RunInJail.cpu_seconds = 16\n"
    course = make(tmp_path, limits)
    answer(course, "honest", second=COMPUTES)
    answer(course, "hog", second=HOGS)
    run("skiplab", "grade", LESSON, "--workers", "2", cwd=course)
    assert grades(course, "honest") == FULL
    assert grades(course, "hog") == FULL | {"second-test": 0.0}


@pytest.mark.parametrize("many", [TOGETHER, SHORT_LIVED], ids=["together", "one-after-another"])
def test_processes_count_together(tmp_path, many):
    limits = "\nc.RunInJail.cell_seconds = 40\nc.RunInJail.cpu_seconds = 8\n"
    course = make(tmp_path, limits)
    answer(course, "many", second=many)
    run("skiplab", "grade", LESSON, cwd=course)
    assert grades(course, "many") == FULL | {"second-test": 0.0}
    graded = read(course / "autograded" / "many" / LESSON / f"{LESSON}.ipynb")
    assert "it reached the limit of 8 s of computing" in str(graded)


def test_a_kernel_that_the_system_kills(tmp_path):
    course = make(tmp_path)
    answer(course, "unlucky", second="import time\ntime.sleep(3)")
    process = begin(course)
    kernel, until = None, time.monotonic() + 60
    while kernel is None and time.monotonic() < until:
        time.sleep(0.2)
        for pid in descendants(process.pid):
            try:
                inside = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            # A namespace in the jail's, its second process: the first is the keeper.
            numbers = inside.partition("NSpid:")[2].split("\n")[0].split()
            if len(numbers) >= 3 and numbers[-1] == "2":
                kernel = pid
    assert kernel is not None
    time.sleep(1)
    os.kill(kernel, signal.SIGKILL)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert grades(course, "unlucky") == FULL
    graded = read(course / "autograded" / "unlucky" / LESSON / f"{LESSON}.ipynb")
    assert "SIGKILL" not in str(graded)


@pytest.fixture
def temporary():
    """A folder for temporary files with a short name."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_a_folder_for_temporary_files_with_a_long_name(tmp_path):
    """A socket's path is 107 characters long at most."""
    course = make(tmp_path / "course")
    answer(course, "ann")
    long = tmp_path / ("long" * 25)
    long.mkdir()
    run("skiplab", "grade", LESSON, cwd=course, TMPDIR=str(long))
    assert grades(course, "ann") == FULL


@pytest.mark.parametrize("what", ["skiplab-jail-*/lesson-*", "skiplab-jail-*"])
def test_temporary_files_that_are_tidied_up(tmp_path, temporary, what):
    course = make(tmp_path / "course")
    students = [f"student-{number}" for number in range(8)]
    for number, student in enumerate(students):
        answer(course, student, second=f"import time  # {number}\ntime.sleep(1)")
    process = begin(course, "--workers", "1", TMPDIR=str(temporary))
    until = time.monotonic() + 60
    while not list(course.glob("results/**/*.json")) and time.monotonic() < until:
        time.sleep(0.1)
    gone = list(temporary.glob(what))
    assert gone
    for folder in gone:
        shutil.rmtree(folder)
    said, _ = process.communicate(timeout=180)
    assert process.returncode == 0, said
    assert {student: grades(course, student) for student in students} == dict.fromkeys(
        students, FULL
    )
    assert list(temporary.glob("skiplab-*")) == []  # and it tidies up itself
