"""What `skiplab grade` writes is what nbgrader itself would have written.

Two copies of a course, one class. One is graded by `nbgrader autograde`, which runs answers in the
same jail by nbgrader_config.py, and gets its feedback from `nbgrader generate_feedback`; the other
by `skiplab grade`. Between two gradings a person marks, answers change, and files move.
"""

import json
import shutil
from datetime import datetime, timedelta

import nbformat
import pytest
from conftest import ROOT, hand_in, read, run
from nbgrader.api import Gradebook
from sqlalchemy import MetaData, create_engine, select

from skiplab.grading.cells import RECORD

LESSON = "kinds"
DUE = datetime(2026, 3, 1, 12)
ROUNDS = ["first", "second"]

SOLUTION = {"grade": False, "solution": True, "locked": False}
TEST = {"grade": True, "solution": False, "locked": True, "points": 3}
BY_HAND = {"grade": True, "solution": True, "locked": False, "points": 4}
TASK = {"grade": False, "solution": False, "locked": True, "points": 5, "task": True}
GIVEN = {"grade": False, "solution": False, "locked": True}

# Every kind of cell that nbgrader knows: id, type, text, nbgrader's metadata.
CELLS = [
    ("title", "markdown", "# All kinds", None),
    ("given", "code", "from skiplab.checks import award", GIVEN),
    ("first", "code", "### BEGIN SOLUTION\nx = 42\n### END SOLUTION", SOLUTION),
    (
        "first-test",
        "code",
        "assert x > 40\n### BEGIN HIDDEN TESTS\nassert x == 42\n### END HIDDEN TESTS",
        TEST,
    ),
    ("parts", "code", "### BEGIN SOLUTION\nparts = [1, 2]\n### END SOLUTION", SOLUTION),
    (
        "parts-test",
        "code",
        "assert 1 in parts\naward(1, 'one')\nassert 2 in parts\naward(2, 'two')",
        TEST,
    ),
    ("plot", "code", "### BEGIN SOLUTION\nprint('a plot')\n### END SOLUTION", BY_HAND),
    ("why", "markdown", "### BEGIN SOLUTION\nBecause.\n### END SOLUTION", BY_HAND),
    (
        "task",
        "markdown",
        "Compare.\n=== BEGIN MARK SCHEME ===\n5 for all\n=== END MARK SCHEME ===",
        TASK,
    ),
    ("demo", "code", "print('not run', x)", None),
]
RIGHT = {
    "first": "x = 42",
    "parts": "parts = [1, 2]",
    "plot": "print('my plot')",
    "why": "It *adds*.",
}
WARNS = "import sys\nprint('careful', file=sys.stderr)\nx = 41"

# Student: answers and when they came in; a second time where something else came in later.
CLASS = {
    "honest": [(RIGHT, None)],
    "wrong": [(RIGHT | {"first": "raise ValueError('mine')", "parts": "parts = []"}, None)],
    "in-part": [(RIGHT | {"first": WARNS, "parts": "parts = [1]"}, None)],
    "half-empty": [({"first": "x = 42"}, None)],
    "empty": [({}, None)],
    "punctual": [(RIGHT, DUE - timedelta(hours=1))],
    "late": [(RIGHT, DUE + timedelta(minutes=5))],
    "late-and-excused": [(RIGHT, DUE + timedelta(days=1))],
    "late-and-marked": [(RIGHT, DUE + timedelta(days=1))],
    "marked": [(RIGHT, None)],
    "marked-and-changed": [(RIGHT, None), (RIGHT | {"first": "x = 1", "why": "No."}, None)],
    "changed": [({"first": "x = 1"}, None), (RIGHT, None)],
    "again-and-late": [
        (RIGHT | {"parts": "parts = [1]"}, DUE - timedelta(days=1)),
        (RIGHT, DUE + timedelta(hours=2)),
    ],
    "unreadable": [("{", None)],
}
MARKED = ["marked", "marked-and-changed", "late-and-marked"]
READABLE = set(CLASS) - {"unreadable"}


