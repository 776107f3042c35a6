"""A bad submission is told against its student, in plain words, and all the others are graded."""

import copy
import json
import os

import nbformat
import pytest
from conftest import hand_in, make_small_course, read, run
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.utils import is_solution

LESSON = "small"
FIRST, LAST = "first-test", "second-test"

# Student: what `skiplab grade` says of the submission. These cannot be graded …
REFUSED = {
    "empty": f"{LESSON}.ipynb is empty",
    "not-json": f"{LESSON}.ipynb is not a notebook: not JSON",
    "not-text": f"{LESSON}.ipynb is not a notebook: not text",
    "not-notebook": f"{LESSON}.ipynb is not a notebook",
    "nothing": f"no notebook: {LESSON}.ipynb is missing",
    "wrong-name": f"no {LESSON}.ipynb; there is my answers.ipynb",
    "huge": f"{LESSON}.ipynb has 17 MB, and 16 MB is the most",
    "many-cells": f"{LESSON}.ipynb has 2001 cells, and 2000 is the most",
    "too-deep": f"{LESSON}.ipynb is not a notebook: RecursionError",
    "link": f"{LESSON}.ipynb is a link",
    "pipe": f"{LESSON}.ipynb is a link or a folder, or something else",
    "folder": f"{LESSON}.ipynb is a link or a folder",
    "linked-folder": f"{LESSON} is not a folder",
}
# … and these can, with what is said to the instructor and to the student.
ODD = {
    "missing-test": f"cell {FIRST} is missing: the lesson's own was used",
    "missing-answer": "the answer cell second is missing: it was deleted, renamed or replaced",
    "renamed": "the answer cell second is missing: it was deleted, renamed or replaced",
    "retyped": "the answer cell second is a markdown cell, not a code cell",
    "twice-differently": "the answer cell second is there 2 times, with different contents",
    "too-long": "the answer cell second has 100010 characters, and 100000 is the most",
    "long-own": "1 of the student's own code cells have more than 100000 characters",
}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course in which every kind of bad submission stands between two good ones.

    The lesson is a small one: the notebooks of the real ones run in the demo's test.
    """
    course = make_small_course(tmp_path_factory.mktemp("bad") / "course")

    def notebook(change=lambda cells: None):
        made = read(course / "source" / LESSON / f"{LESSON}.ipynb")
        change(made.cells)
        return made

    def find(cells, name):
        return next(
            index
            for index, cell in enumerate(cells)
            if cell.metadata.get("nbgrader", {}).get("grade_id") == name
        )

    def answer_of(cells, test):
        """The answer cell before a test."""
        before = range(find(cells, test))
        return max(n for n in before if is_solution(cells[n]) and cells[n].cell_type == "code")

    def version(number):
        def change(cells):
            cells[find(cells, LAST)].metadata.nbgrader.schema_version = number

        return change

    def drop_answer(cells):
        del cells[answer_of(cells, LAST)]

    def twice(cells):
        test = find(cells, FIRST)
        pair = [cells[answer_of(cells, FIRST)], cells[test]]
        cells[test + 1 : test + 1] = copy.deepcopy(pair)
        for number, cell in enumerate(cells[test + 1 : test + 3]):
            cell.id = f"copy-{number}"

    def die(cells):
        cells[answer_of(cells, LAST)].source = "import os\nos._exit(1)"

    def too_long(cells):
        cells[answer_of(cells, LAST)].source = "y = x + 1#" + 100_000 * "#"

    def long_own(cells):
        cells.insert(0, nbformat.v4.new_code_cell("x = y = 0\n" + 100_000 * "#", id="own"))

    def rename(cells):
        cells[answer_of(cells, LAST)].metadata.nbgrader.grade_id = "third"

    def retype(cells):
        place = answer_of(cells, LAST)
        metadata = cells[place].metadata
        cells[place] = nbformat.v4.new_markdown_cell("y = x + 1", id="second", metadata=metadata)

    def twice_differently(cells):
        place = answer_of(cells, LAST)
        cells.insert(place, copy.deepcopy(cells[place]))
        cells[place].id, cells[place].source = "copy", "y = 0"

    def copies(cells):
        """An old version kept as text, and the stub kept beside the answer."""
        place = answer_of(cells, LAST)
        stub = copy.deepcopy(cells[place])
        stub.source = "# YOUR CODE HERE\nraise NotImplementedError()"
        metadata = cells[place].metadata
        old = nbformat.v4.new_markdown_cell("y = 0", id="old", metadata=metadata)
        cells[place : place + 1] = [old, stub, cells[place]]
        stub.id = "stub"

    def own_cells(cells):
        """A student's own cells before, between and after, which the answers need."""
        cells[answer_of(cells, FIRST)].source = "x = math.prod([six, 7])"
        cells[answer_of(cells, LAST)].source = "y = more(x)"
        own = nbformat.v4.new_code_cell
        cells.insert(answer_of(cells, LAST), own("def more(x):\n    return x + 1", id="own-2"))
        cells.insert(0, own("import math\nsix = 6", id="own-1"))
        cells.append(own("y = 'spoiled, but after the test'", id="own-3"))

    changes = {
        "a-good": lambda cells: None,
        "too-new": version(4),
        "too-old": version(1),
        "kernel-dies": die,
        "missing-test": lambda cells: cells.pop(find(cells, FIRST)),
        "missing-answer": drop_answer,
        "twice": twice,
        "twice-differently": twice_differently,
        "renamed": rename,
        "retyped": retype,
        "own-cells": own_cells,
        "copies": copies,
        "too-long": too_long,
        "long-own": long_own,
        "z-good": lambda cells: None,
    }
    for student, change in changes.items():
        hand_in(course, student, LESSON, notebook(change))
    hand_in(course, "empty", LESSON, "")
    hand_in(course, "not-json", LESSON, "All four networks work!\n")
    hand_in(course, "not-text", LESSON, "").write_bytes(b"\x89PNG\r\n\xff\xfe\x00")
    hand_in(course, "not-notebook", LESSON, '{"name": "Eve"}')
    hand_in(course, "nothing", LESSON, "").unlink()
    path = hand_in(course, "wrong-name", LESSON, notebook())
    path.rename(path.with_name("my answers.ipynb"))
    hand_in(course, "huge", LESSON, " " * (17 << 20))
    long = notebook()
    long.cells = [nbformat.v4.new_markdown_cell(id=f"c{n}") for n in range(2001)]
    hand_in(course, "many-cells", LESSON, long)
    hand_in(course, "too-deep", LESSON, "[" * 100_000 + "]" * 100_000)
    for name in ("link", "pipe", "folder"):
        hand_in(course, name, LESSON, "").unlink()
    submitted = course / "submitted"
    good = submitted / "a-good" / LESSON / f"{LESSON}.ipynb"
    (submitted / "link" / LESSON / good.name).symlink_to(good)
    os.mkfifo(submitted / "pipe" / LESSON / good.name)
    (submitted / "folder" / LESSON / good.name).mkdir()
    (submitted / "linked-folder").mkdir()
    (submitted / "linked-folder" / LESSON).symlink_to(good.parent)
    # From a tool that knows no cell ids: the demonstration stays one, though it would fail.
    old = notebook()
    old.nbformat_minor = 4
    for cell in old.cells:
        del cell["id"]
        cell.metadata.pop("tags", None)
    hand_in(course, "no-ids", LESSON, old)
    # Files beside the notebook are not taken, whatever they are.
    beside = hand_in(course, "files-beside", LESSON, notebook()).parent
    (beside / "torch.py").write_text("raise SystemExit('mine')")
    (beside / "gradebook").symlink_to(course / "nbgrader_config.py")
    os.mkfifo(beside / "timestamp.txt")
    return course


