"""Checks of arguments: each error names the argument, what was given and what is wanted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn


def describe(value: object) -> str:
    """Says in a few words what was given.

    Args:
        value: Anything.

    Returns:
        The value itself where that is short; for a tensor its shape, for a network or a class
        its name.
    """
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)} and type {value.dtype}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, nn.Module):
        return f"a {type(value).__name__} network"
    text = repr(value)
    return text if len(text) <= 60 else f"{type(value).__name__} {text[:56]} …"


def whole_number(name: str, value: object, at_least: int = 1) -> int:
    """Wants a whole number.

    Args:
        name: The argument's name.
        value: What was given.
        at_least: The smallest number allowed.

    Returns:
        The number.

    Raises:
        TypeError: It is no whole number.
        ValueError: It is too small.
    """
    wanted = f"wanted a whole number of at least {at_least}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: got {describe(value)}, {wanted}")
    if value < at_least:
        raise ValueError(f"{name}: got {value}, {wanted}")
    return value


def seeds(name: str, value: object) -> tuple[int, ...]:
    """Wants seeds.

    Args:
        name: The argument's name.
        value: What was given; a number n stands for `range(n)`.

    Returns:
        The seeds.

    Raises:
        TypeError: They are no whole numbers.
        ValueError: One is negative, or there are none.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = range(whole_number(name, value))
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name}: got {describe(value)}, wanted whole numbers such as range(10)")
    found = tuple(whole_number(name, seed, at_least=0) for seed in value)
    if not found:
        raise ValueError(f"{name}: got none, wanted at least one, such as range(10)")
    return found


def positive_number(name: str, value: object) -> float:
    """Wants a finite number above 0.

    Args:
        name: The argument's name.
        value: What was given.

    Returns:
        The number.

    Raises:
        TypeError: It is no number.
        ValueError: It is 0, negative or not finite.
    """
    wanted = "wanted a number above 0"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name}: got {describe(value)}, {wanted}")
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name}: got {value}, {wanted}")
    return float(value)


def one_of(name: str, value: object, allowed: tuple[Any, ...]) -> None:
    """Wants one of a few values.

    Args:
        name: The argument's name.
        value: What was given.
        allowed: The values allowed.

    Raises:
        ValueError: It is none of them.
    """
    if not any(value is a or (isinstance(value, str) and value == a) for a in allowed):
        choices = ", ".join(repr(a) for a in allowed)
        raise ValueError(f"{name}: got {describe(value)}, wanted one of {choices}")


def network(name: str, value: object) -> nn.Module:
    """Wants a network, made from its class.

    Args:
        name: The argument's name.
        value: What was given.

    Returns:
        The network.

    Raises:
        TypeError: It is a class, or no network at all.
    """
    if isinstance(value, type) and issubclass(value, nn.Module):
        raise TypeError(
            f"{name}: got {describe(value)}, wanted a network made from it, "
            f"such as {value.__name__}(input_size, output_size)"
        )
    if not isinstance(value, nn.Module):
        raise TypeError(f"{name}: got {describe(value)}, wanted a network (a torch.nn.Module)")
    return value


def batch(name: str, value: object) -> torch.Tensor:
    """Wants a tensor with at least one example.

    Args:
        name: The argument's name.
        value: What was given.

    Returns:
        The tensor.

    Raises:
        TypeError: It is no tensor.
        ValueError: It holds no example.
    """
    wanted = "wanted a tensor with one row per example"
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name}: got {describe(value)}, {wanted}")
    if value.ndim == 0 or value.shape[0] == 0:
        raise ValueError(f"{name}: got {describe(value)}, {wanted}, and at least one row")
    return value


def pair(input_data: object, target_data: object) -> tuple[torch.Tensor, torch.Tensor]:
    """Wants inputs and targets that belong together.

    Args:
        input_data: What was given as inputs.
        target_data: What was given as targets.

    Returns:
        Both tensors.

    Raises:
        TypeError: One of them is no tensor.
        ValueError: One is empty, or they differ in length.
    """
    inputs, targets = batch("input_data", input_data), batch("target_data", target_data)
    if len(inputs) != len(targets):
        raise ValueError(
            f"target_data: got {len(targets)} rows, wanted {len(inputs)}, as many as input_data has"
        )
    return inputs, targets


def by_name(name: str, value: object, content: str) -> dict[str, Any]:
    """Wants a dict with at least one name.

    Args:
        name: The argument's name.
        value: What was given.
        content: What stands behind each name, in words.

    Returns:
        A copy of the dict.

    Raises:
        TypeError: It is no dict, or a key is no string.
        ValueError: It is empty.
    """
    wanted = f'wanted a dict such as {{"NormalNet3": {content}}}'
    if not isinstance(value, Mapping):
        raise TypeError(f"{name}: got {describe(value)}, {wanted}")
    if not value:
        raise ValueError(f"{name}: got an empty dict, {wanted}")
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"{name}: got the key {key!r}, {wanted}")
    return dict(value)
