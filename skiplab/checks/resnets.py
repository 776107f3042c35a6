"""Lesson 4 asks for three blocks of a ResNet: with an identity, with a projection, pre-activation.

The right `forward` of the three::

    def forward(self, X):                        # BasicBlock
        branch = self.relu(self.norm_1(self.conv_1(X)))
        branch = self.norm_2(self.conv_2(branch))
        return self.relu(branch + X)

    def forward(self, X):                        # ProjectionBlock: the same branch, and then
        return self.relu(branch + self.projection(X))

    def forward(self, X):                        # PreActBlock
        branch = self.conv_1(self.relu(self.norm_1(X)))
        branch = self.conv_2(self.relu(self.norm_2(branch)))
        return X + branch
"""

from __future__ import annotations

from skiplab.checks.challenge import Size
from skiplab.checks.exercise import Exercise
from skiplab.checks.wrong_resnets import KINDS, resnet_head, resnet_misconceptions

# Channels -> length of a signal; the lesson's own begin with 8 channels, 40 long. The others are
# long enough for a normalisation of a single example, after a stride of 3, too.
LENGTHS = {8: 40}
SHORT = 14

SIZES = (
    Size({"channels": 4}, examples=5),
    Size({"channels": 6}, examples=4, scale=100.0),
    Size({"channels": 1}, examples=7, scale=0.01),
    Size({"channels": 8}, examples=10),
)


def _projected(before: int, after: int, **stride: int) -> dict[str, int]:
    return {"in_channels": before, "out_channels": after, **stride}


PROJECTION_SIZES = (
    Size(_projected(4, 4, stride=2), examples=5),
    Size(_projected(5, 3), examples=7, scale=100.0),  # and the default stride
    Size(_projected(4, 4, stride=1), examples=6, scale=0.01),
    Size(_projected(5, 5, stride=3), examples=9),
    Size(_projected(3, 6, stride=2), examples=8),
    Size(_projected(2, 5), examples=7),
    Size(_projected(8, 16, stride=2), examples=10),
)


def resnet_exercise(name: str, lesson: str) -> Exercise:
    """Make the exercise of wiring a block of convolutions.

    Args:
        name: the class's name, one of `KINDS`.
        lesson: the lesson it belongs to.

    Returns:
        The exercise, with its catalogue of misconceptions.
    """
    projection = name == "ProjectionBlock"
    channels = "in_channels" if projection else "channels"
    shape = "(examples, out_channels, new length)" if projection else "(examples, channels, length)"
    return Exercise(
        answer=name.lower(),
        name=name,
        lesson=lesson,
        head=resnet_head(name),
        forward=KINDS[name]().right(),
        misconceptions=resnet_misconceptions(name),
        sizes=PROJECTION_SIZES if projection else SIZES,
        input_shape=lambda arguments: (
            int(arguments[channels]),
            LENGTHS.get(int(arguments[channels]), SHORT),
        ),
        output_shape=shape,
        writes_init=projection,
    )
