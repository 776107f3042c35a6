"""The data: the noise of the original experiment, and MNIST-1D."""

from __future__ import annotations

import random
from functools import cache
from typing import NamedTuple

import numpy as np
import torch

from skiplab.lesson import arguments


class Digits(NamedTuple):
    """MNIST-1D: signals to be told apart.

    Attributes:
        X: Training inputs, of shape (4000, 40), float32: mean 0, standard deviation 1.
        y: Training targets, of shape (4000,), int64: the digit, 0 to 9.
        X_test: Test inputs, of shape (1000, 40).
        y_test: Test targets, of shape (1000,).
    """

    X: torch.Tensor
    y: torch.Tensor
    X_test: torch.Tensor
    y_test: torch.Tensor


def make_data(
    samples: int = 2_000,
    input_size: int = 512,
    output_size: int = 32,
    seed: int = 0,
    device: torch.device | str | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Makes inputs and targets of uniform noise: there is nothing to learn but the mean, 0.5.

    The numbers are drawn on the CPU by a generator of their own, so they depend on the arguments
    only, not on the device, and torch's global random state stays as it is.

    Args:
        samples: Number of examples.
        input_size: Numbers per input.
        output_size: Numbers per target.
        seed: Which draw.
        device: Where the tensors go; None is the CPU. `torch.accelerator.current_accelerator()`
            is an accelerator where there is one and None elsewhere.

    Returns:
        X, of shape (samples, input_size), and y, of shape (samples, output_size); both float32,
        uniform in [0, 1).

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A size is below 1, or the seed below 0.
    """
    for name, value in (
        ("samples", samples),
        ("input_size", input_size),
        ("output_size", output_size),
    ):
        arguments.whole_number(name, value)
    arguments.whole_number("seed", seed, at_least=0)
    # Not `seed` itself: a network made after torch.manual_seed(seed) would get the very numbers of
    # the first examples as its first weights. An odd factor maps 32-bit seeds one to one.
    generator = torch.Generator().manual_seed((seed * 0x9E3779B1 + 0x85EBCA6B) % 2**32)
    X = torch.rand(samples, input_size, generator=generator, dtype=torch.float32)
    y = torch.rand(samples, output_size, generator=generator, dtype=torch.float32)
    return X.to(device), y.to(device)


def make_mnist1d(seed: int = 42, device: torch.device | str | None = None) -> Digits:
    """Makes MNIST-1D (Greydanus and Kobak 2020, arXiv 2011.14439): ten digits as signals.

    Each class has a template of 12 numbers; an example is that template padded, stretched, moved,
    sheared and with noise. Nothing is downloaded: the package `mnist1d` makes it, in about two
    seconds, and it is kept for the next call. Random states stay as they are.

    Args:
        seed: Which draw; 42 gives the published data set.
        device: Where the tensors go; None is the CPU.

    Returns:
        The training and the test part.

    Raises:
        TypeError: `seed` is no whole number.
        ValueError: `seed` is below 0.
    """
    arguments.whole_number("seed", seed, at_least=0)
    return Digits(*(part.clone().to(device) for part in _mnist1d(seed)))


@cache
def _mnist1d(seed: int) -> Digits:
    from mnist1d.data import get_dataset_args, make_dataset  # late: it imports SciPy

    settings = get_dataset_args()
    settings.seed = seed
    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        made = make_dataset(settings)
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
    return Digits(
        X=torch.tensor(made["x"], dtype=torch.float32),
        y=torch.tensor(made["y"]),
        X_test=torch.tensor(made["x_test"], dtype=torch.float32),
        y_test=torch.tensor(made["y_test"]),
    )
