"""Lesson 3 asks for a residual block, a network of blocks, and a ReZero block.

The right `forward` of the three::

    def forward(self, X):                        # ResidualBlock
        return X + self.relu(self.layer(X))

    def forward(self, X):                        # ReZeroBlock
        return X + self.alpha * self.relu(self.layer(X))

    def forward(self, X):                        # ResidualNet
        X = self.relu(self.first(X))
        for block in self.blocks:
            X = block(X)
        return self.last(X)

The network is checked with blocks that are not the student's: a mistake in a block is no mistake
in the network.
"""

from __future__ import annotations

from skiplab.checks.challenge import Arguments, Size
from skiplab.checks.exercise import Exercise
from skiplab.checks.wrong_blocks import (
    Block,
    Net,
    block_head,
    block_misconceptions,
    net_head,
    net_misconceptions,
)

BLOCK_SIZES = (
    Size({"width": 8}, examples=5),
    Size({"width": 7}, examples=4, scale=100.0),
    Size({"width": 6}, examples=9, scale=0.01),
    Size({"width": 64}, examples=10),
)


def _net_size(depth: int, block: str, input_size: int, output_size: int, width: int) -> Arguments:
    return {
        "depth": depth,
        "block": block,
        "input_size": input_size,
        "output_size": output_size,
        "width": width,
    }


NET_SIZES = (
    Size(_net_size(5, "LinearBlock", 8, 8, 8), examples=6),
    Size(_net_size(4, "LinearBlock", 5, 3, 7), examples=9, scale=100.0),
    Size(_net_size(3, "LinearBlock", 4, 1, 6), examples=7, scale=0.01),
    Size({"depth": 30, "block": "PlainBlock"}, examples=9),  # the deepest, and the default sizes
)


def block_exercise(name: str, lesson: str, rezero: bool) -> Exercise:
    """Make the exercise of wiring a block with an identity shortcut.

    Args:
        name: the class's name.
        lesson: the lesson it belongs to.
        rezero: whether a learnable number, `alpha`, scales what is added to the input.

    Returns:
        The exercise, with its catalogue of misconceptions.
    """
    return Exercise(
        answer=name.lower(),
        name=name,
        lesson=lesson,
        head=block_head(name, rezero),
        forward=Block(rezero).right(),
        misconceptions=block_misconceptions(name, rezero),
        sizes=BLOCK_SIZES,
        input_shape=lambda arguments: (int(arguments["width"]),),
        output_shape="(examples, width)",
        writes_init=rezero,
        starts={"alpha": 0.0} if rezero else {},
    )


def net_exercise(name: str, lesson: str) -> Exercise:
    """Make the exercise of building a network of blocks.

    Args:
        name: the class's name.
        lesson: the lesson it belongs to.

    Returns:
        The exercise, with its catalogue of misconceptions.
    """
    return Exercise(
        answer=name.lower(),
        name=name,
        lesson=lesson,
        head=net_head(name),
        forward=Net().right(),
        misconceptions=net_misconceptions(name),
        sizes=NET_SIZES,
        input_shape=lambda arguments: (int(arguments.get("input_size", 40)),),
        writes_init=True,
    )
