"""A picture of a network as it is wired: from what it does, not from its source."""

from __future__ import annotations

import math
import re
import textwrap
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch
from torch import nn

from skiplab.lesson.figures import GREY, INK, PALE, WIDTH, as_output, figure, halo, page, show
from skiplab.lesson.tracing import Edge, Node, TracingError, Wiring, part_of, trace_wiring

FILLS = {
    "layer": "#d6e6f4",
    "activation": "#fde3c4",
    "norm": "#eadcf2",
    "add": "#d9efdc",
    "concatenate": "#d9efdc",
    "multiply": "#f3f0c8",
}
WRONG = "#b3261e"  # and a line and a sign of its own, for those who do not see the colour
SIGN = "✗"
ROW, TALL, RAIL = 0.42, 0.27, 0.22  # inches
SIDE = 0.05  # what goes out of a side is that much below what comes in there, inches
NAMED = ("input", "layer", "norm", "output")  # of these a name says which they are
MOST_NODES, MOST_ROWS, MOST_WIDE, MOST_LABEL = 150, 60, 13, 26
LEAST_ALIKE = 3  # parts in a row, from which on they are folded


@dataclass(frozen=True)
class Difference:
    """In what a network is wired otherwise than it should be.

    Attributes:
        missing: connections that should be there.
        extra: connections that should not.
        cut: connections that are there, but no gradient comes back along them.
        unused: layers that should be used.
        no_gradient: layers, or parameters, that should get a gradient.
        missing_nodes: the names of nodes that should be there.
        extra_nodes: of nodes that should not.
    """

    missing: tuple[Edge, ...]
    extra: tuple[Edge, ...]
    cut: tuple[Edge, ...]
    unused: tuple[str, ...]
    no_gradient: tuple[str, ...]
    missing_nodes: frozenset[str]
    extra_nodes: frozenset[str]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.missing or self.extra or self.cut or self.unused or self.no_gradient)

    def words(self) -> str:
        """The difference in a few lines."""

        def listed(edges: Iterable[Edge]) -> str:
            said = [f"{edge.source} → {edge.target}" for edge in edges]
            return ", ".join(said[:8]) + (f" and {len(said) - 8} more" if len(said) > 8 else "")

        lines = [
            ("missing", listed(self.missing)),
            ("too much", listed(self.extra)),
            ("no gradient along", listed(self.cut)),
            ("not used", ", ".join(self.unused)),
            ("without a gradient", ", ".join(self.no_gradient)),
        ]
        return "\n".join(f"{name}: {said}" for name, said in lines if said)


def compare_wirings(expected: Wiring, found: Wiring) -> Difference:
    """Compare two wirings.

    Args:
        expected: how it should be.
        found: how it is.

    Returns:
        In what the second differs.
    """
    same = _same_nodes(expected, found)
    known = {ours: theirs for theirs, ours in same.items()}
    should = {(edge.source, edge.target): edge for edge in expected.edges}
    does = {(same.get(edge.source), same.get(edge.target)): edge for edge in found.edges}
    both = should.keys() & does.keys()
    return Difference(
        tuple(edge for ends, edge in should.items() if ends not in both),
        tuple(
            edge
            for edge in found.edges
            if (same.get(edge.source), same.get(edge.target)) not in both
        ),
        tuple(edge for ends, edge in does.items() if ends in both and edge.cut > should[ends].cut),
        tuple(one for one in found.unused if one not in expected.unused),
        tuple(one for one in found.no_gradient if one not in expected.no_gradient),
        frozenset(node.name for node in expected.nodes if node.name not in known),
        frozenset(node.name for node in found.nodes if node.name not in same),
    )


def _same_nodes(expected: Wiring, found: Wiring) -> dict[str, str]:
    """Which node of the second is which of the first.

    A layer that is there once is known by its name, all else by what is before and after it.
    """
    should, does = ({node.name: node for node in one.nodes} for one in (expected, found))
    near_should, near_does = _neighbours(expected), _neighbours(found)
    often = {
        label
        for one in (expected, found)
        for label, times in Counter(node.label for node in one.nodes).items()
        if times > 1
    }
    same = {
        name: name
        for name, node in does.items()
        if name in should and _is_alike(node, should[name])
        if node.kind in NAMED and node.label not in often
    }
    while True:
        best, pair = 0.5, None
        left = should.keys() - set(same.values())
        for name, node in does.items():
            near = {(way, same[one]) for way, one in near_does[name] if one in same}
            for other in () if name in same else sorted(left):
                alike = len(near & near_should[other]) + (name == other) / 2
                if alike > best and _is_alike(node, should[other]):
                    best, pair = alike, (name, other)
        if pair is None:
            return same
        same[pair[0]] = pair[1]


