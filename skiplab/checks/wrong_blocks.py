"""The mistakes people make in wiring a block and a network of blocks: the catalogue of lesson 3."""

from __future__ import annotations

from skiplab.checks.exercise import Misconception
from skiplab.checks.wrong_forwards import OTHER_ACTIVATIONS, Forward, general_mistakes

PLUS = "Look at the plus in the diagram: what comes in, and what happens to the sum?"
SHORTCUT = "Follow the shortcut in the diagram from X to the plus: there is nothing on it."
BRANCH = "Follow the branch in the diagram: X, the layer, the ReLU, the plus, in this order."
GRAPH = "Look for detach, .data, no_grad, .numpy() or .item() on the way."
INIT = "Look at __init__: what is made there, how often, and under which name?"

ALPHA = "nn.Parameter(torch.tensor(0.0))"
BLOCKS = "nn.ModuleList(block(width) for _ in range(depth - 2))"


def block_head(name: str, rezero: bool, alpha: str = f"self.alpha = {ALPHA}") -> str:
    """Return the part of a block's class down to `forward`; `alpha` is what a student writes."""
    return "\n".join(
        [
            f"class {name}(nn.Module):",
            "    def __init__(self, width):",
            "        super().__init__()",
            "        self.layer = nn.Linear(width, width)",
            "        self.relu = nn.ReLU()",
            *([f"        {line}" for line in alpha.splitlines()] if rezero else []),
        ]
    )


def net_head(name: str, blocks: str = f"self.blocks = {BLOCKS}") -> str:
    """Return the part of the network's class down to `forward`; a student writes `blocks`."""
    return "\n".join(
        [
            f"class {name}(nn.Module):",
            "    def __init__(self, depth, block, input_size=40, output_size=10, width=64):",
            "        super().__init__()",
            "        self.first = nn.Linear(input_size, width)",
            "        self.relu = nn.ReLU()",
            *[f"        {line}" for line in blocks.splitlines()],
            "        self.last = nn.Linear(width, output_size)",
        ]
    )


class Block(Forward):
    """A block's `forward`, and ways to make a wrong one of it."""

    def __init__(self, rezero: bool) -> None:
        """Write down the right one; S is the shortcut."""
        self.rezero = rezero
        self.added = "self.alpha * X" if rezero else "X"
        super().__init__(["S = X"], ["X = self.relu(self.layer(X))"], f"return S + {self.added}")

    def of(self, template: str) -> str:
        """Return a `forward` that gives S and what is added to it in another expression."""
        return self.having(last="return " + template.format(self.added))


def block_misconceptions(name: str, rezero: bool) -> tuple[Misconception, ...]:
    """List the wrong ways to wire a block, those that more likely are meant first.

    Args:
        name: the class's name.
        rezero: whether `alpha` scales what is added to the input.
    """
    block = Block(rezero)
    return (
        *(_alpha_mistakes(block, name) if rezero else ()),
        *_shortcut_mistakes(block, name),
        *_block_activation_mistakes(block),
        *_block_layer_mistakes(block),
        *_block_gradient_mistakes(block),
        *general_mistakes(block, f"{name}(64)", "layer", "layer"),
    )


