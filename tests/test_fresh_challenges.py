"""A verdict does not depend on which challenge was drawn: many seeds, both sides."""

import copy

import pytest
import torch

from skiplab.checks.challenge import construct, load_weights
from skiplab.checks.exercise import all_exercises
from skiplab.checks.judge import TRAINING_TOLERANCE, close, judge_training, judge_wiring
from skiplab.checks.observe import observe_training, observe_wiring

EXERCISES = all_exercises()
SEEDS = [pow(7, k, 2**31 - 1) for k in range(1, 51)]

NAN, INF = float("nan"), float("inf")

# Right answers that round differently from the reference, where a tight tolerance would flake.
CHAIN = """
def forward(self, X):
    given, X = X.double(), X.double()
    for name, layer in self.named_children():
        if name.startswith("layer_"):
            X = (X @ layer.weight.double().T + layer.bias.double()).clamp(min=0)
    if hasattr(self, "skip_layer"):
        S = given @ self.skip_layer.weight.double().T + self.skip_layer.bias.double()
        X = (X + S).clamp(min=0)
    return X.float()
"""
BLOCK = """def forward(self, X):
    D = (X.double() @ self.layer.weight.double().T + self.layer.bias.double()).clamp(min=0)
    return (X.double() + getattr(self, "alpha", torch.ones(())).double() * D).float()
"""
NET = """def forward(self, X):
    X = (X.double() @ self.first.weight.double().T + self.first.bias.double()).clamp(min=0).float()
    for block in self.blocks:
        X = block(X)
    return (X.double() @ self.last.weight.double().T + self.last.bias.double()).float()
"""
RESNET = """def forward(self, X):
    def conv(layer, X):
        return F.conv1d(X, layer.weight.double(), None, layer.stride, layer.padding)

    def norm(layer, X):
        kept = layer.running_mean.double(), layer.running_var.double()
        X = F.batch_norm(X, *kept, layer.weight.double(), layer.bias.double(), self.training)
        layer.running_mean.copy_(kept[0])
        layer.running_var.copy_(kept[1])
        return X

    S = X.double()
    if hasattr(getattr(self, "projection", None), "weight"):
        S = conv(self.projection, S)
    D = norm(self.norm_1, conv(self.conv_1, X.double())).relu()
    D = norm(self.norm_2, conv(self.conv_2, D))
    return (S + D).relu().float()
"""
PRE = RESNET.replace(
    "norm(self.norm_1, conv(self.conv_1, X.double())).relu()",
    "conv(self.conv_1, norm(self.norm_1, X.double()).relu())",
).replace(
    "norm(self.norm_2, conv(self.conv_2, D))", "conv(self.conv_2, norm(self.norm_2, D).relu())"
)
PRE = PRE.replace("(S + D).relu()", "(S + D)")
# The right answers again, worked out in float64. A lesson that somebody adds may have none.
DOUBLE = dict.fromkeys(("normalnet3", "normalnet7", "skipnet3", "skipnet7"), CHAIN) | {
    "residualblock": BLOCK,
    "rezeroblock": BLOCK,
    "residualnet": NET,
    "basicblock": RESNET,
    "projectionblock": RESNET,
    "preactblock": PRE,
}
# Wrong answers that come closest to right: one bias, one ReLU, one gradient.
SUBTLE = {
    *("no-bias-2", "no-relu-2", "frozen-2", "input-detached", "relu-on-skip", "swapped-1-2"),
    *("no-bias", "frozen-layer", "skip-detached", "branch-input-detached", "alpha-inside-relu"),
    *("no-bias-first", "frozen-last", "relu-before-last", "first-block-skipped"),
    *("no-shift-1", "frozen-norms", "statistics-not-kept", "norms-always-eval", "no-relu-1"),
    *("norms-swapped", "frozen-conv-2", "norm-2-computed-twice"),
}


@pytest.mark.parametrize("answer", EXERCISES)
def test_right_answers_pass_for_every_seed(answer):
    exercise = EXERCISES[answer]
    for seed in SEEDS:
        challenge = exercise.draw_challenge(seed)
        for forward in (exercise.forward, DOUBLE.get(answer, exercise.forward)):
            seen = observe_wiring(exercise.network(forward), challenge)
            verdict = judge_wiring(exercise, challenge, seen)
            assert verdict.passed, f"seed {seed}: {verdict.message}\n{forward}"


def test_numbers_that_nearly_cancel_out_are_not_asked_for():
    """This seed once drew a network whose output was made of rounding, and failed the right one."""
    exercise = EXERCISES["normalnet7"]
    challenge = exercise.draw_challenge(10_000_093)
    verdict = judge_wiring(exercise, challenge, observe_wiring(exercise.network(), challenge))
    assert verdict.passed, verdict.message
    for trial in challenge.trials:
        network = construct(exercise.network(), trial.arguments).float()
        load_weights(network, trial.weights)
        exact = copy.deepcopy(network).double()
        for batch in trial.batches:
            with torch.no_grad():
                result, true = network(batch.X), exact(batch.X.double())
            assert (result - true).abs().max() <= 2e-6 * true.abs().max()


