"""The mistakes people make in wiring a chain: the catalogue of lessons 1 and 2.

A wrong `forward` is written as an edit of the right one, so that every mistake exists for every
depth. Where two mistakes make the same network, they are one entry.
"""

from __future__ import annotations

from skiplab.checks.exercise import Misconception
from skiplab.checks.wrong_forwards import OTHER_ACTIVATIONS, Forward, general_mistakes, written


class Chain(Forward):
    """A chain's `forward`, and ways to make a wrong one of it."""

    def __init__(self, depth: int, skip: bool) -> None:
        """Write down the right one for `depth` layers, with or without a skip."""
        self.depth = depth
        self.skip = skip
        super().__init__(
            ["S = self.skip_layer(X)"] if skip else [],
            self.every("X = self.relu(self.layer_{k}(X))"),
            "return self.relu(X + S)" if skip else "return X",
        )

    def every(self, template: str) -> list[str]:
        """Return the steps written another way; `{k}` stands for the layer's number."""
        return [template.format(k=k) for k in range(1, self.depth + 1)]


def _activation_mistakes(chain: Chain) -> list[Misconception]:
    """ReLU missing, of another kind, in the wrong place, or one too many."""
    n, skip = chain.depth, chain.skip
    look = "Read your forward line by line and name, for each layer, what its output goes through."
    found = [
        Misconception(
            "no-activation",
            "activation missing",
            "there is no ReLU after the layers, so the layers collapse into a single linear one",
            look,
            chain.having(chain.every("X = self.layer_{k}(X)")),
        )
    ]
    for k in range(1, n + 1):
        is_output = k == n and not skip
        found.append(
            Misconception(
                f"no-relu-{k}",
                "activation missing",
                f"the ReLU after layer_{k} is missing"
                + (": the output goes through a ReLU, too" if is_output else "")
                + (
                    ": the deep path ends with a ReLU before the skip is added"
                    if k == n and skip
                    else ""
                ),
                f"Look at what happens to the output of self.layer_{k}.",
                chain.having(chain.at(k, f"X = self.layer_{k}(X)")),
            )
        )
    for name, template in OTHER_ACTIVATIONS.items():
        label = "clamping to [0, 1]" if name == "clamp" else name.replace("-", " ")
        found.append(
            Misconception(
                f"{name}-everywhere",
                "activation of another kind",
                f"{label} is used where ReLU is asked for",
                "Look at what follows each layer, and at what self.relu is in __init__.",
                chain.having(
                    chain.every("X = " + template.format("self.layer_{k}(X)")),
                    chain.last.replace("self.relu(X + S)", template.format("X + S")),
                ),
            )
        )
        if skip:
            found.append(
                Misconception(
                    f"{name}-hidden",
                    "activation of another kind",
                    f"{label} is used after the layers, where ReLU is asked for",
                    "Look at what follows each layer, and at what self.relu is in __init__.",
                    chain.having(chain.every("X = " + template.format("self.layer_{k}(X)"))),
                )
            )
        found.append(
            Misconception(
                f"{name}-last",
                "activation of another kind",
                f"the last activation is {label}, not ReLU",
                "Look at the last activation, the one the output comes from.",
                chain.having(
                    None if skip else chain.at(n, "X = " + template.format(f"self.layer_{n}(X)")),
                    f"return {template.format('X + S')}" if skip else None,
                ),
            )
        )
    for name in ("sigmoid", "tanh", "softmax"):
        template = OTHER_ACTIVATIONS.get(name, "torch.softmax({}, dim=1)")
        found.append(
            Misconception(
                f"extra-{name}",
                "activation doubled",
                f"the output goes through a {name} after its ReLU",
                "The output of the network is what comes out of the last ReLU.",
                chain.having(last=chain.end(template)),
            )
        )
    found += [
        Misconception(
            "activation-first",
            "activation before the layer",
            "the ReLU comes before each layer, not after it",
            "Which comes first in the diagram, the layer or the ReLU?",
            chain.having(chain.every("X = self.layer_{k}(self.relu(X))")),
        ),
        Misconception(
            "relu-on-input",
            "activation doubled",
            "the input goes through a ReLU before the first layer, which loses its negative part",
            "Look at what layer_1 is given.",
            chain.having(["X = self.relu(self.layer_1(self.relu(X)))", *chain.steps[1:]]),
        ),
        Misconception(
            "negated-relu",
            "activation of another kind",
            "the ReLU is taken of minus the layer's output",
            look,
            chain.having(chain.every("X = self.relu(-self.layer_{k}(X))")),
        ),
    ]
    if skip:
        found += [
            Misconception(
                "relu-on-skip",
                "activation on the skip path",
                "the skip path goes through a ReLU of its own before the addition",
                "Follow the skip path in the diagram from X to the plus: what is on it?",
                chain.having(first=["S = self.relu(self.skip_layer(X))"]),
                same=(
                    chain.having(first=["S = self.relu(self.skip_layer(X))"], last="return X + S"),
                ),
            ),
            Misconception(
                "sigmoid-on-skip",
                "activation on the skip path",
                "the skip path goes through a sigmoid before the addition",
                "Follow the skip path in the diagram from X to the plus: what is on it?",
                chain.having(first=["S = torch.sigmoid(self.skip_layer(X))"]),
            ),
            Misconception(
                "relu-on-skip-input",
                "activation on the skip path",
                "the skip path starts from a ReLU of the input, not from the input",
                "Look at what skip_layer is given.",
                chain.having(first=["S = self.skip_layer(self.relu(X))"]),
            ),
            Misconception(
                "relu-on-both-inputs",
                "activation doubled",
                "the input goes through a ReLU before anything else, which loses its negative part",
                "Look at what layer_1 and skip_layer are given.",
                chain.having(first=["X = self.relu(X)", *chain.first]),
            ),
        ]
    return found