def _shortcut_mistakes(f: Block, name: str) -> list[Misconception]:
    """The shortcut missing, with something on it, or put together wrongly with the branch."""
    a = f.added
    projection = block_head(name, f.rezero) + "\n        self.shortcut = nn.Linear(width, width)"
    found = [
        Misconception(
            "no-skip",
            "no skip",
            "there is no skip: the input is not added to what comes out of the layer",
            PLUS,
            f.of("{}"),
            same=(f.of("{} + 0 * S"),),
        ),
        Misconception(
            "skip-only",
            "skip only",
            "the output is the input: the layer has no say in it",
            PLUS,
            f.of("S"),
        ),
        Misconception(
            "branch-times-zero",
            "skip only",
            "what comes out of the layer is multiplied by 0 before it is added"
            + (", not by self.alpha" if f.rezero else ""),
            PLUS,
            f.of("S + 0 * {}"),
        ),
        Misconception(
            "relu-after-sum",
            "activation after the sum",
            "the ReLU comes after the sum, where it is asked for before it, on the branch",
            "That is the order of He et al. 2015, and another block. " + BRANCH,
            f.having(["X = self.layer(X)"], f"return self.relu(S + {a})"),
        ),
        Misconception(
            "relu-after-sum-too",
            "activation after the sum",
            "the sum goes through one more ReLU",
            "Nothing follows the plus: the output may be negative. " + PLUS,
            f.of("self.relu(S + {})"),
        ),
        Misconception(
            "relu-on-skip",
            "activation on the skip path",
            "the shortcut goes through a ReLU before the addition",
            SHORTCUT,
            f.of("self.relu(S) + {}"),
        ),
        Misconception(
            "relu-on-input",
            "activation on the skip path",
            "the input goes through a ReLU before anything else, which loses its negative part",
            "Look at what the layer and the shortcut are given.",
            f.having(first=["X = self.relu(X)", "S = X"]),
        ),
        Misconception(
            "sigmoid-on-skip",
            "activation on the skip path",
            "the shortcut goes through a sigmoid before the addition",
            SHORTCUT,
            f.of("torch.sigmoid(S) + {}"),
        ),
        Misconception(
            "norm-on-skip",
            "normalisation",
            "the shortcut is normalised before the addition",
            SHORTCUT,
            f.of("F.layer_norm(S, S.shape[1:]) + {}"),
        ),
        Misconception(
            "norm-on-branch",
            "normalisation",
            "the input of the layer is normalised, which this block does not do",
            BRANCH,
            f.having(["X = self.relu(self.layer(F.layer_norm(X, X.shape[1:])))"]),
        ),
        Misconception(
            "norm-on-layer",
            "normalisation",
            "the output of the layer is normalised, which this block does not do",
            BRANCH,
            f.having(["X = self.relu(F.layer_norm(self.layer(X), X.shape[1:]))"]),
        ),
        Misconception(
            "norm-on-sum",
            "normalisation",
            "the sum is normalised, which this block does not do",
            PLUS,
            f.of("F.layer_norm(S + {}, S.shape[1:])"),
        ),
        Misconception(
            "layer-on-skip",
            "projection on the skip path",
            "the shortcut goes through the layer, too",
            SHORTCUT,
            f.having(first=["S = self.layer(X)"]),
        ),
        Misconception(
            "block-on-skip",
            "projection on the skip path",
            "the shortcut goes through the layer and the ReLU, too: "
            "X was overwritten before it was added",
            "Where X gets a new value, the input is gone: give the shortcut a name of its own.",
            f.of("X + {}"),
        ),
        Misconception(
            "projection-on-skip",
            "projection on the skip path",
            "there is a layer of its own on the shortcut, where the shapes match already",
            "An identity shortcut has no parameters. " + SHORTCUT,
            f.having(first=["S = self.shortcut(X)"]),
            head=projection,
        ),
        Misconception(
            "skip-twice",
            "added twice",
            "the input is added twice",
            PLUS,
            f.of("S + {} + S"),
            same=(f.of("2 * S + {}"),),
        ),
        Misconception(
            "branch-twice",
            "added twice",
            "the branch is added twice",
            PLUS,
            f.of("S + {0} + {0}"),
            same=(f.of("S + 2 * {}"),),
        ),
        Misconception(
            "skip-halved",
            "scaled",
            "the shortcut is scaled by one half",
            SHORTCUT,
            f.of("0.5 * S + {}"),
        ),
        Misconception(
            "skip-tenth",
            "scaled",
            "the shortcut is scaled by one tenth",
            SHORTCUT,
            f.of("0.1 * S + {}"),
        ),
        Misconception(
            "branch-halved",
            "scaled",
            "the branch is scaled by one half",
            PLUS,
            f.of("S + 0.5 * {}"),
        ),
        Misconception(
            "branch-tenth",
            "scaled",
            "the branch is scaled by one tenth",
            PLUS,
            f.of("S + 0.1 * {}"),
        ),
        Misconception(
            "branch-subtracted",
            "subtracted",
            "the branch is subtracted from the input, not added to it",
            PLUS,
            f.of("S - {}"),
        ),
        Misconception(
            "skip-subtracted",
            "subtracted",
            "the input is subtracted from the branch, not added to it",
            PLUS,
            f.of("{} - S"),
        ),
        Misconception(
            "multiplied",
            "multiplied",
            "the input and the branch are multiplied, not added",
            PLUS,
            f.of("S * {}"),
        ),
        Misconception(
            "averaged",
            "averaged",
            "the input and the branch are averaged, not added",
            PLUS,
            f.of("(S + {}) / 2"),
            same=(f.of("torch.stack([S, {}]).mean(dim=0)"),),
        ),
        Misconception(
            "maximum",
            "max",
            "the larger of input and branch is taken, where their sum is asked for",
            PLUS,
            f.of("torch.maximum(S, {})"),
        ),
        Misconception(
            "minimum",
            "max",
            "the smaller of input and branch is taken, where their sum is asked for",
            PLUS,
            f.of("torch.minimum(S, {})"),
        ),
        Misconception(
            "concatenated",
            "concatenated",
            "input and branch are put side by side, not added: the output is twice as wide",
            PLUS,
            f.of("torch.cat([S, {}], dim=1)"),
            same=(f.of("torch.hstack([S, {}])"),),
        ),
        Misconception(
            "concatenated-over-batch",
            "concatenated",
            "input and branch are put one below the other, not added: there are twice as many rows",
            PLUS,
            f.of("torch.cat([S, {}])"),
            same=(f.of("torch.vstack([S, {}])"),),
        ),
        Misconception(
            "stacked",
            "concatenated",
            "input and branch are stacked, not added",
            PLUS,
            f.of("torch.stack([S, {}])"),
        ),
        Misconception(
            "skip-averaged-over-batch",
            "broadcasting",
            "the input is averaged over the batch before it is added",
            "Look for mean or sum over the first dimension.",
            f.of("S.mean(dim=0) + {}"),
        ),
        Misconception(
            "skip-of-first-example",
            "broadcasting",
            "the first example is added to every example",
            "Look for an index such as [0], and for what is then broadcast over the batch.",
            f.of("S[0] + {}"),
            same=(f.of("S[:1] + {}"),),
        ),
        Misconception(
            "skip-summed-over-features",
            "broadcasting",
            "the input is reduced to one number for each example before it is added",
            "Look for mean, sum or max over the features.",
            f.of("S.sum(dim=1, keepdim=True) + {}"),
        ),
        Misconception(
            "added-in-place",
            "input modified",
            "the branch is added to the input in place, so the input is lost to whoever gave it",
            "In place means that the tensor itself is changed: += does that, + makes a new one.",
            f.of("S.add_({})"),
        ),
        Misconception(
            "sum-into-relu",
            "input modified",
            "the sum is written into the output of the ReLU, which the gradient still needs",
            "In place means that the tensor itself is changed: += does that, + makes a new one.",
            f.of("X.mul_(self.alpha).add_(S)" if f.rezero else "X.add_(S)"),
            same=() if f.rezero else (f.having(last="X += S\nreturn X"),),
        ),
    ]
    return found


