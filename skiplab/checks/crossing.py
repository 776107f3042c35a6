"""Carry questions and answers between processes as plain bytes: JSON and safetensors, no pickle.

Reading such bytes runs no code and makes nothing but plain values, tensors and the data classes
named here, with fields of the types they declare. It is the only thing a grader takes from a
process that runs a student's code.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import types
import typing
from functools import cache
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from skiplab.checks.challenge import Batch, Challenge, TrainingChallenge, Trial
from skiplab.checks.observe import (
    Problem,
    Run,
    TrainingObservation,
    WiringObservation,
    describe_problem,
    observe_training,
    observe_wiring,
)
from skiplab.checks.question import Missing, Question, Reference

MOST_BYTES = 64 << 20  # of an answer; an honest one has 3 MB
MOST_PLAIN_BYTES = 8 << 20  # of all that is no tensor
MOST_PARTS = 100_000  # values in an answer
MOST_HASHED = 1_000  # in a set, or keys that are no strings: their hashes can be made to collide
MOST_CHARACTERS = 100_000  # of a string


KINDS = {
    kind.__name__: kind
    for kind in (
        Batch,
        Trial,
        Challenge,
        TrainingChallenge,
        Problem,
        Run,
        WiringObservation,
        TrainingObservation,
        Reference,
        Missing,
        Question,
    )
}


def pack(value: Any) -> bytes:  # noqa: ANN401
    """Turn a challenge, an observation, a question or a plain value into bytes.

    Args:
        value: one of the data classes above, a tensor, an array, a number, a string, None, or
            lists, tuples, sets and dictionaries of them.

    Raises:
        TypeError: it holds something else, or too much of it.
    """
    tensors: dict[str, Tensor] = {}
    plain = json.dumps(_flatten(value, tensors, [MOST_PARTS]))
    return save(tensors, metadata={"plain": plain})


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
        return _restore(plain, load(data), [MOST_PARTS])
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


def answer_in_kernel() -> str:
    """Answer the question that the present message brought, in a Jupyter kernel.

    Returns:
        The answer in base64.
    """
    from IPython import get_ipython

    shell = get_ipython()
    question = shell.kernel.get_parent("shell")["content"]["question"]
    return base64.b64encode(answer(base64.b64decode(question), shell.user_ns)).decode()


def _found(asked: Question, names: dict[str, Any]) -> Any:  # noqa: ANN401
    """What a question asks for."""
    try:
        about = _referred(asked.of, names)
    except NameError:
        return Missing(asked.of.name)
    if asked.what == "observe":
        is_wiring = isinstance(asked.challenge, Challenge)
        return (observe_wiring if is_wiring else observe_training)(about, asked.challenge)
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


def _flatten(value: Any, tensors: dict[str, Tensor], left: list[int]) -> Any:  # noqa: ANN401
    left[0] -= 1
    if left[0] < 0:
        raise TypeError(f"value: got more than {MOST_PARTS} parts")
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Tensor | np.ndarray):
        key = str(len(tensors))
        is_array = isinstance(value, np.ndarray)
        tensor = torch.from_numpy(np.ascontiguousarray(value)) if is_array else value
        tensors[key] = tensor.detach().cpu().contiguous().clone()
        return {"array" if is_array else "tensor": key}
    if type(value).__name__ in KINDS and type(value) is KINDS[type(value).__name__]:
        fields = {
            f.name: _flatten(getattr(value, f.name), tensors, left)
            for f in dataclasses.fields(value)
        }
        return {"kind": type(value).__name__, "fields": fields}
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
    if value is None or isinstance(value, bool | int | float):
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
        return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in value)
    if not isinstance(value, dict):
        return value
    ((form, content), *rest) = value.items()
    if form == "tensor":
        return tensors[content]
    if form == "array":
        return tensors[content].numpy()
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


def _make(kind: type, fields: dict[str, Any], tensors: dict[str, Tensor], left: list[int]) -> Any:  # noqa: ANN401
    """Make a data class, if its fields are what it says they are."""
    restored = {name: _restore(part, tensors, left) for name, part in fields.items()}
    if kind is Problem:  # it is shown
        for name, most in (("phase", 20), ("kind", 100), ("message", 400), ("code", 200)):
            restored[name] = restored[name][:most]
    types_of = _types(kind)
    for name, part in restored.items():
        if not _fits(part, types_of[name]):
            raise ValueError(f"{kind.__name__}.{name} is a {type(part).__name__}")
    return kind(**restored)


@cache
def _types(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _fits(value: Any, wanted: Any) -> bool:  # noqa: ANN401
    """Whether a value is of a declared type, parts and all."""
    form, parts = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted is Any:
        return True
    if form in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if form is dict:
        return type(value) is dict and all(
            _fits(key, parts[0]) and _fits(part, parts[1]) for key, part in value.items()
        )
    if form is list or (form is tuple and parts[-1] is Ellipsis):
        return type(value) is form and all(_fits(part, parts[0]) for part in value)
    if form is tuple:
        return (
            type(value) is tuple
            and len(value) == len(parts)
            and all(_fits(*pair) for pair in zip(value, parts, strict=True))
        )
    if wanted is float:
        return type(value) in (int, float)
    return type(value) is wanted
