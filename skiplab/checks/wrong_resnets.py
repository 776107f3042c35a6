"""The mistakes people make in wiring the blocks of a ResNet: the catalogue of lesson 4."""

from __future__ import annotations

from skiplab.checks.exercise import Misconception
from skiplab.checks.wrong_forwards import OTHER_ACTIVATIONS, Forward, general_mistakes

PLUS = "Look at the plus in the diagram: what comes in, and what happens to the sum?"
SHORTCUT = "Follow the shortcut in the diagram from X to the plus: what stands on it?"
BRANCH = "Follow the branch in the diagram, step by step, and see what each step is given."
GRAPH = "Look for detach, .data, no_grad, .numpy() or .item() on the way."
INIT = "Look at __init__: when is the projection made, from how many channels to how many?"
MODE = "Call each normalisation as it is, self.norm_1(…): it knows the mode of the network."

PROJECTION = (
    "if stride != 1 or in_channels != out_channels:\n"
    "    self.projection = nn.Conv1d(in_channels, out_channels, 1, stride=stride, bias=False)\n"
    "else:\n"
    "    self.projection = nn.Identity()"
)


def resnet_head(name: str, projection: str = PROJECTION) -> str:
    """Return the part of a block's class down to `forward`; a student writes `projection`."""
    conv = "nn.Conv1d({}, {}, 3, {}padding=1, bias=False)"
    if name == "ProjectionBlock":
        made = "in_channels, out_channels, stride=1"
        first, channels = (
            conv.format("in_channels", "out_channels", "stride=stride, "),
            "out_channels",
        )
        more = projection.splitlines()
    else:
        made = channels = "channels"
        first, more = conv.format(channels, channels, ""), []
    second = conv.format(channels, channels, "")
    convs = [f"self.conv_1 = {first}", f"self.conv_2 = {second}"]
    norms = [f"self.norm_{k} = nn.BatchNorm1d({channels})" for k in (1, 2)]
    pairs = (
        zip(norms, convs, strict=True) if name == "PreActBlock" else zip(convs, norms, strict=True)
    )
    return "\n".join(
        [
            f"class {name}(nn.Module):",
            f"    def __init__(self, {made}):",
            "        super().__init__()",
            *(f"        {line}" for pair in pairs for line in pair),
            "        self.relu = nn.ReLU()",
            *(f"        {line}" for line in more),
        ]
    )


def _conv(k: int, X: str) -> str:
    return f"self.conv_{k}({X})"


def _norm(k: int, X: str) -> str:
    return f"self.norm_{k}({X})"


def _relu(X: str) -> str:
    return f"self.relu({X})"


class PostActivation(Forward):
    """The `forward` of a block with its second ReLU after the sum, and ways to make a wrong one."""

    shortcut = "X"
    # What each of the two steps does, as expressions to be put into one another.
    orders = ((_relu, _norm, _conv), (_norm, _conv))

    def __init__(self) -> None:
        """Write down the right one; S is the shortcut."""
        steps = [f"X = {self.step(k)}" for k in (1, 2)]
        super().__init__([f"S = {self.shortcut}"], steps, "return " + self.summed("S + X"))

    def summed(self, total: str) -> str:
        """Return what becomes of the sum."""
        return f"self.relu({total})"

    def of(self, template: str) -> str:
        """Return a `forward` that puts S and X together in another expression."""
        return self.having(last="return " + self.summed(template))

    def step(self, k: int, **instead: str) -> str:
        """Return one step of the branch, with `conv`, `norm` or `relu` written otherwise.

        Each is an expression with a {} for what it is given; "{}" leaves it out.
        """
        usual = {
            "conv": f"self.conv_{k}({{}})",
            "norm": f"self.norm_{k}({{}})",
            "relu": "self.relu({})",
        }
        expression = "X"
        for part in reversed(self.orders[k - 1]):
            name = part.__name__.strip("_")
            expression = instead.get(name, usual[name]).format(expression)
        return expression

    def having_step(self, k: int, **instead: str) -> str:
        """Return a `forward` with one step of the branch written otherwise, as in `step`."""
        return self.having(self.at(k, f"X = {self.step(k, **instead)}"))

    def having_both(self, **instead: str) -> str:
        """Return a `forward` with both steps written otherwise; "{k}" is 1 or 2 in it."""
        steps = []
        for k in (1, 2):
            mine = {name: text.replace("{k}", str(k)) for name, text in instead.items()}
            steps.append(f"X = {self.step(k, **mine)}")
        return self.having(steps)


class Projected(PostActivation):
    """The same with a projection on the shortcut."""

    shortcut = "self.projection(X)"


class PreActivation(PostActivation):
    """The `forward` of a pre-activation block, and ways to make a wrong one."""

    orders = ((_conv, _relu, _norm), (_conv, _relu, _norm))

    def summed(self, total: str) -> str:
        """Return what becomes of the sum: nothing."""
        return total


KINDS: dict[str, type[PostActivation]] = {
    "BasicBlock": PostActivation,
    "ProjectionBlock": Projected,
    "PreActBlock": PreActivation,
}


def resnet_misconceptions(name: str) -> tuple[Misconception, ...]:
    """List the wrong ways to wire a block of a ResNet, those that more likely are meant first.

    Args:
        name: the class's name, one of `KINDS`.
    """
    block = KINDS[name]()
    pre = name == "PreActBlock"
    size = "(8, 16, 2)" if name == "ProjectionBlock" else "(8)"
    return (
        *(_projection_mistakes(block, name) if name == "ProjectionBlock" else ()),
        *(_pre_activation_mistakes(block) if pre else _post_activation_mistakes(block)),
        *_shortcut_mistakes(block, pre),
        *_activation_mistakes(block, pre),
        *_layer_mistakes(block),
        *_norm_mistakes(block),
        *_gradient_mistakes(block),
        *general_mistakes(block, name + size, "conv_1", "conv_2", convolutional=True),
    )