def _block_activation_mistakes(f: Block) -> list[Misconception]:
    """ReLU missing, of another kind, in the wrong place, or one too many."""
    found = [
        Misconception(
            "no-activation",
            "activation missing",
            "there is no ReLU: the block is linear, and so is any chain of such blocks",
            BRANCH,
            f.having(["X = self.layer(X)"]),
        ),
        Misconception(
            "activation-first",
            "activation before the layer",
            "the ReLU comes before the layer, where it is asked for after it",
            "That is the order of He et al. 2016, and another block. " + BRANCH,
            f.having(["X = self.layer(self.relu(X))"]),
        ),
        Misconception(
            "activation-on-both-sides",
            "activation doubled",
            "the layer is given the input through a ReLU",
            BRANCH,
            f.having(["X = self.relu(self.layer(self.relu(X)))"]),
        ),
        Misconception(
            "negated-relu",
            "activation of another kind",
            "the ReLU is taken of minus the layer's output",
            BRANCH,
            f.having(["X = self.relu(-self.layer(X))"]),
        ),
        Misconception(
            "relu-of-input-alone",
            "activation of another kind",
            "the branch is the ReLU of the input: the layer is not used",
            BRANCH,
            f.having(["X = self.relu(X)"]),
        ),
    ]
    for kind, template in OTHER_ACTIVATIONS.items():
        label = "clamping to [0, 1]" if kind == "clamp" else kind.replace("-", " ")
        found.append(
            Misconception(
                f"{kind}-activation",
                "activation of another kind",
                f"{label} is used where ReLU is asked for",
                "Look at what follows the layer, and at what self.relu is in __init__.",
                f.having([f"X = {template.format('self.layer(X)')}"]),
            )
        )
        found.append(
            Misconception(
                f"extra-{kind}",
                "activation doubled",
                f"the sum goes through {label}",
                "Nothing follows the plus. " + PLUS,
                f.having(last=f.end(template)),
            )
        )
    found.append(
        Misconception(
            "extra-softmax",
            "activation doubled",
            "the sum goes through a softmax",
            "Nothing follows the plus. " + PLUS,
            f.having(last=f.end("torch.softmax({}, dim=1)")),
        )
    )
    return found


def _block_layer_mistakes(f: Block) -> list[Misconception]:
    """The layer applied twice, or not as it is; its bias ignored; a new one made."""
    use = "Use the layer itself, self.layer(X); it brings weight and bias."
    return [
        Misconception(
            "layer-twice",
            "layer applied twice",
            "the layer and its ReLU are applied twice before the addition",
            BRANCH,
            f.having(f.steps * 2),
        ),
        Misconception(
            "layer-twice-in-a-row",
            "layer applied twice",
            "the layer is applied twice before the ReLU",
            BRANCH,
            f.having(["X = self.relu(self.layer(self.layer(X)))"]),
        ),
        Misconception(
            "block-twice",
            "layer applied twice",
            "the block does its work twice, one after the other",
            "One block is one layer and one plus. The network will repeat it.",
            f.having([*f.steps, f"S = X = S + {f.added}", *f.steps]),
        ),
        Misconception(
            "no-bias",
            "bias ignored",
            "the bias of the layer is left out",
            use,
            f.having(["X = self.relu(X @ self.layer.weight.T)"]),
            same=(f.having(["X = self.relu(F.linear(X, self.layer.weight))"]),),
        ),
        Misconception(
            "weight-transposed",
            "layer order",
            "the weight matrix is used the wrong way round",
            use,
            f.having(["X = self.relu(X @ self.layer.weight + self.layer.bias)"]),
        ),
        Misconception(
            "new-layer",
            "a new layer made in forward",
            "forward makes a new layer each time it is called, where self.layer should be used",
            "Layers are made once, in __init__. A layer made in forward never learns.",
            f.having(["X = self.relu(nn.Linear(X.shape[1], X.shape[1])(X))"]),
            numbers=False,
        ),
    ]


