"""A wiring check that fails shows the expected wiring beside the student's, and changes no point.

In a notebook, after the message; when a class is graded, in its feedback.
"""

import re
import time
from html.parser import HTMLParser
from textwrap import indent

import nbformat
import pytest
from conftest import hand_in, make_course, notebook, read, run
from nbclient import NotebookClient
from nbgrader.api import Gradebook

from skiplab.checks.exercise import all_exercises
from skiplab.checks.observe import TracingObservation, observe_tracing
from skiplab.checks.pictures import MOST_NODES, as_output, find_pair
from skiplab.course.build import join_words
from skiplab.course.directory import open_course
from skiplab.course.sample import answers, fill_in
from skiplab.lesson.tracing import Edge, Node, Wiring

LESSON = "3_residual_blocks"
BLOCK = all_exercises()["residualblock"]
MISTAKES = {wrong.name: wrong for wrong in BLOCK.misconceptions}
POINTS = {"residualblock-wiring": 4.0, "residualnet-wiring": 4.0, "rezeroblock-wiring": 4.0}
# Whether a network is being traced is no secret: what if it only then misbehaves?
TRACED = """
import os
import time

from torch.overrides import _get_current_function_mode


def traced():
    return _get_current_function_mode() is not None


"""


def block(*lines, before=""):
    """The answer cell with these lines as the body of `forward`."""
    body = indent("\n".join(["def forward(self, X):", *(f"    {line}" for line in lines)]), "    ")
    return f"{before}{BLOCK.head}\n\n{body}\n"


CLASS = {
    "right": None,
    "no-skip": block("return self.relu(self.layer(X))"),
    "stops": block("return X + self.relu(self.layer(X.T))"),
    "not-wiring": block("return (X + self.relu(self.layer(X))).double()"),
    "lies": block(
        "if traced():",
        "    return X + self.relu(self.layer(X))",
        "return self.relu(self.layer(X))",
        before=TRACED,
    ),
    "exits": block(
        "if traced():", "    os._exit(1)", "return self.relu(self.layer(X))", before=TRACED
    ),
    "lasts": block(
        "while traced():",
        "    time.sleep(1)",
        "return self.relu(self.layer(X))",
        before=TRACED,
    ),
    "stub": block("# YOUR CODE HERE", "raise NotImplementedError()"),
}


def filled(course, source):
    own = answers(open_course(course).source(LESSON))
    given = own | ({} if source is None else {"residualblock": source})
    return fill_in(course / "release" / LESSON / f"{LESSON}.ipynb", given)


def picture(cell):
    """The alternative text of the picture in a cell, and what comes before it."""
    outputs = join_words(cell.outputs)
    kinds = [output.output_type for output in outputs]
    shown = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(shown) <= 1
    if not shown:
        return "", kinds
    return shown[0].metadata["image/png"]["alt"], kinds[: outputs.index(shown[0])]