def make_course(folder):
    """A course with the lesson, released and due, and a student who hands in nothing."""
    cells = []
    for name, kind, text, own in CELLS:
        metadata = {"tags": ["skip-execution"]} if name == "demo" else {}
        if own:
            metadata["nbgrader"] = {"schema_version": 3, "task": False, **own, "grade_id": name}
        make = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
        cells.append(make(text, id=name, metadata=metadata))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    source = folder / "source" / LESSON
    (source / "data").mkdir(parents=True)
    nbformat.write(made, source / f"{LESSON}.ipynb")
    (source / "data" / "numbers").write_text("1 2 3\n")
    (source / "more").write_text("more\n")
    config = (ROOT / "nbgrader_config.py").read_text()
    config += '\nc.LateSubmissionPlugin.penalty_method = "zero"\n'
    (folder / "nbgrader_config.py").write_text(config)
    run("nbgrader", "generate_assignment", LESSON, cwd=folder)
    with open_gradebook(folder) as gradebook:
        gradebook.find_assignment(LESSON).duedate = DUE
        gradebook.add_student("idle", first_name="Ida", last_name="Le, Jr.")
        gradebook.db.commit()
    return folder


def open_gradebook(course):
    return Gradebook(f"sqlite:///{course}/gradebook.db", "skiplab")


def bring_in(course, number):
    """What comes in before a grading."""
    for student, versions in CLASS.items():
        if number >= len(versions):
            continue
        contents, received = versions[number]
        if isinstance(contents, dict):
            answers, contents = contents, read(course / "release" / LESSON / f"{LESSON}.ipynb")
            for cell in contents.cells:
                cell.source = answers.get(cell.id, cell.source)
        shutil.rmtree(course / "submitted" / student, ignore_errors=True)
        folder = hand_in(course, student, LESSON, contents).parent
        if received:
            noted = course / "received" / LESSON / f"{student}.json"
            noted.parent.mkdir(parents=True, exist_ok=True)
            noted.write_text(json.dumps({"received": received.isoformat()}))
            (folder / "timestamp.txt").write_text(f"{received} UTC")
            (folder / "submission_secret.txt").write_text("5ec4e7")


def mark(course):
    """What a person does in the gradebook, through nbgrader."""
    with open_gradebook(course) as gradebook:

        def grade(student, cell, **points):
            found = gradebook.find_grade(cell, LESSON, LESSON, student)
            found.needs_manual_grade = False
            for name, value in points.items():
                setattr(found, name, value)

        for student in MARKED:
            grade(student, "why", manual_score=3.5)
            grade(student, "task", manual_score=2.0, extra_credit=0.5)
            grade(student, "first-test", manual_score=1.0, extra_credit=2.0)
            grade(student, "parts-test", extra_credit=1.0)
            for cell in ("first", "why", "task"):
                comment = gradebook.find_comment(cell, LESSON, LESSON, student)
                comment.manual_comment = f"Of {cell}, by hand."
            gradebook.find_submission_notebook(LESSON, LESSON, student).flagged = True
        grade("empty", "why", manual_score=0.0)
        gradebook.find_comment("why", LESSON, LESSON, "empty").manual_comment = "Why not?"
        gradebook.db.commit()
        gradebook.grant_extension(LESSON, "late-and-excused", days=2)


def rearrange(course):
    """A group shares the course now; a folder of the lesson becomes a file, and a file a folder."""
    with (course / "nbgrader_config.py").open("a") as config:
        config.write("c.CourseDirectory.groupshared = True\n")
    source = course / "source" / LESSON
    (source / "data" / "numbers").rename(source / "numbers")
    (source / "data").rmdir()
    (source / "more").rename(source / "even-more")
    (source / "more").mkdir()
    (source / "even-more").rename(source / "more" / "more")


