"""The jail, from outside: a warm process behind bubblewrap, and a kernel in it for a submission.

What a student's code can see is listed in `_arguments`: the interpreter and its packages, a few
files of the system, and of this package what lessons import and what observes a network. What is
not listed does not exist in there.
"""

from __future__ import annotations

import importlib.util
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import skiplab
from skiplab.errors import CourseError
from skiplab.grading import inside

SANDBOX, PROCESS = "sandbox", "process"

# What of this package is there inside: no reference, no misconception, no judge, no grader.
VISIBLE = (
    "__init__.py",
    "lesson",
    "checks/__init__.py",
    "checks/challenge.py",
    "checks/crossing.py",
    "checks/observe.py",
    "checks/question.py",
    "grading/inside.py",
)
START_SECONDS = 120
MOST_PATH = 70  # characters of a folder for temporary files: a socket's path has 107 at most
GONE = "it is gone"  # a kernel whose keeper has ended without a word


class JailError(CourseError):
    """The jail cannot be had, or does not work; the message says why and what to do, in a line."""


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Attributes:
        cell_seconds: how long a cell, or a question of a check, may take.
        wall_seconds: how long a notebook may take, in one go.
        cpu_seconds: how long all its processes may compute together.
        memory_bytes: how much memory all its processes may use beyond what is there at the start,
            what they write to disk included.
        disk_bytes: the largest file, and the size of each place it can write to.
        processes: how many processes it may have; in the sandbox, also how many threads.
        output_bytes: how much output of a notebook is kept.
        restarts: how often a kernel that ended is started again for the rest of the notebook.
    """

    cell_seconds: int = 60
    wall_seconds: int = 600
    cpu_seconds: int = 300
    memory_bytes: int = 2 << 30
    disk_bytes: int = 128 << 20
    processes: int = 64
    output_bytes: int = 8 << 20
    restarts: int = 5


@dataclass(frozen=True)
class Door:
    """Where a warm process on this machine takes requests; any process of the grader may ask.

    Attributes:
        folder: the warm process's, with its socket and its log.
        isolation: "sandbox" or "process".
        hide: folders that must not be seen inside even where they lie within Python's own.
    """

    folder: Path
    isolation: str
    hide: tuple[Path, ...] = ()

    @property
    def socket(self) -> str:
        """The path of the socket."""
        return str(self.folder / "door")

    def start(self, name: str, files: Path | None, seed: int, key: str, limits: Limits) -> Kernel:
        """Start a kernel in a fork.

        Args:
            name: the name of the folder it works in.
            files: a folder whose files, notebooks apart, it gets a copy of.
            seed: for the random streams of Python, numpy and PyTorch.
            key: signs messages between it and the grader.
            limits: what it may use.

        Raises:
            JailError: the warm process is gone, or the kernel did not start.
        """
        if files is not None and not files.is_dir():
            raise JailError(f"The lesson's own files are gone: {files}")
        keeper = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            folder = Path(tempfile.mkdtemp(prefix="", dir=self.folder))
            (folder / "files").mkdir()
            if files is not None:
                copy_own_files(files, folder / "files")
            request = {
                "folder": folder.name,
                "host_folder": str(folder),
                "name": name,
                "places": _writable_places(),
                "hide": [str(place) for place in _seen_inside(self.hide)],
                "seed": seed,
                "key": key,
                "limits": asdict(limits),
            }
            keeper.connect(self.socket)
            keeper.send(json.dumps(request).encode())
        except (FileNotFoundError, ConnectionError) as error:
            keeper.close()
            raise JailError(f"The warm process is gone: {error}") from error
        kernel = Kernel(keeper, folder)
        deadline = time.monotonic() + START_SECONDS
        while not kernel.ready and kernel.ended is None and time.monotonic() < deadline:
            kernel.listen(1)
        if not kernel.ready:
            kernel.close()
            raise JailError(f"A kernel does not start: {self.last_words() or kernel.ended}")
        return kernel

    def last_words(self) -> str:
        """The last line that the warm process, or a fork of it, wrote to its log."""
        try:
            said = (self.folder / "log").read_text(errors="replace").strip().splitlines()
        except FileNotFoundError:
            return ""
        return said[-1] if said else ""


def have_short_paths() -> None:
    """See that sockets among this process's temporary files can have a name."""
    if len(os.fsencode(tempfile.gettempdir())) > MOST_PATH:
        tempfile.tempdir = "/tmp"


