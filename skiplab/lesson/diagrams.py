"""Diagrams of how networks are wired, drawn from the depth and the kind of skip."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyBboxPatch

from skiplab.lesson import arguments
from skiplab.lesson.figures import GREY, INK, WIDTH, figure, page, show

FILLS = {"layer": "#d6e6f4", "relu": "#fde3c4", "skip": "#d9efdc", "norm": "#eadcf2"}
SKIP_INK = "#00623f"
# Inches. Half the width of each kind of box, from the middle to where an arrow begins or ends.
HALF = {"input": 0.13, "layer": 0.27, "relu": 0.2, "add": 0.14, "skip": 0.42, "output": 0.28}
STEP, ROW, LEFT = 0.73, 0.95, 0.35
DEEPEST, LONGEST_ROW = 7, 10


def draw_network(
    depth: int,
    skip: str | None = None,
    sizes: tuple[int, int, int] = (512, 128, 32),
    path: str | Path | None = None,
) -> None:
    """Draws a plain chain, or the same chain with one long projection shortcut around it.

    Args:
        depth: Number of layers, 1 to 7.
        skip: None for the plain chain; "long" for `relu(deep(X) + skip_layer(X))`, where `deep` is
            every layer followed by ReLU.
        sizes: Numbers per input, per hidden layer and per output, written on the arrows.
        path: Also save the picture there.

    Raises:
        TypeError: `depth` or a size is no whole number.
        ValueError: `depth` is out of range, or `skip` or `sizes` is not one of the above.
    """
    arguments.whole_number("depth", depth)
    if depth > DEEPEST:
        raise ValueError(f"depth: got {depth}, wanted at most {DEEPEST} layers, to fit the page")
    arguments.one_of("skip", skip, (None, "long"))
    if not isinstance(sizes, tuple | list) or len(sizes) != 3:
        got = arguments.describe(sizes)
        raise ValueError(f"sizes: got {got}, wanted three: input, hidden, output")
    for size in sizes:
        arguments.whole_number("sizes", size)
    size_in, size_hidden, size_out = sizes

    # What the signal passes, in order: (kind, text, size of what comes out).
    chain = [("input", "X", size_in)]
    for number in range(1, depth + 1):
        size = size_out if number == depth else size_hidden
        chain += [("layer", f"layer_{number}", size), ("relu", "ReLU", size)]
    if skip:
        chain += [("add", "+", size_out), ("relu", "ReLU", size_out)]
    chain.append(("output", "output", size_out))
    first_row = len(chain) if len(chain) <= LONGEST_ROW else 1 + 2 * ((depth + 1) // 2)
    two_rows = first_row < len(chain)

    if skip:
        title = "relu(deep(X) + skip_layer(X)), where deep(X) is X through each layer and its ReLU"
    else:
        title = "A plain chain: X through each layer and its ReLU"
    height = 1.15 + ROW * two_rows + 0.7 * bool(skip)
    with figure(height) as fig:
        axes = page(fig)
        axes.text(0.1, height - 0.08, title, va="top", fontsize=10.5, fontweight="bold")
        top = height - 0.75
        # The second row starts one step to the right, so that the skip can pass it.
        places = [
            (LEFT + STEP * i, top)
            if i < first_row
            else (LEFT + STEP * (i - first_row + 1), top - ROW)
            for i in range(len(chain))
        ]
        for (kind, text, _), (x, y) in zip(chain, places, strict=True):
            _box(axes, kind, text, x, y, HALF.get(kind, 0))
        for i in range(len(chain) - 1):
            (kind_a, _, size), (xa, ya) = chain[i], places[i]
            kind_b, (xb, yb) = chain[i + 1][0], places[i + 1]
            start, end = (xa + HALF[kind_a], ya), (xb - HALF[kind_b], yb)
            if ya == yb:
                _arrow(axes, [start, end])
                _size(axes, size, (start[0] + end[0]) / 2, ya)
            else:
                turn, into, middle = start[0] + 0.2, end[0] - 0.2, (ya + yb) / 2
                corners = [(turn, ya), (turn, middle), (into, middle), (into, yb)]
                _arrow(axes, [start, *corners, end])
                _size(axes, size, (turn + into) / 2, middle)
        if skip:
            x_in, y_in = places[0]
            x_add, y_add = places[[kind for kind, _, _ in chain].index("add")]
            bottom, middle = places[-1][1] - 0.7, (x_in + x_add) / 2
            near, far = middle - HALF["skip"], middle + HALF["skip"]
            _arrow(axes, [(x_in, y_in - 0.13), (x_in, bottom), (near, bottom)], SKIP_INK)
            _arrow(axes, [(far, bottom), (x_add, bottom), (x_add, y_add - 0.14)], SKIP_INK)
            _box(axes, "skip", "skip_layer", middle, bottom, HALF["skip"])
            _size(axes, size_in, (x_in + near) / 2, bottom)
            _size(axes, size_out, (far + x_add) / 2, bottom)
        alt = (
            f"Diagram of a network. {title}. From left to right, joined by arrows: "
            f"{', '.join(text for _, text, _ in chain)}. "
            f"Sizes: {size_in} in, {size_hidden} between the layers, {size_out} out."
        )
        if skip:
            alt += " A second path leads from X through skip_layer to the +."
        show(fig, alt, path)
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
         [("layer", "F")], [("relu", "Activation")]),
        ("x + F(act(norm(x)))", "pre-activation, He et al. 2016",
         [("norm", "norm"), ("relu", "act"), ("layer", "F")], []),
    ]  # fmt: skip
    _draw_columns(blocks, "Diagrams of three kinds of skip. ", path)


def draw_block(name: str, path: str | Path | None = None) -> None:
    """Draws one block of lessons 3 and 4: what is on the branch, what on the shortcut.

    Args:
        name: "ResidualBlock", "ReZeroBlock", "BasicBlock", "ProjectionBlock" or "PreActBlock".
        path: Also save the picture there.

    Raises:
        ValueError: `name` is none of them.
    """
    layer, relu = ("layer", "layer"), ("relu", "ReLU")
    conv_1, conv_2 = ("layer", "conv_1"), ("layer", "conv_2")
    norm_1, norm_2 = ("norm", "norm_1"), ("norm", "norm_2")
    after = [conv_1, norm_1, relu, conv_2, norm_2]
    before = [norm_1, relu, conv_1, norm_2, relu, conv_2]
    branch = "norm_2(conv_2(relu(norm_1(conv_1(X)))))"
    # Formula, what is on the branch, after the sum, and on the shortcut.
    blocks: dict[str, tuple[str, Boxes, Boxes, str]] = {
        "ResidualBlock": ("X + relu(layer(X))", [layer, relu], [], ""),
        "ReZeroBlock": (
            "X + alpha * relu(layer(X))", [layer, relu, ("norm", "times alpha")], [], "",
        ),
        "BasicBlock": (f"relu({branch} + X)", after, [relu], ""),
        "ProjectionBlock": (f"relu({branch} + projection(X))", after, [relu], "projection"),
        "PreActBlock": ("X + conv_2(relu(norm_2(conv_1(relu(norm_1(X))))))", before, [], ""),
    }  # fmt: skip
    arguments.one_of("name", name, tuple(blocks))
    formula, inside, end, shortcut = blocks[name]
    column = (formula, name, inside, end)
    _draw_columns([column], "Diagram of a block. ", path, shortcut)


def draw_resnet(path: str | Path | None = None) -> None:
    """Draws `ResNet`: a convolution, three stages of blocks, the mean over the length, `last`.

    Args:
        path: Also save the picture there.
    """
    chain = [
        ("input", "X", 0.13, "1×40"), ("layer", "conv, norm, ReLU", 0.56, "8×40"),
        ("skip", "stage 1", 0.3, "8×40"), ("skip", "stage 2", 0.3, "16×20"),
        ("skip", "stage 3", 0.3, "32×10"), ("relu", "mean", 0.22, "32"),
        ("layer", "last", 0.2, "10"), ("output", "logits", 0.26, ""),
    ]  # fmt: skip
    title = "ResNet: a convolution, three stages of n blocks each, the mean over the length, last"
    sizes = [size for *_, size in chain if size]
    with figure(1.15) as fig:
        axes = page(fig)
        axes.text(0.1, 1.07, title, va="top", fontsize=10.5, fontweight="bold")
        left = 0.15
        for kind, text, half, size in chain:
            _box(axes, kind, text, left + half, 0.4, half)
            left += 2 * half
            if size:
                _arrow(axes, [(left, 0.4), (left + 0.42, 0.4)])
                axes.text(left + 0.19, 0.45, size, ha="center", va="bottom", fontsize=7, color=GREY)
            left += 0.42
        alt = (
            f"Diagram of a network. {title}. From left to right, joined by arrows: "
            f"{', '.join(text for _, text, *_ in chain)}. "
            f"Channels and length on the arrows: {', '.join(sizes)}."
        )
        show(fig, alt, path)
    print(title)
    print(f"channels × length: {', '.join(sizes)}")


def draw_residual_net(path: str | Path | None = None) -> None:
    """Draws a network of blocks: `first`, a ReLU, the blocks one after the other, `last`.

    Args:
        path: Also save the picture there.
    """
    chain = [
        ("input", "X"), ("layer", "first"), ("relu", "ReLU"), ("skip", "block 1"),
        ("skip", "block 2"), ("output", "…"), ("skip", "block depth − 2"), ("layer", "last"),
        ("output", "logits"),
    ]  # fmt: skip
    title = "A network of blocks: first, ReLU, depth − 2 blocks one after the other, last"
    with figure(1.15) as fig:
        axes = page(fig)
        axes.text(0.1, 1.07, title, va="top", fontsize=10.5, fontweight="bold")
        x, places = LEFT, []
        for kind, text in chain:
            half = {"…": 0.14, "block depth − 2": 0.6}.get(text, HALF[kind])
            x += half
            places.append((x, half))
            _box(axes, kind, text, x, 0.4, half)
            x += half + 0.16
        for (a, half_a), (b, half_b) in pairwise(places):
            _arrow(axes, [(a + half_a, 0.4), (b - half_b, 0.4)])
        alt = f"Diagram of a network. {title}. From left to right, joined by arrows: " + ", ".join(
            text for _, text in chain
        )
        show(fig, alt + ".", path)
    print(title)


Boxes = list[tuple[str, str]]
Column = tuple[str, str, Boxes, Boxes]


def _given(formula: str) -> str:
    """What a formula calls the input: X in code, x in the papers' formulas."""
    return "X" if "X" in formula else "x"