def _projection_mistakes(f: PostActivation, name: str) -> list[Misconception]:
    """The projection missing, made wrongly, or made where there should be none."""
    right = f.right()
    conv = "nn.Conv1d(in_channels, out_channels, 1, stride=stride, bias=False)"

    def init(projection: str, before: str = "") -> str:
        return before + resnet_head(name, projection)

    def instead(
        projection: str, condition: str = "stride != 1 or in_channels != out_channels"
    ) -> str:
        """Make the projection otherwise, or under another condition."""
        changed = PROJECTION.replace(conv, projection)
        return init(changed.replace("stride != 1 or in_channels != out_channels", condition))

    grow = "Ask whether the channels change, not whether they grow. " + INIT
    matches = "Where stride is 1 and the channels stay, the shortcut is the input itself. "
    plain = "self.projection is the convolution itself, or nn.Identity(). " + SHORTCUT
    return [
        Misconception(
            "identity-always",
            "projection missing",
            "self.projection is nn.Identity() even where the shape changes",
            INIT,
            right,
            head=init("self.projection = nn.Identity()"),
        ),
        Misconception(
            "no-projection",
            "projection missing",
            "there is no self.projection",
            "It is made in __init__, under this very name.",
            right,
            head=init("pass"),
            same=(f.having(first=["S = X"]),),
        ),
        Misconception(
            "projection-when-channels-change",
            "projection missing",
            "there is a projection only where the channels change, not where the stride alone "
            "changes the length",
            "There are two ways for a shape to change. " + INIT,
            right,
            head=instead(conv, "in_channels != out_channels"),
        ),
        Misconception(
            "projection-when-strided",
            "projection missing",
            "there is a projection only where the stride is not 1, not where the channels alone "
            "change",
            "There are two ways for a shape to change. " + INIT,
            right,
            head=instead(conv, "stride != 1"),
        ),
        Misconception(
            "projection-when-both",
            "projection missing",
            "there is a projection only where both the stride and the channels change the shape",
            "One of the two is enough: or, not and. " + INIT,
            right,
            head=instead(conv, "stride != 1 and in_channels != out_channels"),
        ),
        Misconception(
            "projection-when-stride-2",
            "projection missing",
            "there is no projection for a stride of 3: only one of 2 is thought of",
            "Ask whether the stride changes the length, not whether it is 2.",
            right,
            head=instead(conv, "stride == 2 or in_channels != out_channels"),
        ),
        Misconception(
            "projection-when-more-channels",
            "projection missing",
            "there is no projection where the channels alone become fewer: only more are thought "
            "of",
            grow,
            right,
            head=instead(conv, "stride != 1 or in_channels < out_channels"),
        ),
        Misconception(
            "projection-when-fewer-channels",
            "projection missing",
            "there is no projection where the channels alone become more: only fewer are thought "
            "of",
            grow,
            right,
            head=instead(conv, "stride != 1 or in_channels > out_channels"),
        ),
        Misconception(
            "projection-when-more-channels-or-stride-2",
            "projection missing",
            "there is no projection for a stride of 3, nor where the channels become fewer",
            "Ask whether the stride is 1, and whether the channels stay.",
            right,
            head=instead(conv, "stride == 2 or in_channels < out_channels"),
        ),
        Misconception(
            "projection-only-when-more-channels",
            "projection missing",
            "there is a projection only where the channels become more",
            "There are two ways for a shape to change. " + grow,
            right,
            head=instead(conv, "in_channels < out_channels"),
        ),
        Misconception(
            "projection-only-when-stride-2",
            "projection missing",
            "there is a projection only where the stride is 2",
            "There are two ways for a shape to change, and other strides than 2. " + INIT,
            right,
            head=instead(conv, "stride == 2"),
        ),
        Misconception(
            "projection-and-identity-swapped",
            "projection missing",
            "the convolution is made where the shapes match, and nn.Identity() where they do not",
            "Read the condition aloud: when does the shape change?",
            right,
            head=instead(conv, "stride == 1 and in_channels == out_channels"),
        ),
        Misconception(
            "projection-always",
            "projection where shapes match",
            "there is a projection even where the shapes match, and the input could be added as "
            "it is",
            matches + INIT,
            right,
            head=init(f"self.projection = {conv}"),
        ),
        Misconception(
            "projection-without-stride",
            "projection of the wrong stride",
            "the projection has stride 1 whatever the block's stride is: its result is too long",
            "The shortcut must become as short as the branch.",
            right,
            head=instead(conv.replace("stride=stride, ", "")),
        ),
        Misconception(
            "projection-with-stride-2",
            "projection of the wrong stride",
            "the projection has stride 2 whatever the block's stride is",
            "The stride is an argument of __init__.",
            right,
            head=instead(conv.replace("stride=stride", "stride=2")),
        ),
        Misconception(
            "projection-padded",
            "projection made wrongly",
            "the projection is padded, so it gives more places than the branch",
            "A convolution of size 1 looks at no neighbours: what would padding be for? " + INIT,
            right,
            head=instead(conv.replace("1, stride", "1, padding=1, stride")),
        ),
        Misconception(
            "identity-not-made",
            "projection made wrongly",
            "where the shapes match, self.projection is the class nn.Identity, not a module of it",
            "A layer is made by calling its class, with parentheses. Look at __init__.",
            right,
            head=init(PROJECTION.replace("nn.Identity()", "nn.Identity")),
        ),
        Misconception(
            "projection-of-three",
            "projection made wrongly",
            "the projection looks at three places at once; it should project each place on its own",
            "Look at the size of its kernel.",
            right,
            head=instead(conv.replace(", 1, stride=stride", ", 3, stride=stride, padding=1")),
        ),
        Misconception(
            "projection-with-bias",
            "projection made wrongly",
            "the projection has a bias, which the exercise leaves out",
            "A convolution brings a bias unless it is told not to: bias=False.",
            right,
            head=instead(conv.replace(", bias=False", "")),
        ),
        Misconception(
            "projection-backwards",
            "projection made wrongly",
            "the projection goes from out_channels to in_channels",
            INIT,
            right,
            head=instead(conv.replace("in_channels, out_channels", "out_channels, in_channels")),
        ),
        Misconception(
            "projection-linear",
            "projection made wrongly",
            "the projection is a linear layer, where a convolution of size 1 is asked for",
            "A linear layer works on the last dimension, the length. A convolution of size 1 works "
            "on the channels, at each place.",
            right,
            head=instead("nn.Linear(in_channels, out_channels, bias=False)"),
        ),
        Misconception(
            "projection-in-two-dimensions",
            "projection made wrongly",
            "the projection is a convolution for pictures, Conv2d, where signals have one "
            "dimension",
            "See how conv_1 is made.",
            right,
            head=instead(conv.replace("Conv1d", "Conv2d")),
        ),
        Misconception(
            "projection-of-each-channel",
            "projection made wrongly",
            "the projection scales each channel on its own: it has groups",
            INIT,
            right,
            head=instead(conv.replace("bias=False", "bias=False, groups=in_channels")),
        ),
        Misconception(
            "projection-normalised",
            "normalisation",
            "the projection is followed by a batch normalisation of its own",
            "Widely used code does that; equation 2, and this exercise, do not. " + plain,
            right,
            head=instead(f"nn.Sequential({conv}, nn.BatchNorm1d(out_channels))"),
        ),
        Misconception(
            "projection-and-relu",
            "activation on the skip path",
            "the projection is followed by a ReLU",
            plain,
            right,
            head=instead(f"nn.Sequential({conv}, nn.ReLU())"),
        ),
        Misconception(
            "projection-wrapped",
            "projection made wrongly",
            "self.projection is a container with the convolution in it, where the convolution "
            "itself is asked for",
            plain,
            right,
            head=instead(f"nn.Sequential({conv})"),
        ),
        Misconception(
            "pooled-shortcut",
            "projection made wrongly",
            "the shortcut is shortened by pooling, where a projection is asked for",
            INIT,
            right,
            head=instead("nn.AvgPool1d(stride)"),
        ),
        Misconception(
            "projection-in-a-list",
            "projection made wrongly",
            "the projection is in a plain list, where no optimizer finds it",
            "self.projection is the convolution itself. " + INIT,
            f.having(first=["S = self.projection[0](X)"]),
            head=instead(f"[{conv}]"),
        ),
        Misconception(
            "projection-shared",
            "projection made wrongly",
            "all blocks share one projection",
            "What is made outside of __init__ is made once. " + INIT,
            right,
            head=init(
                "made = (in_channels, out_channels, stride)\n"
                "if stride != 1 or in_channels != out_channels:\n"
                "    if made not in MADE:\n"
                f"        MADE[made] = {conv}\n"
                "    self.projection = MADE[made]\n"
                "else:\n"
                "    self.projection = nn.Identity()",
                "MADE = {}\n\n\n",
            ),
        ),
        Misconception(
            "projection-frozen",
            "projection made wrongly",
            "the projection is not trained: requires_grad is off",
            INIT,
            right,
            head=init(PROJECTION + "\nself.projection.requires_grad_(False)"),
        ),
        Misconception(
            "projection-unused",
            "projection missing",
            "the projection is made, and not used: X itself is added",
            SHORTCUT,
            f.having(first=["S = X"]),
        ),
        Misconception(
            "projection-of-branch",
            "skip from the wrong tensor",
            "the projection is given the branch, where it should be given the input: "
            "X was overwritten",
            "Where X gets a new value, the input is gone: give the branch a name of its own.",
            f.having(first=[], last="return self.relu(X + self.projection(X))"),
        ),
        Misconception(
            "projection-of-relu",
            "activation on the skip path",
            "the input goes through a ReLU before it is projected",
            SHORTCUT,
            f.having(first=["S = self.projection(self.relu(X))"]),
        ),
        Misconception(
            "projection-twice",
            "added twice",
            "the projection is added, and the input as well",
            PLUS,
            f.having(["S = S + (X if X.shape == S.shape else 0)", *f.steps]),
        ),
        Misconception(
            "projection-only-if-needed-by-length",
            "projection missing",
            "the projection is used only where the length changes, not where the channels alone do",
            "nn.Identity() can be called, too: forward needs no if.",
            f.having(
                last="return self.relu(X + (S if S.shape[2] != given.shape[2] else given))",
                first=["given = X", *f.first],
            ),
        ),
        Misconception(
            "projection-detached",
            "detached path",
            "the projection gets no gradient: it cannot learn",
            GRAPH,
            f.having(
                first=[
                    "self.projection.requires_grad_(False)",
                    "S = self.projection(X)",
                    "self.projection.requires_grad_(True)",
                ]
            ),
        ),
    ]