class Jail:
    """A warm process that forks a kernel for each submission. It ends with this object.

    Args:
        isolation: "sandbox" or "process"; the second keeps a submission in processes of its own
            and bounds them, but hides nothing from it.
        hide: folders that must not be seen inside even where they lie within Python's own.
        wait: whether to wait until it is warm; see `wait`.

    Attributes:
        door: where it takes requests.

    Raises:
        JailError: there is no sandbox to be had on this machine.
    """

    def __init__(
        self, isolation: str = SANDBOX, hide: Iterable[Path] = (), wait: bool = True
    ) -> None:
        """Start the warm process."""
        if isolation not in (SANDBOX, PROCESS):
            raise JailError(f"isolation: got {isolation!r}, wanted {SANDBOX!r} or {PROCESS!r}")
        # Not the usual folder for temporary files where a submission could guess at it.
        have_short_paths()
        folder = Path(tempfile.mkdtemp(prefix="skiplab-jail-"))
        self.door = Door(folder, isolation, tuple(hide))
        self._close = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._launch()
        if wait:
            self.wait()

    def _launch(self) -> None:
        """Start the warm process, in the folder that is there."""
        folder, isolation = self.door.folder, self.door.isolation
        is_boxed = isolation == SANDBOX
        folder.mkdir(mode=0o700, exist_ok=True)  # who tidies up may have taken it away
        Path(self.door.socket).unlink(missing_ok=True)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, listening:
            listening.bind(self.door.socket)
            listening.listen(128)
            passed = [theirs.fileno(), listening.fileno()]
            command = [sys.executable, "-B", inside.__file__, *map(str, passed), isolation]
            if is_boxed:
                command = [*_arguments(folder), *command]
            with (folder / "log").open("wb") as log:
                self._process = subprocess.Popen(
                    command,
                    pass_fds=passed,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=_environment(None if is_boxed else folder),
                    cwd=folder,
                )
        self._socket = ours
        self._close.detach()
        self._close = weakref.finalize(self, _close, self._process, ours, folder)

    @property
    def isolation(self) -> str:
        """How it keeps a submission apart: "sandbox" or "process"."""
        return self.door.isolation

    def wait(self) -> None:
        """Wait until it is warm.

        Raises:
            JailError: there is no sandbox to be had on this machine.
        """
        if select.select([self._socket], [], [], START_SECONDS)[0] and self._socket.recv(16):
            return
        why = self.door.last_words() or f"nothing was heard of it for {START_SECONDS} s"
        self.close()
        if self.isolation == SANDBOX:
            why = f"The sandbox does not start: {why}. {_WAY_OUT}"
        raise JailError(why)

    def is_alive(self) -> bool:
        """Whether the warm process is there, and its door."""
        return self._process.poll() is None and Path(self.door.socket).exists()

    def restart(self) -> None:
        """Start the warm process again, at the same door; where it is still there, it ends.

        Raises:
            JailError: it does not start.
        """
        self._socket.close()
        self._process.kill()
        self._process.wait()
        self._launch()
        self.wait()

    def close(self) -> None:
        """End the warm process and all that is in it."""
        self._close()


class Kernel:
    """A student's kernel, as the grader holds it.

    Attributes:
        ready: whether it is listening.
        ended: how it ended, in words; None while it runs.
        folder: where its sockets are.
        sockets: the path their names begin with.
        waited: seconds for which it could have computed and the machine did other things; known
            when it has ended.
        killed: whether it was ended by a signal that cannot be caught, and not by its keeper.
    """

    def __init__(self, keeper: socket.socket, folder: Path) -> None:
        """Hold the socket on which the keeper talks, and the folder of the kernel's sockets."""
        self._keeper = keeper
        self.folder = folder
        self.sockets = str(folder / "s")
        self.ready = False
        self.ended: str | None = None
        self.waited = 0.0
        self.killed = False

    def fileno(self) -> int:
        """The descriptor on which the keeper is heard."""
        return self._keeper.fileno()

    def listen(self, seconds: float) -> None:
        """Hear what the keeper has to say, for at most so long."""
        if self.ended is not None or not select.select([self._keeper], [], [], seconds)[0]:
            return
        try:
            data = self._keeper.recv(inside.MESSAGE_BYTES)
        except OSError:
            data = b""
        said = json.loads(data) if data else {"ended": GONE}
        self.ready = self.ready or "ready" in said
        self.ended = said.get("ended")
        self.waited, self.killed = said.get("waited", 0.0), said.get("killed", False)

    def tell(self, word: bytes) -> None:
        """Ask the keeper to "interrupt" or "kill" the kernel."""
        try:
            self._keeper.send(word)
        except OSError:
            self.listen(0)
            self.ended = self.ended or GONE

    def end(self) -> None:
        """End the kernel and everything it started, and wait for that."""
        if self.ended is None:
            self.tell(b"kill")
            deadline = time.monotonic() + 5
            while self.ended is None and time.monotonic() < deadline:
                self.listen(1)

    def close(self) -> None:
        """End the kernel, and forget its files."""
        self.end()
        self.ended = self.ended or "it was stopped"  # by the keeper, when it sees this
        self._keeper.close()
        shutil.rmtree(self.folder, ignore_errors=True)


_WAY_OUT = (
    "Install bubblewrap (Debian, Ubuntu: `apt-get install bubblewrap`; Fedora: `dnf install"
    " bubblewrap`) and allow user namespaces, or go on without a sandbox with `--isolation process`"
    " (docs/trust.md says what is lost)"
)


