"""A wrong network that nobody foresaw fails all the same, and the message says where."""

import copy
import linecache
import re

import pytest
import torch
from torch import nn

from skiplab import PlainBlock
from skiplab.checks import CheckFailed, check_wiring
from skiplab.checks.exercise import all_exercises

SKIP7 = all_exercises()["skipnet7"]
NORMAL7 = all_exercises()["normalnet7"]
CHAIN = "".join(f"    X = self.relu(self.layer_{k}(X))\n" for k in range(1, 8))


def changed(old, new):
    """The right SkipNet7, with one piece of text replaced."""
    text = (
        f"def forward(self, X):\n    S = self.skip_layer(X)\n{CHAIN}    return self.relu(X + S)\n"
    )
    assert old in text
    return text.replace(old, new)


# What is written, and what the message must say about where it is.
WRONG = {
    "cube-at-4": (
        changed("self.relu(self.layer_4(X))", "self.relu(self.layer_4(X)) ** 3"),
        "layer_5 is given something else",
    ),
    "scale-at-1": (
        changed("self.relu(self.layer_1(X))", "1.01 * self.relu(self.layer_1(X))"),
        "layer_2 is given something else",
    ),
    "tiny-shift-at-6": (
        changed("self.relu(self.layer_6(X))", "self.relu(self.layer_6(X) + 0.01)"),
        "layer_7 is given something else",
    ),
    "half-the-bias": (
        changed("self.layer_3(X)", "self.layer_3(X) - 0.5 * self.layer_3.bias"),
        "layer_4 is given something else",
    ),
    "skip-shifted": (
        changed("S = self.skip_layer(X)", "S = self.skip_layer(X) + 0.1"),
        "",
    ),
    "skip-squared": (
        changed("S = self.skip_layer(X)", "S = self.skip_layer(X) ** 2"),
        "at the end",
    ),
    "skip-of-reversed-input": (
        changed("S = self.skip_layer(X)", "S = self.skip_layer(X.flip(1))"),
        "skip_layer is given something else",
    ),
    "mixed-with-product": (
        changed("self.relu(X + S)", "self.relu(X + S + 0.1 * X * S)"),
        "every layer is given what it should be",
    ),
    "root-of-squares": (
        changed("self.relu(X + S)", "self.relu((X * X + S * S).sqrt() * S.sign())"),
        "",
    ),
    "gradient-scaled": (
        changed("self.layer_5(X)", "self.layer_5(0.5 * X + 0.5 * X.detach())"),
        "wrong gradient",
    ),
    "gradient-reversed": (
        changed("self.relu(X + S)", "(lambda Y: 2 * Y.detach() - Y)(self.relu(X + S))"),
        "wrong gradient",
    ),
    "extra-parameter": (
        changed("self.relu(X + S)", "self.relu(X + S * self.scale)"),
        "scale",
    ),
    "sorted-over-batch": (changed("self.relu(X + S)", "self.relu(X + S).sort(0)[0]"), "examples"),
    "batch-dependent-only-when-large": (
        changed("self.relu(X + S)", "self.relu(X + S) * (1 if len(X) < 5 else 0.9)"),
        "",
    ),
    "only-right-without-gradient": (
        changed("self.relu(X + S)", "self.relu(X + S) * (0.5 if torch.is_grad_enabled() else 1)"),
        "two outputs for the same input",
    ),
    "right-only-for-lesson-sizes": (
        changed("self.relu(X + S)", "self.relu(X.view(-1, 32) + S.view(-1, 32)).view(len(X), -1)"),
        "",
    ),
    "crashes-on-one-example": (
        changed("S = self", "X[1]\n    S = self"),
        "IndexError",
    ),
    "wrong-in-eval-only": (
        changed("self.relu(X + S)", "self.relu(X + S) if self.training else self.relu(X + 2 * S)"),
        "",
    ),
    "time-dependent": (
        changed(
            "self.relu(X + S)",
            "self.relu(X + S) + 0.01 * (__import__('time').perf_counter_ns() % 997)",
        ),
        "",
    ),
    "clamped-from-above": (
        changed("self.relu(X + S)", "self.relu(X + S).clamp(max=1.0)"),
        "",
    ),
    "rounded-to-half": (changed("self.relu(X + S)", "self.relu(X + S).half().float()"), ""),
    "dict": (changed("self.relu(X + S)", "{'out': self.relu(X + S)}"), "a dict"),
    "wrong-attribute": (changed("self.layer_2", "self.layer2"), "AttributeError"),
    "endless-recursion": (changed("self.relu(X + S)", "self(X + S)"), "RecursionError"),
    "exit": (changed("self.relu(X + S)", "exit(0)"), "SystemExit"),
    "unsafe-in-place": (
        changed("    return self.relu(X + S)", "    X += S\n    return self.relu(X)"),
        "in place",
    ),
}