def _post_activation_mistakes(f: PostActivation) -> list[Misconception]:
    """The second ReLU before the sum, missing, or elsewhere."""
    sign = "The branch may take away from the input: it ends with norm_2. " + PLUS
    return [
        Misconception(
            "no-last-relu",
            "last activation",
            "there is no ReLU after the sum",
            PLUS,
            f.having(last="return S + X"),
        ),
        Misconception(
            "relu-before-sum",
            "activation before the sum",
            "the second ReLU comes before the sum, on the branch, where it is asked for after it",
            sign,
            f.having(last="return S + self.relu(X)"),
        ),
        Misconception(
            "relu-before-and-after-sum",
            "activation before the sum",
            "the branch goes through one more ReLU before it is added",
            sign,
            f.having(last="return self.relu(S + self.relu(X))"),
        ),
        Misconception(
            "relu-on-skip-alone",
            "activation on the skip path",
            "the ReLU is on the shortcut, where it is asked for after the sum",
            SHORTCUT,
            f.having(last="return self.relu(S) + X"),
        ),
        Misconception(
            "pre-activation",
            "activation before the layer",
            "norm and ReLU come before the convolutions: that is the block of exercise 3",
            BRANCH,
            f.having(
                [
                    "X = self.conv_1(self.relu(self.norm_1(X)))",
                    "X = self.conv_2(self.relu(self.norm_2(X)))",
                ],
                "return S + X",
            ),
        ),
        Misconception(
            "pre-activation-and-relu",
            "activation before the layer",
            "norm and ReLU come before the convolutions, and a ReLU after the sum, too",
            BRANCH,
            f.having(
                [
                    "X = self.conv_1(self.relu(self.norm_1(X)))",
                    "X = self.conv_2(self.relu(self.norm_2(X)))",
                ],
            ),
        ),
        Misconception(
            "relu-before-norm",
            "activation before the layer",
            "the ReLU comes before norm_1, where it is asked for after it",
            BRANCH,
            f.having(f.at(1, "X = self.norm_1(self.relu(self.conv_1(X)))")),
        ),
        Misconception(
            "relu-before-first-conv",
            "activation before the layer",
            "the branch begins with a ReLU",
            BRANCH,
            f.having(f.at(1, "X = self.relu(self.norm_1(self.conv_1(self.relu(X))))")),
        ),
        Misconception(
            "norm-before-conv",
            "layer order",
            "each norm comes before its convolution, where it is asked for after it",
            BRANCH,
            f.having(
                ["X = self.relu(self.conv_1(self.norm_1(X)))", "X = self.conv_2(self.norm_2(X))"]
            ),
        ),
        Misconception(
            "norm-2-before-conv-2",
            "layer order",
            "norm_2 comes before conv_2, where it is asked for after it",
            BRANCH,
            f.having(f.at(2, "X = self.conv_2(self.norm_2(X))")),
        ),
        Misconception(
            "norm-2-after-sum",
            "added too early",
            "the input is added before norm_2, where it is asked for after it",
            PLUS,
            f.having(f.at(2, "X = self.conv_2(X)"), "return self.relu(self.norm_2(S + X))"),
        ),
        Misconception(
            "added-before-conv-2",
            "added too early",
            "the input is added after the first convolution and its ReLU, and not after the second",
            PLUS,
            f.having([f.steps[0] + " + S", f.steps[1]], "return self.relu(X)"),
        ),
        Misconception(
            "added-before-first-relu",
            "added too early",
            "the input is added before the first ReLU, and not after the second convolution",
            PLUS,
            f.having(
                ["X = self.relu(self.norm_1(self.conv_1(X)) + S)", f.steps[1]],
                "return self.relu(X)",
            ),
        ),
        Misconception(
            "added-in-both-halves",
            "added twice",
            "the input is added in the middle of the branch as well as at its end",
            PLUS,
            f.having([f.steps[0] + " + S", f.steps[1]]),
        ),
        Misconception(
            "skip-from-the-middle",
            "skip from the wrong tensor",
            "the shortcut begins in the middle of the branch, where it should begin at the input",
            SHORTCUT,
            f.having([f.steps[0], "S = X", f.steps[1]], first=[]),
        ),
        Misconception(
            "skip-after-conv-1",
            "skip from the wrong tensor",
            "the shortcut begins after conv_1 and norm_1, where it should begin at the input",
            SHORTCUT,
            f.having(["S = self.norm_1(self.conv_1(X))", "X = self.relu(S)", f.steps[1]], first=[]),
        ),
    ]


