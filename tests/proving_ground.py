"""A course to attack: the class that is graded, what must stay secret, and what came of it.

A class is a row of students: honest ones with full marks, and between them others with a wrong
answer and an attack (`attacks.py`). It is graded by one command, like any class. Afterwards
`violations` says what an attack got that it should not have.
"""

import json
import os
import re
import secrets
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import warnings
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import nbformat
from conftest import BIN, ROOT
from nbconvert.exporters import HTMLExporter
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.server_extensions.formgrader import handlers
from sqlalchemy.exc import SAWarning
from traitlets.config import Config

from skiplab.checks.exercise import all_exercises

LESSON = "2_skip_connections"
EARLIER = "0_earlier"  # an assignment of last week, marked by a person
FULL = {"skipnet3-wiring": 5.0, "total-test": 4.0}  # and a written answer, for a person to mark
NOTHING = dict.fromkeys(FULL, 0.0)
MARK = re.compile(rb"mk[0-9a-f]{11}")  # 13 characters: a process name holds 15
TOO_MUCH = 20_000_000  # bytes in one file: more than anyone wants to see of a student's output

# Small limits, so that an attack that uses them up is over soon.
LIMITS = """
c.RunInJail.cell_seconds = 8
c.RunInJail.cpu_seconds = 30
c.RunInJail.wall_seconds = 60
c.RunInJail.memory_mb = 1024
c.RunInJail.restarts = 2
"""
STOCK = """
c = get_config()
c.CourseDirectory.course_id = "skiplab"
c.Execute.timeout = 5
c.Execute.startup_timeout = 120
c.Execute.iopub_timeout = 30
"""

# A second, small exercise: plain asserts, a function, and values fetched by their names.
TOTAL = """\
def total(values):
    ### BEGIN SOLUTION
    result = 0
    for value in values:
        result += value
    return result
    ### END SOLUTION


# Write limit = 10, and steps = torch.tensor([1.0, 2.0, 3.0]).
### BEGIN SOLUTION
limit = 10
steps = torch.tensor([1.0, 2.0, 3.0])
### END SOLUTION"""
TOTAL_TEST = """\
import torch

assert total([1, 2, 3]) == 6, "total([1, 2, 3]) should be 6"
assert limit == 10
### BEGIN HIDDEN TESTS
# {canary}
remark = "{canary}"
assert total([4.5, 5.5, -2]) == 8
assert limit * 2 == 20
assert torch.equal(steps, torch.tensor([1.0, 2.0, 3.0]))
### END HIDDEN TESTS"""

HEAD = all_exercises()["skipnet3"].head.strip() + "\n\n"
RIGHT = {
    "skipnet3": HEAD
    + """\
    def forward(self, X):
        S = self.skip_layer(X)
        X = self.relu(self.layer_1(X))
        X = self.relu(self.layer_2(X))
        X = self.relu(self.layer_3(X))
        return self.relu(X + S)
""",
    "total": """\
def total(values):
    return sum(values)


limit = 10
steps = torch.tensor([1.0, 2.0, 3.0])
""",
    "explain-seeds": "Because I have measured it.",
}
WRONG = {
    "skipnet3": HEAD
    + """\
    def forward(self, X):  # without the skip
        for layer in (self.layer_1, self.layer_2, self.layer_3):
            X = self.relu(layer(X))
        return X
""",
    "total": """\
def total(values):
    return 0


limit = 0
steps = torch.zeros(3)
""",
    "explain-seeds": "Because I have measured it.",
}