def _draw_columns(
    blocks: list[Column], what: str, path: str | Path | None, shortcut: str = ""
) -> None:
    """Draws blocks side by side: formula, caption, what is on the branch, what follows the sum.

    `shortcut` is a layer on the shortcut of all of them.
    """
    half, tall = 0.55, 0.34
    higher = 0.5 * max(0, max(len(inside) for _, _, inside, _ in blocks) - 3)
    height = 4.0 + higher
    column = max(WIDTH / 3, *(0.09 * len(formula) for formula, *_ in blocks))
    width = column * len(blocks)
    entry, branch, add, exit_ = 3.1 + higher, 2.9 + higher, 1.0, 0.12
    with figure(height, width) as fig:
        axes = page(fig)
        for number, (formula, caption, inside, after) in enumerate(blocks):
            centre = column * (number + 0.5)
            x = centre - 0.15
            given = _given(formula)
            axes.text(centre, height - 0.15, formula, ha="center", va="top", fontsize=10.5,
                      fontweight="bold")  # fmt: skip
            axes.text(centre, height - 0.4, caption, ha="center", va="top", fontsize=9, color=GREY)
            axes.text(x, entry + 0.04, given, ha="center", va="bottom", fontsize=11, style="italic")
            space = (branch - add - 0.14 - len(inside) * tall) / (len(inside) + 1)
            above = entry
            for index, (kind, text) in enumerate(inside):
                y = branch - (index + 1) * space - (index + 0.5) * tall
                _arrow(axes, [(x, above), (x, y + tall / 2)])
                _box(axes, kind, text, x, y, half)
                above = y - tall / 2
            _arrow(axes, [(x, above), (x, add + 0.14)])
            side = x + half + (0.15 + HALF["skip"] if shortcut else 0.3)
            middle = (branch + add) / 2
            start, end = [(x, branch), (side, branch)], [(side, add), (x + 0.14, add)]
            if shortcut:
                _arrow(axes, [*start, (side, middle + tall / 2)], SKIP_INK)
                _arrow(axes, [(side, middle - tall / 2), *end], SKIP_INK)
                _box(axes, "skip", shortcut, side, middle, HALF["skip"])
            else:
                _arrow(axes, [*start, *end], SKIP_INK)
                axes.text(side + 0.08, middle, given, color=SKIP_INK, va="center",
                          fontsize=11, style="italic")  # fmt: skip
            _box(axes, "add", "+", x, add, 0.14)
            above = add - 0.14
            for kind, text in after:
                y = (add + exit_) / 2 - 0.02
                _arrow(axes, [(x, above), (x, y + tall / 2)])
                _box(axes, kind, text, x, y, half)
                above = y - tall / 2
            _arrow(axes, [(x, above), (x, exit_)])
        alt = what + " ".join(
            f"{formula} ({caption}): {_given(formula)} passes "
            f"{', '.join(text for _, text in inside)}, then "
            f"{f'{shortcut}({_given(formula)})' if shortcut else _given(formula)} is added"
            f"{''.join(f', then {text}' for _, text in after)}."
            for formula, caption, inside, after in blocks
        )
        show(fig, alt, path)
    for formula, caption, _, _ in blocks:
        print(f"{formula}: {caption}")


