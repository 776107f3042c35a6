"""Diagrams of how networks are wired, drawn from the depth and the kind of skip."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from skiplab.lesson import arguments
from skiplab.lesson.figures import GREY, INK, figure, show

LAYER, RELU, SKIP = "#d6e6f4", "#fde3c4", "#d9efdc"
SKIP_INK = "#00623f"
ROW = 1.5  # inches from one row of boxes to the next
STEP = 0.68  # inches from the middle of one box to the next


def draw_network(
    depth: int,
    skip: str | None = None,
    sizes: tuple[int, int, int] = (512, 128, 32),
    path: str | Path | None = None,
) -> None:
    """Draws a plain chain, or the same chain with one long projection shortcut around it.

    Args:
        depth: Number of layers, 1 to 8.
        skip: None for the plain chain; "long" for `relu(deep(X) + skip_layer(X))`, where `deep` is
            every layer followed by ReLU.
        sizes: Numbers per input, per hidden layer and per output, written on the arrows.
        path: Also save the picture there.

    Raises:
        TypeError: `depth` or a size is no whole number.
        ValueError: `depth` is out of range, or `skip` or `sizes` is not one of the above.
    """
    arguments.whole_number("depth", depth)
    if depth > 8:
        raise ValueError(f"depth: got {depth}, wanted at most 8 layers, to fit on the page")
    arguments.one_of("skip", skip, (None, "long"))
    if not isinstance(sizes, tuple | list) or len(sizes) != 3:
        got = arguments.describe(sizes)
        raise ValueError(f"sizes: got {got}, wanted three: input, hidden, output")
    for size in sizes:
        arguments.whole_number("sizes", size)
    size_in, size_hidden, size_out = sizes

    # What the signal passes, in order: (kind, text, size of what comes out).
    chain = [("data", "X", size_in)]
    for number in range(1, depth + 1):
        size = size_out if number == depth else size_hidden
        chain += [("layer", f"layer_{number}", size), ("relu", "ReLU", size)]
    if skip:
        chain += [("add", "+", size_out), ("relu", "ReLU", size_out)]
    chain.append(("data", "output", size_out))
    # More than eleven boxes do not fit side by side: the second half goes below.
    first_row = len(chain) if len(chain) <= 11 else 1 + 2 * ((depth + 1) // 2)
    rows = [chain[:first_row], chain[first_row:]] if first_row < len(chain) else [chain]

    deep = "the layers, each followed by ReLU"
    title = f"output = relu(deep(X) + skip_layer(X)), deep: {deep}" if skip else f"output: {deep}"
    height = 0.75 + ROW * 0.8 * len(rows) + (0.75 if skip else 0)
    with figure(height) as fig:
        axes = fig.add_subplot()
        _page(axes, fig.get_figwidth(), height)
        top = height - 0.85
        places: list[tuple[str, float, float]] = []
        for row_number, row in enumerate(rows):
            y = top - row_number * ROW * 0.8
            # The second row starts one step to the right, so that the skip can pass it.
            x0 = 0.35 if row_number == 0 else 0.35 + STEP
            places += [(kind, x0 + STEP * i, y) for i, (kind, _, _) in enumerate(row)]
        for (kind, x, y), (_, text, _) in zip(places, chain, strict=True):
            _box(axes, kind, text, x, y)
        for i in range(1, len(chain)):
            (kind_a, xa, ya), (kind_b, xb, yb) = places[i - 1], places[i]
            label = str(chain[i - 1][2])
            start, end = (xa + _half(kind_a), ya), (xb - _half(kind_b), yb)
            if ya == yb:
                _arrow(axes, [start, end])
                _size(axes, label, (start[0] + end[0]) / 2, ya)
            else:
                middle = (ya + yb) / 2
                out, into = xa + _half(kind_a) + 0.16, xb - _half(kind_b) - 0.16
                _arrow(axes, [start, (out, ya), (out, middle), (into, middle), (into, yb), end])
                _size(axes, label, (out + into) / 2, middle)
        if skip:
            _, x_in, y_in = places[0]
            add = next(i for i, (kind, _, _) in enumerate(chain) if kind == "add")
            _, x_add, y_add = places[add]
            bottom = places[-1][2] - 0.75
            x_skip = (x_in + x_add) / 2
            _arrow(axes, [(x_in, y_in - 0.2), (x_in, bottom), (x_skip - 0.45, bottom)], SKIP_INK)
            _arrow(
                axes, [(x_skip + 0.45, bottom), (x_add, bottom), (x_add, y_add - 0.15)], SKIP_INK
            )
            _box(axes, "skip", "skip_layer", x_skip, bottom)
            _size(axes, str(size_in), (x_in + x_skip - 0.45) / 2, bottom)
            _size(axes, str(size_out), (x_skip + 0.45 + x_add) / 2, bottom)
        axes.set_title(title, fontsize=10.5)
        alt = f"Diagram: {', '.join(text for _, text, _ in chain)}, joined by arrows from left to "
        alt += f"right; sizes {size_in} in, {size_hidden} hidden, {size_out} out."
        if skip:
            alt += " A second path leads from X through skip_layer to the +."
        show(fig, f"{alt} {title}.", path)
    print(title)


def draw_blocks(path: str | Path | None = None) -> None:
    """Draws the three skips that are often mixed up, side by side.

    `Activation(Layer(x)) + x`, the activation before the sum; `Activation(F(x) + x)`, the residual
    block of He et al. 2015 (arXiv 1512.03385, figure 2); `x + F(act(norm(x)))`, the pre-activation
    block of He et al. 2016 (arXiv 1603.05027, figure 1b).

    Args:
        path: Also save the picture there.
    """
    blocks = [
        ("Activation(Layer(x)) + x", "activation, then sum",
         [("layer", "Layer"), ("relu", "Activation")], []),
        ("Activation(F(x) + x)", "residual block, He et al. 2015",
         [("layer", "F: two layers,\nReLU between")], [("relu", "Activation")]),
        ("x + F(act(norm(x)))", "pre-activation, He et al. 2016",
         [("norm", "norm"), ("relu", "act"), ("layer", "F")], []),
    ]  # fmt: skip
    height = 4.3
    with figure(height) as fig:
        panels = fig.subplots(1, 3)
        for axes, (formula, caption, inside, after) in zip(panels, blocks, strict=True):
            width = fig.get_figwidth() / 3
            _page(axes, width, height)
            x, y, half = 1.0, height - 1.0, 0.55
            axes.text(x, y + 0.08, "x", ha="center", va="bottom", fontsize=11, style="italic")
            branch = y - 0.22
            add = y - 0.2 - 0.68 * 3 - 0.3
            heights = [branch - 0.22 - (branch - 0.22 - add - 0.22) * (i + 0.5) / len(inside)
                       for i in range(len(inside))]  # fmt: skip
            above = y + 0.02
            for (kind, text), middle in zip(inside, heights, strict=True):
                tall = 0.5 if "\n" in text else 0.34
                _arrow(axes, [(x, above), (x, middle + tall / 2)])
                _box(axes, kind, text, x, middle, half, tall)
                above = middle - tall / 2
            _arrow(axes, [(x, above), (x, add + 0.15)])
            side = x + half + 0.35
            _arrow(axes, [(x, branch), (side, branch), (side, add), (x + 0.15, add)], SKIP_INK)
            axes.text(side + 0.08, (branch + add) / 2, "x", color=SKIP_INK, va="center",
                      fontsize=11, style="italic")  # fmt: skip
            _box(axes, "add", "+", x, add)
            above = add - 0.15
            for kind, text in after:
                _arrow(axes, [(x, above), (x, add - 0.4)])
                _box(axes, kind, text, x, add - 0.57, half, 0.34)
                above = add - 0.74
            _arrow(axes, [(x, above), (x, 0.05)])
            axes.set_title(f"{formula}\n", fontsize=10.5, loc="center")
            axes.text(width / 2, height - 0.55, caption, ha="center", va="bottom", fontsize=9,
                      color=GREY)  # fmt: skip
        alt = "Three diagrams. " + " ".join(
            f"{formula} ({caption}): x passes {', '.join(t for _, t in inside)}, then + with x"
            + "".join(f", then {t}" for _, t in after) + "."
            for formula, caption, inside, after in blocks
        )  # fmt: skip
        show(fig, alt.replace("\n", " "), path)
    for formula, caption, _, _ in blocks:
        print(f"{formula}: {caption}")


def _page(axes: Axes, width: float, height: float) -> None:
    """Makes one unit of the axes about one inch, without ticks or frame."""
    axes.set(xlim=(0, width), ylim=(0, height - 0.35))
    axes.set_aspect("equal")
    axes.axis("off")


def _half(kind: str) -> float:
    return {"data": 0.16, "layer": 0.26, "relu": 0.2, "add": 0.14, "skip": 0.45}[kind]


def _box(
    axes: Axes, kind: str, text: str, x: float, y: float,
    half: float | None = None, tall: float = 0.36,
) -> None:  # fmt: skip
    half = half or _half(kind)
    if kind == "data":
        axes.text(x, y, text, ha="center", va="center", fontsize=9.5, fontweight="bold")
        return
    fill = {"layer": LAYER, "relu": RELU, "skip": SKIP, "add": "white", "norm": "#eadcf2"}[kind]
    tall = 2 * half if kind == "add" else tall
    rounding = half if kind == "add" else 0.05
    axes.add_patch(
        FancyBboxPatch(
            (x - half + rounding, y - tall / 2 + rounding), 2 * (half - rounding),
            tall - 2 * rounding, boxstyle=f"round,pad={rounding}",
            facecolor=fill, edgecolor=SKIP_INK if kind in ("skip", "add") else INK, lw=1,
        )
    )  # fmt: skip
    axes.text(x, y, text, ha="center", va="center", fontsize=12 if kind == "add" else 8.5)


def _arrow(axes: Axes, points: list[tuple[float, float]], color: str = INK) -> None:
    xs, ys = zip(*points, strict=True)
    axes.plot(xs[:-1], ys[:-1], color=color, lw=1.2, solid_joinstyle="miter")
    axes.annotate(
        "", points[-1], points[-2],
        arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.2, "shrinkA": 0, "shrinkB": 0,
                    "mutation_scale": 9},
    )  # fmt: skip


def _size(axes: Axes, text: str, x: float, y: float) -> None:
    axes.text(x, y + 0.05, text, ha="center", va="bottom", fontsize=7.5, color=GREY)
