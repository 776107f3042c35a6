"""What comes out of the jail is read as data: bounded, of the declared types, and never a pass.

The attacks of `test_attacks.py` try what a notebook can do; here the answer itself is anything.
"""

import copy
import json
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save

from skiplab.checks import CheckFailed, check_training, check_wiring
from skiplab.checks.crossing import answer, pack, unpack
from skiplab.checks.exercise import all_exercises
from skiplab.checks.handle import Handle, look_up
from skiplab.checks.judge import judge_training, judge_wiring
from skiplab.checks.observe import (
    Run,
    TrainingObservation,
    WiringObservation,
    observe_training,
    observe_wiring,
)
from skiplab.checks.question import Reference

EXERCISE = all_exercises()["skipnet3"]
TRAINED = all_exercises()["skipnet7"]


def packed(plain, tensors=None):
    text = plain if isinstance(plain, str) else json.dumps(plain)
    return save(tensors or {}, metadata={"plain": text})


def kind(name, **fields):
    return {"kind": name, "fields": fields}


def tensor(start, shape, row="row"):
    """A tensor in a row of a million bytes."""
    return packed({"tensor": [row, start, shape]}, {"row": torch.zeros(10**6, dtype=torch.uint8)})


PROBLEM = {"phase": "forward", "kind": "E", "message": "", "line": 1, "code": ""}
HOSTILE = {
    "nothing": b"",
    "pickle": pickle.dumps({"a": 1}),
    "long header": (1 << 40).to_bytes(8, "little") + b"{}",
    "deep": packed("[" * 50_000 + "]" * 50_000),
    "deep lists": packed('{"list": [' * 3_000 + "]}" * 3_000),
    "unknown form": packed({"object": 1}),
    "unknown kind": packed(kind("Popen", args=["id"])),
    "no such field": packed(kind("Problem", **PROBLEM, extra=1)),
    "field of another type": packed(kind("Problem", **PROBLEM | {"line": "1"})),
    "true for a number": packed(kind("Problem", **PROBLEM | {"line": True})),
    "no tensor": packed({"tensor": "7"}),
    "no row of that name": tensor(0, [1], "other"),
    "a row that is none": packed({"tensor": ["row", 0, [1]]}, {"row": torch.zeros(2, 2)}),
    "beyond the end": tensor(10**6 - 1, [2]),
    "a start of another type": tensor(0.5, [1]),
    "a start beyond all numbers": tensor(10**30, [1]),
    "a shape of another type": tensor(0, {"list": [1]}),
    "a size of another type": tensor(0, [1.0]),
    "a size of text": tensor(0, ["x" * 10_000, 10**6]),
    "a size of lists": tensor(0, [[0] * 10_000, 10**6]),
    "a size below nothing": tensor(0, [-1, -1]),
    "a size beyond all numbers": tensor(0, [10**30]),
    "many dimensions": tensor(0, [1] * 65),
    "runs that are none": packed(
        kind(
            "WiringObservation",
            problem=None,
            missing={"list": []},
            runs={"list": [1]},
            layer_inputs={"dict": []},
            extra_used={"list": []},
        )
    ),
    "losses that are none": packed(
        kind("TrainingObservation", problem=None, losses={"list": ["0.1"]}, weights={"dict": []})
    ),
    "too many parts": packed({"list": [0] * 100_001}),
    "colliding set": packed({"set": [k * (2**61 - 1) for k in range(20_000)]}),
    "colliding keys": packed({"dict": [[k * (2**61 - 1), 0] for k in range(20_000)]}),
    "long string": packed(json.dumps("x" * 100_001)),
    "huge number": packed("9" * 5_000),
    "two forms": packed({"list": [], "set": []}),
}


# A row that is read again and again: 70 MB from 1 MB.
HOSTILE |= {
    f"row read again and again as {form}": packed(
        {"list": [{form: ["row", 0, [10**6]]}] * 70}, {"row": torch.zeros(10**6, dtype=torch.uint8)}
    )
    for form in ("tensor", "array")
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_no_answer(name):
    with pytest.raises(ValueError, match=r"not an observation|Exceeds"):
        unpack(HOSTILE[name])


def test_what_is_shown_cannot_steer_a_terminal():
    assert unpack(packed(json.dumps("a\x1b[2Jb\x07\r\n\tc"))) == "a�[2Jb��\n\tc"
    long = kind("Problem", **PROBLEM | {"message": "m" * 90_000, "code": "c" * 90_000})
    assert len(unpack(packed(long)).message) == 400


@pytest.mark.parametrize(
    "value",
    [
        *(1, -2.5, True, None, "π\n", b"\x00", 1 + 2j, range(1, 9, 2)),
        *([1, [2]], (1, (2,)), {1, 2}, frozenset({3}), {"a": 1, 2: [3], (4,): None}),
    ],
)
def test_plain_values_come_through_as_they_are(value):
    found = unpack(pack(value))
    assert found == value and type(found) is type(value)


def test_arrays_and_tensors_come_through():
    array = unpack(pack(np.arange(6.0).reshape(2, 3).T))
    assert array.dtype == np.float64 and array.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert torch.equal(unpack(pack(torch.arange(3))), torch.arange(3))
    assert unpack(pack(np.float32(0.5))) == 0.5


@pytest.mark.parametrize(
    "kind",
    [
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.bool),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.uint16),
    ],
)
def test_tensors_come_through_to_the_bit(kind):
    numbers = torch.tensor([0.0, -0.0, 1.5, float("nan"), float("inf"), 7.0])
    numbers = numbers.to(kind) if kind.is_floating_point else numbers.nan_to_num(0, 1).to(kind)
    for sent in (
        *(numbers, numbers.reshape(2, 3).T, numbers[::2], numbers[2], numbers[:0]),
        *(numbers[2].expand(2, 3), numbers.reshape(1, 6, 1), numbers.reshape(2, 3)[:, 1:2]),
    ):
        came = unpack(pack([sent]))[0]
        assert came.dtype == sent.dtype and came.shape == sent.shape
        assert came.flatten().view(torch.uint8).tolist() == list(
            sent.contiguous()
            .clone(memory_format=torch.contiguous_format)
            .flatten()
            .view(torch.uint8)
        )


