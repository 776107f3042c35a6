"""Progress for loops that may take long: a count and the time left, and no trace afterwards.

tqdm writes to stderr, which nbgrader counts as a failed cell, or needs notebook widgets.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_CLEAR_LINE = "\r\x1b[K"
_DELAY = 1.0  # seconds before anything is shown
_INTERVAL = 0.25  # seconds between two changes


def in_notebook() -> bool:
    """Whether the code runs in a Jupyter kernel.

    Returns:
        True in a notebook; False in a terminal, a script or a test.
    """
    ipython = sys.modules.get("IPython")  # not imported means not inside it
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


def show_progress(iterable: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Walks through an iterable and shows how far it is, when that takes more than a second.

    In a notebook the text is updated in place and is empty at the end, so that a notebook executed
    twice has the same output; in a terminal one line is rewritten and cleared; where stdout goes
    elsewhere when this is called, nothing is shown. Use `print_line` to print from inside the loop.

    Args:
        iterable: What to walk through.
        label: What is being done, such as "training".
        total: How many items there are; by default `len(iterable)`.

    Returns:
        An iterator over the same items.

    Raises:
        TypeError: `total` is not given and `iterable` has no length.
    """
    if total is None:
        try:
            total = len(iterable)  # type: ignore[arg-type]
        except TypeError:
            raise TypeError(
                f"total: got nothing, wanted the number of items, "
                f"as a {type(iterable).__name__} does not know its length"
            ) from None
    return _walk(iterable, label, total, _writer())


def print_line(text: str) -> None:
    """Prints a line from inside a `show_progress` loop, without tearing the progress line.

    Args:
        text: The line.
    """
    print(f"{_CLEAR_LINE if sys.stdout.isatty() and not in_notebook() else ''}{text}")


def _walk(
    iterable: Iterable[T], label: str, total: int, write: Callable[[str], None] | None
) -> Iterator[T]:
    if write is None:
        yield from iterable
        return
    start = shown = time.monotonic()
    try:
        for done, item in enumerate(iterable):
            now = time.monotonic()
            if done and now - start > _DELAY and now - shown > _INTERVAL:
                shown = now
                left = (now - start) / done * (total - done)
                write(f"{label}: {done} of {total}, about {_duration(left)} left")
            yield item
    finally:
        if shown != start:
            write("")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _writer() -> Callable[[str], None] | None:
    """How to change the text shown here; None where nobody is looking."""
    if in_notebook():
        from IPython.display import display

        # Whoever keeps what is printed aside, as a check does, wants no display either; and it
        # would come before or after what was printed so far, as it happens.
        kernel = sys.modules.get("ipykernel.iostream")
        if kernel is None or not isinstance(sys.stdout, kernel.OutStream):
            return None

        # Made at once and empty: an output that exists only when the loop happens to be slow
        # would make two executions of a notebook differ.
        handle = display({"text/plain": ""}, raw=True, display_id=True)
        return lambda text: handle.update({"text/plain": text}, raw=True)
    stream = sys.stdout
    if stream is None or not stream.isatty():
        return None

    def write(text: str) -> None:
        stream.write(_CLEAR_LINE + text)
        stream.flush()

    return write