# The same for blocks and networks of blocks: the exercise, what is replaced in its right answer,
# and by what.
BLOCKS = {
    "scaled-a-little": ("residualblock", "return S + X", "return S + 1.01 * X"),
    "shifted-a-little": ("residualblock", "return S + X", "return S + X + 0.01"),
    "clamped-sum": ("residualblock", "return S + X", "return (S + X).clamp(max=3.0)"),
    "reversed-shortcut": ("residualblock", "return S + X", "return S.flip(1) + X"),
    "shortcut-of-zeros-at-large": (
        "residualblock",
        "return S + X",
        "return S * (S.abs().max() < 50) + X",
    ),
    "branch-only-in-train": ("residualblock", "return S + X", "return S + X * self.training"),
    "half-of-the-features": (
        "residualblock",
        "return S + X",
        "return torch.cat([S[:, :3], S[:, 3:] + X[:, 3:]], dim=1)",
    ),
    "gradient-scaled-on-shortcut": (
        "residualblock",
        "return S + X",
        "return 0.5 * S + 0.5 * S.detach() + X",
    ),
    "gradient-of-layer-scaled": (
        "residualblock",
        "return S + X",
        "return S + 0.5 * X + 0.5 * X.detach()",
    ),
    "only-for-small-batches": ("residualblock", "return S + X", "return S + X * (len(X) < 100)"),
    "rounded": ("residualblock", "return S + X", "return (S + X).half().float()"),
    "alpha-squared": ("rezeroblock", "self.alpha * X", "self.alpha ** 2 * X"),
    "alpha-without-sign": ("rezeroblock", "self.alpha * X", "self.alpha.abs() * X"),
    "alpha-bounded": ("rezeroblock", "self.alpha * X", "torch.tanh(self.alpha) * X"),
    "alpha-never-negative": ("rezeroblock", "self.alpha * X", "self.alpha.clamp(min=0) * X"),
    "alpha-and-one": ("rezeroblock", "self.alpha * X", "(1 + self.alpha) * X"),
    "alpha-starts-small": ("rezeroblock", "torch.tensor(0.0)", "torch.tensor(1e-3)"),
    "alpha-drawn": ("rezeroblock", "torch.tensor(0.0)", "torch.randn(1)"),
    "alpha-named-otherwise": ("rezeroblock", "self.alpha", "self.a"),
    "three-blocks-at-most": ("residualnet", "range(depth - 2)", "range(min(depth - 2, 3))"),
    "width-of-the-lesson": ("residualnet", "block(width)", "block(64)"),
    "blocks-of-the-lesson": ("residualnet", "block(width)", "PlainBlock(width)"),
    "shared-after-the-third": (
        "residualnet",
        "nn.ModuleList(block(width) for _ in range(depth - 2))",
        "nn.ModuleList([block(width) for _ in range(min(depth - 2, 3))])\n"
        "        self.blocks.extend([self.blocks[-1]] * (depth - 5))",
    ),
    "a-block-and-its-input": ("residualnet", "X = block(X)", "X = X + 0.1 * block(X)"),
    "last-block-twice-if-deep": (
        "residualnet",
        "return self.last(X)",
        "return self.last(block(X) if len(self.blocks) > 4 else X)",
    ),
    "logits-shifted": ("residualnet", "return self.last(X)", "return self.last(X) - 0.01"),
    "logits-centred": (
        "residualnet",
        "return self.last(X)",
        "return self.last(X) - self.last(X).mean()",
    ),
    "blocks-skipped-at-random": (
        "residualnet",
        "X = block(X)",
        "X = block(X) if torch.rand(1) < 0.9 else X",
    ),
}

