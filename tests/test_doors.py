"""However grading is started, it goes through the jail: command, nbgrader, the formgrader's button.

And where there is no sandbox it stops, and says what to do.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
import pytest
from conftest import BIN, hand_in, make_small_course, read, run
from nbgrader.api import Gradebook

LESSON = "small"
FULL = {"first-test": 2.0, "second-test": 2.0}
# Under stock nbgrader either is worth full marks: the tests run in the same process.
FORGERIES = {
    "no-asserts": "get_ipython().ast_transformers.append(type('T', (), {'visit': "
    "lambda self, tree: type(tree)(body=[], type_ignores=[])})())",
    "equal": "class X:\n    def __eq__(self, other):\n        return True\n"
    "    def __add__(self, other):\n        return self\nx = X()",
}
SCRIPT = "<script>document.title = 'mine'</script>"


@pytest.fixture
def course(tmp_path):
    make_small_course(tmp_path)
    path = tmp_path / "source" / LESSON / f"{LESSON}.ipynb"
    made = read(path)
    written = {"schema_version": 3, "task": False, "locked": False, "points": 1}
    written |= {"grade": True, "solution": True, "grade_id": "explain"}
    made.cells.append(
        nbformat.v4.new_markdown_cell("Why.", id="explain", metadata={"nbgrader": written})
    )
    nbformat.write(made, path)
    for student, source in FORGERIES.items():
        forged = nbformat.from_dict(made)
        for cell in forged.cells:
            if cell.id == "first":
                cell.source = source
            if cell.id == "second":
                cell.source = "y = 0" if student == "no-asserts" else "y = x"
            if cell.id == "explain":
                cell.source = f"Because x < 3 and {SCRIPT}."
        show = f"from IPython.display import HTML\ndisplay(HTML({SCRIPT!r}))\nHTML({SCRIPT!r})"
        forged.cells.append(nbformat.v4.new_code_cell(show, id="show"))
        hand_in(tmp_path, student, LESSON, forged)
    hand_in(tmp_path, "honest", LESSON, made)
    return tmp_path


def scores(course, student):
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        found = gradebook.find_submission_notebook(LESSON, LESSON, student)
        return {grade.name: grade.auto_score for grade in found.grades if grade.name in FULL}


def stock(course):
    """The same course, with nbgrader's own settings."""
    shutil.copytree(course / "source", course / "stock" / "source")
    shutil.copytree(course / "submitted", course / "stock" / "submitted")
    (course / "stock" / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.course_id = 'skiplab'\n"
        "c.Execute.startup_timeout = 120\n"
    )
    return course / "stock"


def as_command(course):
    run("skiplab", "grade", LESSON, cwd=course)


def as_nbgrader(course):
    run("nbgrader", "generate_assignment", LESSON, cwd=course)
    run("nbgrader", "autograde", LESSON, cwd=course)
    run("nbgrader", "generate_feedback", LESSON, cwd=course)


def as_formgrader(course):
    """Press the button: the formgrader's own requests, to a real server."""
    run("nbgrader", "generate_assignment", LESSON, cwd=course)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    extensions = {"nbgrader.server_extensions.formgrader": True}
    (course / "jupyter_server_config.json").write_text(
        json.dumps(
            {"ServerApp": {"jpserver_extensions": extensions, "token": "t", "open_browser": False}}
        )
    )
    home = course / "home"
    home.mkdir()
    with (course / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyter_server", "--allow-root"),
                *(f"--port={port}", "--ServerApp.port_retries=0"),
                f"--config={course / 'jupyter_server_config.json'}",
            ],
            cwd=course,
            stdout=log,
            stderr=log,
            env={**os.environ, "HOME": str(home), "JUPYTER_CONFIG_DIR": str(home / "config")},
        )

    def ask(path, method="GET"):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/{path}",
            method=method,
            headers={"Authorization": "token t"},
            data=b"" if method == "POST" else None,
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.read().decode()

    try:
        for _ in range(240):
            assert server.poll() is None, (course / "server.log").read_text()
            try:
                ask("formgrader/api/status")
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.25)
        for student in (*FORGERIES, "honest"):
            done = json.loads(
                ask(f"formgrader/api/submission/{LESSON}/{student}/autograde", "POST")
            )
            assert done["success"], done
        with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
            number = gradebook.find_submission_notebook(LESSON, LESSON, "equal").id
        page = ask(f"formgrader/submissions/{number}/?index=0")
        assert "Because x" in page and SCRIPT not in page
    finally:
        server.kill()
        server.wait()
    run("nbgrader", "generate_feedback", LESSON, cwd=course)