def _is_alike(one: Node, other: Node) -> bool:
    return (one.kind, one.label) == (other.kind, other.label)


def _neighbours(wiring: Wiring) -> dict[str, set[tuple[str, str]]]:
    """What is before and after each node."""
    near: dict[str, set[tuple[str, str]]] = {node.name: set() for node in wiring.nodes}
    for edge in wiring.edges:
        near[edge.source].add(("after", edge.target))
        near[edge.target].add(("before", edge.source))
    return near


def draw_wiring(
    model: nn.Module, input_size: int | tuple[int, ...], path: str | Path | None = None
) -> None:
    """Draws a network as it is wired, from one forward pass and its gradients.

    What it does not use, and what gets no gradient, is marked. Equal parts in a row are drawn once.
    A network that cannot be run gets a sentence instead.

    Args:
        model: The network.
        input_size: Numbers in one example, or the shape of one, as in (channels, length).
        path: Also save the picture there.

    Raises:
        TypeError: `model` is no network, or `input_size` no whole number and no shape.
        ValueError: `input_size` is below 1, or too large.
    """
    name = type(model).__name__
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: got {name}, wanted a network, as in NormalNet3(512, 32)")
    try:
        wiring = trace_wiring(model, input_size)
    except TracingError as error:
        print(f"{name}: {error}.")
        return
    if said := _too_large(panel := _Panel(name, wiring)):
        print(f"{name}: {said}.")
        return
    with _drawn([panel], f"{name} as it is wired.") as (fig, alt):
        show(fig, alt, path)


def draw_difference(
    expected: Wiring, found: Wiring | str, name: str, path: str | Path | None = None
) -> None:
    """Draws how a network should be wired beside how it is, with the difference marked.

    Args:
        expected: How it should be.
        found: How it is, or a sentence that says why nobody knows.
        name: The network's name.
        path: Also save the picture there.
    """
    with _drawn(*_beside(expected, found, name)) as (fig, alt):
        show(fig, alt, path)


def difference_output(
    expected: Wiring, found: Wiring | str, name: str
) -> tuple[dict[str, str], dict[str, Any]]:
    """Draws the same for a page: see `draw_difference`.

    Args:
        expected: How it should be.
        found: How it is, or a sentence that says why nobody knows.
        name: The network's name.

    Returns:
        Data by media type, and metadata, as of a `display_data` output.
    """
    with _drawn(*_beside(expected, found, name)) as (fig, alt):
        return as_output(fig, alt)


def _beside(expected: Wiring, found: Wiring | str, name: str) -> tuple[list[_Panel], str]:
    """The two panels, and what both show."""
    should, does = f"{name}: expected", f"{name}: yours"
    if isinstance(found, Wiring):
        found = _too_large(_Panel(does, found)) or found
    if isinstance(found, str):
        panels = [_Panel(should, expected), _Panel(does, None, sentence=f"{found}.")]
        return panels, f"{name} as expected; of yours {found}."
    difference = compare_wirings(expected, found)
    named = {_named(node) for node in found.nodes}
    bad = {one if one in named else one.rpartition(".")[0] for one in difference.no_gradient}
    without = frozenset(node.name for node in found.nodes if _named(node) in bad)
    panels = [
        _Panel(should, expected, difference.missing, difference.missing_nodes, "missing in yours"),
        _Panel(
            does,
            found,
            (*difference.extra, *difference.cut),
            difference.extra_nodes,
            "not expected",
            (*difference.unused, *difference.no_gradient),
            without,
        ),
    ]
    words = difference.words() or "no difference in the wiring"
    return panels, f"{name}, expected and yours. {words.replace(chr(10), '; ')}."


def _named(node: Node) -> str:
    """The layer or parameter that is at work in a node, as far as it is written there."""
    return node.label.removeprefix("× ").removeprefix("+ ")  # as in × alpha


@dataclass(frozen=True)
class _Panel:
    """One picture: a wiring, and what of it to mark; or a sentence instead."""

    title: str
    wiring: Wiring | None
    edges: tuple[Edge, ...] = ()
    nodes: frozenset[str] = frozenset()
    meaning: str = ""
    names: tuple[str, ...] = ()  # of layers and parameters, in what is said below
    without: frozenset[str] = frozenset()  # nodes that should get a gradient
    sentence: str = ""

    def marked(self) -> frozenset[str]:
        """The nodes that a mark is at."""
        ends = [name for edge in self.edges for name in (edge.source, edge.target)]
        return self.nodes | self.without | frozenset(ends)