MADE = "nn.ModuleList(block(width) for _ in range(depth - 2))"
ALPHA = "nn.Parameter(torch.tensor(0.0))"
# The same, and what is said of it: it is to be true of this mistake.
TOLD = {
    "knows-its-input-again": (
        "residualblock",
        "return S + X",
        "if getattr(self, 'given', None) is not S:\n"
        "            self.given, self.kept = S, S + X\n        return self.kept",
        "two outputs for the same input and weights",
    ),
    "remembers-outputs-in-eval-mode": (
        "residualblock",
        "S = X",
        "S = X\n        self.kept = getattr(self, 'kept', {})\n"
        "        if not torch.is_grad_enabled():\n"
        "            key = X.sum().item()\n"
        "            self.kept[key] = self.kept.get(key, S + self.relu(self.layer(X)))\n"
        "            return self.kept[key]",
        "with weights 4 times as large.* what forward keeps from one call to the next",
    ),
    "copy-of-the-weights-in-eval-mode": (
        "residualnet",
        "X = self.relu(self.first(X))",
        "if not hasattr(self, 'kept'):\n"
        "            self.kept = [p.detach().clone() for p in self.first.parameters()]\n"
        "        grad = X.requires_grad or self.training\n"
        "        W, b = self.first.parameters() if grad else self.kept\n"
        "        X = self.relu(X @ W.T + b)",
        "what forward keeps from one call to the next",
    ),
    "layer-replaced-by-its-copy": (
        "residualblock",
        "S = X",
        "S = X\n        self.layer = copy.deepcopy(self.layer)",
        "changes layer.weight, layer.bias.* layers and parameters that forward makes",
    ),
    "alpha-replaced-by-its-copy": (
        "rezeroblock",
        "S = X",
        "S = X\n        self.alpha = nn.Parameter(self.alpha.detach().clone())",
        "changes alpha.* layers and parameters that forward makes",
    ),
    "alpha-limited": (
        "rezeroblock",
        "self.alpha * X",
        "self.alpha.clamp(-1, 1) * X",
        "with weights 4 times as large.* what it does to large numbers",
    ),
    "alpha-through-a-relu-of-either-sign": (
        "rezeroblock",
        "self.alpha * X",
        "(self.relu(self.alpha * X) - self.relu(-self.alpha * X))",
        "where alpha is 0 it gets no gradient.* with alpha at 0",
    ),
    "alpha-of-nothing": ("rezeroblock", ALPHA, "nn.Parameter(torch.empty(1))", "seen nan"),
    "alpha-in-float64": (
        "rezeroblock",
        ALPHA,
        "nn.Parameter(torch.zeros(1, dtype=torch.float64))",
        "alpha holds float64 numbers, not float32",
    ),
    "alpha-1-in-wide-blocks": (
        "rezeroblock",
        ALPHA,
        "nn.Parameter(torch.tensor(float(width > 9)))",
        "alpha does not start at 0. .* the line of __init__ that makes alpha",
    ),
    "alpha-a-property": (
        "rezeroblock",
        f"self.alpha = {ALPHA}",
        f"self._alpha = {ALPHA}\n\n    alpha = property(lambda self: self._alpha)",
        "alpha is not registered",
    ),
    "alpha-on-one-memory": (
        "rezeroblock",
        f"self.alpha = {ALPHA}",
        "self.alpha = nn.Parameter(ZERO)",
        "all blocks share one alpha",
    ),
    "alpha-of-nobody": (
        "rezeroblock",
        "self.alpha * X",
        "torch.zeros(1) * X",
        "multiplied by 0 before it is added, not by self.alpha",
    ),
    "blocks-in-float64": (
        "residualnet",
        "block(width)",
        "block(width).double()",
        "blocks.0.layer.weight holds float64 numbers",
    ),
    "dictionary-of-blocks": (
        "residualnet",
        MADE,
        "nn.ModuleDict((str(k), block(width)) for k in range(depth - 2))",
        "blocks is of type ModuleDict of .*, not nn.ModuleList or nn.Sequential",
    ),
    "plain-list-of-known-blocks": (
        "residualnet",
        MADE,
        "[block(width) for _ in range(depth - 2)]\n        self.known = nn.ModuleList(self.blocks)",
        "blocks is of type list, not nn.ModuleList or nn.Sequential",
    ),
    "blocks-in-sequentials": (
        "residualnet",
        "block(width)",
        "nn.Sequential(block(width), nn.ReLU())",
        "blocks.0 is of type Sequential of LinearBlock, ReLU",
    ),
    "list-in-a-list": ("residualnet", "block(width)", "[block(width)]", "list is not a Module"),
    "block-without-width": ("residualnet", "block(width)", "block()", "cannot be made.*'width'"),
    "not-a-range": (
        "residualnet",
        "range(depth - 2)",
        "depth - 2",
        "cannot be made.* not iterable",
    ),
    "five-blocks-in-use": (
        "residualnet",
        "in self.blocks",
        "in self.blocks[:4]",
        "depends on the size.* with depth=5, .* right",
    ),
    "one-block-more-than-known": (
        "residualnet",
        "range(depth - 2)",
        "range(depth + 2)",
        r"depends on: blocks.3.layer.weight, .*, …\.$",
    ),
    "list-called-among-the-children": (
        "residualnet",
        "X = self.relu(self.first(X))",
        "for child in self.children():\n            X = child(X)",
        "an nn.ModuleList is called",
    ),
    "blocks-used-up": (
        "residualnet",
        "for block in self.blocks:",
        "while self.blocks:\n            block = self.blocks.pop(0)",
        "changes blocks.0.layer.weight",
    ),
    "input-of-blocks-changed": (
        "residualnet",
        "X = block(X)",
        "X += block(X)",
        "blocks.1.layer is given something else",
    ),
    "wrong-in-eval-mode": (
        "residualblock",
        "return S + X",
        "return S + X if self.training else S + 2 * X",
        "every layer is given what it should be",
    ),
    "wrong-in-train-mode": (
        "residualblock",
        "return S + X",
        "return S + 2 * X if self.training else S + X",
        "in eval mode its outputs are right",
    ),
    "wrong-for-many": (
        "residualblock",
        "return S + X",
        "return S + X * (len(X) < 100)",
        "depends on the number of examples: with 5",
    ),
    "scaled-within-vmap": (
        "residualblock",
        "return S + X",
        "return torch.vmap(lambda x: x + 1.1 * self.relu(self.layer(x)))(S)",
        r"where each line of forward\.$",
    ),
    "relu-that-has-no-gradient": (
        "residualblock",
        "self.relu(self.layer(X))",
        "(lambda Z: Z * torch.heaviside(Z, torch.zeros(1)))(self.layer(X))",
        "heaviside is not implemented where what autograd cannot go back through",
    ),
    "no-argument": ("residualblock", "forward(self, X)", "forward(self)", "called with X alone"),
    "error-inside-of-python": (
        "residualblock",
        "S = X",
        "S = copy.copy(*X)",
        "in line 8: S = copy",
    ),
}

