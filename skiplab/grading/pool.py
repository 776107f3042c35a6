"""Work handed to an executor, and again where a worker dies.

The executor is any `concurrent.futures.Executor`: processes of this machine, or a Dask cluster.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from concurrent.futures.process import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import forkserver
from typing import Any

from skiplab.errors import CourseError
from skiplab.grading.jail import JailError, have_short_paths

MOST_TRIES = 3


class HopelessError(CourseError):
    """Nothing can be done by these workers until a person has put something right."""


class KilledError(CourseError):
    """The executor has tried a task again and again, and each time its worker died.

    It has not tried it alone: what killed the worker may have been another task.
    """


class DoubtfulError(Exception):
    """What a call returned may be owed to whatever else ran on the machine.

    Args:
        why: in words.
        value: what it returned. It counts when the call was made alone.
    """

    def __init__(self, why: str, value: Any) -> None:  # noqa: ANN401
        """Hold the value."""
        super().__init__(why, value)
        self.value = value


@dataclass(eq=False)
class Task:
    """A call to be made by a worker.

    Attributes:
        function: what to call; a function of a module.
        argument: its one argument.
        then: called here with the task when it is done.
        value: what the call returned.
        error: the exception it ended with, in the end; None where it returned.
        tries: how often it has failed in a way that is not its own fault.
        alone: whether it was under way when a worker died, or its result is doubtful, and it is to
            be tried by itself.
    """

    function: Callable[[Any], Any]
    argument: Any
    then: Callable[[Task], None]
    value: Any = None
    error: BaseException | None = None
    tries: int = 0
    alone: bool = False


class Pool:
    """Tasks under way.

    When a process of an executor dies, nobody can say over which task. All that were under way are
    then tried again alone, one after the other: only one that kills workers is given up. So it is
    with those that an executor has given up itself (`KilledError`). A call with a doubtful result
    (`DoubtfulError`) is made once more, alone; then the result counts.

    Args:
        start: starts an executor.
        mend: called before a task that failed with a `JailError` is tried again.
    """

    def __init__(self, start: Callable[[], Executor], mend: Callable[[], None]) -> None:
        """Start the executor."""
        self._start, self._mend = start, mend
        self._executor = start()
        self._queue: deque[Task] = deque()
        self._running: dict[Future, Task] = {}
        self._starts_left = MOST_TRIES

    @property
    def waiting(self) -> int:
        """How many tasks are not done."""
        return len(self._queue) + len(self._running)

    def submit(
        self,
        function: Callable[[Any], Any],
        argument: Any,  # noqa: ANN401
        then: Callable[[Task], None],
    ) -> None:
        """Have a worker call a function; see `Task`."""
        self._queue.append(Task(function, argument, then))
        self._hand_out()

    def done(self, seconds: float) -> Iterator[Task]:
        """The tasks that are done; waits for the first of them, at most so long.

        Raises:
            HopelessError: a task ended with it.
        """
        finished, _ = wait(self._running, seconds, FIRST_COMPLETED)
        if any(isinstance(future.exception(), BrokenExecutor) for future in finished):
            finished = set(self._running)  # the others break, too, in a moment
        died, hopeless = [], None
        for future in finished:
            task = self._running.pop(future)
            task.error = future.exception()
            if isinstance(task.error, BrokenExecutor):
                died.append(task)
            elif isinstance(task.error, HopelessError):
                hopeless = task.error
            elif isinstance(task.error, KilledError | DoubtfulError) and not task.alone:
                task.alone = True
                self._queue.appendleft(task)
            elif isinstance(task.error, JailError) and task.tries + 1 < MOST_TRIES:
                task.tries += 1
                self._mend()
                self._queue.appendleft(task)
            elif isinstance(task.error, DoubtfulError):
                task.value, task.error = task.error.value, None
                yield task
            else:
                task.value = None if task.error else future.result()
                yield task
        if hopeless is not None:
            raise hopeless
        if died:
            self._restart()
        for task in died:
            task.tries += 1
            task.alone = True
            if task.tries < MOST_TRIES:
                self._queue.appendleft(task)
            else:
                task.error = BrokenExecutor(f"its worker died, {task.tries} times")
                yield task
        self._hand_out()

    def close(self) -> None:
        """Forget what is not done, and end the workers."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _restart(self) -> None:
        self.close()
        self._executor = self._start()

    def _hand_out(self) -> None:
        """Give tasks to the executor: all, or one that has to be alone."""
        while self._queue and not any(task.alone for task in self._running.values()):
            if self._queue[0].alone and self._running:
                return
            task = self._queue.popleft()
            try:
                future = self._executor.submit(task.function, task.argument)
            except (BrokenExecutor, EOFError, ConnectionError) as error:
                # Of those that are no BrokenExecutor: what workers are forked from has just died.
                self._queue.appendleft(task)
                if self._running:  # they will say so, or it is there again when they are done
                    return
                self._starts_left -= 1
                if self._starts_left < 0:
                    raise HopelessError(f"No worker can be started: {error!r}") from error
                self._restart()
                continue
            self._starts_left = MOST_TRIES
            self._running[future] = task


def begin_local() -> None:
    """Start the process that local workers are forked from: it imports what they need, once."""
    have_short_paths()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            *("skiplab.grading.lean", "skiplab.grading.work", "skiplab.grading.execute"),
            "torch._dynamo",  # an optimizer imports it when it is made: a second for each worker
        ]
    )
    forkserver.ensure_running()


def local(workers: int) -> Executor:
    """Processes of this machine.

    Args:
        workers: how many, at most; each is started when there is work for it.
    """
    context = multiprocessing.get_context("forkserver")
    return ProcessPoolExecutor(workers, context, initializer=_be_worker)


def end_local() -> None:
    """End this process's workers, whatever they are doing: nothing of it is needed any more."""
    for worker in multiprocessing.active_children():
        worker.kill()


def _be_worker() -> None:
    """Begin as a worker: it ends when the process that hands out the work does."""
    gc.freeze()  # what is imported stays: looking through it takes 0.1 s each time
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
