"""One command sets up `.venv`, again after anything went wrong, and says in a line what to do.

The script and the Makefile are the real ones, run on a project small enough to be installed in
seconds, without network: one package, `tiny`, from a folder.
"""

import ast
import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
from conftest import ROOT

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "toy"
version = "1"
"""

BACKEND = """
import errno, os, zipfile

def get_requires_for_build_editable(settings=None):
    if os.environ.get("TOY_DISK_FULL"):
        raise OSError(errno.ENOSPC, "No space left on device")
    return []

def build_editable(folder, settings=None, metadata=None):
    needs = os.environ.get("TOY_NEEDS", "tiny")
    extras = f"Provides-Extra: grading\\nProvides-Extra: dev\\nRequires-Dist: {needs}"
    make(folder, "toy", "1", extras)
    return "toy-1-py3-none-any.whl"

def make(folder, name, version, more=""):
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(f"{folder}/{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", f"VERSION = {version!r}")
        text = f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n{more}\\n"
        wheel.writestr(f"{info}/METADATA", text)
        text = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr(f"{info}/WHEEL", text)
        wheel.writestr(f"{info}/RECORD", "")
"""

# A Python outside any virtual environment: what a newcomer has.
PYTHON = os.path.realpath(sys.executable)


class Toy:
    def __init__(self, folder):
        self.root = folder / "project"
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        (self.root / "scripts").mkdir(parents=True)
        for name in ("bootstrap.py", "sandbox.sh"):
            shutil.copy(ROOT / "scripts" / name, self.root / "scripts")
        shutil.copy(ROOT / "Makefile", self.root)
        (self.root / "pyproject.toml").write_text(PYPROJECT)
        (self.root / "backend.py").write_text(BACKEND)
        (self.root / "constraints.txt").write_text("tiny==1\n")
        made = {}
        exec(BACKEND, made)
        made["make"](self.wheels, "tiny", "1")
        made["make"](self.wheels, "tiny", "2")

    def environment(self, **more):
        own = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
        pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": self.wheels}
        return {key: str(value) for key, value in {**own, **pip, **more}.items() if value != ""}

    def setup(self, status=0, **environment):
        done = subprocess.run(
            ["make", "setup", f"PYTHON={PYTHON}"],
            cwd=self.root,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert (done.returncode == 0) == (status == 0), done.stdout
        return done.stdout

    def has(self):
        """The version of `tiny` that the project's own Python imports."""
        command = [self.root / ".venv" / "bin" / "python", "-c", "import tiny; print(tiny.VERSION)"]
        return subprocess.check_output(command, text=True).strip()

    def problem(self, **environment):
        """What is said when it cannot be set up; it must be a line."""
        said = self.setup(status=1, **environment)
        lines = [line for line in said.splitlines() if line.startswith("Cannot set up .venv: ")]
        assert len(lines) == 1 and "Traceback" not in said, said
        return lines[0]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    toy = Toy(tmp_path_factory.mktemp("toy"))
    said = toy.setup()
    assert "Making .venv" in said and "Installing: done" in said
    assert toy.has() == "1"
    return toy


@pytest.fixture
def toy(finished):
    """A project that is set up. A test may break off an installation, and may do no more."""
    stamp = finished.root / ".venv" / "skiplab-stamp.json"
    kept = stamp.read_text()
    yield finished
    stamp.write_text(kept)
    (finished.root / "constraints.txt").write_text("tiny==1\n")


def test_second_run_does_nothing(toy):
    before = {path: path.stat().st_mtime_ns for path in toy.root.rglob("*")}
    assert toy.setup() == ""
    assert {path: path.stat().st_mtime_ns for path in toy.root.rglob("*")} == before


def outdate(toy):
    path = toy.root / "constraints.txt"
    path.write_text(path.read_text() + "# another day\n")


def test_without_network(toy):
    outdate(toy)
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": 1}
    said = toy.problem(PIP_NO_INDEX="", PIP_FIND_LINKS="", TOY_NEEDS="other", **nowhere)
    assert "the package index cannot be reached" in said


def test_disk_full(toy):
    outdate(toy)
    assert "the disk is full" in toy.problem(TOY_DISK_FULL=1)


def test_other_failures_of_pip_name_the_log(toy):
    outdate(toy)
    said = toy.problem(TOY_NEEDS="other")
    assert "Could not find a version that satisfies the requirement other" in said
    log = toy.root / ".venv" / "install.log"
    assert str(log) in said
    assert "No matching distribution found for other" in log.read_text()


