"""Lessons 1 and 2 ask for a chain of layers, with or without one long skip.

The right `forward` for three layers and a skip is::

    def forward(self, X):
        S = self.skip_layer(X)
        X = self.relu(self.layer_1(X))
        X = self.relu(self.layer_2(X))
        X = self.relu(self.layer_3(X))
        return self.relu(X + S)
"""

from __future__ import annotations

import torch

from skiplab.checks.challenge import Trial, Weights
from skiplab.checks.exercise import Exercise
from skiplab.checks.wrong_chains import Chain, misconceptions

SIZES = (
    {"input_size": 8, "output_size": 8, "hidden_size": 8},
    {"input_size": 5, "output_size": 3, "hidden_size": 7},
    {"input_size": 512, "output_size": 32, "hidden_size": 128},
)
EXAMPLES = (5, 4, 9)


def class_head(name: str, depth: int, skip: bool) -> str:
    """Return the part of the class that a lesson gives."""
    sizes = ["input_size", *["hidden_size"] * (depth - 1), "output_size"]
    layers = [
        f"        self.layer_{k + 1} = nn.Linear({sizes[k]}, {sizes[k + 1]})" for k in range(depth)
    ]
    if skip:
        layers.append("        self.skip_layer = nn.Linear(input_size, output_size)")
    return "\n".join(
        [
            f"class {name}(nn.Module):",
            "    def __init__(self, input_size, output_size, hidden_size=128):",
            "        super().__init__()",
            *layers,
            "        self.relu = nn.ReLU()",
        ]
    )


def draw_probes(trial: Trial) -> dict[str, Weights]:
    """Make weights that let one part of a chain speak at a time.

    All widths of the trial are equal. In "through layer_k" the layers after layer_k pass on what
    they get, and the skip is silent; in "skip alone" the last layer is silent.
    """
    depth = sum(name.startswith("layer_") and name.endswith(".weight") for name in trial.weights)
    width = trial.arguments["hidden_size"]
    identity, nothing = torch.eye(width), torch.zeros(width)
    probes = {}
    for k in range(1, depth + 1):
        weights = dict(trial.weights)
        for later in range(k + 1, depth + 1):
            weights |= {f"layer_{later}.weight": identity, f"layer_{later}.bias": nothing}
        if "skip_layer.weight" in weights:
            weights |= {"skip_layer.weight": 0 * identity, "skip_layer.bias": nothing}
        probes[f"through layer_{k}"] = weights
    if "skip_layer.weight" in trial.weights:
        silent = {f"layer_{depth}.weight": 0 * identity, f"layer_{depth}.bias": nothing}
        probes["skip alone"] = trial.weights | silent
    return probes


def locate(right: set[str], probes: list[str]) -> str:
    """Say which part of a chain is wrong, from the probes at which it is right."""
    deep = [probe for probe in probes if probe.startswith("through ")]
    for number, probe in enumerate(deep):
        if probe not in right:
            layer = probe.removeprefix("through ")
            here = f"at {layer} or at what is done with its output"
            if number == 0:
                return f"The values go wrong from the very start, {here}."
            before = deep[number - 1].removeprefix("through ")
            return f"Up to {before} and its ReLU the values are right; they go wrong {here}."
    if "skip alone" in probes and "skip alone" not in right:
        return "The deep path is right. What goes wrong is the skip path, or what is done with it."
    if "skip alone" in probes:
        return "Each path alone is right. What is wrong is how the two are put together."
    return ""


def chain_exercise(
    name: str, lesson: str, depth: int, skip: bool, rival: Exercise | None = None
) -> Exercise:
    """Make the exercise of wiring a chain.

    Args:
        name: the class's name.
        lesson: the lesson it belongs to.
        depth: number of layers.
        skip: whether one projection shortcut leads from the input to the output.
        rival: a network that it must out-train.

    Returns:
        The exercise, with its catalogue of misconceptions.
    """
    chain = Chain(depth, skip)
    return Exercise(
        answer=name.lower(),
        name=name,
        lesson=lesson,
        head=class_head(name, depth, skip),
        forward=chain.right(),
        misconceptions=misconceptions(name, depth, skip),
        sizes=SIZES,
        input_shape=lambda arguments: (arguments["input_size"],),
        examples=EXAMPLES,
        draw_probes=draw_probes,
        locate=locate,
        rival=rival,
        loss_bound=0.22,
    )