def _layout(panel: _Panel) -> _Layout:
    """Where everything is, so that no line goes through a node that it does not belong to."""
    wiring = Wiring((Node("output", "output", ""),), ())
    if panel.wiring:
        wiring = _folded(panel.wiring, panel.marked())
    alone: set[str] = set()
    while True:
        layout = _Layout(wiring, alone)
        crossed = layout.crossed()
        if crossed <= alone:
            return layout
        alone |= crossed


def _too_large(panel: _Panel) -> str:
    """Why there is no room for a picture; "" where there is."""
    if (steps := len(_folded(panel.wiring, panel.marked()).nodes)) > MOST_NODES:
        return f"there is no picture, because it has {steps} steps"
    layout = _layout(panel)
    if layout.rows > MOST_ROWS:
        return f"there is no picture, because it has {layout.rows} steps in a row"
    if layout.width > MOST_WIDE:
        lanes = 1 + len(layout.x)
        return f"there is no picture, because it has {lanes} ways beside each other"
    return ""


@contextmanager
def _drawn(panels: list[_Panel], what: str) -> Iterator[tuple[Figure, str]]:
    """A figure of panels side by side, and its alternative text."""
    layouts = [_layout(panel) for panel in panels]
    rows = max(layout.rows for layout in layouts)
    least = WIDTH / 2 if len(panels) > 1 else 3.6
    widths = [max(least, layout.width + 0.2) for layout in layouts]
    remarks = [
        [(line, wrong) for text, wrong in _remarks(panel) for line in _lines(text, width - 0.3)]
        for panel, width in zip(panels, widths, strict=True)
    ]
    height = 0.55 + rows * ROW + 0.1 + 0.2 * max(map(len, remarks))
    alt = f"Diagram. {what} " + " ".join(filter(None, map(_in_words, panels)))
    with (
        warnings.catch_warnings(),
        figure(height, sum(widths)) as fig,
        matplotlib.rc_context({"text.parse_math": False}),  # a name is no formula
    ):
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        axes = page(fig)
        left = 0.12
        for panel, layout, width, said in zip(panels, layouts, widths, remarks, strict=True):
            _draw_panel(axes, panel, layout, left, height, said, width - 0.3)
            left += width
        yield fig, alt


def _lines(text: str, width: float) -> list[str]:
    """Small print in lines of so many inches."""
    return textwrap.wrap(text, int(width / 0.062))


def _remarks(panel: _Panel) -> list[tuple[str, bool]]:
    """What is said below a picture, and whether it says what is wrong."""
    wiring = panel.wiring
    if wiring is None:
        return []
    said = []
    if panel.nodes or not all(edge.cut for edge in panel.edges):
        said.append((f"{SIGN} dashed: {panel.meaning}", True))
    if any(edge.cut for edge in panel.edges):
        said.append((f"{SIGN} dotted: no gradient comes back", True))
    unused = wiring.unused
    if not any(edge.source == "X" for edge in wiring.edges):
        unused = ("X", *unused)
    for what, names in (("not used", unused), ("no gradient", wiring.no_gradient)):
        if names:
            rest = f" and {len(names) - 4} more" if len(names) > 4 else ""
            wrong = any(name in panel.names for name in names)
            sign = f"{SIGN} " if wrong else ""
            said.append((f"{sign}{what}: {', '.join(names[:4])}{rest}", wrong))
    return said


def _in_words(panel: _Panel) -> str:
    if panel.wiring is None:
        return ""
    edges = [f"{edge.source} → {edge.target}" for edge in panel.wiring.edges]
    some = "; ".join(edges[:40]) + ("; …" if len(edges) > 40 else "")
    return f"{panel.title}: {some}. " + " ".join(f"{said}." for said, _ in _remarks(panel))


