"""Many machines: the workers of a Dask scheduler.

One runs `dask scheduler`; it needs no more than Dask. Each of the others, with the same version of
this package installed, runs `WORKERS`: a process for each core, bounded in memory by this grader
alone (Dask's own bound would end a worker over what a submission has it hold). All that passes
between this process and a worker goes by way of the scheduler.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import uuid
import warnings
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console

from skiplab.course.directory import one_line
from skiplab.errors import CourseError, UsageError
from skiplab.grading.pool import HopelessError, KilledError

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as DaskFuture

WORKERS = "dask worker {} --nworkers -1 --nthreads 1 --memory-limit 0"
CONNECT_SECONDS = 15
LOOK_SECONDS = 2  # between two looks at which workers there are
ROOM = 3  # tasks a worker: one it does, and some that are on their way


class Cluster:
    """A connection to a Dask scheduler.

    Args:
        address: the scheduler's, as in "tcp://10.0.0.1:8786".
        console: where to say that there are no workers.

    Raises:
        UsageError: Dask is not installed.
        CourseError: there is no scheduler at that address.
    """

    def __init__(self, address: str, console: Console) -> None:
        """Connect."""
        try:
            from distributed import Client
        except ModuleNotFoundError as error:
            raise UsageError(
                "--scheduler needs Dask: pip install 'skiplab[grading]' brings it."
            ) from error
        _hush()
        # Dask's client waits for ever for one that takes connections and says nothing.
        try:
            kind = asyncio.run(asyncio.wait_for(_kind(address), CONNECT_SECONDS + 1))
        except Exception as error:  # of many kinds: no such host, no answer, no address at all
            raise CourseError(f"There is no Dask scheduler at {address}: {_root(error)}") from error
        if kind != "Scheduler":
            raise CourseError(f"There is no Dask scheduler at {address}, but a {kind}.")
        self._client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        self._console, self._cores = console, 0
        loop = self._client.loop.asyncio_loop
        self._watching = asyncio.run_coroutine_threadsafe(self._watch(), loop)

    def executor(self) -> Executor:
        """An executor that hands work to the scheduler."""
        return _Tasks(self._client, self.check)

    def room(self) -> int:
        """How many tasks may wait: enough for all workers there are at the moment.

        Raises:
            HopelessError: the scheduler is gone.
        """
        self.check()
        return ROOM * max(1, self._cores)

    def check(self) -> None:
        """See that the scheduler is there.

        Raises:
            HopelessError: it is not.
        """
        if self._client.status != "running":
            raise HopelessError(_GONE)

    def close(self) -> None:
        """Disconnect."""
        self._watching.cancel()
        with suppress(Exception):  # the scheduler does not answer
            self._client.close(timeout=5)

    async def _watch(self) -> None:
        """Know how many workers there are, and say so when there are none."""
        told = False
        while True:
            with suppress(OSError):  # the scheduler is gone; who waits for work is told
                self._cores = sum((await self._client.nthreads()).values())
                if self._cores == 0 and not told:
                    command = WORKERS.format(self._client.scheduler.address)
                    self._console.print(
                        f"No workers are there. To start some, on each machine: {command}",
                        soft_wrap=True,
                    )
                told = self._cores == 0
            await asyncio.sleep(LOOK_SECONDS)


@dataclass(frozen=True)
class _Call:
    """A call, made where this is unpickled.

    Dask sends what it is given as it is, and a scheduler or worker that has not the package it
    comes from breaks over it. Bytes are for the task alone to make something of.
    """

    function: Callable[[Any], Any]
    argument: Any

    def __reduce__(self) -> tuple[Callable[[Any], Any], tuple[Any]]:
        return self.function, (self.argument,)


class _Tasks(Executor):
    """Dask's workers as an executor.

    Dask's own makes one task of two that are alike, and leaves those that wait without an answer
    when the scheduler goes while a result is on its way.
    """

    def __init__(self, client: Client, check: Callable[[], None]) -> None:
        self._client, self._check = client, check
        self._running: set[Future] = set()

    def submit(self, function: Callable[[Any], Any], /, argument: Any) -> Future:  # noqa: ANN401
        """Have a worker call a function."""
        self._check()
        key = f"{function.__name__}-{uuid.uuid4().hex}"
        task = self._client.submit(pickle.loads, pickle.dumps(_Call(function, argument)), key=key)
        future = asyncio.run_coroutine_threadsafe(_result(task), self._client.loop.asyncio_loop)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Forget what is not done."""
        for future in list(self._running):
            future.cancel()


async def _kind(address: str) -> str:
    """What of Dask's is at an address: a "Scheduler", or a "Worker", or a "Nanny"."""
    from distributed.core import rpc
    from distributed.security import Security

    arguments = Security().get_connection_args("client")
    async with rpc(address, timeout=CONNECT_SECONDS, connection_args=arguments) as there:
        return (await there.identity())["type"]


def _root(error: BaseException) -> str:
    """What an exception goes back to, in one line."""
    while error.__cause__ is not None and not isinstance(error, TimeoutError):
        error = error.__cause__
    return "nobody answers" if isinstance(error, TimeoutError) else one_line(error)


async def _result(task: DaskFuture) -> Any:  # noqa: ANN401
    """What a worker's call returned."""
    from distributed import KilledWorker

    try:
        return await task
    except KilledWorker as error:
        times = error.allowed_failures + 1
        raise KilledError(f"its worker died, {times} times") from error
    except Exception as error:
        if task.status != "error":
            raise HopelessError(_GONE) from error
        if isinstance(error, ImportError) or "Can't get attribute" in str(error):
            raise HopelessError(_OTHER.format(one_line(error))) from error
        raise


_GONE = (
    "The Dask scheduler is gone. What is graded so far is kept: run the same command again to go on"
)
_OTHER = (
    "A worker cannot do this work: {}. Install on all machines what is installed on this one, and"
    " start the workers again"
)


def _hush() -> None:
    """Keep Dask from talking to who grades: what there is to say, this module says."""
    warnings.filterwarnings("ignore", "Sending large graph")
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
