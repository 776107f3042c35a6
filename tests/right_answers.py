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


IMPORTS = (
    "import functools, logging, sys, warnings\n"
    "import torch.nn.functional as F\nimport torch.utils.checkpoint\n\n\n"
)


def _cell(exercise, lines, head=None, before=""):
    """The text of an answer cell, from the lines of its `forward`."""
    body = indent(_forward(lines), "    ")
    return f"{IMPORTS}{before}{head or exercise.head}\n\n{body}\n"


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
    kinds = {"residualblock": _blocks, "rezeroblock": _blocks, "residualnet": _nets}
    return kinds.get(exercise.answer, _chains)(exercise)


def _chains(exercise):
    skip = "skip_layer" in exercise.head
    depth = exercise.head.count("self.layer_")
    numbers = range(1, depth + 1)
    found = {}

    def add(style, lines, head=None, before=""):
        found[style] = _cell(exercise, lines, head, before)

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
    found["another-argument-name"] = f"{IMPORTS}{exercise.head}\n\n{indent(other, '    ')}\n"
    return found | _made_otherwise(exercise)


def _made_otherwise(exercise):
    """The right class, come by in other ways."""
    base = exercise.head.replace(f"class {exercise.name}(", "class Base(")
    body = indent(exercise.forward, "    ")
    typed = exercise.forward.replace("(self, X)", "(self, X: torch.Tensor) -> torch.Tensor")
    return {
        "inherited": f"{base}\n\n{body}\n\n\nclass {exercise.name}(Base):\n    pass\n",
        "made-elsewhere": f"{base}\n\n{body}\n\n\n{exercise.name} = Base\n",
        "annotated": f"{exercise.head}\n\n{indent(typed, '    ')}\n",
    }


# How the sum of a block may be written, where D is what is added and S the input.
BLOCK_SUMS = {
    "plain": "return S + D",
    "other-way-round": "return D + S",
    "torch-add": "return torch.add(S, D)",
    "stacked-sum": "return torch.stack([D, S]).sum(dim=0)",
    "in-place-on-a-copy": "S = S.clone()\nS += D\nreturn S",
    "add-method": "return S.add(D)",
    "sum-builtin": "return sum([D, S])",
    "minus-minus": "return S - (-D)",
    "overwritten-afterwards": "X = S + D\nreturn X",
}
# How alpha may be made.
ALPHAS = {
    "zeros-1": "nn.Parameter(torch.zeros(1))",
    "zeros": "nn.Parameter(torch.zeros(()))",
    "number": "nn.Parameter(torch.tensor(0.0))",
    "list": "nn.Parameter(torch.tensor([0.0]))",
    "one-by-one": "nn.Parameter(torch.zeros(1, 1))",
    "told-to-learn": "nn.Parameter(torch.zeros(1), requires_grad=True)",
    "set-to-0": "nn.Parameter(nn.init.zeros_(torch.empty(1)))",
    "minus-0": "nn.Parameter(-torch.zeros(1))",
}


def _blocks(exercise):
    """Right answers to a block."""
    factor = "self.alpha * " if exercise.writes_init else ""
    found = {}

    def add(style, lines, head=None, before=""):
        found[style] = _cell(exercise, lines, head, before)

    for style, step in STEPS.items():
        add(
            style, ["S = X", *step.format(layer="self.layer").splitlines(), f"return S + {factor}X"]
        )
    for style, total in BLOCK_SUMS.items():
        branch = f"D = {factor}self.relu(self.layer(X))"
        add(f"sum-{style}", ["S = X", branch, *total.splitlines()])
    right = f"return X + {factor}self.relu(self.layer(X))"
    add(
        "row-by-row",
        [
            "rows = []",
            "for x in X:",
            f"    rows.append({right[7:].replace('X', 'x')})",
            "return torch.stack(rows)",
        ],
    )
    add(
        "inner-function",
        ["def branch(h):", f"    return {right[11:]}".replace("X", "h"), "return X + branch(X)"],
    )
    add(
        "helper-outside",
        [f"return plus(X, {right[11:]})"],
        before="def plus(a, b):\n    return a + b\n\n\n",
    )
    add("sequential", [f"return X + {factor}nn.Sequential(self.layer, self.relu)(X)"])
    add(
        "sequential-in-init",
        [f"return X + {factor}self.branch(X)"],
        head=f"{exercise.head}\n        self.branch = nn.Sequential(self.layer, self.relu)",
    )
    add(
        "unused-layer-in-init",
        [right],
        head=f"{exercise.head}\n        self.unused = nn.Linear(width, 3)",
    )
    add("identity-module", [right.replace("X +", "nn.Identity()(X) +")])
    add("another-argument-name", [right])
    found["another-argument-name"] = found["another-argument-name"].replace("X", "inputs")
    if exercise.writes_init:
        given = "nn.Parameter(torch.tensor(0.0))"
        assert given in exercise.head
        for style, alpha in ALPHAS.items():
            add(f"alpha-{style}", [right], head=exercise.head.replace(given, alpha))
        add(
            "alpha-registered",
            [right],
            head=exercise.head.replace(
                f"self.alpha = {given}", f"self.register_parameter('alpha', {given})"
            ),
        )
        add("alpha-inside-the-branch", ["return X + (self.relu(self.layer(X)) * self.alpha)"])
    return found | _made_otherwise(exercise)