# What tells the rows of a table apart, in place of their ids.
NAMED_BY = {
    "assignment": ["name"],
    "notebook": ["name"],
    "base_cell": ["name", "type"],
    "source_cell": ["name"],
    "submitted_assignment": ["student_id", "assignment_id"],
    "submitted_notebook": ["assignment_id", "notebook_id"],
    "grade": ["notebook_id", "cell_id"],
    "comment": ["notebook_id", "cell_id"],
}


def tables(course):
    """Every row of every table of the gradebook, names in place of ids."""
    engine = create_engine(f"sqlite:///{course}/gradebook.db")
    schema = MetaData()
    schema.reflect(engine)
    with engine.connect() as connection:
        found = {
            name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for name, table in schema.tables.items()
        }
    engine.dispose()
    by_id = {row["id"]: (row, NAMED_BY[name]) for name in NAMED_BY for row in found[name]}

    def named(value):
        if value not in by_id:
            return value
        row, columns = by_id[value]
        return " ".join(str(named(row[column])) for column in columns)

    return {
        name: sorted(
            ({column: named(value) for column, value in row.items()} for row in rows), key=str
        )
        for name, rows in found.items()
    }


def of(found, table, student):
    """A student's rows of a table, by cell."""
    own = f"{student} {LESSON} {LESSON}"
    column = "id" if table == "submitted_notebook" else "notebook_id"
    return {
        row.get("cell_id", "").partition(" ")[0]: row
        for row in found["tables"][table]
        if row[column] == own
    }


def notebooks(course):
    """The autograded notebooks, by student, without the seed, which is each grading's own."""
    found = {}
    for path in course.glob(f"autograded/*/{LESSON}/{LESSON}.ipynb"):
        found[path.parent.parent.name] = made = read(path)
        assert made.metadata[RECORD].pop("seed")
    return found


def files(course):
    """What lies in autograded/ and feedback/ of those who were graded, with permissions."""
    found = {}
    for path in course.glob(f"*/*/{LESSON}/{LESSON}.*"):
        if path.parent.parent.parent.name in ("autograded", "feedback"):
            for one in (*path.parents[:3], *path.parent.rglob("*")):
                found[str(one.relative_to(course))] = oct(one.stat().st_mode)
    return found


def pages(course):
    """The pages of feedback, by student, without the stamp that `skiplab grade` puts below."""
    return {
        path.parent.parent.name: path.read_text().partition("<!-- skiplab ")[0].rstrip()
        for path in course.glob(f"feedback/*/{LESSON}/{LESSON}.html")
    }


def look(course):
    """Everything that grading has left."""
    return {
        "tables": tables(course),
        "notebooks": notebooks(course),
        "files": files(course),
        "pages": pages(course),
    }


def grade_both(courses, *options):
    """Grade a course with nbgrader and its copy with ours: what each has left."""
    theirs, ours = courses
    run("nbgrader", "autograde", LESSON, *options, cwd=theirs, status=1)  # the unreadable one
    run("nbgrader", "generate_feedback", LESSON, *options, cwd=theirs)
    run("skiplab", "grade", LESSON, *options, cwd=ours, status=1)
    return look(theirs), look(ours)


@pytest.fixture(scope="module")
def courses(tmp_path_factory):
    """Two copies of a course: nbgrader's and ours."""
    root = tmp_path_factory.mktemp("rows")
    made = make_course(root / "made")
    bring_in(made, 0)
    return [shutil.copytree(made, root / name) for name in ("nbgrader", "skiplab")]


@pytest.fixture(scope="module")
def rounds(courses):
    """What nbgrader and ours have left after each grading."""
    first = grade_both(courses)
    for course in courses:
        mark(course)
        bring_in(course, 1)
        rearrange(course)
    return {"first": first, "second": grade_both(courses, "--force")}


