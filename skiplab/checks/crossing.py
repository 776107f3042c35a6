"""Carry questions and answers between processes as plain bytes: JSON and safetensors, no pickle.

Reading such bytes runs no code and makes nothing but plain values, tensors and the data classes
named here, with fields of the types they declare. It is the only thing a grader takes from a
process that runs a student's code.

All tensors of a type lie in one row, each content once: most outputs and gradients of an
observation are there several times. Once read, each is a tensor of its own.
"""

from __future__ import annotations

import base64
import json
import math
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from skiplab.checks.challenge import Batch, Challenge, Tracing, TrainingChallenge, Trial
from skiplab.checks.observe import (
    Problem,
    Run,
    TracingObservation,
    TrainingObservation,
    WiringObservation,
    describe_problem,
    observe_tracing,
    observe_training,
    observe_wiring,
)
from skiplab.checks.question import Missing, Question, Reference
from skiplab.lesson.tracing import Edge, Node, Wiring

MOST_BYTES = 64 << 20  # of an answer, and of its tensors once read; an honest one has 3 MB
MOST_PLAIN_BYTES = 8 << 20  # of all that is no tensor
MOST_PARTS = 100_000  # values in an answer
MOST_HASHED = 1_000  # in a set, or keys that are no strings: their hashes can be made to collide
MOST_CHARACTERS = 100_000  # of a string
MOST_DIMENSIONS = 64  # of a tensor, as of an array

KINDS = {
    kind.__name__: kind
    for kind in (
        Batch,
        Trial,
        Challenge,
        TrainingChallenge,
        Tracing,
        Problem,
        Run,
        WiringObservation,
        TrainingObservation,
        TracingObservation,
        Node,
        Edge,
        Wiring,
        Reference,
        Missing,
        Question,
    )
}


OBSERVE = {
    Challenge: observe_wiring,
    TrainingChallenge: observe_training,
    Tracing: observe_tracing,
}


def pack(value: Any) -> bytes:  # noqa: ANN401
    """Turn a challenge, an observation, a question or a plain value into bytes.

    Args:
        value: one of the data classes above, a tensor, an array, a number, a string, None, or
            lists, tuples, sets and dictionaries of them.

    Raises:
        TypeError: it holds something else, or too much of it.
    """
    tensors = _Rows()
    plain = json.dumps(_flatten(value, tensors, [MOST_PARTS]))
    return save(tensors.joined(), metadata={"plain": plain})


class _Rows:
    """The tensors of a message, as bytes: those of a type in one row, each content once."""

    def __init__(self) -> None:
        self._rows: dict[torch.dtype, bytearray] = {}
        self._starts: dict[tuple[torch.dtype, bytes], int] = {}

    def add(self, tensor: Tensor) -> tuple[str, int, tuple[int, ...]]:
        """Take a tensor in, and say where it is: the name of a row, the start in it, the shape."""
        flat = tensor.detach().cpu().resolve_conj().resolve_neg().reshape(-1)
        if flat.stride() != (1,):  # expanded, or a part of another
            flat = flat.clone(memory_format=torch.contiguous_format)
        content = flat.dtype, flat.view(torch.uint8).numpy().tobytes()
        if content not in self._starts:
            row = self._rows.setdefault(flat.dtype, bytearray())
            self._starts[content] = len(row) // flat.itemsize
            row += content[1]
        return str(flat.dtype), self._starts[content], tuple(tensor.shape)

    def joined(self) -> dict[str, Tensor]:
        """Return each row as one tensor."""
        return {
            str(dtype): torch.frombuffer(row, dtype=dtype) if row else torch.empty(0, dtype=dtype)
            for dtype, row in self._rows.items()
        }


