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

from skiplab.checks.challenge import Size
from skiplab.checks.exercise import Exercise
from skiplab.checks.wrong_chains import Chain, misconceptions

SIZES = (
    Size({"input_size": 8, "output_size": 8, "hidden_size": 8}, examples=5),
    Size({"input_size": 5, "output_size": 3, "hidden_size": 7}, examples=4, scale=100.0),
    Size({"input_size": 4, "output_size": 1, "hidden_size": 6}, examples=7, scale=0.01),
    Size({"input_size": 512, "output_size": 32}, examples=9),  # and the default hidden_size
)


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
        rival=rival,
        loss_bound=0.22,
    )
