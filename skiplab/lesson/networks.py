"""Networks for demonstrations, where the wiring is not the exercise."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from skiplab.lesson import arguments

ACTIVATIONS = {"relu": torch.relu, "sigmoid": torch.sigmoid}


class PlainNetwork(nn.Module):
    """A chain of linear layers `layer_1`, `layer_2`, …, an activation after each, the last too."""

    def __init__(
        self, depth: int, activation: str, input_size: int, output_size: int, hidden_size: int
    ) -> None:
        """Makes the layers, with torch's default initialisation.

        Args:
            depth: Number of layers.
            activation: "relu" or "sigmoid".
            input_size: Numbers per input.
            output_size: Numbers per output.
            hidden_size: Width of every layer but the last.
        """
        super().__init__()
        self.activation = activation
        sizes = [input_size, *[hidden_size] * (depth - 1), output_size]
        for number, (before, after) in enumerate(pairwise(sizes), start=1):
            self.add_module(f"layer_{number}", nn.Linear(before, after))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Applies every layer and the activation after it.

        Args:
            X: Inputs, of shape (examples, input_size).

        Returns:
            Outputs, of shape (examples, output_size).
        """
        for layer in self.children():
            X = ACTIVATIONS[self.activation](layer(X))
        return X


class PlainBlock(nn.Module):
    """One layer of a chain: `relu(layer(X))`."""

    def __init__(self, width: int) -> None:
        """Makes the layer, with torch's default initialisation.

        Args:
            width: Numbers per example, before and after.
        """
        super().__init__()
        self.layer = nn.Linear(width, width)
        self.relu = nn.ReLU()

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Applies the layer and the ReLU.

        Args:
            X: Inputs, of shape (examples, width).

        Returns:
            Outputs, of the same shape.
        """
        return self.relu(self.layer(X))


def make_plain_network(
    depth: int,
    activation: str = "relu",
    init: str = "default",
    input_size: int = 512,
    output_size: int = 32,
    hidden_size: int = 128,
    seed: int = 0,
) -> PlainNetwork:
    """Makes a plain network of any depth.

    Args:
        depth: Number of layers.
        activation: "relu" or "sigmoid", after every layer, the last too.
        init: "default", torch's own (weights and biases uniform in ±1/sqrt(n_in), a variance of
            1/(3 n_in)), or "he": normal weights of variance 2/n_in, biases zero (He et al. 2015,
            arXiv 1502.01852, equation 10).
        input_size: Numbers per input.
        output_size: Numbers per output.
        hidden_size: Width of every layer but the last.
        seed: Which draw of the weights; torch's global random state stays as it is.

    Returns:
        The network, with layers `layer_1` to `layer_<depth>`.

    Raises:
        TypeError: A size has the wrong type.
        ValueError: A size is below 1, or `activation` or `init` is unknown.
    """
    for name, value in (
        ("depth", depth),
        ("input_size", input_size),
        ("output_size", output_size),
        ("hidden_size", hidden_size),
    ):
        arguments.whole_number(name, value)
    arguments.whole_number("seed", seed, at_least=0)
    arguments.one_of("activation", activation, tuple(ACTIVATIONS))
    arguments.one_of("init", init, ("default", "he"))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed accelerators too
        model = PlainNetwork(depth, activation, input_size, output_size, hidden_size)
        if init == "he":
            for layer in model.children():
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
    return model