# Runs a command and then tells what is still running of it. Whatever it started and left behind
# becomes a child of this process: nothing gets away by forking twice or by a session of its own.
RUNNER = r"""
import ctypes, json, os, signal, subprocess, sys, time
from pathlib import Path

log, seconds, *command = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
if os.uname().machine == "x86_64":
    libc.syscall(250, 1, None)  # a ring for keys of its own, as after a login

def descendants():
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except (OSError, ValueError):
            continue
        if state not in "ZX":
            parents.setdefault(int(parent), []).append(int(folder.name))
    found, look = [], [os.getpid()]
    while look:
        more = parents.get(look.pop(), [])
        found += more
        look += more
    return found

def name(pid):
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        return Path(f"/proc/{pid}/comm").read_text().strip() + " " + " ".join(words)
    except OSError:
        return ""

def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass

started = time.monotonic()
with open(log, "wb") as out:
    running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        status = running.wait(float(seconds))
    except subprocess.TimeoutExpired:
        status = "timeout"
took = time.monotonic() - started
alive = {}
for _ in range(150):  # what ends by itself may take a moment, on a busy machine
    reap()
    alive = {pid: name(pid) for pid in descendants()}
    if not alive or status == "timeout":
        break
    time.sleep(0.1)
for _ in range(100):
    rest = descendants()
    if not rest:
        break
    for pid in rest:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    time.sleep(0.02)
    reap()
keys = Path("/proc/keys").read_text() if Path("/proc/keys").exists() else ""
print(json.dumps({"keys": keys, "status": status, "took": took, "alive": list(alive.values())}))
"""


@dataclass
class Ground:
    """A course with a class in it, and all that surrounds it.

    Attributes:
        root: The folder with all of it.
        attacks: The attacks in the class, by student.
        honest: The honest students.
        marks: Each attack's own mark, by student: whatever it leaves carries it.
        canaries: What nobody may read, by where it stands.
    """

    root: Path
    attacks: dict = field(default_factory=dict)
    honest: list = field(default_factory=list)
    marks: dict = field(default_factory=dict)
    canaries: dict = field(default_factory=dict)
    stock: bool = False

    course = property(lambda self: self.root / "course")
    home = property(lambda self: self.root / "home")
    tmp = property(lambda self: self.root / "tmp")

    @property
    def environment(self):
        return os.environ | {
            "HOME": str(self.home),
            "TMPDIR": str(self.tmp),
            "GRADER_TOKEN": self.canaries["environment"],
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "COLUMNS": "200",
        }

    def around(self, student):
        """The honest students directly before and after another."""
        before = [one for one in self.honest if one < student]
        after = [one for one in self.honest if one > student]
        return [*before[-1:], *after[:1]]


@dataclass
class Outcome:
    """What a grading run left.

    Attributes:
        status: The command's exit status, or "timeout".
        took: How long it took, in seconds.
        said: What it printed.
        alive: Names of the processes that were still running afterwards.
        heard: What reached the listening sockets.
        grades: Points by student and cell; None where nothing is recorded.
        timestamps: When the gradebook says each student handed in.
        changed: Files that are not as they were, of those that grading does not write.
        marked: The marks of attacks that lie about where they do not belong, with the place.
    """

    status: int | str
    took: float
    said: str
    alive: list
    heard: list
    grades: dict
    timestamps: dict
    changed: list
    marked: dict


def write_source(folder, canary):
    """The real lesson, trimmed to what an attack needs, with the small exercise added."""
    path = f"{LESSON}/{LESSON}.ipynb"
    made = nbformat.read(ROOT / "source" / path, as_version=4)
    keep = ("setup", "skipnet3", "skipnet3-wiring", "explain-seeds")
    cells = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in made.cells}
    common = {"schema_version": 3, "task": False}
    answer = {"grade": False, "solution": True, "locked": False, "grade_id": "total"}
    test = {"grade": True, "solution": False, "locked": True, "grade_id": "total-test", "points": 4}
    made.cells = [cells[name] for name in keep[:3]]
    made.cells += [
        new_code_cell(TOTAL, id="total", metadata={"nbgrader": common | answer}),
        new_code_cell(
            TOTAL_TEST.format(canary=canary),
            id="total-test",
            metadata={"nbgrader": common | test},
        ),
        cells[keep[3]],
    ]
    (folder / path).parent.mkdir(parents=True)
    nbformat.write(made, folder / path)