@pytest.mark.parametrize("number", ROUNDS)
def test_every_table_holds_the_same_rows(rounds, number):
    theirs, ours = (one["tables"] for one in rounds[number])
    assert set(theirs) == set(ours) and all(ours.values())
    for name, rows in theirs.items():
        # Of a notebook that cannot be read nbgrader leaves rows for grades that nobody will fill,
        # since it looks at it too late; ours leaves the student, who is in both.
        if name not in ("student", "course"):
            assert "unreadable" not in str(ours[name])
            rows = [row for row in rows if "unreadable" not in str(row)]
        assert ours[name] == rows
    assert {row["id"] for row in ours["student"]} == {*CLASS, "idle"}


@pytest.mark.parametrize("number", ROUNDS)
def test_autograded_notebooks_are_the_same(rounds, number):
    theirs, ours = (one["notebooks"] for one in rounds[number])
    assert set(theirs) == set(ours) == READABLE
    for student in READABLE:
        assert ours[student] == theirs[student]
    outputs = str([cell.get("outputs") for cell in ours["in-part"].cells])
    assert "careful" in outputs and "✓ 1 point: one" in outputs


@pytest.mark.parametrize("number", ROUNDS)
def test_the_same_files_with_the_same_permissions(rounds, number):
    theirs, ours = (one["files"] for one in rounds[number])
    assert ours == theirs
    names = [f"{LESSON}.ipynb", "timestamp.txt", "submission_secret.txt"]
    names += ["data/numbers", "more"] if number == "first" else ["numbers", "more/more"]
    permissions = "0o100444" if number == "first" else "0o100664"  # shared by a group
    for name in names:
        assert ours[f"autograded/late/{LESSON}/{name}"] == permissions
    assert ours["autograded"] == ("0o40755" if number == "first" else "0o42775")


@pytest.mark.parametrize("number", ROUNDS)
def test_feedback_says_the_same(rounds, number):
    theirs, ours = (one["pages"] for one in rounds[number])
    assert set(theirs) == set(ours) == READABLE
    for student in READABLE:
        assert ours[student] == theirs[student]
    assert "No response." in ours["empty"] and "No response." not in ours["honest"]


def test_points_and_comments_of_a_person_survive_in_both(rounds):
    for found in rounds["second"]:
        for student in MARKED:
            grades = of(found, "grade", student)
            assert (grades["why"]["manual_score"], grades["task"]["manual_score"]) == (3.5, 2.0)
            assert (grades["task"]["extra_credit"], grades["parts-test"]["extra_credit"]) == (
                0.5,
                1,
            )
            # Regrading asks a person to look again, except where there is nothing to regrade.
            assert grades["first-test"]["needs_manual_grade"]
            assert not grades["task"]["needs_manual_grade"]
            said = of(found, "comment", student)
            for cell in ("first", "why", "task"):
                assert said[cell]["manual_comment"] == f"Of {cell}, by hand."
                assert f"Of {cell}, by hand." in found["pages"][student]
            (notebook,) = of(found, "submitted_notebook", student).values()
            assert notebook["flagged"]
        assert "Why not?" in found["pages"]["empty"]


def test_who_is_late_loses_the_points_of_the_checks_and_of_the_person(rounds):
    expected = {
        "punctual": (None, None),
        "late": (6, 6),
        "late-and-excused": (6, None),
        "late-and-marked": (6, 3.5 + 2.5 + 3 + 4),
        "again-and-late": (None, 6),
    }
    for which in (0, 1):
        for student, lost in expected.items():
            found = [of(rounds[number][which], "submitted_notebook", student) for number in ROUNDS]
            assert tuple(rows[""]["late_submission_penalty"] for rows in found) == lost


def test_what_has_not_changed_is_left_as_the_person_left_it(courses, rounds):
    """A lesson with cells that only a person marks is known again like any other."""
    _, ours = courses
    mark(ours)
    before = look(ours)
    said = run("skiplab", "grade", LESSON, cwd=ours, status=1)
    assert f"{len(READABLE)} unchanged, 1 not graded" in said
    after = look(ours)
    assert after["tables"] == before["tables"] and after["files"] == before["files"]
