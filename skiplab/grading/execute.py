"""Run a rebuilt notebook: the student's cells in the jail, the grade cells here.

A grade cell is the author's code, and its verdict is the score. It runs in this process. `_Names`
says whose a name in it is; the student's are looked up in the jail, by value or as a `Handle`
(`skiplab.checks.handle`).
"""

from __future__ import annotations

import ast
import base64
import builtins
import contextlib
import hashlib
import io
import os
import resource
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from queue import Empty
from typing import Any

import nbformat
import zmq
import zmq.asyncio
from IPython.core.inputtransformer2 import TransformerManager
from jupyter_client import AsyncKernelClient, BlockingKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode

from skiplab.checks import CheckFailed, keeping_awards
from skiplab.checks.asking import seeds_from
from skiplab.checks.challenge import Challenge, TrainingChallenge
from skiplab.checks.crossing import MOST_BYTES, pack, unpack
from skiplab.checks.exercise import KEPT
from skiplab.checks.handle import Handle, look_up
from skiplab.checks.pictures import as_output
from skiplab.checks.question import Question, Reference, is_from_student
from skiplab.grading.cells import OWN, RECORD, SKIP_TAG, is_check
from skiplab.grading.intake import as_text
from skiplab.grading.jail import GONE, Door, JailError, Kernel, Limits
from skiplab.grading.provisioner import JailSpecs

HIDDEN = ("BEGIN HIDDEN TESTS", "END HIDDEN TESTS")
MOST_COLOURS = 10_000  # changes of colour in a notebook's outputs: a page has an element for each
MOST_GROWTH = 1 << 30  # bytes by which the grader may grow over a notebook
WAITED = 0.1  # of a cell's time: who has waited longer might have been done in time
_GRACE_SECONDS = 3  # after an interrupt, before the kernel is ended
_SHOWN = ("text/plain", "image/png", "image/jpeg")  # none of them can hold a script


class Stopped(BaseException):
    """The student's code ended its process, or was ended, while it was looked at.

    No `Exception`: a grade cell that catches those must not take it for an answer.
    """


@dataclass(frozen=True)
class Grading:
    """What a grading depends on besides the rebuilt notebook and the lesson.

    Attributes:
        seed: random, from the operating system; challenges and random streams follow from it.
        isolation: "sandbox" or "process".
    """

    seed: str
    isolation: str

    def number(self, purpose: str) -> int:
        """A number, 0 to 2147483647, for a purpose: the same each time, and for no other."""
        digest = hashlib.sha256(f"{self.seed} {purpose}".encode()).digest()
        return int.from_bytes(digest[:4], "big") >> 1


