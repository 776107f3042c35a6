"""However grading is ended, the next run ends with the grades of one that nobody disturbed."""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import BIN, hand_in, make_small_course, notebook, read, run
from nbgrader.api import Gradebook

STUDENTS = 12
SLOW = "import time; time.sleep(0.4)\n"
WRONG = {3: "x = 1", 7: "raise ValueError('mine')", 8: "import os; os._exit(3)"}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A small class that takes some seconds to grade."""
    folder = make_small_course(tmp_path_factory.mktemp("course"))
    for number in range(STUDENTS):
        made = notebook("source", "small", folder)
        for cell in made.cells:
            if cell.id == "first":
                cell.source = f"{SLOW}# by {number}\n{WRONG.get(number, 'x = 42')}"
            elif cell.id == "second":
                cell.source = "y = x + 1"
        hand_in(folder, f"s{number:02}", "small", made)
    hand_in(folder, "broken", "small", "{")
    return folder


@pytest.fixture(scope="module")
def undisturbed(course, tmp_path_factory):
    """What comes out when nobody disturbs it."""
    folder = copy(course, tmp_path_factory.mktemp("undisturbed"))
    run("skiplab", "grade", "small", cwd=folder, status=1)  # broken
    return outcome(folder)


def copy(course, folder):
    shutil.copytree(course, folder, dirs_exist_ok=True)
    return folder


def outcome(course):
    """Everything in the gradebook, each submission once, and what the notebooks and pages say."""
    found = {}
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        submissions = gradebook.assignment_submissions("small")
        assert len({one.student.id for one in submissions}) == len(submissions)
        for one in submissions:
            grades = sorted(
                (grade.name, grade.auto_score, grade.needs_manual_grade)
                for grade in one.notebooks[0].grades
            )
            comments = sorted(
                (comment.name, comment.auto_comment) for comment in one.notebooks[0].comments
            )
            graded = read(course / "autograded" / one.student.id / "small" / "small.ipynb")
            outputs = [cell.get("outputs") for cell in graded.cells]
            page = course / "feedback" / one.student.id / "small" / "small.html"
            body = page.read_text().rpartition("<!-- skiplab")[0]  # then comes a hash with the seed
            assert "</html>" in body
            found[one.student.id] = (grades, comments, outputs, body)
        assert {student.id for student in gradebook.students} == {*found, "broken"}
    assert not [path for path in course.rglob(".*.ipynb.*") if path.is_file()]  # half-written
    return found


def start(course, *options):
    """Start grading; its own group, and no terminal."""
    return subprocess.Popen(
        [BIN / "skiplab", "grade", "small", *options],
        cwd=course,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def graded(course):
    return len(list(course.glob("autograded/*/small/small.ipynb")))


def wait_until(condition, process, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.02)


def children(pid):
    """The processes below one, with their command lines."""
    parents, lines = {}, {}
    for path in Path("/proc").iterdir():
        try:
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            lines[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (ValueError, OSError):  # no process, or none any more
            continue
    found = {pid}
    while more := {one for one, parent in parents.items() if parent in found} - found:
        found |= more
    return {one: lines[one] for one in found - {pid}}


def workers(pid):
    """The worker processes: forks of the process that has imported everything."""
    forks = [one for one, line in children(pid).items() if "multiprocessing.forkserver" in line]
    return [one for one in forks if any(one in children(other) for other in forks)]


def finish(process):
    """Wait for the end; return what it said."""
    said = process.communicate(timeout=300)[0]
    assert process.returncode == 1, said  # the broken one, and nothing else
    assert "Traceback" not in said
    return said


def test_killed_at_any_moment(course, undisturbed, tmp_path):
    seed = 1
    print("seed", seed)
    moment = random.Random(seed)
    copy(course, tmp_path)
    killed = 0
    for _ in range(5):
        process = start(tmp_path)
        target = min(graded(tmp_path) + moment.randint(0, 3), STUDENTS)
        wait_until(lambda target=target: graded(tmp_path) >= target, process)
        time.sleep(moment.uniform(0, 1))
        left = sorted(children(process.pid))
        killed += process.poll() is None
        process.kill()
        process.communicate()
        until = time.monotonic() + 30
        while any(Path(f"/proc/{pid}").exists() for pid in left) and time.monotonic() < until:
            time.sleep(0.1)
        assert not [pid for pid in left if Path(f"/proc/{pid}").exists()]  # nothing is left behind
    assert killed >= 3
    finish(start(tmp_path))
    assert outcome(tmp_path) == undisturbed


@pytest.mark.parametrize("whom", ["a worker", "the warm process", "what workers are forked from"])
def test_a_process_of_the_grader_is_killed(course, undisturbed, tmp_path, whom):
    copy(course, tmp_path)
    process = start(tmp_path)
    wait_until(lambda: graded(tmp_path) >= 2, process)
    below = children(process.pid)
    if whom == "a worker":
        victims = workers(process.pid)[:1]
    elif whom == "the warm process":
        victims = [pid for pid, line in below.items() if "inside.py" in line]
    else:
        forks = [pid for pid, line in below.items() if "multiprocessing.forkserver" in line]
        victims = [pid for pid in forks if pid not in workers(process.pid)]
    assert victims
    for pid in victims:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:  # it went with the one before
            continue
    finish(process)
    assert outcome(tmp_path) == undisturbed


def test_interrupted_by_hand(course, undisturbed, tmp_path):
    copy(course, tmp_path)
    process = start(tmp_path)
    wait_until(lambda: graded(tmp_path) >= 3, process)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 130, said
    assert "Run the same command again to go on" in said and "Traceback" not in said
    finish(start(tmp_path))
    assert outcome(tmp_path) == undisturbed


def test_a_page_that_is_being_drawn_ends_with_its_worker(tmp_path):
    work = f"""