def _block_gradient_mistakes(f: Block) -> list[Misconception]:
    """The value is right, and the gradient does not get through."""
    step = f.steps[0]
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
            "no gradient gets back to the input through the shortcut",
            GRAPH,
            f.having(first=["S = X.detach()"]),
            same=(f.having(first=["S = torch.from_numpy(X.detach().numpy())"]),),
        ),
        Misconception(
            "branch-detached",
            "detached path",
            "no gradient gets through the branch: the layer cannot learn",
            GRAPH,
            f.having([step, "X = X.detach()"]),
            same=(
                f.having([step, "X = X.data"]),
                f.having(["with torch.no_grad():", f"    {step}"]),
            ),
        ),
        Misconception(
            "branch-input-detached",
            "detached path",
            "no gradient gets back to the input through the layer",
            GRAPH,
            f.having(["X = self.relu(self.layer(X.detach()))"]),
        ),
        Misconception(
            "frozen-layer",
            "detached path",
            "the layer itself gets no gradient, though what is before it does",
            GRAPH,
            f.having(
                ["X = self.relu(F.linear(X, self.layer.weight.data, self.layer.bias.data))"],
            ),
        ),
    ]


def _alpha_mistakes(f: Block, name: str) -> list[Misconception]:
    """Alpha in the wrong place, made wrongly, or cut off."""
    where = "Look at where alpha stands in the formula, and at what it multiplies."
    made = "Look at the line of __init__ that makes alpha."
    parameter = "Only an nn.Parameter that is given to self is found by an optimizer. " + made
    right = f.right()

    def init(alpha: str, before: str = "") -> str:
        return before + block_head(name, True, alpha)

    return [
        Misconception(
            "alpha-unused",
            "alpha in the wrong place",
            "alpha is not used: the branch is added as it is",
            where,
            f.having(last="return S + X"),
        ),
        Misconception(
            "alpha-on-skip",
            "alpha in the wrong place",
            "alpha scales the input, where it should scale the branch",
            where,
            f.having(last="return self.alpha * S + X"),
        ),
        Misconception(
            "alpha-on-both",
            "alpha in the wrong place",
            "alpha scales the sum, the input included",
            where,
            f.having(last="return self.alpha * (S + X)"),
        ),
        Misconception(
            "alpha-inside-relu",
            "alpha in the wrong place",
            "alpha is inside the ReLU, where it should multiply what comes out of it",
            "The two differ where alpha is negative. " + where,
            f.having(["X = self.relu(self.alpha * self.layer(X))"], "return S + X"),
        ),
        Misconception(
            "alpha-on-input-of-layer",
            "alpha in the wrong place",
            "alpha scales what the layer is given, not what comes out of the ReLU",
            where,
            f.having(["X = self.relu(self.layer(self.alpha * X))"], "return S + X"),
        ),
        Misconception(
            "alpha-added",
            "alpha in the wrong place",
            "alpha is added, where it should multiply",
            where,
            f.having(last="return S + self.alpha + X"),
        ),
        Misconception(
            "alpha-mixes",
            "alpha in the wrong place",
            "the input is scaled by 1 − alpha: alpha weighs one against the other",
            "That is a gate, as in a highway network. " + where,
            f.having(last="return (1 - self.alpha) * S + self.alpha * X"),
        ),
        Misconception(
            "one-plus-alpha",
            "alpha in the wrong place",
            "the branch is scaled by 1 + alpha, where alpha is asked for",
            where,
            f.having(last="return S + (1 + self.alpha) * X"),
        ),
        Misconception(
            "alpha-squared",
            "alpha in the wrong place",
            "the branch is scaled by alpha twice",
            where,
            f.having(last="return S + self.alpha * self.alpha * X"),
        ),
        Misconception(
            "alpha-sigmoid",
            "alpha in the wrong place",
            "alpha goes through a sigmoid first",
            "Then the factor starts at 0.5, not at 0. " + where,
            f.having(last="return S + torch.sigmoid(self.alpha) * X"),
        ),
        Misconception(
            "alpha-detached",
            "alpha is no parameter",
            "alpha gets no gradient: it cannot learn",
            GRAPH,
            f.having(last="return S + self.alpha.detach() * X"),
            same=(
                f.having(last="return S + self.alpha.item() * X"),
                f.having(last="return S + self.alpha.data * X"),
                f.having(last="return S + float(self.alpha) * X"),
            ),
        ),
        Misconception(
            "alpha-skipped-at-0",
            "detached path",
            "where alpha is 0 it gets no gradient, so it stays 0 for ever",
            "Does forward ask what alpha is, or put it through a ReLU? The formula does not.",
            f.having(last=f"if self.alpha == 0:\n    return S\n{f.last}"),
        ),
        Misconception(
            "alpha-starts-at-1",
            "alpha starts elsewhere",
            "alpha starts at 1: the block starts as a plain residual block, not as the identity",
            made,
            right,
            head=init("self.alpha = nn.Parameter(torch.ones(1))"),
        ),
        Misconception(
            "alpha-starts-at-a-tenth",
            "alpha starts elsewhere",
            "alpha starts at 0.1, near 0 but not at it",
            made,
            right,
            head=init("self.alpha = nn.Parameter(torch.tensor(0.1))"),
        ),
        Misconception(
            "alpha-is-a-number",
            "alpha is no parameter",
            "alpha is a number, not a parameter: it stays 0 for ever",
            parameter,
            right,
            head=init("self.alpha = 0.0"),
        ),
        Misconception(
            "alpha-is-a-tensor",
            "alpha is no parameter",
            "alpha is a tensor, not a parameter: no optimizer will find it",
            parameter,
            right,
            head=init("self.alpha = torch.zeros(1, requires_grad=True)"),
        ),
        Misconception(
            "no-alpha",
            "alpha is no parameter",
            "there is no parameter named alpha",
            "The parameter is called self.alpha, and made in __init__.",
            f.having(last="return S + X"),
            head=block_head(name, False),
        ),
        Misconception(
            "alpha-per-feature",
            "alpha of another shape",
            "there is an alpha for each feature, where one for the whole block is asked for",
            made,
            right,
            head=init("self.alpha = nn.Parameter(torch.zeros(width))"),
        ),
        Misconception(
            "alpha-frozen",
            "alpha is no parameter",
            "alpha is a parameter that is not trained: requires_grad is off",
            made,
            right,
            head=init(f"self.alpha = {ALPHA}\nself.alpha.requires_grad = False"),
        ),
        Misconception(
            "alpha-of-the-class",
            "one alpha for all",
            "alpha belongs to the class, so it is no parameter of any block",
            "What is made outside of __init__ is made once. " + made,
            right,
            head=block_head(name, False).replace(
                "(nn.Module):", f"(nn.Module):\n    alpha = {ALPHA}\n"
            ),
        ),
        Misconception(
            "alpha-shared",
            "one alpha for all",
            "all blocks share one alpha",
            "What is made outside of __init__ is made once. " + made,
            right,
            head=init("self.alpha = ALPHA", f"ALPHA = {ALPHA}\n\n\n"),
        ),
    ]


