"""Training networks that tell classes apart, over several seeds."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from skiplab.lesson import arguments
from skiplab.lesson.data import Digits
from skiplab.lesson.progress import show_progress
from skiplab.lesson.threads import run_side_by_side


@dataclass(frozen=True, eq=False)
class ClassifierRuns:
    """What one kind of network did, trained once per seed.

    Attributes:
        name: The network's name.
        seeds: The seeds, in the order of everything here.
        losses: The mean loss of every epoch, over its batches as they came; shape (seeds, epochs).
            From where a run is no longer finite it is nan.
        loss: The loss on all training examples after training; shape (seeds,), nan where a run did
            not stay finite.
        accuracy: The share of test examples that are told right after training; shape (seeds,).
        training_error: The share of training examples that are told wrong after training; shape
            (seeds,).
        models: The trained networks.
    """

    name: str
    seeds: tuple[int, ...]
    losses: torch.Tensor
    loss: torch.Tensor
    accuracy: torch.Tensor
    training_error: torch.Tensor
    models: tuple[nn.Module, ...]


def train_classifiers(
    name: str,
    make_network: Callable[[], nn.Module],
    data: Digits,
    seeds: int | Iterable[int] = 3,
    epochs: int = 20,
    learning_rate: float = 0.05,
    momentum: float = 0.9,
    batch_size: int = 100,
    slower_after: int | None = None,
) -> ClassifierRuns:
    """Trains one network per seed: its own initial weights, its own order of the examples.

    SGD with momentum, cross-entropy on the logits. A run that is no longer finite after an epoch
    ends there. Torch's global random state stays as it is.

    Args:
        name: The name in plots and progress.
        make_network: Makes a network; called once per seed, as in
            `lambda: ResidualNet(7, ResidualBlock)`.
        data: What to learn, from `make_mnist1d`.
        seeds: The seeds, such as `range(3)`; a number n stands for `range(n)`.
        epochs: How often all training examples are gone through.
        learning_rate: Step size.
        momentum: Of SGD.
        batch_size: Examples per step.
        slower_after: After so many epochs the step size is a tenth; None is never.

    Returns:
        Losses, accuracies and the trained networks.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A number is out of range.
        Exception: Whatever the network itself raises.
    """
    if not isinstance(name, str):
        raise TypeError(f"name: got {arguments.describe(name)}, wanted a string")
    if isinstance(make_network, nn.Module) or not callable(make_network):
        got = arguments.describe(make_network)
        raise TypeError(
            f"make_network: got {got}, wanted a function that makes a network, "
            "such as lambda: ResidualNet(7, ResidualBlock)"
        )
    for label, value in (("epochs", epochs), ("batch_size", batch_size)):
        arguments.whole_number(label, value)
    if slower_after is not None:
        arguments.whole_number("slower_after", slower_after)
    arguments.positive_number("learning_rate", learning_rate)
    seeds = arguments.seeds("seeds", seeds)
    training = _Training(data, epochs, learning_rate, momentum, batch_size, slower_after)
    progress = show_progress(range(len(seeds) * epochs), name)
    with torch.random.fork_rng(devices=[]), contextlib.closing(progress):
        several = min(torch.get_num_threads(), len(seeds)) > 1
        together = _side_by_side(training, make_network, seeds, progress) if several else None
        models, losses = together or _one_by_one(training, make_network, seeds, progress)
    measured = [measure(model, data) for model in models]
    return ClassifierRuns(
        name=name,
        seeds=seeds,
        losses=torch.stack(losses),
        loss=torch.tensor([loss for loss, _ in measured]),
        accuracy=torch.tensor([accuracy for _, accuracy in measured]),
        training_error=torch.tensor([wrong_share(model, data.X, data.y) for model in models]),
        models=tuple(models),
    )


@dataclass(frozen=True)
class _Training:
    """How each network is trained: see `train_classifiers`."""

    data: Digits
    epochs: int
    learning_rate: float
    momentum: float
    batch_size: int
    slower_after: int | None


Trained = tuple[list[nn.Module], list[torch.Tensor]]


def _make(make_network: Callable[[], nn.Module], seed: int) -> nn.Module:
    torch.default_generator.manual_seed(seed)
    return arguments.network("make_network", make_network())


def _one_by_one(
    training: _Training,
    make_network: Callable[[], nn.Module],
    seeds: Iterable[int],
    progress: Iterator[int],
) -> Trained:
    """Each seed with torch's random state to itself."""
    models, losses = [], []
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)  # networks this small are done before a second thread has started
        for seed in seeds:
            models.append(_make(make_network, seed))
            with contextlib.redirect_stdout(io.StringIO()):  # it is called thousands of times
                losses.append(_train(training, models[-1], seed, lambda: next(progress, None)))
    finally:
        torch.set_num_threads(threads)
    return models, losses