def _pre_activation_mistakes(f: PostActivation) -> list[Misconception]:
    """Norm and ReLU not in front of the convolutions, or on the shortcut, too."""
    front = "Norm, ReLU, convolution, and the same again: the branch ends with a convolution. "
    clear = "The shortcut takes the input as it came in. " + SHORTCUT
    post = [
        "X = self.relu(self.norm_1(self.conv_1(X)))",
        "X = self.norm_2(self.conv_2(X))",
    ]
    return [
        Misconception(
            "post-activation",
            "activation after the sum",
            "norm and ReLU come after the convolutions, and a ReLU after the sum: "
            "that is the block of exercise 1",
            front + BRANCH,
            f.having(post, "return self.relu(S + X)"),
        ),
        Misconception(
            "post-activation-without-last-relu",
            "activation after the sum",
            "norm and ReLU come after the convolutions, where they are asked for before them",
            front + BRANCH,
            f.having(post),
        ),
        Misconception(
            "conv-norm-relu",
            "activation after the sum",
            "norm and ReLU follow each convolution, where they are asked for before it",
            front + BRANCH,
            f.having([post[0], "X = self.relu(self.norm_2(self.conv_2(X)))"]),
        ),
        Misconception(
            "relu-after-sum",
            "activation after the sum",
            "the sum goes through a ReLU",
            "Nothing follows the plus: the output may be negative. " + PLUS,
            f.having(last="return self.relu(S + X)"),
        ),
        Misconception(
            "relu-after-branch",
            "activation doubled",
            "the branch ends with a ReLU, where it should end with a convolution",
            front + BRANCH,
            f.having(last="return S + self.relu(X)"),
        ),
        Misconception(
            "skip-after-norm-and-relu",
            "skip from the wrong tensor",
            "the shortcut begins after norm_1 and its ReLU, where it should begin at the input",
            clear,
            f.having(
                ["X = self.relu(self.norm_1(X))", "S = X", "X = self.conv_1(X)", f.steps[1]],
                first=[],
            ),
        ),
        Misconception(
            "skip-after-norm",
            "skip from the wrong tensor",
            "the shortcut begins after norm_1, where it should begin at the input",
            clear,
            f.having(["S = self.norm_1(X)", "X = self.conv_1(self.relu(S))", f.steps[1]], first=[]),
        ),
        Misconception(
            "skip-from-the-middle",
            "skip from the wrong tensor",
            "the shortcut begins after conv_1, where it should begin at the input",
            clear,
            f.having([f.steps[0], "S = X", f.steps[1]], first=[]),
        ),
        Misconception(
            "added-before-second-half",
            "added too early",
            "the input is added after conv_1, and not after conv_2",
            PLUS,
            f.having([f.steps[0] + " + S", f.steps[1]], "return X"),
        ),
        Misconception(
            "added-before-last-conv",
            "added too early",
            "the input is added before conv_2, where it is asked for after it",
            PLUS,
            f.having([f.steps[0], "X = self.conv_2(self.relu(self.norm_2(X)) + S)"], "return X"),
        ),
        Misconception(
            "added-in-both-halves",
            "added twice",
            "the input is added after each of the two convolutions",
            PLUS,
            f.having([f.steps[0] + " + S", f.steps[1]]),
        ),
        Misconception(
            "relu-before-norm",
            "activation before the layer",
            "each ReLU comes before its norm, where it is asked for after it",
            front + BRANCH,
            f.having(
                [
                    "X = self.conv_1(self.norm_1(self.relu(X)))",
                    "X = self.conv_2(self.norm_2(self.relu(X)))",
                ]
            ),
        ),
        Misconception(
            "relu-before-norm-1",
            "activation before the layer",
            "the first ReLU comes before norm_1, where it is asked for after it",
            front + BRANCH,
            f.having(f.at(1, "X = self.conv_1(self.norm_1(self.relu(X)))")),
        ),
        Misconception(
            "conv-before-relu",
            "layer order",
            "each convolution comes between its norm and its ReLU, where it is asked for after "
            "both",
            front + BRANCH,
            f.having(
                [
                    "X = self.relu(self.conv_1(self.norm_1(X)))",
                    "X = self.relu(self.conv_2(self.norm_2(X)))",
                ]
            ),
        ),
    ]