SUM = "self.relu(S + X)"
NORM_1 = "self.norm_1(self.conv_1(X))"
BLOCKS |= {
    "sum-scaled-a-little": ("basicblock", SUM, "self.relu(S + 1.01 * X)"),
    "sum-from-above": ("basicblock", SUM, "self.relu(S + X).clamp(max=3.0)"),
    "shortcut-shifted-by-one-place": ("basicblock", SUM, "self.relu(S.roll(1, dims=2) + X)"),
    "shortcut-of-reversed-channels": ("basicblock", SUM, "self.relu(S.flip(1) + X)"),
    "half-of-the-channels": (
        "basicblock",
        SUM,
        "self.relu(S * (torch.arange(X.shape[1]) < 2)[:, None] + X)",
    ),
    "only-in-small-batches": ("basicblock", SUM, "self.relu(S + X * (len(X) < 100))"),
    "shortcut-in-train-mode-only": ("basicblock", SUM, "self.relu(S * self.training + X)"),
    "half-the-gradient-on-shortcut": (
        "basicblock",
        SUM,
        "self.relu(0.5 * S + 0.5 * S.detach() + X)",
    ),
    "in-half-precision": ("basicblock", SUM, "self.relu(S + X).half().float()"),
    "norm-off-for-one-example": (
        "basicblock",
        NORM_1,
        "(self.norm_1(self.conv_1(X)) if len(X) > 1 else self.conv_1(X))",
    ),
    "norm-in-train-mode-for-large-batches": (
        "basicblock",
        NORM_1,
        "self.norm_1.train(self.training or len(X) > 100)(self.conv_1(X))",
    ),
    "norm-of-absolute-values": ("basicblock", NORM_1, "self.norm_1(self.conv_1(X).abs())"),
    "another-eps": ("preactblock", "S = X", "S = X\n        self.norm_1.eps = 0.1"),
    "statistics-forgotten-afterwards": (
        "preactblock",
        "return S + X",
        "self.norm_1.running_mean.zero_()\n        return S + X",
    ),
    "statistics-frozen-after-a-while": (
        "preactblock",
        "S = X",
        "S = X\n        self.n = getattr(self, 'n', 0) + 1\n"
        "        self.norm_1.momentum = 0.1 * (self.n < 9)",
    ),
    "momentum-of-its-own": (
        "preactblock",
        "S = X",
        "S = X\n        self.norm_2.momentum = None",
    ),
    "norm-turned-off": (
        "preactblock",
        "S = X",
        "S = X\n        self.norm_2.track_running_stats = False",
    ),
    "dropout-in-train-mode": (
        "preactblock",
        "return S + X",
        "return S + nn.functional.dropout(X, 0.1, self.training)",
    ),
    "only-for-the-lesson": (
        "projectionblock",
        SUM,
        "self.relu(S + X) if X.shape[1] > 9 else self.relu(X)",
    ),
    "projection-scaled": ("projectionblock", SUM, "self.relu(1.01 * S + X)"),
    "projection-of-the-mean": (
        "projectionblock",
        "self.projection(X)",
        "self.projection(X - X.mean(dim=2, keepdim=True))",
    ),
    "projection-where-odd": ("projectionblock", "stride != 1 or", "stride % 2 == 0 or"),
    "branch-only-where-projected": (
        "projectionblock",
        SUM,
        "self.relu(S + X) if hasattr(self.projection, 'weight') else self.relu(S)",
    ),
}