def scores(course):
    """The points for the code cells that the gradebook has, by student."""
    found = {}
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        for student in gradebook.students:
            try:
                submission = gradebook.find_submission_notebook(LESSON, LESSON, student.id)
            except MissingEntry:
                continue
            if any(grade.auto_score is not None for grade in submission.grades):
                found[student.id] = {
                    grade.name: grade.auto_score or 0.0 for grade in submission.grades
                }
    return found


FULL = {FIRST: 2.0, LAST: 2.0}
EXPECTED = {
    "a-good": FULL,
    "missing-test": FULL,
    "missing-answer": FULL | {LAST: 0.0},
    "twice": FULL,
    "twice-differently": FULL | {LAST: 0.0},
    "renamed": FULL | {LAST: 0.0},
    "retyped": FULL | {LAST: 0.0},
    "too-long": FULL | {LAST: 0.0},
    "long-own": FULL,
    "own-cells": FULL,
    "copies": FULL,
    "no-ids": FULL,
    "files-beside": FULL,
    "too-new": FULL,
    "too-old": FULL,
    "kernel-dies": FULL | {LAST: 0.0},
    "z-good": FULL,
}


def test_skiplab_grade_names_each_and_grades_the_others(course):
    said = run("skiplab", "grade", LESSON, cwd=course, status=1, COLUMNS=250)
    lines = {line.split()[0]: line for line in said.splitlines() if line.split()}
    for student, reason in REFUSED.items():
        assert "not graded: " in lines[student] and reason in lines[student]
    for student, note in ODD.items():
        assert note in said and "not graded" not in lines[student]
        if "answer cell" in note:
            page = course / "feedback" / student / LESSON / f"{LESSON}.html"
            assert note in page.read_text()
    assert scores(course) == EXPECTED
    assert "Traceback" not in said
    page = (course / "report" / f"{LESSON}.html").read_text()
    for student in [*REFUSED, *EXPECTED]:
        assert f">{student}<" in page
    # Everybody is in the export: who could not be graded, with no points.
    table = (course / "report" / "grades.csv").read_text()
    for student in [*REFUSED, *EXPECTED]:
        assert f",{student}," in table
    for student in EXPECTED:
        assert (course / "feedback" / student / LESSON / f"{LESSON}.html").is_file()
    graded = course / "autograded" / "files-beside" / LESSON
    assert [path.name for path in graded.iterdir()] == [f"{LESSON}.ipynb"]