def run_notebook(
    notebook: NotebookNode,
    name: str,
    door: Door,
    grading: Grading,
    limits: Limits,
    files: Path | None = None,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> str | None:
    """Run a rebuilt notebook, and write the outputs and the scores into it.

    Args:
        notebook: The notebook, changed in place. Its structure is trusted, the students' text in
            it is not.
        name: The lesson's name.
        door: Where the student's cells run.
        grading: The seeds.
        limits: What the student's code may use.
        files: The lesson's own files.
        tell: Told how many cells have been run, of how many.

    Returns:
        Why the result may be owed to whatever else ran on the machine, in words; None where there
            is no reason to think so.

    Raises:
        JailError: The jail does not work, or was ended. That is never the student's fault.
    """
    code = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    run = _Run(notebook, name, door, grading, limits, files)
    try:
        for done, index in enumerate(code):
            tell(done, len(code))
            cell = notebook.cells[index]
            cell.outputs, cell.execution_count = [], None
            if is_check(cell):
                run.grade(cell)
            elif SKIP_TAG not in cell.metadata.get("tags", []):
                run.student(index)
    finally:
        run.close()
    for index in code:
        cell = notebook.cells[index]
        cell.outputs = nbformat.from_dict(as_text(cell.outputs))
    return run.doubt


class _Client(NotebookClient):
    """nbclient, with a bound on what it keeps, and no ear for widgets."""

    room = 0  # bytes of output still to be kept

    def process_message(
        self, msg: dict[str, Any], cell: NotebookNode, cell_index: int
    ) -> NotebookNode | None:
        """Process a message from the kernel."""
        kind = msg["msg_type"]
        # No widgets, and no change of what is there: it may have been looked at already.
        if kind.startswith("comm") or kind == "update_display_data":
            return None
        msg["content"].pop("transient", None)
        if kind not in ("status", "clear_output", "execute_input"):
            size = len(str(msg["content"]))
            if size > self.room:
                if self.room > 0:
                    text = "\n[the rest of the output is left out: there is too much of it]\n"
                    cell.outputs.append(nbformat.v4.new_output("stream", name="stdout", text=text))
                self.room = 0
                return None
            self.room -= size
        return super().process_message(msg, cell, cell_index)


class _Run:
    """One run of a notebook: a kernel in the jail, started again when it ends too early."""

    def __init__(
        self,
        notebook: NotebookNode,
        name: str,
        door: Door,
        grading: Grading,
        limits: Limits,
        files: Path | None,
    ) -> None:
        self.notebook, self.name, self.door = notebook, name, door
        self.grading, self.limits, self.files = grading, limits, files
        self.seen: dict[tuple[int, Any], Any] = {}  # observations, by object and challenge
        self.names = _Names(self._ask, notebook, files)
        self.closed = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()
        self.deadline = time.monotonic() + limits.wall_seconds
        self.restarts = limits.restarts
        self.colours = MOST_COLOURS
        self.ran: list[int] = []  # the cells that a new kernel has to run again
        self.room = limits.output_bytes
        self.client: _Client | None = None
        self.asker: BlockingKernelClient | None = None
        self.too_long = f"took longer than {limits.cell_seconds} s and was stopped"
        self.until = 0.0  # when the present grade cell has to be done
        self.grading_cell: NotebookNode | None = None
        self.timed_out = False  # the student's cell that ran last
        self.broken: JailError | None = None
        self.doubt: str | None = None  # whether the machine had a part in what came of it
        self.late = False  # whether a limit of time was reached with the present kernel
        self.tainted = False  # whether the student's code has been given a hidden test's arguments

    # The kernel

    @property
    def kernel(self) -> Kernel:
        return self.client.km.provisioner.kernel

    def _start(self) -> None:
        """Start a kernel."""
        self._forget()
        context = _bounded(zmq.asyncio.Context(), 2 * self.limits.output_bytes, 200)
        manager = AsyncKernelManager(
            kernel_spec_manager=JailSpecs(), kernel_name="python3", context=context
        )
        self.client = _Client(
            self.notebook,
            km=manager,
            timeout=self.limits.cell_seconds,
            iopub_timeout=_GRACE_SECONDS,
            startup_timeout=120,
            allow_errors=True,
            interrupt_on_timeout=True,
            error_on_timeout={"ename": _TIMEOUT, "evalue": "", "traceback": []},
            raise_on_iopub_timeout=False,
            on_cell_executed=self._note_reply,
            record_timing=False,
            store_widget_state=False,
            skip_cells_with_tag=SKIP_TAG,
        )
        self.client.start_new_kernel(
            door=self.door,
            name=self.name,
            files=self.files,
            seed=self.grading.number("random streams"),
            limits=replace(self.limits, wall_seconds=self._seconds_left()),
        )
        talker = self.client.kc = manager.client()
        talker.allow_stdin = False
        talker.start_channels(stdin=False, hb=False, control=False)
        # The kernel greets whoever subscribes to its outputs; from then on none is lost. Jupyter's
        # own way to wait asks, and then listens for 0.2 s whether something else comes.
        until = time.monotonic() + 120
        while not self._is_greeted(talker):
            if time.monotonic() > until:
                raise JailError("A kernel does not greet: ipykernel 7 is needed.")
            if not self.kernel.folder.exists():
                raise JailError(f"The folder of a kernel's sockets is gone: {self.kernel.folder}")
        self.asker = BlockingKernelClient(context=_bounded(zmq.Context(), 2 * MOST_BYTES, 4))
        self.asker.load_connection_info(manager.get_connection_info())
        self.asker.start_channels(shell=True, iopub=False, stdin=False, hb=False, control=False)

    def _is_greeted(self, talker: AsyncKernelClient) -> bool:
        """Whether the next message from the kernel, within a second, is its greeting."""
        try:
            return run_sync(talker.get_iopub_msg)(timeout=1)["msg_type"] == "iopub_welcome"
        except Empty:
            return False

    def _stop(self) -> None:
        """End the kernel."""
        if self.asker is not None:
            self.asker.stop_channels()
            self.asker.context.destroy(linger=0)
            self.asker = None
        if self.client is not None:
            context = self.client.km.context
            if self.client.km.provisioner.kernel is not None:  # it did start
                self.kernel.close()  # Jupyter's own way looks every 0.1 s whether it has ended
                self._mind_the_machine()
                self.client._cleanup_kernel()
            context.destroy(linger=0)
            self.client = None

    def close(self) -> None:
        self.closed.set()
        self._stop()

    def _is_alive(self) -> bool:
        if self.client is None:
            return False
        self.kernel.listen(0)
        return self.kernel.ended is None

    def _need_kernel(self) -> None:
        """Have a kernel that has run all cells up to here, those that ended one apart.

        Raises:
            Stopped: It has been tried often enough.
        """
        while not self._is_alive():
            if self.client is not None:
                self._mind_the_keeper()
                self._stop()
                self.restarts -= 1
            if self.restarts < 0:
                raise Stopped("not run: the notebook's process ended too often")
            self._start()
            for index in list(self.ran):
                self._seconds_left()
                if self._run_again(index) is not None:
                    self.ran.remove(index)
                    break

    def _mind_the_keeper(self) -> None:
        """See that the kernel's keeper has not been ended from outside.

        Raises:
            JailError: It has; what the notebook then shows is not the student's doing.
        """
        if self.kernel.ended == GONE:
            self.broken = JailError(f"The keeper of a kernel {GONE}: it was ended from outside.")
            raise self.broken

    def _mind_the_machine(self) -> None:
        """See whether the kernel that has just ended was kept from computing, or was ended."""
        kernel, limit = self.kernel, self.limits.cell_seconds
        if self.late and kernel.waited > WAITED * limit:
            self.doubt = f"it took too long, and waited {kernel.waited:.0f} s for the machine"
        if kernel.killed:
            self.doubt = "its process was killed"
        self.late = False

    def _seconds_left(self) -> int:
        """How long the notebook may still take, at least 1 s.

        Raises:
            Stopped: No longer.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            self.late = True
            raise Stopped(f"not run: the notebook took longer than {self.limits.wall_seconds} s")
        return max(1, int(left))

    def _watch(self) -> None:
        """Keep what the jail sends from filling the grader's own memory.

        ZeroMQ bounds messages and their number, and not the parts of a message.
        """
        at_start = _memory()
        while not self.closed.wait(0.1):
            if _memory() - at_start > MOST_GROWTH and self.client is not None:
                with contextlib.suppress(AttributeError):  # it is just being replaced
                    self.kernel.tell(b"kill")

    def _note_reply(self, execute_reply: dict[str, Any], **_: Any) -> None:  # noqa: ANN401
        self.timed_out = execute_reply["content"].get("ename") == _TIMEOUT
        self.late |= self.timed_out

    def _run_again(self, index: int) -> str | None:
        """Run a cell for what it defines, and leave its outputs as they are."""
        cells = self.notebook.cells
        cell, cells[index] = cells[index], nbformat.from_dict({**cells[index], "outputs": []})
        self.client.room = 0
        try:
            return self._execute(index)
        finally:
            cells[index] = cell

    def _execute(self, index: int) -> str | None:
        """Run a cell in the jail; return how the kernel ended over it, None where it did not."""
        cell, self.timed_out = self.notebook.cells[index], False
        try:
            self.client.execute_cell(cell, index)
        except DeadKernelError:
            pass
        except Exception as error:  # messages of no known form: the kernel is not to be trusted
            self.kernel.end()
            return f"it does not talk as a kernel does ({type(error).__name__})"
        if self.timed_out and not self._answers():
            self.kernel.end()
            return "it did not stop when interrupted"
        self.kernel.listen(0)
        return self.kernel.ended

    def _answers(self) -> bool:
        """Whether the kernel is free again after an interrupt."""
        request = self.asker.session.msg("kernel_info_request", {})
        self.asker.session.send(self.asker.shell_channel.socket, request)
        with contextlib.suppress(Stopped, ValueError):
            self._reply_to(request, time.monotonic() + _GRACE_SECONDS)
            return True
        return False

    # The student's cells

    def student(self, index: int) -> None:
        """Run one of the student's cells."""
        cell = self.notebook.cells[index]
        self._forget()
        try:
            self._seconds_left()
            self._need_kernel()
            self.client.room = self.room
            ended = self._execute(index)
            self.room = self.client.room
        except Stopped as stopped:
            cell.outputs = [_error("Stopped", str(stopped))]
            return
        self.colours -= _clean(cell, self.colours)
        if self.tainted:
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=_WITHHELD)]
            cell.execution_count = None
            ended = ended and "it ended"
        self._mind_the_keeper()
        if self.timed_out:
            cell.outputs = [o for o in cell.outputs if o.get("ename") != "KeyboardInterrupt"]
            cell.outputs.append(_error(_TIMEOUT, self.too_long))
        elif ended is not None:
            said = f"this cell ended the notebook's process: {ended}"
            cell.outputs.append(_error("Stopped", said))
        if ended is None:
            self.ran.append(index)

    # The grade cells

    def grade(self, cell: NotebookNode) -> None:
        """Run a grade cell here; leave its score and the reason as outputs."""
        awarded: list[float] = []
        self.grading_cell = cell
        drawn = iter(range(1_000_000))
        self.until = time.monotonic() + self.limits.cell_seconds
        said, error, pictures = io.StringIO(), None, []
        with (
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(io.StringIO()),  # a warning is no part of the verdict
            _on_path(self.files),
            keeping_awards(awarded.append),
            # The same for each cell: what one asked of an answer, another need not ask again.
            seeds_from(lambda: self.grading.number(f"challenge {next(drawn)}")),
        ):
            try:
                exec(compile(cell.source, _file(cell), "exec"), self.names)
            except (KeyboardInterrupt, JailError):
                raise
            except BaseException as raised:
                error = _failure(raised, cell, self.tainted)
                pictures = _pictures(raised)
        if self.broken is not None:  # and the cell went on as if it were not
            raise self.broken
        self.names.forget_answers()
        if said.getvalue():
            text = said.getvalue()
            cell.outputs.append(nbformat.v4.new_output("stream", name="stdout", text=text))
        if error is not None:
            if awarded:  # nbgrader reads the first number it finds as the score
                points = min(sum(awarded), float(cell.metadata.nbgrader.points))
                score = nbformat.v4.new_output(
                    "execute_result", {"text/plain": repr(points)}, execution_count=None
                )
                cell.outputs.append(score)
            cell.outputs.append(error)
            cell.outputs += pictures

    def _ask(self, question: Question) -> Any:  # noqa: ANN401
        """Ask the jail.

        Raises:
            Stopped: The kernel ended over it, or took too long.
            ValueError: What came back is no answer.
        """
        self._seconds_left()
        self._need_kernel()
        seen = question.of.number, question.challenge
        if seen in self.seen:
            return self.seen[seen]
        if question.what == "call":
            self._forget()
            if _is_hidden(self.grading_cell.source, self._line()):
                self.tainted = True
        request = self.asker.session.msg("question_request")
        asked = _packed(question) if question.what == "observe" else pack(question)
        self.asker.session.send(self.asker.shell_channel.socket, request, buffers=[asked])
        reply = self._reply_to(request, self.until)
        if reply["msg_type"] != "question_reply" or len(reply["buffers"]) != 1:
            raise ValueError("not an answer: another message")
        found = unpack(bytes(reply["buffers"][0]))
        if question.what == "observe":
            self.seen[seen] = found
        return found

    def _forget(self) -> None:
        """Forget what is known of the student's objects: their code runs, and may change them."""
        self.seen.clear()
        self.names.handles.clear()
        self.names.fetched.clear()

    def _line(self) -> int:
        """The line that the present grade cell is at, outside of its functions."""
        frame, line = sys._getframe(), 0
        while frame is not None:
            if frame.f_code.co_filename == _file(self.grading_cell):
                line = frame.f_lineno
            frame = frame.f_back
        return line

    def _reply_to(self, request: dict[str, Any], until: float) -> dict[str, Any]:
        """Wait for the reply to a request, as long as the kernel lives and there is time."""
        socket, keeper = self.asker.shell_channel.socket, self.kernel
        poller = zmq.Poller()
        poller.register(socket, zmq.POLLIN)
        poller.register(keeper.fileno(), zmq.POLLIN)
        interrupted = False
        while True:
            left = until - time.monotonic()
            if left <= 0 and interrupted:
                keeper.end()
                raise Stopped(self.too_long)
            if left <= 0:
                self.late = True
                keeper.tell(b"interrupt")
                interrupted, until = True, time.monotonic() + _GRACE_SECONDS
                continue
            ready = dict(poller.poll(left * 1000))
            if keeper.fileno() in ready:
                keeper.listen(0)
                if keeper.ended is not None:
                    self._mind_the_keeper()
                    raise Stopped(f"the notebook's process ended meanwhile: {keeper.ended}")
            if socket in ready:
                try:
                    _, reply = self.asker.session.recv(socket, zmq.NOBLOCK)
                except Exception as error:
                    raise ValueError(f"not a message: {type(error).__name__}") from error
                if reply is not None and reply["parent_header"].get("msg_id") == request["msg_id"]:
                    if interrupted:
                        raise Stopped(self.too_long)
                    return reply


