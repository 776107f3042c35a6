"""A picture of a network as it is wired: from what it does, not from its source."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch
from torch import nn

from skiplab.lesson.figures import GREY, INK, PALE, WIDTH, as_output, figure, show
from skiplab.lesson.tracing import Edge, Node, TracingError, Wiring, part_of, trace_wiring

FILLS = {
    "layer": "#d6e6f4",
    "activation": "#fde3c4",
    "norm": "#eadcf2",
    "add": "#d9efdc",
    "concatenate": "#d9efdc",
    "multiply": "#f3f0c8",
}
WRONG = "#b3261e"  # and a line of its own, for those who do not see the colour
ROW, TALL, GAP, RAIL, APART = 0.42, 0.27, 0.3, 0.22, 0.06  # inches
MOST_ROWS, MOST_LABEL = 60, 26
LEAST_ALIKE = 3  # parts in a row, from which on they are folded


@dataclass(frozen=True)
class Difference:
    """In what a network is wired otherwise than it should be.

    Attributes:
        missing: connections that should be there.
        extra: connections that should not.
        unused: layers that should be used.
        no_gradient: layers, or parameters, that should get a gradient.
    """

    missing: tuple[Edge, ...]
    extra: tuple[Edge, ...]
    unused: tuple[str, ...]
    no_gradient: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.missing or self.extra or self.unused or self.no_gradient)

    def words(self) -> str:
        """The difference in a few lines."""

        def listed(edges: Iterable[Edge]) -> str:
            said = [f"{edge.source} → {edge.target}" + edge.cut * " (cut)" for edge in edges]
            return ", ".join(said[:8]) + (f" and {len(said) - 8} more" if len(said) > 8 else "")

        lines = [
            ("missing", listed(self.missing)),
            ("too much", listed(self.extra)),
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
    should, does = expected.links(), found.links()
    return Difference(
        tuple(edge for edge in expected.edges if edge not in does),
        tuple(edge for edge in found.edges if edge not in should),
        tuple(one for one in found.unused if one not in expected.unused),
        tuple(one for one in found.no_gradient if one not in expected.no_gradient),
    )


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
        TypeError: `model` is no network.
    """
    name = type(model).__name__
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: got {name}, wanted a network, as in NormalNet3(512, 32)")
    try:
        wiring = trace_wiring(model, input_size)
    except TracingError as error:
        print(f"{name}: {error}.")
        return
    if rows := _too_many_rows([panel := _Panel(name, wiring)]):
        print(f"{name}: there is no picture, because it has {rows} steps in a row.")
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
    if isinstance(found, Wiring) and (rows := _too_many_rows([_Panel(does, found)])):
        found = f"there is no picture, because it has {rows} steps in a row"
    if isinstance(found, str):
        panels = [_Panel(should, expected), _Panel(does, None, sentence=f"{found}.")]
        return panels, f"{name} as expected; of yours {found}."
    difference = compare_wirings(expected, found)
    panels = [
        _Panel(should, expected, difference.missing, "missing in yours"),
        _Panel(does, found, difference.extra, "not expected"),
    ]
    words = difference.words() or "no difference in the wiring"
    return panels, f"{name}, expected and yours. {words.replace(chr(10), '; ')}."


@dataclass(frozen=True)
class _Panel:
    """One picture: a wiring, and which of its connections to mark; or a sentence instead."""

    title: str
    wiring: Wiring | None
    marked: tuple[Edge, ...] = ()
    meaning: str = ""
    sentence: str = ""


def _layout(panel: _Panel) -> _Layout:
    nothing = Wiring((Node("output", "output", ""),), ())
    return _Layout(_folded(panel.wiring, panel.marked) if panel.wiring else nothing)


def _too_many_rows(panels: list[_Panel]) -> int:
    """How many rows the longest needs; 0 where there is room for them."""
    rows = max(_layout(panel).rows for panel in panels)
    return rows if rows > MOST_ROWS else 0