def make_ground(root, attacks, stock=False):
    """Make a course with a class in which attacks stand between honest students.

    Those that are out for harm have one directly before and after them, of the others five stand
    together: the class is large as it is.

    Args:
        root: A folder that does not exist yet.
        attacks: The attacks, in order.
        stock: Whether the course is graded by nbgrader as it comes.
    """
    ground = Ground(root, stock=stock)
    for place in ("hidden", "gradebook", "neighbour", "environment", "home", "tmp"):
        ground.canaries[place] = f"CANARY_{place}_{secrets.token_hex(8)}"
    for folder in (ground.course, ground.home, ground.tmp):
        folder.mkdir(parents=True)
    (ground.home / "notes.txt").write_text(ground.canaries["home"])
    (ground.tmp / "notes.txt").write_text(ground.canaries["tmp"])
    write_source(ground.course / "source", ground.canaries["hidden"])
    config = STOCK if stock else (ROOT / "nbgrader_config.py").read_text() + LIMITS
    (ground.course / "nbgrader_config.py").write_text(config)
    command(ground, "nbgrader", "generate_assignment", LESSON)
    write_earlier(ground)

    hand_in(ground, "a-wrong", WRONG)
    add_honest(ground, 0)
    for number, attack in enumerate(attacks):
        student = f"s{2 * number + 1:03}-{attack.name}"
        ground.attacks[student] = attack
        ground.marks[student] = f"mk{secrets.token_hex(6)[:11]}"
        last = number == len(attacks) - 1
        if last or attack.stock == "neighbour" or (not stock and (attack.harms or number % 5 == 4)):
            add_honest(ground, 2 * number + 2)
    return ground


def add_honest(ground, number):
    student = f"s{number:03}-honest"
    ground.honest.append(student)
    secret = f"# {ground.canaries['neighbour']}\n"
    hand_in(ground, student, RIGHT | {"total": secret + RIGHT["total"]})


def write_earlier(ground):
    """What stood in the gradebook before: a grade and a comment by a person."""
    with open_gradebook(ground) as gradebook:
        gradebook.add_assignment(EARLIER)
        gradebook.add_notebook("earlier", EARLIER)
        gradebook.add_grade_cell("talk", "earlier", EARLIER, max_score=3, cell_type="markdown")
        gradebook.add_solution_cell("talk", "earlier", EARLIER)
        gradebook.add_student("z-earlier", lms_user_id=ground.canaries["gradebook"])
        gradebook.add_submission(EARLIER, "z-earlier")
        gradebook.find_grade("talk", "earlier", EARLIER, "z-earlier").manual_score = 2
        comment = gradebook.find_comment("talk", "earlier", EARLIER, "z-earlier")
        comment.manual_comment = ground.canaries["gradebook"]
        gradebook.db.commit()


def filled_in(ground, answers):
    """The released notebook with answers written into it."""
    made = nbformat.read(ground.course / "release" / LESSON / f"{LESSON}.ipynb", as_version=4)
    for cell in made.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in answers:
            cell.source = answers[name]
    return made


def hand_in(ground, student, answers):
    folder = ground.course / "submitted" / student / LESSON
    folder.mkdir(parents=True)
    nbformat.write(filled_in(ground, answers), folder / f"{LESSON}.ipynb")