class Net(Forward):
    """The `forward` of a network of blocks, and ways to make a wrong one of it."""

    def __init__(self) -> None:
        """Write down the right one."""
        super().__init__(
            [],
            ["X = self.relu(self.first(X))", "for block in self.blocks:", "    X = block(X)"],
            "return self.last(X)",
        )

    def around(self, *lines: str) -> str:
        """Return a `forward` with other lines in place of the loop over the blocks."""
        return self.having([self.steps[0], *lines])


def net_misconceptions(name: str) -> tuple[Misconception, ...]:
    """List the wrong ways to build a network of blocks, those that more likely are meant first.

    Args:
        name: the class's name.
    """
    net = Net()
    return (
        *_blocks_made_wrongly(net, name),
        *_blocks_used_wrongly(net),
        *_net_activation_mistakes(net),
        *_net_layer_mistakes(net),
        *_net_gradient_mistakes(net),
        *general_mistakes(net, f"{name}(4, PlainBlock)", "first", "last"),
    )


def _blocks_made_wrongly(f: Net, name: str) -> list[Misconception]:
    """Too many blocks, too few, of the wrong kind, or where no optimizer finds them."""
    count = "first and last are layers, too: how many are left for the blocks? " + INIT
    held = "Only modules in an nn.ModuleList or nn.Sequential are found by an optimizer. " + INIT
    starred = "An nn.ModuleList takes the list; for nn.Sequential put a * before it. " + INIT
    right = f.right()

    def init(blocks: str) -> str:
        return net_head(name, blocks)

    hard_wired = (
        "class ResidualBlock(nn.Module):\n"
        "    def __init__(self, width):\n"
        "        super().__init__()\n"
        "        self.layer = nn.Linear(width, width)\n\n"
        "    def forward(self, X):\n"
        "        return X + torch.relu(self.layer(X))\n\n\n"
    )
    return [
        Misconception(
            "one-block-too-many",
            "depth off by one",
            "there is one block too many",
            count,
            right,
            head=init(f"self.blocks = {BLOCKS.replace('depth - 2', 'depth - 1')}"),
        ),
        Misconception(
            "two-blocks-too-many",
            "depth off by one",
            "there are as many blocks as layers asked for, which makes two layers too many",
            count,
            right,
            head=init(f"self.blocks = {BLOCKS.replace('depth - 2', 'depth')}"),
        ),
        Misconception(
            "one-block-too-few",
            "depth off by one",
            "there is one block too few",
            count,
            right,
            head=init(f"self.blocks = {BLOCKS.replace('depth - 2', 'depth - 3')}"),
        ),
        Misconception(
            "one-block-only",
            "depth off by one",
            "there is a single block, whatever the depth",
            count,
            right,
            head=init("self.blocks = nn.ModuleList([block(width)])"),
        ),
        Misconception(
            "plain-list",
            "blocks held in a plain list",
            "the blocks are in a plain list, so the network does not know them",
            held,
            right,
            head=init("self.blocks = [block(width) for _ in range(depth - 2)]"),
        ),
        Misconception(
            "plain-tuple",
            "blocks held in a plain list",
            "the blocks are in a tuple, so the network does not know them",
            held,
            right,
            head=init("self.blocks = tuple(block(width) for _ in range(depth - 2))"),
        ),
        Misconception(
            "generator",
            "blocks held in a plain list",
            "the blocks are in a generator, which is no list yet and is empty after its first use",
            held,
            right,
            head=init("self.blocks = (block(width) for _ in range(depth - 2))"),
        ),
        Misconception(
            "one-block-repeated",
            "one block repeated",
            "all blocks share the weights of one, which is made once and used again and again",
            "A list such as [block(width)] * 3 is a list of one block three times. " + INIT,
            right,
            head=init("self.blocks = nn.ModuleList([block(width)] * (depth - 2))"),
        ),
        Misconception(
            "classes-not-blocks",
            "blocks held in a plain list",
            "block is put in as it is, a class: no block was made of it",
            "A block is made by calling its class with the width. " + INIT,
            right,
            head=init("self.blocks = nn.ModuleList([block] * (depth - 2))"),
        ),
        Misconception(
            "list-in-sequential",
            "blocks held in a plain list",
            "nn.Sequential is given a list of blocks, and it takes the blocks themselves",
            starred,
            right,
            head=init("self.blocks = nn.Sequential([block(width) for _ in range(depth - 2)])"),
        ),
        Misconception(
            "generator-in-sequential",
            "blocks held in a plain list",
            "nn.Sequential is given a generator of blocks, and it takes the blocks themselves",
            starred,
            right,
            head=init("self.blocks = nn.Sequential(block(width) for _ in range(depth - 2))"),
        ),
        Misconception(
            "no-blocks",
            "blocks held elsewhere",
            "there are no blocks under the name blocks",
            "The blocks are kept in self.blocks. " + INIT,
            right,
            head=init(f"self.layers = {BLOCKS}"),
        ),
        Misconception(
            "residual-block-wired-in",
            "block of another kind",
            "it is made of ResidualBlock, whatever block it is given",
            "Look at __init__: it takes the class of the blocks as an argument, block.",
            right,
            head=hard_wired + init(f"self.blocks = {BLOCKS.replace('block(', 'ResidualBlock(')}"),
        ),
        Misconception(
            "plain-block-wired-in",
            "block of another kind",
            "it is made of PlainBlock, whatever block it is given",
            "Look at __init__: it takes the class of the blocks as an argument, block.",
            right,
            head=init(f"self.blocks = {BLOCKS.replace('block(', 'PlainBlock(')}"),
        ),
        Misconception(
            "linear-layers",
            "block of another kind",
            "it is made of plain layers, not of the block it is given",
            "Look at __init__: it takes the class of the blocks as an argument, block.",
            right,
            head=init(f"self.blocks = {BLOCKS.replace('block(width)', 'nn.Linear(width, width)')}"),
        ),
        Misconception(
            "blocks-of-input-size",
            "block of another kind",
            "the blocks are as wide as the input, not as the first layer's output",
            "What does a block get: how many numbers for each example? " + INIT,
            right,
            head=init(f"self.blocks = {BLOCKS.replace('block(width)', 'block(input_size)')}"),
        ),
    ]


