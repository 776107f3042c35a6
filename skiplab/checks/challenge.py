"""A challenge: the random question that an answer is asked, as plain data.

A challenge is drawn with the help of the reference network, so this module belongs to the
judge's side. What it draws (`Challenge`) is tensors, numbers and names, and may cross to
wherever the student's code runs.
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from skiplab.lesson.networks import PlainBlock

Weights = dict[str, Tensor]
# Keyword arguments of a student's class. A string names one of the classes of `GIVEN`.
Arguments = dict[str, int | str]


class LinearBlock(nn.Module):
    """A block with a sign: `layer(X)`, and no activation that would hide another after it."""

    def __init__(self, width: int) -> None:
        """Make the layer, for `width` numbers per example."""
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, X: Tensor) -> Tensor:
        """Apply the layer."""
        return self.layer(X)


GIVEN = {"PlainBlock": PlainBlock, "LinearBlock": LinearBlock}

# More examples than any student's guess at a batch size.
MANY = 130

# A unit whose value before a ReLU is this close to zero, measured in units of the typical
# value, could fire in one correct implementation and not in another that rounds differently.
# Such an example is not used. Float32 rounding is a hundred times smaller.
KINK_MARGIN = 2e-4
# The same, where examples are normalised together: then none can be left out, all are drawn again.
# What rounding does is measured there, and must be this many times smaller.
BATCH_KINK_MARGIN = 2e-5
TIMES_ROUNDING = 10
# A float32 result may be off by this part of the largest number, a tenth of what a check allows.
ROUNDING = 2e-6


@dataclass(frozen=True, eq=False)
class Batch:
    """One input and the gradient that is sent back through the output.

    Attributes:
        X: inputs, (examples, ...), float32.
        upstream: d(loss)/d(output), the shape of the right output, float32.
    """

    X: Tensor
    upstream: Tensor


@dataclass(frozen=True)
class Size:
    """A size of network to try.

    Attributes:
        arguments: keyword arguments for the student's class.
        examples: how many examples the second batch holds; no width of the network.
        scale: how large inputs, biases and upstream gradients are.
    """

    arguments: Arguments
    examples: int
    scale: float = 1.0


@dataclass(frozen=True, eq=False)
class Trial:
    """One size of network with weights, and what is fed to it.

    Attributes:
        arguments: keyword arguments for the student's class.
        weights: parameter name -> values, for every parameter the network must have.
        buffers: buffer name -> values before each call: the running means and variances of batch
            normalisations. (Their counts of batches matter to nobody.)
        batches: the inputs; the first is the first example of the second, alone. In a
            challenge's first trial a third has as many as the second, and a fourth many more.
    """

    arguments: Arguments
    weights: Weights
    batches: tuple[Batch, ...]
    buffers: Weights = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Challenge:
    """Several trials, drawn from one seed.

    Attributes:
        seed: the seed they were drawn from; it is all that is needed to draw them again.
        trials: the trials; the first has all widths equal, so that most wrong wirings run, the
            last has the lesson's own sizes.
    """

    seed: int
    trials: tuple[Trial, ...]

    def small(self) -> Challenge:
        """Return the question without the lesson's own sizes, which take longest."""
        return Challenge(self.seed, self.trials[:-1])


@dataclass(frozen=True, eq=False)
class Tracing:
    """The question how a network is wired, for a picture.

    Attributes:
        sizes: keyword arguments for the student's class, for each network to trace.
        shapes: shape of one example, for each.
    """

    sizes: tuple[Arguments, ...]
    shapes: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class TrainingChallenge:
    """A short training: where it starts, on what, for how long.

    Attributes:
        seed: the seed it was drawn from.
        arguments: keyword arguments for the student's class.
        weights: parameter name -> values to start from.
        data: inputs and targets, (examples, features) each.
        epochs: number of full-batch steps.
        learning_rate: of plain gradient descent.
    """

    seed: int
    arguments: Arguments
    weights: Weights
    data: tuple[Tensor, Tensor]
    epochs: int = 40
    learning_rate: float = 0.025


def fresh_seed() -> int:
    """Return a seed from the operating system that nobody can foresee."""
    return secrets.randbelow(2**31)


def construct(network: Callable[..., nn.Module], arguments: Arguments) -> nn.Module:
    """Make a network of a challenge's size.

    Args:
        network: the class.
        arguments: its keyword arguments, as a trial has them.
    """
    given = {k: GIVEN[v] if isinstance(v, str) else v for k, v in arguments.items()}
    return network(**given)


