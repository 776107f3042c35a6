"""What runs inside the jail: a warm process, and for each submission a fork of it.

bubblewrap starts this file as a program (`jail.py` says how). It imports what lessons import, once,
and then waits. For each submission it forks:

    warm process            reads requests, forks, never runs a student's code
      └ keeper              in new user, process, mount, network, IPC and host-name namespaces;
                            holds the limits, answers the grader, never runs a student's code
          └ kernel          the student's: no capabilities, nothing to write but its own memory

The keeper is process 1 of its namespace: when it ends, the system ends everything else in there.
The kernel reaches neither the keeper (which has capabilities that the kernel has not) nor the warm
process (which is in another user namespace).

Only the standard library is imported at the top: this file stands alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import importlib
import json
import os
import resource
import select
import shutil
import signal
import socket
import struct
import sys
import time
from pathlib import Path

MESSAGE_BYTES = 65536  # of a request and of an answer
LOOK_SECONDS = 0.1  # between two looks at what a submission uses
# Not where people keep their projects, and Python with them: what lies below would be covered.
HOME = "/run/student"
TEMPORARY = "/run/tmp"
SOCKETS = "/run/kernel"
REQUESTS = "/run/requests"
HOST_PROC = "/run/proc"  # only for root, see jail.py
PORTS = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5}

THREADS = 4  # for each process that it may have

_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY = 4, 20
_SHOW_MEMORY, _MEMORY = 0x20, 5  # UDIAG_SHOW_MEMINFO, UNIX_DIAG_MEMINFO
_libc = ctypes.CDLL(None, use_errno=True)
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT, _MS_BIND = 2, 4, 8, 32, 4096
_MS_RDONLY, _MS_REC, _MS_PRIVATE = 1, 16384, 1 << 18
_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 4, 24, 38
_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_SYS_CAPSET = {"x86_64": 126, "aarch64": 91}
_SYS_KEYCTL = {"x86_64": 250, "aarch64": 219}
_KEYCTL_JOIN_SESSION_KEYRING = 1
# The machine's number in the audit system (linux/audit.h), and of its system calls mmap and those
# that make memory which no process's page tables need show: memfd_create, memfd_secret and
# io_uring_setup.
_MEMORY_CALLS = {
    "x86_64": (0xC000003E, 9, (319, 447, 425)),
    "aarch64": (0xC00000B7, 222, (279, 447, 425)),
}
_NEW_NAMESPACES = (
    0x00020000  # mounts
    | 0x04000000  # host name
    | 0x08000000  # IPC
    | 0x10000000  # users
    | 0x20000000  # processes
    | 0x40000000  # network
)


def main() -> None:
    """Import what is slow, say so, and fork for each request until the owner goes away."""
    owner, door = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    isolated = sys.argv[3] == "sandbox"
    package = str(Path(__file__).parents[2])  # wherever the grader has it from, as by PYTHONPATH
    sys.path += [] if package in sys.path else [package]
    _import_what_lessons_import()
    _warm_up()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader
    owner.send(b"warm")
    _import_what_few_need()
    gc.freeze()  # what is there stays: no fork need look through it, or copy it to do so
    children: set[int] = set()
    while True:
        readable, _, _ = select.select([owner, door], [], [])
        if owner in readable:  # it says nothing, so it is gone
            return
        grader, _ = door.accept()  # on which the keeper will talk
        data = grader.recv(MESSAGE_BYTES)
        if data:
            child = os.fork()
            if child == 0:
                owner.close()
                door.close()
                _guarded(_keep, json.loads(data), grader, isolated)
            children.add(child)
        grader.close()
        children -= {pid for pid in children if os.waitpid(pid, os.WNOHANG)[0]}


def _import_what_lessons_import() -> None:
    for name in (
        *("ipykernel.ipkernel", "ipykernel.kernelapp", "ipykernel.debugger"),
        *("IPython.core.debugger", "IPython.core.completerlib", "IPython.extensions.storemagic"),
        # An optimizer's first step imports the second: two seconds.
        *("torch", "torch._dynamo", "skiplab.lesson", "skiplab.checks.crossing"),
    ):
        importlib.import_module(name)
    import torch

    torch.set_num_threads(1)


def _import_what_few_need() -> None:
    """Import what a submission may do without: the first of all need not wait for it."""
    for name in ("matplotlib.pyplot", "matplotlib_inline.backend_inline"):
        importlib.import_module(name)


def _warm_up() -> None:
    """Do once what each submission does: the first time, PyTorch takes ten times as long."""
    import torch
    from torch import nn

    from skiplab.checks.challenge import Batch, Challenge, TrainingChallenge, Trial
    from skiplab.checks.observe import observe_training, observe_wiring

    if torch.accelerator.is_available():  # autograd then starts threads, which no fork can have
        return

    class Small(nn.Module):
        def __init__(self, size: int) -> None:
            super().__init__()
            self.layer, self.act = nn.Linear(size, size), nn.ReLU()

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            return self.act(self.layer(X))

    arguments = {"size": 8}
    weights = {name: value.detach() for name, value in Small(8).named_parameters()}
    X = torch.linspace(-1, 1, 32).view(4, 8)
    trial = Trial(arguments, weights, (Batch(X[:1], X[:1]), Batch(X, X)))
    observe_wiring(Small, Challenge(0, (trial, trial)))
    observe_training(Small, TrainingChallenge(0, arguments, weights, (X, X), epochs=2))


def _guarded(function, *arguments: object) -> None:  # noqa: ANN001
    """Call a function and end this process, whatever happens."""
    try:
        function(*arguments)
    except BaseException as error:  # it must not go on as a second warm process
        with contextlib.suppress(OSError):
            os.write(2, f"jail: {type(error).__name__}: {error}\n".encode())
        os._exit(70)
    os._exit(0)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    _check(
        _libc.mount(source.encode(), target.encode(), kind.encode(), flags, options.encode()),
        f"mount {target}",
    )


def _keep(request: dict, grader: socket.socket, isolated: bool) -> None:
    """Enter new namespaces, and be the keeper in them."""
    limits = request["limits"]
    if isolated:
        uid, gid = os.getuid(), os.getgid()
        _check(_libc.unshare(_NEW_NAMESPACES), "unshare")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
        # A new process namespace begins with the next child.
        keeper = os.fork()
        if keeper:
            grader.close()
            os.waitpid(keeper, 0)
            return
        _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")
    _check(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl")
    os.setsid()
    if isolated:
        _furnish(request, limits)
    ready, tell_ready = os.pipe()
    kernel = os.fork()
    if kernel == 0:
        os.close(ready)
        grader.close()
        _guarded(_be_kernel, request, tell_ready, isolated)
    os.close(tell_ready)
    ended, watch = "it did not start", _Watch(kernel)
    try:
        ended = _look_after(kernel, ready, grader, request, isolated, watch)
    finally:
        if not isolated:
            _kill_all(kernel)
        said = {"ended": ended, "waited": watch.waited, "killed": watch.killed}
        with contextlib.suppress(OSError):
            grader.send(json.dumps(said).encode())


def _furnish(request: dict, limits: dict) -> None:
    """Give the submission its own places to write, of bounded size, and hide all others."""
    _mount("none", "/", "", _MS_REC | _MS_PRIVATE)
    own = Path(REQUESTS, request["folder"])
    guard = _MS_NOSUID | _MS_NODEV
    _mount(str(own), SOCKETS, "", _MS_BIND)
    size = f"size={limits['disk_bytes']},nr_inodes=20000"
    for place in request["places"]:
        _mount("tmpfs", place, "tmpfs", guard, f"{size},mode=1777")
    for place in request["hide"]:
        if Path(place).is_dir():
            _mount("tmpfs", place, "tmpfs", guard | _MS_RDONLY, "size=4k")
    work = Path(HOME, request["name"])
    shutil.copytree(own / "files", work)
    _mount("tmpfs", REQUESTS, "tmpfs", guard | _MS_RDONLY, "size=4k")
    _mount("proc", "/proc", "proc", guard | _MS_NOEXEC)
    if Path(HOST_PROC).is_dir():
        _mount("tmpfs", HOST_PROC, "tmpfs", guard | _MS_RDONLY, "size=4k")
    for name, value in (
        ("user/max_user_namespaces", "0"),  # no capabilities by way of another namespace
        ("kernel/shmmni", "64"),
        ("kernel/sem", "250 32000 32 128"),
        ("kernel/msgmni", "32"),
        ("kernel/shmall", str(limits["disk_bytes"] // 4096)),
    ):
        with contextlib.suppress(OSError):
            Path("/proc/sys", name).write_text(value)
    # Where the grader is root, so is the kernel to the system's settings: it could write them.
    _mount("none", "/proc", "", guard | _MS_NOEXEC | _MS_REMOUNT | _MS_BIND | _MS_RDONLY)


def _drop_capabilities() -> None:
    machine = os.uname().machine
    # The grader's keys are in the session keyring, which a fork inherits.
    _libc.syscall(_SYS_KEYCTL[machine], _KEYCTL_JOIN_SESSION_KEYRING, None)
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break  # past the last one this system knows
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    none = (ctypes.c_uint32 * 6)()
    _check(_libc.syscall(_SYS_CAPSET[machine], header, none), "capset")


def _refuse_hidden_memory() -> None:
    """Have the system refuse memory that the keeper could not see.

    What is shared but in no file stays when a process drops it from its page tables, and then
    nobody's memory shows it. seccomp(2), in classic BPF (linux/filter.h): refused with EPERM are
    the calls of `_MEMORY_CALLS`, an mmap(2) that is shared and anonymous, and all calls by the
    numbers of another machine.
    """
    machine, mmap, others = _MEMORY_CALLS[os.uname().machine]
    load, equal, at_least, mask, end = 0x20, 0x15, 0x35, 0x54, 0x06
    refuse, allow = 0x00050000 | errno.EPERM, 0x7FFF0000
    number, arch, mmap_flags = 0, 4, 16 + 3 * 8  # of struct seccomp_data
    shared_and_anonymous = 0x01 | 0x20
    program = [
        (load, 0, 0, arch),
        (equal, 1, 0, machine),
        (end, 0, 0, refuse),
        (load, 0, 0, number),
        (at_least, 0, 1, 0x40000000),  # x86_64's third way to count them
        (end, 0, 0, refuse),
    ]
    for one in others:
        program += [(equal, 0, 1, one), (end, 0, 0, refuse)]
    program += [
        (equal, 1, 0, mmap),
        (end, 0, 0, allow),
        (load, 0, 0, mmap_flags),
        (mask, 0, 0, shared_and_anonymous),
        (equal, 0, 1, shared_and_anonymous),
        (end, 0, 0, refuse),
        (end, 0, 0, allow),
    ]
    filters = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in program))
    whole = struct.pack("@HP", len(program), ctypes.addressof(filters))
    _check(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, whole, 0, 0), "seccomp")


def _be_kernel(request: dict, tell_ready: int, isolated: bool) -> None:
    """Become the kernel that runs the notebook."""
    limits = request["limits"]
    # The keeper may look at the kernel, and not the other way round.
    _check(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl")
    if isolated:
        _drop_capabilities()
        _refuse_hidden_memory()
        folder = Path(HOME, request["name"])
        sockets = f"{SOCKETS}/s"
        connection = Path(TEMPORARY, "connection.json")
    else:
        folder = Path(request["host_folder"], "files")
        sockets = str(Path(request["host_folder"], "s"))
        connection = Path(request["host_folder"], "connection.json")
    os.chdir(folder)
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, limits["disk_bytes"]),
        (resource.RLIMIT_CPU, limits["cpu_seconds"]),
        (resource.RLIMIT_NOFILE, 512),
        # Address space is claimed in advance (stacks, allocators' reserves): this stops only what
        # grows too fast for the keeper, who counts what is used.
        (resource.RLIMIT_AS, _address_space() + 2 * limits["memory_bytes"] + (1 << 30)),
        *([(resource.RLIMIT_NPROC, THREADS * limits["processes"])] if isolated else []),
    ):
        resource.setrlimit(limit, (value, value))
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.closerange(3, tell_ready)
    os.closerange(tell_ready + 1, 4096)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _seed(request["seed"])

    # As in a kernel started by its own command.
    sys.argv = ["ipykernel_launcher.py", "-f", str(connection)]
    sys.path[:] = ["", *[place for place in sys.path if place != str(Path(__file__).parent)]]
    connection.write_text(
        json.dumps(
            {
                **PORTS,
                "transport": "ipc",
                "ip": sockets,
                "key": request["key"],
                "signature_scheme": "hmac-sha256",
                "kernel_name": "python3",
            }
        )
    )
    from ipykernel.kernelapp import IPKernelApp

    application = IPKernelApp.instance(kernel_class=_kernel_class())
    application.initialize(
        [
            *("-f", str(connection), "--log-level=ERROR"),
            *("--HistoryManager.enabled=False", "--IPKernelApp.capture_fd_output=True"),
        ]
    )
    os.write(tell_ready, b"ready")
    os.close(tell_ready)
    application.start()


def _kernel_class() -> type:
    """A kernel that also answers the grader's questions."""
    from ipykernel.ipkernel import IPythonKernel

    from skiplab.checks.crossing import answer

    class Kernel(IPythonKernel):
        msg_types = [*IPythonKernel.msg_types, "question_request"]  # noqa: RUF012 -- as there

        def question_request(self, stream: object, ident: list, parent: dict) -> None:
            try:
                said = answer(bytes(parent["buffers"][0]), self.shell.user_ns)
            except KeyboardInterrupt:
                said = b""
            self.session.send(stream, "question_reply", {}, parent, ident, [said])

    return Kernel