def _order_mistakes(chain: Chain) -> list[Misconception]:
    """Layers swapped, reused, dropped, applied twice; biases ignored."""
    n = chain.depth
    look = "Write down the layers in the order in which your forward uses them."
    found = []
    if n > 3:
        found += [
            Misconception(
                "only-three-layers",
                "layer dropped",
                f"only layer_1, layer_2 and layer_{n} are used",
                look,
                chain.having([chain.steps[0], chain.steps[1], chain.steps[-1]]),
            ),
            Misconception(
                "one-hidden-layer-for-all",
                "layer reused",
                f"layer_2 is used again and again in place of layer_3 to layer_{n - 1}",
                "If you loop, look at which layer each turn of the loop uses.",
                chain.having([chain.steps[0], *[chain.steps[1]] * (n - 2), chain.steps[-1]]),
            ),
            Misconception(
                "only-ends",
                "layer dropped",
                f"only layer_1 and layer_{n} are used",
                look,
                chain.having([chain.steps[0], chain.steps[-1]]),
            ),
        ]
    found += [
        Misconception(
            "reversed",
            "layer order",
            f"the layers are used in reverse order, layer_{n} first",
            look,
            chain.having(chain.steps[::-1]),
        ),
        Misconception(
            "only-last-layer",
            "layer dropped",
            f"only layer_{n} has a say in the output: what the layers before it give is lost",
            "Is each layer given the output of the one before it, or the input again?",
            chain.having([chain.steps[-1]]),
        ),
        Misconception(
            "no-bias",
            "bias ignored",
            "the biases of the layers are left out",
            "Use the layers themselves, as in self.layer_1(X); they bring weight and bias.",
            chain.having(chain.every("X = self.relu(X @ self.layer_{k}.weight.T)")),
            same=(chain.having(chain.every("X = self.relu(F.linear(X, self.layer_{k}.weight))")),),
        ),
        Misconception(
            "weight-transposed",
            "layer order",
            "the weight matrices are used the wrong way round",
            "Use the layers themselves, as in self.layer_1(X).",
            chain.having(
                chain.every("X = self.relu(X @ self.layer_{k}.weight + self.layer_{k}.bias)")
            ),
        ),
    ]
    for k in range(1, n):
        found.append(
            Misconception(
                f"swapped-{k}-{k + 1}",
                "layer order",
                f"layer_{k} and layer_{k + 1} are used in the wrong order",
                look,
                chain.having(
                    [
                        *chain.steps[: k - 1],
                        chain.steps[k],
                        chain.steps[k - 1],
                        *chain.steps[k + 1 :],
                    ]
                ),
            )
        )
    for k in range(1, n + 1):
        found.append(
            Misconception(
                f"dropped-{k}",
                "layer dropped",
                f"layer_{k} is not used",
                look,
                chain.having(chain.at(k)),
            )
        )
        found.append(
            Misconception(
                f"twice-{k}",
                "layer applied twice",
                f"layer_{k} is applied twice",
                look,
                chain.having(chain.at(k, chain.steps[k - 1], chain.steps[k - 1])),
            )
        )
        found.append(
            Misconception(
                f"no-bias-{k}",
                "bias ignored",
                f"the bias of layer_{k} is left out",
                f"Use the layer itself, as in self.layer_{k}(X); it brings weight and bias.",
                chain.having(chain.at(k, f"X = self.relu(F.linear(X, self.layer_{k}.weight))")),
            )
        )
    for k in range(1, n):
        found.append(
            Misconception(
                f"reused-{k}",
                "layer reused",
                f"layer_{k} is used in place of layer_{k + 1}",
                look,
                chain.having(chain.at(k + 1, chain.steps[k - 1])),
            )
        )
        if 1 < k < n - 1:
            found.append(
                Misconception(
                    f"stops-after-{k}",
                    "layer dropped",
                    f"the deep path ends after layer_{k}"
                    if chain.skip
                    else f"the network ends after layer_{k}",
                    f"Nothing after layer_{k} has a say in the output. " + look,
                    chain.having(chain.steps[:k]),
                )
            )
    return found