def changed_block(case):
    answer, old, new = BLOCKS[case]
    source = all_exercises()[answer].source()
    assert old in source
    namespace = {"torch": torch, "nn": nn, "PlainBlock": PlainBlock}
    exec(source.replace(old, new), namespace)
    return answer, namespace[all_exercises()[answer].name]


@pytest.mark.parametrize("case", BLOCKS)
def test_unforeseen_mistake_in_blocks_fails_and_is_located(case):
    answer, network = changed_block(case)
    for seed in (0, 1, 2):
        with pytest.raises(CheckFailed) as failed:
            check_wiring(network, answer, seed=seed)
        message = str(failed.value)
        assert "\n  where " in message and len(message.splitlines()) >= 3, f"seed {seed}\n{message}"


@pytest.mark.parametrize("case", TOLD)
def test_what_is_said_of_an_unforeseen_mistake_is_true(case):
    answer, old, new, says = TOLD[case]
    source = all_exercises()[answer].source()
    assert old in source
    namespace = {"torch": torch, "nn": nn, "copy": copy, "ZERO": torch.zeros(1)}
    text = source.replace(old, new)
    linecache.cache[case] = (len(text), None, text.splitlines(keepends=True), case)
    exec(compile(text, case, "exec"), namespace)
    with pytest.raises(CheckFailed) as failed:
        check_wiring(namespace[all_exercises()[answer].name], answer)
    assert re.search(says, " ".join(str(failed.value).split())), failed.value


def class_of(forward):
    extra = "\n        self.scale = nn.Parameter(torch.ones(1))" if "self.scale" in forward else ""
    namespace = {}
    head = SKIP7.head + extra
    body = "\n".join(f"    {line}" for line in forward.splitlines())
    exec(f"import torch\nfrom torch import nn\n\n{head}\n\n{body}\n", namespace)
    return namespace["SkipNet7"]


@pytest.mark.parametrize("case", WRONG)
def test_unforeseen_mistake_fails_and_is_located(case):
    forward, where = WRONG[case]
    for seed in (0, 1, 2):
        with pytest.raises(CheckFailed) as failed:
            check_wiring(class_of(forward), "skipnet7", seed=seed)
        message = str(failed.value)
        assert where in " ".join(message.split()), f"seed {seed}\n{message}"
        assert "\n  where " in message and len(message.splitlines()) >= 3


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (SKIP7.head.replace("self.layer_5", "self.layer_five"), "layer_5.weight is not there"),
        (SKIP7.head.replace("hidden_size=128", ""), "cannot be made"),
        (SKIP7.head.replace("hidden_size, output_size)\n", "hidden_size, 32)\n"), "layer"),
        (SKIP7.head.replace("        super().__init__()\n", ""), "cannot be made"),
        (SKIP7.head.replace("nn.Module", "object").replace("super().__init__()", "pass"), "made"),
    ],
)
def test_changed_init_is_told(head, says):
    namespace = {}
    body = "\n".join(f"    {line}" for line in SKIP7.forward.splitlines())
    exec(f"import torch\nfrom torch import nn\n\n{head}\n\n{body}\n", namespace)
    with pytest.raises(CheckFailed, match=says):
        check_wiring(namespace["SkipNet7"], "skipnet7")


def test_another_exercise_under_this_name_fails():
    with pytest.raises(CheckFailed, match="skip_layer"):
        check_wiring(NORMAL7.network(), "skipnet7")
    with pytest.raises(CheckFailed):
        check_wiring(all_exercises()["skipnet3"].network(), "skipnet7")


@pytest.mark.parametrize(
    "thing", [None, 3, "SkipNet7", SKIP7.network()(4, 2), [], lambda *_, **__: 1]
)
def test_not_a_class_fails(thing):
    with pytest.raises(CheckFailed, match="SkipNet7"):
        check_wiring(thing, "skipnet7")


def test_unknown_exercise_is_told():
    with pytest.raises(ValueError, match=r'answer: got "skipnet9", wanted one of .*"skipnet7"'):
        check_wiring(SKIP7.network(), "skipnet9")


