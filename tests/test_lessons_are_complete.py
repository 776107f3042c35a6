"""A lesson has all its parts: ids, points, hints, stubs, tags, alt text, the contract's names."""

import re

import pytest
from conftest import LESSONS, ROOT, graded, notebook

ANSWERS = {
    "1_vanishing_gradients": {"normalnet3": "NormalNet3", "normalnet7": "NormalNet7"},
    "2_skip_connections": {"skipnet3": "SkipNet3", "skipnet7": "SkipNet7"},
    "3_residual_blocks": {
        "residualblock": "ResidualBlock",
        "residualnet": "ResidualNet",
        "rezeroblock": "ReZeroBlock",
    },
    "4_resnet": {
        "basicblock": "BasicBlock",
        "projectionblock": "ProjectionBlock",
        "preactblock": "PreActBlock",
    },
}
ARGUMENTS = dict.fromkeys(
    ("normalnet3", "normalnet7", "skipnet3", "skipnet7"),
    "input_size, output_size, hidden_size=128",
) | {
    "residualblock": "width",
    "residualnet": "depth, block, input_size=40, output_size=10, width=64",
    "rezeroblock": "width",
    "basicblock": "channels",
    "projectionblock": "in_channels, out_channels, stride=1",
    "preactblock": "channels",
}
# Where students write a part of `__init__`, too: what is given after the stub there.
INIT_TOO = {
    "residualnet": ["self.last = nn.Linear(width, output_size)"],
    "rezeroblock": [],
    "projectionblock": [],
}
GRADED = {
    "1_vanishing_gradients": {"normalnet3-wiring", "normalnet7-wiring"},
    "2_skip_connections": {"skipnet3-wiring", "skipnet7-wiring", "skipnet7-trains"},
    "3_residual_blocks": {"residualblock-wiring", "residualnet-wiring", "rezeroblock-wiring"},
    "4_resnet": {"basicblock-wiring", "projectionblock-wiring", "preactblock-wiring"},
}
STUB = "# YOUR CODE HERE\nraise NotImplementedError()"


def by_id(kind, lesson):
    return {
        cell.metadata.nbgrader.grade_id: cell
        for cell in notebook(kind, lesson).cells
        if "nbgrader" in cell.metadata
    }


def test_the_contract_covers_every_lesson():
    assert set(LESSONS) == set(ANSWERS), "add it to ANSWERS, ARGUMENTS and GRADED above"


@pytest.mark.parametrize("lesson", LESSONS)
def test_ids_are_unique_and_stable(lesson):
    source = notebook("source", lesson)
    ids = [cell.id for cell in source.cells]
    assert len(set(ids)) == len(ids)
    grade_ids = [c.metadata.nbgrader.grade_id for c in source.cells if "nbgrader" in c.metadata]
    assert len(set(grade_ids)) == len(grade_ids)
    for kind in ("release", "solutions"):
        assert [cell.id for cell in notebook(kind, lesson).cells] == ids


@pytest.mark.parametrize("lesson", ANSWERS)
def test_contract_ids_are_there(lesson):
    cells = by_id("source", lesson)
    assert set(ANSWERS[lesson]) <= set(cells)
    assert set(graded(lesson, "code")) == GRADED[lesson]
    for answer in ANSWERS[lesson]:
        kind = cells[answer].metadata.nbgrader
        assert kind.solution and not kind.grade and not kind.locked
    for check in GRADED[lesson]:
        kind = cells[check].metadata.nbgrader
        assert kind.grade and kind.locked and not kind.solution


@pytest.mark.parametrize("lesson", ANSWERS)
def test_released_forward_is_the_stub_and_nothing_else(lesson):
    for answer, name in ANSWERS[lesson].items():
        source = by_id("release", lesson)[answer].source
        head, _, body = source.partition("def forward(self, X):\n")
        assert [line.strip() for line in body.strip().splitlines()] == STUB.splitlines()
        assert f"class {name}(nn.Module):" in head
        assert f"def __init__(self, {ARGUMENTS[answer]}):" in head
        assert head.count(STUB.splitlines()[1]) == (answer in INIT_TOO)
        if answer in INIT_TOO:
            after = head[head.index(STUB.splitlines()[1]) :].strip().splitlines()[1:]
            assert [line.strip() for line in after] == INIT_TOO[answer]


