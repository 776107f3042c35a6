"""A lesson goes all the way round with nbgrader's own commands: released, solved, graded, back."""

import csv

import nbformat
import pytest
from conftest import LESSONS, ROOT, graded, hand_in, make_course, notebook, run
from nbgrader.api import Gradebook
from nbgrader.validator import Validator
from traitlets.config import Config

# A student's machine has nbgrader's own defaults, but this one may be busy.
PATIENT = Config({"Execute": {"iopub_timeout": 60, "startup_timeout": 120, "timeout": 120}})


def total(points):
    return float(sum(points.values()))


def test_lesson_goes_all_the_way_round(tmp_path, solved):
    lesson = LESSONS[-1]
    exchange, home, student = tmp_path / "exchange", tmp_path / "home", tmp_path / "student"
    for folder in (exchange, home, student):
        folder.mkdir()
    exchange.chmod(0o777)
    own = {"HOME": home, "JUPYTER_DATA_DIR": home / "data", "JUPYTER_CONFIG_DIR": home / "config"}

    # The instructor's course, with the one line that the configuration says to set.
    course = make_course(tmp_path / "course")
    config = course / "nbgrader_config.py"
    line = '# c.Exchange.root = "/srv/nbgrader/exchange"'
    assert line in config.read_text()
    config.write_text(config.read_text().replace(line, f'c.Exchange.root = "{exchange}"'))

    def instructor(*command, **more):
        return run("nbgrader", *command, cwd=course, **own, **more)

    # What the site sets for students.
    (home / "config").mkdir()
    (home / "config" / "nbgrader_config.py").write_text(
        f"c = get_config()\n"
        f'c.Exchange.root = "{exchange}"\n'
        f'c.CourseDirectory.course_id = "skiplab"\n'
        f"c.Execute.timeout = {PATIENT.Execute.timeout}\n"
        f"c.Execute.iopub_timeout = {PATIENT.Execute.iopub_timeout}\n"
    )

    def pupil(*command, **more):
        return run("nbgrader", *command, cwd=student, **own, **more)

    # Release, list, fetch.
    instructor("generate_assignment", lesson)
    made = notebook("release", lesson, course)
    assert [cell.source for cell in made.cells] == [
        cell.source for cell in notebook("release", lesson).cells
    ], "`nbgrader generate_assignment` and `make build` release the same lesson"
    instructor("release_assignment", lesson)
    assert lesson in pupil("list")
    pupil("fetch_assignment", lesson)
    path = student / lesson / f"{lesson}.ipynb"
    assert path.is_file()

    # Validate as fetched, fill in, validate, submit, collect. `nbgrader validate` always exits 0.
    assert "VALIDATION FAILED" in pupil("validate", str(path))
    nbformat.write(solved[lesson], path)
    assert "Success! Your notebook passes all the tests." in pupil("validate", str(path))
    pupil("submit", lesson)
    assert lesson in pupil("list", "--cached")
    instructor("collect", lesson)
    (handed_in,) = (course / "submitted").iterdir()
    name = handed_in.name

    # Autograde; then a person marks the explanations.
    instructor("autograde", lesson)
    written = graded(lesson, "markdown")
    assert written
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        submission = gradebook.find_submission(lesson, name)
        assert submission.score == total(graded(lesson, "code"))
        assert submission.needs_manual_grade
        for cell, points in written.items():
            grade = gradebook.find_grade(cell, lesson, lesson, name)
            assert grade.needs_manual_grade and grade.auto_score is None
            grade.manual_score = points - 1
            grade.needs_manual_grade = False
        gradebook.find_comment(
            next(iter(written)), lesson, lesson, name
        ).manual_comment = "Say which layers you mean."
        gradebook.db.commit()

    # Feedback goes back to the student; grades are exported.
    instructor("generate_feedback", lesson)
    instructor("release_feedback", lesson)
    pupil("fetch_feedback", lesson)
    (page,) = (student / lesson / "feedback").rglob("*.html")
    assert "Say which layers you mean." in page.read_text()
    instructor("export", "--to", "grades.csv")
    with (course / "grades.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["assignment"] == lesson and row["student_id"] == name
    assert float(row["score"]) == total(graded(lesson)) - len(written)
    assert float(row["max_score"]) == total(graded(lesson))


@pytest.fixture(scope="module")
def marks(tmp_path_factory, solved):
    """What plain `nbgrader autograde` gives, by lesson and notebook: released, solved.

    The solved one of the last lesson is graded above.
    """
    course = make_course(tmp_path_factory.mktemp("marks") / "course")
    found = {}
    for lesson in LESSONS:
        handed_in = {"unsolved": notebook("release", lesson)}
        if lesson != LESSONS[-1]:
            handed_in["solved"] = solved[lesson]
        for student, contents in handed_in.items():
            hand_in(course, student, lesson, contents)
        run("nbgrader", "generate_assignment", lesson, cwd=course)
        run("nbgrader", "autograde", lesson, cwd=course)
        with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
            for student in handed_in:
                submission = gradebook.find_submission_notebook(lesson, lesson, student)
                found[lesson, student] = {
                    grade.name: grade.auto_score for grade in submission.grades
                }
    return found


@pytest.mark.parametrize("lesson", LESSONS)
def test_unsolved_scores_zero(lesson, marks):
    assert marks[lesson, "unsolved"] == dict.fromkeys(graded(lesson), 0.0)


@pytest.mark.parametrize("lesson", LESSONS[:-1])
def test_solved_scores_full_marks_and_leaves_the_explanations_to_a_person(lesson, marks):
    assert marks[lesson, "solved"] == graded(lesson, "code") | dict.fromkeys(
        graded(lesson, "markdown")
    )


@pytest.mark.parametrize("lesson", LESSONS)
def test_points_are_those_of_the_release(lesson):
    """Twenty a lesson; the same ids and points in source and release."""
    assert sum(graded(lesson).values()) == 20
    released = {
        cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader.points
        for cell in notebook("release", lesson).cells
        if cell.metadata.get("nbgrader", {}).get("grade")
    }
    assert released == graded(lesson)


@pytest.mark.parametrize("lesson", LESSONS)
def test_validate_says_of_every_graded_cell_that_it_is_not_implemented(lesson):
    results = Validator(config=PATIENT).validate(str(ROOT / f"release/{lesson}/{lesson}.ipynb"))
    assert set(results) == {"failed"}
    tests = [
        cell.source.strip()
        for cell in notebook("release", lesson).cells
        if cell.metadata.get("nbgrader", {}).get("grade") and cell.cell_type == "code"
    ]
    failed = {failed["source"]: failed["raw_error"] for failed in results["failed"]}
    assert [source for source in failed if source in tests] == tests
    for source in tests:
        assert "not implemented" in failed[source]


@pytest.mark.parametrize("lesson", LESSONS)
def test_validate_finds_nothing_in_the_solved_lesson(lesson, solved, tmp_path):
    path = tmp_path / f"{lesson}.ipynb"
    nbformat.write(solved[lesson], path)
    assert Validator(config=PATIENT).validate(str(path)) == {}
