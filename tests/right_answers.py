"""Right answers, written in many ways: each must pass every check."""

from textwrap import indent

# How one layer and its ReLU may be written; {layer} is self.layer_1 and so on, X the input.
STEPS = {
    "module": "X = self.relu({layer}(X))",
    "functional": "X = F.relu({layer}(X))",
    "torch-relu": "X = torch.relu({layer}(X))",
    "method": "X = {layer}(X).relu()",
    "clamp": "X = {layer}(X).clamp(min=0)",
    "where": "X = {layer}(X)\nX = torch.where(X > 0, X, torch.zeros_like(X))",
    "maximum": "X = {layer}(X)\nX = torch.maximum(X, torch.zeros_like(X))",
    "mask": "X = {layer}(X)\nX = X * (X > 0)",
    "threshold": "X = F.threshold({layer}(X), 0, 0)",
    "own-relu-module": "X = nn.ReLU()({layer}(X))",
    "in-place-relu": "X = F.relu({layer}(X), inplace=True)",
    "relu-twice": "X = self.relu(self.relu({layer}(X)))",
    "linear-by-hand": "X = self.relu(X @ {layer}.weight.T + {layer}.bias)",
    "functional-linear": "X = self.relu(F.linear(X, {layer}.weight, {layer}.bias))",
    "addmm": "X = self.relu(torch.addmm({layer}.bias, X, {layer}.weight.t()))",
    "einsum": "X = self.relu(torch.einsum('bi,oi->bo', X, {layer}.weight) + {layer}.bias)",
    "no-op-leaky": "X = F.leaky_relu({layer}(X), negative_slope=0.0)",
    "prints": "X = self.relu({layer}(X))\nprint('shape', X.shape)",
    "warns": "X = self.relu({layer}(X))\nwarnings.warn('just so you know', stacklevel=1)",
    "stderr": "X = self.relu({layer}(X))\nprint('hm', file=sys.stderr)",
    "asserts": "assert X.ndim == 2\nX = self.relu({layer}(X))",
    "float": "X = self.relu({layer}(X.float()))",
    "in-double": "X = self.relu(F.linear(X.double(), {layer}.weight.double(), "
    "{layer}.bias.double())).float()",
    "clones": "X = self.relu({layer}(X.clone()))",
    "remembers-for-plots": "X = self.relu({layer}(X))\nself.last_activation = X.detach()",
    "bound-method": "X = self.relu.forward({layer}.forward(X))",
    "logs": "X = self.relu({layer}(X))\nlogging.warning('shape %s', X.shape)",
    "checkpoint": "X = torch.utils.checkpoint.checkpoint(\n"
    "    lambda h: self.relu({layer}(h)), X, use_reentrant=True\n)",
    "walrus": "X = self.relu(Z := {layer}(X))",
}

# How the sum may be written, where D is the deep path's result and S the skip's.
SUMS = {
    "plain": "return self.relu(D + S)",
    "other-way-round": "return self.relu(S + D)",
    "torch-add": "return torch.relu(torch.add(D, S))",
    "stacked-sum": "return torch.stack([D, S]).sum(dim=0).relu()",
    "in-place-add": "S += D\nreturn self.relu(S)",
    "add-method": "return D.add(S).clamp(min=0)",
    "sum-builtin": "return self.relu(sum([D, S]))",
    "minus-minus": "return self.relu(D - (-S))",
}


def _forward(lines):
    return "def forward(self, X):\n" + indent("\n".join(lines), "    ")


def _loops(depth, skip):
    """Whole bodies that do not go line by line."""
    layers = ", ".join(f"self.layer_{k}" for k in range(1, depth + 1))
    both = ", ".join(f"self.layer_{k}, self.relu" for k in range(1, depth + 1))
    end = ["return self.relu(X + S)" if skip else "return X"]
    start = ["S = self.skip_layer(X)"] if skip else []
    yield "loop", [*start, f"for layer in [{layers}]:", "    X = self.relu(layer(X))", *end]
    yield (
        "getattr",
        [
            *start,
            f"for k in range(1, {depth + 1}):",
            "    X = self.relu(getattr(self, f'layer_{k}')(X))",
            *end,
        ],
    )
    yield "sequential", [*start, f"X = nn.Sequential({both})(X)", *end]
    yield (
        "reduce",
        [*start, f"X = functools.reduce(lambda h, f: self.relu(f(h)), [{layers}], X)", *end],
    )
    yield (
        "children",
        [
            *start,
            "for name, layer in self.named_children():",
            "    if name.startswith('layer_'):",
            "        X = self.relu(layer(X))",
            *end,
        ],
    )
    yield (
        "inner-function",
        [
            *start,
            "def step(f, h):",
            "    return self.relu(f(h))",
            f"for f in ({layers},):",
            "    X = step(f, X)",
            *end,
        ],
    )
    yield (
        "list-of-activations",
        [
            "H = [X]",
            f"for f in ({layers},):",
            "    H.append(self.relu(f(H[-1])))",
            "return self.relu(H[-1] + self.skip_layer(H[0]))" if skip else "return H[-1]",
        ],
    )
    yield (
        "row-by-row",
        [
            "rows = []",
            "for x in X:",
            *([f"    {line.replace('X', 'x')}" for line in start]),
            f"    for f in ({layers},):",
            "        x = self.relu(f(x))",
            "    rows.append(self.relu(x + S))" if skip else "    rows.append(x)",
            "return torch.stack(rows)",
        ],
    )
    yield (
        "skip-last",
        [
            "given = X",
            f"for f in ({layers},):",
            "    X = self.relu(f(X))",
            "return self.relu(self.skip_layer(given) + X)" if skip else "return X",
        ],
    )


