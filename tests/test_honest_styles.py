"""Right answers get full marks, whatever else their authors' code does on the way."""

from textwrap import dedent

import pytest
from nbformat import NotebookNode, write
from nbformat.v4 import new_code_cell
from proving_ground import FULL, LESSON, RIGHT, command, filled_in, make_ground, read_gradebook

# Where the text goes: before an answer, after it, or into a cell of one's own before the answers
# ("own") or at the end ("last").
STYLES = {
    "prints": ("skipnet3", "print('my network', SkipNet3)\nSkipNet3(4, 2)"),
    "prints-in-forward": (
        "skipnet3",
        """
        forward = SkipNet3.forward

        def loud(self, X):
            print("shape", X.shape)
            return forward(self, X)

        SkipNet3.forward = loud
        """,
    ),
    "warns": ("total", "import warnings\nwarnings.warn('just so you know')"),
    "warns-in-a-function": (
        "total",
        """
        import sys
        import warnings

        def total(values):
            warnings.warn("adding", UserWarning)
            print("adding", len(values), file=sys.stderr)
            return sum(values)
        """,
    ),
    "logs": (
        "total",
        """
        import logging

        logging.basicConfig(level=logging.DEBUG)
        logging.getLogger(__name__).warning("ready")

        def total(values):
            logging.error("adding %s", values)
            return sum(values)
        """,
    ),
    "progress-on-stderr": (
        "own",
        """
        import sys
        import time

        for percent in range(0, 101, 10):
            sys.stderr.write(f"\\r{percent:3}%|{'#' * (percent // 10)}")
            sys.stderr.flush()
            time.sleep(0.01)
        """,
    ),
    "sets-seeds": (
        "own",
        """
        import random
        import numpy as np

        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        torch.use_deterministic_algorithms(True)
        """,
    ),
    "sets-precision-and-threads": (
        "own",
        "torch.set_printoptions(precision=2)\ntorch.set_num_threads(1)\n"
        "torch.set_float32_matmul_precision('high')",
    ),
    "matplotlib-backend": (
        "own",
        """
        import matplotlib
        import matplotlib.pyplot as plt

        matplotlib.use("agg")
        plt.style.use("ggplot")
        plt.plot([1, 2, 3])
        plt.show()
        """,
    ),
    "matplotlib-inline": (
        "own",
        """
        %matplotlib inline
        %config InlineBackend.figure_format = "svg"
        import matplotlib.pyplot as plt

        plt.plot([1, 2, 3])
        """,
    ),
    "timeit": ("own", "%timeit -n 10 -r 2 sum(range(10))"),
    "time-of-a-cell": ("own", "%%time\nanswer = sum(range(10))"),
    "autoreload": ("own", "%load_ext autoreload\n%autoreload 2"),
    "magics-of-all-sorts": (
        "own",
        "%who\n%pwd\n%env LESSON=2\n%xmode Plain\n!echo hello\nfiles = !ls",
    ),
    "capture": ("own", "%%capture kept\nprint('not to be seen')"),
    "writes-a-file": ("own", "%%writefile helper.py\ndef add(one, other):\n    return one + other"),
    "imports-its-own-file": (
        "total",
        """
        from pathlib import Path

        Path("own_helper.py").write_text("def add(values):\\n    return sum(values)\\n")
        import own_helper

        def total(values):
            return own_helper.add(values)
        """,
    ),
    "helper-in-own-cell": (
        "helper",
        "def add_up(values):\n    return sum(values)\n\nstep = torch.tensor(1.0)",
        {
            "total": "def total(values):\n    return add_up(values)\n\n"
            "limit = 10\nsteps = torch.stack([step, 2 * step, 3 * step])"
        },
    ),
    "imports-in-own-cell": (
        "helper",
        "import math\nimport operator\nfrom functools import reduce",
        {
            "total": RIGHT["total"].replace(
                "return sum(values)", "return reduce(operator.add, values, 0)"
            )
        },
    ),
    "helper-class": (
        "helper",
        """
        class Step(nn.Module):
            def forward(self, X):
                return torch.relu(X)
        """,
        {"skipnet3": RIGHT["skipnet3"].replace("self.relu = nn.ReLU()", "self.relu = Step()")},
    ),
    "display-handles": (
        "own",
        """
        from IPython.display import HTML, Markdown, clear_output, display

        handle = display("working", display_id=True)
        handle.update("done")
        display(HTML("<b>bold</b>"), Markdown("*so*"))
        clear_output(wait=True)
        """,
    ),
    "own-class-attributes": (
        "skipnet3",
        "SkipNet3.author = 'me'\nSkipNet3.depth = 3\nSkipNet3.__doc__ = 'My network.'",
    ),
    "own-instance-attributes": (
        "skipnet3",
        """
        start = SkipNet3.__init__

        def init(self, *sizes, **more):
            start(self, *sizes, **more)
            self.calls = 0
            self.history = []

        SkipNet3.__init__ = init
        """,
    ),
    "more-than-asked": (
        "total",
        """
        def mean(values):
            return total(values) / len(values)

        class Unused:
            pass

        assert mean([1, 2, 3]) == 2
        """,
    ),
    "tries-it-out": (
        "skipnet3",
        """
        model = SkipNet3(8, 4)
        loss = model(torch.randn(3, 8)).sum()
        loss.backward()
        model.layer_1.weight.grad.norm()
        """,
    ),
    "checks-it-itself": ("skipnet3", 'check_wiring(SkipNet3, "skipnet3")'),
    "global-state": (
        "total",
        """
        calls = 0

        def total(values):
            global calls
            calls += 1
            return sum(values)
        """,
    ),
    "changes-folder": ("own", "import os\nimport tempfile\nos.chdir(tempfile.mkdtemp())"),
    "temporary-files": (
        "total",
        """
        import tempfile
        from pathlib import Path

        def total(values):
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, "values.txt").write_text(repr(values))
                return sum(values)
        """,
    ),
    "data-loader": (
        "own",
        """
        from torch.utils.data import DataLoader, TensorDataset

        data = TensorDataset(torch.randn(20, 4), torch.randn(20, 2))
        for X, y in DataLoader(data, batch_size=5, shuffle=True, num_workers=0):
            pass
        """,
    ),
    "threads": (
        "total",
        """
        from concurrent.futures import ThreadPoolExecutor

        def total(values):
            with ThreadPoolExecutor(2) as pool:
                return sum(pool.map(lambda value: value, values))
        """,
    ),
    "background-thread": (
        "own",
        "import threading\nimport time\n"
        "threading.Thread(target=time.sleep, args=(0.2,), daemon=True).start()",
    ),
    "who-and-where": (
        "own",
        """
        import getpass
        import platform
        from pathlib import Path

        print(getpass.getuser(), Path.home(), Path.cwd(), platform.node(), platform.platform())
        print(list(Path().iterdir()))
        """,
    ),
    "subprocess": (
        "own",
        """
        import subprocess
        import sys

        print(subprocess.run(["echo", "hello"], capture_output=True, text=True, check=True).stdout)
        subprocess.run([sys.executable, "-c", "print(1)"], check=True)
        """,
    ),
    "multiprocessing": (
        "own",
        """
        import multiprocessing

        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(pool.map(abs, [-1, -2]))
        """,
    ),
    "async": ("own", "import asyncio\n\nawait asyncio.sleep(0.01)\nprint('waited')"),
    "error-in-own-cell": ("own", "print(1 / 0)"),
    "error-at-the-end": ("last", "raise RuntimeError('I stopped here')"),
    "exits-at-the-end": ("last", "exit()"),
    "lambda": ("total", "total = lambda values: sum(values)"),
    "numpy-values": (
        "total",
        "import numpy as np\n\nlimit = np.int64(10)\n"
        "total = lambda values: np.asarray(values).sum()",
    ),
    "callable-object": (
        "total",
        """
        class Total:
            def __call__(self, values):
                return sum(values)

        total = Total()
        """,
    ),
    "annotated-and-documented": (
        "total",
        '''
        from __future__ import annotations

        def total(values: list[float]) -> float:
            """Add up.

            >>> total([1, 2])
            3
            """
            return sum(values)
        ''',
    ),
    "other-letters": ("own", "größe = 3\nπ = 3.14159\nprint('größe', größe, '→', π, '🎓')"),
    "saves-and-loads": (
        "last",
        "torch.save(SkipNet3(4, 2).state_dict(), 'model.pt')\ntorch.load('model.pt')",
    ),
    "many-outputs": ("own", "for number in range(500):\n    print(number)"),
    "trains-a-little": (
        "last",
        """
        X, y = skiplab.make_data(samples=50)
        model = SkipNet3(512, 32)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        losses = skiplab.train_model(model, 3, X, y, nn.MSELoss(), optimizer, 1)
        skiplab.plot_loss({"SkipNet3": losses}, 3)
        """,
    ),
}


