"""A challenge: the random question that an answer is asked, as plain data.

A challenge is drawn with the help of the reference network, so this module belongs to the
judge's side. What it draws (`Challenge`) is tensors, numbers and names, and may cross to
wherever the student's code runs.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

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
        batches: the inputs; the first is the first example of the second, alone. In a
            challenge's first trial a third has as many as the second, and a fourth many more.
    """

    arguments: Arguments
    weights: Weights
    batches: tuple[Batch, ...]


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
        with standard deviation scale / 2; single numbers between 0.3 and 0.8, or -0.3 and -0.8.
    """
    weights = {}
    for name, parameter in network.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float32)
        if parameter.dim() == 0:  # a factor: clearly neither 0 nor 1, whatever the scale
            weights[name] = sign * (0.3 + 0.5 * torch.rand((), generator=generator))
            continue
        is_matrix = parameter.dim() > 1
        weights[name] = noise * ((2 / parameter[0].numel()) ** 0.5 if is_matrix else scale / 2)
    return weights


def load_weights(network: nn.Module, weights: Weights) -> None:
    """Copy weights into the parameters of the same names."""
    with torch.no_grad():
        for name, values in weights.items():
            network.get_parameter(name).copy_(values)


def _values_before_relu(network: nn.Module, X: Tensor) -> list[Tensor]:
    """Run the reference and return what enters each of its ReLUs, in order."""
    seen: list[Tensor] = []
    hooks = [
        module.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].detach()))
        for module in network.modules()
        if isinstance(module, nn.ReLU)
    ]
    with torch.no_grad():
        network(X)
    for hook in hooks:
        hook.remove()
    return seen


def _is_telling(values: list[Tensor]) -> bool:
    """Whether every ReLU lets some values through and stops others."""
    fractions = [float((value > 0).float().mean()) for value in values]
    return all(0.1 <= fraction <= 0.95 for fraction in fractions)


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
        through.

    Raises:
        RuntimeError: no such trial was found; the reference can then not be tested this way.
    """
    network = construct(reference, size.arguments).float()
    lengths = [size.examples, *([size.examples, MANY] if thorough else [])]
    for _ in range(50):
        # Of either sign, and surely so: a factor inside a ReLU shows if it is negative only.
        weights = draw_weights(network, generator, size.scale, sign=-1 if thorough else 1)
        load_weights(network, weights)
        # Draw more examples than needed and keep those that are away from every kink.
        X = size.scale * torch.randn(
            (8 * sum(lengths), *input_shape), generator=generator, dtype=torch.float32
        )
        values = _values_before_relu(network, X)
        near = torch.zeros(len(X), dtype=torch.bool)
        for value in values:
            near |= (value.abs() < KINK_MARGIN * value.std()).flatten(1).any(dim=1)
        X = X[~near][: sum(lengths)]
        if len(X) < sum(lengths) or not _is_telling(_values_before_relu(network, X[: lengths[0]])):
            continue
        with torch.no_grad():
            shape = network(X).shape
        upstream = size.scale * torch.randn(shape, generator=generator, dtype=torch.float32)
        batches = map(Batch, X.split(lengths), upstream.split(lengths))
        return Trial(size.arguments, weights, (Batch(X[:1], upstream[:1]), *batches))
    raise RuntimeError(f"no telling weights found for {reference.__name__} with {size.arguments}")
