"""Make `.venv` ready for the other commands: every make target runs this first.

It uses the standard library alone and parses on Python 3.6, so that an old Python can say in one
line what is wrong. A `.venv` that is whole and up to date costs a few hundredths of a second;
anything else is brought up to date or made again, and an interrupted run is simply run again.
"""

import contextlib
import fcntl
import hashlib
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "skiplab-stamp.json"
LOG = VENV / "install.log"
EXTRAS = "grading,dev"
OLDEST = (3, 11)
NAMES = ["python3", "python3.13", "python3.12", "python3.11", "python3.14"]

# Run by .venv's own Python: is it there, new enough, and able to install?
FITS = f"import sys, pip; sys.exit(sys.version_info < {OLDEST})"

# Asked of a Python that may be of any version: which it is, where the real one lies if it is
# itself in a virtual environment (perhaps the very one that is about to be made again), and
# whether it can make one (Debian packs that part separately).
PROBE = """
import sys
print("%d.%d" % sys.version_info[:2])
print(getattr(sys, "_base_executable", sys.executable))
try:
    import ensurepip, venv
    print("yes")
except ImportError:
    print("no")
"""


class SetupError(Exception):
    """Something the person at the keyboard can put right; the message is one line."""


def main() -> int:
    """Bring `.venv` up to date; return the exit status."""
    try:
        with _one_at_a_time():
            if not (_finished(_made_for()) and _succeeds([str(PYTHON), "-I", "-c", FITS])):
                make_whole()
    except SetupError as error:
        print(f"Cannot set up .venv: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Cannot set up .venv: {explain(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again to go on.", file=sys.stderr)
        return 130
    return 0


def make_whole() -> None:
    """Install on top of a finished but outdated `.venv`; make any other anew.

    pip believes its own records, so it would leave a hole where an interrupted run, or somebody,
    left one. Making `.venv` anew is always right, and pip keeps what it has downloaded.

    Raises:
        SetupError: No fitting Python, or pip failed; the message says what to do.
    """
    python = find_python()
    if _finished() and _succeeds([str(PYTHON), "-I", "-c", FITS]):
        STAMP.unlink()  # if this run is interrupted, the next must not believe it
        what = "Bringing .venv up to date"
    else:
        print(f"Making .venv with {python}", flush=True)
        if VENV.is_dir():
            shutil.rmtree(str(VENV))
        VENV.mkdir()
        _run([python, "-m", "venv", str(VENV)], "Making .venv")
        what = "Installing"
    _run(
        [
            *(str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check"),
            *("--progress-bar", "off", "-c", "constraints.txt", "-e", f".[{EXTRAS}]"),
        ],
        what,
    )
    part = STAMP.with_suffix(".part")
    part.write_text(
        json.dumps({"place": str(VENV), "made_for": _made_for(), "contents": _contents()})
    )
    part.replace(STAMP)


def find_python() -> str:
    """The path of a Python that is new enough and can make virtual environments.

    Raises:
        SetupError: There is none.
    """
    too_old = None
    without_venv = None
    for name in [sys.executable, *NAMES]:
        path = shutil.which(name)
        if path is None:
            continue
        try:
            answer = subprocess.check_output([path, "-c", PROBE], stderr=subprocess.DEVNULL)
            version, base, has_venv = answer.decode().split("\n")[:3]
            number = tuple(int(part) for part in version.split("."))
        except (OSError, ValueError, subprocess.CalledProcessError):
            continue  # a launcher for a Python that is not installed
        if number < OLDEST:
            too_old = too_old or version
        elif has_venv != "yes":
            without_venv = without_venv or version
        else:
            return base
    if without_venv:
        raise SetupError(
            f"Python {without_venv} cannot make virtual environments here. Install the missing part"
            f" (Debian, Ubuntu: sudo apt install python{without_venv}-venv) and run this again."
        )
    raise SetupError(
        f"Python 3.{OLDEST[1]} or later is needed"
        + (f", and the one here is {too_old}" if too_old else "")
        + f". Install it so that python3 or python3.{OLDEST[1]} is found, and run this again."
    )


def explain(output: str) -> str:
    """What the output of pip or venv says went wrong, and what to do, in one line."""
    if re.search(r"No space left on device|Errno 28|Disk quota exceeded", output):
        return (
            f"the disk is full. Free 2 GB (6 GB where PyTorch comes with GPU support) in {ROOT}"
            " and in your temporary folder, and run this again."
        )
    if re.search(
        r"NewConnectionError|NameResolutionError|Failed to establish a new connection"
        r"|Temporary failure in name resolution|ConnectTimeoutError|ReadTimeoutError"
        r"|Connection (refused|reset|broken)|Network is unreachable|ProxyError|ProtocolError",
        output,
    ):
        return (
            "the package index cannot be reached. Check the network (and pip's proxy and index"
            " settings, if you have any) and run this again."
        )
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["no output"]
    # pip's first ERROR says what; what follows it is advice on dependency resolution.
    error = next((line for line in lines if line.startswith("ERROR: ")), lines[-1])
    whole = f" The whole output is in {LOG}" if LOG.exists() else ""
    return f"{error.rstrip('.')}.{whole}"


def _run(command: "list[str]", what: str) -> None:
    """Run a command with its output in LOG, and one line about it on the screen."""
    started = time.monotonic()
    process = subprocess.Popen(
        command, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    lines = []

    def read() -> None:
        with LOG.open("ab") as log:
            for line in process.stdout:
                log.write(line)
                log.flush()
                lines.append(line.decode(errors="replace").rstrip())

    reader = threading.Thread(target=read)
    reader.start()
    is_screen = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns - 1
    told = 0
    while reader.is_alive():
        reader.join(0.5)
        seconds = int(time.monotonic() - started)
        steps = [line.strip() for line in lines if re.match(r"\s*(Downl|Install|Collect)", line)]
        step = re.sub(r"\S+/|(?<=collected packages): .*", "", steps[-1]) if steps else ""
        text = f"{what}: {seconds} s. {step}"[:width]
        if is_screen:
            print("\r" + text.ljust(width), end="", flush=True)
        elif seconds >= told + 10:
            told = seconds
            print(text, flush=True)
    if is_screen:
        print("\r" + " " * width + "\r", end="")
    if process.wait() != 0:
        raise SetupError(explain("\n".join(lines)))
    print(f"{what}: done in {time.monotonic() - started:.0f} s", flush=True)


def _succeeds(command: "list[str]") -> bool:
    try:
        return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def _made_for() -> str:
    """A hash of what is to be installed."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def _contents() -> "list[str]":
    """What lies in `.venv`'s command and package folders.

    A distribution has a folder there whose name carries its version, beside its modules, so
    these two listings tell whether everything is there in the version that was installed.
    """
    folders = [VENV / "bin", *VENV.glob("lib/python3.*/site-packages")]
    return sorted(entry.name for folder in folders for entry in folder.iterdir())


def _finished(made_for: "str | None" = None) -> bool:
    """Whether `.venv` was finished (for `made_for`, where given) and has lost nothing since.

    One that was moved has wrong paths inside.
    """
    try:
        stamp = json.loads(STAMP.read_text())
        return (
            stamp["place"] == str(VENV)
            and made_for in (None, stamp["made_for"])
            and set(stamp["contents"]) <= set(_contents())
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextlib.contextmanager
def _one_at_a_time() -> "Iterator[None]":
    """Let `make demo` and `make test` be started at the same time on a fresh clone."""
    with Path(__file__).open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another command is setting up .venv: waiting for it", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
