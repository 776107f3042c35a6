"""Many machines: the workers of a Dask scheduler.

Started with `dask scheduler` on one machine, and on each of the others, where the same version of
this package is installed:

    dask worker ADDRESS --nworkers auto --nthreads 1
"""

from __future__ import annotations

import time
from concurrent.futures import Executor

from rich.console import Console

from skiplab.errors import CourseError, UsageError

CONNECT_SECONDS = 15
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
        try:
            self._client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise CourseError(f"There is no Dask scheduler at {address}: {error}") from error
        self._console, self._asked_at, self._cores = console, 0.0, 0

    def executor(self) -> Executor:
        """An executor that hands work to the scheduler."""
        return self._client.get_executor(retries=0)

    def room(self) -> int:
        """How many tasks may wait: enough for all workers there are at the moment.

        Raises:
            CourseError: the scheduler is gone.
        """
        self.check()
        if time.monotonic() - self._asked_at > 2:
            before, self._cores = self._cores, sum(self._client.nthreads().values())
            if self._cores == 0 and (before or not self._asked_at):
                self._console.print(
                    "No workers are there. To start some, on each machine: dask worker"
                    f" {self._client.scheduler.address} --nworkers auto --nthreads 1",
                    soft_wrap=True,
                )
            self._asked_at = time.monotonic()
        return ROOM * max(1, self._cores)

    def check(self) -> None:
        """See that the scheduler is there.

        Raises:
            CourseError: it is not.
        """
        if self._client.status != "running":
            raise CourseError(
                f"The Dask scheduler is gone ({self._client.status}). What is graded so far is"
                " kept: run the same command again to go on."
            )

    def close(self) -> None:
        """Disconnect."""
        self._client.close(timeout=5)