def draw_weights(
    network: nn.Module, generator: torch.Generator, scale: float, sign: int = 1
) -> Weights:
    """Draw weights *and biases* that keep the network alive under ReLU.

    Args:
        network: a network; only the names and shapes of its parameters are used.
        generator: the source of randomness.
        scale: how large the biases are, to go with inputs of that size.
        sign: of parameters that are single numbers, 1 or -1.

    Returns:
        Parameter name -> values: matrices with variance 2/n_in (He et al. 2015, 1502.01852,
        section 2.2), so that neither signal nor gradient fades or explodes with depth; vectors
        with standard deviation scale / 2, but the factors of batch normalisations between
        scale / 2 and 1.5 scale, of either sign; single numbers between 0.3 and 0.8, or -0.3
        and -0.8.
    """
    factors = {f"{name}.weight" for name, _ in _norms(network)}
    weights = {}
    for name, parameter in network.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float32)
        if parameter.dim() == 0:  # a factor: clearly neither 0 nor 1, whatever the scale
            weights[name] = sign * (0.3 + 0.5 * torch.rand((), generator=generator))
            continue
        if name in factors:
            size = 0.5 + torch.rand(parameter.shape, generator=generator)
            weights[name] = scale * noise.sign() * size
            continue
        is_matrix = parameter.dim() > 1
        weights[name] = noise * ((2 / parameter[0].numel()) ** 0.5 if is_matrix else scale / 2)
    return weights


def _norms(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """Find the batch normalisations of a network, and their names."""
    kind = nn.modules.batchnorm._BatchNorm
    return [(name, module) for name, module in network.named_modules() if isinstance(module, kind)]


def draw_buffers(network: nn.Module, generator: torch.Generator, scale: float) -> Weights:
    """Draw what the batch normalisations of a network have kept of earlier batches.

    Args:
        network: a network; only the names and shapes of its buffers are used.
        generator: the source of randomness.
        scale: how large inputs are.

    Returns:
        Buffer name -> values: means with standard deviation scale / 2, variances between one half
        and twice scale ** 2.
    """
    buffers = {}
    for name, norm in _norms(network):
        shape = norm.running_mean.shape
        mean = scale / 2 * torch.randn(shape, generator=generator)
        variance = scale**2 * (0.5 + 1.5 * torch.rand(shape, generator=generator))
        buffers |= {f"{name}.running_mean": mean, f"{name}.running_var": variance}
    return buffers


def find_module(network: nn.Module, path: str) -> nn.Module | None:
    """Find a module inside of a network.

    Args:
        network: the network.
        path: names with dots between them, "" for the network itself. A number is a place in an
            `nn.ModuleList` or `nn.Sequential`: the latter may give its modules names of its own.

    Returns:
        The module; None where there is none.
    """
    found: nn.Module | None = network
    for part in path.split(".") if path else []:
        inside = found._modules
        if part.isdigit():
            listed = isinstance(found, nn.ModuleList | nn.Sequential) and int(part) < len(inside)
            found = [*inside.values()][int(part)] if listed else None
        else:
            found = inside.get(part)
        if found is None:
            return None
    return found


def find_parameter(network: nn.Module, name: str) -> nn.Parameter | None:
    """Find a parameter by its name, the path of its module before the last dot; None if none."""
    path, _, own = name.rpartition(".")
    module = find_module(network, path)
    return None if module is None else module._parameters.get(own)


def load_weights(network: nn.Module, weights: Weights, buffers: Weights | None = None) -> None:
    """Copy weights into the parameters of the same names, and buffers into the buffers.

    Raises:
        AttributeError: there is no parameter, or no buffer, of such a name.
    """
    with torch.no_grad():
        for name, values in weights.items():
            parameter = find_parameter(network, name)
            if parameter is None:
                raise AttributeError(f"there is no parameter {name}")
            parameter.copy_(values)
        for name, values in (buffers or {}).items():
            network.get_buffer(name).copy_(values)


def _values_before_relu(network: nn.Module, X: Tensor) -> list[Tensor]:
    """Run the reference and return what enters each of its ReLUs, in order."""
    with torch.no_grad():
        return _watched(network, X)[0]


def _watched(network: nn.Module, X: Tensor) -> tuple[list[Tensor], Tensor]:
    """Run the reference; return what enters each of its ReLUs, in order, and the output."""
    seen: list[Tensor] = []
    hooks = [
        module.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].detach()))
        for module in network.modules()
        if isinstance(module, nn.ReLU)
    ]
    output = network(X)
    for hook in hooks:
        hook.remove()
    return seen, output