def _folded(wiring: Wiring, marked: frozenset[str]) -> Wiring:
    """The same with equal parts in a row, such as blocks, drawn once, unless a mark is in them."""
    parts, group = _parts_in_a_row(wiring)
    if len(parts) < LEAST_ALIKE:
        return wiring
    kept = {group.get(name) for name in marked}
    troubled = (*wiring.unused, *wiring.no_gradient)
    kept |= {
        number
        for number, part in enumerate(parts)
        if any(f"{one}.".startswith(f"{part}.") for one in troubled)
    }
    own: list[list[Node]] = [[] for _ in parts]
    into: list[list[Edge]] = [[] for _ in parts]
    for node in wiring.nodes:
        if node.name in group:
            own[group[node.name]].append(node)
    for edge in wiring.edges:
        if edge.target in group:
            into[group[edge.target]].append(edge)

    def shape(number: int) -> tuple:
        place = {node.name: at for at, node in enumerate(own[number])}
        name = re.compile(rf"\b{re.escape(parts[number])}(?=\.|$)")
        labels = tuple((node.kind, name.sub("", node.label)) for node in own[number])
        return labels, tuple(
            (place.get(edge.source), place[edge.target], edge.cut) for edge in into[number]
        )

    runs: list[list[int]] = []
    for number in range(len(parts)):
        alike = runs and number not in kept and runs[-1][0] not in kept
        if alike and runs[-1][-1] == number - 1 and shape(number) == shape(runs[-1][0]):
            runs[-1].append(number)
        else:
            runs.append([number])
    folded = {}
    for run in runs:
        if len(run) >= LEAST_ALIKE:
            label = f"{len(run) - 1} more like {parts[run[0]]}"
            node = Node(f"{label} ({run[0]})", "folded", label)
            folded |= dict.fromkeys(run[1:], node)
    new = {node.name: folded.get(group.get(node.name), node) for node in wiring.nodes}
    edges = dict.fromkeys(
        Edge(new[edge.source].name, new[edge.target].name, edge.cut)
        for edge in wiring.edges
        if new[edge.source] != new[edge.target]
    )
    nodes = tuple(dict.fromkeys(new.values()))
    return Wiring(nodes, tuple(edges), wiring.unused, wiring.no_gradient)


def _parts_in_a_row(wiring: Wiring) -> tuple[list[str], dict[str, int]]:
    """The numbered parts in the order of computing, and by node the number of its place there.

    What is done between two parts, and in no part, belongs to the first of them. So all of a part
    comes before all of the next, and there is no circle where they are drawn as one.
    """
    parts: list[str] = []
    group: dict[str, int] = {}
    is_open = False
    for node in wiring.nodes:
        if part := part_of(node):
            if not (is_open and parts[-1] == part):
                parts.append(part)
            is_open = True
        elif is_open and (node.scope or node.kind == "output"):
            parts.append("")  # those before it and those after it are not in a row
            is_open = False
        if is_open:
            group[node.name] = len(parts) - 1
    return parts, group


