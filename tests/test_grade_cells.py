"""A grade cell is ordinary Python: the same in a student's notebook and in the grader.

In the grader, plain values come to it by value, and a class or a function of the student's stays
where it is and is asked. What it finds is told to the student, its hidden part is not.
"""

import nbformat
import pytest
from conftest import ROOT, hand_in, read, run
from nbgrader.api import Gradebook
from nbgrader.validator import Validator
from traitlets.config import Config

LESSON = "kinds"
SETUP = (
    "from __future__ import annotations\n%matplotlib inline\nimport math\n\nimport numpy as np\n"
    "import torch\n\nfrom skiplab.checks import award\n\nTOLERANCE = 0.5\n\n\n"
    "def half(x):\n    return x / 2"
)

# Exercise: the right answer, and the grade cell.
EXERCISES = {
    "values": (
        "number, text, many = 42, 'π', {'a': [1, 2.5, None], 'b': (True, {3})}",
        "assert number == 42 and isinstance(number, int)\nassert text == 'π'\n"
        "assert many == {'a': [1, 2.5, None], 'b': (True, {3})}",
    ),
    "tensors": (
        "T = torch.arange(6.).reshape(2, 3)\nA = np.eye(2)\nN = np.float64(0.5)",
        "assert torch.equal(T, torch.tensor([[0., 1, 2], [3, 4, 5]])), 'T is something else'\n"
        "assert A.dtype == np.float64 and A.trace() == 2\nassert math.isclose(N, 0.5)",
    ),
    "function": (
        "def mean(values, start=0):\n"
        "    if not values:\n        raise ValueError('nothing')\n"
        "    return start + sum(values) / len(values)",
        "assert mean([1, 2, 6]) == 3\nassert mean([2.0], start=1) == 3.0\n"
        "try:\n    mean([])\nexcept ValueError as error:\n    assert 'nothing' in str(error)\n"
        "else:\n    raise AssertionError('mean([]) raises no ValueError')\n"
        "assert [mean([n]) for n in range(3)] == [0, 1, 2]\n"
        "def doubled(values):\n    return 2 * mean(values)\n"
        "assert doubled(values=[4]) == 8\n"
        "### BEGIN HIDDEN TESTS\nassert mean([700010, 900030]) == 800020, 'large numbers'\n"
        "### END HIDDEN TESTS",
    ),
    "objects": (
        "class Counter:\n    def __init__(self, start):\n        self.n = start\n"
        "    def up(self):\n        self.n += 1\n        return self.n",
        "counter = Counter(3)\nassert counter.up() == 4\nassert counter.up() == 5\n"
        "assert counter.n == 5\nassert Counter(0).n == 0",
    ),
    "names": (
        "def round(x):\n    return 'mine'\n\n\nraw, odd, steps = b'a', 1 + 2j, range(3)\n\n\n"
        "def apply(function, x):\n    return function(x)",
        "assert round(2.5) == 'mine'\nassert abs(-TOLERANCE) == 0.5\n"
        "assert half(np.array([4.0])).tolist() == [2.0]\n"
        "assert (raw, odd, list(steps)) == (b'a', 1 + 2j, [0, 1, 2])\n"
        "assert apply(round, 1) == 'mine'",
    ),
    "parts": (
        "def square(x):\n    return x * x",
        "assert square(2) == 4\naward(1, 'small numbers')\n"
        "assert square(-3) == 9\naward(1, 'negative ones')\n"
        "assert square(0.5) == 0.25, 'square(0.5) should be 0.25'",
    ),
}
POINTS = 3
RIGHT = {name: answer for name, (answer, _) in EXERCISES.items()}

