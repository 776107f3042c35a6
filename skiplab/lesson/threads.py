"""Several trainings at once, on as many cores as PyTorch has threads."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")


def run_side_by_side(
    jobs: Sequence[Callable[[Callable[[], None]], T]], progress: Iterator[object]
) -> list[T] | None:
    """Runs jobs in threads of one torch thread each, and waits for them.

    Args:
        jobs: Each is given a function to call after every step.
        progress: Is taken one further with every step.

    Returns:
        What the jobs return, in their order; None where one failed, and then nobody waits for the
        others.
    """
    told: queue.SimpleQueue[bool | None] = queue.SimpleQueue()  # a step, or how a job ended
    stop = threading.Event()

    def step() -> None:
        told.put(None)
        if stop.is_set():  # nobody waits for the result any more
            raise InterruptedError

    def run(job: Callable[[Callable[[], None]], T]) -> T:
        torch.set_num_threads(1)  # for this thread, and as the default of threads to come
        try:
            result = job(step)
        except BaseException:
            told.put(False)
            raise
        told.put(True)
        return result

    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(min(threads, len(jobs)))
    try:
        results = [pool.submit(run, job) for job in jobs]
        left = len(jobs)
        while left:
            has_ended = told.get()
            if has_ended is None:
                next(progress, None)
            elif has_ended:
                left -= 1
            else:
                return None
        return [result.result() for result in results]
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