def _packed(question: Question) -> bytes:
    """A question with a challenge, packed once for all of whom it is asked."""
    of = question.of
    return _packed_challenge(question.challenge, of.number, of.name, of.kind)


# A drawn challenge is one object for as long as it is kept, so its identity is as good as its seed.
@lru_cache(maxsize=KEPT)
def _packed_challenge(
    challenge: Challenge | TrainingChallenge, number: int, name: str, kind: str
) -> bytes:
    return pack(Question("observe", Reference(number, name, kind), challenge))


def _bounded(context: zmq.Context, most_bytes: int, waiting: int) -> zmq.Context:
    """A context whose sockets take messages up to a size, and keep so many waiting."""
    for option, value in (
        (zmq.MAXMSGSIZE, most_bytes),
        (zmq.RCVHWM, waiting),
        (zmq.LINGER, 0),
    ):
        context.setsockopt(option, value)
    return context


class _Names(dict):
    """The names of grade cells.

    What the lesson's answers bind is the student's, and is looked up in the jail. Any other name is
    the grade cells' own, or the lesson's, or Python's; only what none of these has is looked up.
    """

    def __init__(
        self, ask: Callable[[Question], Any], notebook: NotebookNode, files: Path | None
    ) -> None:
        super().__init__(__builtins__=builtins, __name__="__main__")
        self._ask = ask
        self._answers = set(notebook.metadata.get(RECORD, {}).get("answers", []))
        # Until the student's code runs again, other than to be observed.
        self.fetched: dict[str, Any] = {}
        self.handles: dict[str, Handle] = {}
        with _on_path(files), contextlib.redirect_stdout(io.StringIO()):
            for statement in _given(notebook):
                # One that needs what is only in the student's process is looked up there.
                with contextlib.suppress(Exception):
                    exec(compile(statement, "<given>", "exec"), self)
        self.forget_answers()

    def __missing__(self, name: str) -> Any:  # noqa: ANN401
        if name not in self._answers and hasattr(builtins, name):
            return getattr(builtins, name)
        if name in self.handles:
            return self.handles[name]
        if name not in self.fetched:
            found = look_up(name, self._ask)
            if isinstance(found, Handle):
                self.handles[name] = found
                return found
            self.fetched[name] = found
        return self.fetched[name]

    def forget_answers(self) -> None:
        """Forget what has been given the name of an answer: the student's comes first."""
        self.fetched.clear()
        for name in self._answers & self.keys():
            del self[name]