import os, time
from pathlib import Path
from skiplab.grading.work import _in_a_fork

def make():
    Path("{tmp_path}/part").write_text(str(os.getpid()))
    Path("{tmp_path}/part").rename("{tmp_path}/pid")
    while not Path("{tmp_path}/go").exists():
        time.sleep(0.1)
    return "a page of more than a pipe holds" * 100_000

_in_a_fork(make)
"""
    worker = subprocess.Popen([BIN / "python", "-c", work], cwd=tmp_path)
    wait_until((tmp_path / "pid").exists, worker)
    worker.kill()
    worker.wait()
    (tmp_path / "go").touch()
    drawing = Path("/proc", (tmp_path / "pid").read_text())
    until = time.monotonic() + 30
    while drawing.exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not drawing.exists()


def test_a_full_disk(course, undisturbed, tmp_path):
    small = tmp_path / "disk"
    small.mkdir()
    # Mounted in a namespace of its own, which goes with the commands in it.
    inside = f"""
        set -e
        mount -t tmpfs -o size=8m tmpfs {small}
        cp -r {course}/. {small}
        cd {small}
        set +e
        for room in 400 60 800 1600; do
            head -c 16000000 /dev/zero > filler
            truncate -s -${{room}}K filler
            {BIN}/skiplab grade small
            echo "exit status $?"
            rm filler
        done
        {BIN}/skiplab grade small
        echo "at last exit status $?"
        cp -r {small}/. {tmp_path}/out
    """
    (tmp_path / "out").mkdir()
    root = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
    done = subprocess.run(
        ["unshare", *root, "--mount", "sh", "-c", inside],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    if "at last" not in done.stdout and "mount" in done.stderr:
        pytest.skip(f"no small disk can be made here: {done.stderr}")
    said = done.stdout + done.stderr
    assert said.count("No space left on device") + said.count("disk is full") >= 2, said
    assert "run the same command again to go on" in said
    assert "Traceback" not in said and "at last exit status 1" in said, said
    assert outcome(tmp_path / "out") == undisturbed


def test_two_at_once(course, undisturbed, tmp_path):
    copy(course, tmp_path)
    first = start(tmp_path)
    wait_until(lambda: graded(tmp_path) >= 1, first)
    first.send_signal(signal.SIGSTOP)  # a class this small would be done too early
    said = run("skiplab", "grade", "small", cwd=tmp_path, status=1)
    first.send_signal(signal.SIGCONT)
    assert f"is being graded already, by process {first.pid}" in said and "Traceback" not in said
    finish(first)
    assert outcome(tmp_path) == undisturbed