def _blocks_used_wrongly(f: Net) -> list[Misconception]:
    """Blocks skipped, out of order, beside each other, or with more around them than asked for."""
    look = "Each block is given what the one before it gave. Read your loop turn by turn."
    return [
        Misconception(
            "list-called",
            "layer order",
            "an nn.ModuleList is called, which is a list of layers and no layer itself",
            "Call what is in it, one after the other. Only an nn.Sequential can be called as a "
            "whole.",
            f.around("X = self.blocks(X)"),
        ),
        Misconception(
            "residual-block-in-forward",
            "block of another kind",
            "forward does the work of ResidualBlock itself, whatever block it is given",
            "A block is called as a whole: what it does with its layer is its own affair.",
            f.around("for block in self.blocks:", "    X = X + self.relu(block.layer(X))"),
        ),
        Misconception(
            "blocks-unused",
            "layer dropped",
            "no block is used",
            look,
            f.around(),
        ),
        Misconception(
            "first-block-only",
            "layer dropped",
            "only the first block is used",
            "Does forward return inside the loop, after its first turn? " + look,
            f.around("X = self.blocks[0](X)"),
            same=(
                f.having([*f.steps[:2], "    X = block(X)", "    return self.last(X)"]),
                f.having([*f.steps, "    return self.last(X)"]),
            ),
        ),
        Misconception(
            "last-block-only",
            "layer dropped",
            "only the last block has a say in the output: what the others give is lost",
            look,
            f.around("H = X", "for block in self.blocks:", "    X = block(H)"),
            same=(f.around("X = self.blocks[-1](X)"),),
        ),
        Misconception(
            "first-block-skipped",
            "layer dropped",
            "the first block is left out",
            look,
            f.around("for block in self.blocks[1:]:", "    X = block(X)"),
        ),
        Misconception(
            "last-block-skipped",
            "layer dropped",
            "the last block is left out",
            look,
            f.around("for block in self.blocks[:-1]:", "    X = block(X)"),
        ),
        Misconception(
            "every-second-block",
            "layer dropped",
            "every second block is left out",
            look,
            f.around("for block in self.blocks[::2]:", "    X = block(X)"),
        ),
        Misconception(
            "blocks-reversed",
            "layer order",
            "the blocks are used in reverse order, the last first",
            look,
            f.around("for block in reversed(self.blocks):", "    X = block(X)"),
        ),
        Misconception(
            "first-block-for-all",
            "layer reused",
            "the first block is used again and again in place of the others",
            look,
            f.around("for block in self.blocks:", "    X = self.blocks[0](X)"),
        ),
        Misconception(
            "each-block-twice",
            "layer applied twice",
            "each block is applied twice",
            look,
            f.around("for block in self.blocks:", "    X = block(block(X))"),
        ),
        Misconception(
            "all-blocks-twice",
            "layer applied twice",
            "the blocks are gone through twice, one round after the other",
            look,
            f.having([*f.steps, *f.steps[1:]]),
        ),
        Misconception(
            "last-in-loop",
            "layer applied twice",
            "the last layer is applied after every block, not once at the end",
            "Look at the indentation of your lines.",
            f.having([*f.steps, "    X = self.last(X)"], "return X"),
        ),
        Misconception(
            "blocks-beside-each-other",
            "layer order",
            "all blocks are given the same input, and what they give is added",
            look,
            f.around("X = sum(block(X) for block in self.blocks)"),
        ),
        Misconception(
            "second-skip",
            "skip twice",
            "the network adds the input of each block again: that is the block's own work",
            "A block is called, and nothing else is done with its input.",
            f.around("for block in self.blocks:", "    X = X + block(X)"),
        ),
        Misconception(
            "long-skip",
            "skip twice",
            "there is one more skip, around all the blocks",
            "The only shortcuts are those inside the blocks.",
            f.around("S = X", *f.steps[1:], "X = X + S"),
        ),
        Misconception(
            "branches-only",
            "skip twice",
            "the input of each block is subtracted again from what it gives",
            "A block is called, and nothing else is done with its input.",
            f.around("for block in self.blocks:", "    X = block(X) - X"),
        ),
        Misconception(
            "relu-after-each-block",
            "activation doubled",
            "there is a ReLU after each block",
            "A block is called as a whole, and what comes out of it goes into the next as it is.",
            f.around("for block in self.blocks:", "    X = self.relu(block(X))"),
        ),
        Misconception(
            "relu-before-each-block",
            "activation doubled",
            "there is a ReLU before each block",
            "What comes out of a block goes into the next as it is.",
            f.around("for block in self.blocks:", "    X = block(self.relu(X))"),
        ),
    ]