def _arguments(requests: Path) -> list[str]:
    """The command line of bubblewrap: everything that is there inside."""
    writable = _writable_places()
    program = shutil.which("bwrap")
    if program is None:
        raise JailError(f"There is no sandbox: bubblewrap (bwrap) is not installed. {_WAY_OUT}")
    words = [program, "--unshare-all", "--die-with-parent", "--new-session"]
    words += ["--uid", "1000", "--gid", "1000", "--hostname", "lesson"]
    words += ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        place = Path("/", name)
        if place.is_symlink():
            words += ["--symlink", str(place.readlink()), str(place)]
        elif place.is_dir():
            words += ["--ro-bind", str(place), str(place)]
    for name in ("ld.so.cache", "alternatives", "fonts", "localtime", "mime.types"):
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    (requests / "passwd").write_text(f"student:x:1000:1000:student:{inside.HOME}:/bin/sh\n")
    (requests / "group").write_text("student:x:1000:\n")
    for name in ("passwd", "group"):
        words += ["--ro-bind", str(requests / name), f"/etc/{name}"]
    words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    # A shared map of /dev/zero is memory that no process need show.
    words += ["--dev-bind", "/dev/null", "/dev/zero"]
    if os.getuid() == 0:
        # For root, bubblewrap covers parts of /proc, and then no namespace in there can have a
        # /proc of its own unless a whole one is in sight. The keeper covers this one.
        words += ["--bind", "/proc", inside.HOST_PROC]

    for place in _python_places():
        if not place.is_relative_to("/usr"):
            words += ["--ro-bind", str(place), str(place)]
    # What a site keeps among its programs is none: the exchange is there by default.
    private = [Path("/usr/local/share"), Path("/usr/local/src"), Path("/usr/src")]
    for place in _seen_inside(private):
        words += ["--tmpfs", str(place), "--remount-ro", str(place)]
    package = Path(skiplab.__file__).parent
    words += ["--tmpfs", str(package)]
    for name in VISIBLE:
        words += ["--ro-bind", str(package / name), str(package / name)]
    words += ["--remount-ro", str(package)]

    # For the warm process; a submission gets its own.
    words += ["--tmpfs", inside.HOME, "--tmpfs", inside.TEMPORARY, "--dir", inside.SOCKETS]
    words += ["--bind", str(requests), inside.REQUESTS]
    for font_list in _font_lists():
        words += ["--ro-bind", str(font_list), f"{inside.HOME}/.cache/matplotlib/{font_list.name}"]
    if "/tmp" not in writable:
        words += ["--remount-ro", "/tmp"]
    words += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"]
    return words


@cache
def _python_places() -> list[Path]:
    """The folders that this Python and its packages lie in, none inside another."""
    places = {Path(prefix).resolve() for prefix in (sys.base_prefix, sys.prefix)}
    places |= {Path(sys.prefix).absolute()}
    for package in ("torch", "ipykernel"):  # found, not imported: that takes seconds
        places |= {Path(importlib.util.find_spec(package).origin).parents[1]}
    return [
        place
        for place in sorted(places)
        if not any(place != other and place.is_relative_to(other) for other in places)
    ]


def _seen_inside(folders: Iterable[Path]) -> list[Path]:
    """Those of some folders that lie among the programs, and would be seen inside."""
    roots = [Path("/usr"), *_python_places()]
    found = [folder.resolve() for folder in folders]
    return [
        folder
        for folder in found
        if folder.is_dir() and any(folder.is_relative_to(root) for root in roots)
    ]


@cache
def _writable_places() -> list[str]:
    """Where a submission may write: /tmp, too, but where Python itself lies there."""
    needed = [*_python_places(), Path(skiplab.__file__).parent]
    is_free = not any(place.is_relative_to("/tmp") for place in needed)
    return [inside.HOME, inside.TEMPORARY, "/dev/shm", *(["/tmp"] if is_free else [])]


def _font_lists() -> list[Path]:
    """The lists of this machine's fonts that matplotlib keeps: it takes seconds to make one."""
    import matplotlib

    kept = Path(matplotlib.get_cachedir())
    if not list(kept.glob("fontlist-*.json")):
        import matplotlib.font_manager  # makes the list
    return sorted(kept.glob("fontlist-*.json"))


def _environment(home: Path | None) -> dict[str, str]:
    """The environment variables inside: none of the grader's own."""
    return {
        "HOME": str(home) if home else inside.HOME,
        "USER": "student",
        "LOGNAME": "student",
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp" if home else inside.TEMPORARY,
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",  # else each thread claims 64 MB
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONHASHSEED": "0",  # the order of a set is the same when a grading is repeated
    }


def own_files(folder: Path) -> list[Path]:
    """A lesson's own files: not its notebooks, which hold solutions and hidden tests."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix != ".ipynb"
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def copy_own_files(folder: Path, to: Path) -> None:
    """Copy a lesson's own files.

    Args:
        folder: the lesson's folder.
        to: where to; made where there is something to copy.
    """
    for file in own_files(folder):
        place = to / file.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)


def _close(process: subprocess.Popen[Any], control: socket.socket, folder: Path) -> None:
    control.close()
    process.kill()
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)