def _gradient_mistakes(chain: Chain) -> list[Misconception]:
    """The value is right, and the gradient does not get through."""
    n, skip = chain.depth, chain.skip
    look = "Look for detach, .data, no_grad, .numpy() or .item() on the way."
    inside = "\n".join(f"    {line}" for line in [*chain.steps, chain.last])
    found = [
        Misconception(
            "detached",
            "detached path",
            "the output is cut off from the weights: no layer gets any gradient",
            look,
            chain.having(last=chain.end("({}).detach()")),
            same=(
                chain.having(last=chain.end("({}).data")),
                chain.having(last=chain.end("torch.from_numpy(({}).detach().numpy())")),
                chain.having(last=chain.end("torch.tensor(({}).tolist())")),
                written([*chain.first, "with torch.no_grad():", *inside.split("\n")]),
            ),
        ),
        Misconception(
            "input-detached",
            "detached path",
            "no gradient gets back to the input of the network",
            look,
            chain.having(first=["X = X.detach()", *chain.first]),
            same=(chain.having(first=["X = X.data", *chain.first]),),
        ),
    ]
    for k in range(1, n + 1):
        if k == n and not skip:
            continue
        layers = "layer_1" if k == 1 else f"layer_1 to layer_{k}"
        cut = f"X = self.relu(self.layer_{k}(X))"
        found.append(
            Misconception(
                f"detached-after-{k}",
                "detached path",
                f"the gradient stops after layer_{k}: {layers} cannot learn"
                + (" through the deep path" if skip else ""),
                look,
                chain.having(chain.at(k, cut + ".detach()")),
                same=(
                    chain.having(chain.at(k, cut, "X = X.data")),
                    chain.having(chain.at(k, cut, "X = torch.from_numpy(X.detach().numpy())")),
                ),
            )
        )
    for k in range(1, n + 1):
        found.append(
            Misconception(
                f"frozen-{k}",
                "detached path",
                f"layer_{k} itself gets no gradient, though the layers around it do",
                look,
                chain.having(
                    chain.at(
                        k,
                        f"X = self.relu(F.linear(X, self.layer_{k}.weight.detach(), "
                        f"self.layer_{k}.bias.detach()))",
                    )
                ),
            )
        )
    if skip:
        found += [
            Misconception(
                "skip-detached",
                "detached path",
                "no gradient gets through the skip path: skip_layer cannot learn",
                look,
                chain.having(first=["S = self.skip_layer(X).detach()"]),
                same=(
                    chain.having(first=["S = self.skip_layer(X).data"]),
                    chain.having(first=["with torch.no_grad():", "    S = self.skip_layer(X)"]),
                ),
            ),
            Misconception(
                "skip-input-detached",
                "detached path",
                "no gradient gets back to the input through the skip path",
                look,
                chain.having(first=["S = self.skip_layer(X.detach())"]),
            ),
            Misconception(
                "skip-frozen",
                "detached path",
                "skip_layer itself gets no gradient",
                look,
                chain.having(
                    first=[
                        "S = F.linear(X, self.skip_layer.weight.data, self.skip_layer.bias.data)"
                    ]
                ),
            ),
        ]
    return found