def _net_activation_mistakes(f: Net) -> list[Misconception]:
    """An activation missing, of another kind, or one on the way to the logits."""
    logits = "The output is logits, numbers of any sign: cross-entropy does the rest."
    first = "Look at what the output of self.first goes through."
    found = [
        Misconception(
            "no-relu-first",
            "activation missing",
            "the ReLU after the first layer is missing",
            first,
            f.having(["X = self.first(X)", *f.steps[1:]]),
        ),
        Misconception(
            "relu-last",
            "activation on the logits",
            "the output goes through a ReLU, which loses the negative logits",
            logits,
            f.having(last="return self.relu(self.last(X))"),
        ),
        Misconception(
            "relu-before-last",
            "activation on the logits",
            "there is a ReLU between the last block and the last layer",
            "What comes out of the last block goes into self.last as it is.",
            f.having(last="return self.last(self.relu(X))"),
        ),
        Misconception(
            "relu-on-input",
            "activation before the layer",
            "the ReLU comes before the first layer, where it is asked for after it",
            first,
            f.having(["X = self.first(self.relu(X))", *f.steps[1:]]),
        ),
        Misconception(
            "relu-on-both-sides",
            "activation doubled",
            "the input goes through a ReLU before the first layer, which loses its negative part",
            first,
            f.having(["X = self.relu(self.first(self.relu(X)))", *f.steps[1:]]),
        ),
    ]
    for kind, template in OTHER_ACTIVATIONS.items():
        label = "clamping to [0, 1]" if kind == "clamp" else kind.replace("-", " ")
        found += [
            Misconception(
                f"{kind}-first",
                "activation of another kind",
                f"{label} is used after the first layer, where ReLU is asked for",
                first,
                f.having([f"X = {template.format('self.first(X)')}", *f.steps[1:]]),
            ),
            Misconception(
                f"{kind}-last",
                "activation on the logits",
                f"the output goes through {label}",
                logits,
                f.having(last=f.end(template)),
            ),
        ]
    for kind in ("softmax", "log_softmax"):
        found.append(
            Misconception(
                kind.replace("_", "-"),
                "activation on the logits",
                f"the output goes through {kind}",
                logits,
                f.having(last=f.end(f"torch.{kind}({{}}, dim=1)")),
            )
        )
    return found


