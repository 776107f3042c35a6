"""Figures of experiments: each states what the data show, as title, as text and as alt text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from skiplab.lesson import arguments
from skiplab.lesson.figures import (
    GREY,
    INK,
    figure,
    halo,
    headline,
    label_ends,
    number,
    power,
    show,
    styles,
)
from skiplab.lesson.training import SeedRuns


def plot_loss(
    losses_by_name: Mapping[str, Sequence[float]], epochs: int, path: str | Path | None = None
) -> None:
    """Plots the loss of one training run per network.

    Args:
        losses_by_name: For each network, the loss of every epoch, as `train_model` returns it.
        epochs: How many epochs to show.
        path: Also save the picture there.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: The dict is empty, or there are fewer losses than epochs.
    """
    given = arguments.by_name("losses_by_name", losses_by_name, "[0.33, 0.32, …]")
    arguments.whole_number("epochs", epochs)
    losses = {}
    for name, values in given.items():
        tensor = _numbers(f"losses_by_name[{name!r}]", values, 1)
        if len(tensor) < epochs:
            raise ValueError(
                f"losses_by_name[{name!r}]: got {len(tensor)} losses, "
                f"wanted {epochs}, one for each of the epochs"
            )
        losses[name] = tensor[:epochs]

    last = {name: tensor[-1].item() for name, tensor in losses.items()}
    finding = _lowest_and_highest(f"Loss after {_count(epochs, 'epoch')}", last)
    rows = [("network", "first epoch", "last epoch")]
    rows += [(name, number(t[0].item()), number(t[-1].item())) for name, t in losses.items()]

    chosen = styles(losses)
    with figure(3.4) as fig:
        axes = fig.add_subplot()
        for name, tensor in losses.items():
            style = chosen[name]
            axes.plot(
                range(1, epochs + 1), tensor, color=style.color, ls=style.line,
                marker=style.marker, markevery=max(1, epochs // 10), ms=5,
            )  # fmt: skip
        _epoch_axes(axes, epochs, list(losses.values()))
        headline(fig, finding)
        label_ends(axes, last, chosen)
        show(fig, f"Line plot of loss against epoch, one run per network. {finding}. "
             + _sentences(rows), path)  # fmt: skip
    _tell(finding, rows)


def plot_seed_losses(
    runs_by_name: Mapping[str, SeedRuns | torch.Tensor],
    baseline: tuple[str, float] | None = None,
    path: str | Path | None = None,
) -> None:
    """Plots the loss over many seeds: the median as a line, the range as a band.

    Args:
        runs_by_name: For each network, its `SeedRuns`, or losses of shape (seeds, epochs).
        baseline: A name and a loss to compare with, drawn as a line: ("always 0.5", 1 / 12).
        path: Also save the picture there.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: The dict is empty, or the runs differ in epochs.
    """
    given = arguments.by_name("runs_by_name", runs_by_name, "train_over_seeds(NormalNet3, 10)")
    _check_baseline(baseline)
    losses = {
        name: _numbers(
            f"runs_by_name[{name!r}]", runs.losses if isinstance(runs, SeedRuns) else runs, 2
        )
        for name, runs in given.items()
    }
    epochs = next(iter(losses.values())).shape[1]
    for name, tensor in losses.items():
        if tensor.shape[1] != epochs:
            raise ValueError(
                f"runs_by_name[{name!r}]: got {tensor.shape[1]} epochs, "
                f"wanted {epochs}, as many as the others have"
            )

    final = {name: tensor[:, -1] for name, tensor in losses.items()}
    medians = {name: _median(values) for name, values in final.items()}
    finding = _compare(f"Median loss after {_count(epochs, 'epoch')}", "ends lower than", final)
    rows = _seed_rows("final loss", final)

    chosen = styles(losses)
    with figure(3.4) as fig:
        axes = fig.add_subplot()
        x = range(1, epochs + 1)
        for name, tensor in losses.items():
            style = chosen[name]
            axes.fill_between(
                x, tensor.amin(0), tensor.amax(0), color=style.color, alpha=0.18, lw=0
            )
            axes.plot(
                x, tensor.nanmedian(0).values, color=style.color, ls=style.line,
                marker=style.marker, markevery=max(1, epochs // 10), ms=5,
            )  # fmt: skip
        _epoch_axes(axes, epochs, list(losses.values()))
        if baseline is not None:
            axes.axhline(baseline[1], color=GREY, ls=":", lw=1.5)
            axes.annotate(
                f"{baseline[0]}: {number(baseline[1])}", (1, baseline[1]), (4, 4),
                textcoords="offset points", color=GREY, fontsize=9, path_effects=halo(),
            )  # fmt: skip
        headline(fig, finding)
        label_ends(axes, medians, chosen)
        show(fig, "Line plot of loss against epoch: the median over seeds per network, "
             f"and a band from the lowest to the highest. {finding}. {_sentences(rows, baseline)}",
             path)  # fmt: skip
    _tell(finding, rows, baseline)


def plot_layer_gradients(
    gradients_by_name: Mapping[str, SeedRuns | Mapping[str, float | torch.Tensor]],
    path: str | Path | None = None,
) -> None:
    """Plots, for each network, how much gradient reaches each layer, on a log scale.

    Args:
        gradients_by_name: For each network, a dict from layer to the norm of its gradient, as
            `layer_gradients` returns it, or to a tensor of shape (seeds,); or its `SeedRuns`.
        path: Also save the picture there.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A dict is empty, or a norm is negative or not finite.
    """
    given = arguments.by_name("gradients_by_name", gradients_by_name, '{"layer_1": 0.15}')
    norms: dict[str, dict[str, torch.Tensor]] = {}
    for name, layers in given.items():
        if isinstance(layers, SeedRuns):
            layers = layers.gradients
        argument = f"gradients_by_name[{name!r}]"
        layers = arguments.by_name(argument, layers, "0.15")
        norms[name] = {
            layer: _numbers(f"{argument}[{layer!r}]", _as_list(values), 1)
            for layer, values in layers.items()
        }
        for layer, values in norms[name].items():
            if not (values.isfinite() & (values >= 0)).all():
                raise ValueError(
                    f"{argument}[{layer!r}]: got {arguments.describe(values.tolist())}, "
                    "wanted norms: finite and at least 0"
                )

    every = list(dict.fromkeys(layer for layers in norms.values() for layer in layers))
    chain = [layer for layer in every if "skip" not in layer]
    order = chain + [layer for layer in every if "skip" in layer]
    medians = {
        name: {layer: _median(values) for layer, values in layers.items()}
        for name, layers in norms.items()
    }
    finding = _gradient_finding(medians)
    rows = [("layer", *norms)]
    for layer in order:
        cells = [power(m[layer]) if layer in m else "" for m in medians.values()]
        rows.append((layer, *cells))

    positive = [
        v for m in norms.values() for values in m.values() for v in values.tolist() if v > 0
    ]
    floor = min(positive) / 10 if positive else 1e-3
    chosen = styles(norms)
    with figure(3.4) as fig:
        axes = fig.add_subplot()
        axes.set_yscale("log")
        zeros = False
        for index, (name, layers) in enumerate(norms.items()):
            style = chosen[name]
            shift = 0.06 * (index - (len(norms) - 1) / 2)  # keeps the ranges apart
            for group in (chain, order[len(chain) :]):
                here = [layer for layer in group if layer in layers]
                if not here:
                    continue
                x = [order.index(layer) + shift for layer in here]
                y = torch.stack([layers[layer].quantile(0.5) for layer in here])
                low = torch.stack([layers[layer].amin() for layer in here])
                high = torch.stack([layers[layer].amax() for layer in here])
                zeros |= bool((y == 0).any())
                y, low, high = (t.clamp(min=floor) for t in (y, low, high))
                axes.errorbar(
                    x, y, yerr=torch.stack([y - low, high - y]), color=style.color,
                    ls=style.line if group is chain else "none", marker=style.marker, ms=6,
                    elinewidth=1.2, capsize=2.5, label=name if group is chain else None,
                )  # fmt: skip
        if zeros:
            axes.axhline(floor, color=GREY, lw=1, ls=":")
            axes.annotate(
                "0: no gradient", (1, floor), (-4, 4), xycoords=("axes fraction", "data"),
                textcoords="offset points", color=GREY, fontsize=9, ha="right",
            )  # fmt: skip
        axes.set_ylim(*_decades(positive, floor / 2 if zeros else None))
        axes.set_xticks(range(len(order)), order)
        axes.set_xlim(-0.4, len(order) - 0.6)
        axes.grid(axis="x", visible=False)
        axes.set_ylabel("norm of the gradient")
        axes.set_xlabel("layer, from input to output" + (", then the skip" * (chain != order)))
        headline(fig, finding)
        if len(norms) > 1:
            fig.legend(loc="outside lower center", ncols=min(4, len(norms)))
        show(fig, "Norm of the gradient of the loss with respect to each layer's weight before "
             f"training, on a log scale. {finding}. " + _sentences(rows), path)  # fmt: skip
    _tell(finding, rows)


def plot_strip(
    values_by_name: Mapping[str, torch.Tensor | Sequence[float]],
    xlabel: str,
    pairs: Sequence[tuple[str, str]] | None = None,
    baseline: tuple[str, float] | None = None,
    path: str | Path | None = None,
) -> None:
    """Plots one dot per seed and network, and the medians.

    Args:
        values_by_name: For each network, one number per seed, shape (seeds,).
        xlabel: What the numbers are, such as "final loss".
        pairs: Which networks to compare seed by seed: ("A", "B") counts the seeds in which A is
            lower than B. By default the two, if there are two networks.
        baseline: A name and a value to compare with, drawn as a line: ("always 0.5", 1 / 12).
        path: Also save the picture there.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: The dict is empty, a pair names an unknown network, or the networks of a pair
            have different numbers of seeds.
    """
    given = arguments.by_name("values_by_name", values_by_name, "[0.24, 0.23]")
    if not isinstance(xlabel, str):
        raise TypeError(f'xlabel: got {arguments.describe(xlabel)}, wanted text: "final loss"')
    _check_baseline(baseline)
    values = {name: _numbers(f"values_by_name[{name!r}]", v, 1) for name, v in given.items()}
    for pair in pairs or ():
        wanted = f"wanted pairs of {', '.join(values)}"
        if isinstance(pair, str) or len(pair) != 2 or any(name not in values for name in pair):
            raise ValueError(f"pairs: got {pair!r}, {wanted}")
        sizes = [len(values[name]) for name in pair]
        if sizes[0] != sizes[1]:
            raise ValueError(f"pairs: got {pair!r} with {sizes[0]} and {sizes[1]} seeds, "
                             "wanted the same seeds for both")  # fmt: skip

    medians = {name: _median(v) for name, v in values.items()}
    label = xlabel[:1].upper() + xlabel[1:]
    if pairs:
        findings = [
            f"{label}: {_lower_in(a, b, values[a], values[b], 'lower than')}" for a, b in pairs
        ]
    else:
        findings = [_compare(f"Median {xlabel}", "lower than", values, f"{label}: ")]
    rows = _seed_rows(xlabel, values)

    chosen = styles(values)
    top = len(values) - 1
    with figure(1.3 + 0.55 * len(values) + 0.2 * len(findings)) as fig:
        axes = fig.add_subplot()
        for index, (name, v) in enumerate(values.items()):
            style = chosen[name]
            place = top - index
            dots = v.sort().values
            lanes = torch.tensor([0.0, 0.14, -0.14, 0.07, -0.07])
            lanes = lanes[torch.arange(len(dots)) % 5] if len(dots) > 1 else lanes[:1]
            axes.scatter(
                dots, place + lanes, s=26, color=style.color, marker=style.marker, alpha=0.75, lw=0
            )
            if not math.isfinite(medians[name]):
                axes.annotate(
                    "not a finite number", (0.5, place), xycoords=("axes fraction", "data"),
                    ha="center", va="center", color=style.color,
                )  # fmt: skip
                continue
            axes.plot([medians[name]] * 2, [place - 0.3, place + 0.3], color=INK, lw=2)
            axes.annotate(
                number(medians[name]), (medians[name], place + 0.3), (0, 1),
                textcoords="offset points", ha="center", va="bottom", fontsize=8.5,
                path_effects=halo(),
            )  # fmt: skip
        everything = torch.cat(list(values.values()))
        counts = bool((everything == everything.round()).all())
        if counts:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        elif _spans_decades(everything):
            axes.set_xscale("log")
        if baseline is not None:
            axes.axvline(baseline[1], color=GREY, ls=":", lw=1.5)
            axes.annotate(
                f"{baseline[0]}: {number(baseline[1])}", (baseline[1], 0), (4, 3),
                xycoords=("data", "axes fraction"), textcoords="offset points",
                color=GREY, fontsize=8.5,
            )  # fmt: skip
        axes.set_yticks([top - i for i in range(len(values))], list(values), fontweight="bold")
        for tick, name in zip(axes.get_yticklabels(), values, strict=True):
            tick.set_color(chosen[name].color)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.set_ylim(-0.6, top + 0.7)
        axes.set_xlabel(f"{xlabel} (one mark per seed; bar: median)")
        headline(fig, "\n".join(findings))
        show(fig, f"Strip plot of {xlabel}, one mark per seed and network. "
             f"{'. '.join(findings)}. {_sentences(rows, baseline)}", path)  # fmt: skip
    _tell("\n".join(findings), rows, baseline)


def plot_activations(depth: int = 7, path: str | Path | None = None) -> None:
    """Plots sigmoid and ReLU, and their slopes.

    Args:
        depth: For how many layers in a row to state the product of the largest slopes.
        path: Also save the picture there.

    Raises:
        TypeError: `depth` is no whole number.
        ValueError: `depth` is below 1.
    """
    arguments.whole_number("depth", depth)
    z = torch.linspace(-6, 6, 1201, dtype=torch.float64)
    functions = {"sigmoid": torch.sigmoid, "ReLU": torch.relu}
    values, slopes = {}, {}
    for name, function in functions.items():
        points = z.clone().requires_grad_()
        values[name] = function(points)
        (slopes[name],) = torch.autograd.grad(values[name].sum(), points)
        values[name] = values[name].detach()
    largest = {name: slope.max().item() for name, slope in slopes.items()}
    steepest = 0.0 + z[slopes["sigmoid"].argmax()].round(decimals=6).item()
    finding = (
        f"The sigmoid's slope is at most {number(largest['sigmoid'])}, "
        f"the ReLU's {number(largest['ReLU'])}"
    )
    rows = [("activation", "largest slope", f"to the power of {depth}")]
    rows += [(name, number(s), number(s**depth)) for name, s in largest.items()]

    chosen = styles(functions)
    with figure(3.2) as fig:
        left, right = fig.subplots(1, 2)
        for name in functions:
            style = chosen[name]
            line = {"color": style.color, "ls": style.line}
            left.plot(z, values[name], label=name, **line)
            if name == "ReLU":  # its slope jumps at 0: no line there
                right.plot(z[z < 0], slopes[name][z < 0], **line)
                right.plot(z[z > 0], slopes[name][z > 0], **line)
            else:
                right.plot(z, slopes[name], **line)
        left.set(xlabel="z", ylabel="activation", ylim=(-0.15, 3))
        left.set_title("activation(z)")
        right.set(xlabel="z", ylabel="slope", ylim=(-0.05, 1.15))
        right.set_title("its slope")
        color = chosen["sigmoid"].color
        right.plot(steepest, largest["sigmoid"], "o", color=color, ms=7)
        right.annotate(
            f"1/4 at z = {steepest:.0f}" if abs(largest["sigmoid"] - 0.25) < 1e-9
            else f"{number(largest['sigmoid'])} at z = {steepest:.2g}",
            (steepest, largest["sigmoid"]), (-8, 10), textcoords="offset points", color=color,
            fontweight="bold", ha="right", path_effects=halo(),
        )  # fmt: skip
        left.legend(loc="upper left")
        headline(fig, finding)
        show(fig, "Sigmoid and ReLU on the left, their slopes on the right, for z from -6 to 6. "
             f"{finding}. " + _sentences(rows), path)  # fmt: skip
    _tell(finding, rows)


def _check_baseline(baseline: object) -> None:
    """Wants a name and a positive number, or None."""
    if baseline is None:
        return
    if not (isinstance(baseline, tuple) and len(baseline) == 2 and isinstance(baseline[0], str)):
        got = arguments.describe(baseline)
        raise TypeError(f'baseline: got {got}, wanted a name and a number: ("always 0.5", 1 / 12)')
    arguments.positive_number("baseline", baseline[1])


def _numbers(name: str, value: object, dimensions: int) -> torch.Tensor:
    """A float tensor on the CPU with so many dimensions, none of them empty."""
    wanted = {1: "a list of numbers", 2: "SeedRuns, or losses of shape (seeds, epochs)"}[dimensions]
    try:
        tensor = torch.as_tensor(value, dtype=torch.float64).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{name}: got {arguments.describe(value)}, wanted {wanted}") from None
    if tensor.ndim != dimensions:
        raise TypeError(f"{name}: got {arguments.describe(value)}, wanted {wanted}")
    if tensor.numel() == 0:
        raise ValueError(f"{name}: got no numbers, wanted {wanted}")
    return tensor


def _as_list(value: Any) -> Any:  # noqa: ANN401
    """One norm is a list of one."""
    if isinstance(value, torch.Tensor):
        return value.reshape(-1) if value.ndim == 0 else value
    return [value] if isinstance(value, int | float) else value


def _median(values: torch.Tensor) -> float:
    """The middle value, or the mean of the two in the middle."""
    return values.quantile(0.5).item()


def _count(number_: int, word: str) -> str:
    return f"{number_} {word}{'' if number_ == 1 else 's'}"


def _lowest_and_highest(what: str, values: dict[str, float]) -> str:
    """One line that says where each network, or the first and the last of many, ended."""
    broken = [
        name for name, value in values.items() if value != value or abs(value) == float("inf")
    ]
    if broken:
        return f"{what}: not a finite number for {', '.join(broken)}"
    ordered = sorted(values, key=values.get)
    parts = [f"{name} {number(values[name])}" for name in ordered]
    if len(parts) <= 2:
        return f"{what}: {', '.join(parts)}"
    return f"{what}: from {parts[0]} to {parts[-1]}"


def _lowest_and_highest_place(what: str, xlabel: str, values: dict[Any, float]) -> str:
    """One line that says where a single network has its lowest and its highest median."""
    broken = [str(place) for place, value in values.items() if not math.isfinite(value)]
    if broken:
        return f"{what}: not a finite number at {xlabel} {', '.join(broken)}"
    low, high = min(values, key=values.get), max(values, key=values.get)
    return f"{what}: from {number(values[low])} ({xlabel} {low}) to " + (
        f"{number(values[high])} ({xlabel} {high})"
    )


def _compare(what: str, verb: str, values: dict[str, torch.Tensor], label: str = "") -> str:
    """Two networks with the same number of seeds are compared seed by seed."""
    names = list(values)
    if len(names) == 2 and len(values[names[0]]) == len(values[names[1]]) > 1:
        first, second = values.values()
        if (second < first).sum() > (first < second).sum():
            return label + _lower_in(*names[::-1], second, first, verb)
        return label + _lower_in(*names, first, second, verb)
    return _lowest_and_highest(what, {name: _median(v) for name, v in values.items()})


def _lower_in(
    first: str, second: str, first_values: torch.Tensor, second_values: torch.Tensor, verb: str
) -> str:
    lower = int((first_values < second_values).sum())
    equal = int((first_values == second_values).sum())
    ties = f", equal in {equal}" if equal else ""
    return f"{first} {verb} {second} in {lower} of {_count(len(first_values), 'seed')}{ties}"


def _gradient_finding(medians: dict[str, dict[str, float]]) -> str:
    """For one network its first layer against its last; for several the first layers."""
    if len(medians) > 1:
        first = {name: next(iter(layers.values())) for name, layers in medians.items()}
        layers = {next(iter(layers)) for layers in medians.values()}
        where = layers.pop() if len(layers) == 1 else "the first layer"
        low, *_, high = sorted(first, key=first.get)
        return (
            f"Gradient at {where}: least in {low} ({power(first[low])}), "
            f"most in {high} ({power(first[high])})"
        )
    ((name, layers),) = medians.items()
    chain = {layer: value for layer, value in layers.items() if "skip" not in layer} or layers
    first, last = next(iter(chain)), list(chain)[-1]
    silent = [layer for layer, value in layers.items() if value == 0]
    if silent:
        return f"{name}: no gradient reaches {', '.join(silent)}"
    if len(chain) == 1:
        return f"{name}: {first} gets a gradient of {power(chain[first])}"
    more, less = (first, last) if chain[first] > chain[last] else (last, first)
    ratio = chain[more] / chain[less]
    return f"{name}: {more} gets {number(ratio)} times the gradient of {less}"


def _seed_rows(what: str, values: dict[str, torch.Tensor]) -> list[tuple[str, ...]]:
    rows = [("network", f"median {what}", "range", "seeds")]
    for name, v in values.items():
        spread = f"{number(v.min().item())} to {number(v.max().item())}"
        rows.append((name, number(_median(v)), spread, str(len(v))))
    return rows


def _spans_decades(values: torch.Tensor) -> bool:
    values = values[values.isfinite()]
    return len(values) > 0 and values.min().item() > 0 and (values.max() / values.min()) >= 10


def _decades(values: list[float], bottom: float | None) -> tuple[float, float]:
    """Limits at powers of ten, so that the ticks are few and round."""
    low, high = (min(values), max(values)) if values else (1e-3, 1e-2)
    lowest = 10.0 ** math.floor(math.log10(low / 1.1)) if bottom is None else bottom
    return lowest, 10.0 ** math.ceil(math.log10(high * 1.1))


def _epoch_axes(axes: Axes, epochs: int, losses: list[torch.Tensor]) -> None:
    if _spans_decades(torch.cat([t.reshape(-1) for t in losses])):
        axes.set_yscale("log")
    axes.set(xlabel="epoch", ylabel="loss", xlim=(1, max(2, epochs)))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _tell(
    finding: str, rows: list[tuple[str, ...]], baseline: tuple[str, float] | None = None
) -> None:
    """Prints the finding and the numbers behind it, with the baseline as the last of them."""
    if baseline is not None:
        empty = [""] * (len(rows[0]) - 2)
        rows = [*rows, (baseline[0], number(baseline[1]), *empty)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    print(finding)
    for row in rows:
        print("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())


def _sentences(rows: list[tuple[str, ...]], baseline: tuple[str, float] | None = None) -> str:
    """The same numbers in words, for alternative text. A baseline is no network's number."""
    head, *body = rows
    parts = []
    for name, *cells in body:
        said = [f"{h} {c}" for h, c in zip(head[1:], cells, strict=True) if c]
        parts.append(f"{name}: {', '.join(said)}")
    if baseline is not None:
        parts.append(f"line at {number(baseline[1])}: {baseline[0]}")
    return "; ".join(parts) + "."