def right_answers(exercise):
    """All right answers to an exercise, as text of a cell, by the name of their style."""
    skip = "skip_layer" in exercise.head
    depth = exercise.head.count("self.layer_")
    numbers = range(1, depth + 1)
    imports = (
        "import functools, logging, sys, warnings\n"
        "import torch.nn.functional as F\nimport torch.utils.checkpoint\n\n\n"
    )
    found = {}

    def add(style, lines, head=None, before="", after=""):
        text = f"{before}{head or exercise.head}\n\n{indent(_forward(lines), '    ')}\n{after}"
        found[style] = imports + text

    for style, step in STEPS.items():
        lines = [
            line for k in numbers for line in step.format(layer=f"self.layer_{k}").splitlines()
        ]
        first = ["S = self.skip_layer(X)"] if skip else []
        add(style, [*first, *lines, "return self.relu(X + S)" if skip else "return X"])
    if skip:
        chain = [f"D = self.relu(self.layer_{k}({'D' if k > 1 else 'X'}))" for k in numbers]
        for style, total in SUMS.items():
            add(f"sum-{style}", [*chain, "S = self.skip_layer(X)", *total.splitlines()])
    for style, lines in _loops(depth, skip):
        add(style, lines)

    end = "return self.relu(X + S)" if skip else "return X"
    start = ["S = self.skip_layer(X)"] if skip else []
    both = ", ".join(f"self.layer_{k}, self.relu" for k in numbers)
    add(
        "sequential-in-init",
        [*start, "X = self.deep(X)", end],
        head=f"{exercise.head}\n        self.deep = nn.Sequential({both})",
    )
    layers = ", ".join(f"self.layer_{k}" for k in numbers)
    add(
        "module-list-in-init",
        [*start, "for f in self.every:", "    X = self.relu(f(X))", end],
        head=f"{exercise.head}\n        self.every = nn.ModuleList([{layers}])",
    )
    add(
        "unused-layer-in-init",
        [*start, *[f"X = self.relu(self.layer_{k}(X))" for k in numbers], end],
        head=f"{exercise.head}\n        self.unused = nn.Linear(input_size, 3)",
    )
    add(
        "frozen-constant-in-init",
        [*start, *[f"X = self.one * self.relu(self.layer_{k}(X))" for k in numbers], end],
        head=f"{exercise.head}\n"
        "        self.one = nn.Parameter(torch.ones(1), requires_grad=False)",
    )
    add(
        "helper-outside",
        [*start, f"X = through([{layers}], X)", end],
        before="def through(layers, h):\n"
        "    for f in layers:\n        h = torch.relu(f(h))\n    return h\n\n\n",
    )
    steps = [f"x = self.relu(self.layer_{k}(x))" for k in numbers]
    other = "\n".join(
        ["def forward(self, x):"]
        + [f"    {line}" for line in (["s = self.skip_layer(x)"] if skip else [])]
        + [f"    {line}" for line in steps]
        + ["    return self.relu(x + s)" if skip else "    return x"]
    )
    found["another-argument-name"] = f"{imports}{exercise.head}\n\n{indent(other, '    ')}\n"
    base = exercise.head.replace(f"class {exercise.name}(", "class Base(")
    body = indent(exercise.forward, "    ")
    found["inherited"] = f"{base}\n\n{body}\n\n\nclass {exercise.name}(Base):\n    pass\n"
    found["made-elsewhere"] = f"{base}\n\n{body}\n\n\n{exercise.name} = Base\n"
    found["annotated"] = (
        f"{exercise.head}\n\n"
        + indent(
            exercise.forward.replace("(self, X)", "(self, X: torch.Tensor) -> torch.Tensor"), "    "
        )
        + "\n"
    )
    return found
