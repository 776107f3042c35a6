"""A lesson is a notebook and a module: what docs/adding_a_lesson.md does, done, and thrown away."""

import dataclasses
import re
import shutil
import subprocess

import pytest
from conftest import BIN, ROOT, hand_in, read, run
from nbgrader.api import Gradebook

from skiplab.checks.exercise import all_exercises

LESSON = "5_example"
EXAMPLE = ROOT / "docs" / "example_lesson"
HEAD = """class HighwayLayer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, width)
        self.gate = nn.Linear(width, width)
        self.relu = nn.ReLU()

    def forward(self, X):
"""
# The body of forward, the points, and what is said.
CLASS = {
    "right": ("T = self.gate(X).sigmoid()\nreturn T * self.relu(self.layer(X)) + (1 - T) * X", ""),
    "by-hand": (
        "T = 1 / (1 + torch.exp(-(X @ self.gate.weight.T + self.gate.bias)))\n"
        "return X + T * (self.layer(X).clamp(min=0) - X)",
        "",
    ),
    "lerp": ("return torch.lerp(X, self.layer(X).relu(), torch.sigmoid(self.gate(X)))", ""),
    "swapped": (
        "T = torch.sigmoid(self.gate(X))\nreturn (1 - T) * self.relu(self.layer(X)) + T * X",
        "HighwayLayer: the two gates are swapped: T is on the input, 1 - T on the layer.",
    ),
    "no-carry": (
        "return torch.sigmoid(self.gate(X)) * self.relu(self.layer(X))",
        "HighwayLayer: the input is not carried past the layer.",
    ),
    "returns-nothing": (
        "T = torch.sigmoid(self.gate(X))\nT * self.relu(self.layer(X)) + (1 - T) * X",
        "HighwayLayer: forward returns None: it has no return, or nothing after it.",
    ),
    "unforeseen": (
        "T = torch.sigmoid(2 * self.gate(X))\nreturn T * self.relu(self.layer(X)) + (1 - T) * X",
        "HighwayLayer computes something else than the wiring asked for.",
    ),
    "stub": ("raise NotImplementedError()", "HighwayLayer.forward is not implemented yet."),
}


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the course, with nothing but the example added to it."""
    clone = tmp_path_factory.mktemp("adding") / "clone"
    clone.mkdir()
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "skiplab", clone / "skiplab", ignore=ignored)
    shutil.copy(ROOT / "nbgrader_config.py", clone)
    shutil.copy(EXAMPLE / "lesson_5.py", clone / "skiplab" / "checks")
    (clone / "source" / LESSON).mkdir(parents=True)
    shutil.copy(EXAMPLE / f"{LESSON}.ipynb", clone / "source" / LESSON)
    return clone


@pytest.fixture(scope="module")
def graded(clone):
    """The same, built and graded."""
    where = {"cwd": clone, "PYTHONPATH": clone}
    found = subprocess.run(
        [BIN / "python", "-c", "import skiplab; print(skiplab.__file__)"],
        cwd=clone,
        env={"PYTHONPATH": str(clone)},
        capture_output=True,
        text=True,
    )
    assert str(clone) in found.stdout, "the copy is what is run"
    assert "solution built" in run("skiplab", "build", LESSON, **where)
    for student, (body, _) in CLASS.items():
        submission = read(clone / "release" / LESSON / f"{LESSON}.ipynb")
        cell = next(cell for cell in submission.cells if cell.id == "highwaylayer")
        assert "sigmoid" not in cell.source
        cell.source = HEAD + "\n".join(f"        {line}" for line in body.splitlines())
        hand_in(clone, student, LESSON, submission)
    run("skiplab", "grade", LESSON, **where)
    return clone


@pytest.mark.parametrize("student", CLASS)
def test_answers_get_what_they_are_worth(graded, student):
    said = CLASS[student][1]
    with Gradebook(f"sqlite:///{graded}/gradebook.db") as gradebook:
        assert gradebook.find_submission(LESSON, student).score == (0 if said else 20)
    page = read(graded / "autograded" / student / LESSON / f"{LESSON}.ipynb")
    errors = [
        output.evalue.splitlines()[0]
        for cell in page.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]
    assert errors == [said] * bool(said)


def test_the_tests_go_over_it_with_nothing_to_register(clone):
    """The command of the walkthrough, with the files that have a test for every exercise."""
    shutil.copytree(ROOT / "tests", clone / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    text = (ROOT / "docs" / "adding_a_lesson.md").read_text()
    assert "python -m pytest tests -k highwaylayer" in text
    files = [
        path for path in ROOT.glob("tests/test_*.py") if "all_exercises()\n" in path.read_text()
    ]
    said = run(
        *("python", "-m", "pytest", "-q", "-n", "0", "-k", "highwaylayer"),
        *(clone / "tests" / path.name for path in files),
        cwd=clone,
        PYTHONPATH=clone,
    )
    assert int(re.search(r"(\d+) passed", said)[1]) > 40, said


def test_a_build_refuses_a_mistake_that_is_no_python(clone, tmp_path):
    """And releases nothing."""
    broken = tmp_path / "clone"
    shutil.copytree(clone, broken, ignore=shutil.ignore_patterns("tests", "release", "solutions"))
    module = broken / "skiplab" / "checks" / "lesson_5.py"
    module.write_text(module.read_text().replace("return (1 - T) * X + T * S", "return (1 - T * X"))
    said = run("skiplab", "build", LESSON, cwd=broken, PYTHONPATH=broken, status=1)
    assert "highwaylayer: the misconception gates-swapped is not Python: '(' was never" in said
    assert "return (1 - T * X" in said
    assert not (broken / "release").exists() and not (broken / "solutions").exists()


def test_mistakes_of_an_author_are_told(monkeypatch):
    """In words that say of which exercise, and what to look at."""
    skip, normal = all_exercises()["skipnet3"], all_exercises()["normalnet3"]
    for change, said in (
        ({"input_shape": lambda _: (5,)}, r"own SkipNet3 .*'input_size': 8.* shapes cannot be"),
        ({"head": "class SkipNet3(nn.Module:"}, "own SkipNet3 .* SyntaxError"),
        ({"head": skip.head.replace("ReLU()", "ReLU(inplace=True)")}, "SkipNet3 .* works in place"),
    ):
        with pytest.raises(RuntimeError, match=said):
            dataclasses.replace(skip, **change).draw_challenge(0)
    twice = dataclasses.replace(normal, answer="skipnet3")
    monkeypatch.setattr("skiplab.checks.lesson_1.EXERCISES", (twice,))
    with pytest.raises(ValueError, match="lesson_2: another exercise is “skipnet3”, too"):
        all_exercises.__wrapped__()


def test_the_walkthrough_does_what_this_test_does():
    text = (ROOT / "docs" / "adding_a_lesson.md").read_text()
    commands = re.findall(r"^```\n(.*?)^```", text, re.M | re.S)
    assert f"skiplab build {LESSON}" in commands[0] and f"skiplab grade {LESSON}" in commands[1]
    for path in re.findall(r"docs/example_lesson/\S+", "".join(commands)):
        assert (ROOT / path).is_file()
    for place in ("README.md", "docs/authors.md"):
        assert "adding_a_lesson.md" in (ROOT / place).read_text()
    quoted = re.search(r"^Misconception\(.*?^\)", text, re.M | re.S)[0].split()
    assert " ".join(quoted).removesuffix(")") in " ".join(
        (EXAMPLE / "lesson_5.py").read_text().split()
    )