def write_style(made: NotebookNode, where, text, answers=None):
    """Put a style into a solved notebook."""
    cells = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in made.cells}
    for name, answer in (answers or {}).items():
        cells[name].source = answer
    text = dedent(text).strip("\n")
    if where in ("own", "helper"):
        made.cells.insert(made.cells.index(cells["skipnet3"]), new_code_cell(text, id="own"))
    elif where == "last":
        made.cells.append(new_code_cell(text, id="last"))
    elif "__future__" in text:
        cells[where].source = text + "\n\n" + cells[where].source.split("\n\n\n")[1]
    else:
        cells[where].source += "\n\n" + text


@pytest.fixture(scope="module")
def grades(tmp_path_factory):
    """The grades of a class in which everybody has a style."""
    ground = make_ground(tmp_path_factory.mktemp("styles") / "ground", [])
    for name, style in STYLES.items():
        made = filled_in(ground, RIGHT)
        write_style(made, *style)
        path = ground.course / "submitted" / name / LESSON / f"{LESSON}.ipynb"
        path.parent.mkdir(parents=True)
        write(made, path)
    done = command(ground, "skiplab", "grade", LESSON)
    print(done.said)
    return read_gradebook(ground)[0]


@pytest.mark.parametrize("name", STYLES)
def test_right_answer_gets_full_marks(grades, name):
    assert {cell: grades[name][cell] for cell in FULL} == FULL


def test_wrong_answer_does_not(grades):
    assert not any(grades["a-wrong"][cell] for cell in FULL)