def test_nbgrader_autograde_goes_on_with_the_others(course):
    (course / "gradebook.db").unlink(missing_ok=True)
    run("nbgrader", "generate_assignment", LESSON, cwd=course)
    said = run("nbgrader", "autograde", LESSON, "--force", cwd=course, status=1)
    assert scores(course) == EXPECTED
    unmatched = {"nothing", "wrong-name"}  # "No notebooks were matched by …/submitted/nothing/…"
    for student in set(REFUSED) - unmatched:
        assert f"for student '{student}'" in said
    assert all(student in said for student in unmatched)


def test_names_that_nobody_can_have(tmp_path):
    course = make_small_course(tmp_path)
    solved = read(course / "source" / LESSON / f"{LESSON}.ipynb")
    names = {
        b"no-utf-\xff": "no-utf-�",
        b"a\x1b[31m\nb": "a�[31m�b",
        b"l" * 200: "l" * 200,
        "語".encode() * 84: "語" * 84,
        "Zoë O'Neill-李".encode(): None,
    }
    for name in names:
        path = hand_in(course, "new", LESSON, solved)
        path.parents[1].rename(course / "submitted" / os.fsdecode(name))
    for _ in range(2):
        said = run("skiplab", "grade", LESSON, "--json", cwd=course, status=1)
        made = json.loads(said[said.index("{\n") : said.rindex("\n}") + 2])
        found = {one["student"]: one for one in made["submissions"]}
        for name, shown in names.items():
            one = found[shown or name.decode()]
            assert ("the folder's name has" in (one["problem"] or "")) == (shown is not None), one
    assert scores(course) == {"Zoë O'Neill-李": FULL}
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        assert [student.id for student in gradebook.students] == ["Zoë O'Neill-李"]


def test_a_page_that_cannot_be_drawn(tmp_path):
    """A link of 40,000 letters, 12,000 times: half a gigabyte of feedback."""
    course = make_small_course(tmp_path)
    path = course / "source" / LESSON / f"{LESSON}.ipynb"
    made = read(path)
    cell = nbformat.v4.new_markdown_cell("Because.", id="why")
    cell.metadata.nbgrader = {
        **{"grade": True, "solution": True, "task": False, "locked": False},
        **{"grade_id": "why", "points": 1, "schema_version": 3},
    }
    made.cells.append(cell)
    nbformat.write(made, path)
    hand_in(course, "good", LESSON, made)
    made.cells[-1].source = f"[a]: http://{40_000 * 'b'}\n\n" + 12_000 * "[a] "
    hand_in(course, "large", LESSON, made)
    run("skiplab", "grade", LESSON, cwd=course)
    pages = {
        student: (course / "feedback" / student / LESSON / f"{LESSON}.html").read_text()
        for student in ("good", "large")
    }
    assert "Because." in pages["good"] and "what you wrote" not in pages["good"]
    assert "what you wrote and what it printed are left out here" in pages["large"]
    assert len(pages["large"]) < 2 * len(pages["good"])
    assert scores(course)["large"] == FULL | {"why": 0.0}
