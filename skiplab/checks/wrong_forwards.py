"""The wrong ways to write any `forward`: what the catalogues of all lessons share.

A wrong `forward` is written as an edit of the right one, so that every mistake exists for every
network.
"""

from __future__ import annotations

from textwrap import indent

from skiplab.checks.exercise import Misconception

OTHER_ACTIVATIONS = {
    "sigmoid": "torch.sigmoid({})",
    "tanh": "torch.tanh({})",
    "leaky-relu": "F.leaky_relu({})",
    "gelu": "F.gelu({})",
    "elu": "F.elu({})",
    "silu": "F.silu({})",
    "softplus": "F.softplus({})",
    "abs": "torch.abs({})",
    "relu6": "F.relu6({})",
    "clamp": "torch.clamp({}, 0, 1)",
}


def written(lines: list[str]) -> str:
    """Return a `forward` with these lines as its body."""
    return "def forward(self, X):\n" + indent("\n".join(lines), "    ")


class Forward:
    """The right `forward` as lines, and ways to make a wrong one of it.

    Attributes:
        first: what is done before the first layer, such as keeping the input.
        steps: from X to X, each a layer or a few; there is at least one.
        last: the line that returns the result.
    """

    def __init__(self, first: list[str], steps: list[str], last: str) -> None:
        """Write down the right one."""
        self.first = first
        self.steps = steps
        self.last = last

    def right(self) -> str:
        """Return the right `forward`."""
        return self.having()

    def having(
        self,
        steps: list[str] | None = None,
        last: str | None = None,
        first: list[str] | None = None,
    ) -> str:
        """Return a `forward` with some of its three parts replaced."""
        return written(
            [
                *(self.first if first is None else first),
                *(self.steps if steps is None else steps),
                self.last if last is None else last,
            ]
        )

    def at(self, k: int, *lines: str) -> list[str]:
        """Return the steps with the k-th, counted from 1, replaced by lines."""
        return [*self.steps[: k - 1], *lines, *self.steps[k:]]

    def end(self, template: str) -> str:
        """Return the last line with its value put into another expression."""
        return "return " + template.format(f"({self.last.removeprefix('return ')})")