@pytest.mark.parametrize("grade", [as_command, as_nbgrader, as_formgrader])
def test_forgeries_are_worth_nothing(course, grade):
    grade(course)
    assert scores(course, "honest") == FULL
    assert scores(course, "no-asserts") == dict.fromkeys(FULL, 0.0)
    assert scores(course, "equal") == dict.fromkeys(FULL, 0.0)
    page = (course / "feedback" / "equal" / LESSON / f"{LESSON}.html").read_text()
    assert "Because x" in page
    assert SCRIPT not in page, "what a student wrote runs in nobody's browser"
    made = read(course / "autograded" / "equal" / LESSON / f"{LESSON}.ipynb")
    assert made.metadata.skiplab.isolation == "sandbox"


def test_stock_nbgrader_gives_them_full_marks(course):
    """So the forgeries are real."""
    folder = stock(course)
    as_nbgrader(folder)
    for student in FORGERIES:
        assert scores(folder, student) == FULL
    page = (folder / "feedback" / "equal" / LESSON / f"{LESSON}.html").read_text()
    assert SCRIPT in page


@pytest.fixture
def without_bubblewrap(tmp_path):
    """A PATH with what nbgrader needs, and without `bwrap`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("alembic", "python", "env", "sh"):
        found = shutil.which(name, path=f"{BIN}{os.pathsep}{os.environ['PATH']}")
        (folder / name).symlink_to(found)
    return {"PATH": str(folder)}


@pytest.mark.parametrize(
    "command", [("skiplab", "grade", LESSON), ("nbgrader", "autograde", LESSON)], ids=lambda c: c[0]
)
def test_without_a_sandbox_it_stops_and_says_what_to_do(course, without_bubblewrap, command):
    run("nbgrader", "generate_assignment", LESSON, cwd=course)
    own = dict(without_bubblewrap)
    said = run(*command, cwd=course, status=1, **own)
    if command[0] == "skiplab":
        assert len(said.strip().splitlines()) == 1
    assert "bubblewrap (bwrap) is not installed" in said
    assert "apt-get install bubblewrap" in said and "--isolation process" in said
    assert not list(course.glob("autograded/*/*/*"))


def test_an_old_configuration_is_refused(course):
    """It would have nbgrader grade without a jail, and nobody would notice."""
    path = course / "nbgrader_config.py"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line for line in lines if "GradingExporter" not in line))
    said = run("skiplab", "grade", LESSON, cwd=course, status=1)
    assert len(said.strip().splitlines()) == 1 and "does not grade in a jail" in said
    assert not (course / "autograded").exists()


def test_process_isolation_is_explicit_and_told(course, without_bubblewrap):
    said = run(
        "skiplab", "grade", LESSON, "--isolation", "process", cwd=course, **without_bubblewrap
    )
    assert "Graded without a sandbox" in said
    assert "Graded without a sandbox" in (course / "report" / f"{LESSON}.html").read_text()
    assert scores(course, "honest") == FULL
    for student in FORGERIES:
        assert scores(course, student) == dict.fromkeys(FULL, 0.0)
    made = read(course / "autograded" / "honest" / LESSON / f"{LESSON}.ipynb")
    assert made.metadata.skiplab.isolation == "process"


def test_a_grading_can_be_repeated(course):
    run("skiplab", "grade", LESSON, cwd=course)
    before = {path: path.read_bytes() for path in course.rglob("*") if path.is_file()}
    for student in ("honest", "equal"):
        said = run("skiplab", "replay", LESSON, student, cwd=course)
        assert said.endswith("Repeated exactly.\n") and said.count("the same words") == 2
    after = {path: path.read_bytes() for path in course.rglob("*") if path.is_file()}
    assert before == after

    assert "has no graded notebook" in run("skiplab", "replay", LESSON, "eve", cwd=course, status=2)
    path = course / "autograded" / "equal" / LESSON / f"{LESSON}.ipynb"
    made = read(path)
    made.cells[0].source = "x = 42"
    path.chmod(0o644)
    nbformat.write(made, path)
    said = run("skiplab", "replay", LESSON, "equal", cwd=course, status=1)
    assert "was changed after it was graded" in said