@pytest.mark.parametrize("lesson", LESSONS)
def test_release_shows_no_solution_and_no_hidden_test(lesson):
    release = notebook("release", lesson)
    text = "\n".join(cell.source for cell in release.cells)
    for secret in ("BEGIN SOLUTION", "HIDDEN", "fresh=", "Sample answer", "MARK SCHEME"):
        assert secret not in text
    for cell in notebook("source", lesson).cells:
        kind = cell.metadata.get("nbgrader", {})
        if kind.get("solution") and kind.get("grade"):
            assert by_id("release", lesson)[kind["grade_id"]].source == "YOUR ANSWER HERE"
    assert not any(cell.get("outputs") for cell in release.cells)


@pytest.mark.parametrize("lesson", LESSONS)
def test_points_are_round_and_shown(lesson):
    points = graded(lesson)
    assert sum(points.values()) == 20
    first = notebook("source", lesson).cells[0].source
    assert "**Points** 20" in first
    shown = [int(row.split("|")[2]) for row in re.findall(r"^\|.*\| \d+ \|.*$", first, re.M)]
    assert sorted(shown) == sorted(points.values())


@pytest.mark.parametrize("lesson", ANSWERS)
def test_exercise_is_three_cells_with_hints_and_what_to_expect(lesson):
    cells = notebook("source", lesson).cells
    ids = [cell.id for cell in cells]
    for answer in ANSWERS[lesson]:
        text, hints, after = (
            cells[ids.index(f"{answer}-{part}")].source for part in ("text", "hints", "expected")
        )
        assert re.search(r"[●○]{3}", text) and "minutes" in text and "points" in text
        details = re.findall(r"<summary>(.*?)</summary>(.*?)</details>", hints, re.S)
        assert len(details) == 3 == hints.count("<details>")
        assert all(title.strip() and len(body.strip()) > 40 for title, body in details)
        assert "What you should see" in after
        here = [ids.index(f"{answer}{end}") for end in ("-text", "", "-wiring")]
        assert here == sorted(here)
        for line in by_id("release", lesson)[answer].source.splitlines():
            assert "self.relu(self.layer_1" not in hints, f"the hint is the solution: {line}"


@pytest.mark.parametrize("lesson", LESSONS)
def test_written_answers_have_a_mark_scheme_that_adds_up(lesson):
    cells = by_id("source", lesson)
    for name, points in graded(lesson, "markdown").items():
        scheme = cells[name].source
        assert scheme.count("Sample answer") == 3, "answers at three levels"
        assert sum(map(int, re.findall(r"^\| (\d+) \|", scheme, re.M))) == points


@pytest.mark.parametrize("lesson", LESSONS)
def test_demonstrations_are_tagged_and_answers_do_not_need_them(lesson):
    for cell in notebook("source", lesson).cells:
        tagged = "skip-execution" in cell.metadata.get("tags", [])
        if cell.cell_type == "code":
            assert tagged != ("nbgrader" in cell.metadata), cell.id


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_prediction_comes_before_its_experiment(lesson):
    cells = notebook("source", lesson).cells
    made = {}
    for index, cell in enumerate(cells):
        for name in re.findall(r"^(prediction_\w+) =", cell.source, re.M):
            assert cell.metadata.nbgrader.solution
            made[name] = index
    assert len(made) >= 3
    released = notebook("release", lesson).cells
    for name, index in made.items():
        assert f"{name} = " in released[index].source, "a student must be told the name"
        used = [i for i, c in enumerate(cells) if f"compare_prediction(\n    {name}" in c.source]
        used += [i for i, c in enumerate(cells) if f"compare_prediction({name}" in c.source]
        assert len(used) == 1 and used[0] > index


@pytest.mark.parametrize("kind", ["source", "release", "solutions"])
@pytest.mark.parametrize("lesson", LESSONS)
def test_every_image_has_alt_text(lesson, kind):
    images = 0
    for cell in notebook(kind, lesson).cells:
        assert not re.search(r"!\[\s*\]", cell.source), f"{cell.id}: a picture without alt text"
        for image in re.findall(r"<img[^>]*>", cell.source):
            assert re.search(r'alt="[^"]{20,}"', image), cell.id
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                images += 1
                assert len(output.metadata["image/png"]["alt"]) > 40, cell.id
                shown = re.findall(r"<img[^>]*>", output.data.get("text/html", ""))
                assert all('alt="' in image for image in shown)
    assert images >= 8 if kind == "solutions" else images == 0


def test_original_is_acknowledged():
    for lesson in LESSONS:
        text = "\n".join(cell.source for cell in notebook("source", lesson).cells)
        assert '"Simple Skip Connection"' in text and "siddp6" in text
    assert "Simple Skip Connection" in (ROOT / "README.md").read_text()
