"""Training one network, and the same experiment over many seeds."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from skiplab.lesson import arguments
from skiplab.lesson.data import make_data
from skiplab.lesson.diagnostics import dead_outputs, device_of, layer_gradients
from skiplab.lesson.progress import print_line, show_progress
from skiplab.lesson.threads import run_side_by_side

Network = Callable[..., nn.Module]


@dataclass(frozen=True, eq=False)
class SeedRuns:
    """What one network did, trained once per seed.

    Attributes:
        name: The network's name.
        seeds: The seeds, in the order of every tensor here.
        losses: The loss of every epoch, before that epoch's step; shape (seeds, epochs).
        final_loss: The loss of the last epoch, `losses[:, -1]`; shape (seeds,).
        dead_outputs: Output units that are 0 for every example after training; shape (seeds,).
        gradients: For each layer, the norm of the gradient of the loss with respect to its weight
            before the first step; shape (seeds,) each.
    """

    name: str
    seeds: tuple[int, ...]
    losses: torch.Tensor
    final_loss: torch.Tensor
    dead_outputs: torch.Tensor
    gradients: dict[str, torch.Tensor]


def train_model(
    model: nn.Module,
    epochs: int,
    input_data: torch.Tensor,
    target_data: torch.Tensor,
    criterion: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    optimizer: torch.optim.Optimizer,
    print_every: int | None,
) -> list[float]:
    """Trains a network on all the data at once, one step per epoch.

    Args:
        model: The network; it is changed in place.
        epochs: How many steps.
        input_data: Inputs, one row per example; moved to where the network is.
        target_data: Targets, as many rows.
        criterion: The loss, such as `nn.MSELoss()`.
        optimizer: Made with the network's own parameters, such as
            `torch.optim.SGD(model.parameters(), lr=0.01)`.
        print_every: Print the loss every so many epochs; 0 or None prints nothing.

    Returns:
        The loss of every epoch, before that epoch's step.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A number is out of range, the data do not fit together, the optimizer belongs
            to another network, or the outputs do not have the shape of the targets (`nn.MSELoss`
            would only warn, and compare every output with every target).
    """
    arguments.network("model", model)
    arguments.whole_number("epochs", epochs)
    X, y = arguments.pair(input_data, target_data)
    if not callable(criterion) or isinstance(criterion, type):
        got = arguments.describe(criterion)
        raise TypeError(f"criterion: got {got}, wanted a loss such as nn.MSELoss()")
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(
            f"optimizer: got {arguments.describe(optimizer)}, "
            "wanted an optimizer such as torch.optim.SGD(model.parameters(), lr=0.01)"
        )
    own = {id(parameter) for parameter in model.parameters()}
    if not any(id(p) in own for group in optimizer.param_groups for p in group["params"]):
        raise ValueError(
            "optimizer: got one made with the parameters of another network, "
            f"wanted one made with those of this {type(model).__name__} (model.parameters())"
        )
    if print_every is not None:
        arguments.whole_number("print_every", print_every, at_least=0)

    device = device_of(model)
    X, y = X.to(device), y.to(device)
    losses = []
    for epoch in show_progress(range(1, epochs + 1), "training"):
        loss = _step(model, X, y, criterion, optimizer)
        losses.append(loss)
        if print_every and epoch % print_every == 0:
            print_line(f"epoch {epoch} of {epochs}: loss {loss.item():.4f}")
    return torch.stack(losses).tolist()


def train_over_seeds(
    network: Network,
    seeds: int | Iterable[int],
    epochs: int = 100,
    samples: int = 2_000,
    learning_rate: float = 0.01,
    input_size: int = 512,
    output_size: int = 32,
    hidden_size: int = 128,
    label: str | None = None,
    device: torch.device | str | None = None,
) -> SeedRuns:
    """Runs the original experiment once per seed: its own initial weights and its own noise.

    Each seed is trained as `train_model` does it: full batch, plain SGD, mean squared error. The
    seeds are trained together where the network allows it (one batched multiplication instead of
    many small ones) and one after another where it does not, with the same numbers up to rounding.
    What the network prints is shown for its first call only. Torch's global random state stays as
    it is.

    Args:
        network: The network's class, called as `network(input_size, output_size,
            hidden_size=hidden_size)`.
        seeds: The seeds, such as `range(10)`; a number n stands for `range(n)`.
        epochs: Steps per seed.
        samples: Examples per seed.
        learning_rate: Step size of SGD.
        input_size: Numbers per input.
        output_size: Numbers per target.
        hidden_size: Width of the hidden layers.
        label: The name in plots; by default the name of the class.
        device: Where to train; None is the CPU.

    Returns:
        Losses, dead outputs and gradients, as tensors on the CPU.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A number is out of range, or the outputs do not have the shape of the targets.
        Exception: Whatever the network itself raises.
    """
    if isinstance(network, nn.Module):
        raise TypeError(
            f"network: got {arguments.describe(network)}, "
            f"wanted the class itself: {type(network).__name__}, without brackets"
        )
    is_class = isinstance(network, type)
    if not callable(network) or (is_class and not issubclass(network, nn.Module)):
        got = arguments.describe(network)
        raise TypeError(f"network: got {got}, wanted a class such as NormalNet3")
    seeds = arguments.seeds("seeds", seeds)
    for name, value in (("epochs", epochs), ("samples", samples), ("input_size", input_size)):
        arguments.whole_number(name, value)
    arguments.whole_number("output_size", output_size)
    arguments.whole_number("hidden_size", hidden_size)
    arguments.positive_number("learning_rate", learning_rate)
    if label is None:
        label = getattr(network, "__name__", "network")
    elif not isinstance(label, str):
        raise TypeError(f"label: got {arguments.describe(label)}, wanted a string")

    experiment = _Experiment(
        network, epochs, samples, learning_rate, input_size, output_size, hidden_size,
        torch.device("cpu") if device is None else torch.device(device),
    )  # fmt: skip
    draws_numbers = _try_once(experiment, seeds[0])
    # One thread per seed with one torch thread each wants no agreement between cores after every
    # operation. An accelerator runs one thing at a time anyway, and a network that draws random
    # numbers needs torch's generator to itself.
    together = experiment.device.type == "cpu" and not draws_numbers and len(seeds) > 1
    progress = show_progress(range(len(seeds) * epochs), label)
    with contextlib.closing(progress), contextlib.redirect_stdout(io.StringIO()):
        results = _train_together(experiment, seeds, progress) if together else None
        if results is None:
            results = [_train_alone(experiment, seed, progress) for seed in seeds]
    losses = torch.stack([result[0] for result in results])
    return SeedRuns(
        name=label,
        seeds=seeds,
        losses=losses,
        final_loss=losses[:, -1].clone(),
        dead_outputs=torch.tensor([result[1] for result in results]),
        gradients={
            layer: torch.tensor([result[2][layer] for result in results]) for layer in results[0][2]
        },
    )


@dataclass(frozen=True)
class _Experiment:
    network: Network
    epochs: int
    samples: int
    learning_rate: float
    input_size: int
    output_size: int
    hidden_size: int
    device: torch.device

    def data(self, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        return make_data(self.samples, self.input_size, self.output_size, seed, self.device)

    def model(self) -> nn.Module:
        model = self.network(self.input_size, self.output_size, hidden_size=self.hidden_size)
        return arguments.network("network", model).to(self.device)


Result = tuple[torch.Tensor, int, dict[str, float]]  # losses, dead outputs, gradients


def _try_once(experiment: _Experiment, seed: int) -> bool:
    """Calls the network once, in the open; whether it draws random numbers.

    What it prints is shown, and a mistake in it surfaces here, before any thread starts.
    """
    X, y = experiment.data(seed)
    with _seeded(seed, experiment.device):
        model = experiment.model()
        before = torch.get_rng_state()
        with torch.no_grad():
            _check_shape(model(X), y)
        return not torch.equal(before, torch.get_rng_state())


def _train_together(
    experiment: _Experiment, seeds: tuple[int, ...], progress: Iterator[int]
) -> list[Result] | None:
    """Trains the seeds side by side, one torch thread each; None where a seed failed.

    A network may work alone and not beside others, when it keeps tensors in a global variable.
    """
    models = []
    for seed in seeds:
        with _seeded(seed, experiment.device):
            models.append(experiment.model())

    def train(model: nn.Module, seed: int, after_step: Callable[[], None]) -> Result:
        X, y = experiment.data(seed)
        gradients = layer_gradients(model, X, y, nn.MSELoss())
        return *_train(experiment, model, X, y, after_step), gradients

    jobs = [partial(train, *job) for job in zip(models, seeds, strict=True)]
    return run_side_by_side(jobs, progress)


def _train_alone(experiment: _Experiment, seed: int, progress: Iterator[int]) -> Result:
    """Trains one seed with torch's random state to itself, as `train_model` after `manual_seed`."""
    X, y = experiment.data(seed)
    with _seeded(seed, experiment.device):
        model = experiment.model()
        with _seeded(seed, experiment.device):
            gradients = layer_gradients(model, X, y, nn.MSELoss())
        return *_train(experiment, model, X, y, lambda: next(progress, None)), gradients


def _train(
    experiment: _Experiment,
    model: nn.Module,
    X: torch.Tensor,
    y: torch.Tensor,
    after_step: Callable[[], object],
) -> tuple[torch.Tensor, int]:
    """Trains one network: its losses, and its dead outputs afterwards."""
    optimizer = torch.optim.SGD(model.parameters(), lr=experiment.learning_rate)
    losses = []
    for _ in range(experiment.epochs):
        losses.append(_step(model, X, y, nn.MSELoss(), optimizer))
        after_step()
    return torch.stack(losses).cpu(), dead_outputs(model, X)


def _step(
    model: nn.Module,
    X: torch.Tensor,
    y: torch.Tensor,
    criterion: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    optimizer: torch.optim.Optimizer,
) -> torch.Tensor:
    """One full-batch step; the loss before it."""
    optimizer.zero_grad()
    output = model(X)
    if isinstance(criterion, nn.MSELoss):
        _check_shape(output, y)
    loss = criterion(output, y)
    loss.backward()
    optimizer.step()
    # Not .item(): it would make an accelerator wait in every epoch.
    return loss.detach()


def _check_shape(output: object, y: torch.Tensor) -> None:
    if not isinstance(output, torch.Tensor):
        got = arguments.describe(output)
        raise TypeError(f"model: forward returned {got}, wanted a tensor of shape {tuple(y.shape)}")
    if output.shape != y.shape:
        raise ValueError(
            f"model: forward returned shape {tuple(output.shape)}, "
            f"wanted {tuple(y.shape)}, the shape of the targets"
        )


@contextlib.contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seeds torch's global generators for a while, and puts them back afterwards."""
    own = device.type in ("cuda", "xpu")  # the other accelerators have no state per device
    kind = device.type if own else "cuda"
    with torch.random.fork_rng(devices=[device] if own else [], device_type=kind):
        torch.default_generator.manual_seed(seed)
        if own:
            torch.get_device_module(device).manual_seed(seed)
        yield