def unpack(data: bytes) -> Any:  # noqa: ANN401
    """Turn bytes made by `pack` back into what they were made of.

    Raises:
        ValueError: the bytes are not of that form.
    """
    if len(data) > MOST_BYTES:
        raise ValueError(f"not an observation: {len(data)} bytes, at most {MOST_BYTES} are read")
    length = int.from_bytes(data[:8], "little")
    if length > MOST_PLAIN_BYTES:
        raise ValueError(f"not an observation: a header of {length} bytes")
    try:
        header = json.loads(data[8 : 8 + length])
        plain = json.loads(header["__metadata__"]["plain"])
        return _restore(plain, load(data), [MOST_PARTS, MOST_BYTES])
    except Exception as error:  # whatever a reader trips over, the bytes are to blame
        raise ValueError(f"not an observation: {error}") from error


_kept: list[Any] = []  # what references stand for


def answer(question: bytes, names: dict[str, Any]) -> bytes:
    """Answer a question about what is in a namespace. This runs beside the student's code.

    Args:
        question: a packed `Question`.
        names: the namespace.

    Returns:
        The packed answer: a value, a `Reference` to what cannot cross, `Missing`, an observation,
        or a `Problem` where the student's code raised an exception.
    """
    asked: Question = unpack(question)
    try:
        found = _found(asked, names)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return pack(describe_problem(error, asked.what))
    try:
        return pack(found)
    except Exception:  # not plain data
        _kept.append(found)
        own = getattr(found, "__name__", "")
        name = own if isinstance(own, str) else ""
        return pack(Reference(len(_kept), name[:200], type(found).__name__))


def _found(asked: Question, names: dict[str, Any]) -> Any:  # noqa: ANN401
    """What a question asks for."""
    try:
        about = _referred(asked.of, names)
    except NameError:
        return Missing(asked.of.name)
    if asked.what == "observe":
        observe = OBSERVE[type(asked.challenge)]
        return observe(about, asked.challenge)
    if asked.what == "call":
        return about(
            *(_referred(value, names) for value in asked.arguments),
            **{name: _referred(value, names) for name, value in asked.keywords.items()},
        )
    if asked.what == "attribute":
        return getattr(about, asked.name)
    return about


def _referred(value: Any, names: dict[str, Any]) -> Any:  # noqa: ANN401
    """What a reference stands for; anything else as it is."""
    if not isinstance(value, Reference):
        return value
    if value.number:
        return _kept[value.number - 1]
    if value.name not in names:
        raise NameError(f"name '{value.name}' is not defined")
    return names[value.name]


def _flatten(value: Any, tensors: _Rows, left: list[int]) -> Any:  # noqa: ANN401
    left[0] -= 1
    if left[0] < 0:
        raise TypeError(f"value: got more than {MOST_PARTS} parts")
    if value is None or type(value) in (bool, int, float):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Tensor):
        return {"tensor": tensors.add(value)}
    if isinstance(value, np.ndarray):
        return {"array": tensors.add(torch.from_numpy(np.ascontiguousarray(value)))}
    kind = type(value)
    if KINDS.get(kind.__name__) is kind:
        fields = {name: _flatten(getattr(value, name), tensors, left) for name in _fields(kind)}
        return {"kind": kind.__name__, "fields": fields}
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, range):
        return {"range": [value.start, value.stop, value.step]}
    if isinstance(value, dict):
        if len(value) > MOST_HASHED and not all(isinstance(key, str) for key in value):
            raise TypeError(f"value: got a dictionary of {len(value)}")
        pairs = [[_flatten(part, tensors, left) for part in pair] for pair in value.items()]
        return {"dict": pairs}
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            if kind in (set, frozenset) and len(value) > MOST_HASHED:
                raise TypeError(f"value: got a set of {len(value)}")
            return {kind.__name__: [_flatten(part, tensors, left) for part in value]}
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        if len(value) > MOST_CHARACTERS:
            raise TypeError(f"value: got {len(value)} characters, wanted {MOST_CHARACTERS} at most")
        return value
    raise TypeError(f"value: got a {type(value).__name__}, wanted plain data")


