"""`make demo` grades a sample class with no help, and names what is wrong with every network.

And `make lab` gives everybody a copy of the lessons that stays theirs.
"""

import csv
import os
import re
import shutil
import subprocess

import pytest
from conftest import BIN, LESSONS, ROOT, graded, make_course, make_small_course, notebook, read, run
from nbgrader.api import Gradebook

# Who loses the points of which cell, and what is said about it; all else is full marks.
WRONG = {
    ("chen", "skipnet3-wiring"): "SkipNet3: there is no skip",
    ("chen", "skipnet7-wiring"): "SkipNet7: there is no skip",
    ("chen", "skipnet7-trains"): "SkipNet7: there is no skip",
    ("dalia", "skipnet3-wiring"): "SkipNet3: the skip is added after the last ReLU",
    ("dalia", "skipnet7-wiring"): "SkipNet7: the skip is added after the last ReLU",
    ("dalia", "skipnet7-trains"): "SkipNet7: the skip is added after the last ReLU",
    ("emil", "normalnet3-wiring"): "NormalNet3: the ReLU after layer_3 is missing",
    ("emil", "normalnet7-wiring"): "NormalNet7: the ReLU after layer_7 is missing",
    ("farah", "normalnet7-wiring"): "NormalNet7: layer_4 and layer_5 are used in the wrong order",
    ("goran", "skipnet3-wiring"): "SkipNet3: no gradient gets through the skip path",
    ("goran", "skipnet7-wiring"): "SkipNet7: no gradient gets through the skip path",
    ("goran", "skipnet7-trains"): "SkipNet7: no gradient gets through the skip path",
    ("hana", "normalnet3-wiring"): "NormalNet3: sigmoid is used where ReLU is asked for",
    ("hana", "normalnet7-wiring"): "NormalNet7: sigmoid is used where ReLU is asked for",
    ("ivan", "normalnet3-wiring"): "NormalNet3.forward is not implemented yet",
    ("ivan", "normalnet7-wiring"): "NormalNet7.forward is not implemented yet",
    ("ivan", "skipnet3-wiring"): "SkipNet3.forward is not implemented yet",
    ("ivan", "skipnet7-wiring"): "SkipNet7.forward is not implemented yet",
    ("ivan", "skipnet7-trains"): "SkipNet7.forward is not implemented yet",
    ("jo", "normalnet7-wiring"): "its answer cell, normalnet7, stopped with SyntaxError: '(' was",
    ("chen", "residualblock-wiring"): "ResidualBlock: there is no skip",
    ("chen", "rezeroblock-wiring"): "ReZeroBlock: there is no skip",
    ("dalia", "residualblock-wiring"): "ResidualBlock: the ReLU comes after the sum",
    ("emil", "residualnet-wiring"): "ResidualNet: the output goes through a ReLU",
    ("emil", "rezeroblock-wiring"): "ReZeroBlock: alpha is a number, not a parameter",
    ("farah", "residualnet-wiring"): "ResidualNet: all blocks share the weights of one",
    ("farah", "rezeroblock-wiring"): "ReZeroBlock: alpha starts at 1",
    ("goran", "residualblock-wiring"): "ResidualBlock: no gradient gets back to the input",
    ("goran", "residualnet-wiring"): "ResidualNet: the blocks are in a plain list",
    ("hana", "residualblock-wiring"): "ResidualBlock: sigmoid is used where ReLU is asked for",
    ("ivan", "residualblock-wiring"): "ResidualBlock.forward is not implemented yet",
    ("ivan", "residualnet-wiring"): "ResidualNet.__init__ is not implemented yet",
    ("ivan", "rezeroblock-wiring"): "ReZeroBlock.__init__ is not implemented yet",
    ("jo", "residualblock-wiring"): "its answer cell, residualblock, stopped with SyntaxError",
    ("chen", "basicblock-wiring"): "BasicBlock: there is no skip",
    ("chen", "preactblock-wiring"): "PreActBlock: there is no skip",
    ("dalia", "basicblock-wiring"): "BasicBlock: the second ReLU comes before the sum",
    ("dalia", "preactblock-wiring"): "PreActBlock: the sum goes through a ReLU",
    ("emil", "basicblock-wiring"): "BasicBlock: there is no ReLU after the sum",
    ("emil", "projectionblock-wiring"): "ProjectionBlock: there is a projection even where",
    ("farah", "projectionblock-wiring"): "ProjectionBlock: the projection has stride 1",
    ("farah", "preactblock-wiring"): "PreActBlock: the shortcut begins after norm_1 and its ReLU",
    ("goran", "basicblock-wiring"): "BasicBlock: the branch is added to the input in place",
    ("goran", "preactblock-wiring"): "PreActBlock: no gradient gets back through the shortcut",
    ("hana", "basicblock-wiring"): "BasicBlock: neither of the normalisations is used",
    ("hana", "preactblock-wiring"): "PreActBlock: the normalisations use their running statistics",
    ("ivan", "basicblock-wiring"): "BasicBlock.forward is not implemented yet",
    ("ivan", "projectionblock-wiring"): "ProjectionBlock.__init__ is not implemented yet",
    ("ivan", "preactblock-wiring"): "PreActBlock.forward is not implemented yet",
    ("jo", "preactblock-wiring"): "its answer cell, preactblock, stopped with SyntaxError",
}
NOT_GRADED = {
    ("jo", "2_skip_connections"): "not graded: 2_skip_connections.ipynb is not a notebook"
}
# A student hands in the lessons there is a file for.
FILES = {
    path.parent.name: {other.stem for other in path.parent.iterdir()}
    for path in ROOT.glob("examples/*/*")
}
HANDED_IN = {
    lesson: sorted(
        student
        for student, names in FILES.items()
        if names & {lesson, *(cell.id for cell in notebook("source", lesson).cells)}
    )
    for lesson in LESSONS
}
STUDENTS = sorted(path.name for path in (ROOT / "examples").iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A clone after `make demo`, and what it said."""
    course = make_course(tmp_path_factory.mktemp("demo") / "clone", "examples", "release")
    (course / "demo").mkdir()
    (course / "demo" / "left").write_text("over from an interrupted run")
    return course, run("skiplab", "demo", cwd=course, COLUMNS=200)


def test_everybody_gets_what_the_answers_are_worth(demo):
    course, _ = demo
    assert not (course / "demo" / "left").exists()
    with Gradebook(f"sqlite:///{course}/demo/gradebook.db") as gradebook:
        assert sorted(student.id for student in gradebook.students) == STUDENTS
        for lesson in LESSONS:
            for student in HANDED_IN[lesson]:
                if (student, lesson) in NOT_GRADED:
                    continue
                for cell, points in graded(lesson, "code").items():
                    grade = gradebook.find_grade(cell, lesson, lesson, student)
                    wanted = 0 if (student, cell) in WRONG else points
                    assert grade.auto_score == wanted, (student, cell)
                for cell in graded(lesson, "markdown"):
                    grade = gradebook.find_grade(cell, lesson, lesson, student)
                    given = (ROOT / "examples" / student / f"{cell}.md").exists()
                    assert grade.needs_manual_grade == given, (student, cell)


def test_table_names_every_mistake(demo):
    _, said = demo
    for lesson, table in zip(
        LESSONS, re.split("|".join(rf"\n{name} +\n" for name in LESSONS), said)[1:], strict=True
    ):
        blocks = {}
        for line in table.splitlines():
            name = line.split()[0] if line.split() else ""
            student = name if name in STUDENTS and line.startswith((name, f" {name}")) else None
            if student:
                blocks[student] = line
            elif blocks:
                blocks[list(blocks)[-1]] += " " + line.strip()
        assert list(blocks) == HANDED_IN[lesson]
        for (student, cell), diagnosis in WRONG.items():
            if cell in graded(lesson):
                assert diagnosis in blocks[student]
        for (student, name), reason in NOT_GRADED.items():
            if name == lesson:
                assert reason in blocks[student]
    assert "to be marked" in said
    assert "Traceback" not in said and "Warning" not in said
    assert re.search(r"The sample class is graded: \d+ s in all\.", said)


def test_what_it_names_is_there(demo):
    course, said = demo
    for lesson in LESSONS:
        page = course / "demo" / "report" / f"{lesson}.html"
        assert str(page) in said
        text = page.read_text()
        assert "http" not in text  # it works without network
        for link in re.findall(r'href="([^"]+)"', text):
            assert (page.parent / link).is_file(), link
        shown = len([one for one in HANDED_IN[lesson] if (one, lesson) not in NOT_GRADED])
        assert text.count("href=") == shown
        for (_, cell), diagnosis in WRONG.items():
            if cell in graded(lesson):
                assert diagnosis.replace("'", "&#39;") in text
    grades = course / "demo" / "report" / "grades.csv"
    assert str(grades) in said
    with grades.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(LESSONS) * len(STUDENTS)
    scores = {(row["student_id"], row["assignment"]): float(row["score"]) for row in rows}
    for lesson in LESSONS:
        assert scores["boris", lesson] == sum(graded(lesson, "code").values())


def test_every_lesson_is_handed_in_by_some_who_are_right_and_some_who_are_not():
    assert 8 <= len(STUDENTS) <= 10
    for lesson in LESSONS:
        assert {"ada", "boris", "ivan", "jo"} < set(HANDED_IN[lesson])


def test_readme_of_the_samples_lists_them_all():
    listed = re.findall(r"^\| (\w+) \|", (ROOT / "examples" / "README.md").read_text(), re.M)
    assert listed == ["student", *STUDENTS]


def test_a_file_for_no_answer_is_told(tmp_path):
    course = make_course(tmp_path / "course", "examples")
    (course / "examples" / "ada" / "skipnet9.py").write_text("")
    said = run("skiplab", "demo", cwd=course, status=1)
    assert said.endswith("skipnet9.py: the course has no answer “skipnet9”.\n")
    assert not (course / "release").exists()  # it is found before the long work begins


def test_a_lesson_without_samples_is_no_obstacle(tmp_path):
    """An author who adds a lesson can run the demo before somebody has answered it."""
    course = make_small_course(tmp_path / "course")
    shutil.copytree(course / "source" / "small", course / "source" / "new")
    (course / "source" / "new" / "small.ipynb").rename(course / "source" / "new" / "new.ipynb")
    (course / "examples" / "ann").mkdir(parents=True)
    (course / "examples" / "ann" / "small.ipynb").write_text("")
    said = run("skiplab", "demo", cwd=course)
    assert "new: nobody in the sample class has handed it in" in said
    assert "small.ipynb is empty" in said and "The sample class is graded" in said


def test_lab_opens_on_a_copy_that_stays_yours(tmp_path):
    course = make_course(tmp_path / "course", "release")
    home = tmp_path / "home"

    def open_lab():
        """Start JupyterLab, wait until it says where it runs, stop it; what was said."""
        said = []
        command = [BIN / "skiplab", "lab", "--", "--no-browser", "--allow-root", "--port=0"]
        with subprocess.Popen(
            command,
            cwd=course,
            env={**os.environ, "HOME": str(home), "JUPYTER_CONFIG_DIR": str(home / "config")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            for line in process.stdout:
                said.append(line)
                if "is running at" in line:
                    break
            process.kill()
        assert "is running at" in said[-1], "".join(said)
        return "".join(said)

    said = open_lab()
    assert str(course / "lab") in said
    for lesson in LESSONS:
        name = f"{lesson}/{lesson}.ipynb"
        assert read(course / "lab" / name) == read(course / "release" / name)
        assert f"{lesson}: copied from release/" in said
    (course / "lab" / LESSONS[0] / f"{LESSONS[0]}.ipynb").write_text("my work")
    assert f"{LESSONS[0]}: kept as you left it" in open_lab()
    assert (course / "lab" / LESSONS[0] / f"{LESSONS[0]}.ipynb").read_text() == "my work"


@pytest.mark.parametrize("folder", ["demo", "lab", ".venv", "submitted", "report", "gradebook.db"])
def test_what_the_commands_make_is_ignored_by_git(folder):
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {f"/{folder}/", f"{folder}/", f"/{folder}"} & set(ignored)