def general_mistakes(
    f: Forward, made: str, first: str, last: str, convolutional: bool = False
) -> list[Misconception]:
    """Memory, randomness, other examples, the wrong kind of result, or side effects.

    Args:
        f: the right `forward`.
        made: an expression that makes such a network.
        first: the first layer's name.
        last: the last layer's name.
        convolutional: whether an example has channels and a length, and there are batch
            normalisations; else it has features, and there are none.
    """
    statistics = "The network asked for has no normalisation."
    modes = "Nothing in the network asked for depends on self.training."
    if convolutional:
        statistics = "The only normalisations are those of __init__, each used once."
        modes = "Only the normalisations depend on the mode, and they know it by themselves."
    # Where a normalisation follows, what is added before it may not show.
    before, after = (f.steps, []) if convolutional else (f.steps[:1], f.steps[1:])
    return [
        Misconception(
            "returns-none",
            "wrong kind of result",
            "forward returns None: it has no return, or nothing after it",
            "A function without return gives back None. See the last line of your forward.",
            f.having(last=f.last.replace("return ", "X = ")),
        ),
        Misconception(
            "returns-tuple",
            "wrong kind of result",
            "forward returns a tuple, not one tensor",
            "A comma after return makes a tuple. See the last line of your forward.",
            f.having(last=f.last + ",", first=f.first),
            same=(f.having(last=f.end("({}, X)")),),
        ),
        Misconception(
            "returns-list",
            "wrong kind of result",
            "forward returns a list, not one tensor",
            "See the last line of your forward.",
            f.having(last=f.end("[{}]")),
            same=(f.having(last=f.end("({}).tolist()")),),
        ),
        Misconception(
            "returns-array",
            "wrong kind of result",
            "forward returns a NumPy array, which carries no gradient",
            "Stay with tensors from the input to the output.",
            f.having(last=f.end("({}).detach().numpy()")),
        ),
        Misconception(
            "double",
            "wrong dtype",
            "the output is float64, the network's numbers are float32",
            "Look for .double() or a dtype that you set.",
            f.having(last=f.end("({}).double()")),
        ),
        Misconception(
            "half",
            "wrong dtype",
            "the output is float16, the network's numbers are float32",
            "Look for .half() or a dtype that you set.",
            f.having(last=f.end("({}).half()")),
        ),
        Misconception(
            "integer",
            "wrong dtype",
            "the output is rounded to whole numbers",
            "Look for .int(), .long() or a dtype that you set.",
            f.having(last=f.end("({}).long()")),
            same=(f.having(last=f.end("({}).to(torch.int64)")),),
        ),
        Misconception(
            "squeezed",
            "squeeze",
            "for a batch of one example the output loses its first dimension",
            "Look for squeeze. The output has one row for each example, for one example too.",
            f.having(last=f.end("({}).squeeze()")),
        ),
        Misconception(
            "flattened",
            "squeeze",
            "the output is one long row, where a row for each example is asked for",
            "Look for flatten, view or reshape.",
            f.having(last=f.end("({}).flatten()")),
            same=(f.having(last=f.end("({}).reshape(-1)")),),
        ),
        Misconception(
            "output-averaged-over-batch",
            "batch statistics",
            "the output is averaged over the examples of the batch",
            "Look for mean or sum over the first dimension.",
            f.having(last=f.end("({}).mean(dim=0, keepdim=True)")),
        ),
        Misconception(
            "batch-mean-subtracted",
            "batch statistics",
            "the mean over the batch is subtracted, so examples change each other's output",
            "Each example must be computed without looking at the others.",
            f.having(first=[*f.first, "X = X - X.mean(dim=0)"]),
        ),
        Misconception(
            "batch-normalised",
            "batch statistics",
            "batch statistics are used, so examples change each other's output",
            statistics,
            f.having(
                [
                    *f.steps[:1],
                    "X = (X - X.mean(dim=0)) / (X.std(dim=0, unbiased=False) + 1e-5)",
                    *f.steps[1:],
                ]
            ),
        ),
        Misconception(
            "first-example-for-all",
            "broadcasting",
            "every example gets the output of the first one",
            "Look for an index such as [0] or [:1], and for what is then broadcast over the batch.",
            f.having(
                last=f.end(
                    "({})[:1].repeat(len(X), 1, 1)"
                    if convolutional
                    else "({})[:1].expand(len(X), -1)"
                )
            ),
        ),
        Misconception(
            "noise",
            "randomness",
            "the same input gives another output each time, in eval mode, too: "
            "random numbers are at work",
            "Look for noise, or a dropout that is not told the mode. Nothing here is random.",
            f.having(
                last=f.end(
                    "{} + 0.1 * torch.randn(" + ("len(X), 1, 1)" if convolutional else "len(X), 1)")
                )
            ),
            same=(
                f.having([*before, "X = F.dropout(X, 0.5)", *after]),
                f.having([*before, "X = X + torch.rand(1)", *after]),
            ),
            numbers=False,
        ),
        Misconception(
            "dropout",
            "randomness",
            "in train mode the same input gives another output each time: "
            "there is a dropout, or something else that changes from call to call",
            "Nothing in the network asked for is random, and forward changes no attribute of self.",
            f.having([*before, "X = F.dropout(X, 0.5, self.training)", *after]),
            numbers=False,
        ),
        Misconception(
            "remembers",
            "state",
            "the output depends on what the network was fed before, on random numbers that are not "
            "PyTorch's, or on the time",
            "Look for attributes of self that forward changes (it should only read them), and for "
            "random, numpy.random and time.",
            f.having(
                first=["self.calls = getattr(self, 'calls', 0) + 1", *f.first],
                last=f.end("({}) * self.calls"),
            ),
            same=(
                f.having(
                    first=[
                        "self.seen = 0.9 * getattr(self, 'seen', 0.0) + 0.1 * X.detach().mean()",
                        *f.first,
                    ],
                    steps=[*before, "X = X - self.seen", *after],
                ),
            ),
            numbers=False,
        ),
        Misconception(
            "differs-in-eval",
            "state",
            "in eval mode the network computes something else than in train mode",
            modes,
            f.having(last=f.end("({}) * (1.0 if self.training else 0.5)")),
        ),
        Misconception(
            "input-overwritten",
            "input modified",
            "forward changes its input in place",
            "A name ending in an underscore, or -=, *= and the like, changes the tensor itself.",
            f.having(["X.mul_(0.5)", *f.steps]),
        ),
        Misconception(
            "input-relued-in-place",
            "input modified",
            "forward changes its input in place, with a ReLU",
            "A name ending in an underscore, or inplace=True, changes the tensor itself.",
            f.having(first=[*f.first, "X = torch.relu_(X)"]),
            same=(f.having(first=[*f.first, "X = F.relu(X, inplace=True)"]),),
        ),
        Misconception(
            "input-changed-afterwards",
            "input modified",
            "the output is right, but forward changes its input in place on the way",
            "A name ending in an underscore, or -=, *= and the like, changes the tensor itself.",
            f.having(
                first=["given = X", *f.first],
                last=f.last.replace("return ", "Y = ") + "\ngiven.data.zero_()\nreturn Y",
            ),
        ),
        Misconception(
            "weights-modified",
            "weights modified",
            "forward changes the weights of the network",
            "Training changes the weights; forward only uses them.",
            f.having(first=[f"self.{first}.weight.data.mul_(0.9)", *f.first]),
        ),
        Misconception(
            "weights-modified-afterwards",
            "weights modified",
            "the output is right, but forward changes the weights of the network on the way",
            "Training changes the weights; forward only uses them.",
            f.having(last=f"self.{last}.weight.data.mul_(0.9)\n" + f.last),
        ),
        Misconception(
            "global-network",
            "a global network used for self",
            "forward uses another network's layers, not its own",
            "Inside the class, the layers are reached through self: "
            f"self.{first}, not net.{first}.",
            f.right().replace("self.", "net.").replace("forward(net.", "forward(self."),
            after=f"net = {made}",
            numbers=False,
        ),
        Misconception(
            "returns-zeros",
            "scaled",
            "the output is zero whatever the input",
            "Look for a multiplication by 0, or for a result that is never used.",
            f.having(last=f.end("({}) * 0")),
            same=(f.having(last=f.end("torch.zeros_like({}) * X.sum()")),),
        ),
        Misconception(
            "output-scaled",
            "scaled",
            "the output is twice what it should be",
            "Look for a factor, or for something that is added twice.",
            f.having(last=f.end("2 * {}")),
            same=(f.having(last=f.end("{0} + {0}")),),
        ),
        Misconception(
            "output-negated",
            "subtracted",
            "the output has the wrong sign",
            "Look for a minus.",
            f.having(last=f.end("-{}")),
        ),
    ]
