"""Whether a submission is late is decided by the server's clock, whatever its files say."""

import datetime

import nbformat
import pytest
from conftest import hand_in, make_small_course, read, run
from nbgrader.api import Gradebook

LESSON = "small"
YEARS = {"early": "2001-01-01 10:00:00.000000 UTC", "late": "2099-01-01 10:00:00.000000 UTC"}


def now():
    """UTC, as nbgrader has it."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course whose lesson was due an hour ago; late ones get no points."""
    root = tmp_path_factory.mktemp("received")
    course, exchange, home = root / "course", root / "exchange", root / "home"
    for folder in (course, exchange, home):
        folder.mkdir()
    exchange.chmod(0o777)
    make_small_course(course)
    with (course / "nbgrader_config.py").open("a") as config:
        config.write(f'\nc.Exchange.root = "{exchange}"\n')
        config.write('c.LateSubmissionPlugin.penalty_method = "zero"\n')
    own = {"HOME": home, "JUPYTER_DATA_DIR": home / "data", "JUPYTER_CONFIG_DIR": home / "config"}
    (home / "config").mkdir()
    (home / "config" / "nbgrader_config.py").write_text(
        f'c = get_config()\nc.Exchange.root = "{exchange}"\n'
        'c.CourseDirectory.course_id = "skiplab"\n'
    )
    run("nbgrader", "generate_assignment", LESSON, cwd=course, **own)
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        gradebook.find_assignment(LESSON).duedate = now() - datetime.timedelta(hours=1)
        gradebook.db.commit()
    run("nbgrader", "release_assignment", LESSON, cwd=course, **own)

    # Handed in through the exchange, late, and dressed up as early.
    run("nbgrader", "fetch_assignment", LESSON, cwd=home, **own)
    solved = read(course / "source" / LESSON / f"{LESSON}.ipynb")
    nbformat.write(solved, home / LESSON / f"{LESSON}.ipynb")
    run("nbgrader", "submit", LESSON, cwd=home, **own)
    (inbound,) = (exchange / "skiplab" / "inbound").iterdir()
    inbound.chmod(0o755)
    (inbound / "timestamp.txt").chmod(0o644)
    (inbound / "timestamp.txt").write_text(YEARS["early"])
    student, lesson, _, *rest = inbound.name.rsplit("+", 3)
    forged = inbound.rename(inbound.with_name("+".join([student, lesson, YEARS["early"], *rest])))
    run("nbgrader", "collect", LESSON, cwd=course, **own)

    # Brought in another way, with a file that says when.
    for year, text in YEARS.items():
        path = hand_in(course, year, LESSON, solved)
        (path.parent / "timestamp.txt").write_text(text)
    run("nbgrader", "autograde", LESSON, cwd=course, **own)
    run("nbgrader", "generate_feedback", LESSON, cwd=course, **own)
    run("nbgrader", "release_feedback", LESSON, f"--student={student}", cwd=course, **own)
    return course, student, forged


def submission(course, student):
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        found = gradebook.find_submission(LESSON, student)
        return found.timestamp, found.total_seconds_late, found.late_submission_penalty


def test_a_late_one_is_late_whatever_it_says(course):
    folder, student, _ = course
    timestamp, seconds_late, penalty = submission(folder, student)
    assert abs(timestamp - now()) < datetime.timedelta(minutes=30)
    assert 3000 < seconds_late < 5400
    assert penalty == 4.0


@pytest.mark.parametrize("student", YEARS)
def test_without_the_exchange_nobody_knows_and_nobody_is_late(course, student):
    folder, _, _ = course
    timestamp, seconds_late, penalty = submission(folder, student)
    assert timestamp is None and seconds_late == 0 and not penalty


def test_what_is_known_lies_outside_of_the_submission(course):
    folder, student, forged = course
    noted = (folder / "received" / LESSON / f"{student}.json").read_text()
    assert forged.name in noted and f"{now():%Y-%m}" in noted


def test_feedback_still_finds_its_way(course):
    """nbgrader names it after the time that the student's machine gave."""
    folder, student, _ = course
    kept = folder / "feedback" / student / LESSON / "timestamp.txt"
    assert kept.read_text() == YEARS["early"]
    exchange = folder.parent / "exchange" / "skiplab" / "feedback"
    assert len(list(exchange.glob("*.html"))) >= 1
