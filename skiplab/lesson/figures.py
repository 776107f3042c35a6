"""How every figure of the course looks, and how it reaches the notebook."""

from __future__ import annotations

import base64
import contextlib
import html
import io
import math
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.registry import BackendFilter, backend_registry
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from skiplab.lesson.progress import in_notebook

WIDTH = 7.6  # inches, at 100 dots per inch in the notebook
INK, GREY, PALE = "#222222", "#595959", "#e6e6e6"


@dataclass(frozen=True)
class Style:
    """How one network is drawn, in every figure.

    Attributes:
        color: Line and text colour, at least 3:1 against white.
        line: matplotlib's line style.
        marker: matplotlib's marker.
    """

    color: str
    line: str | tuple[int, tuple[int, ...]]
    marker: str


# Hue tells plain from skip, lightness and line style shallow from deep; each also differs in grey
# and for the common kinds of colour blindness.
KNOWN = {
    "NormalNet3": Style("#d07b00", "--", "o"),
    "NormalNet7": Style("#8c2d04", "-", "s"),
    "SkipNet3": Style("#2b8cc4", "--", "^"),
    "SkipNet7": Style("#08306b", "-", "D"),
    "sigmoid": Style("#00795c", "-", "v"),
    "ReLU": Style("#b0478a", "--", "P"),
    "plain": Style("#8c2d04", "-", "s"),
    "long skip": Style("#2b8cc4", "--", "^"),
    "residual": Style("#08306b", "-", "D"),
    "1/depth": Style("#b0478a", (0, (1, 2)), "P"),
    "ReZero": Style("#00795c", (0, (5, 1, 1, 1)), "v"),
    "normalised": Style("#d07b00", "--", "o"),
    "post-activation": Style("#08306b", "-", "D"),
    "pre-activation": Style("#d07b00", "--", "o"),
}
OTHERS = [
    Style("#555555", "-.", "X"),
    Style("#8a7500", ":", "*"),
    Style("#5b3fa8", (0, (5, 1, 1, 1, 1, 1)), "<"),
    Style("#c0392b", (0, (8, 2)), ">"),
    Style("#00838f", (0, (3, 1)), "p"),
    Style("#5f7a00", (0, (1, 2)), "h"),
]


def styles(names: Iterable[str]) -> dict[str, Style]:
    """Picks a style for each network.

    Args:
        names: The networks, in order.

    Returns:
        What the course names looks the same everywhere; others take theirs in order.
    """
    chosen, others = {}, 0
    for name in names:
        if name in KNOWN:
            chosen[name] = KNOWN[name]
        else:
            chosen[name] = OTHERS[others % len(OTHERS)]
            others += 1
    return chosen


def number(value: float) -> str:
    """Writes a measured number with three digits, a very small or large one as a power of ten.

    Args:
        value: The number.

    Returns:
        Such as "0.213", "1,610" or "3.8e-5".
    """
    if 0 < abs(value) < 1e-2 or abs(value) >= 1e6:
        return power(value)
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 1e3 else f"{value:.3g}"