def test_other_pins_are_installed_and_a_lost_package_is_found(tmp_path):
    toy = Toy(tmp_path)
    toy.setup()
    (toy.root / "constraints.txt").write_text("tiny==2\n")
    assert "up to date" in toy.setup()
    assert toy.has() == "2"
    assert toy.setup() == ""
    (lost,) = toy.root.glob(".venv/lib/python3.*/site-packages/tiny")
    shutil.rmtree(lost)
    assert "Making .venv" in toy.setup()
    assert toy.has() == "2"
    # The interpreter it was made with is gone.
    python = toy.root / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    assert "Making .venv" in toy.setup()
    assert toy.has() == "2"
    # The whole project was moved.
    toy.root = toy.root.rename(tmp_path / "moved")
    toy.setup()
    assert str(toy.root) in (toy.root / ".venv" / "bin" / "pip").read_text().splitlines()[0]


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_run_is_taken_up(tmp_path, blow):
    toy = Toy(tmp_path)
    process = subprocess.Popen(
        [PYTHON, "scripts/bootstrap.py"],
        cwd=toy.root,
        env=toy.environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (toy.root / ".venv" / "bin").exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, blow)
    said = process.communicate()[1]
    if blow == signal.SIGINT:
        assert process.returncode == 130
        assert "Run the same command again" in said and "Traceback" not in said
    toy.setup()
    assert toy.has() == "1"
    assert toy.setup() == ""


