"""Run a network and leave it as it was."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


@contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """Leave a network, and random streams, as they were.

    Weights, their gradients and what learns; running statistics; modes; hooks; parts that were put
    in, and other attributes. Lists, dicts and sets among these hold what they held.

    Args:
        model: the network.

    Yields:
        Nothing.
    """
    held = [_Attributes(module) for module in list(model.modules())]
    tensors = [_Values(one) for one in {id(one): one for one in _tensors(model)}.values()]
    devices = {one.tensor.device for one in tensors if one.tensor.device.type == "cuda"}
    numpy_state, python_state = np.random.get_state(), random.getstate()
    dtype = torch.get_default_dtype()
    try:
        with torch.random.fork_rng(devices=list(devices)):
            torch.manual_seed(0)
            yield
    finally:
        torch.set_default_dtype(dtype)
        np.random.set_state(numpy_state)
        random.setstate(python_state)
        for one in (*held, *tensors):
            one.put_back()


def _tensors(model: nn.Module) -> Iterator[Tensor]:
    yield from model.parameters()
    yield from model.buffers()


class _Attributes:
    """What a part of a network holds."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._own = dict(vars(module))
        self._contents = {
            name: value.copy()
            for name, value in self._own.items()
            if isinstance(value, list | dict | set)
        }

    def put_back(self) -> None:
        own = vars(self._module)
        own.clear()
        own.update(self._own)
        for name, content in self._contents.items():
            value = own[name]
            value.clear()
            if isinstance(value, list):
                value.extend(content)
            else:
                value.update(content)


class _Values:
    """A parameter or buffer: its numbers and its gradient."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self._data, self._learns = tensor.data, tensor.requires_grad
        self._numbers = self._data.clone()
        self._gradient = tensor.grad if tensor.is_leaf else None
        self._its_numbers = None if self._gradient is None else self._gradient.detach().clone()

    def put_back(self) -> None:
        with torch.no_grad():
            if self.tensor.data_ptr() != self._data.data_ptr():
                self.tensor.data = self._data
            if not torch.equal(self._data, self._numbers):  # nor disturb what shares them
                self._data.copy_(self._numbers)
            if self._its_numbers is not None:
                self._gradient.copy_(self._its_numbers)
        if self.tensor.is_leaf:
            self.tensor.requires_grad_(self._learns)
            self.tensor.grad = self._gradient


def lazy_parts(model: nn.Module) -> list[str]:
    """Which parameters and buffers have no shape yet.

    Args:
        model: the network.

    Returns:
        Their names.
    """
    named: list[tuple[str, Any]] = [*model.named_parameters(), *model.named_buffers()]
    return [name for name, one in named if nn.parameter.is_lazy(one)]