def power(value: float) -> str:
    """Writes a number with two digits as a power of ten, for numbers that span decades.

    Args:
        value: The number.

    Returns:
        Such as "1.5e-1"; 0 and what is not finite stay as they are.
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits}e{int(exponent)}"


def headline(figure: Figure, text: str) -> None:
    """Puts the finding above a figure, in as many lines as it needs.

    Args:
        figure: The figure.
        text: The finding.
    """
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, 82)]
    figure.suptitle("\n".join(lines), x=0.012, ha="left", fontsize=11, fontweight="bold")


@contextlib.contextmanager
def figure(height: float, width: float = WIDTH) -> Iterator[Figure]:
    """Opens a figure in the course's style, whatever the user's own settings are.

    Args:
        height: Inches.
        width: Inches.

    Yields:
        The figure. It belongs to pyplot only where a window can show it.
    """
    settings = {
        "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture everywhere
        "font.size": 10,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": GREY,
        "axes.labelcolor": INK,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": PALE,
        "xtick.color": GREY,
        "ytick.color": GREY,
        "text.color": INK,
        "lines.linewidth": 1.8,
        "legend.frameon": False,
    }
    with matplotlib.style.context(["default", settings]):
        size = {"figsize": (width, height), "dpi": 100, "layout": "constrained"}
        if _has_window():
            from matplotlib import pyplot

            yield pyplot.figure(**size)
        else:
            yield Figure(**size)


def page(figure: Figure) -> Axes:
    """Makes axes that fill a figure, without ticks or frame, for what has its own places.

    Args:
        figure: The figure.

    Returns:
        The axes; one unit is one inch.
    """
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, figure.get_figwidth()), ylim=(0, figure.get_figheight()))
    axes.axis("off")
    return axes


def show(figure: Figure, alt: str, path: str | Path | None = None) -> None:
    """Shows a finished figure once, with its alternative text.

    Args:
        figure: The figure.
        alt: What a reader who does not see it should know.
        path: Also save the picture there (PNG, unless the name ends otherwise).
    """
    if path is not None:
        figure.savefig(path, dpi=200)
    if in_notebook():
        _publish(figure, alt)
    elif _has_window():
        from matplotlib import pyplot

        pyplot.show()
        pyplot.close(figure)


def _publish(figure: Figure, alt: str) -> None:
    from IPython.display import display

    data, metadata = as_output(figure, alt)
    display(data, metadata=metadata, raw=True)


def as_output(figure: Figure, alt: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Makes a picture of a finished figure as notebooks hold it.

    Args:
        figure: The figure.
        alt: What a reader who does not see it should know.

    Returns:
        Data by media type, and metadata, as of a `display_data` output.
    """
    # Twice the resolution, and a palette: a quarter of the bytes, no visible difference.
    png = _with_palette(_pixels(figure, dpi=200))
    width = round(figure.get_figwidth() * 100)
    encoded = base64.b64encode(png).decode()
    # JupyterLab drops the alternative text of an image/png output, so the HTML carries it too.
    image = (
        f'<img alt="{html.escape(alt)}" width="{width}" style="max-width: 100%; height: auto" '
        f'src="data:image/png;base64,{encoded}">'
    )
    data = {"image/png": encoded, "text/html": image, "text/plain": alt}
    return data, {"image/png": {"alt": alt, "width": width}}


def _pixels(figure: Figure, dpi: int) -> np.ndarray:
    """What `savefig` would write, without the detour through a file."""
    before = figure.dpi
    canvas = FigureCanvasAgg(figure)
    try:
        figure.set_dpi(dpi)
        if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
            figure.draw_without_rendering()  # as savefig does: the second layout is the better one
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())
    finally:
        figure.set_dpi(before)


def _with_palette(pixels: np.ndarray) -> bytes:
    from PIL import Image

    picture = Image.fromarray(pixels).convert("RGB")
    buffer = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _has_window() -> bool:
    """Whether matplotlib would open a window: outside notebooks, with a screen."""
    if in_notebook():
        return False
    windows = backend_registry.list_builtin(BackendFilter.INTERACTIVE)
    return matplotlib.get_backend().lower() in windows


def label_ends(axes: Axes, ends: dict[str, float], chosen: dict[str, Style]) -> None:
    """Writes each line's name to the right of the axes, at the height where the line ends.

    Args:
        axes: Axes whose limits are final.
        ends: For each name, the line's last value on the y axis.
        chosen: For each name, its style.
    """
    gap = 0.075 * 3.2 / axes.figure.get_figheight()  # of the axes' height: one line of text
    low, high = axes.get_ylim()
    scale = axes.yaxis.get_transform().transform
    bottom, top = scale(low), scale(high)
    heights = {
        # A run that ended in nan or infinity has its name at the top.
        name: (scale(end) - bottom) / (top - bottom) if math.isfinite(end) else 1.0
        for name, end in ends.items()
    }
    names = sorted(heights, key=heights.get)
    places = []
    for name in names:
        places.append(max(heights[name], places[-1] + gap) if places else heights[name])
    # Pushed up only; bring the stack down again by half of what it was pushed.
    shift = sum(p - heights[n] for p, n in zip(places, names, strict=True)) / len(places)
    shift = max(0.0, min(shift, places[0] - 0.02))
    for name, place in zip(names, places, strict=True):
        color = chosen[name].color
        leader = {"arrowstyle": "-", "color": color, "lw": 0.8, "shrinkA": 1, "relpos": (0, 0.5)}
        axes.annotate(
            name,
            xy=(1.0, heights[name]),
            xytext=(1.04, place - shift),
            xycoords="axes fraction",
            textcoords="axes fraction",
            color=color,
            va="center",
            fontweight="bold",
            fontsize=9.5,
            annotation_clip=False,
            arrowprops=leader if math.isfinite(ends[name]) else None,
        )


def halo() -> list[patheffects.AbstractPathEffect]:
    """Keeps text readable on top of lines.

    Returns:
        A white outline, for the argument `path_effects`.
    """
    return [patheffects.withStroke(linewidth=3, foreground="white")]