class _Layout:
    """Where each node is: the longest way from input to output straight down, the rest beside it.

    What is beside it, nodes in a row or a connection that leaves rows out, has a lane of its own.

    Attributes:
        rows: how many.
        width: inches.
        half: half of the width of each node, in inches.
        at: the middle of each node, in inches to the right of the longest way and above the top.
        x: of each lane, inches to the right of the longest way.
    """

    def __init__(self, wiring: Wiring, alone: set[str]) -> None:
        self.wiring = wiring
        self._before: dict[str, list[str]] = {node.name: [] for node in wiring.nodes}
        self._after: dict[str, list[str]] = {node.name: [] for node in wiring.nodes}
        for edge in wiring.edges:
            self._before[edge.target].append(edge.source)
            self._after[edge.source].append(edge.target)
        row = self._rows(alone)
        self.rows = 1 + max(row.values())
        self.half = {node.name: _half(node) for node in wiring.nodes}
        last = wiring.nodes[-1].name if wiring.nodes[-1].kind == "output" else "output"
        main = [last]
        while self._before[main[-1]]:
            main.append(max(self._before[main[-1]], key=row.get))
        self._main = set(main)
        self._straight = {(above, below) for below, above in pairwise(main)}
        lane = self._lanes(row)
        # Lanes side by side, each as wide as its widest node.
        widest = max(self.half[name] for name in main)
        self.left, at, self.x = widest, widest + 0.1, []
        for number in range(1 + max(lane.values(), default=-1)):
            inside = [self.half[one] for one, its in lane.items() if its == number and one in row]
            half = max(inside, default=0.0)
            self.x.append(at + RAIL + half)
            at += RAIL + 2 * half
        self.width = widest + at + 0.3 + 0.5 * any(edge.cut for edge in wiring.edges)
        self.at = {
            name: (self.x[lane[name]] if name in lane else 0.0, -at_row * ROW)
            for name, at_row in row.items()
        }
        self._rail = {edge: self.x[lane[edge]] for edge in wiring.edges if edge in lane}
        goes = [(edge, *self._sides(edge)) for edge in wiring.edges]
        self._out = {edge.source for edge, out, _ in goes if out}
        self._in = {edge.target for edge, _, into in goes if into}

    def _rows(self, alone: set[str]) -> dict[str, int]:
        """Below all that it depends on; beside some nodes there is no other."""
        row: dict[str, int] = {}
        for node in self.wiring.nodes:  # in the order of computing, so what comes before is known
            at = 1 + max((row[one] for one in self._before[node.name]), default=-1)
            while any(
                its == at and (one in alone or node.name in alone) for one, its in row.items()
            ):
                at += 1
            row[node.name] = at
        for node in self.wiring.nodes:
            if node.kind == "value" and self._after[node.name] and not self._before[node.name]:
                row[node.name] = max(0, min(row[one] for one in self._after[node.name]) - 1)
        return row

    def _lanes(self, row: dict[str, int]) -> dict[str | Edge, int]:
        """The number of the lane of each node and connection beside the longest way."""
        chains: dict[str, list[str]] = {}
        for node in self.wiring.nodes:
            if node.name in self._main:
                continue
            above = self._before[node.name]
            goes_on = len(above) == 1 and above[0] in chains and len(self._after[above[0]]) == 1
            chains[node.name] = chains[above[0]] if goes_on else []
            chains[node.name].append(node.name)
            if goes_on:
                self._straight.add((above[0], node.name))
        spans: list[tuple[int, int, list[str | Edge]]] = []
        for chain in {id(chain): chain for chain in chains.values()}.values():
            ends = [row[one] for name in chain for one in (*self._before[name], name)]
            ends += [row[one] for name in chain for one in self._after[name]]
            spans.append((min(ends), max(ends), chain))
        for edge in self.wiring.edges:
            is_rail = {edge.source, edge.target} <= self._main
            if is_rail and (edge.source, edge.target) not in self._straight:
                spans.append((row[edge.source], row[edge.target], [edge]))
        lane: dict[str | Edge, int] = {}
        taken: list[list[tuple[int, int]]] = []
        for start, end, inside in sorted(spans, key=lambda span: (span[1] - span[0], span[0])):
            free = (
                number
                for number, others in enumerate(taken)
                if all(end < a or start > b for a, b in others)
            )
            number = next(free, len(taken))
            taken += [[]] * (number == len(taken))
            taken[number] = [*taken[number], (start, end)]
            lane |= dict.fromkeys(inside, number)
        return lane

    def _sides(self, edge: Edge) -> tuple[bool, bool]:
        """Whether a connection leaves by the side, and whether it comes in by the side."""
        if edge in self._rail:
            return True, True
        if (edge.source, edge.target) in self._straight:
            return False, False
        is_out = self.at[edge.source][0] < self.at[edge.target][0]
        return is_out, not is_out

    def way(self, edge: Edge) -> list[tuple[float, float]]:
        """The corners of a connection, with its ends."""
        (x, y), (to_x, to_y) = self.at[edge.source], self.at[edge.target]
        out, into = self._sides(edge)
        # What goes out of a side and what comes in there are two lines, not one that goes on.
        low = y - SIDE * (edge.source in self._in)
        high = to_y + SIDE * (edge.target in self._out)
        start = (x + self.half[edge.source], low) if out else (x, y - TALL / 2)
        end = (to_x + self.half[edge.target], high) if into else (to_x, to_y + TALL / 2)
        if out and into:
            return [start, (self._rail[edge], low), (self._rail[edge], high), end]
        corner = [(to_x, low)] if out else [(x, high)] if into else []
        return [start, *corner, end]

    def crossed(self) -> set[str]:
        """The nodes that a connection of others goes through."""
        found = set()
        for edge in self.wiring.edges:
            for (a, y), (b, to_y) in pairwise(self.way(edge)):
                if y != to_y:
                    continue
                low, high = min(a, b), max(a, b)
                found |= {
                    name
                    for name, (x, at) in self.at.items()
                    if name not in (edge.source, edge.target)
                    and abs(at - y) < TALL / 2
                    and low < x + self.half[name]
                    and high > x - self.half[name]
                }
        return found


def _half(node: Node) -> float:
    if node.kind == "input":
        return 0.13
    if node.kind == "add" and len(node.label) == 1:
        return 0.14
    return max(0.3, 0.036 * len(_label(node)) + 0.09)


