"""What is known is not graded again, and what has changed is."""

import datetime
import json
import shutil
import stat

import pytest
from conftest import hand_in, make_small_course, notebook, read, run
from nbgrader.api import Gradebook

ANSWERS = {"ann": "x = 42  # ann", "bob": "x = 42  # bob", "cy": "x = 1", "cyd": "x = 1"}
ALL = len(ANSWERS)


@pytest.fixture(scope="module")
def graded_once(tmp_path_factory):
    """Two lessons alike, graded. The answers of cy and cyd are the same."""
    folder = make_small_course(tmp_path_factory.mktemp("course"))
    other = folder / "source" / "other" / "other.ipynb"
    other.parent.mkdir()
    shutil.copy(folder / "source" / "small" / "small.ipynb", other)
    for lesson in ("small", "other"):
        for student, answer in ANSWERS.items():
            hand_in(folder, student, lesson, solved(folder, lesson, answer))
        counts(folder, lesson)
    return folder


@pytest.fixture
def course(graded_once, tmp_path):
    return shutil.copytree(graded_once, tmp_path / "course")


def solved(course, lesson, answer):
    made = notebook("source", lesson, course)
    for cell in made.cells:
        if cell.id == "first":
            cell.source = answer
        elif cell.id == "second":
            cell.source = "y = 43"
    return made


def counts(course, lesson="small", *options):
    """Grade; return how many submissions were graded, known, unchanged, not graded."""
    said = json.loads(run_json(course, lesson, *options))
    assert len(said["submissions"]) == sum(said["counts"].values())
    return tuple(said["counts"].values())


def run_json(course, lesson, *options):
    said = run("skiplab", "grade", lesson, "--json", *options, cwd=course)
    return said[said.index("{\n") : said.rindex("\n}") + 2]


def record(course, student, lesson="small"):
    path = course / "autograded" / student / lesson / f"{lesson}.ipynb"
    return read(path).metadata.skiplab


def totals(course, lesson="small"):
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        submissions = gradebook.assignment_submissions(lesson)
        return {one.student.id: one.score for one in submissions}


def change(course, lesson, cell_id, old, new):
    path = course / "source" / lesson / f"{lesson}.ipynb"
    text = path.read_text()
    assert old in text, cell_id
    path.write_text(text.replace(old, new))


def test_nothing_has_changed(course):
    before = {path: path.stat() for path in course.rglob("*.ipynb")}
    assert counts(course) == (0, 0, ALL, 0)
    after = {path: path.stat() for path in course.rglob("*.ipynb")}
    for path in before:
        assert before[path].st_mtime_ns == after[path].st_mtime_ns, path


def test_alike_submissions_are_run_once(course):
    assert record(course, "cy").key == record(course, "cyd").key != record(course, "ann").key
    path = course / "submitted" / "ann" / "small" / "small.ipynb"
    shutil.copy(course / "submitted" / "bob" / "small" / "small.ipynb", path)
    assert counts(course) == (0, 1, ALL - 1, 0)
    assert record(course, "ann").seed == record(course, "bob").seed


def test_force_grades_again(course):
    seeds = {student: record(course, student).seed for student in ANSWERS}
    assert counts(course, "small", "--force") == (ALL, 0, 0, 0)
    assert not [one for one in ANSWERS if record(course, one).seed == seeds[one]]
    assert counts(course, "small", "--force", "--student", "ann") == (1, 0, 0, 0)


def test_another_answer_is_graded_alone(course):
    shutil.rmtree(course / "submitted" / "cy" / "small")
    hand_in(course, "cy", "small", solved(course, "small", "x = 40 + 2"))
    assert totals(course)["cy"] == 2
    assert counts(course) == (1, 0, ALL - 1, 0)
    assert totals(course)["cy"] == 4


def test_outputs_and_metadata_of_a_submission_are_no_change(course):
    path = course / "submitted" / "ann" / "small" / "small.ipynb"
    made = read(path)
    made.metadata["mine"] = 1
    made.cells[1].metadata["collapsed"] = True
    made.cells[1].execution_count = 7
    path.unlink()
    path.write_text(json.dumps(made))
    assert counts(course) == (0, 0, ALL, 0)


def test_a_changed_hidden_test_regrades_its_lesson_and_no_other(course):
    change(course, "small", "first-test", "assert x == 42", "assert x == 1")
    assert counts(course) == (ALL, 0, 0, 0)
    assert totals(course) == {"ann": 2, "bob": 2, "cy": 4, "cyd": 4}
    assert counts(course, "other") == (0, 0, ALL, 0)
    change(course, "small", "first-test", "assert x == 1", "assert x == 42")
    assert counts(course) == (0, ALL, 0, 0)  # that is known from before
    assert totals(course) == {"ann": 4, "bob": 4, "cy": 2, "cyd": 2}


def test_a_file_of_the_lesson_is_part_of_it(course):
    (course / "source" / "small" / "table.csv").write_text("1,2\n")
    assert counts(course) == (ALL, 0, 0, 0)
    (course / "source" / "small" / "table.csv").write_text("1,3\n")
    assert counts(course) == (ALL, 0, 0, 0)
    assert (course / "autograded" / "ann" / "small" / "table.csv").read_text() == "1,3\n"