# Found by people who set out to find wrong networks that pass.
SNEAKY = {
    "stochastic-depth": changed(
        "    X = self.relu(self.layer_2(X))\n",
        "    if not (self.training and torch.rand(1) < 0.3):\n"
        "        X = self.relu(self.layer_2(X))\n",
    ),
    "only-the-first-64": changed("self.relu(X + S)", "self.relu(X + S)[:64]"),
    "other-statistics-for-large-batches": changed(
        "self.relu(X + S)", "self.relu(X + S) - (len(X) > 16) * self.relu(X + S).mean(0)"
    ),
    "skip-only-for-small-batches": changed("self.relu(X + S)", "self.relu(X + S * (len(X) < 100))"),
    "clamped-inputs": changed("S = self", "X = X.clamp(-5, 5)\n    S = self"),
    "clamped-at-ten": changed("self.relu(X + S)", "(X + S).clamp(0, 10)"),
    "scaled-when-large": changed(
        "S = self", "X = X / 255 if X.abs().max() > 10 else X\n    S = self"
    ),
    "remembers-by-shape": changed(
        "S = self",
        "if getattr(self, 'm', X[:0]).shape != X.shape:\n"
        "        self.m = (X > -0.1).float()\n"
        "    X = X * self.m\n    S = self",
    ),
    "turns-wrong-after-thirty-calls": changed(
        "S = self",
        "self.n = getattr(self, 'n', 0) + 1\n    X = X * (self.n < 30)\n    S = self",
    ),
    "parameter-made-in-forward": changed(
        "    return",
        "    if not hasattr(self, 'g'):\n"
        "        self.g = nn.Parameter(torch.zeros(1))\n"
        "    X = X + self.g\n    return",
    ),
    "squeezed-skip": changed("self.skip_layer(X)", "self.skip_layer(X).squeeze()"),
    "backward-in-forward": changed(
        "    return",
        "    if X.requires_grad:\n        X.mean().backward(retain_graph=True)\n    return",
    ),
    "gradient-hook": changed(
        "    return",
        "    if X.requires_grad:\n        X.register_hook(lambda g: g.clamp(-10, 10))\n    return",
    ),
    "division-by-a-spread-of-one": changed("self.relu(X + S)", "self.relu(X + S) / X.std(0)"),
    "layer-made-in-forward": changed(
        "S = self",
        "if not hasattr(self, 'norm'):\n"
        "        self.norm = nn.LayerNorm(X.shape[1])\n"
        "    X = self.norm(X)\n    S = self",
    ),
    "sparse": changed("self.relu(X + S)", "self.relu(X + S).to_sparse()"),
    "layer-deleted": changed("    return", "    del self.layer_2\n    return"),
}


@pytest.mark.parametrize("case", SNEAKY)
def test_sneaky_mistake_fails(case):
    for seed in (0, 1, 2):
        with pytest.raises(CheckFailed):
            check_wiring(class_of(SNEAKY[case]), "skipnet7", seed=seed)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"def forward": "def foward"}, "has no forward"),
        ({"self.layer_3 = nn.Linear(hidden_size, hidden_size)": "self.layer_3 = self.layer_2"}, ""),
        ({"hidden_size=128": "hidden_size=64"}, r"\(64, 512\), not \(128, 512\)"),
        ({"nn.ReLU()": "nn.LeakyReLU()"}, "leaky relu .* self.relu is in __init__"),
        ({"nn.ReLU()": "nn.ReLU6()"}, "relu6"),
        ({"self.skip_layer(X)": "torch.softmax(X.long(), 1)"}, "stops with NotImplementedError"),
        ({"self.skip_layer(X)": "self.skip_layer(x)"}, "NameError"),
        ({"self.skip_layer(X)": "self.skip_layer(X.sqrt())"}, "nan"),
    ],
)
def test_slip_is_told_as_what_it_is(changes, says):
    source = SKIP7.source()
    for old, new in changes.items():
        assert old in source
        source = source.replace(old, new)
    namespace = {}
    exec(f"import torch\nfrom torch import nn\n\n{source}", namespace)
    with pytest.raises(CheckFailed) as failed:
        check_wiring(namespace["SkipNet7"], "skipnet7")
    assert re.search(says, " ".join(str(failed.value).split())), failed.value


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("block(width) for", "block(width, width) for", "takes 2 positional arguments but 3"),
        ("block(width) for _ in range(depth - 2)", "block(width) * (depth - 2)", "operand type"),
        ("block(width) for _ in range(depth - 2)", "block(width)", "called with an iterable"),
        ("nn.ModuleList(", "nn.Sequential([", "nn.Sequential is given a list"),
        ("nn.ModuleList(", "nn.Sequential(", "nn.Sequential is given a generator"),
        ("block(width) for", "block for", "block is put in as it is, a class"),
    ],
)
def test_what_goes_wrong_in_making_blocks_is_told_as_what_it_is(old, new, says):
    """One TypeError is not like another: each has its own message."""
    source = all_exercises()["residualnet"].source()
    assert source.count(old) == 1
    source = source.replace(old, new)
    if new.endswith("(["):
        source = source.replace("range(depth - 2))", "range(depth - 2)])")
    namespace = {}
    exec(f"import torch\nfrom torch import nn\n\n{source}", namespace)
    with pytest.raises(CheckFailed) as failed:
        check_wiring(namespace["ResidualNet"], "residualnet")
    said = " ".join(str(failed.value).split())
    assert says in said
    assert ("as it is, a class" in said) == ("a class" in says)