def _net_layer_mistakes(f: Net) -> list[Misconception]:
    """The first or the last layer dropped, repeated, without its bias, or made anew."""
    look = "Write down the layers in the order in which your forward uses them."
    found = [
        Misconception(
            "first-unused",
            "layer dropped",
            "the first layer is not used",
            look,
            f.having(["X = self.relu(X)", *f.steps[1:]]),
        ),
        Misconception(
            "blocks-and-first-unused",
            "layer dropped",
            "only the last layer is used",
            look,
            f.having([]),
        ),
        Misconception(
            "last-unused",
            "layer dropped",
            "the last layer is not used: the output is that of the blocks",
            look,
            f.having(last="return X"),
        ),
        Misconception(
            "first-twice",
            "layer applied twice",
            "the first layer is applied twice",
            look,
            f.having([f.steps[0], *f.steps]),
        ),
        Misconception(
            "last-twice",
            "layer applied twice",
            "the last layer is applied twice",
            look,
            f.having(last="return self.last(self.last(X))"),
        ),
        Misconception(
            "ends-swapped",
            "layer order",
            "the first and the last layer have changed places",
            look,
            f.having(["X = self.relu(self.last(X))", *f.steps[1:]], "return self.first(X)"),
        ),
        Misconception(
            "returns-input",
            "layer dropped",
            "forward gives back its input: nothing is used",
            "The output of one layer is the input of the next.",
            f.having([], "return X"),
        ),
    ]
    for layer, of in (("first", "X = self.relu({})"), ("last", "return {}")):
        no_bias = of.format(f"F.linear(X, self.{layer}.weight)")
        by_hand = of.format(f"X @ self.{layer}.weight.T")
        new = of.format(f"nn.Linear(X.shape[1], self.{layer}.out_features)(X)")

        def put(line: str) -> str:
            if line.startswith("return"):
                return f.having(last=line)
            return f.having([line, *f.steps[1:]])

        found += [
            Misconception(
                f"no-bias-{layer}",
                "bias ignored",
                f"the bias of the {layer} layer is left out",
                f"Use the layer itself, as in self.{layer}(X); it brings weight and bias.",
                put(no_bias),
                same=(put(by_hand),),
            ),
            Misconception(
                f"new-layer-{layer}",
                "a new layer made in forward",
                "forward makes a new layer each time it is called, "
                f"where self.{layer} should be used",
                "Layers are made once, in __init__. A layer made in forward never learns.",
                put(new),
                numbers=False,
            ),
        ]
    return found


def _net_gradient_mistakes(f: Net) -> list[Misconception]:
    """The value is right, and the gradient does not get through."""
    inside = "\n".join(f"    {line}" for line in [*f.steps, f.last])
    found = [
        Misconception(
            "detached",
            "detached path",
            "the output is cut off from the weights: no layer gets any gradient",
            GRAPH,
            f.having(last=f.end("{}.detach()")),
            same=(
                f.having(last=f.end("{}.data")),
                f.having(last=f.end("torch.from_numpy({}.detach().numpy())")),
                f.having([], "with torch.no_grad():\n" + inside),
            ),
        ),
        Misconception(
            "input-detached",
            "detached path",
            "no gradient gets back to the input of the network",
            GRAPH,
            f.having(first=["X = X.detach()"]),
            same=(f.having(first=["X = X.data"]),),
        ),
        Misconception(
            "detached-after-first",
            "detached path",
            "the gradient stops before it reaches the first layer, which cannot learn",
            GRAPH,
            f.around("X = X.detach()", *f.steps[1:]),
            same=(
                f.around("X = X.data", *f.steps[1:]),
                f.having(["with torch.no_grad():", f"    {f.steps[0]}", *f.steps[1:]]),
            ),
        ),
        Misconception(
            "detached-after-each-block",
            "detached path",
            "the gradient stops before it reaches the blocks: only the last layer can learn",
            GRAPH,
            f.around("for block in self.blocks:", "    X = block(X).detach()"),
            same=(
                f.around("for block in self.blocks:", "    X = block(X).data"),
                f.around(
                    "with torch.no_grad():", "    for block in self.blocks:", "        X = block(X)"
                ),
            ),
        ),
        Misconception(
            "detached-before-each-block",
            "detached path",
            "the gradient stops at the last block: what is before it cannot learn",
            GRAPH,
            f.around("for block in self.blocks:", "    X = block(X.detach())"),
        ),
    ]
    for layer, template in (("first", "X = self.relu({})"), ("last", "return {}")):
        line = template.format(f"F.linear(X, self.{layer}.weight.data, self.{layer}.bias.data)")
        found.append(
            Misconception(
                f"frozen-{layer}",
                "detached path",
                f"the {layer} layer itself gets no gradient",
                GRAPH,
                f.having([line, *f.steps[1:]]) if layer == "first" else f.having(last=line),
            )
        )
    return found