def _shortcut_mistakes(f: PostActivation, pre: bool) -> list[Misconception]:
    """The shortcut missing, with something on it, or put together wrongly with the branch."""
    found = [
        Misconception(
            "no-skip",
            "no skip",
            "there is no skip: nothing is added to what comes out of the branch",
            PLUS,
            f.of("X"),
            same=(f.of("X + 0 * S"),),
        ),
        Misconception(
            "skip-only",
            "skip only",
            "the branch is left out of the sum: its layers have no say in the output",
            PLUS,
            f.of("S"),
        ),
        Misconception(
            "branch-times-zero",
            "skip only",
            "the branch is multiplied by 0 before it is added",
            PLUS,
            f.of("S + 0 * X"),
        ),
        Misconception(
            "branch-on-skip",
            "skip from the wrong tensor",
            "the branch is added to itself: X was overwritten before it was added",
            "Where X gets a new value, the input is gone: give the branch a name of its own.",
            f.of("X + X"),
            same=(f.of("2 * X"),),
        ),
        *(
            Misconception(
                name,
                family,
                f"the shortcut goes through {label} before the addition",
                SHORTCUT,
                f.of(f"{expression} + X"),
            )
            for name, family, label, expression in (
                ("relu-on-skip", "activation on the skip path", "a ReLU", "self.relu(S)"),
                ("sigmoid-on-skip", "activation on the skip path", "a sigmoid", "torch.sigmoid(S)"),
                ("tanh-on-skip", "activation on the skip path", "a tanh", "torch.tanh(S)"),
                ("norm-1-on-skip", "normalisation", "norm_1", "self.norm_1(S)"),
                ("norm-2-on-skip", "normalisation", "norm_2", "self.norm_2(S)"),
                (
                    "layer-norm-on-skip",
                    "normalisation",
                    "a layer norm",
                    "F.layer_norm(S, S.shape[1:])",
                ),
                (
                    "new-norm-on-skip",
                    "normalisation",
                    "a batch normalisation of its own",
                    "F.batch_norm(S, None, None, training=True)",
                ),
                ("conv-2-on-skip", "projection on the skip path", "conv_2", "self.conv_2(S)"),
            )
            # In a pre-activation block these are other mistakes, which have their own names.
            if not (pre and name in ("norm-1-on-skip", "conv-2-on-skip"))
        ),
        Misconception(
            "conv-1-on-skip",
            "projection on the skip path",
            "the shortcut goes through conv_1",
            SHORTCUT,
            f.having(first=["S = self.conv_1(X)"]),
        ),
        Misconception(
            "norm-on-sum",
            "normalisation",
            "the sum is normalised once more",
            PLUS,
            f.having(last=f.end("F.layer_norm({0}, X.shape[1:])")),
        ),
        Misconception(
            "skip-twice",
            "added twice",
            "the shortcut is added twice",
            PLUS,
            f.of("S + X + S"),
            same=(f.of("2 * S + X"),),
        ),
        *(
            Misconception(
                name, "scaled", f"the {what} is scaled by one {part}", look, f.of(expression)
            )
            for name, what, part, look, expression in (
                ("skip-halved", "shortcut", "half", SHORTCUT, "0.5 * S + X"),
                ("skip-tenth", "shortcut", "tenth", SHORTCUT, "0.1 * S + X"),
                ("branch-halved", "branch", "half", PLUS, "S + 0.5 * X"),
                ("branch-tenth", "branch", "tenth", PLUS, "S + 0.1 * X"),
            )
        ),
        Misconception(
            "branch-twice",
            "added twice",
            "the branch is added twice",
            PLUS,
            f.of("S + X + X"),
            same=(f.of("S + 2 * X"),),
        ),
        Misconception(
            "branch-subtracted",
            "subtracted",
            "the branch is subtracted, not added",
            PLUS,
            f.of("S - X"),
        ),
        Misconception(
            "skip-subtracted",
            "subtracted",
            "the shortcut is subtracted, not added",
            PLUS,
            f.of("X - S"),
        ),
        Misconception(
            "multiplied",
            "multiplied",
            "shortcut and branch are multiplied, not added",
            PLUS,
            f.of("S * X"),
        ),
        Misconception(
            "averaged",
            "averaged",
            "shortcut and branch are averaged, not added",
            PLUS,
            f.of("(S + X) / 2"),
            same=(f.of("torch.stack([S, X]).mean(dim=0)"),),
        ),
        Misconception(
            "maximum",
            "max",
            "the larger of shortcut and branch is taken, where their sum is asked for",
            PLUS,
            f.of("torch.maximum(S, X)"),
        ),
        Misconception(
            "minimum",
            "max",
            "the smaller of shortcut and branch is taken, where their sum is asked for",
            PLUS,
            f.of("torch.minimum(S, X)"),
        ),
        Misconception(
            "concatenated",
            "concatenated",
            "shortcut and branch are put side by side, not added: there are twice as many channels",
            "That is DenseNet. " + PLUS,
            f.of("torch.cat([S, X], dim=1)"),
            same=(f.of("torch.hstack([S, X])"),),
        ),
        Misconception(
            "concatenated-over-length",
            "concatenated",
            "shortcut and branch are put one behind the other, not added: the signal is twice as "
            "long",
            PLUS,
            f.of("torch.cat([S, X], dim=2)"),
        ),
        Misconception(
            "concatenated-over-batch",
            "concatenated",
            "shortcut and branch are put one below the other, not added: there are twice as many "
            "examples",
            PLUS,
            f.of("torch.cat([S, X])"),
            same=(f.of("torch.vstack([S, X])"),),
        ),
        Misconception(
            "stacked",
            "concatenated",
            "shortcut and branch are stacked, not added",
            PLUS,
            f.of("torch.stack([S, X])"),
        ),
        Misconception(
            "skip-averaged-over-batch",
            "broadcasting",
            "the shortcut is averaged over the batch before it is added",
            "Look for mean or sum over the first dimension.",
            f.of("S.mean(dim=0) + X"),
        ),
        Misconception(
            "skip-of-first-example",
            "broadcasting",
            "the first example's shortcut is added to every example",
            "Look for an index such as [0], and for what is then broadcast over the batch.",
            f.of("S[0] + X"),
            same=(f.of("S[:1] + X"),),
        ),
        Misconception(
            "skip-averaged-over-length",
            "broadcasting",
            "the shortcut is averaged over the length before it is added",
            "Look for mean or sum over the last dimension.",
            f.of("S.mean(dim=2, keepdim=True) + X"),
        ),
        Misconception(
            "skip-summed-over-channels",
            "broadcasting",
            "the channels of the shortcut are summed before it is added",
            "Look for mean, sum or max over the second dimension.",
            f.of("S.sum(dim=1, keepdim=True) + X"),
        ),
        Misconception(
            "skip-of-first-channel",
            "broadcasting",
            "the first channel of the shortcut is added to every channel",
            "Look for an index, and for what is then broadcast over the channels.",
            f.of("S[:, :1] + X"),
        ),
        Misconception(
            "added-in-place",
            "input modified",
            "the branch is added to the input in place, so the input is lost to whoever gave it",
            "In place means that the tensor itself is changed: += does that, + makes a new one.",
            f.of("S.add_(X)"),
        ),
    ]
    return found