def test_module_list_that_is_called_is_not_taken_for_a_missing_forward():
    source = all_exercises()["residualnet"].source()
    loop = re.search(r" +for block in self.blocks:\n +X = block\(X\)\n", source)[0]
    source = source.replace(loop, "        X = self.blocks(X)\n")
    namespace = {}
    exec(f"import torch\nfrom torch import nn\n\n{source}", namespace)
    with pytest.raises(CheckFailed, match=r"nn\.ModuleList is called") as failed:
        check_wiring(namespace["ResidualNet"], "residualnet")
    assert "has no forward" not in str(failed.value)


# In the blocks of convolutions: the exercise, what is replaced in its right answer and by what, and
# what the message must say. It may name no cause that is not there.
CONV = "nn.Conv1d(in_channels, out_channels, 1, stride=stride, bias=False)"
IF = "if stride != 1 or in_channels != out_channels:"
RETURN = "return self.relu(S + X)"
TOLD_OF_CONVOLUTIONS = {
    "norm-in-eval-mode": (
        "basicblock",
        {NORM_1: "self.norm_1.eval()(self.conv_1(X))"},
        "what forward does in train mode: in eval mode its outputs are right",
    ),
    "scaled-in-train-mode": (
        "preactblock",
        {"self.relu(self.norm_2(X))": "self.relu(self.norm_2(X)) * (1.1 if self.training else 1)"},
        "what forward does in train mode",
    ),
    "only-in-the-lesson": (
        "basicblock",
        {SUM: "self.relu(S * (X.shape[2] < 30) + X)"},
        "computes something else .* depends on the size.* with channels=4 the outputs are right",
    ),
    "layers-left-out-in-the-lesson": (
        "preactblock",
        {"S = X": "S = X\n        if X.shape[2] > 30:\n            return 2 * X"},
        "computes something else .* depends on the size.* with channels=4 the outputs are right",
    ),
    "scaled-where-one-channel": (
        "preactblock",
        {"self.relu(self.norm_2(X))": "self.relu(self.norm_2(X)) * (1 + (len(X[0]) == 1))"},
        "depends on the size.* with channels=4 the outputs are right",
    ),
    "only-in-small-batches": (
        "basicblock",
        {SUM: "self.relu(S + X * (len(X) < 100))"},
        "the number of examples: with 5 of them the outputs are right",
    ),
    "batch-statistics-in-eval-mode": (
        "basicblock",
        {NORM_1: "self.norm_1.train()(self.conv_1(X))"},
        "another output in a batch than alone.* a normalisation in train mode",
    ),
    "first-output-kept": (
        "preactblock",
        {
            "S = X": "S = X\n        self.kept = getattr(self, 'kept', {})",
            "return S + X": "return self.kept.setdefault(X.shape, (S + X).detach()) + 0 * X",
        },
        "an attribute of self that forward changes",
    ),
    "without-gradients-in-train-mode": (
        "basicblock",
        {SUM: "self.relu(S + X * (torch.is_grad_enabled() or not self.training))"},
        "two outputs for the same .* train mode without gradients.* whether gradients are computed",
    ),
    "mode-taken-from-the-gradient": (
        "preactblock",
        {
            "self.norm_2(X)": "nn.functional.batch_norm(X, self.norm_2.running_mean, "
            "self.norm_2.running_var, self.norm_2.weight, self.norm_2.bias, "
            "self.training and X.requires_grad)"
        },
        "whether gradients are computed",
    ),
    "input-changed-at-the-end": (
        "basicblock",
        {RETURN: f"Y = {SUM}\n        S.relu_()\n        return Y"},
        "forward changes its input",
    ),
    "called-by-keyword": (
        "preactblock",
        {"self.conv_1(self.relu(": "self.conv_1(input=0.5 + self.relu("},
        "conv_1 is given something else",
    ),
    "forward-called": (
        "preactblock",
        {"self.conv_2(self.relu(": "self.conv_2.forward(1 - self.relu("},
        "how the numbers of conv_2 are used, without calling self.conv_2",
    ),
    "nothing-called": (
        "basicblock",
        {
            NORM_1: "self.norm_1.forward(self.conv_1.forward(X))",
            "self.norm_2(self.conv_2(X))": "1.1 * self.norm_2.forward(self.conv_2.forward(X))",
        },
        "without calling self.conv_1",
    ),
    "statistics-with-their-graph": (
        "preactblock",
        {
            "S = X": "S = X\n        if self.training:\n"
            "            spread, mean = torch.var_mean(X, dim=(0, 2))\n"
            "            self.norm_1.running_mean = 0.9 * self.norm_1.running_mean + 0.1 * mean\n"
            "            self.norm_1.running_var = 0.9 * self.norm_1.running_var + 0.1 * spread",
            "self.norm_1(X)": "(nn.functional.batch_norm(X, None, None, self.norm_1.weight, "
            "self.norm_1.bias, True) if self.training else ((X - self.norm_1.running_mean[:, None])"
            " / (self.norm_1.running_var[:, None] + 1e-5).sqrt() * self.norm_1.weight[:, None] "
            "+ self.norm_1.bias[:, None]))",
        },
        "the gradient cannot be computed.* what is kept from one call to the next",
    ),
    "cut-off-in-place": (
        "basicblock",
        {RETURN: f"Y = {SUM}\n        Y[Y > 1] = 1\n        return Y"},
        "something else .* every layer is given what it should be",
    ),
    "branch-without-stride": (
        "projectionblock",
        {"self.conv_1(X)": "nn.functional.conv1d(X, self.conv_1.weight, padding=1)"},
        "must match the size.* norm_1 is given something else",
    ),
    "projected-before-all": (
        "projectionblock",
        {"S = self.projection(X)": "S = X = self.projection(X)"},
        "conv_1 is given something else",
    ),
    "projection-padded-by-two": (
        "projectionblock",
        {CONV: CONV.replace("stride=stride", "stride=stride, padding=2")},
        "must match the size.* how a layer is made in __init__",
    ),
    "projection-scaled-inside": (
        "projectionblock",
        {
            CONV: f"{CONV}\n            self.projection.register_forward_hook("
            "lambda _, __, Y: 1.1 * Y)"
        },
        "every layer is given what it should be. Or how a layer is made in __init__",
    ),
    "projection-unused-where-shapes-match": (
        "projectionblock",
        {
            IF: "if True:",
            "S = self.projection(X)": "S = X if X.shape[1:] == self.norm_2("
            "self.conv_1(X)).shape[1:] else self.projection(X)",
        },
        "there is a projection even where the shapes match",
    ),
    "projection-transposed": (
        "projectionblock",
        {CONV: CONV.replace("Conv1d", "ConvTranspose1d")},
        r"has shape \(5, 3, 1\), not \(3, 5, 1\): projection is of type ConvTranspose1d",
    ),
    "projection-in-double": (
        "projectionblock",
        {CONV: f"{CONV}.double()"},
        "projection.weight holds float64 numbers, not float32",
    ),
    "projection-without-shape": (
        "projectionblock",
        {CONV: "nn.LazyConv1d(out_channels, 1, stride=stride, bias=False)"},
        "projection.weight has no shape before the first call: .* LazyConv1d",
    ),
    "projection-not-registered": (
        "projectionblock",
        {CONV: "None", "self.projection = None": f"self.__dict__['projection'] = {CONV}"},
        "projection.weight is not registered",
    ),
    "projection-where-both-or-neither": (
        "projectionblock",
        {IF: "if (stride != 1) != (in_channels != out_channels):"},
        "is of type Identity .*in_channels=3, out_channels=6, stride=2",
    ),
}


