"""Carry questions and answers between processes as plain bytes: JSON and safetensors, no pickle.

Reading such bytes runs no code and makes nothing but the data classes named here.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from skiplab.checks.challenge import Batch, Challenge, TrainingChallenge, Trial
from skiplab.checks.observe import (
    Problem,
    Run,
    TrainingObservation,
    WiringObservation,
    observe_training,
    observe_wiring,
)

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
    )
}


def pack(value: Any) -> bytes:  # noqa: ANN401
    """Turn a challenge or an observation into bytes.

    Args:
        value: one of the data classes above, or lists, dictionaries and plain values of them.

    Raises:
        TypeError: it holds something else.
    """
    tensors: dict[str, Tensor] = {}
    plain = json.dumps(_flatten(value, tensors))
    return save(tensors, metadata={"plain": plain})


def unpack(data: bytes) -> Any:  # noqa: ANN401
    """Turn bytes made by `pack` back into what they were made of.

    Raises:
        ValueError: the bytes are not of that form.
    """
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        plain = json.loads(header["__metadata__"]["plain"])
        return _restore(plain, load(data))
    except Exception as error:  # whatever a reader trips over, the bytes are to blame
        raise ValueError(f"not an observation: {error}") from error


def answer_question(network: Any, question: str, answer: str) -> None:  # noqa: ANN401
    """Read a question from a file, observe the network, and write the answer to another file.

    Args:
        network: what the student's name stands for, None if nothing.
        question: path of a packed `Challenge` or `TrainingChallenge`.
        answer: path to write the packed observation to.
    """
    challenge = unpack(Path(question).read_bytes())
    observe = observe_wiring if isinstance(challenge, Challenge) else observe_training
    Path(answer).write_bytes(pack(observe(network, challenge)))


def _flatten(value: Any, tensors: dict[str, Tensor]) -> Any:  # noqa: ANN401
    if isinstance(value, Tensor):
        key = str(len(tensors))
        tensors[key] = value.detach().cpu().contiguous().clone()
        return {"tensor": key}
    if type(value).__name__ in KINDS:
        fields = {
            f.name: _flatten(getattr(value, f.name), tensors) for f in dataclasses.fields(value)
        }
        return {"kind": type(value).__name__, "fields": fields}
    if isinstance(value, dict):
        return {"dict": {key: _flatten(part, tensors) for key, part in value.items()}}
    if isinstance(value, list | tuple):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_flatten(part, tensors) for part in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"value: got a {type(value).__name__}, wanted plain data")


def _restore(value: Any, tensors: dict[str, Tensor]) -> Any:  # noqa: ANN401
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return tensors[value["tensor"]]
    if "kind" in value:
        fields = {name: _restore(part, tensors) for name, part in value["fields"].items()}
        return KINDS[value["kind"]](**fields)
    if "dict" in value:
        return {key: _restore(part, tensors) for key, part in value["dict"].items()}
    if "tuple" in value:
        return tuple(_restore(part, tensors) for part in value["tuple"])
    return [_restore(part, tensors) for part in value["list"]]