def _side_by_side(
    training: _Training,
    make_network: Callable[[], nn.Module],
    seeds: tuple[int, ...],
    progress: Iterator[int],
) -> Trained | None:
    """The same on several cores; None where that does not do: one after the other, then.

    A network may draw random numbers, or fail beside others, when it keeps something in a global
    variable. Where it fails anyway, its error is better shown by the other way.
    """
    models = [_make(make_network, seed) for seed in seeds]
    before = torch.get_rng_state()
    jobs = [partial(_train, training, *job) for job in zip(models, seeds, strict=True)]
    with contextlib.redirect_stdout(io.StringIO()):
        losses = run_side_by_side(jobs, progress)
    if losses is None or not torch.equal(before, torch.get_rng_state()):
        return None
    return models, losses


def measure(model: nn.Module, data: Digits) -> tuple[float, float]:
    """Measures a classifier, in eval mode: batch normalisation uses its running statistics.

    Args:
        model: The network; it gives logits.
        data: From `make_mnist1d`.

    Returns:
        The loss on all training examples, nan if it is not finite, and the share of test examples
        that are told right. Where the logits are not finite, the answer counts as 0.
    """
    arguments.network("model", model)
    with _measuring(model):
        loss = nn.functional.cross_entropy(model(data.X), data.y).item()
    finite = loss if abs(loss) < float("inf") else float("nan")
    return finite, 1 - wrong_share(model, data.X_test, data.y_test)


def wrong_share(model: nn.Module, X: torch.Tensor, y: torch.Tensor) -> float:
    """Measures the error of a classifier, in eval mode.

    Args:
        model: The network; it gives logits.
        X: Inputs, one row per example.
        y: The class of each example.

    Returns:
        The share of examples that are told wrong. Where the logits are not finite, the answer
        counts as 0.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: Inputs or targets are empty or differ in length.
    """
    arguments.network("model", model)
    X, y = arguments.pair(X, y)
    with _measuring(model):
        answers = model(X).nan_to_num().argmax(dim=1)
    return (answers != y).float().mean().item()


@contextlib.contextmanager
def _measuring(model: nn.Module) -> Iterator[None]:
    """Eval mode, no gradients, and whatever a network prints kept aside."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        for module, training in modes:
            module.training = training


def _train(
    training: _Training, model: nn.Module, seed: int, before_epoch: Callable[[], object]
) -> torch.Tensor:
    """Trains one network; the mean loss of every epoch."""
    data = training.data
    optimizer = torch.optim.SGD(
        model.parameters(), training.learning_rate, momentum=training.momentum
    )
    slower = [] if training.slower_after is None else [training.slower_after]
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, slower)
    order = torch.Generator().manual_seed(seed)
    losses = torch.full((training.epochs,), float("nan"))
    for epoch in range(training.epochs):
        before_epoch()
        total = torch.zeros(())
        for batch in torch.randperm(len(data.X), generator=order).split(training.batch_size):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(data.X[batch]), data.y[batch])
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(batch)
        if not total.isfinite():
            break
        losses[epoch] = total / len(data.X)
        schedule.step()
    return losses