def bootstrap(python, *before, cwd=ROOT, **environment):
    """Run the script from a copy that has no `.venv`; the one line it says."""
    done = subprocess.run(
        [python, *before, "scripts/bootstrap.py"],
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 1, done.stdout
    *before, line = done.stdout.splitlines()
    assert "Traceback" not in done.stdout and len(before) <= 1
    return line


@pytest.fixture
def bare(tmp_path):
    toy = Toy(tmp_path)
    return toy.root


def test_old_python_reads_the_script():
    """The grammar of 3.6: an older parser would only say that there is a syntax error."""
    ast.parse((ROOT / "scripts" / "bootstrap.py").read_text(), feature_version=(3, 6))


def test_python_too_old(bare):
    pretend = bare / "pretend.py"  # an interpreter that takes itself for 3.8, and is alone
    pretend.write_text(
        "import runpy, sys\n"
        "sys.version_info = (3, 8, 0, 'final', 0)\n"
        "sys.argv = sys.argv[1:]\n"
        "script = runpy.run_path(sys.argv[0])\n"
        "old = script['PROBE'].replace('import sys', 'import sys; sys.version_info = (3, 8)', 1)\n"
        "script['main'].__globals__['PROBE'] = old\n"
        "sys.exit(script['main']())\n"
    )
    said = bootstrap(PYTHON, str(pretend), cwd=bare, PATH="/nowhere")
    assert "Python 3.11 or later is needed, and the one here is 3.8." in said


def old_pythons():
    """Every older Python on this machine: on PATH, or among pyenv's."""
    found = {}
    for folder in [
        *os.environ["PATH"].split(os.pathsep),
        *Path.home().glob(".pyenv/versions/*/bin"),
    ]:
        for minor in range(6, 11):
            path = Path(folder) / f"python3.{minor}"
            if (
                path.exists()
                and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0
            ):
                found[minor] = str(path)
    return found


def test_real_old_pythons_say_so_too(bare):
    """On a machine that has none, the test above stands alone."""
    for minor, path in old_pythons().items():
        said = bootstrap(path, cwd=bare, PATH="/nowhere")
        assert f"Python 3.11 or later is needed, and the one here is 3.{minor}." in said


def test_old_python_finds_a_newer_one(bare):
    """Started by a Python that will not do, it goes on with one that does."""
    folder = bare / "bin"
    folder.mkdir()
    (folder / "python3").write_text("#!/bin/sh\nprintf '3.8\\n/nowhere\\nyes\\n'\n")
    (folder / "python3.12").symlink_to(PYTHON)
    (folder / "python3").chmod(0o755)
    code = "import sys; sys.path.insert(0, 'scripts'); import bootstrap; sys.executable = 'python3'"
    found = subprocess.check_output(
        [PYTHON, "-c", f"{code}; print(bootstrap.find_python())"],
        cwd=bare,
        env={**os.environ, "PATH": str(folder)},
        text=True,
    )
    assert os.path.realpath(found.strip()) == PYTHON


def test_python_without_venv(bare):
    """Debian packs the part that makes virtual environments separately."""
    (bare / "sitecustomize.py").write_text("import sys\nsys.modules['ensurepip'] = None\n")
    said = bootstrap(PYTHON, cwd=bare, PATH="/nowhere", PYTHONPATH=str(bare))
    version = "{}.{}".format(*sys.version_info)
    assert f"sudo apt install python{version}-venv" in said


def test_no_python_at_all(bare):
    tools = bare / "bin"
    tools.mkdir()
    (tools / "make").symlink_to(shutil.which("make"))
    done = subprocess.run(
        [tools / "make", "demo"],
        cwd=bare,
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert done.stderr.splitlines()[0].startswith("No python3 was found: install Python 3.11")


def test_folder_that_cannot_be_written(bare):
    (bare / ".venv").write_text("a file in the way")
    said = bootstrap(PYTHON, cwd=bare)
    assert said.startswith("Cannot set up .venv: ") and "File exists" in said


class Machine:
    """A machine as far as the Makefile asks about it, with the real shell, and the toy set up.

    `apt-get` installs bubblewrap once it has looked which packages there are, and notes each call.
    """

    APT = """#!/bin/sh
echo "$@" >> "$HERE/calls"
if [ "$1" = update ]; then : > "$HERE/known"; exit; fi
if [ -e "$HERE/broken" ]; then echo "E: Unable to fetch some archives" >&2; exit 100; fi
if [ ! -e "$HERE/known" ]; then echo "E: Unable to locate package" >&2; exit 100; fi
ln -s sh "$HERE/bwrap"
"""

    def __init__(self, folder, toy):
        self.folder, self.toy = folder, toy
        folder.mkdir()
        for name in ("ln", "make", "sh", "tail"):
            (folder / name).symlink_to(shutil.which(name))
        self.add("uname", "#!/bin/sh\necho Linux\n")
        self.add("id", "#!/bin/sh\necho 0\n")
        self.add("skiplab", '#!/bin/sh\necho "skiplab $@"\n', toy.root / ".venv" / "bin")

    def add(self, name, script="#!/bin/sh\nexit 1\n", folder=None):
        path = (folder or self.folder) / name
        path.write_text(script)
        path.chmod(0o755)

    def demo(self):
        """What `make demo` says before it goes on to the demo, which it must."""
        done = subprocess.run(
            ["make", "demo", f"PYTHON={PYTHON}"],
            cwd=self.toy.root,
            env={"PATH": str(self.folder), "HERE": str(self.folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        *said, last = done.stdout.splitlines()
        assert (done.returncode, last) == (0, "skiplab demo"), done.stdout
        return said

    def calls(self):
        path = self.folder / "calls"
        return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def machine(tmp_path, toy):
    return Machine(tmp_path / "bin", toy)


def test_the_sandbox_is_installed_where_it_can_be(machine):
    machine.add("apt-get", machine.APT)
    assert machine.demo() == [
        "Installing bubblewrap, the sandbox for student code (apt-get, up to a minute)"
    ]
    assert machine.calls() == ["install", "update", "install"]
    assert machine.demo() == [], "it is there now"
    assert len(machine.calls()) == 3
    (machine.folder / "bwrap").unlink()
    assert len(machine.demo()) == 1
    assert machine.calls()[3:] == ["install"], "the package is known now"


def test_a_sandbox_that_cannot_be_installed_is_told_in_a_line_and_make_goes_on(machine):
    machine.add("apt-get", machine.APT)
    (machine.folder / "broken").touch()
    assert machine.demo()[1:] == [
        "bubblewrap, the sandbox for student code, could not be installed "
        "(E: Unable to fetch some archives): sudo apt-get install bubblewrap"
    ]


@pytest.mark.parametrize(
    ("tool", "line"),
    [
        ("apt-get", "sudo apt-get install bubblewrap"),
        ("dnf", "sudo dnf install bubblewrap"),
        ("pacman", "sudo pacman -S bubblewrap"),
        (None, "install your system's package of that name."),
    ],
)
def test_who_is_not_root_is_told_the_line_to_run(machine, tool, line):
    machine.add("id", "#!/bin/sh\necho 1000\n")
    if tool:
        machine.add(tool, machine.APT)
    assert machine.demo() == [f"bubblewrap, the sandbox for student code, is missing: {line}"]
    assert machine.calls() == []


def test_a_mac_is_told_that_it_has_none(machine):
    machine.add("uname", "#!/bin/sh\necho Darwin\n")
    (line,) = machine.demo()
    assert "bubblewrap runs on Linux only" in line and "--isolation process" in line


def test_make_alone_lists_the_targets():
    listed = subprocess.check_output(["make"], cwd=ROOT, text=True)
    for target in ("demo", "test", "build", "lab", "bench", "lint"):
        assert f"make {target} " in listed
        *before, _ = subprocess.check_output(
            ["make", "-n", target], cwd=ROOT, text=True
        ).splitlines()
        grades = target in ("demo", "test", "bench")
        assert "scripts/bootstrap.py" in before[-2 if grades else -1]
        assert ("scripts/sandbox.sh" in before[-1]) == grades
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_every_installed_package_is_pinned():
    """Otherwise another day brings another course."""
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if not line.startswith("#")
    )
    pins = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pins.items()}
    assert pins["torch"] == "2.13.0"
    free = {"pip", "skiplab"}
    here = sysconfig.get_path("purelib")
    for package in importlib.metadata.distributions(path=[here]):
        name = re.sub(r"[-_.]+", "-", package.name).lower()
        # With GPU support PyTorch brings more, and pins that itself.
        if name not in free and not name.startswith(("nvidia-", "cuda-", "triton")):
            assert pins[name] == package.version.split("+")[0], name


def test_no_registry_is_named():
    for name in ("constraints.txt", "pyproject.toml", "Makefile", "scripts/bootstrap.py"):
        assert not re.search(r"https?://|index-url|find-links", (ROOT / name).read_text()), name
