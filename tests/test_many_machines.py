"""A class graded by many machines: with the same grades, whatever becomes of one of them.

The machines are real where this one allows it: each has processes, a network, a disk and a name of
its own, and of the course it sees nothing. Elsewhere they are processes on the loopback interface,
and the summary of warnings says so.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
import warnings
from contextlib import suppress
from pathlib import Path

import nbformat
import pytest
from conftest import BIN, hand_in, make_small_course, notebook, run
from nbgrader.api import Gradebook

import skiplab
from skiplab.grading.cluster import ROOM
from skiplab.grading.run import BATCH

DISK = "/mnt"  # what a machine has for itself is mounted there: no program lies in it
WRONG = {1: "x = 41", 4: "raise ValueError('mine')", 6: "import os; os._exit(3)"}


class Machine:
    """A machine: what runs on it has processes, a network and a disk of its own.

    `lan` is a process in the network namespace that connects them; None for loopback. `disk` is
    what it has for itself, as seen from here; `inside`, as seen there.
    """

    number = 0

    def __init__(self, lan, name, folder, hidden=None):
        Machine.number += 1
        self.lan, self.name, self.started = lan, name, []
        self.folder = folder / f"{name}-{Machine.number}"
        self.folder.mkdir()
        self.address, self.host = "127.0.0.1", socket.gethostname()
        if lan is None:
            self.disk = self.inside = self.folder
            return
        self.address = f"10.77.{Machine.number // 250}.{Machine.number % 250 + 1}"
        cover = f"mount -t tmpfs tmpfs {hidden} && " if hidden else ""
        made = f"hostname {name} && {cover}mount -t tmpfs tmpfs {DISK} && ip link set lo up"
        new = ["--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
        holder = hold([*enter(lan, "net"), "unshare", *new], made)
        self.started.append(holder)
        self.holder, self.host = innermost(holder.pid), name
        self.disk, self.inside = Path(f"/proc/{self.holder}/root{DISK}"), DISK
        port = f"port{Machine.number}"
        within(lan, "ip", "link", "add", port, "type", "veth", "peer", "eth0", "netns", self.holder)
        within(lan, "ip", "link", "set", port, "master", "lan", "up")
        within(self.holder, "ip", "address", "add", f"{self.address}/16", "dev", "eth0")
        within(self.holder, "ip", "link", "set", "eth0", "up")

    def start(self, *command, cwd=None, **options):
        """Start one of the course's commands."""
        environment = {"TMPDIR": self.inside, **options.pop("environment", {})}
        within = enter(self.holder, "net", "mount", "uts", "pid") if self.lan else []
        process = subprocess.Popen(
            [
                *within,
                *("env", "-C", cwd or self.inside),
                *(f"{name}={value}" for name, value in environment.items()),
                BIN / command[0],
                *map(str, command[1:]),
            ],
            stdin=subprocess.DEVNULL,
            text=True,
            **options,
        )
        self.started.append(process)
        return process

    def pid(self, process):
        """The command's own, as seen from here."""
        return min(children(process.pid)) if self.lan else process.pid

    def serve(self, *command, **environment):
        """Start a command that goes on until it is ended; what it says is in `said`."""
        with (self.folder / "log").open("a") as log:
            return self.start(*command, environment=environment, stdout=log, stderr=log)

    @property
    def said(self):
        return (self.folder / "log").read_text()

    def processes(self):
        """All its processes but the ones that hold it."""
        if self.lan is None:
            return {pid: line for one in self.started for pid, line in children(one.pid).items()}
        return {pid: line for pid, line in children(self.holder).items()} | {
            pid: line for process in self.started[1:] for pid, line in children(process.pid).items()
        }

    def kill(self):
        """End everything on it at once."""
        pids = [pid for process in self.started for pid in (process.pid, *children(process.pid))]
        for pid in [self.holder] if self.lan else pids:
            kill(pid)
        for process in self.started:
            process.wait()

    def unplug(self):
        within(self.holder, "ip", "link", "set", "eth0", "down")


def enter(pid, *kinds):
    """The command that enters namespaces of a process."""
    user = [] if os.getuid() == 0 else ["--user", "--preserve-credentials"]
    return ["nsenter", "--target", str(pid), *user, *(f"--{kind}" for kind in kinds)]