# How the blocks may be held …
HOLDERS = {
    "list-comprehension": "nn.ModuleList([block(width) for _ in range(depth - 2)])",
    "generator": "nn.ModuleList(block(width) for _ in range(depth - 2))",
    "sequential": "nn.Sequential(*[block(width) for _ in range(depth - 2)])",
    "from-2-to-depth": "nn.ModuleList([block(width) for k in range(2, depth)])",
    "by-keyword": "nn.ModuleList([block(width=width) for _ in range(depth - 2)])",
    "map": "nn.ModuleList(map(block, [width] * (depth - 2)))",
}
# … and gone through.
ROUNDS = {
    "loop": "for block in self.blocks:\n    X = block(X)",
    "index": "for k in range(len(self.blocks)):\n    X = self.blocks[k](X)",
    "enumerate": "for k, b in enumerate(self.blocks):\n    X = b(X)",
    "reduce": "X = functools.reduce(lambda h, b: b(h), self.blocks, X)",
    "sequential": "X = nn.Sequential(*self.blocks)(X)",
    "children": "for b in self.blocks.children():\n    X = b(X)",
    "while": "k = 0\nwhile k < len(self.blocks):\n    X = self.blocks[k](X)\n    k += 1",
    "history": "H = [X]\nfor b in self.blocks:\n    H.append(b(H[-1]))\nX = H[-1]",
    "forward-method": "for b in self.blocks:\n    X = b.forward(X)",
}


def _nets(exercise):
    """Right answers to a network of blocks."""
    found = {}
    given = "nn.ModuleList(block(width) for _ in range(depth - 2))"
    assert given in exercise.head

    def add(style, lines, head=None, before=""):
        found[style] = _cell(exercise, lines, head, before)

    first, last = "X = self.relu(self.first(X))", "return self.last(X)"
    rounds = {name: lines.splitlines() for name, lines in ROUNDS.items()}
    for style, step in STEPS.items():
        add(style, [*step.format(layer="self.first").splitlines(), *rounds["loop"], last])
    for style, lines in rounds.items():
        add(f"blocks-{style}", [first, *lines, last])
    for style, holder in HOLDERS.items():
        add(
            f"held-{style}",
            [first, *rounds["loop"], last],
            head=exercise.head.replace(given, holder),
        )
    held = exercise.head.replace(given, HOLDERS["sequential"])
    add("blocks-called-as-one", [first, "return self.last(self.blocks(X))"], head=held)
    appended = (
        "nn.ModuleList()\n        for _ in range(depth - 2):\n"
        "            self.blocks.append(block(width))"
    )
    add(
        "held-appended", [first, *rounds["loop"], last], head=exercise.head.replace(given, appended)
    )
    add("one-line", ["return self.last(nn.Sequential(self.first, self.relu, *self.blocks)(X))"])
    add(
        "unused-layer-in-init",
        [first, *rounds["loop"], last],
        head=f"{exercise.head}\n        self.unused = nn.Linear(width, 3)",
    )
    add(
        "helper-outside",
        [first, "return self.last(through(self.blocks, X))"],
        before="def through(all, h):\n    for b in all:\n        h = b(h)\n    return h\n\n\n",
    )
    return found | _made_otherwise(exercise)