# Student: other answers, the points they get, and what they are told.
OTHERS = {
    "wrong-value": ({"values": "number, text, many = 41, 'π', {}"}, {"values": 0}, "number == 42"),
    "wrong-message": (
        {"tensors": RIGHT["tensors"].replace("6.", "5.").replace("2, 3", "5")},
        {"tensors": 0},
        "T is something else",
    ),
    "fails-hidden": (
        {
            "function": RIGHT["function"].replace(
                "return", "if sum(values) > 99: return 0\n    return"
            )
        },
        {"function": 0},
        "large numbers",
    ),
    "missing": ({"function": "average = 0"}, {"function": 0}, "name 'mean' is not defined"),
    "raises": (
        {"function": "def mean(values, start=0):\n    return values['a']"},
        {"function": 0},
        "list indices must be integers or slices, not str (line 2: return values['a'])",
    ),
    "two-thirds": ({"parts": "def square(x):\n    return int(x * x)"}, {"parts": 2}, "0.25"),
    "one-third": ({"parts": "def square(x):\n    return x * abs(x)"}, {"parts": 1}, "== 9"),
    "always-equal": (
        {
            "values": "class Yes:\n    def __eq__(self, other):\n        return True\n"
            "    def __bool__(self):\n        return True\n"
            "    __class__ = int\n"
            "number = text = many = Yes()"
        },
        {"values": 0},
        "number == 42",
    ),
    "equal-number": (
        {
            "values": "class Yes(int):\n    def __eq__(self, other):\n        return True\n"
            "number, text, many = Yes(1), 'π', 0"
        },
        {"values": 0},
        "number == 42",
    ),
    "equal-tensor": (
        {
            "tensors": "class Yes(torch.Tensor):\n"
            "    @classmethod\n    def __torch_function__(cls, *a, **k):\n        return True\n"
            "T = torch.zeros(6).as_subclass(Yes)\nA = N = 0"
        },
        {"tensors": 0},
        "",
    ),
    "tells-hidden-arguments": (
        {
            "function": "seen = []\n"
            + RIGHT["function"].replace(
                "    return start", "    seen.append(values)\n    return start"
            ),
            "objects": RIGHT["objects"] + "\nprint(seen)\nseen",
            "parts": RIGHT["parts"] + "\nraise ValueError(str(seen))",
        },
        {},
        "What a cell prints after a hidden test is not shown",
    ),
    "raises-hidden-arguments": (
        {
            "function": RIGHT["function"].replace(
                "    return start", "    assert max(values) < 99, values\n    return start"
            ),
        },
        {"function": 0},
        "your code raised it, in a hidden test",
    ),
    "ends-with-hidden-arguments": (
        {
            "function": "import os\n"
            + RIGHT["function"].replace(
                "    return start",
                "    if max(values) > 99:\n        os._exit(values[0] % 100)\n    return start",
            ),
        },
        {"function": 0},
        "process ended or took too long",
    ),
    "rebinds-what-is-given": (
        {
            "values": "number, text, many = 41, 'π', {}\nisinstance = lambda *a: True",
            "tensors": "T, A, N = torch.zeros(6), np.eye(2), 0.25\n"
            "math.isclose = np.allclose = torch.equal = lambda *a: True",
            "names": "TOLERANCE = -0.5\nhalf = lambda x: x\n" + RIGHT["names"],
        },
        {"values": 0, "tensors": 0},
        "T is something else",
    ),
    "leaves-it-to-python": (
        {"names": RIGHT["names"].replace("def round", "def my_round")},
        {"names": 0},
        "name 'round' is not defined",
    ),
    "raises-hidden-arguments-later": (
        {
            "function": "seen = []\n"
            + RIGHT["function"].replace(
                "    return start", "    seen.append(values)\n    return start"
            ),
            "parts": "def square(x):\n    raise ValueError(seen)",
        },
        {"parts": 0},
        "your code raised it",
    ),
    "returns-yes": (
        {
            "function": "class Yes:\n    def __eq__(self, other):\n        return True\n"
            "def mean(values, start=0):\n    return Yes()"
        },
        {"function": 0},
        "mean([1, 2, 6]) == 3",
    ),
}


