"""Exercise of the example lesson, `5_example`: a highway layer.

Srivastava, Greff and Schmidhuber 2015 (1505.00387), section 2, equation 3. The right one::

    def forward(self, X):
        T = torch.sigmoid(self.gate(X))
        H = self.relu(self.layer(X))
        return T * H + (1 - T) * X
"""

from skiplab.checks.challenge import Size
from skiplab.checks.exercise import Exercise, Misconception
from skiplab.checks.wrong_forwards import Forward, general_mistakes

LESSON = "5_example"

# What the lesson gives: the class's text down to the line before `forward`.
HEAD = """
class HighwayLayer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, width)
        self.gate = nn.Linear(width, width)
        self.relu = nn.ReLU()
"""

# The right `forward` in three parts, so that mistakes can be written as edits of it.
RIGHT = Forward(
    first=["S = X", "T = torch.sigmoid(self.gate(X))"],
    steps=["X = self.relu(self.layer(X))"],
    last="return T * X + (1 - T) * S",
)

# All widths equal in the first, the lesson's own in the last. Keep `scale` at 2 or below here:
# from 4 on sigmoids saturate, and their gradients, next to nothing, round differently in each
# right way to write them. The check would then reject an answer for its rounding.
SIZES = (
    Size({"width": 8}, examples=5),
    Size({"width": 7}, examples=4, scale=2.0),
    Size({"width": 6}, examples=9, scale=0.01),
    Size({"width": 16}, examples=10),
)

OWN = (
    Misconception(
        name="gates-swapped",
        family="gates",
        mistake="the two gates are swapped: T is on the input, 1 - T on the layer",
        look="Where T is 1, the output should be the layer's, and the input should be gone.",
        forward=RIGHT.having(last="return (1 - T) * X + T * S"),
    ),
    Misconception(
        name="carry-ungated",
        family="gates",
        mistake="the input is added whole: nothing closes when the gate opens",
        look="What T lets through of the layer, it takes away from the input.",
        forward=RIGHT.having(last="return T * X + S"),
    ),
    Misconception(
        name="no-carry",
        family="no skip",
        mistake="the input is not carried past the layer",
        look="Where T is 0, the output should be the input.",
        forward=RIGHT.having(last="return T * X"),
        same=(RIGHT.having(last="return T * X + 0 * S"),),
    ),
)

EXERCISES = (
    Exercise(
        answer="highwaylayer",
        name="HighwayLayer",
        lesson=LESSON,
        head=HEAD,
        forward=RIGHT.right(),
        misconceptions=(
            *OWN,
            *general_mistakes(RIGHT, made="HighwayLayer(8)", first="layer", last="layer"),
        ),
        sizes=SIZES,
        input_shape=lambda arguments: (int(arguments["width"]),),
        output_shape="(examples, width)",
    ),
)