def _activation_mistakes(f: PostActivation, pre: bool) -> list[Misconception]:
    """ReLU missing, of another kind, or one too many."""
    found = [
        Misconception(
            "no-activation",
            "activation missing",
            "there is no ReLU at all"
            + ("" if pre else ", neither on the branch nor after the sum"),
            BRANCH,
            f.having_both(relu="{}")
            if pre
            else f.having(f.at(1, f"X = {f.step(1, relu='{}')}"), "return S + X"),
        ),
        Misconception(
            "no-relu-1",
            "activation missing",
            "the first ReLU of the branch is missing",
            BRANCH,
            f.having_step(1, relu="{}"),
        ),
        Misconception(
            "negated-relu",
            "activation of another kind",
            "the first ReLU is taken of minus what it should be given",
            BRANCH,
            f.having_step(1, relu="self.relu(-{})"),
        ),
    ]
    if pre:
        found.append(
            Misconception(
                "no-relu-2",
                "activation missing",
                "the second ReLU of the branch is missing",
                BRANCH,
                f.having_step(2, relu="{}"),
            )
        )
    for kind, template in OTHER_ACTIVATIONS.items():
        label = "clamping to [0, 1]" if kind == "clamp" else kind.replace("-", " ")
        look = "Look at what self.relu is in __init__, and at where it is used."
        both = (
            f.having_both(relu=template)
            if pre
            else f.having(
                f.at(1, f"X = {f.step(1, relu=template)}"), "return " + template.format("S + X")
            )
        )
        found += [
            Misconception(
                f"{kind}-activation",
                "activation of another kind",
                f"{label} is used where ReLU is asked for, both times",
                look,
                both,
            ),
            Misconception(
                f"{kind}-first",
                "activation of another kind",
                f"{label} is used where the first ReLU is asked for",
                look,
                f.having_step(1, relu=template),
            ),
        ]
        if pre:
            found += [
                Misconception(
                    f"{kind}-second",
                    "activation of another kind",
                    f"{label} is used where the second ReLU is asked for",
                    look,
                    f.having_step(2, relu=template),
                ),
                Misconception(
                    f"extra-{kind}",
                    "activation doubled",
                    f"the sum goes through {label}",
                    "Nothing follows the plus. " + PLUS,
                    f.having(last=f.end(template)),
                ),
            ]
        else:
            found.append(
                Misconception(
                    f"{kind}-last",
                    "activation of another kind",
                    f"{label} is used where the ReLU after the sum is asked for",
                    look,
                    f.having(last="return " + template.format("(S + X)")),
                )
            )
            if kind not in (
                "abs",
                "leaky-relu",
                "elu",
                "relu6",
                "clamp",
            ):  # no more than {kind}-last
                found.append(
                    Misconception(
                        f"extra-{kind}",
                        "activation doubled",
                        f"the output goes through {label} after the last ReLU",
                        PLUS,
                        f.having(last=f.end(template)),
                    )
                )
    found.append(
        Misconception(
            "extra-softmax",
            "activation doubled",
            "the output goes through a softmax",
            PLUS,
            f.having(last=f.end("torch.softmax({}, dim=1)")),
        )
    )
    return found


