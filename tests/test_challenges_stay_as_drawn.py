"""What is kept never changes: challenges, and what the judge works out for them.

Whoever checks a class asks the same challenges again and again, so the checks keep them. A network
that changes in place what it is given must not reach them.
"""

import hashlib

import pytest

from skiplab.checks.crossing import pack
from skiplab.checks.exercise import KEPT, all_exercises
from skiplab.checks.judge import judge_training, judge_wiring
from skiplab.checks.observe import observe_training, observe_wiring

EXERCISES = all_exercises()
EXERCISE = EXERCISES["skipnet7"]
SEED = 11
# What a network may do to what it is given, besides being right.
DEEDS = {
    "input": "given.mul_(2)",
    "input by .data": "given.data.mul_(2)",
    "input through numpy": "given.detach().numpy()[:] = 0",
    "memory of the input": "given.untyped_storage().fill_(1)",
    "weights": "self.layer_1.weight.data.mul_(2)",
    "memory of the weights": "self.layer_1.weight.untyped_storage().fill_(1)",
    "gradient of the output": "Y.requires_grad and Y.register_hook(lambda g: g.mul_(2))",
    "memory of the gradient": (
        "Y.requires_grad and Y.register_hook(lambda g: g.untyped_storage().fill_(1) and None)"
    ),
    "gradients of the layers": "hooked(self)",
}
HOOKED = """
def hooked(self):
    for layer in self.children():
        layer.register_full_backward_pre_hook(lambda layer, gradients: gradients[0].mul_(2) * 1)
        layer.register_full_backward_hook(lambda layer, inner, outer: outer[0].mul_(2) and None)
"""


def network(deed):
    """The right network, which also does something in every call."""
    body = EXERCISE.forward.replace("def forward(self, X):", "def forward(self, X):\n    given = X")
    body = body.replace("return ", "Y = ") + f"\n    {deed}\n    return Y"
    return EXERCISE.network(body, HOOKED)


def state(*things):
    return hashlib.sha256(pack(things)).hexdigest()


@pytest.mark.parametrize("deed", DEEDS)
def test_a_network_cannot_change_a_challenge(deed):
    wiring, training = EXERCISE.draw_challenge(SEED), EXERCISE.draw_training(SEED)
    before = state(wiring, training)
    seen = observe_wiring(network(DEEDS[deed]), wiring)
    assert state(wiring, training) == before
    trained = observe_training(network(DEEDS[deed]), training)
    assert state(wiring, training) == before

    # … although it did try.
    right = observe_wiring(EXERCISE.network(), wiring)
    assert judge_wiring(EXERCISE, wiring, right).passed
    assert state(seen) != state(right)
    assert state(trained) != state(observe_training(EXERCISE.network(), training))


@pytest.mark.parametrize("answer", EXERCISES)
def test_the_catalogue_cannot_change_a_challenge(answer):
    exercise = EXERCISES[answer]
    challenge = exercise.draw_challenge(SEED)
    before = state(challenge)
    for wrong in exercise.misconceptions:
        model = exercise.network(wrong.forward, wrong.after, wrong.head)
        observe_wiring(model, challenge.small())
    assert state(challenge) == before


@pytest.mark.parametrize("name", [None, "no-skip", "no-relu-2", "frozen-2"])
def test_judging_changes_nothing(name):
    wrong = next((wrong for wrong in EXERCISE.misconceptions if wrong.name == name), None)
    model = EXERCISE.network(wrong.forward, wrong.after) if wrong else EXERCISE.network()
    wiring, training = EXERCISE.draw_challenge(SEED), EXERCISE.draw_training(SEED)
    seen, trained = observe_wiring(model, wiring), observe_training(model, training)
    before = state(wiring, training, seen, trained)
    wired, again = (judge_wiring(EXERCISE, wiring, seen) for _ in range(2))
    assert wired == again and wired.passed == (wrong is None)
    right = judge_wiring(EXERCISE, wiring, observe_wiring(EXERCISE.network(), wiring))
    verdict, again = (judge_training(EXERCISE, right, training, trained) for _ in range(2))
    assert verdict == again
    assert state(wiring, training, seen, trained) == before


def test_drawn_anew_a_challenge_is_the_same():
    drawn = [EXERCISE.draw_challenge(SEED), EXERCISE.draw_training(SEED)]
    for seed in range(KEPT):
        EXERCISES["normalnet3"].draw_challenge(seed)
        EXERCISES["normalnet3"].draw_training(seed)
    again = [EXERCISE.draw_challenge(SEED), EXERCISE.draw_training(SEED)]
    assert all(new is not old for new, old in zip(again, drawn, strict=True)), "kept for ever"
    assert state(again) == state(drawn)
