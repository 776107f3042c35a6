"""`pytest --pyargs skiplab.checks --notebook PATH` tests any notebook of a lesson."""

import nbformat
import pytest
from conftest import LESSONS, ROOT, notebook, run

from skiplab.checks.answers import NotALesson, read_lesson
from skiplab.checks.challenge import Challenge
from skiplab.checks.crossing import pack, unpack
from skiplab.checks.exercise import all_exercises
from skiplab.checks.judge import TRAINING, wiring_lines
from skiplab.checks.observe import observe_wiring

LESSON = "2_skip_connections"


def check(path, status):
    # As a student runs it: from another folder, without this project's settings.
    command = ("pytest", "--pyargs", "skiplab.checks", "--notebook", str(path), "-v")
    return run(*command, "-p", "no:cacheprovider", cwd=path.parent, status=status)


@pytest.mark.parametrize("lesson", LESSONS)
def test_solution_passes_every_test(lesson, tmp_path):
    path = tmp_path / "mine.ipynb"
    path.write_bytes((ROOT / "solutions" / lesson / f"{lesson}.ipynb").read_bytes())
    shown = check(path, 0)
    assert "skipped" not in shown and "failed" not in shown
    exercises = [one for one in all_exercises().values() if one.lesson == lesson]
    tests = sum(len(wiring_lines(one)) + (len(TRAINING) if one.rival else 0) for one in exercises)
    assert f"{tests} passed" in shown


def test_wrong_and_unfilled_answers_fail_by_name(tmp_path):
    exercise = all_exercises()["skipnet3"]
    wrong = {wrong.name: wrong for wrong in exercise.misconceptions}["no-skip"]
    book = notebook("release", LESSON)
    for cell in book.cells:
        if cell.id == "skipnet3":
            cell.source = exercise.source(wrong.forward)
    path = tmp_path / "submission.ipynb"
    nbformat.write(book, path)
    shown = check(path, 1)
    assert f"SkipNet3: {wrong.mistake}." in shown
    assert "test_answer[skipnet3-wiring-runs] PASSED" in shown
    assert "test_answer[skipnet3-wiring-values] FAILED" in shown
    assert "SkipNet7.forward is not implemented yet." in shown
    assert "test_answer[skipnet7-trains-wiring] FAILED" in shown


def test_cell_that_does_not_run_is_told(tmp_path):
    book = notebook("release", LESSON)
    for cell in book.cells:
        if cell.id == "skipnet3":
            cell.source = "class SkipNet3(nn.Module:\n    pass"
    path = tmp_path / "broken.ipynb"
    nbformat.write(book, path)
    assert "its cell stopped with SyntaxError" in check(path, 1)


@pytest.mark.parametrize(
    ("contents", "says"),
    [(None, "No such file"), ("{", "is not a notebook"), ("other", "answers no exercise")],
)
def test_what_is_no_lesson_is_told_in_a_line(contents, says, tmp_path):
    path = tmp_path / "x.ipynb"
    if contents == "other":
        nbformat.write(nbformat.v4.new_notebook(), path)
    elif contents is not None:
        path.write_text(contents)
    with pytest.raises(NotALesson, match=says):
        read_lesson(path)
    shown = check(path, 4)
    assert f"ERROR: --notebook: {path}" in shown and "Traceback" not in shown


def test_notebook_must_be_named(tmp_path):
    shown = run("pytest", "--pyargs", "skiplab.checks", cwd=tmp_path, status=1)
    assert "say which notebook, with --notebook PATH" in shown


def test_questions_and_answers_cross_as_plain_bytes():
    exercise = all_exercises()["skipnet3"]
    challenge = exercise.draw_challenge(3)
    crossed = unpack(pack(challenge))
    assert isinstance(crossed, Challenge)
    assert pack(crossed) == pack(challenge)
    seen = observe_wiring(exercise.network(), challenge)
    assert pack(unpack(pack(seen))) == pack(seen)
    with pytest.raises(TypeError, match="wanted plain data"):
        pack({"code": print})
    for bad in (b"", b"\x80\x04.", pack(seen)[:-5], b"\xff" * 40):
        with pytest.raises(ValueError, match="not an observation"):
            unpack(bad)