@contextlib.contextmanager
def _on_path(folder: Path | None) -> Iterator[None]:
    """Let the lesson's own modules be imported."""
    if folder is None:
        yield
        return
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        # The next notebook may have a module of the same name.
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(f"{folder}{os.sep}"):
                del sys.modules[name]


def _given(notebook: NotebookNode) -> Iterator[ast.Module]:
    """What the lesson's own cells import and define: statements that need no student's code."""
    for cell in notebook.cells:
        metadata = cell.metadata.get("nbgrader", {})
        is_answer_or_test = metadata.get("grade") or metadata.get("solution")
        if cell.cell_type != "code" or is_answer_or_test or cell.metadata.get(OWN):
            continue
        with contextlib.suppress(SyntaxError):
            plain = TransformerManager().transform_cell(cell.source)  # magics are calls, then
            for statement in ast.parse(plain).body:
                if _is_definition(statement):
                    yield ast.Module([statement], [])


def _is_definition(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
        return False
    if isinstance(statement, ast.Assign):
        try:
            ast.literal_eval(statement.value)
        except ValueError:
            return False
        return True
    kinds = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return isinstance(statement, kinds)


def _memory() -> int:
    """Bytes of memory that this process uses."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


_TIMEOUT = "CellTimeoutError"
_WITHHELD = "[What a cell prints after a hidden test is not shown.]\n"


def _file(cell: NotebookNode) -> str:
    """The file name under which a grade cell is compiled."""
    return f"<{cell.metadata.nbgrader.grade_id}>"


def _is_hidden(source: str, number: int) -> bool:
    """Whether a line of a grade cell, counted from 1, belongs to a hidden test."""
    hidden = False
    for line in source.splitlines()[:number]:
        hidden = HIDDEN[0] in line or (hidden and HIDDEN[1] not in line)
    return hidden


def _error(name: str, said: str) -> NotebookNode:
    """An error as an output, without the lines of code that led there."""
    shown = f"\x1b[0;31m{name}\x1b[0m: {said}"
    return nbformat.v4.new_output("error", ename=name, evalue=said, traceback=[shown])


def _failure(raised: BaseException, cell: NotebookNode, tainted: bool) -> NotebookNode:
    """What a student is told of an exception in a grade cell: never a line of a hidden test.

    Nor what the student's own code makes of the arguments that a hidden test gave it.
    """
    said, kind = str(raised), type(raised).__name__
    if isinstance(raised, CheckFailed):
        told = [line for line in said.splitlines() if not (tainted and line.startswith("  seen"))]
        return _error(kind, "\n".join(told))
    lines = cell.source.splitlines()
    number = (raised.lineno or 0) if isinstance(raised, SyntaxError) else 0
    frames = traceback.extract_tb(raised.__traceback__)
    for frame in frames:
        if frame.filename == _file(cell):  # the outermost, at the top level of the cell
            number = frame.lineno or 0
            break
    hidden = _is_hidden(cell.source, number)
    at = lines[number - 1].strip() if 0 < number <= len(lines) and not hidden else ""
    if isinstance(raised, Stopped):
        told = "the notebook's process ended or took too long" if hidden or tainted else said
        return _error(kind, told)
    is_own = isinstance(raised, AssertionError) and frames[-1].filename == _file(cell)
    if is_from_student(raised):
        if hidden or tainted:
            said = f"your code raised it{', in a hidden test' if hidden else ''}"
    elif is_own and not said:
        return _error(kind, f"{at} does not hold" if at else "a hidden test does not hold")
    elif hidden and not is_own:
        said = "a hidden test stopped with it"
    return _error(kind, f"{said}\n  where     line {number} of this cell: {at}" if at else said)


def _pictures(raised: BaseException) -> list[NotebookNode]:
    """The picture that goes with an exception in a grade cell, as an output, if there is one."""
    if not isinstance(raised, CheckFailed) or raised.pair is None:
        return []
    try:
        data, metadata = as_output(raised.pair)
    except Exception:  # it comes with the message, and is not worth losing that
        return []
    return [nbformat.v4.new_output("display_data", dict(data), metadata=metadata)]


def _clean(cell: NotebookNode, colours: int) -> int:
    """Keep of a student's outputs what has the form of one, and nothing a browser would run.

    Args:
        cell: The cell.
        colours: How many changes of colour are kept.

    Returns:
        How many were.
    """
    kept = []
    most = colours

    def text(value: Any) -> str:  # noqa: ANN401
        nonlocal colours
        clean = _text(value)
        count = clean.count("\x1b")
        if count > colours:
            return clean.replace("\x1b", "")
        colours -= count
        return clean

    for output in cell.outputs:
        with contextlib.suppress(Exception):  # of no known form
            kind = output["output_type"]
            if kind == "stream":
                name = "stderr" if output["name"] == "stderr" else "stdout"
                kept.append(nbformat.v4.new_output(kind, name=name, text=text(output["text"])))
            elif kind == "error":
                shown = [text(line) for line in output["traceback"][:200]]
                parts = {part: text(output[part]) for part in ("ename", "evalue")}
                kept.append(nbformat.v4.new_output(kind, traceback=shown, **parts))
            elif kind in ("display_data", "execute_result"):
                data = {
                    form: text(content)
                    for form, content in output["data"].items()
                    if form in _SHOWN
                }
                for form in ("image/png", "image/jpeg"):
                    base64.b64decode("".join(data.get(form, "").split()), validate=True)
                kept.append(nbformat.v4.new_output("display_data", data))
    cell.outputs = kept
    if type(cell.get("execution_count")) is not int:
        cell.execution_count = None
    return most - colours


def _text(value: Any) -> str:  # noqa: ANN401
    """A string that can be written to a file and shown, colours (ANSI) included."""
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    text = value.encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() or c in "\n\t\r\x1b" else "�" for c in text)