def _restore(value: Any, tensors: dict[str, Tensor], left: list[int]) -> Any:  # noqa: ANN401
    left[0] -= 1
    if left[0] < 0:
        raise ValueError(f"more than {MOST_PARTS} parts")
    if isinstance(value, str):
        if len(value) > MOST_CHARACTERS:
            raise ValueError(f"a string of {len(value)} characters")
        # A terminal or a page that shows it should show it, and not obey it.
        if value.isprintable():
            return value
        return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in value)
    if not isinstance(value, dict):
        return value
    ((form, content), *rest) = value.items()
    if form == "tensor":
        return _read(content, tensors, left)
    if form == "array":
        return _read(content, tensors, left).numpy()
    if form == "kind":
        return _make(KINDS[content], value["fields"], tensors, left)
    if rest:
        raise ValueError("a value has two forms")
    if form == "bytes":
        return base64.b64decode(content)
    if form == "complex":
        return complex(*map(float, content))
    if form == "range":
        return range(*map(int, content))
    if form == "dict":
        if len(content) > MOST_HASHED and not all(isinstance(key, str) for key, _ in content):
            raise ValueError(f"a dictionary of more than {MOST_HASHED} keys that are no strings")
        return {
            _restore(key, tensors, left): _restore(part, tensors, left) for key, part in content
        }
    made = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[form]
    if made in (set, frozenset) and len(content) > MOST_HASHED:
        raise ValueError(f"a set of more than {MOST_HASHED}")
    return made(_restore(part, tensors, left) for part in content)


def _read(place: Any, tensors: dict[str, Tensor], left: list[int]) -> Tensor:  # noqa: ANN401
    """Copy a tensor out of its row. However often a part of a row is read, all copies count."""
    name, start, shape = place
    if len(shape) > MOST_DIMENSIONS or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError("a tensor of no shape")
    found = tensors[name].narrow(0, start, math.prod(shape)).reshape(shape)
    left[1] -= found.nbytes
    if left[1] < 0:
        raise ValueError(f"tensors of more than {MOST_BYTES} bytes")
    return found.clone()


def _make(kind: type, fields: dict[str, Any], tensors: dict[str, Tensor], left: list[int]) -> Any:  # noqa: ANN401
    """Make a data class, if its fields are what it says they are."""
    restored = {name: _restore(part, tensors, left) for name, part in fields.items()}
    if kind is Problem:  # it is shown
        for name, most in (("phase", 20), ("kind", 100), ("message", 400), ("code", 200)):
            restored[name] = restored[name][:most]
    fits = _fields(kind)
    for name, part in restored.items():
        if not fits[name](part):
            raise ValueError(f"{kind.__name__}.{name} is a {type(part).__name__}")
    return kind(**restored)


@cache
def _fields(kind: type) -> dict[str, Callable[[Any], bool]]:
    """The fields of a data class, each with what says whether a value is of its declared type."""
    return {name: _fitting(wanted) for name, wanted in typing.get_type_hints(kind).items()}


def _fitting(wanted: Any) -> Callable[[Any], bool]:  # noqa: ANN401
    """What says whether a value is of a declared type, parts and all."""
    form = typing.get_origin(wanted)
    parts = [_fitting(part) for part in typing.get_args(wanted) if part is not Ellipsis]
    if wanted is Any:
        return lambda value: True
    if form in (typing.Union, types.UnionType):
        return lambda value: any(fits(value) for fits in parts)
    if form is dict:
        return lambda value: (
            type(value) is dict
            and all(map(parts[0], value.keys()))
            and all(map(parts[1], value.values()))
        )
    if form is list or (form is tuple and Ellipsis in typing.get_args(wanted)):
        return lambda value: type(value) is form and all(map(parts[0], value))
    if form is tuple:
        return lambda value: (
            type(value) is tuple
            and len(value) == len(parts)
            and all(fits(part) for fits, part in zip(parts, value, strict=True))
        )
    kinds = (int, float) if wanted is float else (wanted,)
    return lambda value: type(value) in kinds