def _box(axes: Axes, kind: str, text: str, x: float, y: float, half: float) -> None:
    centre = {"ha": "center", "va": "center"}
    if kind in ("input", "output"):
        axes.text(x, y, text, fontsize=9.5, fontweight="bold", **centre)
        return
    if kind == "add":
        axes.add_patch(Circle((x, y), half, facecolor="white", edgecolor=SKIP_INK, lw=1.2))
        axes.text(x, y - 0.01, text, fontsize=12, **centre)
        return
    corner, tall = 0.05, 0.34
    edge = SKIP_INK if kind == "skip" else INK
    axes.add_patch(
        FancyBboxPatch(
            (x - half + corner, y - tall / 2 + corner), 2 * (half - corner), tall - 2 * corner,
            boxstyle=f"round,pad={corner}", facecolor=FILLS[kind], edgecolor=edge, lw=1,
        )
    )  # fmt: skip
    axes.text(x, y, text, fontsize=8.5, **centre)


def _arrow(axes: Axes, points: list[tuple[float, float]], color: str = INK) -> None:
    """A line through all points, with a head at the last."""
    xs, ys = zip(*points[:-1], strict=True)
    axes.plot(xs, ys, color=color, lw=1.2, solid_joinstyle="miter")
    style = {"arrowstyle": "-|>", "color": color, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", points[-1], points[-2], arrowprops={**style, "mutation_scale": 9})


def _size(axes: Axes, size: int, x: float, y: float) -> None:
    axes.text(x, y + 0.04, str(size), ha="center", va="bottom", fontsize=7.5, color=GREY)