class Images(HTMLParser):
    """Alternative texts of the images of a page."""

    def __init__(self, page):
        super().__init__()
        self.alts = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.alts.append(dict(attributes).get("alt") or "")


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class after `skiplab grade`."""
    course = make_course(tmp_path_factory.mktemp("pictures") / "course", "release")
    with (course / "nbgrader_config.py").open("a") as config:
        config.write("\nc.RunInJail.cell_seconds = 6\n")
    for student, source in CLASS.items():
        hand_in(course, student, LESSON, filled(course, source))
    run("skiplab", "grade", LESSON, cwd=course)
    return course


def cells(course, student):
    made = read(course / "autograded" / student / LESSON / f"{LESSON}.ipynb")
    return {cell.id: cell for cell in made.cells}


@pytest.mark.parametrize(
    ("student", "said"),
    [
        ("no-skip", r"ResidualBlock, expected and yours\. missing: X → \+ 1, .*dashed: missing"),
        ("stops", r"ResidualBlock as expected; of yours there is no picture, because forward sto"),
    ],
)
def test_feedback_has_the_picture_after_the_message(graded, student, said):
    alt, before = picture(cells(graded, student)["residualblock-wiring"])
    assert re.search(said, alt, re.S)
    assert before[-1] == "error"
    page = (graded / "feedback" / student / LESSON / f"{LESSON}.html").read_text()
    assert alt in Images(page).alts
    assert page.index("CheckFailed") < page.index('alt="Diagram. ResidualBlock')


@pytest.mark.parametrize("student", ["right", "not-wiring", "stub", "lies", "exits", "lasts"])
def test_no_picture_where_there_is_nothing_to_draw(graded, student):
    assert picture(cells(graded, student)["residualblock-wiring"])[0] == ""


@pytest.mark.parametrize("student", CLASS)
def test_the_picture_changes_no_point_and_no_message(graded, student):
    with Gradebook(f"sqlite:///{graded}/gradebook.db") as gradebook:
        submission = gradebook.find_submission(LESSON, student)
        scores = {one.cell.name: one.auto_score for one in submission.notebooks[0].grades}
    lost = {} if student == "right" else {"residualblock-wiring": 0.0}
    assert {name: scores[name] for name in POINTS} == POINTS | lost
    outputs = cells(graded, student)["residualblock-wiring"].outputs
    errors = [output.evalue for output in outputs if output.output_type == "error"]
    if student in ("no-skip", "lies", "exits", "lasts"):
        assert errors[0].startswith("ResidualBlock: there is no skip"), errors


def test_a_notebook_shows_the_picture_after_the_message(tmp_path):
    made = notebook("source", LESSON)
    for cell in made.cells:
        if cell.id == "residualblock":
            cell.source = CLASS["no-skip"]
    made.cells = [
        cell for cell in made.cells if cell.id in ("setup", "residualblock", "residualblock-wiring")
    ]
    made.cells.append(nbformat.v4.new_code_cell("1 + 1", id="after"))
    NotebookClient(made, timeout=120, allow_errors=True, kernel_name="python3").execute()
    alt, before = picture(made.cells[-2])
    assert "missing: X → + 1" in alt
    assert before == ["stream", "error"]
    assert picture(made.cells[-1])[0] == "", "only once"


def wiring(nodes, edges=(), unused=(), no_gradient=()):
    return Wiring(tuple(nodes), tuple(edges), unused, no_gradient)


X, OUT = Node("X", "input", "X"), Node("output", "output", "output")
ODD = "\x1b[31m$\\frac{1}{0}$\n<script>alert(1)</script>‮" + "漢" * 500
HOSTILE = {
    "nothing": wiring([]),
    "no-output": wiring([X]),
    "unknown-kind": wiring([X, Node("a", "bomb", "a"), OUT]),
    "edge-to-nowhere": wiring([X, OUT], [Edge("X", "gone"), Edge("X", "output")]),
    "circle": wiring(
        [X, Node("a", "add", "+"), Node("b", "add", "+"), OUT],
        [Edge("a", "b"), Edge("b", "a"), Edge("b", "output")],
    ),
    "to-itself": wiring([X, OUT], [Edge("output", "output")]),
    "same-name-twice": wiring([X, X, OUT], [Edge("X", "output")]),
    "too-many": wiring([X, *(Node(f"n{k}", "add", "+") for k in range(MOST_NODES)), OUT]),
    "sentence-of-a-megabyte": "a " * 500_000,
    "odd-names": wiring(
        [X, Node(ODD, "layer", ODD, ODD), OUT],
        [Edge("X", ODD), Edge(ODD, "output")],
        (ODD,) * 5_000,
        (ODD,) * 5_000,
    ),
    "all-with-all": wiring(
        [X, *(Node(f"n{k}", "layer", f"n{k}") for k in range(22)), OUT],
        [Edge(f"n{a}", f"n{b}") for b in range(22) for a in range(b)],
    ),
    "a-long-row": wiring(
        [X, *(Node(f"n{k}", "layer", f"n{k}") for k in range(140)), OUT],
        [Edge(f"n{k}", f"n{k + 1}") for k in range(139)],
    ),
    "right": observe_tracing(BLOCK.network(), BLOCK.tracing()).wirings[0],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_makes_no_sense_is_dropped_and_all_else_is_bounded(name):
    pair = find_pair(BLOCK, TracingObservation(wirings=[HOSTILE[name]] * 3))
    drawn = name in ("sentence-of-a-megabyte", "odd-names", "all-with-all", "a-long-row")
    assert (pair is not None) == drawn
    if pair is None:
        return
    started = time.process_time()
    data, metadata = as_output(pair)
    assert time.process_time() - started < 10
    assert data.keys() == {"image/png", "text/plain"}
    assert len(data["image/png"]) < 1_000_000
    alt = metadata["image/png"]["alt"]
    assert len(alt) < 20_000 and alt.isprintable()


def test_more_wirings_than_were_asked_for_are_not_looked_at():
    right = HOSTILE["right"]
    seen = TracingObservation(wirings=[right, right, right, HOSTILE["odd-names"]])
    assert find_pair(BLOCK, seen) is None
    assert find_pair(BLOCK, TracingObservation()) is None


def test_a_picture_shows_the_size_in_which_there_is_a_difference():
    exercise = all_exercises()["projectionblock"]
    for name, said in (
        ("projection-when-strided", "of yours there is no picture, because forward stopped"),
        ("projection-always", "missing: X → + 1; too much: X → projection"),
    ):
        wrong = next(wrong for wrong in exercise.misconceptions if wrong.name == name)
        network = exercise.network(wrong.forward, wrong.after, wrong.head)
        pair = find_pair(exercise, observe_tracing(network, exercise.tracing()))
        assert said in as_output(pair)[1]["image/png"]["alt"]