def _label(node: Node) -> str:
    text = node.label
    return text if len(text) <= MOST_LABEL else f"{text[: MOST_LABEL - 1]}…"


def _draw_panel(
    axes: Axes,
    panel: _Panel,
    layout: _Layout,
    left: float,
    height: float,
    remarks: list[tuple[str, bool]],
    width: float,
) -> None:
    middle, top = left + layout.left + 0.05, height - 0.55 - TALL / 2
    axes.text(
        left, height - 0.12, _title(panel.title, width), va="top", fontsize=10.5, fontweight="bold"
    )
    if panel.wiring is None:
        said = "\n".join(_lines(panel.sentence, width))
        axes.text(left, height - 0.5, said, va="top", fontsize=8.5, linespacing=1.4)
        return
    for edge in layout.wiring.edges:
        points = [(middle + x, top + y) for x, y in layout.way(edge)]
        _draw_edge(axes, points, edge.cut, edge in panel.edges)
    for node in layout.wiring.nodes:
        x, y = layout.at[node.name]
        _draw_node(axes, node, middle + x, top + y, layout.half[node.name], panel)
    for number, (said, wrong) in enumerate(reversed(remarks)):
        color = WRONG if wrong else INK
        axes.text(left, 0.12 + 0.2 * number, said, fontsize=8, va="center", color=color)


def _title(text: str, width: float) -> str:
    """A title in so many inches; of one that is too long, the end of the name is left out."""
    name, colon, which = text.partition(": ")
    most = int(width / 0.13) - len(colon + which)
    return f"{name if len(name) <= most else f'{name[: most - 1]}…'}{colon}{which}"


def _draw_edge(
    axes: Axes, points: list[tuple[float, float]], is_cut: bool, is_marked: bool
) -> None:
    color = WRONG if is_marked else GREY if is_cut else INK
    style = (0, (1, 1.5)) if is_cut else (0, (4, 2)) if is_marked else "-"
    _line(axes, points, color, style)
    said = " ".join([SIGN] * is_marked + ["no gradient"] * is_cut)
    # In the longest part of it, where there is most room.
    (a, b), (c, d) = max(pairwise(points), key=lambda ends: math.dist(*ends))
    place = (min(a, c) + 0.06, b + 0.02, "bottom") if b == d else (a + 0.06, (b + d) / 2, "center")
    small = {"fontsize": 7.5, "color": color, "path_effects": halo(), "zorder": 6}
    axes.text(*place[:2], said, va=place[2], **small)


def _draw_node(axes: Axes, node: Node, x: float, y: float, half: float, panel: _Panel) -> None:
    centre = {"ha": "center", "va": "center", "zorder": 5}
    text = _label(node)
    if node.kind in ("input", "output"):
        axes.text(x, y, text, fontsize=9.5, fontweight="bold", **centre)
        return
    is_marked = node.name in panel.nodes | panel.without
    has_none = _named(node) in panel.wiring.no_gradient
    edge = WRONG if is_marked else GREY if has_none else INK
    dashes = has_none or node.kind in ("value", "folded")
    border = {
        "facecolor": "white" if has_none else FILLS.get(node.kind, PALE),
        "edgecolor": edge,
        "linestyle": (0, (4, 2)) if is_marked else "--" if dashes else "-",
        "lw": 2 if is_marked else 1,
        "zorder": 4,
    }
    if node.kind == "add" and len(node.label) == 1:
        axes.add_patch(Circle((x, y), half, **border))
        axes.text(x, y - 0.01, text, fontsize=11, **centre)
        return
    corner = 0.05
    axes.add_patch(
        FancyBboxPatch(
            (x - half + corner, y - TALL / 2 + corner),
            2 * (half - corner),
            TALL - 2 * corner,
            boxstyle=f"round,pad={corner}",
            **border,
        )
    )
    axes.text(x, y, text, fontsize=8, color=GREY if has_none else INK, **centre)


def _line(axes: Axes, points: list[tuple[float, float]], color: str, style: object) -> None:
    """A line through all points, with a head at the last."""
    lw = 2 if color == WRONG else 1.2
    for (a, b), (c, d) in pairwise(points[:-1]):
        axes.plot([a, c], [b, d], color=color, lw=lw, linestyle=style)
    drawn = {"arrowstyle": "-|>", "color": color, "lw": lw, "shrinkA": 0, "shrinkB": 0}
    drawn |= {"mutation_scale": 8, "linestyle": style}
    axes.annotate("", points[-1], points[-2], arrowprops=drawn)