def command(ground, *words, seconds=900):
    """Run a command as the grader, in the course."""
    log = ground.root / "said.txt"
    program = [sys.executable, "-c", RUNNER, str(log), str(seconds), str(BIN / words[0])]
    done = subprocess.run(
        [*program, *words[1:]],
        cwd=ground.course,
        env=ground.environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return SimpleNamespace(**json.loads(done.stdout), said=log.read_text(errors="replace"))


def grade(ground, *words):
    """Have the class graded by a command, with the attacks in it; see what came of it."""
    feedback = ("nbgrader", "generate_feedback", LESSON) if words[0] == "nbgrader" else None
    # The first time, programs put their own files into a new home (fonts, settings).
    first = command(ground, *words, "--student", "a-wrong")
    assert first.status == 0, first.said
    if feedback:
        command(ground, *feedback)
    before = snapshot(ground)
    rows_before = rows(ground)
    with Ears() as ears:
        for student, attack in ground.attacks.items():
            place(ground, student, attack, ears)
        handed_in = tree(ground.course / "submitted")
        done = command(ground, *words)
        if feedback:
            done.said += command(ground, *feedback).said
    after = snapshot(ground)
    after |= {"submitted": tree(ground.course / "submitted")}
    before |= {"submitted": handed_in}
    changed = [
        f"{name}/{path}"
        for name in before
        for path in before[name].keys() | after[name].keys()
        if before[name].get(path) != after[name].get(path)
    ]
    changed += [f"gradebook.db: {row}" for row in sorted(rows_before - rows(ground))]
    return Outcome(
        done.status,
        done.took,
        done.said,
        done.alive,
        ears.heard,
        *read_gradebook(ground),
        changed,
        find_marks(ground, done.keys),
    )


def place(ground, student, attack, ears):
    """Hand in a wrong answer with an attack."""
    folder = ground.course / "submitted" / student / LESSON
    folder.mkdir(parents=True)
    about = SimpleNamespace(
        mark=ground.marks[student],
        student=student,
        lesson=LESSON,
        course=ground.course,
        home=ground.home,
        tmp=ground.tmp,
        packages=ROOT,
        port=ears.port,
        unix=ears.unix,
        abstract=ears.abstract,
        host=str(Path("/proc/self/ns/pid").readlink()),
    )
    made = filled_in(ground, WRONG)
    if attack.change:
        attack.change(made, about)
    path = folder / f"{LESSON}.ipynb"
    # As it is: nbformat would refuse, or mend, some of what an attacker writes.
    text = json.dumps(made)
    path.write_text(text)
    if attack.place:
        attack.place(folder, about)


class Ears:
    """Sockets that write down what reaches them: TCP and UDP at a port, and two of Unix."""

    def __init__(self):
        self.over = False
        self.heard = []
        self.unix = f"/tmp/{secrets.token_hex(6)}.sock"
        self.abstract = f"skiplab-{secrets.token_hex(6)}"

    def __enter__(self):
        tcp = socket.create_server(("127.0.0.1", 0))
        self.port = tcp.getsockname()[1]
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", self.port))
        named, abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        named.bind(self.unix)
        abstract.bind(f"\0{self.abstract}")
        self.sockets = [tcp, udp, named, abstract]
        for one in (named, abstract):
            one.listen()
        self.threads = [threading.Thread(target=self.hear, args=(one,)) for one in self.sockets]
        for thread in self.threads:
            thread.start()
        return self

    def hear(self, one):
        one.settimeout(0.2)
        while not self.over:
            try:
                if one.type == socket.SOCK_DGRAM:
                    self.heard.append(one.recv(1000).decode(errors="replace"))
                    continue
                with one.accept()[0] as caller:
                    caller.settimeout(2)
                    self.heard.append("called " + caller.recv(1000).decode(errors="replace"))
            except OSError:
                continue

    def __exit__(self, *error):
        self.over = True
        for thread in self.threads:
            thread.join()
        for one in self.sockets:
            one.close()
        Path(self.unix).unlink()


def tree(folder, skip=()):
    """What each file and folder below a folder is: enough to notice that it has changed."""
    found = {}
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in skip]
        for name in [*folders, *files]:
            path = Path(parent, name)
            facts = path.lstat()
            what = (facts.st_mode, facts.st_ino)
            if not stat.S_ISDIR(facts.st_mode):
                what += (facts.st_size, facts.st_mtime_ns)
            found[str(path.relative_to(folder))] = what
    return found


def snapshot(ground):
    """What no grading changes: the lessons, the packages, the home and temporary folders."""
    return {
        "source": tree(ground.course / "source"),
        "release": tree(ground.course / "release"),
        "home": tree(ground.home),
        "tmp": tree(ground.tmp),
        "skiplab": tree(ROOT / "skiplab", skip=["__pycache__"]),
        "packages": tree(BIN.parent / "lib", skip=["__pycache__"]),
    }


@contextmanager
def open_gradebook(ground):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # nbgrader trips over SQLAlchemy's advice
        with Gradebook(f"sqlite:///{ground.course}/gradebook.db") as gradebook:
            yield gradebook


