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
    "import collections, copy, functools, itertools, logging, operator, sys, warnings\n"
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
    """All right answers to an exercise, as text of a cell, by the name of their style.

    Of an exercise that `KINDS` does not have, only those that any class has.
    """
    return KINDS.get(exercise.answer, _made_otherwise)(exercise)


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


# More ways to write one layer and its ReLU, for the blocks and the networks made of them.
MORE_STEPS = {
    "absolute-value": "X = {layer}(X)\nX = (X + X.abs()) / 2",
    "set-to-0": "X = {layer}(X)\nX[X < 0] = 0",
    "masked-fill": "X = {layer}(X)\nX = X.masked_fill(X < 0, 0)",
    "minus-negative-part": "X = {layer}(X)\nX = X - X.clamp(max=0)",
    "plus-relu-of-minus": "X = {layer}(X)\nX = X + F.relu(-X)",
    "largest-of-two": "X = {layer}(X)\nX = torch.stack([X, torch.zeros_like(X)]).amax(dim=0)",
    "elu-of-0": "X = F.elu({layer}(X), alpha=0)",
    "in-place-method": "X = {layer}(X)\nX.relu_()",
    "own-autograd": "X = OwnReLU.apply({layer}(X))",
    "compiled-by-torchscript": "X = scripted({layer}(X))",
    "baddbmm": "X = self.relu(torch.baddbmm({layer}.bias[None, None], X[None], "
    "{layer}.weight.T[None])[0])",
    "convolution": "X = self.relu(F.conv1d(X[:, :, None], {layer}.weight[:, :, None], "
    "{layer}.bias)[:, :, 0])",
    "feature-by-feature": "X = self.relu(torch.stack([X @ w + b for w, b in "
    "zip({layer}.weight, {layer}.bias)], dim=1))",
    "column-of-ones": "X = self.relu(torch.cat([X, X.new_ones(len(X), 1)], 1) @ "
    "torch.cat([{layer}.weight, {layer}.bias[:, None]], 1).T)",
    "example-by-example": "X = self.relu(torch.cat([{layer}(x) for x in X.split(1)]))",
    "vmap": "X = torch.func.vmap(lambda x: self.relu({layer}(x)))(X)",
    "functional-call": "X = self.relu(torch.func.functional_call({layer}, "
    "dict({layer}.named_parameters()), (X,)))",
    "newer-checkpoint": "X = torch.utils.checkpoint.checkpoint(\n"
    "    lambda h: self.relu({layer}(h)), X, use_reentrant=False\n)",
}
OWN_RELU = """class OwnReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, Z):
        ctx.save_for_backward(Z)
        return Z.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient):
        (Z,) = ctx.saved_tensors
        return gradient * (Z > 0)


"""
SCRIPTED = 'scripted = torch.jit.CompilationUnit("def f(Z):\\n    return Z.relu()\\n").f\n\n\n'


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
    "minus-with-factor": "return torch.sub(S, D, alpha=-1)",
    "addcmul": "return torch.addcmul(S, torch.ones_like(D), D)",
    "twice-the-middle": "return 2 * torch.lerp(S, D, 0.5)",
    "in-place-on-a-product": "D = 1 * D\nD += S\nreturn D",
    "matched": "match S.ndim:\n    case 1:\n        raise ValueError(S.shape)\nreturn S + D",
    "into-an-empty-one": "Y = torch.empty_like(S)\nY[:] = S\nY += D\nreturn Y",
    "history-kept": "self.__dict__.setdefault('kept', []).append(S)\nreturn S + D",
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
    "float64-number": "nn.Parameter(torch.tensor(0.0, dtype=torch.float64))",
    "times-0": "nn.Parameter(0 * torch.randn(1))",
    "legacy": "nn.Parameter(torch.Tensor([0]))",
    "filled": "nn.Parameter(torch.empty(1).fill_(0))",
    "part-of-more": "nn.Parameter(torch.zeros(5)[:1])",
    "parameter-set-to-0": "nn.init.zeros_(nn.Parameter(torch.empty(1)))",
    "two-names": "nn.Parameter(torch.zeros(1))\n        self.scale = self.alpha",
    "set-later": "nn.Parameter(torch.ones(1))\n        self.alpha.data.zero_()",
    "copied": "copy.deepcopy(nn.Parameter(torch.zeros(1)))",
}
# How alpha may be used; Z is the output of the ReLU.
WITH_ALPHA = {
    "addcmul": "return torch.addcmul(X, self.alpha, Z)",
    "lerp": "return torch.lerp(X, X + Z, self.alpha)",
    "method": "return self.alpha.mul(Z).add(X)",
    "expanded": "return X + self.alpha.expand(X.shape) * Z",
    "squeezed": "return X + self.alpha.squeeze() * Z",
    "diagonal": "return X + F.linear(Z, self.alpha * torch.eye(X.shape[1]))",
    "minus-minus-alpha": "return X - (-self.alpha) * Z",
    "shown": "print('alpha', self.alpha.item())\nreturn X + self.alpha * Z",
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
    for style, step in MORE_STEPS.items():
        lines = ["S = X", *step.format(layer="self.layer").splitlines(), f"return S + {factor}X"]
        add(style, lines, before=OWN_RELU + SCRIPTED)
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
        for style, total in WITH_ALPHA.items():
            add(f"with-alpha-{style}", ["Z = self.relu(self.layer(X))", *total.splitlines()])
    return found | _made_otherwise(exercise)


# How the blocks may be held …
HOLDERS = {
    "list-comprehension": "nn.ModuleList([block(width) for _ in range(depth - 2)])",
    "generator": "nn.ModuleList(block(width) for _ in range(depth - 2))",
    "sequential": "nn.Sequential(*[block(width) for _ in range(depth - 2)])",
    "from-2-to-depth": "nn.ModuleList([block(width) for k in range(2, depth)])",
    "by-keyword": "nn.ModuleList([block(width=width) for _ in range(depth - 2)])",
    "map": "nn.ModuleList(map(block, [width] * (depth - 2)))",
    # nn.Sequential may give its modules names of its own
    "named": "nn.Sequential(collections.OrderedDict("
    "(f'block_{k}', block(width)) for k in range(depth - 2)))",
    "added-with-names": "nn.Sequential()\n        for k in range(1, depth - 1):\n"
    "            self.blocks.add_module(str(k), block(width))",
    "sliced": "nn.Sequential(*[block(width) for _ in range(depth)])[1:-1]",
    "inserted": "nn.ModuleList()\n        for _ in range(depth - 2):\n"
    "            self.blocks.insert(0, block(width))",
    "extended": "nn.ModuleList()\n"
    "        self.blocks.extend([block(width) for _ in range(depth - 2)])",
    "added-up": "nn.ModuleList()\n        while len(self.blocks) < depth - 2:\n"
    "            self.blocks += [block(width)]",
    "cut": "nn.ModuleList(block(width) for _ in range(depth))\n        del self.blocks[-2:]",
    "replaced": "nn.ModuleList([nn.Identity()] * (depth - 2))\n"
    "        for k in range(depth - 2):\n            self.blocks[k] = block(width)",
    "copied": "nn.ModuleList(copy.deepcopy(b) for b in [block(width)] * (depth - 2))",
    "endless": "nn.ModuleList(itertools.islice(iter(lambda: block(width), None), depth - 2))",
    "known-twice": "nn.ModuleList(block(width) for _ in range(depth - 2))\n"
    "        for k, made in enumerate(self.blocks):\n            setattr(self, f'b{k}', made)",
    "own-kind-of-list": "type('Blocks', (nn.ModuleList,), {})("
    "[block(width) for _ in range(depth - 2)])",
    "from-the-first-layer": "nn.Sequential(*[block(self.first.out_features) "
    "for _ in range(2, depth)])",
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
    "recursion": "def through(h, all):\n    return through(all[0](h), all[1:]) if all else h\n"
    "X = through(X, list(self.blocks))",
    "iterator": "turns = iter(self.blocks)\nwhile (b := next(turns, None)) is not None:\n"
    "    X = b(X)",
    "accumulate": "*_, X = itertools.accumulate(self.blocks, lambda h, b: b(h), initial=X)",
    "queue": "left = collections.deque(self.blocks)\nwhile left:\n    X = left.popleft()(X)",
    "by-path": "for k in range(len(self.blocks)):\n    X = self.get_submodule(f'blocks.{k}')(X)",
    "checkpointed": "for b in self.blocks:\n"
    "    X = torch.utils.checkpoint.checkpoint(b, X, use_reentrant=False)",
    "sizes-kept": "self.sizes = []\nfor b in self.blocks:\n    X = b(X)\n"
    "    self.sizes.append(X.norm().item())",
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
    for style, step in MORE_STEPS.items():
        if "feature" not in style:  # slow, and the same as in a block
            lines = [*step.format(layer="self.first").splitlines(), *rounds["loop"], last]
            add(style, lines, before=OWN_RELU + SCRIPTED)
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


# How the parts of a block of convolutions may be written; {k} is 1 or 2, {} what it is given.
CONVS = {
    "functional": "F.conv1d({}, self.conv_{k}.weight, None, self.conv_{k}.stride, 1)",
    "padded-by-hand": "F.conv1d(F.pad({}, (1, 1)), self.conv_{k}.weight, "
    "stride=self.conv_{k}.stride)",
    "in-two-dimensions": "F.conv2d({}.unsqueeze(2), self.conv_{k}.weight.unsqueeze(2), "
    "stride=(1, *self.conv_{k}.stride), padding=(0, 1)).squeeze(2)",
    "unfolded": "torch.einsum('oik,bitk->bot', self.conv_{k}.weight, "
    "F.pad({}, (1, 1)).unfold(2, 3, self.conv_{k}.stride[0]))",
    "in-double": "F.conv1d({}.double(), self.conv_{k}.weight.double(), None, "
    "self.conv_{k}.stride, 1).float()",
    "bound-method": "self.conv_{k}.forward({})",
    "by-keyword": "self.conv_{k}(input={})",
    "torch": "torch.conv1d({}, self.conv_{k}.weight, None, self.conv_{k}.stride, "
    "self.conv_{k}.padding)",
    "every-other-place": "F.conv1d({}, self.conv_{k}.weight, padding=1)"
    "[:, :, :: self.conv_{k}.stride[0]]",
    "shifts-added": "(lambda Z: sum(self.conv_{k}.weight[:, :, j] @ F.pad(Z, (1 - j, j - 1)) "
    "for j in range(3)))({})[:, :, :: self.conv_{k}.stride[0]]",
    "windows-times-matrix": "(lambda Z: (Z.permute(0, 2, 1, 3).flatten(2) "
    "@ self.conv_{k}.weight.flatten(1).T).mT)"
    "(F.pad({}, (1, 1)).unfold(2, 3, self.conv_{k}.stride[0]))",
    "fold-unfold": "(self.conv_{k}.weight.flatten(1) @ F.unfold(F.pad({}, (1, 1)).unsqueeze(2), "
    "(1, 3), stride=(1, self.conv_{k}.stride[0])))",
    "one-channel-after-the-other": "sum(F.conv1d(x, w, None, self.conv_{k}.stride, 1) "
    "for x, w in zip(({}).split(1, 1), self.conv_{k}.weight.split(1, 1)))",
    "mapped": "torch.vmap(lambda x: F.conv1d(x, self.conv_{k}.weight, None, "
    "self.conv_{k}.stride, 1))({})",
    "one-example-after-the-other": "torch.stack([self.conv_{k}(x) for x in {}])",
    "channels-last": "self.conv_{k}(({}).mT.contiguous().mT)",
    "functional-call": "torch.func.functional_call(self.conv_{k}, "
    "dict(self.conv_{k}.named_parameters()), ({},))",
    "by-name": "self.get_submodule('conv_{k}')({})",
}
CALLED = "{}, self.norm_{k}.running_mean, self.norm_{k}.running_var, self.norm_{k}.weight, "
NORMS = {
    "functional": f"F.batch_norm({CALLED}self.norm_{{k}}.bias, self.training)",
    "functional-own-mode": f"F.batch_norm({CALLED}self.norm_{{k}}.bias, self.norm_{{k}}.training)",
    "functional-in-full": f"F.batch_norm({CALLED}bias=self.norm_{{k}}.bias, "
    "training=self.training, momentum=self.norm_{k}.momentum, eps=self.norm_{k}.eps)",
    "torch": "torch.batch_norm({}, self.norm_{k}.weight, self.norm_{k}.bias, "
    "self.norm_{k}.running_mean, self.norm_{k}.running_var, self.training, 0.1, 1e-5, False)",
    "contiguous": "self.norm_{k}({}.contiguous())",
    "by-hand": "normalise(self.norm_{k}, {})",
    "as-if-two-dimensional": f"F.batch_norm({CALLED}self.norm_{{k}}.bias, self.training)".replace(
        "{},", "{}.unsqueeze(3),"
    )
    + ".squeeze(3)",
    "by-keyword": "self.norm_{k}(input={})",
    "bound-method": "self.norm_{k}.forward({})",
    "native": "torch.native_batch_norm({}, self.norm_{k}.weight, self.norm_{k}.bias, "
    "self.norm_{k}.running_mean, self.norm_{k}.running_var, self.training, 0.1, 1e-5)[0]",
    "scaled-and-shifted-after": "(F.batch_norm({}, self.norm_{k}.running_mean, "
    "self.norm_{k}.running_var, training=self.training) * self.norm_{k}.weight[:, None] "
    "+ self.norm_{k}.bias[:, None])",
    "as-rows": "(lambda Z: self.norm_{k}(Z.mT.flatten(0, 1)).view_as(Z.mT).mT)({})",
    "told-its-mode": "self.norm_{k}.train(self.training)({})",
    "by-hand-with-new-buffers": "renew(self.norm_{k}, {})",
}
NORMALISE = """def normalise(norm, X):
    if norm.training:
        mean = X.mean(dim=(0, 2))
        variance = (X - mean[:, None]).pow(2).mean(dim=(0, 2))
        with torch.no_grad():
            count = X.shape[0] * X.shape[2]
            norm.running_mean.mul_(0.9).add_(0.1 * mean)
            norm.running_var.mul_(0.9).add_(0.1 * variance * count / (count - 1))
            norm.num_batches_tracked += 1
    else:
        mean, variance = norm.running_mean, norm.running_var
    X = (X - mean[:, None]) / torch.sqrt(variance[:, None] + norm.eps)
    return X * norm.weight[:, None] + norm.bias[:, None]


def renew(norm, X):
    mean, variance = norm.running_mean, norm.running_var
    if norm.training:
        variance, mean = torch.var_mean(X, dim=(0, 2), correction=0)
        spread = torch.var(X.detach(), dim=(0, 2))
        norm.running_mean = torch.lerp(norm.running_mean, mean.detach(), norm.momentum)
        norm.running_var = torch.lerp(norm.running_var, spread, norm.momentum)
    factor = norm.weight * torch.rsqrt(variance + norm.eps)
    return X * factor[:, None] + (norm.bias - mean * factor)[:, None]


"""
RELUS = {
    "module": "self.relu({})",
    "functional": "F.relu({})",
    "torch-relu": "torch.relu({})",
    "method": "({}).relu()",
    "clamp": "({}).clamp(min=0)",
    "where": "(lambda Z: torch.where(Z > 0, Z, torch.zeros_like(Z)))({})",
    "maximum": "(lambda Z: torch.maximum(Z, torch.zeros_like(Z)))({})",
    "mask": "(lambda Z: Z * (Z > 0))({})",
    "threshold": "F.threshold({}, 0, 0)",
    "own-relu-module": "nn.ReLU()({})",
    "in-place-relu": "F.relu({}, inplace=True)",
    "relu-method-in-place": "({}).relu_()",
    "no-op-leaky": "F.leaky_relu({}, negative_slope=0.0)",
    "relu-twice": "self.relu(self.relu({}))",
    "functional-in-place": "F.relu_({})",
    "own-relu-module-in-place": "nn.ReLU(inplace=True)({})",
    "clamp-in-place": "({}).clamp_(min=0)",
    "half-of-absolute": "(lambda Z: (Z + Z.abs()) / 2)({})",
    "masked-fill": "(lambda Z: Z.masked_fill(Z < 0, 0))({})",
    "minus-negative": "(lambda Z: Z - Z.clamp(max=0))({})",
    "set-to-zero": "zeroed({})",
    "own-autograd-function": "OwnReLU.apply({})",
    "own-module": "Masked()({})",
    "scripted": "scripted({})",
    "traced": "traced({})",
    "prelu-of-zero": "F.prelu({}, torch.zeros(1))",
    "larger-of-two": "torch.max({}, torch.tensor(0.0))",
}
HELPERS = ("zeroed", "OwnReLU", "Masked", "scripted", "traced")
ZEROED = """def zeroed(X):
    X = X.clone()
    X[X < 0] = 0
    return X


"""
MASKED = """class Masked(nn.Module):
    def forward(self, X):
        return X * (X > 0)


"""
TRACED = """traced = torch.jit.trace(torch.relu, torch.ones(2, 3))


"""
# What stands around a step of the branch.
AROUND = {
    "prints": "print('shape', X.shape)\n{}",
    "warns": "warnings.warn('just so you know', stacklevel=1)\n{}",
    "stderr": "print('hm', file=sys.stderr)\n{}",
    "logs": "logging.warning('shape %s', X.shape)\n{}",
    "asserts": "assert X.ndim == 3\n{}",
    "clones": "X = X.clone()\n{}",
    "float": "X = X.float()\n{}",
    "remembers-for-plots": "{}\nself.last_activation = X.detach()",
    "walrus": "{}\nX = (Z := X)",
    "no-op-dropout": "{}\nX = F.dropout(X, 0.0, self.training)",
    "counts-calls": "self.calls = getattr(self, 'calls', 0) + 1\n{}",
    "remembers-input": "self.given = X\n{}",
    "notes-mode": "self.mode = 'train' if self.training else 'eval'\n{}",
    "notes-gradient": "{}\nself.norms = []\nif X.requires_grad:\n"
    "    X.register_hook(lambda g: self.norms.append(g.norm().item()))",
    "keeps-gradient": "{}\nif X.requires_grad:\n    X.retain_grad()",
    "raises-if-wrong": "if X.dim() != 3:\n    raise ValueError('three dimensions')\n{}",
    "no-autocast": "with torch.autocast('cpu', enabled=False):\n    {}",
    "same-gradient-mode": "with torch.set_grad_enabled(torch.is_grad_enabled()):\n    {}",
}
# How the sum may be written, where D is the branch's result and S the shortcut's.
MORE_SUMS = {
    "operator": "return operator.add(S, D)",
    "einsum": "return torch.einsum('kbcl->bcl', torch.stack([S, D]))",
    "halfway-twice": "return 2 * torch.lerp(S, D, 0.5)",
    "into-zeros": "out = torch.zeros_like(D)\nout += D\nout += S\nreturn out",
    "into-the-branch-by-method": "return D.add_(S)",
    "minus-once": "return torch.sub(D, S, alpha=-1)",
    "one-by-one": "return torch.stack([s + d for s, d in zip(S, D)])",
    "flattened": "return (S.flatten(1) + D.flatten(1)).view_as(D)",
    "by-way-of-double": "return (S.double() + D.double()).float()",
    "kept": "self.total = S + D\nreturn self.total",
    "shapes-asserted": "assert S.shape == D.shape\nreturn S + D",
}
# What may be added to `__init__` without changing the block; {branch} lists its steps.
INITS = {
    "weights-initialised": "for m in self.modules():\n    if isinstance(m, nn.Conv1d):\n"
    "        nn.init.kaiming_normal_(m.weight)\nnn.init.zeros_(self.norm_2.weight)",
    "hook": "self.conv_1.register_forward_hook(lambda *_: None)",
    "input-cloned-by-a-hook": "self.conv_1.register_forward_pre_hook(lambda _, X: X[0].clone())",
    "constant-buffer": "self.register_buffer('one', torch.ones(1))",
    "other-names": "self.first, self.second = self.conv_1, self.conv_2",
    "plain-list": "self.every = [{branch}]",
    "relu-of-another-name": "self.relu = nn.Threshold(0, 0)",
    "relu-is-scripted": "self.relu = torch.jit.script(nn.ReLU())",
    "seed": "torch.manual_seed(0)",
}
# What may become of the class; {name} is its name, {body} the lines of `forward`.
AFTERS = {
    "forward-from-outside": "def outside(self, X):\n    {body}\n\n\n{name}.forward = outside\n",
    "method-for-the-branch": "{name}.through = lambda self, X: {name}.plain(self, X)\n"
    "{name}.plain, {name}.forward = {name}.forward, lambda self, X: self.through(X)\n",
}
# How a projection may be made, where it is needed and where it is not.
MAKINGS = {
    "greater": "if stride > 1 or out_channels != in_channels:",
    "not-both": "if not (stride == 1 and in_channels == out_channels):",
    "tuples": "if (in_channels, 1) != (out_channels, stride):",
    "any": "if any([stride != 1, in_channels != out_channels]):",
    "differences": "if abs(stride - 1) + abs(in_channels - out_channels):",
    "from-conv-1": "if self.conv_1.stride != (1,) or self.conv_1.in_channels != out_channels:",
    "tried-out": "if self.conv_1(torch.zeros(1, in_channels, 12)).shape != (1, in_channels, 12):",
}
PROJECTIONS = {
    "by-keyword": "nn.Conv1d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False)",
    "positional": "nn.Conv1d(in_channels, out_channels, 1, stride, bias=False)",
    "tuples": "nn.Conv1d(in_channels, out_channels, (1,), (stride,), bias=False)",
    "no-padding": "nn.Conv1d(in_channels, out_channels, 1, stride=stride, padding=0, bias=False)",
    "bias-none": "nn.Conv1d(in_channels, out_channels, 1, stride=stride, bias=None)",
    "bias-taken-away": "nn.Conv1d(in_channels, out_channels, 1, stride=stride)\n"
    "            self.projection.bias = None",
    "by-dictionary": "nn.Conv1d(in_channels, out_channels, **dict(kernel_size=1, stride=stride, "
    "bias=False))",
    "dilated-in-vain": "nn.Conv1d(in_channels, out_channels, 1, stride, 0, 3, 1, False)",
    "second-name": "nn.Conv1d(in_channels, out_channels, 1, stride=stride, bias=False)\n"
    "            self.shortcut = self.projection",
    "own-kind": "type('Projection', (nn.Conv1d,), {})(in_channels, out_channels, 1, stride, "
    "bias=False)",
    "initialised": "nn.Conv1d(in_channels, out_channels, 1, stride=stride, bias=False)\n"
    "            nn.init.kaiming_normal_(self.projection.weight)",
}
IDENTITIES = {
    "empty-sequential": "nn.Sequential()",
    "function": "lambda X: X",
    "identity-with-arguments": "nn.Identity(in_channels, out_channels)",
    "flattening-nothing": "nn.Dropout(0.0)",
}


def _resnets(exercise):
    """Right answers to a block of convolutions."""
    pre = exercise.name == "PreActBlock"
    shortcut = "self.projection(X)" if exercise.writes_init else "X"
    found = {}

    def add(style, lines, head=None, before=""):
        found[style] = _cell(exercise, lines, head, before)

    def step(k, conv="self.conv_{k}({})", norm="self.norm_{k}({})", relu="self.relu({})"):
        orders = (conv, relu, norm) if pre else (relu, norm, conv) if k == 1 else (norm, conv)
        expression = "X"
        for part in reversed(orders):
            expression = part.replace("{k}", str(k)).replace("{}", expression)
        return expression

    def summed(total, relu="self.relu({})"):
        return total if pre else relu.replace("{}", total)

    steps = [f"X = {step(k)}" for k in (1, 2)]
    first, last = f"S = {shortcut}", f"return {summed('S + X')}"
    for part, ways in (("conv", CONVS), ("norm", NORMS), ("relu", RELUS)):
        for style, way in ways.items():
            lines = [first, *[f"X = {step(k, **{part: way})}" for k in (1, 2)]]
            end = f"return {summed('S + X', way)}" if part == "relu" else last
            before = NORMALISE if "by-hand" in style else ""
            if any(f"{name}(" in way or f"{name}." in way for name in HELPERS):
                before = ZEROED + OWN_RELU + MASKED + SCRIPTED + TRACED
            add(f"{part}-{style}", [*lines, end], before=before)
    for style, around in AROUND.items():
        add(style, [first, *around.replace("{}", steps[0]).splitlines(), steps[1], last])
    for style, total in (BLOCK_SUMS | MORE_SUMS).items():
        branch = [first, *steps, "D = X"]
        *lines, end = total.splitlines()
        add(f"sum-{style}", [*branch, *lines, f"return {summed(f'({end[7:]})')}"])
    add("sum-into-the-branch", [first, *steps, "X += S", f"return {summed('X')}"])
    add("sum-afterwards", ["given = X", *steps, f"X = X + {shortcut.replace('X', 'given')}",
                           f"return {summed('X')}"])  # fmt: skip
    one = step(2).replace("X", step(1))
    add("one-line", [f"return {summed(f'{shortcut} + {one}')}"])
    branch = "[self.norm_1, self.relu, self.conv_1, self.norm_2, self.relu, self.conv_2]"
    if not pre:
        branch = "[self.conv_1, self.norm_1, self.relu, self.conv_2, self.norm_2]"
    add("loop", [first, f"for layer in {branch}:", "    X = layer(X)", last])
    add("reduce", [first, f"X = functools.reduce(lambda h, f: f(h), {branch}, X)", last])
    add("sequential", [first, f"X = nn.Sequential(*{branch})(X)", last])
    add(
        "sequential-in-init",
        [first, "X = self.branch(X)", last],
        head=f"{exercise.head}\n        self.branch = nn.Sequential(*{branch})",
    )
    through = "def through(layers, h):\n    for f in layers:\n        h = f(h)\n    return h\n\n\n"
    add("helper-outside", [first, f"X = through({branch}, X)", last], before=through)
    for style, more in INITS.items():
        lines = indent(more.replace("{branch}", branch[1:-1]), " " * 8)
        add(f"init-{style}", [first, *steps, last], head=f"{exercise.head}\n{lines}")
    for style, after in AFTERS.items():
        add(f"after-{style}", [first, *steps, last])
        body = "\n    ".join([first, *steps, last])
        found[f"after-{style}"] += "\n\n" + after.format(name=exercise.name, body=body)
    add(
        "sequential-made-once",
        ["if not hasattr(self, 'branch'):", f"    self.branch = nn.Sequential(*{branch})",
         first, "X = self.branch(X)", last],
    )  # fmt: skip
    add(
        "shortcut-added-by-a-hook",
        [f"return {summed('self.branch(X)')}"],
        head=f"{exercise.head}\n        self.branch = nn.Sequential(*{branch})\n"
        "        self.branch.register_forward_hook(lambda _, given, out: out + "
        f"{shortcut.replace('X', 'given[0]')})",
    )
    add(
        "checkpoint-of-all",
        [first, f"X = torch.utils.checkpoint.checkpoint(nn.Sequential(*{branch}), X, "
         "use_reentrant=True)", last],
    )  # fmt: skip
    norms, convs = "(self.norm_1, self.norm_2)", "(self.conv_1, self.conv_2)"
    pair = ["X = conv(self.relu(norm(X)))"] if pre else [
        "X = norm(conv(X))", "if norm is self.norm_1:", "    X = self.relu(X)"]  # fmt: skip
    pairs = [f"for norm, conv in zip({norms}, {convs}):", *(f"    {line}" for line in pair)]
    add("pairs", [first, *pairs, last])
    add(
        "all-functional",
        [first, *[f"X = {step(k, CONVS['functional'], NORMS['functional'], RELUS['functional'])}"
                  for k in (1, 2)], f"return {summed('S + X', RELUS['functional'])}"],
    )  # fmt: skip
    add(
        "all-by-hand",
        [first, *[f"X = {step(k, CONVS['fold-unfold'], NORMS['by-hand'], RELUS['mask'])}"
                  for k in (1, 2)], f"return {summed('S + X', RELUS['mask'])}"],
        before=NORMALISE,
    )  # fmt: skip
    add("more-arguments", [first, *steps, last])
    found["more-arguments"] = found["more-arguments"].replace(
        "def forward(self, X):", "def forward(self, X, mask=None, *, verbose=False, **others):"
    )
    add(
        "inner-function",
        ["def branch(X):", *(f"    {line}" for line in steps), "    return X",
         f"return {summed(f'{shortcut} + branch(X)')}"],
    )  # fmt: skip
    add(
        "checkpoint",
        [first, "X = torch.utils.checkpoint.checkpoint(", f"    lambda X: {step(1)}, X,",
         "    use_reentrant=False, preserve_rng_state=False", ")", steps[1], last],
    )  # fmt: skip
    add(
        "in-place-relu-in-init",
        [first, *steps, last],
        head=exercise.head.replace("nn.ReLU()", "nn.ReLU(inplace=True)"),
    )
    add(
        "unused-layer-in-init",
        [first, *steps, last],
        head=f"{exercise.head}\n        self.unused = nn.BatchNorm1d(3)",
    )
    add("identity-module", [f"S = nn.Identity()({shortcut})", *steps, last])
    add("another-argument-name", [first, *steps, last])
    found["another-argument-name"] = found["another-argument-name"].replace("X", "inputs")
    if exercise.writes_init:
        right = [first, *steps, last]
        condition = "if stride != 1 or in_channels != out_channels:"
        conv = "nn.Conv1d(in_channels, out_channels, 1, stride=stride, bias=False)"
        assert condition in exercise.head and conv in exercise.head
        for style, making in MAKINGS.items():
            add(f"when-{style}", right, exercise.head.replace(condition, making))
        for style, projection in PROJECTIONS.items():
            add(f"projection-{style}", right, exercise.head.replace(conv, projection))
        for style, identity in IDENTITIES.items():
            add(f"identity-{style}", right, exercise.head.replace("nn.Identity()", identity))
        base = exercise.head[: exercise.head.index(f"        {condition}")]
        either = (
            f"        self.projection = {conv} if stride != 1 or in_channels != out_channels else"
        )
        add("conditional-expression", right, f"{base}{either} nn.Identity()")
        add(
            "none-where-not-needed",
            ["S = X if self.projection is None else self.projection(X)", *steps, last],
            f"{base}{either} None",
        )
        add(
            "no-attribute-where-not-needed",
            ["S = self.projection(X) if hasattr(self, 'projection') else X", *steps, last],
            f"{base}        {condition}\n            self.projection = {conv}",
        )
        add(
            "identity-first",
            right,
            f"{base}        self.projection = nn.Identity()\n        {condition}\n"
            f"            self.projection = {conv}",
        )
        add(
            "added-by-name",
            right,
            f"{base}        {condition}\n            self.add_module('projection', {conv})\n"
            "        else:\n            self.add_module('projection', nn.Identity())",
        )
        weight = "self.projection.weight"
        strided = "X[:, :, :: self.conv_1.stride[0]]"
        for style, projected in {
            "functional": f"F.conv1d(X, {weight}, stride=self.conv_1.stride)",
            "matrix": f"{weight}[:, :, 0] @ {strided}",
            "linear": f"F.linear({strided}.mT, {weight}.squeeze(2)).mT",
            "pooled-by-one": f"F.conv1d(F.max_pool1d(X, 1, self.conv_1.stride), {weight})",
        }.items():
            is_same = "isinstance(self.projection, nn.Identity)"
            add(f"projected-{style}", [f"S = X if {is_same} else {projected}", *steps, last])
        add(
            "only-where-shapes-differ",
            ["given = X", *steps,
             "S = given if given.shape == X.shape else self.projection(given)", last],
        )  # fmt: skip
        add(
            "every-other-place",
            ["S = self.projection(X[:, :, :: self.conv_1.stride[0]])", *steps, last],
            exercise.head.replace(conv, conv.replace("stride=stride, ", "")),
        )
    return found | _made_otherwise(exercise)


# Who writes the right answers to an exercise.
KINDS = {
    **dict.fromkeys(("normalnet3", "normalnet7", "skipnet3", "skipnet7"), _chains),
    **{"residualblock": _blocks, "rezeroblock": _blocks, "residualnet": _nets},
    **dict.fromkeys(("basicblock", "projectionblock", "preactblock"), _resnets),
}
