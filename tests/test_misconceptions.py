"""Every wrong wiring in the catalogue is rejected, and named for what it is.

Once asked directly, and once through the grade cells of the lessons, under `nbgrader autograde`.
"""

import nbformat
import pytest
from conftest import ROOT, hand_in, notebook, read, run
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook
from right_answers import right_answers

from skiplab.checks import CheckFailed, check_training, check_wiring
from skiplab.checks.exercise import all_exercises

EXERCISES = all_exercises()
WRONG = {
    f"{answer}-{wrong.name}": (exercise, wrong)
    for answer, exercise in EXERCISES.items()
    for wrong in exercise.misconceptions
}
# The families of wrong answers that every check of a wiring is to know …
FAMILIES = {
    "activation missing",
    "activation doubled",
    "activation of another kind",
    "activation before the layer",
    "layer order",
    "layer applied twice",
    "bias ignored",
    "detached path",
    "state",
    "randomness",
    "batch statistics",
    "squeeze",
    "broadcasting",
    "wrong dtype",
    "wrong kind of result",
    "input modified",
    "weights modified",
    "a new layer made in forward",
    "a global network used for self",
}
# … those that need several layers, or something that is added …
SEVERAL = {"layer reused", "layer dropped"}
SUM = {
    "no skip",
    "skip only",
    "added twice",
    "scaled",
    "subtracted",
    "multiplied",
    "averaged",
    "max",
    "concatenated",
    "activation on the skip path",
}
# … and those of one kind of network.
LONG_SKIP = {"skip from the wrong tensor", "added too early", "added too late"}
BLOCK = {"normalisation", "projection on the skip path"}
ALPHA = {
    "alpha in the wrong place",
    "alpha is no parameter",
    "alpha starts elsewhere",
    "alpha of another shape",
    "one alpha for all",
}
NET = {
    "depth off by one",
    "blocks held in a plain list",
    "blocks held elsewhere",
    "one block repeated",
    "block of another kind",
    "skip twice",
    "activation on the logits",
}
NORM = {
    "batch norm left out",
    "batch norm's mode mishandled",
    "skip from the wrong tensor",
    "added too early",
}
POST = {"last activation", "activation before the sum"}
PROJECTION = {
    "projection missing",
    "projection where shapes match",
    "projection of the wrong stride",
    "projection made wrongly",
}
MORE = {
    "normalnet3": SEVERAL,
    "normalnet7": SEVERAL,
    "skipnet3": SEVERAL | SUM | LONG_SKIP,
    "skipnet7": SEVERAL | SUM | LONG_SKIP,
    "residualblock": SUM | BLOCK | {"activation after the sum"},
    "residualnet": SEVERAL | NET,
    "rezeroblock": SUM | BLOCK | ALPHA | {"activation after the sum"},
    "basicblock": SEVERAL | SUM | BLOCK | NORM | POST,
    "projectionblock": SEVERAL | SUM | BLOCK | NORM | POST | PROJECTION,
    "preactblock": SEVERAL | SUM | BLOCK | NORM | {"activation after the sum"},
}
# What a student who writes such things has imported.
IMPORTS = "import numpy as np\nimport torch.nn.functional as F\n\n\n"


@pytest.mark.parametrize("answer", EXERCISES)
def test_every_family_is_there(answer):
    exercise = EXERCISES[answer]
    if answer in MORE:  # a lesson that somebody adds may know fewer
        assert FAMILIES | MORE[answer] <= {wrong.family for wrong in exercise.misconceptions}
    names = [wrong.name for wrong in exercise.misconceptions]
    assert len(set(names)) == len(names)
    said = [wrong.mistake for wrong in exercise.misconceptions]
    assert len(set(said)) == len(said), "two mistakes with the same words"


@pytest.mark.parametrize("case", WRONG)
def test_wrong_wiring_is_named(case, capsys):
    exercise, wrong = WRONG[case]
    for number, forward in enumerate((wrong.forward, *wrong.same)):
        seed = 1000 + (len(case) + number) % 3  # other challenges than a student's own
        with pytest.raises(CheckFailed) as failed:
            network = exercise.network(forward, wrong.after, wrong.head)
            check_wiring(network, exercise.answer, seed=seed)
        first = str(failed.value).splitlines()[0]
        assert first == f"{exercise.name}: {wrong.mistake}.", f"seed {seed}\n{forward}"