def rows(ground):
    """What the gradebook holds of other work, and who is in the class."""
    with closing(sqlite3.connect(ground.course / "gradebook.db")) as book:
        tables = [
            name for (name,) in book.execute("select name from sqlite_master where type='table'")
        ]
        kept = {"student", "course", "grade", "comment", "submitted_assignment"}
        found = {
            f"{table} {row}"
            for table in tables
            if table in kept
            for row in book.execute(f'select * from "{table}"')
        }
    with open_gradebook(ground) as gradebook:
        try:  # a-wrong is graded again with the others: its rows may be new
            own = gradebook.find_submission(LESSON, "a-wrong")
            ids = [own.id, *(notebook.id for notebook in own.notebooks)]
        except MissingEntry:
            ids = []
    return {row for row in found if not any(one in row for one in ids)}


def read_gradebook(ground):
    grades, times = {}, {}
    with open_gradebook(ground) as gradebook:
        for student in gradebook.students:
            try:
                submission = gradebook.find_submission(LESSON, student.id)
                notebook = gradebook.find_submission_notebook(LESSON, LESSON, student.id)
            except MissingEntry:
                continue
            grades[student.id] = {grade.name: grade.score for grade in notebook.grades}
            grades[student.id]["of all"] = submission.max_score
            if any(grade.auto_score is None for grade in notebook.grades if grade.name in FULL):
                grades[student.id]["ungraded"] = True
            times[student.id] = str(submission.timestamp)
    return grades, times


def find_marks(ground, keys):
    """Where marks of attacks lie, beyond what was handed in and what came of grading it."""
    own = {mark: student for student, mark in ground.marks.items()}
    results = {}  # by student; each is named for what the autograded notebook says of it
    for student in ground.attacks:
        path = ground.course / "autograded" / student / LESSON / f"{LESSON}.ipynb"
        with suppress(OSError, ValueError, KeyError):
            key = json.loads(path.read_text())["metadata"]["skiplab"]["key"]
            results[student] = f"results/{LESSON}/{key[:2]}/{key}.json"
    found = {}

    def note(text, where):
        noted = False
        for mark in set(MARK.findall(text)):
            student = own.get(mark.decode())
            if student is None:
                continue
            of_own = {f"{part}/{student}" for part in ("submitted", "autograded", "feedback")}
            if where != f"course/{results.get(student)}" and not any(
                where.startswith(f"course/{part}/") or where == f"course/{part}" for part in of_own
            ):
                found.setdefault(student, []).append(where)
                noted = True
        return noted

    for parent, folders, files in os.walk(ground.root):
        for name in [*folders, *files]:
            path = Path(parent, name)
            where = str(path.relative_to(ground.root))
            if where in ("said.txt", "course/gradebook.db") or where.startswith("course/report"):
                continue
            note(where.encode("utf-8", "surrogateescape"), where)
            facts = path.lstat()
            if stat.S_ISREG(facts.st_mode) and facts.st_size < TOO_MUCH:
                note(path.read_bytes(), where)
    for folder in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/", Path.home()):
        for path in Path(folder).iterdir():
            if note(os.fsencode(path), str(path)):
                path.unlink()
    note(keys.encode(), "the keys of the system")
    for hidden in (".ipython", ".config", ".local", ".jupyter"):
        for parent, folders, files in os.walk(Path.home() / hidden):
            for name in [*folders, *files]:
                note(name.encode("utf-8", "surrogateescape"), f"{parent}/{name}")
    return found