@contextmanager
def _drawn(panels: list[_Panel], what: str) -> Iterator[tuple[Figure, str]]:
    """A figure of panels side by side, and its alternative text."""
    layouts = [_layout(panel) for panel in panels]
    rows = max(layout.rows for layout in layouts)
    least = WIDTH if len(panels) > 1 else 3.6
    width = max(least, sum(layout.width for layout in layouts) + 0.4)
    share = width / len(panels)
    remarks = [_lines(_remarks(panel), share - 0.3) for panel in panels]
    height = 0.55 + rows * ROW + 0.1 + 0.2 * max(map(len, remarks))
    # A layer may be called anything: its name is no formula.
    with matplotlib.rc_context({"text.parse_math": False}), figure(height, width) as fig:
        axes = _page(fig)
        for number, (panel, layout) in enumerate(zip(panels, layouts, strict=True)):
            left = number * share + 0.12
            _draw_panel(axes, panel, layout, left, height, remarks[number], share - 0.3)
        yield fig, f"Diagram. {what} " + " ".join(_in_words(panel) for panel in panels)


def _lines(texts: list[str], width: float) -> list[str]:
    """Texts of small print in lines of so many inches."""
    return [line for text in texts for line in textwrap.wrap(text, int(width / 0.062))]


def _remarks(panel: _Panel) -> list[str]:
    """What is said below a picture."""
    wiring, said = panel.wiring, []
    if wiring is None:
        return []
    if panel.marked:
        said.append(f"dashed: {panel.meaning}")
    for what, names in (("not used", wiring.unused), ("no gradient", wiring.no_gradient)):
        if names:
            rest = f" and {len(names) - 4} more" if len(names) > 4 else ""
            said.append(f"{what}: {', '.join(names[:4])}{rest}")
    return said


def _in_words(panel: _Panel) -> str:
    if panel.wiring is None:
        return ""
    edges = [f"{edge.source} → {edge.target}" for edge in panel.wiring.edges]
    some = "; ".join(edges[:40]) + ("; …" if len(edges) > 40 else "")
    return f"{panel.title}: {some}. " + "".join(f"{said}. " for said in _remarks(panel))


def _folded(wiring: Wiring, marked: tuple[Edge, ...]) -> Wiring:
    """The same with equal parts in a row, such as blocks, drawn once, unless a mark is in them."""
    parts = {node.name: part_of(node) for node in wiring.nodes}
    order = [part for part in dict.fromkeys(parts.values()) if part]
    if len(order) < LEAST_ALIKE:
        return wiring
    kept = {parts[name] for edge in marked for name in (edge.source, edge.target)}
    troubled = (*wiring.unused, *wiring.no_gradient)
    kept |= {part for part in order if any(one.startswith(f"{part}.") for one in troubled)}

    def shape(part: str) -> tuple:
        own = [node for node in wiring.nodes if parts[node.name] == part]
        place = {node.name: number for number, node in enumerate(own)}
        inner = [
            (place.get(edge.source), place[edge.target], edge.cut)
            for edge in wiring.edges
            if edge.target in place
        ]
        return tuple((node.kind, node.label.replace(part, "")) for node in own), tuple(inner)

    # A run ends where something else is computed between two parts, such as a plus that belongs to
    # neither: drawn as one, they would come before it and after it.
    groups = [part for part, _ in groupby(parts.values())]
    side_by_side = set(pairwise(groups))
    kept |= {part for part in order if groups.count(part) > 1}
    runs: list[list[str]] = []
    for part in order:
        alike = runs and part not in kept and runs[-1][0] not in kept
        alike = alike and (runs[-1][-1], part) in side_by_side
        if alike and shape(part) == shape(runs[-1][0]):
            runs[-1].append(part)
        else:
            runs.append([part])
    into = {}
    fold = {}
    for run in runs:
        if len(run) >= LEAST_ALIKE:
            name = f"{len(run) - 1} more like {run[0]}"
            fold[name] = Node(name, "folded", name)
            into |= dict.fromkeys(run[1:], name)
    names = {name: into.get(part, name) for name, part in parts.items()}
    nodes = {names[node.name]: fold.get(names[node.name], node) for node in wiring.nodes}
    edges = dict.fromkeys(
        Edge(names[edge.source], names[edge.target], edge.cut)
        for edge in wiring.edges
        if names[edge.source] != names[edge.target]
    )
    return Wiring(tuple(nodes.values()), tuple(edges), wiring.unused, wiring.no_gradient)