def plot_over(
    values_by_name: Mapping[str, Mapping[Any, float | torch.Tensor | Sequence[float]]],
    xlabel: str,
    ylabel: str,
    log: bool = False,
    baseline: tuple[str, float] | None = None,
    at: Any = None,  # noqa: ANN401
    path: str | Path | None = None,
) -> None:
    """Plots a measurement over depth, over layers, or over anything else that comes in order.

    The title says what several networks have at one place, or where a single one has its lowest and
    its highest median.

    Args:
        values_by_name: For each network, a dict from the place on the x axis to one number per
            seed (or to a single number).
        xlabel: What the places are, such as "depth".
        ylabel: What was measured, such as "test accuracy".
        log: Whether the y axis is logarithmic; then all numbers must be above 0.
        baseline: A name and a value to compare with, drawn as a line: ("chance", 0.1).
        at: The place that the title speaks of; None is the last.
        path: Also save the picture there.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A dict is empty, a number is not above 0 where `log` asks for that, or `at` is
            no place of any network.
    """
    given = arguments.by_name("values_by_name", values_by_name, "{3: [0.6, 0.59]}")
    for name, text in (("xlabel", xlabel), ("ylabel", ylabel)):
        if not isinstance(text, str):
            raise TypeError(f'{name}: got {arguments.describe(text)}, wanted text: "depth"')
    _check_baseline(baseline)
    values: dict[str, dict[Any, torch.Tensor]] = {}
    for name, places in given.items():
        argument = f"values_by_name[{name!r}]"
        if not isinstance(places, Mapping) or not places:
            got = arguments.describe(places)
            raise TypeError(f"{argument}: got {got}, wanted a dict such as {{3: [0.6, 0.59]}}")
        values[name] = {
            place: _numbers(f"{argument}[{place!r}]", _as_list(numbers), 1)
            for place, numbers in places.items()
        }
        if log and any((v <= 0).any() for v in values[name].values()):
            raise ValueError(f"{argument}: got a number that is not above 0, on a log scale")

    order = list(dict.fromkeys(place for places in values.values() for place in places))
    medians = {
        name: {place: _median(v) for place, v in places.items()} for name, places in values.items()
    }
    at = order[-1] if at is None else at
    if at not in order:
        places = ", ".join(map(repr, order))
        raise ValueError(f"at: got {arguments.describe(at)}, wanted one of {places}")
    label = ylabel[:1].upper() + ylabel[1:]
    if len(values) == 1:
        finding = _lowest_and_highest_place(label, xlabel, *medians.values())
    else:
        here = {name: m[at] for name, m in medians.items() if at in m}
        finding = _lowest_and_highest(f"{label} at {xlabel} {at}", here)
    step = max(1, math.ceil((len(order) - 1) / 8))
    # The last one, too, and none that would stand too close to it or to where the title looks.
    some = [place for place in order[::step] if len(order) - 1 - order.index(place) > step // 2]
    some.append(order[-1])
    if at not in some:
        near = [place for place in some if abs(order.index(place) - order.index(at)) <= step // 2]
        some = sorted({*some, at} - set(near), key=order.index)
    rows = [(xlabel, *values)]
    for place in some:
        rows.append(
            (str(place), *[number(m[place]) if place in m else "" for m in medians.values()])
        )

    chosen = styles(values)
    with figure(3.4) as fig:
        axes = fig.add_subplot()
        if log:
            axes.set_yscale("log")
        for index, (name, places) in enumerate(values.items()):
            style = chosen[name]
            shift = 0.02 * len(order) * (index - (len(values) - 1) / 2) / 2
            here = [place for place in places if math.isfinite(medians[name][place])]
            gone = [place for place in places if place not in here]
            x = [order.index(place) + shift for place in here]
            y = torch.tensor([medians[name][place] for place in here], dtype=torch.float64)
            low = torch.tensor([places[place].amin() for place in here], dtype=torch.float64)
            high = torch.tensor([places[place].amax() for place in here], dtype=torch.float64)
            axes.errorbar(
                x, y, yerr=torch.stack([y - low, high - y]), color=style.color, ls=style.line,
                marker=style.marker, markevery=max(1, len(order) // 12), ms=6, elinewidth=1.2,
                errorevery=max(1, len(order) // 12), capsize=2.5, label=name,
            )  # fmt: skip
            for place in gone:
                axes.annotate(
                    f"{name}: not finite", (order.index(place), 0), (0, 4 + 12 * index),
                    xycoords=("data", "axes fraction"), textcoords="offset points", ha="right",
                    va="bottom", color=style.color, fontweight="bold", fontsize=9,
                    path_effects=halo(),
                )  # fmt: skip
        if baseline is not None:
            axes.axhline(baseline[1], color=GREY, ls=":", lw=1.5)
            axes.annotate(
                f"{baseline[0]}: {number(baseline[1])}", (0, baseline[1]), (4, 4),
                xycoords=("axes fraction", "data"), textcoords="offset points", color=GREY,
                fontsize=9, path_effects=halo(),
            )  # fmt: skip
        axes.set_xticks([order.index(place) for place in some], [str(place) for place in some])
        axes.set_xlim(-0.04 * len(order) - 0.1, 1.04 * len(order) - 0.9)
        axes.set(xlabel=xlabel, ylabel=ylabel)
        headline(fig, finding)
        if len(values) > 1:
            fig.legend(loc="outside lower center", ncols=min(4, len(values)))
        show(fig, f"Plot of {ylabel} over {xlabel}: medians over seeds, and bars from the lowest "
             f"to the highest. {finding}. {_sentences(rows, baseline)}", path)  # fmt: skip
    _tell(finding, rows, baseline)


def plot_signals(
    X: torch.Tensor, y: torch.Tensor, each: int = 4, path: str | Path | None = None
) -> None:
    """Plots a few examples of every class, as signals.

    Args:
        X: Inputs, of shape (examples, numbers per example).
        y: Targets, of shape (examples,): the class, a whole number.
        each: How many examples of a class to draw.
        path: Also save the picture there.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: There is no example, or inputs and targets differ in length.
    """
    X, y = arguments.pair(X, y)
    arguments.whole_number("each", each)
    classes = y.unique().tolist()
    size, across = X.shape[1], min(5, len(classes))
    down = math.ceil(len(classes) / across)
    counts = {str(c): int((y == c).sum()) for c in classes}
    finding = (
        f"{len(classes)} classes, {size} numbers per example: the first {each} examples of each"
    )
    rows = [("class", "examples", "mean", "standard deviation")]
    rows += [
        (name, str(count), number(X[y == int(name)].mean().item()),
         number(X[y == int(name)].std().item()))
        for name, count in counts.items()
    ]  # fmt: skip
    limit = X.abs().max().item() * 1.05
    with figure(1.1 + 1.25 * down) as fig:
        for index, (axes, c) in enumerate(
            zip(fig.subplots(down, across, squeeze=False).flat, classes, strict=False)
        ):
            for k, signal in enumerate(X[y == c][:each]):
                axes.plot(signal, color=SHADES[k % len(SHADES)], lw=1.1)
            axes.set_title(f"{c}", fontweight="bold")
            axes.set(ylim=(-limit, limit), ylabel="value")
            axes.label_outer()
            if index // across == down - 1:
                axes.set_xlabel("place")
        headline(fig, finding)
        show(fig, f"Small plots of signals, one for each class. {finding}. " + _sentences(rows),
             path)  # fmt: skip
    _tell(finding, rows)


SHADES = ["#08306b", "#d07b00", "#00795c", "#b0478a", "#555555"]