def within(pid, *command):
    subprocess.run([*enter(pid, "net"), *map(str, command)], check=True, capture_output=True)


def hold(command, script):
    """Start a process that only holds its namespaces, once they are set up, and ends with this."""
    holder = subprocess.Popen(
        [*command, "sh", "-c", f"{script} && echo ready && exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = holder.stdout.readline()
    if said != "ready\n":
        holder.kill()
        raise OSError(said.strip() or f"{command[0]} says nothing")
    return holder


def innermost(pid):
    """The last of a process's descendants, or itself."""
    return max(children(pid), default=pid)


def kill(pid, how=signal.SIGKILL):
    with suppress(ProcessLookupError):  # it went with another
        os.kill(pid, how)


def children(pid):
    """The processes below one, with their command lines."""
    parents, lines = {}, {}
    for path in Path("/proc").iterdir():
        try:
            state, parent = (path / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(path.name)] = int(parent)
                line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                lines[int(path.name)] = line
        except (ValueError, OSError):  # no process, or none any more
            continue
    found = {pid}
    while more := {one for one, parent in parents.items() if parent in found} - found:
        found |= more
    return {one: lines[one] for one in found - {pid} if one in lines}


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """Makes machines. They see nothing of the tests' folder, where the courses are."""
    base = tmp_path_factory.getbasetemp()
    folder = tmp_path_factory.mktemp("machines")
    root = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
    made = []

    def make(name, lan, hidden=base):
        made.append(Machine(lan, name, folder, hidden))
        return made[-1]

    try:
        bridge = hold(
            ["unshare", *root, "--net", "--"], "ip link add lan type bridge && ip link set lan up"
        )
        lan = bridge.pid
        make("trial", lan).kill()
    except (OSError, subprocess.CalledProcessError) as error:
        lan = None
        warnings.warn(f"many machines on one: no namespaces here ({error})", stacklevel=1)
    yield lambda name, **options: make(name, lan, **options)
    for machine in made:
        machine.kill()
    if lan is not None:
        bridge.kill()
        bridge.wait()


@pytest.fixture(scope="module")
def desk(machines):
    """The instructor's machine: it has the course."""
    return machines("desk", hidden=None)


@pytest.fixture(scope="module")
def scheduler(machines):
    return serve_scheduler(machines("head"))


def serve_scheduler(machine, **environment):
    """Start a scheduler; return its address."""
    port = 8786
    if machine.lan is None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    options = ["--host", machine.address, "--port", port, "--dashboard-address", ":0"]
    machine.serve("dask", "scheduler", *options, **environment)
    wait_until(lambda: "Scheduler at" in machine.said, machine.started[-1])
    return f"tcp://{machine.address}:{port}"


@pytest.fixture
def worker(machines, scheduler):
    """Starts a worker on a machine of its own."""
    made = []

    def start(name, *options, to=scheduler, prepare=lambda disk: None, **environment):
        machine = machines(name)
        made.append(machine)
        prepare(machine.disk)
        options = ["--nworkers", "1", "--nthreads", "1", "--memory-limit", "0", *options]
        machine.serve("dask", "worker", to, *options, **environment)
        wait_until(lambda: "Registered to" in machine.said, machine.started[-1])
        return machine

    yield start
    for machine in made:
        machine.kill()


def make_class(folder, students, seconds, wrong, deadly=None):
    """A class whose lesson has a file of its own, and one of which can end who grades it."""
    make_small_course(folder)
    path = folder / "source" / "small" / "small.ipynb"
    made = nbformat.read(path, as_version=4)
    made.cells.insert(1, nbformat.v4.new_code_cell("from helper import wanted", id="given"))
    for cell in made.cells:
        cell.source = cell.source.replace("assert x == 42", "assert x == wanted()")
        can_kill = "import os\nif y == 'deadly':\n    os.kill(os.getpid(), 9)\nassert y == 43"
        cell.source = cell.source.replace("assert y == 43", can_kill)
    nbformat.write(made, path)
    path.with_name("helper.py").write_text("def wanted():\n    return 42\n")
    for number in range(students):
        handed_in = notebook("source", "small", folder)
        for cell in handed_in.cells:
            if cell.id == "first":
                slow = f"import time; time.sleep({seconds})\n" if seconds else ""
                cell.source = f"{slow}# by {number}\n{wrong.get(number, 'x = 42')}"
            elif cell.id == "second":
                cell.source = "y = 'deadly'" if number == deadly else "y = x + 1"
        hand_in(folder, f"s{number:03}", "small", handed_in)
    return folder


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return make_class(tmp_path_factory.mktemp("course"), 10, 0.4, WRONG)


@pytest.fixture(scope="module")
def undisturbed(course, tmp_path_factory):
    """What comes out with workers of this machine."""
    folder = copy(course, tmp_path_factory.mktemp("undisturbed"))
    run("skiplab", "grade", "small", cwd=folder)
    return outcome(folder)


def copy(course, folder):
    shutil.copytree(course, folder, dirs_exist_ok=True)
    return folder


def outcome(course):
    """What the gradebook holds, each submission once, and what the notebooks and pages say."""
    found = {}
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        submissions = gradebook.assignment_submissions("small")
        assert len({one.student.id for one in submissions}) == len(submissions)
        for one in submissions:
            grades = sorted((grade.name, grade.auto_score) for grade in one.notebooks[0].grades)
            folder = course / "autograded" / one.student.id / "small"
            graded = nbformat.read(folder / "small.ipynb", as_version=4)
            page = course / "feedback" / one.student.id / "small" / "small.html"
            body = page.read_text().rpartition("<!-- skiplab")[0]  # then comes a hash with the seed
            outputs = [cell.get("outputs") for cell in graded.cells]
            found[one.student.id] = (grades, outputs, body, (folder / "helper.py").read_text())
    return found


def start(desk, course, scheduler, *options):
    """Start grading on other machines."""
    command = ["skiplab", "grade", "small", "--scheduler", scheduler, *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return desk.start(*command, cwd=course, **pipes)


def finish(process, status=0):
    """Wait for the end; return what it said, which is nothing of Dask's."""
    said = process.communicate(timeout=300)[0]
    assert process.returncode == status, said
    assert "Traceback" not in said and "distributed" not in said, said
    return said


def graded(course):
    return len(list(course.glob("autograded/*/small/small.ipynb")))


def wait_until(condition, process=None, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.02)


def is_one_line(said, words):
    """Whether the last line begins with the program's name and holds the words."""
    last = said.strip().splitlines()[-1]
    return last.startswith("skiplab: ") and words in last and said.count("skiplab: ") == 1


def jails(machine):
    return list(machine.disk.glob("**/skiplab-jail-*"))


def test_the_same_grades(course, undisturbed, tmp_path, desk, scheduler, worker):
    copy(course, tmp_path)
    one, two = worker("one"), worker("two")
    for machine in (one, two):
        if machine.lan:  # it has no folder in common with the course
            assert not Path(f"/proc/{machine.holder}/root{tmp_path}").exists()
    process = start(desk, tmp_path, scheduler)
    wait_until(lambda: jails(one) and jails(two), process)
    said = finish(process)
    assert "10 submissions" in said and "No workers" not in said
    assert outcome(tmp_path) == undisturbed


@pytest.mark.parametrize("how", ["killed", "unplugged"])
def test_a_machine_goes(course, undisturbed, tmp_path, machines, desk, worker, how):
    copy(course, tmp_path)
    # After how long a machine that says nothing counts as gone: 30 s by default, 11 at least.
    patience = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s"}
    scheduler = serve_scheduler(machines("head"), **patience)
    one, _ = worker("one", to=scheduler), worker("two", to=scheduler)
    process = start(desk, tmp_path, scheduler)
    wait_until(lambda: graded(tmp_path) >= 2 and jails(one), process)
    if how == "killed":
        one.kill()
    elif one.lan:
        one.unplug()
    else:
        pytest.skip("no network to unplug from on the loopback interface")
    finish(process)
    assert outcome(tmp_path) == undisturbed


def test_a_process_of_a_machine_is_killed(course, undisturbed, tmp_path, desk, scheduler, worker):
    copy(course, tmp_path)
    one, _ = worker("one"), worker("two")
    process = start(desk, tmp_path, scheduler)
    for _ in range(2):
        before = jails(one)
        wait_until(lambda before=before: set(jails(one)) - set(before), process)
        victims = [pid for pid, line in one.processes().items() if "spawn_main" in line]
        assert victims
        for pid in victims:
            kill(pid)
    finish(process)
    assert outcome(tmp_path) == undisturbed
    assert len(jails(one)) <= 1  # whoever comes after clears up


def test_a_submission_that_kills_its_workers(tmp_path, desk, scheduler, worker):
    make_class(tmp_path, 8, 0, {}, deadly=3)
    worker("one"), worker("two")
    process = start(desk, tmp_path, scheduler)
    said = finish(process, 1)
    lines = [line for line in said.splitlines() if "not graded: " in line]
    assert len(lines) == 1
    assert re.fullmatch(r" *s003[ –]+not graded: its worker died, \d+ times *", lines[0])
    found = outcome(tmp_path)
    assert sorted(found) == [f"s{number:03}" for number in range(8) if number != 3]
    assert all(points == 2 for grades, *_ in found.values() for _, points in grades)


def test_workers_that_come_late(course, undisturbed, tmp_path, machines, desk):
    copy(course, tmp_path)
    scheduler = serve_scheduler(machines("head"))
    process = start(desk, tmp_path, scheduler, "--student", "s000")
    line = ""
    while "No workers are there" not in line:
        line = process.stdout.readline()
        assert line, "it has ended"
    command = re.search(r"dask worker .*", line)[0].split()
    assert scheduler in command
    two = sorted(os.sched_getaffinity(0))[:2]  # a worker for each core, and there may be many
    late = machines("late")
    with (late.folder / "log").open("w") as log:
        late.start(
            *command, stdout=log, stderr=log, preexec_fn=lambda: os.sched_setaffinity(0, two)
        )
    finish(process)
    late.kill()
    assert late.said.count("Registered to") == len(two)
    assert outcome(tmp_path) == {"s000": undisturbed["s000"]}


def test_several_threads(course, undisturbed, tmp_path, desk, machines, worker):
    copy(course, tmp_path)
    scheduler = serve_scheduler(machines("head"))
    worker("one", "--nthreads", "2", to=scheduler)
    finish(start(desk, tmp_path, scheduler))
    assert outcome(tmp_path) == undisturbed


SAMPLES = """
import sys, time
from distributed import Client

def count(dask_scheduler):
    waiting = ("waiting", "queued", "no-worker", "processing")
    tasks = [task for task in dask_scheduler.tasks.values() if task.state in waiting]
    return len(tasks), len(dask_scheduler.tasks)

client = Client(sys.argv[1], set_as_default=False)
while True:
    print(*client.run_on_scheduler(count), flush=True)
    time.sleep(0.05)
"""


def test_a_large_class(tmp_path, machines, desk, worker):
    make_class(tmp_path, 300, 0, {})
    scheduler = serve_scheduler(machines("head"))
    samples = desk.start("python", "-c", SAMPLES, scheduler, stdout=subprocess.PIPE)

    def sample():
        line = samples.stdout.readline()
        assert line, "nobody counts any more"
        return [int(count) for count in line.split()]

    process = start(desk, tmp_path, scheduler)
    while sample()[0] < ROOM:
        pass
    # No worker takes one, and still no more of the 300 are sent.
    assert max(sample()[0] for _ in range(60)) == ROOM
    worker("one", to=scheduler)
    most = 0
    while graded(tmp_path) < 60:
        most = max(most, sample()[0])
        assert process.poll() is None, process.communicate()[0]
    # What is recorded together has its feedback made together.
    assert ROOM <= most <= ROOM + BATCH
    kill(desk.pid(process))
    process.communicate()
    while sample() != [0, 0]:  # nobody waits for it any more
        pass
    kill(desk.pid(samples))
    samples.communicate()


@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT"])
def test_the_grader_is_ended(course, undisturbed, tmp_path, desk, scheduler, worker, how):
    copy(course, tmp_path)
    worker("one")
    process = start(desk, tmp_path, scheduler)
    wait_until(lambda: graded(tmp_path) >= 2, process)
    kill(desk.pid(process), getattr(signal, how))
    said = process.communicate(timeout=60)[0]
    assert "Traceback" not in said and "distributed" not in said, said
    if how == "SIGINT":
        assert process.returncode == 130
        assert "Run the same command again to go on" in said
    finish(start(desk, tmp_path, scheduler))
    assert outcome(tmp_path) == undisturbed


def test_the_scheduler_goes(course, undisturbed, tmp_path, machines, desk, worker):
    copy(course, tmp_path)
    head = machines("head")
    scheduler = serve_scheduler(head)
    worker("one", to=scheduler)
    process = start(desk, tmp_path, scheduler)
    wait_until(lambda: graded(tmp_path) >= 2, process)
    head.kill()
    said = finish(process, 1)
    assert is_one_line(said, "run the same command again to go on")
    assert "scheduler is gone" in said
    run("skiplab", "grade", "small", cwd=tmp_path)
    assert outcome(tmp_path) == undisturbed


def test_no_scheduler(course, tmp_path):
    copy(course, tmp_path)
    with socket.socket() as free, socket.socket() as silent:
        free.bind(("127.0.0.1", 0))
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for address in (
            f"tcp://127.0.0.1:{free.getsockname()[1]}",
            f"127.0.0.1:{silent.getsockname()[1]}",
            "tcp://no.such.host.invalid:8786",
            "nonsense://here",
        ):
            said = run("skiplab", "grade", "small", "--scheduler", address, cwd=tmp_path, status=1)
            assert said.startswith(f"skiplab: There is no Dask scheduler at {address}: ")
            assert said.count("\n") == 1


def test_another_version(course, tmp_path, desk, machines, worker):
    def change(disk):
        shutil.copytree(Path(skiplab.__file__).parent, disk / "other" / "skiplab")
        with (disk / "other" / "skiplab" / "grading" / "execute.py").open("a") as file:
            file.write("#")

    copy(course, tmp_path)
    scheduler = serve_scheduler(machines("head"))
    one = worker("one", to=scheduler, prepare=change, PYTHONPATH="other")
    said = finish(start(desk, tmp_path, scheduler), 1)
    assert is_one_line(said, "has another version of skiplab than this machine")
    assert f"The worker on {one.host} has" in said


def test_machines_without_this_package(course, undisturbed, tmp_path, desk, machines, worker):
    def lack(disk):
        path = disk / "other" / "skiplab" / "__init__.py"
        path.parent.mkdir(parents=True)
        path.write_text("""raise ModuleNotFoundError("No module named 'skiplab'")""")

    copy(course, tmp_path)
    head = machines("head")
    lack(head.disk)
    scheduler = serve_scheduler(head, PYTHONPATH="other")  # it needs none
    good = worker("good", to=scheduler)
    finish(start(desk, tmp_path, scheduler))
    assert outcome(tmp_path) == undisturbed
    good.kill()
    worker("bad", to=scheduler, prepare=lack, PYTHONPATH="other")
    said = finish(start(desk, tmp_path, scheduler, "--force"), 1)
    assert is_one_line(said, "A worker cannot do this work: ModuleNotFoundError: No module named")


def test_a_machine_without_a_sandbox(course, tmp_path, desk, machines, worker):
    copy(course, tmp_path)
    scheduler = serve_scheduler(machines("head"))
    one = worker("one", to=scheduler, PATH=BIN)
    said = finish(start(desk, tmp_path, scheduler), 1)
    assert is_one_line(said, f"The worker on {one.host}: There is no sandbox: bubblewrap")


@pytest.mark.parametrize("whom", ["the command", "all its processes"])
def test_a_worker_that_is_ended(course, undisturbed, tmp_path, desk, scheduler, worker, whom):
    copy(course, tmp_path)
    one, _ = worker("one"), worker("two")
    process = start(desk, tmp_path, scheduler)
    wait_until(lambda: jails(one) and graded(tmp_path) >= 2, process)
    command = one.pid(one.started[-1])
    for pid in [command] if whom == "the command" else one.processes():
        kill(pid, signal.SIGTERM)
    one.started[-1].wait(120)
    wait_until(lambda: not one.processes())
    assert not jails(one) and not list(one.disk.glob("**/skiplab-*"))
    finish(process)
    assert outcome(tmp_path) == undisturbed