def violations(ground, outcome, student):
    """What an attack got that it should not have; nothing where it failed.

    Each is a line that begins with its kind: points, read, told, limit, page, neighbour, left,
    alive, reached or time.
    """
    mark = ground.marks[student]
    wrong = []
    got = outcome.grades.get(student, {})
    for cell, points in got.items():
        if cell == "of all":
            if points != outcome.grades["a-wrong"]["of all"]:
                wrong.append(f"points: the most there is has become {points}")
        elif cell != "ungraded" and (points or 0) > NOTHING.get(cell, 0):
            wrong.append(f"points: {points} for {cell}")
    for other in ground.around(student):
        grades = outcome.grades.get(other, {})
        if {cell: grades.get(cell) for cell in FULL} != FULL or "ungraded" in grades:
            wrong.append(f"neighbour: {other} has {grades}")
    secrets_ = {text: name for name, text in ground.canaries.items()}
    proof = f"proof-{mark}"
    for part in ("autograded", "feedback"):
        for path in files_below(ground.course / part / student):
            text = text_of(path)
            for secret, name in secrets_.items():
                if secret in text:
                    wrong.append(f"read: the secret in {name} stands in {part}/{path.name}")
                if f"found {secret}" in text:
                    wrong.append(
                        f"told: the secret in {name}, by what it printed ({part}/{path.name})"
                    )
            if proof in text:
                wrong.append(f"limit: it did what should be impossible ({part}/{path.name})")
            if path.lstat().st_size > TOO_MUCH:
                wrong.append(f"limit: {part}/{path.name} has {path.lstat().st_size} bytes")
            if path.suffix == ".html":
                wrong += [f"page: {what} in {part}/{path.name}" for what in Live(text, mark).found]
    if proof in outcome.said:
        wrong.append("limit: it did what should be impossible (in the command's output)")
    for path in files_below(ground.course / "report"):
        text = path.read_text(errors="replace")
        if proof in text:
            wrong.append(f"limit: it did what should be impossible (report/{path.name})")
        if path.suffix == ".html":
            wrong += [f"page: {what} in report/{path.name}" for what in Live(text, mark).found]
    if ground.attacks[student].family == "pages":
        try:
            page = formgraded(ground, student)
        except Exception as error:  # an instructor sees a server error then
            wrong.append(f"page: the formgrader fails with {type(error).__name__}")
        else:
            wrong += [f"page: {what} in the formgrader" for what in Live(page, mark).found]
    wrong += [f"left: {where}" for where in outcome.marked.get(student, [])]
    wrong += [f"alive: {name}" for name in outcome.alive if mark in name]
    wrong += [f"reached: {said}" for said in outcome.heard if mark in said]
    if "2001" in outcome.timestamps.get(student, ""):
        wrong.append(f"time: handed in {outcome.timestamps[student]}")
    return wrong


def find_secrets(ground, text):
    """Where the secrets stand that a text tells."""
    return [name for name, secret in ground.canaries.items() if secret in text]


def files_below(folder):
    return [path for path in sorted(folder.rglob("*")) if stat.S_ISREG(path.lstat().st_mode)]


def text_of(path):
    """A file's text; of an autograded notebook, all but the tests, which are the instructor's."""
    if path.lstat().st_size > 10 * TOO_MUCH:
        return ""
    text = path.read_text(errors="replace")
    if path.name != f"{LESSON}.ipynb":
        return text
    try:
        made = json.loads(text)
    except ValueError:  # somebody has been at it
        return text
    for cell in made["cells"]:
        if cell.get("metadata", {}).get("nbgrader", {}).get("grade_id") == "total-test":
            cell["source"] = ""
    return json.dumps(made, ensure_ascii=False)


def formgraded(ground, student):
    """The page that the formgrader shows of a submission, made as it makes it."""
    from skiplab.course.directory import open_course

    path = ground.course / "autograded" / student / LESSON / f"{LESSON}.ipynb"
    if not path.is_file():
        return ""
    config = Config()
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    config.merge(open_course(ground.course).config)
    about = dict.fromkeys(
        ("assignment_id", "notebook_id", "submission_id", "last_name", "first_name"), ""
    )
    about |= {"index": 0, "total": 1, "base_url": "", "student": student, "notebook_path": ""}
    return HTMLExporter(config=config).from_filename(str(path), resources=about)[0]


class Live(HTMLParser):
    """What in a page would run, or reach out, and carries a mark."""

    def __init__(self, text, mark):
        super().__init__()
        self.found, self.mark, self.script = [], mark, False
        if mark in text:
            self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.script = tag == "script"
        for name, value in attributes:
            value = value or ""
            if self.mark not in value:
                continue
            active = tag in ("script", "iframe", "object", "embed", "meta", "base", "link", "form")
            scheme = re.sub(r"\s", "", value).lower().startswith(("javascript:", "data:text/html"))
            if name.startswith("on") or name == "srcdoc" or scheme or active:
                self.found.append(f"<{tag} {name}=…>")

    def handle_endtag(self, tag):
        self.script = False

    def handle_data(self, data):
        if self.script and self.mark in data:
            self.found.append("<script>")