def _layer_mistakes(f: PostActivation) -> list[Misconception]:
    """A layer dropped, applied twice, exchanged for another; a new one made."""
    use = "Use the layers themselves, self.conv_1(…) and self.norm_1(…)."
    found = []
    for k, other in ((1, 2), (2, 1)):
        step = f"X = {f.step(k)}"
        weight = f"self.conv_{k}.weight"
        options = f"stride=self.conv_{k}.stride, padding=1"
        found += [
            Misconception(
                f"conv-{k}-dropped",
                "layer dropped",
                f"conv_{k} is left out",
                BRANCH,
                f.having_step(k, conv="{}"),
            ),
            Misconception(
                f"norm-{k}-dropped",
                "batch norm left out",
                f"norm_{k} is left out",
                BRANCH,
                f.having_step(k, norm="{}"),
            ),
            Misconception(
                f"step-{k}-dropped",
                "layer dropped",
                f"conv_{k} and norm_{k} are left out: the branch has one convolution, not two",
                BRANCH,
                f.having(f.at(k)),
            ),
            Misconception(
                f"conv-{k}-reused",
                "layer reused",
                f"conv_{k} is used where conv_{other} should be",
                BRANCH,
                f.having_step(other, conv=f"self.conv_{k}({{}})"),
            ),
            Misconception(
                f"norm-{k}-reused",
                "layer reused",
                f"norm_{k} is used where norm_{other} should be",
                BRANCH,
                f.having_step(other, norm=f"self.norm_{k}({{}})"),
            ),
            Misconception(
                f"step-{k}-reused",
                "layer reused",
                f"conv_{k} and norm_{k} are used where conv_{other} and norm_{other} should be",
                BRANCH,
                f.having_step(other, conv=f"self.conv_{k}({{}})", norm=f"self.norm_{k}({{}})"),
            ),
            Misconception(
                f"conv-{k}-twice",
                "layer applied twice",
                f"conv_{k} is applied twice in a row",
                BRANCH,
                f.having_step(k, conv=f"self.conv_{k}(self.conv_{k}({{}}))"),
            ),
            Misconception(
                f"norm-{k}-twice",
                "layer applied twice",
                f"norm_{k} is applied twice in a row",
                BRANCH,
                f.having_step(k, norm=f"self.norm_{k}(self.norm_{k}({{}}))"),
            ),
            Misconception(
                f"step-{k}-twice",
                "layer applied twice",
                f"conv_{k} and what goes with it are applied twice",
                BRANCH,
                f.having(f.at(k, step, step)),
            ),
            Misconception(
                f"weight-{k}-flipped",
                "layer order",
                f"the kernel of conv_{k} is used the wrong way round",
                use,
                f.having_step(k, conv=f"F.conv1d({{}}, {weight}.flip(2), {options})"),
            ),
            Misconception(
                f"no-shift-{k}",
                "bias ignored",
                f"the shift of norm_{k}, its bias, is left out",
                use,
                f.having_step(
                    k,
                    norm=f"F.batch_norm({{}}, self.norm_{k}.running_mean, "
                    f"self.norm_{k}.running_var, self.norm_{k}.weight, None, self.training)",
                ),
            ),
            Misconception(
                f"no-factor-{k}",
                "bias ignored",
                f"the factor of norm_{k}, its weight, is left out",
                use,
                f.having_step(
                    k,
                    norm=f"F.batch_norm({{}}, self.norm_{k}.running_mean, "
                    f"self.norm_{k}.running_var, None, self.norm_{k}.bias, self.training)",
                ),
            ),
            Misconception(
                f"frozen-conv-{k}",
                "detached path",
                f"conv_{k} itself gets no gradient, though what is before it does",
                GRAPH,
                f.having_step(
                    k,
                    conv=f"F.conv1d({{}}, {weight}.data, None, {options})",
                ),
            ),
        ]
    return [
        *found,
        Misconception(
            "no-norms",
            "batch norm left out",
            "neither of the normalisations is used",
            BRANCH,
            f.having_both(norm="{}"),
        ),
        Misconception(
            "convs-swapped",
            "layer order",
            "conv_1 and conv_2 are swapped",
            BRANCH,
            f.having(
                [
                    f"X = {f.step(1, conv='self.conv_2({})')}",
                    f"X = {f.step(2, conv='self.conv_1({})')}",
                ]
            ),
        ),
        Misconception(
            "norms-swapped",
            "layer order",
            "norm_1 and norm_2 are swapped",
            BRANCH,
            f.having(
                [
                    f"X = {f.step(1, norm='self.norm_2({})')}",
                    f"X = {f.step(2, norm='self.norm_1({})')}",
                ]
            ),
        ),
        Misconception(
            "halves-swapped",
            "layer order",
            "the second half of the branch comes first",
            BRANCH,
            f.having(
                [
                    f"X = {f.step(1, conv='self.conv_2({})', norm='self.norm_2({})')}",
                    f"X = {f.step(2, conv='self.conv_1({})', norm='self.norm_1({})')}",
                ]
            ),
        ),
        Misconception(
            "branch-twice-in-a-row",
            "layer applied twice",
            "the branch is run twice before the addition",
            BRANCH,
            f.having(f.steps * 2),
        ),
        Misconception(
            "new-layer",
            "a new layer made in forward",
            "forward makes a new convolution each time it is called, where conv_2 should be used",
            "Layers are made once, in __init__. A layer made in forward never learns.",
            f.having_step(2, conv="nn.Conv1d(X.shape[1], X.shape[1], 3, padding=1)({})"),
            numbers=False,
        ),
    ]