def _is_telling(values: list[Tensor]) -> bool:
    """Whether every ReLU lets some values through and stops others."""
    fractions = [float((value > 0).float().mean()) for value in values]
    return all(0.1 <= fraction <= 0.95 for fraction in fractions)


def _results(
    network: nn.Module, batch: Batch, training: bool, weights: Weights, buffers: Weights
) -> tuple[list[Tensor], list[Tensor]]:
    """Run the reference and its gradient: what enters its ReLUs, and all that comes out."""
    load_weights(network, weights, buffers)
    network.train(training)
    kind = next(network.parameters()).dtype
    X = batch.X.to(kind, copy=True).requires_grad_()
    values, output = _watched(network, X)
    gradients = torch.autograd.grad(
        output, [X, *network.parameters()], batch.upstream.to(kind), materialize_grads=True
    )
    kept = [buffer.clone() for name, buffer in network.named_buffers() if name in buffers]
    return values, [output.detach(), *gradients, *kept]


def _is_well_conditioned(
    network: nn.Module,
    exact: nn.Module,
    batch: Batch,
    training: bool,
    weights: Weights,
    buffers: Weights,
) -> bool:
    """Whether rounding does so little to the reference that it decides nothing.

    A normalisation divides by what it is given. Where that is nearly nothing, and where large
    numbers nearly cancel out, two correct networks that round differently may differ as much as a
    right one and a wrong one. With normalisations the same is asked of the kinks; without them,
    examples that are close to one have been left out. `exact` is the same network in float64.
    """
    values, results = _results(network, batch, training, weights, buffers)
    true_values, true_results = _results(exact, batch, training, weights, buffers)
    for value, true in zip(values, true_values, strict=True):
        margin = true.abs().min()
        if buffers and margin < max(
            BATCH_KINK_MARGIN * true.std(), TIMES_ROUNDING * (value - true).abs().max()
        ):
            return False
    return all(
        (result - true).abs().max() <= ROUNDING * true.abs().max()
        for result, true in zip(results, true_results, strict=True)
    )


def draw_trial(
    reference: Callable[..., nn.Module],
    size: Size,
    input_shape: tuple[int, ...],
    generator: torch.Generator,
    thorough: bool = False,
) -> Trial:
    """Draw weights, inputs and upstream gradients for one size of network.

    Args:
        reference: the right network's class.
        size: the size.
        input_shape: shape of one example.
        generator: the source of randomness.
        thorough: draw a third and a fourth batch, too.

    Returns:
        A trial. No ReLU of the reference is at its kink, none is dead, and none lets everything
        through. Rounding does little to any result.

    Raises:
        RuntimeError: no such trial was found; the reference can then not be tested this way.
    """
    network = construct(reference, size.arguments).float()
    exact = copy.deepcopy(network).double()
    lengths = [size.examples, *([size.examples, MANY] if thorough else [])]
    for _ in range(500):
        # Of either sign, and surely so: a factor inside a ReLU shows if it is negative only.
        weights = draw_weights(network, generator, size.scale, sign=-1 if thorough else 1)
        buffers = draw_buffers(network.train(), generator, size.scale)
        load_weights(network, weights, buffers)
        # Draw more examples than needed and keep those that are away from every kink.
        X = size.scale * torch.randn(
            (8 * sum(lengths), *input_shape), generator=generator, dtype=torch.float32
        )
        values = _values_before_relu(network, X)
        near = torch.zeros(len(X), dtype=torch.bool)
        for value in values if not buffers else []:
            near |= (value.abs() < KINK_MARGIN * value.std()).flatten(1).any(dim=1)
        X = X[~near][: sum(lengths)]
        if len(X) < sum(lengths) or not _is_telling(_values_before_relu(network, X[: lengths[0]])):
            continue
        with torch.no_grad():
            shape = network(X).shape
        upstream = size.scale * torch.randn(shape, generator=generator, dtype=torch.float32)
        drawn = map(Batch, X.split(lengths), upstream.split(lengths))
        batches = (Batch(X[:1], upstream[:1]), *drawn)
        if all(
            _is_well_conditioned(network, exact, batch, training, weights, buffers)
            for batch in batches
            for training in ((True, False) if buffers else (False,))
        ):
            return Trial(size.arguments, weights, batches, buffers)
    raise RuntimeError(
        "no telling weights and inputs were found: a ReLU is nearly always shut, or nearly always "
        "open, or works in place; or rounding changes what comes out"
    )