class _Layout:
    """Where each node is: the longest way from input to output straight down, the rest beside it.

    What is beside it, a node or a connection that leaves rows out, has a lane of its own there.

    Attributes:
        rows: how many.
        width: inches.
        row: by node.
        half: half of the width of each node, in inches.
        lane: of the nodes that are not on the longest way, and of connections; from 0.
        x: of each lane, from the middle of the longest way, in inches.
    """

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        before: dict[str, list[str]] = {node.name: [] for node in wiring.nodes}
        after: dict[str, list[str]] = {node.name: [] for node in wiring.nodes}
        for edge in wiring.edges:
            before[edge.target].append(edge.source)
            after[edge.source].append(edge.target)
        self.row: dict[str, int] = {}
        for node in wiring.nodes:  # in the order of computing, so what comes before is known
            self.row[node.name] = 1 + max((self.row[one] for one in before[node.name]), default=-1)
        for node in wiring.nodes:
            if not before[node.name] and after[node.name] and node.kind == "value":
                self.row[node.name] = max(0, min(self.row[one] for one in after[node.name]) - 1)
        last = wiring.nodes[-1].name if wiring.nodes[-1].kind == "output" else "output"
        self.main = [last]
        while before[self.main[-1]]:
            self.main.append(max(before[self.main[-1]], key=self.row.get))
        self.rows = 1 + max(self.row.values())
        self.half = {node.name: _half(node) for node in wiring.nodes}
        middle = set(self.main)
        spans: list[tuple[int, int, str | Edge]] = []
        for node in wiring.nodes:
            if node.name not in middle:
                ends = [self.row[one] for one in (*before[node.name], *after[node.name])]
                ends.append(self.row[node.name])
                spans.append((min(ends), max(ends), node.name))
        for edge in wiring.edges:
            inside = edge.source in middle and edge.target in middle
            if inside and self.row[edge.target] - self.row[edge.source] > 1:
                spans.append((self.row[edge.source], self.row[edge.target], edge))
        self.lane: dict[str | Edge, int] = {}
        taken: list[list[tuple[int, int]]] = []
        for start, end, what in sorted(spans, key=lambda span: (span[1] - span[0], span[0])):
            free = [
                number
                for number, others in enumerate(taken)
                if all(end <= a or start >= b for a, b in others)
            ]
            lane = free[0] if free else len(taken)
            taken += [[]] * (not free)
            taken[lane] = [*taken[lane], (start, end)]
            self.lane[what] = lane
        widest = max((self.half[name] for name in middle), default=0.3)
        self.left, at, self.x = widest, widest + 0.1, []
        for lane in range(len(taken)):
            inside = [
                self.half[one]
                for one, its in self.lane.items()
                if its == lane and isinstance(one, str)
            ]
            half = max(inside, default=0.0)
            at += RAIL + half
            self.x.append(at)
            at += half
        self.width = widest + at + 0.3

    def place(self, name: str) -> tuple[float, float]:
        """Of a node: inches to the right of the longest way, and rows from the top."""
        x = self.x[self.lane[name]] if name in self.lane else 0.0
        return x, self.row[name]


def _half(node: Node) -> float:
    if node.kind == "input":
        return 0.13
    if node.kind == "add" and len(node.label) == 1:
        return 0.14
    return max(0.3, 0.036 * len(_label(node)) + 0.09)


def _label(node: Node) -> str:
    text = node.label
    return text if len(text) <= MOST_LABEL else f"{text[: MOST_LABEL - 1]}…"


def _way(
    layout: _Layout,
    edge: Edge,
    start: tuple[float, float],
    end: tuple[float, float],
    middle: float,
) -> list[tuple[float, float]]:
    """The corners of a connection, from where its source and its target are."""
    (x, y), (to_x, to_y) = start, end
    half, to_half = layout.half[edge.source], layout.half[edge.target]
    lane = layout.lane.get(edge)
    if lane is not None:
        # Where one shortcut ends and the next begins, the two should not look like one line.
        ends = {one.target for one in layout.lane if isinstance(one, Edge)}
        begins = {one.source for one in layout.lane if isinstance(one, Edge)}
        y -= APART if edge.source in ends else 0
        to_y += APART if edge.target in begins else 0
        rail = middle + layout.x[lane]
        return [(x + half, y), (rail, y), (rail, to_y), (to_x + to_half, to_y)]
    if x == to_x:
        return [(x, y - TALL / 2), (to_x, to_y + TALL / 2)]
    if x < to_x:  # out to a lane
        return [(x + half, y), (to_x, y), (to_x, to_y + TALL / 2)]
    return [(x, y - TALL / 2), (x, to_y), (to_x + to_half, to_y)]  # and back from it