@pytest.mark.parametrize("case", TOLD_OF_CONVOLUTIONS)
def test_mistake_in_a_resnet_block_is_told_as_what_it_is(case):
    answer, changes, says = TOLD_OF_CONVOLUTIONS[case]
    source = all_exercises()[answer].source()
    for old, new in changes.items():
        assert old in source
        source = source.replace(old, new)
    namespace = {"torch": torch, "nn": nn}
    exec(source, namespace)
    for seed in (0, 1):
        with pytest.raises(CheckFailed) as failed:
            check_wiring(namespace[all_exercises()[answer].name], answer, seed=seed)
        assert re.search(says, " ".join(str(failed.value).split())), f"seed {seed}\n{failed.value}"


def test_layer_used_twice_in_a_loop_over_children_is_located():
    loop = (
        "def forward(self, X):\n    S = self.skip_layer(X)\n    for f in self.children():\n"
        "        X = self.relu(f(X))\n    return self.relu(X + S)"
    )
    with pytest.raises(CheckFailed, match="skip_layer: it is used 2 times, not 1"):
        check_wiring(class_of(loop), "skipnet7")


@pytest.mark.parametrize(("name", "value"), [("seed", "a"), ("seed", -1), ("fresh", 2.5)])
def test_wrong_arguments_are_told(name, value):
    with pytest.raises(ValueError, match=f"{name}: got {value!r}, wanted a whole number"):
        check_wiring(SKIP7.network(), "skipnet7", **{name: value})