def _other_mistakes(chain: Chain) -> list[Misconception]:
    """No layer at all, a skip that is not asked for, and layers made anew."""
    n, skip = chain.depth, chain.skip
    found = [
        Misconception(
            "returns-input",
            "layer dropped",
            "forward gives back its input: no layer is used",
            "The output of one layer is the input of the next.",
            chain.having([], "return X", []),
        ),
        Misconception(
            "residual-around-hidden",
            "skip from the wrong tensor",
            "there is a skip around every hidden layer, which this network does not have",
            "The diagram shows every connection there is.",
            chain.having(
                [
                    chain.steps[0],
                    *[f"X = X + self.relu(self.layer_{k}(X))" for k in range(2, n)],
                    chain.steps[-1],
                ]
            ),
        ),
    ]
    if not skip:  # with a skip, that is "averaged" by another name
        found.append(
            Misconception(
                "output-halved",
                "scaled",
                "the output is half of what it should be",
                "Look for a factor.",
                chain.having(last=chain.end("0.5 * {}")),
            )
        )
    for k in range(1, n + 1):
        inputs = "X.shape[1]" if k == 1 else f"self.layer_{k}.in_features"
        found.append(
            Misconception(
                f"new-layer-{k}",
                "a new layer made in forward",
                f"forward makes a new layer each time it is called, where layer_{k} should be used",
                "Layers are made once, in __init__. A layer made in forward never learns.",
                chain.having(
                    chain.at(
                        k,
                        f"X = self.relu(nn.Linear({inputs}, self.layer_{k}.out_features)(X))",
                    )
                ),
                numbers=False,
            )
        )
    if n > 3:
        found.append(
            Misconception(
                "new-hidden-layers",
                "a new layer made in forward",
                "forward makes new layers each time it is called, where the hidden layers of self "
                "should be used",
                "Layers are made once, in __init__. A layer made in forward never learns.",
                chain.having(
                    [
                        chain.steps[0],
                        *["X = self.relu(nn.Linear(X.shape[1], X.shape[1])(X))"] * (n - 2),
                        chain.steps[-1],
                    ]
                ),
                numbers=False,
            )
        )

    return found


