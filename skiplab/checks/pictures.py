"""The picture that goes with a failed check: the expected wiring beside the student's.

A picture never decides anything. What it shows of a student's network comes from the process that
runs the student's code, and is taken as that: cut to a size, and dropped where it makes no sense.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

from skiplab.checks.exercise import Exercise
from skiplab.checks.observe import TracingObservation, observe_tracing
from skiplab.lesson.operations import KINDS
from skiplab.lesson.progress import in_notebook
from skiplab.lesson.tracing import Edge, Node, Wiring
from skiplab.lesson.wiring import compare_wirings, difference_output, draw_difference

MOST_NODES, MOST_EDGES = 150, 300
MOST_NAMES = 30  # of layers that are not used, or get no gradient
MOST_NAME, MOST_SENTENCE = 60, 300  # characters


@dataclass(frozen=True)
class Pair:
    """Two wirings to be drawn beside each other.

    Attributes:
        name: the class's name.
        expected: how it should be wired.
        found: how it is, or a sentence that says why nobody knows.
    """

    name: str
    expected: Wiring
    found: Wiring | str


def find_pair(exercise: Exercise, seen: TracingObservation) -> Pair | None:
    """Find the first size in which a network is wired otherwise than it should be.

    Args:
        exercise: what was to be wired.
        seen: how it is wired in each size, from `observe_tracing`; it need not be true.

    Returns:
        The two wirings; None where they differ in no size, or what was seen makes no sense.
    """
    stopped = None
    for expected, given in zip(_expected(exercise), seen.wirings, strict=False):
        if isinstance(given, str):
            stopped = stopped or Pair(exercise.name, expected, _text(given, MOST_SENTENCE))
            continue
        found = _sane(given)
        if found is not None and compare_wirings(expected, found):
            return Pair(exercise.name, expected, found)
    return stopped


@cache
def _expected(exercise: Exercise) -> list[Wiring]:
    """How the right network is wired, in each size."""
    return observe_tracing(exercise.network(), exercise.tracing()).wirings


def _sane(wiring: Wiring) -> Wiring | None:
    """A wiring that can be drawn, with names of bounded length; None where it makes no sense."""
    if not 0 < len(wiring.nodes) <= MOST_NODES or len(wiring.edges) > MOST_EDGES:
        return None
    nodes = tuple(
        Node(_text(node.name), node.kind, _text(node.label), _text(node.scope))
        for node in wiring.nodes
    )
    edges = tuple(Edge(_text(one.source), _text(one.target), one.cut) for one in wiring.edges)
    place = {node.name: number for number, node in enumerate(nodes)}
    makes_sense = (
        len(place) == len(nodes)
        and nodes[-1].kind == "output"
        and all(node.kind in KINDS for node in nodes)
        and all(
            edge.source in place
            and edge.target in place
            and place[edge.source] < place[edge.target]
            for edge in edges
        )
    )
    if not makes_sense:
        return None
    unused, without = (
        tuple(_text(name) for name in names[:MOST_NAMES])
        for names in (wiring.unused, wiring.no_gradient)
    )
    return replace(wiring, nodes=nodes, edges=edges, unused=unused, no_gradient=without)


def _text(text: str, most: int = MOST_NAME) -> str:
    """A text that fits into a line."""
    plain = "".join(c if c.isprintable() else " " for c in text[: most + 1])
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def show_after_cell(pair: Pair | None) -> None:
    """Draw a pair in a notebook as soon as its cell has ended: after the message, not before it.

    Args:
        pair: the two wirings; nothing happens where it is None, or outside of a notebook.
    """
    if pair is None or not in_notebook():
        return
    from IPython import get_ipython

    events = get_ipython().events

    def draw(*_: Any) -> None:  # noqa: ANN401
        events.unregister("post_run_cell", draw)
        draw_difference(pair.expected, pair.found, pair.name)

    events.register("post_run_cell", draw)


@lru_cache(maxsize=256)
def as_output(pair: Pair) -> tuple[dict[str, str], dict[str, Any]]:
    """Draw a pair for the page of a graded notebook. Many students make the same mistake.

    Args:
        pair: the two wirings.

    Returns:
        Data and metadata of an output, with a picture that has an alternative text. Nobody may
        change them.
    """
    with warnings.catch_warnings(action="ignore"):  # of letters that the font does not have
        data, metadata = difference_output(pair.expected, pair.found, pair.name)
    del data["text/html"]  # in a grader's page only pictures and text
    return data, metadata
