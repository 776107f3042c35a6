"""How sure is each claim of lessons 3 and 4? Prints what it rests on, over many seeds.

    python benchmarks/margins.py [--seeds N] [--lesson 3] [--lesson 4]

The lessons show three seeds, and `tests/test_lesson_claims.py` asks two. This trains every network
of the two lessons, as they do, with ten. Each line is one comparison that the text makes: in how
many seeds it comes out as the text says, and the seed in which it is closest to the bound, the
middle one, and the one furthest from it. Takes about ten minutes on two cores.
"""

import argparse
import math
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import test_lesson_claims as claims
from test_lesson_claims import classifiers, lesson_3, lesson_4, make_network, resnets


@dataclass(frozen=True)
class Margin:
    """One comparison, over seeds.

    Attributes:
        what: the quantity, in words.
        values: one for each seed.
        bound: what the text needs it to be below or above.
        above: whether above.
    """

    what: str
    values: list[float]
    bound: float
    above: bool

    def row(self) -> list[str]:
        """The cells of its line in the table."""
        # From the seed that is closest to the bound to the one that is furthest from it.
        order = sorted(self.values, reverse=not self.above)
        holds = sum((value > self.bound) == self.above for value in order)
        sign = ">" if self.above else "<"
        shown = (order[0], order[len(order) // 2], order[-1])
        return [
            self.what,
            f"{sign} {self.bound:.4g}",
            f"{holds} of {len(order)}",
            *(f"{value:.4g}" for value in shown),
        ]


def above(what: str, values: torch.Tensor | list[float], bound: float = 0.0) -> Margin:
    """A quantity that must lie above a bound in every seed."""
    return Margin(what, torch.as_tensor(values).double().tolist(), bound, above=True)


def below(what: str, values: torch.Tensor | list[float], bound: float) -> Margin:
    """A quantity that must lie below a bound in every seed."""
    return Margin(what, torch.as_tensor(values).double().tolist(), bound, above=False)


def margins_of_lesson_3() -> Iterator[Margin]:
    """What the text of lesson 3 compares."""
    linear = classifiers("linear")
    yield below("linear: test accuracy", linear.accuracy, 0.4)
    three, seven, deep = (
        {kind: classifiers(kind, depth) for kind in ("plain", "long skip", "residual")}
        for depth in (3, 7, 30)
    )
    for kind in ("plain", "long skip"):
        gap = (three[kind].accuracy - three["residual"].accuracy).abs()
        yield below(f"3 layers: accuracy, {kind} and residual apart by", gap, 0.06)
    for kind in ("plain", "long skip"):
        gain = seven["residual"].accuracy - seven[kind].accuracy
        yield above(f"7 layers: accuracy, residual minus {kind}", gain)
        yield below(
            f"7 layers: training loss, residual / {kind}",
            seven["residual"].loss / seven[kind].loss,
            1,
        )
        yield above(f"{kind}: training loss, 7 layers / 3", seven[kind].loss / three[kind].loss, 1)
        yield above(
            f"{kind}: accuracy, 3 layers minus 7", three[kind].accuracy - seven[kind].accuracy
        )
    yield below(
        "residual: training loss, 7 layers / 3", seven["residual"].loss / three["residual"].loss, 1
    )
    guess = (deep["plain"].loss - math.log(10)).abs()
    yield below("30 layers: plain loss, from that of guessing by", guess, 0.01)
    apart = (deep["long skip"].accuracy - linear.accuracy).abs()
    yield below("30 layers: accuracy, long skip and linear apart by", apart, 0.03)
    X = lesson_3()["data"].X_test
    with torch.no_grad():
        spread = [model.deep(X).std(dim=0).mean().item() for model in deep["long skip"].models]
    yield below("30 layers: deep path of the long skip, deviation", spread, 1e-4)
    yield above("30 layers: residual loss is nan", deep["residual"].loss.isnan().double(), 0.5)
    gradient = lesson_3()["gradients"](make_network, "plain", 30)
    ratio = torch.tensor(gradient[30]) / torch.tensor(gradient[1])
    yield above("30 layers: plain gradient, last / first, untrained", ratio, 1e9)
    signal = torch.tensor(list(lesson_3()["signal"](make_network, "residual", 30).values()))
    growth = (signal[1:] / signal[:-1]).min(dim=0).values
    yield above("residual: growth of the signal, in its slowest block", growth, 1)

    rezero, scaled, normalised = (
        classifiers(kind, 30) for kind in ("ReZero", "1/depth", "normalised")
    )
    for other in (scaled, normalised):
        gain = rezero.accuracy - other.accuracy
        yield above(f"30 layers: accuracy, ReZero minus {other.name}", gain)
        yield below(f"30 layers: loss, ReZero / {other.name}", rezero.loss / other.loss, 1)
        yield above(f"loss, {other.name} 30 / residual 3", other.loss / three["residual"].loss, 1)
    yield below("loss, ReZero 30 / residual 7", rezero.loss / seven["residual"].loss, 1)

    lesions = lesson_3()["lesions"]
    plain, residual, many = (lesions(run) for run in (seven["plain"], seven["residual"], rezero))
    gone = [
        torch.stack([values for k, values in run.items() if k != "none"])
        for run in (plain, residual, many)
    ]
    yield below("plain 7, a block deleted: accuracy, median block", gone[0].median(0).values, 0.25)
    least = gone[1].min(dim=0).values
    yield above("residual 7, worst block deleted, minus plain whole", least - plain["none"])
    drop = (many["none"] - gone[2]).max(dim=0).values
    yield below("ReZero 30, worst block deleted: accuracy lost", drop, 0.09)
    X, y = lesson_3()["data"].X[:500], lesson_3()["data"].y[:500]
    shares = torch.stack([lesson_3()["gradient_by_length"](m, X, y) for m in rezero.models])
    shares = shares / shares.sum(dim=1, keepdim=True)
    mean = (shares * torch.arange(shares.shape[1])).sum(dim=1)
    yield below("ReZero 30: mean length of path, by gradient", mean, 2)
    yield above("ReZero 30: share of paths of at most 4", shares[:, :5].sum(dim=1), 0.9)


def margins_of_lesson_4() -> Iterator[Margin]:
    """What the text of lesson 4 compares."""
    eight, twenty, deep = (resnets("plain", depth) for depth in (8, 20, 44))
    ratio = twenty.training_error / eight.training_error
    yield above("plain: training error, 20 layers / 8", ratio, 1)
    more = deep.training_error - twenty.training_error
    yield above("plain: training error, 44 layers minus 20", more)
    yield above("plain 44: training error", deep.training_error, 0.4)
    for depth, run in ((8, eight), (20, twenty), (44, deep)):
        gap = (1 - run.accuracy - run.training_error).abs()
        yield below(f"plain {depth}: test and training error apart by", gap, 0.08)
    gradients = lesson_4()["gradients"]
    before = torch.tensor(list(gradients(lesson_4()["untrained"]("plain", 44)).values()))
    yield above("plain 44, untrained: gradient, first / last", before[0] / before[-1], 2)
    for kind, run in (("plain", deep), ("residual", resnets("residual", 44))):
        after = torch.tensor(list(gradients(run.models).values()))
        least = after.min(dim=0).values / after[-1]
        yield above(f"{kind} 44, trained: gradient, smallest / last", least, 0.01)
    for depth, plain in ((20, twenty), (44, deep)):
        ratio = resnets("residual", depth).training_error / plain.training_error
        yield below(f"{depth} layers: training error, residual / plain", ratio, 0.5)
    shallow = resnets("residual", 8).training_error
    gap = (shallow - eight.training_error).abs()
    yield below("8 layers: training error, residual and plain apart by", gap, 0.03)
    more = resnets("residual", 44).training_error - shallow
    yield above("residual: training error, 44 layers minus 8", more)
    post, pre = (resnets(kind, 74) for kind in ("post-activation", "pre-activation"))
    lead = (post.losses - pre.losses).min(dim=1).values
    yield above("74 layers: loss, post minus pre, in its closest epoch", lead)
    ratio = pre.training_error / post.training_error
    yield below("74 layers: training error, pre / post", ratio, 1)


LESSONS: dict[int, Callable[[], Iterator[Margin]]] = {
    3: margins_of_lesson_3,
    4: margins_of_lesson_4,
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="How sure is each claim of lessons 3 and 4?")
    parser.add_argument("--seeds", type=int, default=10, help="seeds a network (10)")
    parser.add_argument("--lesson", type=int, action="append", choices=LESSONS, help="3 or 4")
    given = parser.parse_args()
    if given.seeds < 2:
        parser.error(f"--seeds: got {given.seeds}, wanted at least 2")
    claims.FEW = given.seeds
    console = Console()
    console.width = max(console.width, 120)  # in a file, too, a line each
    console.print(f"torch {torch.__version__}, {platform.machine()}, {given.seeds} seeds")
    for lesson in given.lesson or LESSONS:
        table = Table("quantity", "must be", "holds in", "closest", "middle", "furthest")
        for column in table.columns[1:]:
            column.justify = "right"
        table.title = f"Lesson {lesson}"
        for margin in LESSONS[lesson]():
            table.add_row(*margin.row())
        console.print(table)


if __name__ == "__main__":
    main()