def test_other_limits_are_other_terms(course):
    with (course / "nbgrader_config.py").open("a") as file:
        file.write("\nc.RunInJail.cell_seconds = 50\n")
    assert counts(course) == (ALL, 0, 0, 0)


@pytest.mark.parametrize("lost", ["gradebook.db", "autograded", "feedback", "results"])
def test_what_is_lost_comes_back(course, lost):
    seeds = {student: record(course, student).seed for student in ANSWERS}
    pages = {path: path.read_text() for path in course.glob("feedback/*/small/*.html")}
    assert len(pages) == ALL
    place = course / lost
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    known = (0, 0, ALL, 0) if lost in ("feedback", "results") else (0, ALL, 0, 0)
    assert counts(course) == known  # nothing is run
    assert totals(course) == {"ann": 4, "bob": 4, "cy": 2, "cyd": 2}
    assert {student: record(course, student).seed for student in ANSWERS} == seeds
    assert {path: path.read_text() for path in pages} == pages


def test_a_spoilt_file_is_made_again(course):
    for student, text in zip(
        ANSWERS, ("", "{", '{"metadata": {"skiplab": 3}}', "null"), strict=True
    ):
        key = record(course, student).key
        for path in (
            course / "autograded" / student / "small" / "small.ipynb",
            course / "results" / "small" / key[:2] / f"{key}.json",
        ):
            path.chmod(0o644)
            path.write_text(text)
    assert counts(course) == (ALL, 0, 0, 0)
    assert totals(course) == {"ann": 4, "bob": 4, "cy": 2, "cyd": 2}
    path = course / "autograded" / "ann" / "small" / "small.ipynb"
    assert stat.S_IMODE(path.stat().st_mode) == 0o444


def test_a_score_changed_in_the_gradebook_is_put_right(course):
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        gradebook.find_grade("first-test", "small", "small", "cy").auto_score = 2
        gradebook.db.commit()
    assert counts(course) == (0, 1, ALL - 1, 0)
    assert totals(course)["cy"] == 2


def test_what_a_person_gave_stays_and_is_shown(course):
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        grade = gradebook.find_grade("first-test", "small", "small", "cy")
        grade.manual_score, grade.extra_credit, grade.needs_manual_grade = 1.5, 0.25, False
        comment = gradebook.find_comment("first", "small", "small", "cy")
        comment.manual_comment = "Half of it is right."
        gradebook.db.commit()
    page = course / "feedback" / "cy" / "small" / "small.html"
    assert "Half of it is right." not in page.read_text()
    for options in ((), ("--force",)):
        counts(course, "small", *options)
        assert totals(course)["cy"] == 3.75
        assert "Half of it is right." in page.read_text() and "3.75" in page.read_text()
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        grade = gradebook.find_grade("first-test", "small", "small", "cy")
        assert (grade.manual_score, grade.extra_credit) == (1.5, 0.25)
        assert grade.needs_manual_grade  # graded again: it wants another look, as with nbgrader


def test_a_due_date_set_later_costs_points_and_no_time(course):
    with (course / "nbgrader_config.py").open("a") as file:
        file.write('\nc.LateSubmissionPlugin.penalty_method = "zero"\n')
    (course / "received" / "small").mkdir(parents=True)
    came = {"received": "2026-03-02T10:00:00", "from": "there"}
    (course / "received" / "small" / "ann.json").write_text(json.dumps(came))
    assert counts(course) == (0, 1, ALL - 1, 0)  # the time is part of the record
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        gradebook.find_assignment("small").duedate = datetime.datetime(2026, 3, 1)
        gradebook.db.commit()
    assert counts(course) == (0, 0, ALL, 0)
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        found = gradebook.find_submission("small", "ann")
        assert found.late_submission_penalty == 4 and found.total_seconds_late == 34 * 3600
        assert gradebook.find_submission("small", "bob").late_submission_penalty == 0


def test_what_nbgrader_graded_is_known(course):
    run("nbgrader", "autograde", "small", "--force", cwd=course)
    seed = record(course, "ann").seed
    assert counts(course) == (0, 0, ALL, 0)
    assert record(course, "ann").seed == seed


def test_one_student_only(course):
    assert counts(course, "small", "--student", "ann", "cy") == (0, 0, 2, 0)
    page = (course / "report" / "small.html").read_text()
    assert all(student in page for student in ANSWERS)


def test_the_notebook_of_another_student_cannot_be_read(course):
    (course / "autograded" / "bob" / "small" / "small.ipynb").write_text("{")
    (course / "autograded" / "cyd" / "small" / "small.ipynb").write_bytes(b"\xff")
    assert counts(course, "small", "--student", "ann", "cy") == (0, 0, 2, 0)
    page = (course / "report" / "small.html").read_text()
    for student in ("bob", "cyd"):
        assert f"autograded/{student}/small/small.ipynb cannot be read" in page
    assert counts(course) == (0, 2, 2, 0)


def test_names_that_an_answer_binds_are_part_of_it(course):
    """The checks look for those in the student's process, and for no others."""
    change(course, "small", "first", "x = 6 * 7", "x = 6 * 7\\nhalf = x / 2")
    assert counts(course) == (ALL, 0, 0, 0)
    change(course, "small", "first", "half = x / 2", "half = 21")
    assert counts(course) == (0, 0, ALL, 0)