def _norm_mistakes(f: PostActivation) -> list[Misconception]:
    """Batch norm's mode or statistics mishandled, or another norm in its place."""
    call = (
        "F.batch_norm({{}}, self.norm_{{k}}.running_mean{copy}, self.norm_{{k}}.running_var{copy}, "
        "self.norm_{{k}}.weight, self.norm_{{k}}.bias, {mode}, {momentum})"
    )

    def called(mode: str = "self.training", copy: str = "", momentum: float = 0.1) -> str:
        text = call.format(mode=mode, copy=copy, momentum=momentum)
        return f.having_both(norm=text)

    family = "batch norm's mode mishandled"
    kept = "Every call of a normalisation in train mode counts. " + MODE
    return [
        Misconception(
            "norms-always-train",
            family,
            "the normalisations use the batch's own statistics in eval mode, too",
            MODE,
            called("True"),
            same=(
                f.having(first=["self.norm_1.train()", "self.norm_2.train()", *f.first]),
                f.having(first=["self.train()", *f.first]),
                f.having_both(
                    norm="F.batch_norm({}, None, None, self.norm_{k}.weight, "
                    "self.norm_{k}.bias, True)"
                ),
            ),
        ),
        Misconception(
            "norms-always-eval",
            family,
            "the normalisations use their running statistics in train mode, too",
            MODE,
            called("False"),
            same=(
                f.having(first=["self.norm_1.eval()", "self.norm_2.eval()", *f.first]),
                f.having(first=["self.eval()", *f.first]),
            ),
        ),
        Misconception(
            "modes-swapped",
            family,
            "the normalisations work in train mode as they should in eval mode, and the reverse",
            MODE,
            called("not self.training"),
        ),
        Misconception(
            "statistics-not-kept",
            family,
            "the normalisations do not keep running statistics in train mode",
            MODE,
            called(copy=".clone()"),
        ),
        Misconception(
            "statistics-of-last-batch",
            family,
            "the running statistics are those of the last batch alone: the momentum is 1",
            MODE,
            called(momentum=1.0),
        ),
        Misconception(
            "statistics-kept-faster",
            family,
            "the running statistics move too fast: the momentum is not that of the layers",
            MODE,
            called(momentum=0.5),
        ),
        Misconception(
            "statistics-kept-slower",
            family,
            "the running statistics move too slowly: the momentum is not that of the layers",
            MODE,
            called(momentum=0.01),
        ),
        Misconception(
            "statistics-reset",
            family,
            "the running statistics are thrown away in every call",
            "Look for reset_running_stats. " + MODE,
            f.having(
                first=[
                    "self.norm_1.reset_running_stats()",
                    "self.norm_2.reset_running_stats()",
                    *f.first,
                ]
            ),
        ),
        Misconception(
            "branch-computed-twice",
            family,
            "the branch is computed twice in one call, so its running statistics move twice",
            kept,
            f.having(
                ["given = X", *f.steps, "X = given", *f.steps],
            ),
        ),
        Misconception(
            "norm-1-computed-twice",
            family,
            "norm_1 is called once more on the way, so its running statistics move twice",
            kept,
            f.having_step(1, norm="[self.norm_1({}) for _ in range(2)][1]"),
        ),
        Misconception(
            "norm-2-computed-twice",
            family,
            "norm_2 is called once more on the way, so its running statistics move twice",
            kept,
            f.having_step(2, norm="[self.norm_2({}) for _ in range(2)][1]"),
        ),
        Misconception(
            "new-norms",
            "a new layer made in forward",
            "forward makes new normalisations each time it is called",
            "A layer made in forward never learns, and keeps no statistics. " + MODE,
            f.having_both(norm="nn.BatchNorm1d(self.norm_{k}.num_features)({})"),
            same=(f.having_both(norm="F.batch_norm({}, None, None, training=True)"),),
        ),
        Misconception(
            "layer-norms",
            "normalisation",
            "a layer norm is used where a batch norm is asked for",
            MODE,
            f.having_both(norm="(lambda Z: F.layer_norm(Z, Z.shape[1:]))({})"),
        ),
        Misconception(
            "instance-norms",
            "normalisation",
            "an instance norm is used where a batch norm is asked for",
            MODE,
            f.having_both(
                norm="F.instance_norm({}, weight=self.norm_{k}.weight, bias=self.norm_{k}.bias)"
            ),
        ),
    ]


def _gradient_mistakes(f: PostActivation) -> list[Misconception]:
    """The value is right, and the gradient does not get through."""
    inside = "\n".join(f"    {line}" for line in [*f.first, *f.steps, f.last])
    return [
        Misconception(
            "detached",
            "detached path",
            "the output is cut off from the weights: nothing gets any gradient",
            GRAPH,
            f.having(last=f.end("{}.detach()")),
            same=(
                f.having(last=f.end("{}.data")),
                f.having(last=f.end("torch.from_numpy({}.detach().numpy())")),
                f.having([], "with torch.no_grad():\n" + inside, []),
            ),
        ),
        Misconception(
            "input-detached",
            "detached path",
            "no gradient gets back to the input of the block",
            GRAPH,
            f.having(first=["X = X.detach()", *f.first]),
            same=(f.having(first=["X = X.data", *f.first]),),
        ),
        Misconception(
            "skip-detached",
            "detached path",
            "no gradient gets back through the shortcut",
            GRAPH,
            f.having(first=[*f.first, "S = S.detach()"]),
            same=(f.having(first=[*f.first, "S = torch.from_numpy(S.detach().numpy())"]),),
        ),
        Misconception(
            "branch-detached",
            "detached path",
            "no gradient gets through the branch: its layers cannot learn",
            GRAPH,
            f.having([*f.steps, "X = X.detach()"]),
            same=(
                f.having([*f.steps, "X = X.data"]),
                f.having(["with torch.no_grad():", *(f"    {step}" for step in f.steps)]),
            ),
        ),
        Misconception(
            "middle-detached",
            "detached path",
            "no gradient gets through the middle of the branch: its first half cannot learn",
            GRAPH,
            f.having([f.steps[0], "X = X.detach()", f.steps[1]]),
            same=(f.having(["with torch.no_grad():", f"    {f.steps[0]}", f.steps[1]]),),
        ),
        Misconception(
            "branch-input-detached",
            "detached path",
            "no gradient gets back to the input through the branch",
            GRAPH,
            f.having(["X = X.detach()", *f.steps]),
        ),
        Misconception(
            "frozen-norms",
            "detached path",
            "the normalisations get no gradient, though what is before them does",
            GRAPH,
            f.having_both(
                norm="F.batch_norm({}, self.norm_{k}.running_mean, self.norm_{k}.running_var, "
                "self.norm_{k}.weight.data, self.norm_{k}.bias.data, self.training)"
            ),
        ),
    ]