def test_the_same_numbers_cross_once_and_are_no_one_thing():
    """As different types, too, and as zeros of either sign, they are what they were."""
    numbers = torch.rand(1000)
    once, often = pack([numbers]), pack([numbers.clone() for _ in range(50)] + [numbers.numpy()])
    assert len(often) < 2 * len(once)
    first, second, *_, array = unpack(often)
    first.zero_()
    assert torch.equal(second, numbers) and array.tolist() == numbers.tolist()

    mixed = [torch.tensor([0.0]), torch.tensor([-0.0]), torch.tensor([0]), torch.tensor([[0.0]])]
    came = unpack(pack(mixed))
    assert [(t.dtype, t.shape) for t in came] == [(t.dtype, t.shape) for t in mixed]
    assert [bool(t.signbit().any()) for t in came[:2]] == [False, True]


def by_way_of_bytes(names):
    """A function that asks a namespace as the grader asks the jail."""
    return lambda question: unpack(answer(pack(question), names))


def test_a_handle_is_asked_and_is_nothing_else():
    class Yes:
        def __eq__(self, other):
            return True

        __hash__ = None

    ask = by_way_of_bytes({"Yes": Yes, "yes": Yes(), "size": len})
    found = look_up("yes", ask)
    assert isinstance(found, Handle) and found != 3 and found != look_up("yes", ask)
    for refused in (bool, len, list):
        with pytest.raises(TypeError, match="is not a plain value"):
            refused(found)
    assert look_up("size", ask)([1, 2]) == 2
    with pytest.raises(TypeError, match="has no len"):
        look_up("size", ask)(found)
    with pytest.raises(NameError, match="name 'no' is not defined"):
        look_up("no", ask)


@pytest.fixture(scope="module")
def asked():
    challenge = EXERCISE.draw_challenge(5)
    return challenge, observe_wiring(EXERCISE.network(), challenge)


def forget(seen):
    seen.runs = []


def half(seen):
    seen.runs = seen.runs[: len(seen.runs) // 2]


def twice(seen):
    seen.runs = seen.runs + seen.runs[:1]


def stranger(seen):
    seen.runs.append(Run(9, "1 train", returned="Tensor", output=torch.zeros(1)))


def without_gradients(seen):
    for run in seen.runs:
        run.gradients = None


def other_names(seen):
    for run in seen.runs:
        run.gradients = run.gradients and {f"{n}": torch.zeros(1) for n in range(2_000)}


def nan(seen):
    for run in seen.runs:
        run.output = run.output * float("nan")


def empty(seen):
    for run in seen.runs:
        run.output = run.output[:0]


def empty_gradients(seen):
    for run in seen.runs:
        run.gradients = run.gradients and {k: v[:0] for k, v in run.gradients.items()}


def broadcasts(seen):
    for run in seen.runs:
        run.output = run.output.mean()


CHANGES = [
    *(forget, half, twice, stranger, without_gradients, other_names, nan, empty, empty_gradients),
    broadcasts,
]


@pytest.mark.parametrize("change", CHANGES)
def test_no_observation_passes_that_is_not_the_right_one(asked, change):
    challenge, right = asked
    assert judge_wiring(EXERCISE, challenge, right).passed
    seen = copy.deepcopy(right)
    change(seen)
    verdict = judge_wiring(EXERCISE, challenge, unpack(pack(seen)))
    assert not verdict.passed and verdict.message


def test_an_observation_of_nothing_does_not_pass(asked):
    assert not judge_wiring(EXERCISE, asked[0], WiringObservation()).passed


@pytest.mark.parametrize(
    "weights",
    [
        lambda right: {},
        lambda right: {name: values.mean() for name, values in right.items()},
        lambda right: right | {"more": torch.zeros(1)},
    ],
    ids=["none", "that broadcast", "more"],
)
def test_no_training_passes_with_other_weights(weights):
    question = TRAINED.draw_challenge(5)
    wired = judge_wiring(TRAINED, question, observe_wiring(TRAINED.network(), question))
    challenge = TRAINED.draw_training(5)
    seen = observe_training(TRAINED.network(), challenge)
    forged = TrainingObservation(None, seen.losses, weights(seen.weights))
    assert judge_training(TRAINED, wired, challenge, forged).diagnosis == "weights"


@pytest.mark.parametrize("check", [check_wiring, check_training])
@pytest.mark.parametrize("found", [3, None, [], Reference(0, "x", "y")])
def test_another_kind_of_answer_fails_the_check(check, found):
    with pytest.raises(CheckFailed, match="could not be looked at"):
        check(Handle(Reference(0, "SkipNet7", "type"), lambda question: found), "skipnet7")
