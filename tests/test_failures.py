"""Failure is a result: what a cell breaks costs that cell, is named, and the rest is graded."""

import json
from datetime import datetime

import nbformat
import pytest
from conftest import ROOT, hand_in, make_small_course, notebook, read, run
from nbgrader.api import Gradebook

LESSON = "steps"
POINTS = 2
STEPS = ("one", "two", "three")
RIGHT = {name: f"def {name}(x):\n    return x + {number}" for number, name in enumerate(STEPS, 1)}
CONFIG = """
c.RunInJail.cell_seconds = 3
c.RunInJail.memory_mb = 300
c.RunInJail.processes = 20
c.RunInJail.output_mb = 1
c.RunInJail.disk_mb = 16
"""

# Student: what they answer, the cells they lose, and what is said of the first of these.
FAILURES = {
    "exits": ({"two": "import os\nos._exit(3)"}, {"two"}, "exit status 3"),
    "exits-in-call": (
        {"two": "import os\ndef two(x):\n    os._exit(7)"},
        {"two"},
        "exit status 7",
    ),
    "kills-itself": (
        {"one": "import os\nos.kill(os.getpid(), 9)"},
        {"one"},
        "signal 9 (SIGKILL)",
    ),
    "segfaults": (
        {"three": "import ctypes\ndef three(x):\n    ctypes.string_at(0)"},
        {"three"},
        "signal 11 (SIGSEGV)",
    ),
    "loops": ({"one": "while True:\n    pass"}, {"one"}, "took longer than 3 s"),
    "loops-in-call": (
        {"one": "def one(x):\n    while True:\n        pass"},
        {"one"},
        "took longer than 3 s",
    ),
    "deaf": (
        {
            "one": "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
            "while True:\n    pass"
        },
        {"one"},
        "took longer than 3 s",
    ),
    "eats-memory": (
        {"two": "hoard = []\nwhile True:\n    hoard.append(bytearray(10_000_000))"},
        {"two"},
        "memory",
    ),
    "forks": (
        {
            "two": "import os, time\nfor _ in range(200):\n    if os.fork() == 0:\n"
            "        time.sleep(60)\ntime.sleep(2)"
        },
        {"two"},
        "",
    ),
    "fills-disk": (
        {"two": "with open('big', 'wb') as f:\n    while True:\n        f.write(bytes(1_000_000))"},
        {"two"},
        "",
    ),
    "syntax": ({"two": "def two(x) return x"}, {"two"}, "its answer cell, two, stopped with"),
    "raises": (
        {"two": "def two(x):\n    raise ValueError('no idea')"},
        {"two"},
        "ValueError: no idea",
    ),
    "everything-ends": (
        {name: "import os\nos._exit(1)" for name in STEPS},
        {"one", "two", "three"},
        "exit status 1",
    ),
}
# These cost nothing.
HARMLESS = {
    "prints-much": {"two": RIGHT["two"] + "\nfor n in range(200_000):\n    print('line', n)"},
    "colours": {
        "two": RIGHT["two"] + "\nfor n in range(30_000):\n    print('\\x1b[31mx\\x1b[0m', end='')"
    },
    "warns": {
        "two": "import warnings, sys, logging, os\n"
        "def two(x):\n    warnings.warn('old')\n    print('err', file=sys.stderr)\n"
        "    logging.warning('hm')\n    os.write(2, b'raw')\n    return x + 2\ntwo(1)"
    },
}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("failures")
    common = {"schema_version": 3, "task": False}
    cells = []
    for number, name in enumerate(STEPS, 1):
        answer = {"grade": False, "solution": True, "locked": False, "grade_id": name}
        test = {"grade": True, "solution": False, "locked": True, "grade_id": f"{name}-test"}
        cells += [
            nbformat.v4.new_code_cell(
                f"### BEGIN SOLUTION\n{RIGHT[name]}\n### END SOLUTION",
                id=name,
                metadata={"nbgrader": common | answer},
            ),
            nbformat.v4.new_code_cell(
                f"assert {name}(1) == {1 + number}",
                id=f"{name}-test",
                metadata={"nbgrader": common | test | {"points": POINTS}},
            ),
        ]
    made = nbformat.v4.new_notebook(cells=cells)
    (folder / "source" / LESSON).mkdir(parents=True)
    nbformat.write(made, folder / "source" / LESSON / f"{LESSON}.ipynb")
    (folder / "nbgrader_config.py").write_text((ROOT / "nbgrader_config.py").read_text() + CONFIG)
    answers = {student: given for student, (given, _, _) in FAILURES.items()} | HARMLESS
    for student, given in answers.items():
        handed_in = nbformat.from_dict(made)
        for cell in handed_in.cells:
            if cell.id in STEPS:
                cell.source = given.get(cell.id, RIGHT[cell.id])
        hand_in(folder, student, LESSON, handed_in)
    print(run("skiplab", "grade", LESSON, cwd=folder))
    return folder