def _draw_panel(
    axes: Axes,
    panel: _Panel,
    layout: _Layout,
    left: float,
    height: float,
    remarks: list[str],
    width: float,
) -> None:
    middle, top = left + layout.left + 0.05, height - 0.55 - TALL / 2
    axes.text(left, height - 0.12, panel.title, va="top", fontsize=10.5, fontweight="bold")
    if panel.wiring is None:
        said = "\n".join(_lines([panel.sentence], width))
        axes.text(left, height - 0.5, said, va="top", fontsize=8.5, linespacing=1.4)
        return

    def at(name: str) -> tuple[float, float]:
        x, row = layout.place(name)
        return middle + x, top - row * ROW

    for edge in layout.wiring.edges:
        points = _way(layout, edge, at(edge.source), at(edge.target), middle)
        is_marked = edge in panel.marked
        color = WRONG if is_marked else GREY if edge.cut else INK
        _line(axes, points, color, (0, (4, 2)) if is_marked else ":" if edge.cut else "-")
        if edge.cut:
            (a, b), (c, d) = points[-3:-1] if len(points) > 2 else points
            said = {"va": "center", "fontsize": 7.5, "color": color}
            axes.text((a + c) / 2 + 0.05, (b + d) / 2, "no gradient", **said)
    for node in layout.wiring.nodes:
        _draw_node(axes, node, *at(node.name), layout.half[node.name], panel)
    for number, said in enumerate(reversed(remarks)):
        color = WRONG if said.startswith("dashed") else INK
        axes.text(left, 0.12 + 0.2 * number, said, fontsize=8, va="center", color=color)


def _draw_node(axes: Axes, node: Node, x: float, y: float, half: float, panel: _Panel) -> None:
    centre = {"ha": "center", "va": "center"}
    text = _label(node)
    if node.kind in ("input", "output"):
        axes.text(x, y, text, fontsize=9.5, fontweight="bold", **centre)
        return
    if node.kind == "add" and len(node.label) == 1:
        axes.add_patch(Circle((x, y), half, facecolor=FILLS["add"], edgecolor=INK, lw=1))
        axes.text(x, y - 0.01, text, fontsize=11, **centre)
        return
    named = node.label.removeprefix("× ")  # a parameter that multiplies
    has_none = named in panel.wiring.no_gradient
    corner = 0.05
    axes.add_patch(
        FancyBboxPatch(
            (x - half + corner, y - TALL / 2 + corner),
            2 * (half - corner),
            TALL - 2 * corner,
            boxstyle=f"round,pad={corner}",
            facecolor="white" if has_none else FILLS.get(node.kind, PALE),
            edgecolor=GREY if has_none else INK,
            linestyle="--" if has_none or node.kind in ("value", "folded") else "-",
            lw=1,
        )
    )
    axes.text(x, y, text, fontsize=8, color=GREY if has_none else INK, **centre)


def _page(fig: Figure) -> Axes:
    """Axes that fill the figure, without ticks or frame; one unit is one inch."""
    fig.set_layout_engine("none")
    axes = fig.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, fig.get_figwidth()), ylim=(0, fig.get_figheight()))
    axes.axis("off")
    return axes


def _line(axes: Axes, points: list[tuple[float, float]], color: str, style: object) -> None:
    """A line through all points, with a head at the last."""
    lw = 2 if color == WRONG else 1.2
    for (a, b), (c, d) in pairwise(points[:-1]):
        axes.plot([a, c], [b, d], color=color, lw=lw, linestyle=style)
    drawn = {"arrowstyle": "-|>", "color": color, "lw": lw, "shrinkA": 0, "shrinkB": 0}
    drawn |= {"mutation_scale": 8, "linestyle": style}
    axes.annotate("", points[-1], points[-2], arrowprops=drawn)
