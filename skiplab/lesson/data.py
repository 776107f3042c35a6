"""The data of the original experiment."""

from __future__ import annotations

import torch

from skiplab.lesson import arguments


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