def _skip_mistakes(chain: Chain) -> list[Misconception]:
    """The skip missing, from the wrong place, to the wrong place, or put together wrongly."""
    n = chain.depth
    plus = "Look at the plus in the diagram: what comes in, and what happens to the sum?"
    source = (
        "Look at where the skip path starts in the diagram, and at what your skip_layer is given."
    )
    found = [
        Misconception(
            "no-skip",
            "no skip",
            "there is no skip: the output comes from the deep path alone",
            "skip_layer has no say in your output. " + plus,
            chain.having(last="return self.relu(X)"),
            same=(chain.having(last="return X"), chain.having(last="return self.relu(X + 0 * S)")),
        ),
        Misconception(
            "skip-only",
            "skip only",
            "the output comes from the skip alone: the deep layers have no say in it",
            plus,
            chain.having(last="return self.relu(S)"),
            same=(chain.having(last="return self.relu(S + 0 * X)"),),
        ),
        Misconception(
            "linear-skip-only",
            "skip only",
            "the output is that of skip_layer alone, without any ReLU",
            plus,
            chain.having(last="return S"),
        ),
        Misconception(
            "added-after-last-relu",
            "added too late",
            "the skip is added after the last ReLU, not before it",
            "The sum itself goes through a ReLU. " + plus,
            chain.having(last="return X + S"),
            same=(chain.having(last="return self.relu(X) + S"),),
        ),
        Misconception(
            "added-before-last-layer",
            "added too early",
            f"the skip is added before layer_{n}, not after it",
            plus,
            chain.having(
                chain.at(n, f"X = self.relu(self.layer_{n}(X + S))"), "return self.relu(X)"
            ),
        ),
        Misconception(
            "added-after-first-layer",
            "added too early",
            "the skip is added after layer_1, not at the end",
            plus,
            chain.having(chain.at(1, "X = self.relu(self.layer_1(X)) + S"), "return self.relu(X)"),
        ),
        Misconception(
            "added-to-input",
            "added too early",
            "the skip is added to the input, not at the end",
            plus,
            chain.having(chain.at(1, "X = self.relu(self.layer_1(X + S))"), "return self.relu(X)"),
        ),
        Misconception(
            "added-at-every-layer",
            "added twice",
            "the skip is added after every layer, not only at the end",
            plus,
            chain.having(chain.every("X = self.relu(self.layer_{k}(X) + S)"), "return X"),
        ),
        Misconception(
            "added-before-and-after-relu",
            "added twice",
            "the skip is added twice, before the last ReLU and again after it",
            plus,
            chain.having(last="return self.relu(X + S) + S"),
        ),
        Misconception(
            "added-twice",
            "added twice",
            "the skip is added twice",
            plus,
            chain.having(last="return self.relu(X + S + S)"),
            same=(chain.having(last="return self.relu(X + 2 * S)"),),
        ),
        Misconception(
            "skip-halved",
            "scaled",
            "the skip is scaled by one half",
            plus,
            chain.having(last="return self.relu(X + 0.5 * S)"),
        ),
        Misconception(
            "skip-tenth",
            "scaled",
            "the skip is scaled by one tenth",
            plus,
            chain.having(last="return self.relu(X + 0.1 * S)"),
        ),
        Misconception(
            "deep-halved",
            "scaled",
            "the deep path is scaled by one half",
            plus,
            chain.having(last="return self.relu(0.5 * X + S)"),
        ),
        Misconception(
            "deep-tenth",
            "scaled",
            "the deep path is scaled by one tenth",
            plus,
            chain.having(last="return self.relu(0.1 * X + S)"),
        ),
        Misconception(
            "deep-doubled",
            "added twice",
            "the deep path is added twice",
            plus,
            chain.having(last="return self.relu(X + X + S)"),
        ),
        Misconception(
            "skip-subtracted",
            "subtracted",
            "the skip is subtracted from the deep path, not added to it",
            plus,
            chain.having(last="return self.relu(X - S)"),
        ),
        Misconception(
            "deep-subtracted",
            "subtracted",
            "the deep path is subtracted from the skip, not added to it",
            plus,
            chain.having(last="return self.relu(S - X)"),
        ),
        Misconception(
            "multiplied",
            "multiplied",
            "the two paths are multiplied, not added",
            plus,
            chain.having(last="return self.relu(X * S)"),
        ),
        Misconception(
            "averaged",
            "averaged",
            "the two paths are averaged, not added",
            plus,
            chain.having(last="return self.relu((X + S) / 2)"),
            same=(chain.having(last="return self.relu(torch.stack([X, S]).mean(dim=0))"),),
        ),
        Misconception(
            "maximum",
            "max",
            "the larger of the two paths is taken, where their sum is asked for",
            plus,
            chain.having(last="return self.relu(torch.maximum(X, S))"),
            same=(chain.having(last="return self.relu(torch.stack([X, S]).amax(dim=0))"),),
        ),
        Misconception(
            "minimum",
            "max",
            "the smaller of the two paths is taken, where their sum is asked for",
            plus,
            chain.having(last="return self.relu(torch.minimum(X, S))"),
        ),
        Misconception(
            "concatenated",
            "concatenated",
            "the two paths are put side by side, not added: the output is twice as wide",
            plus,
            chain.having(last="return self.relu(torch.cat([X, S], dim=1))"),
            same=(chain.having(last="return self.relu(torch.hstack([X, S]))"),),
        ),
        Misconception(
            "concatenated-over-batch",
            "concatenated",
            "the two paths are put one below the other, not added: there are twice as many rows",
            plus,
            chain.having(last="return self.relu(torch.cat([X, S]))"),
            same=(chain.having(last="return self.relu(torch.vstack([X, S]))"),),
        ),
        Misconception(
            "stacked",
            "concatenated",
            "the two paths are stacked, not added",
            plus,
            chain.having(last="return self.relu(torch.stack([X, S]))"),
        ),
        Misconception(
            "saved-too-late",
            "skip from the wrong tensor",
            "skip_layer is given the output of the deep path, not the input: "
            "X was overwritten before skip_layer used it",
            source,
            chain.having(first=[], last="return self.relu(X + self.skip_layer(X))"),
        ),
        Misconception(
            "raw-input-added",
            "skip from the wrong tensor",
            "the input itself is added, without going through skip_layer",
            source,
            chain.having(first=["S = X"]),
        ),
        Misconception(
            "deep-output-added-to-itself",
            "skip from the wrong tensor",
            "the output of the deep path is added to itself: X was overwritten before it was added",
            source,
            chain.having(last="return self.relu(X + X)"),
        ),
        Misconception(
            "skip-in-place-of-input",
            "skip from the wrong tensor",
            "the deep path starts from the output of skip_layer, not from the input",
            "Look at what layer_1 is given.",
            chain.having(first=["X = self.skip_layer(X)"], last="return self.relu(X)"),
        ),
        Misconception(
            "skip-feeds-both",
            "skip from the wrong tensor",
            "the deep path starts from the output of skip_layer, and it is added at the end, too",
            "Look at what layer_1 is given.",
            chain.having(first=["X = self.skip_layer(X)", "S = X"]),
        ),
        Misconception(
            "skip-applied-twice",
            "layer applied twice",
            "skip_layer is applied twice",
            source,
            chain.having(first=["S = self.skip_layer(self.skip_layer(X))"]),
        ),
        Misconception(
            "skip-applied-to-sum",
            "skip from the wrong tensor",
            "skip_layer is given the input plus the output of the deep path",
            source,
            chain.having(first=["S = X"], last="return self.relu(self.skip_layer(X + S))"),
        ),
        Misconception(
            "skip-bias-ignored",
            "bias ignored",
            "the bias of skip_layer is left out",
            "Use the layer itself, self.skip_layer(X); it brings weight and bias.",
            chain.having(first=["S = X @ self.skip_layer.weight.T"]),
            same=(chain.having(first=["S = F.linear(X, self.skip_layer.weight)"]),),
        ),
        Misconception(
            "skip-averaged-over-batch",
            "broadcasting",
            "the skip is averaged over the batch and added to every example",
            "Look for mean or sum over the first dimension.",
            chain.having(first=["S = self.skip_layer(X).mean(dim=0)"]),
        ),
        Misconception(
            "skip-of-first-example",
            "broadcasting",
            "the skip of the first example is added to every example",
            "Look for an index such as [0], and for what is then broadcast over the batch.",
            chain.having(first=["S = self.skip_layer(X)[0]"]),
            same=(chain.having(first=["S = self.skip_layer(X[:1])"]),),
        ),
        Misconception(
            "skip-summed-over-features",
            "broadcasting",
            "the skip is reduced to one number for each example before it is added",
            "Look for mean, sum or max over the features.",
            chain.having(first=["S = self.skip_layer(X).sum(dim=1, keepdim=True)"]),
        ),
        Misconception(
            "new-skip-layer",
            "a new layer made in forward",
            "forward makes a new layer each time it is called, where skip_layer should be used",
            "Layers are made once, in __init__. A layer made in forward never learns.",
            chain.having(first=["S = nn.Linear(X.shape[1], self.skip_layer.out_features)(X)"]),
            numbers=False,
        ),
        Misconception(
            "residual-around-every-layer",
            "skip from the wrong tensor",
            "there is a skip around every single layer, where one long skip is asked for",
            "The formula Activation(Layer(x)) + x is another network. " + plus,
            chain.having(chain.every("X = self.relu(self.layer_{k}(X)) + X"), "return X", []),
        ),
        Misconception(
            "linear-sum",
            "activation missing",
            "there is no ReLU at all, not after the layers and not after the sum",
            plus,
            chain.having(chain.every("X = self.layer_{k}(X)"), "return X + S"),
        ),
        Misconception(
            "only-the-sum-is-relued-late",
            "added too late",
            f"the deep path has no ReLU after layer_{n}, and neither has the sum",
            plus,
            chain.having(chain.at(n, f"X = self.layer_{n}(X)"), "return X + S"),
        ),
    ]
    found += [
        Misconception(
            f"skip-from-{k}",
            "skip from the wrong tensor",
            f"skip_layer is given the output of layer_{k}, not the input: "
            "X was overwritten before skip_layer used it",
            source,
            chain.having([*chain.steps[:k], "S = self.skip_layer(X)", *chain.steps[k:]], first=[]),
        )
        for k in range(1, n)
    ]
    return found


def misconceptions(name: str, depth: int, skip: bool) -> tuple[Misconception, ...]:
    """List the wrong ways to wire a chain, those that more likely are meant first.

    Args:
        name: the class's name.
        depth: number of layers.
        skip: whether one projection shortcut leads from the input to the output.
    """
    chain = Chain(depth, skip)
    return (
        *(_skip_mistakes(chain) if skip else ()),
        *_activation_mistakes(chain),
        *_order_mistakes(chain),
        *_gradient_mistakes(chain),
        *general_mistakes(chain, f"{name}(512, 32)", "layer_1", f"layer_{depth}"),
        *_other_mistakes(chain),
    )
