"""What to look at when a network does not train."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import nn

from skiplab.lesson import arguments


def device_of(model: nn.Module) -> torch.device:
    """Where a network's weights are.

    Args:
        model: A network.

    Returns:
        The device of its first parameter; the CPU when it has none.
    """
    parameter = next(model.parameters(), None)
    return torch.device("cpu") if parameter is None else parameter.device


def layer_gradients(
    model: nn.Module,
    input_data: torch.Tensor,
    target_data: torch.Tensor,
    criterion: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> dict[str, float]:
    """Measures how much gradient reaches each layer.

    The network's weights, buffers and `.grad` stay as they were.

    Args:
        model: A network.
        input_data: Inputs, one row per example.
        target_data: Targets, as many rows.
        criterion: The loss, such as `nn.MSELoss()`.

    Returns:
        For each layer that has a weight, in the order in which the network lists its layers, the
        Euclidean norm of the gradient of the loss with respect to that weight. A layer the
        gradient does not reach gets 0.0.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: Inputs or targets are empty or differ in length.
    """
    arguments.network("model", model)
    X, y = arguments.pair(input_data, target_data)
    if not callable(criterion) or isinstance(criterion, type):
        got = arguments.describe(criterion)
        raise TypeError(f"criterion: got {got}, wanted a loss such as nn.MSELoss()")
    device = device_of(model)
    weights = {
        name: layer.weight
        for name, layer in model.named_modules()
        if isinstance(getattr(layer, "weight", None), nn.Parameter)
    }
    with _unchanged(model), torch.enable_grad():
        for weight in weights.values():
            weight.requires_grad_(True)
        loss = criterion(model(X.to(device)), y.to(device))
        if not loss.requires_grad:  # no weight has a say in it
            return dict.fromkeys(weights, 0.0)
        gradients = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
    return {
        layer: 0.0 if gradient is None else gradient.norm().item()
        for layer, gradient in zip(weights, gradients, strict=True)
    }


def dead_outputs(model: nn.Module, input_data: torch.Tensor) -> int:
    """Counts the output units that are 0 for every example.

    With a ReLU on the output such a unit's own weights get no gradient from these examples; it
    comes back only if the layers before it lift it above 0.

    Args:
        model: A network.
        input_data: Inputs, one row per example.

    Returns:
        The number of output units that are zero in every row.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: There is no example.
    """
    arguments.network("model", model)
    X = arguments.batch("input_data", input_data)
    with _unchanged(model), torch.no_grad():
        output = model(X.to(device_of(model)))
    return int((output == 0).all(dim=0).sum())


@contextlib.contextmanager
def _unchanged(model: nn.Module) -> Iterator[None]:
    """Puts back which parameters are trained, and buffers such as running means.

    Not with torch.func.functional_call: it loses the parameters of a layer that is registered
    under two names.
    """
    trained = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        yield
    finally:
        for parameter, was_trained in trained:
            parameter.requires_grad_(was_trained)
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)