@pytest.mark.parametrize("answer", EXERCISES)
def test_wrong_answers_fail_for_every_seed(answer):
    exercise = EXERCISES[answer]
    subtle = [wrong for wrong in exercise.misconceptions if wrong.name in SUBTLE]
    if answer in DOUBLE:
        assert len(subtle) >= 5, "SUBTLE names the closest mistakes"
    else:
        subtle = exercise.misconceptions
    for number, seed in enumerate(SEEDS[::2]):
        challenge = exercise.draw_challenge(seed)
        wrong = subtle[number % len(subtle)]
        network = exercise.network(wrong.forward, wrong.after, wrong.head)
        seen = observe_wiring(network, challenge)
        verdict = judge_wiring(exercise, challenge, seen)
        assert verdict.diagnosis == wrong.name, f"seed {seed}: {wrong.name}"


def test_same_seed_asks_the_same_and_another_something_else():
    exercise = EXERCISES["skipnet3"]
    one, same, other = (exercise.draw_challenge(seed) for seed in (1, 1, 2))
    assert torch.equal(one.trials[0].batches[1].X, same.trials[0].batches[1].X)
    assert not torch.equal(one.trials[0].batches[1].X, other.trials[0].batches[1].X)


@pytest.mark.parametrize("answer", EXERCISES)
def test_challenges_are_as_described(answer):
    """Negative inputs, live units, a batch of one and one that equals no width."""
    for seed in SEEDS[:10]:
        challenge = EXERCISES[answer].draw_challenge(seed)
        for trial in challenge.trials:
            alone, together, *more = trial.batches
            assert len(alone.X) == 1 and torch.equal(alone.X[0], together.X[0])
            assert len(together.X) not in trial.arguments.values()
            assert (together.X < 0).any() and (together.X > 0).any()
            assert all(values.any() for values in trial.weights.values()), "biases, too"
            if trial is challenge.trials[0]:
                assert [len(batch.X) for batch in more] == [len(together.X), 130]


def test_training_margin_holds_for_many_seeds():
    """SkipNet7 ends below the bound and clearly below NormalNet7, whatever is drawn."""
    exercise = EXERCISES["skipnet7"]
    right = judge_wiring(
        exercise,
        challenge := exercise.draw_challenge(0),
        observe_wiring(exercise.network(), challenge),
    )
    for seed in SEEDS[:12]:
        challenge = exercise.draw_training(seed)
        seen = observe_training(exercise.network(DOUBLE["skipnet7"]), challenge)
        verdict = judge_training(exercise, right, challenge, seen)
        assert verdict.passed, f"seed {seed}: {verdict.message}"


def test_training_by_another_route_is_noticed():
    """Losses and weights that do not belong together do not pass."""
    exercise = EXERCISES["skipnet7"]
    wiring = exercise.draw_challenge(0)
    right = judge_wiring(exercise, wiring, observe_wiring(exercise.network(), wiring))
    challenge = exercise.draw_training(0)
    seen = observe_training(exercise.network(), challenge)
    honest = list(seen.losses)

    seen.losses = [loss * (1 - 2 * TRAINING_TOLERANCE) for loss in honest]
    assert judge_training(exercise, right, challenge, seen).diagnosis == "course"
    seen.losses = [float("nan")] * len(honest)
    assert judge_training(exercise, right, challenge, seen).diagnosis == "course"
    seen.losses = honest[:-1]
    assert judge_training(exercise, right, challenge, seen).diagnosis == "runs"
    seen.losses = honest
    seen.weights = challenge.weights
    assert judge_training(exercise, right, challenge, seen).diagnosis == "weights"


def test_numbers_that_are_not_finite_match_nothing():
    nan = torch.tensor([float("nan"), 1.0])
    assert not close(nan, torch.tensor([0.0, 1.0]))
    assert not close(torch.tensor([float("inf"), 1.0]), torch.tensor([0.0, 1.0]))


@pytest.mark.parametrize(
    ("seen", "expected", "same"),
    [
        ([1.0, NAN], [1.0, NAN], True),
        ([1.0, NAN], [NAN, 1.0], False),
        ([1.0, INF], [1.0, INF], True),
        ([1.0, INF], [1.0, -INF], False),
        ([0.0, 1.0], [-0.0, 1.0], True),
        ([0.0, 0.0], [0.0, 0.0], True),
        ([1.0, 1e-4], [1.0, 1.1e-4], True),
        ([1.0, 1e-4], [1.0, 2e-4], False),
        ([], [], True),
        ([1.0], [1.0, 1.0], False),
        (None, [0.0, -0.0], True),
        (None, [0.0, 1.0], False),
        ([0.0], None, True),
        ([NAN], None, False),
        (None, None, True),
    ],
)
def test_numbers_are_the_same_up_to_rounding(seen, expected, same):
    for kind in (torch.float32, torch.float64):
        given = [None if numbers is None else torch.tensor(numbers) for numbers in (seen, expected)]
        given[0] = given[0] if seen is None else given[0].to(kind)
        assert close(*given) is same