@pytest.mark.parametrize("name", ["no-skip", "skip-only", "only-three-layers", "global-network"])
def test_wrong_wiring_does_not_pass_the_training_check(name):
    """Some of them train well. They are not SkipNet7."""
    exercise = EXERCISES["skipnet7"]
    wrong = next(wrong for wrong in exercise.misconceptions if wrong.name == name)
    with pytest.raises(CheckFailed, match=wrong.mistake.split(":")[0]):
        check_training(exercise.network(wrong.forward, wrong.after), "skipnet7")


def _cases(lesson):
    """Cell text by case, and the exercise and the mistake (None: right) of each.

    A right answer's style is that of one exercise here; `test_right_answers.py` has all of all.
    """
    for number, exercise in enumerate(EXERCISES.values()):
        if exercise.lesson != lesson:
            continue
        for wrong in exercise.misconceptions:
            source = f"{IMPORTS}{exercise.source(wrong.forward, wrong.after, wrong.head)}"
            yield f"{exercise.answer}-{wrong.name}", exercise, wrong, source
        for style, source in list(right_answers(exercise).items())[number :: len(EXERCISES)]:
            yield f"{exercise.answer}-right-{style}", exercise, None, source


@pytest.mark.timeout(1800)  # some five hundred cells, each asked twice
@pytest.mark.parametrize("lesson", sorted({e.lesson for e in EXERCISES.values()}))
def test_grade_cells_name_every_mistake(lesson, tmp_path):
    """One assignment holds the lesson's own grade cell once for each wrong and right answer."""
    source = notebook("source", lesson)
    by_id = {c.metadata.get("nbgrader", {}).get("grade_id"): c for c in source.cells}
    cases = {case: rest for case, *rest in _cases(lesson)}
    cells = [by_id["setup"]]
    for case, (exercise, _, _) in cases.items():
        answer = new_code_cell(by_id[exercise.answer].source, id=f"a{len(cells)}")
        answer.metadata = {
            "nbgrader": by_id[exercise.answer].metadata.nbgrader | {"grade_id": case}
        }
        grade = new_code_cell(by_id[f"{exercise.answer}-wiring"].source, id=f"g{len(cells)}")
        given = by_id[f"{exercise.answer}-wiring"].metadata.nbgrader
        grade.metadata = {"nbgrader": given | {"grade_id": f"{case}-wiring", "points": 1}}
        cells += [answer, grade]
    source.cells = cells

    course = tmp_path / "course"
    (course / "source" / "cases").mkdir(parents=True)
    (course / "nbgrader_config.py").write_text((ROOT / "nbgrader_config.py").read_text())
    nbformat.write(source, course / "source" / "cases" / "cases.ipynb")
    run("nbgrader", "generate_assignment", "cases", cwd=course)
    handed_in = read(course / "release" / "cases" / "cases.ipynb")
    for cell in handed_in.cells:
        case = cell.metadata.nbgrader.grade_id
        if case in cases:
            cell.source = cases[case][2]
    hand_in(course, "everyone", "cases", handed_in)
    run("nbgrader", "autograde", "cases", cwd=course)

    graded = read(course / "autograded" / "everyone" / "cases" / "cases.ipynb")
    said = {
        cell.metadata.nbgrader.grade_id: next(
            (out.evalue.splitlines()[0] for out in cell.outputs if out.output_type == "error"), ""
        )
        for cell in graded.cells
        if cell.metadata.nbgrader.grade
    }
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        submission = gradebook.find_submission("cases", "everyone")
        scores = {grade.cell.name: grade.auto_score for grade in submission.notebooks[0].grades}
    assert len(scores) == len(cases)
    for case, (exercise, wrong, _) in cases.items():
        name = f"{case}-wiring"
        if wrong is None:
            assert (scores[name], said[name]) == (1, ""), case
        else:
            assert (scores[name], said[name]) == (0, f"{exercise.name}: {wrong.mistake}."), case