def scores(course, student):
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        found = gradebook.find_submission_notebook(LESSON, LESSON, student)
        return {grade.name.removesuffix("-test"): grade.auto_score for grade in found.grades}


def said(course, student):
    """Everything a student is told, errors of answers and of tests."""
    made = read(course / "autograded" / student / LESSON / f"{LESSON}.ipynb")
    return "\n".join(
        f"{output.ename}: {output.evalue}"
        for cell in made.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "error"
    )


@pytest.mark.parametrize("student", FAILURES)
def test_it_costs_that_cell_and_is_named(course, student):
    _, lost, words = FAILURES[student]
    expected = {name: 0 if name in lost else POINTS for name in STEPS}
    assert scores(course, student) == expected, said(course, student)
    report = (course / "report" / f"{LESSON}.html").read_text()
    assert words in said(course, student) or words in report, said(course, student)


@pytest.mark.parametrize("student", HARMLESS)
def test_noise_costs_nothing(course, student):
    assert scores(course, student) == dict.fromkeys(STEPS, POINTS), said(course, student)


def test_flood_of_output_is_cut(course):
    path = course / "autograded" / "prints-much" / LESSON / f"{LESSON}.ipynb"
    assert path.stat().st_size < 2_000_000
    assert "Output truncated" in path.read_text()


def test_colours_are_bounded(course):
    made = read(course / "autograded" / "colours" / LESSON / f"{LESSON}.ipynb")
    shown = "".join(output.text for cell in made.cells for output in cell.get("outputs", []))
    assert shown.count("x") == 30_000
    assert shown.count("\x1b") <= 10_000


PLUGIN = """
from nbgrader.plugins import LateSubmissionPlugin

class Moody(LateSubmissionPlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        if student_id == "b":
            raise KeyError("no rule for b")
        return 1.0

c.AssignLatePenalties.plugin_class = Moody
"""


def test_what_fails_for_one_student_stops_nobody(tmp_path):
    course = make_small_course(tmp_path)
    with (course / "nbgrader_config.py").open("a") as config:
        config.write(PLUGIN)
    for number, student in enumerate("abc"):
        made = notebook("source", "small", course)
        made.cells[1].source = f"x = 42  # {number}"
        hand_in(course, student, "small", made)
        noted = course / "received" / "small" / f"{student}.json"
        noted.parent.mkdir(parents=True, exist_ok=True)
        noted.write_text(json.dumps({"received": "2026-03-01T12:00:01"}))
    run("nbgrader", "generate_assignment", "small", cwd=course)
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        gradebook.find_assignment("small").duedate = datetime(2026, 3, 1, 12)
        gradebook.db.commit()
    for _ in range(2):
        said = run("skiplab", "grade", "small", cwd=course, status=1)
        assert said.count("not graded: ") == 1
        assert "not graded: KeyError: 'no rule for b'" in said and "Traceback" not in said
        with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
            graded = gradebook.assignment_submissions("small")
            scores = {one.student.id: (one.score, one.late_submission_penalty) for one in graded}
        assert {student: scores[student] for student in "ac"} == {"a": (4, 1), "c": (4, 1)}