def _seed(seed: int) -> None:
    """Begin random streams anew: when a grading is repeated, a student's code draws the same."""
    import random

    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _address_space() -> int:
    """Bytes of address space in use."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


class _Watch:
    """What the keeper knows of the machine's part in what becomes of a submission.

    Attributes:
        waited: seconds for which the kernel could have computed and was not let.
        killed: whether the kernel was ended by a signal that cannot be caught, and not by the
            keeper: by itself, or by a system that was out of memory.
    """

    def __init__(self, kernel: int) -> None:
        self.waited, self.killed = 0.0, False
        self._kernel = kernel
        self._seen: dict[tuple[int, str], float] = {}  # seconds of computing of each process

    def look(self, pids: set[int]) -> float:
        """Look at the processes; return for how many seconds all have computed, as far as seen.

        A process that ends is counted in its parent's account, unless the parent will not have it.
        So what was seen of it counts, too, where that is more.
        """
        with contextlib.suppress(OSError, IndexError, ValueError):
            delay = Path(f"/proc/{self._kernel}/schedstat").read_text().split()[1]
            self.waited = int(delay) / 1e9
        accounts, tick = _cpu_seconds(), os.sysconf("SC_CLK_TCK")
        for pid in pids:
            with contextlib.suppress(OSError, IndexError, ValueError):
                words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                own, of_children = (sum(map(int, words[at : at + 2])) / tick for at in (11, 13))
                self._seen[pid, words[19]] = own
                accounts += own + of_children
        if len(self._seen) > 10_000:  # the oldest go; the accounts have most of them
            for key in list(self._seen)[:5_000]:
                del self._seen[key]
        return max(accounts, sum(self._seen.values()))


def _look_after(
    kernel: int,
    ready: int,
    grader: socket.socket,
    request: dict,
    isolated: bool,
    watch: _Watch,
) -> str:
    """Pass on what the grader asks, and watch the limits.

    Returns:
        How it ended, in words.
    """
    limits, places = request["limits"], request["places"]
    stop_at = time.monotonic() + limits["wall_seconds"]
    waiting: list[object] = [grader, ready]
    while True:
        readable, _, _ = select.select(waiting, [], [], LOOK_SECONDS)
        if ready in readable:
            waiting.remove(ready)
            if os.read(ready, 16) == b"ready":
                if isolated:
                    flags = _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV
                    _mount("none", SOCKETS, "", flags)
                grader.send(b'{"ready": true}')
            os.close(ready)
        pids = (_everything() if isolated else _descendants(kernel)) - {os.getpid()}
        computed = watch.look(pids)
        if grader in readable:
            asked = grader.recv(MESSAGE_BYTES)
            if asked == b"interrupt":
                with contextlib.suppress(ProcessLookupError):
                    os.kill(kernel, signal.SIGINT)
            else:  # "kill", or the grader is gone
                return "it was stopped"
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return "it ended"
            if pid == 0:
                break
            if pid == kernel:
                ended = _how_it_ended(status, limits)
                watch.killed = os.WIFSIGNALED(status) and "signal 9" in ended
                return ended
        if time.monotonic() > stop_at:
            return f"it reached the limit of {limits['wall_seconds']} s for a notebook"
        if computed > limits["cpu_seconds"]:
            return f"it reached the limit of {limits['cpu_seconds']} s of computing"
        used, processes, threads = _usage(pids, isolated, places, limits["memory_bytes"])
        if used > limits["memory_bytes"]:
            return f"it reached the memory limit of {limits['memory_bytes'] >> 20} MB"
        if processes > limits["processes"]:
            return f"it reached the limit of {limits['processes']} processes"
        if threads > THREADS * limits["processes"]:
            return f"it reached the limit of {THREADS * limits['processes']} threads"


def _how_it_ended(status: int, limits: dict) -> str:
    if os.WIFEXITED(status):
        return f"it ended itself, with exit status {os.WEXITSTATUS(status)}"
    number = os.WTERMSIG(status)
    if number in (signal.SIGXCPU, signal.SIGKILL) and _cpu_seconds() >= limits["cpu_seconds"] - 1:
        return f"it reached the limit of {limits['cpu_seconds']} s of computing"
    names = {one.value: one.name for one in signal.Signals}
    return f"it was ended by signal {number} ({names.get(number, 'no name')})"


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _usage(
    pids: set[int], isolated: bool, places: list[str], memory_bytes: int
) -> tuple[int, int, int]:
    """What all processes use together: bytes of memory, processes, threads.

    Of shared pages each counts its part. To find that out takes milliseconds, so it is done only
    where the memory could be more than `memory_bytes`. What is in no process's address space is
    looked for where it can hide: in files in memory that only a descriptor holds, in sockets, in
    temporary files. More than that cannot be made: see `_refuse_hidden_memory`.
    """
    elsewhere = processes = threads = at_most = 0
    files: dict[tuple[int, int], int] = {}
    for pid in sorted(pids):
        processes += 1
        numbers = _numbers(f"/proc/{pid}/status")
        threads += numbers.get("Threads:", 0)
        if processes > 100:  # too many in any case; only count them
            continue
        at_most += sum(numbers.get(name, 0) for name in ("RssAnon:", "RssShmem:", "VmSwap:")) << 10
        with contextlib.suppress(OSError):
            for descriptor in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    if os.readlink(descriptor.path).endswith(" (deleted)"):  # noqa: PTH115
                        found = os.stat(descriptor.path)  # noqa: PTH116
                        files[found.st_dev, found.st_ino] = 512 * found.st_blocks
    elsewhere += sum(files.values())
    if isolated:
        elsewhere += _socket_bytes()
        for place in places:
            disk = os.statvfs(place)
            elsewhere += (disk.f_blocks - disk.f_bfree) * disk.f_frsize
    if at_most + elsewhere <= memory_bytes:
        return at_most + elsewhere, processes, threads
    used = 0
    for pid in sorted(pids)[:100]:
        numbers = _numbers(f"/proc/{pid}/smaps_rollup")
        used += sum(numbers.get(name, 0) for name in ("Pss_Anon:", "Pss_Shmem:", "SwapPss:")) << 10
    return used + elsewhere, processes, threads


def _numbers(path: str) -> dict[str, int]:
    """What stands in a file of /proc with a name and a number in each line; {} if it is gone."""
    numbers = {}
    with contextlib.suppress(OSError):
        for line in Path(path).read_text(errors="replace").splitlines():
            name, *rest = line.split()[:2]
            if rest and rest[0].isdigit():
                numbers[name] = int(rest[0])
    return numbers


def _socket_bytes() -> int:
    """Bytes that wait in Unix sockets of this network namespace (sock_diag(7)); 0 if unknown."""
    header, message, attribute = struct.Struct("=IHHII"), 16, struct.Struct("=HH")
    request = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, 0xFFFFFFFF, 0, _SHOW_MEMORY, 0, 0)
    total = 0
    with (
        contextlib.suppress(OSError, struct.error),
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as diag,
    ):
        diag.settimeout(1)
        length = header.size + len(request)
        diag.send(header.pack(length, _SOCK_DIAG_BY_FAMILY, 0x301, 1, 0) + request)
        while True:
            data = diag.recv(1 << 16)
            while data:
                length, kind, *_ = header.unpack_from(data)
                if kind != _SOCK_DIAG_BY_FAMILY:  # the end, or an error
                    return total
                at = header.size + message
                while at < length:
                    size, name = attribute.unpack_from(data, at)
                    if name == _MEMORY:
                        # What is on its way is counted at the sender's side.
                        total += struct.unpack_from("=9I", data, at + attribute.size)[2]
                    at += max(4, (size + 3) & ~3)
                data = data[(length + 3) & ~3 :]
    return total


def _everything() -> set[int]:
    return {int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()}


def _descendants(kernel: int) -> set[int]:
    """The processes that came from the kernel, as long as their parents live."""
    parents: dict[int, int] = {}
    for pid in _everything():
        with contextlib.suppress(OSError, ValueError, IndexError):
            text = Path(f"/proc/{pid}/stat").read_text()
            parents[pid] = int(text.rpartition(")")[2].split()[1])
    found = {kernel} if kernel in parents else set()
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def _kill_all(kernel: int) -> None:
    """Without namespaces: kill what came from the kernel, as far as it can still be found."""
    for pid in _descendants(kernel) | {kernel}:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