def make(folder):
    """A course with the lesson."""
    common = {"schema_version": 3, "task": False}
    given = common | {"grade": False, "solution": False, "locked": True, "grade_id": "setup"}
    cells = [nbformat.v4.new_code_cell(SETUP, id="setup", metadata={"nbgrader": given})]
    for name, (answer, test) in EXERCISES.items():
        own = common | {"grade": False, "solution": True, "locked": False, "grade_id": name}
        graded = {"grade": True, "solution": False, "locked": True, "points": POINTS}
        cells += [
            nbformat.v4.new_code_cell(
                f"### BEGIN SOLUTION\n{answer}\n### END SOLUTION",
                id=name,
                metadata={"nbgrader": own},
            ),
            nbformat.v4.new_code_cell(
                test,
                id=f"{name}-test",
                metadata={"nbgrader": common | graded | {"grade_id": f"{name}-test"}},
            ),
        ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    (folder / "source" / LESSON).mkdir(parents=True)
    nbformat.write(made, folder / "source" / LESSON / f"{LESSON}.ipynb")
    (folder / "nbgrader_config.py").write_text((ROOT / "nbgrader_config.py").read_text())
    return made


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    made = make(folder)
    for student, given in {"right": {}, **{s: o[0] for s, o in OTHERS.items()}}.items():
        handed_in = nbformat.from_dict(made)
        for cell in handed_in.cells:
            if cell.id in EXERCISES:
                cell.source = given.get(cell.id, RIGHT[cell.id])
        hand_in(folder, student, LESSON, handed_in)
    print(run("skiplab", "grade", LESSON, cwd=folder, COLUMNS=200))
    return folder


def scores(course, student):
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        found = gradebook.find_submission_notebook(LESSON, LESSON, student)
        return {grade.name.removesuffix("-test"): grade.auto_score for grade in found.grades}


def test_right_answers_get_full_marks(course):
    assert scores(course, "right") == dict.fromkeys(EXERCISES, POINTS)


@pytest.mark.parametrize("student", OTHERS)
def test_wrong_ones_get_what_they_are_worth_and_are_told_why(course, student):
    _, got, words = OTHERS[student]
    assert scores(course, student) == dict.fromkeys(EXERCISES, POINTS) | got
    page = (course / "feedback" / student / LESSON / f"{LESSON}.html").read_text()
    plain = page.replace("&#39;", "'").replace("&gt;", ">")
    assert words in plain


def test_the_same_cells_work_in_a_students_notebook(tmp_path):
    made = make(tmp_path)
    for cell in made.cells:
        if cell.id in EXERCISES:
            cell.source = RIGHT[cell.id]
    nbformat.write(made, tmp_path / "mine.ipynb")
    patient = Config({"Execute": {"startup_timeout": 120, "iopub_timeout": 60, "timeout": 60}})
    assert Validator(config=patient).validate(str(tmp_path / "mine.ipynb")) == {}


def test_feedback_shows_no_hidden_test_and_the_rest(course):
    for student in ["right", *OTHERS]:
        page = (course / "feedback" / student / LESSON / f"{LESSON}.html").read_text()
        for hidden in ("HIDDEN TESTS", "700010", "900030", "800020", "exit status 10"):
            assert hidden not in page, student
        assert "doubled" in page
    recorded = (course / "autograded" / "right" / LESSON / f"{LESSON}.ipynb").read_text()
    assert "700010" in recorded, "the grader's own copy has them"


def test_report_names_what_failed(course):
    page = (course / "report" / f"{LESSON}.html").read_text()
    assert "AssertionError: large numbers" in page
    made = read(course / "autograded" / "two-thirds" / LESSON / f"{LESSON}.ipynb")
    (test,) = [cell for cell in made.cells if cell.id == "parts-test"]
    assert test.outputs[0].text == "✓ 1 point: small numbers\n✓ 1 point: negative ones\n"
