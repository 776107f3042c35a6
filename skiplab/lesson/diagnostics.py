"""What to look at when a network does not train."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.func import functional_call

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
    if not callable(criterion):
        got = arguments.describe(criterion)
        raise TypeError(f"criterion: got {got}, wanted a loss such as nn.MSELoss()")
    device = device_of(model)
    weights = {
        name: layer.weight
        for name, layer in model.named_modules()
        if isinstance(getattr(layer, "weight", None), nn.Parameter)
    }
    # A loss that no weight can change has no graph; autograd refuses it, and the answer is 0.
    copies = {layer: weight.detach().clone().requires_grad_() for layer, weight in weights.items()}
    state = {f"{layer}.weight" if layer else "weight": copy for layer, copy in copies.items()}
    state |= {name: buffer.clone() for name, buffer in model.named_buffers()}
    with torch.enable_grad():
        loss = criterion(functional_call(model, state, (X.to(device),)), y.to(device))
        if not loss.requires_grad:
            return dict.fromkeys(weights, 0.0)
        gradients = torch.autograd.grad(loss, list(copies.values()), allow_unused=True)
    return {
        layer: 0.0 if gradient is None else gradient.norm().item()
        for layer, gradient in zip(weights, gradients, strict=True)
    }


def dead_outputs(model: nn.Module, input_data: torch.Tensor) -> int:
    """Counts the output units that are 0 for every example.

    With a ReLU on the output such a unit gets no gradient from these examples, so it stays at 0.

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
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with torch.no_grad():
        output = functional_call(model, buffers, (X.to(device_of(model)),))
    return int((output == 0).all(dim=0).sum())
