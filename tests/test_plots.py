"""Every figure states what its data show, as title, text and alt text, and shows once."""

import base64
import html
import io
import os
import re
import subprocess
import sys
import warnings

import matplotlib
import pytest
import torch
from jupyter_client.manager import start_new_kernel
from nbformat.v4 import output_from_msg
from PIL import Image

import skiplab
from skiplab import SeedRuns
from skiplab.course.build import join_words
from skiplab.lesson.figures import KNOWN, OTHERS, number, power, styles

NAMES = ("NormalNet3", "NormalNet7", "SkipNet3", "SkipNet7")
# What the lessons put into one figure.
TOGETHER = (
    (*NAMES, "sigmoid", "ReLU"),
    ("plain", "long skip", "residual", "ReZero", "1/depth", "normalised"),
    ("post-activation", "pre-activation"),
)


def runs(name, final, first_gradient=0.1, epochs=12):
    """Made-up runs that fall evenly to the final losses given, one for each seed."""
    final = torch.tensor(final)
    losses = torch.stack([torch.linspace(0.33, end, epochs) for end in final.tolist()])
    gradients = {
        f"layer_{n}": torch.full((len(final),), first_gradient * 2**n) for n in range(1, 4)
    }
    return SeedRuns(name, tuple(range(len(final))), losses, final, final * 0, gradients)


RUNS = {
    "NormalNet3": runs("NormalNet3", [0.2, 0.21, 0.22]),
    "NormalNet7": runs("NormalNet7", [0.29, 0.3, 0.205], 1e-4),
}
LOSSES = {"SkipNet3": [0.3, 0.2, 0.15], "SkipNet7": [0.3, 0.25, 0.12]}
GRADIENTS = {"NormalNet7": {"layer_1": 0.002, "layer_2": 0.01, "layer_3": 0.08}}
STRIP = {"SkipNet7": [1.0, 2.0, 3.0], "SkipNet3": [1.5, 2.0, 2.5]}
OVER = {
    "plain": {3: [0.5, 0.6, 0.7], 7: [0.5, 0.4, 0.3], 30: [0.1, 0.1, 0.1]},
    "residual": {3: [0.5, 0.6, 0.7], 7: [0.65, 0.66, 0.6], 30: [float("nan")] * 3},
}
SIGNALS = torch.linspace(-1, 1, 12 * 9).sin().view(12, 9), torch.arange(12) % 3

# For each figure: the call, and what its finding says about the data above.
FIGURES = {
    "plot_loss": (
        lambda path=None: skiplab.plot_loss(LOSSES, 3, path=path),
        "Loss after 3 epochs: SkipNet7 0.12, SkipNet3 0.15",
    ),
    "plot_loss cut short": (
        lambda path=None: skiplab.plot_loss(LOSSES, 2, path=path),
        "Loss after 2 epochs: SkipNet3 0.2, SkipNet7 0.25",
    ),
    "plot_seed_losses": (
        lambda path=None: skiplab.plot_seed_losses(
            RUNS, baseline=("always 0.5", 1 / 12), path=path
        ),
        "NormalNet3 ends lower than NormalNet7 in 2 of 3 seeds",
    ),
    "plot_seed_losses of many": (
        lambda path=None: skiplab.plot_seed_losses(
            {f"network {i}": torch.full((3, 5), 0.1 + i) for i in range(7)}, path=path
        ),
        "Median loss after 5 epochs: from network 0 0.1 to network 6 6.1",
    ),
    "plot_seed_losses that explode": (
        lambda path=None: skiplab.plot_seed_losses(
            {"A": torch.tensor([[1.0, float("nan")]]), "B": torch.tensor([[1.0, 0.5]])}, path=path
        ),
        "Median loss after 2 epochs: not a finite number for A",
    ),
    "plot_layer_gradients": (
        lambda path=None: skiplab.plot_layer_gradients(GRADIENTS, path=path),
        "NormalNet7: layer_3 gets 40 times the gradient of layer_1",
    ),
    "plot_layer_gradients of several": (
        lambda path=None: skiplab.plot_layer_gradients(RUNS, path=path),
        "Gradient at layer_1: least in NormalNet7 (2.0e-4), most in NormalNet3 (2.0e-1)",
    ),
    "plot_layer_gradients without any": (
        lambda path=None: skiplab.plot_layer_gradients(
            {"SkipNet3": {"layer_1": 0.0, "layer_2": torch.tensor(0.5), "skip_layer": 0.7}},
            path=path,
        ),
        "SkipNet3: no gradient reaches layer_1",
    ),
    "plot_strip": (
        lambda path=None: skiplab.plot_strip(
            STRIP, "final loss", baseline=("lowest", 0.9), path=path
        ),
        "Final loss: SkipNet7 lower than SkipNet3 in 1 of 3 seeds, equal in 1",
    ),
    "plot_strip by pairs": (
        lambda path=None: skiplab.plot_strip(
            STRIP | {"A": [9, 8, 7, 6]},
            "final loss",
            pairs=[("SkipNet3", "SkipNet7"), ("A", "A")],
            path=path,
        ),
        "Final loss: SkipNet3 lower than SkipNet7 in 1 of 3 seeds, equal in 1\n"
        "Final loss: A lower than A in 0 of 4 seeds, equal in 4",
    ),
    "plot_over": (
        lambda path=None: skiplab.plot_over(OVER, "depth", "test accuracy", at=7, path=path),
        "Test accuracy at depth 7: plain 0.4, residual 0.65",
    ),
    "plot_over that explodes": (
        lambda path=None: skiplab.plot_over(
            OVER, "depth", "loss", baseline=("chance", 0.1), path=path
        ),
        "Loss at depth 30: not a finite number for residual",
    ),
    "plot_over on a log scale": (
        lambda path=None: skiplab.plot_over(
            {f"net {n}": {k: 10.0 ** (n * k) for k in range(1, 31)} for n in (0.1, 0.2, 0.3)},
            "layer",
            "gradient",
            log=True,
            path=path,
        ),
        "Gradient at layer 30: from net 0.1 1,000 to net 0.3 1.0e9",
    ),
    "plot_over of one": (
        lambda path=None: skiplab.plot_over(
            {"plain": {"none": 0.5, 1: [0.1, 0.3], 2: 0.4}}, "deleted block", "score", path=path
        ),
        "Score: from 0.2 (deleted block 1) to 0.5 (deleted block none)",
    ),
    "plot_signals": (
        lambda path=None: skiplab.plot_signals(*SIGNALS, each=2, path=path),
        "3 classes, 9 numbers per example: the first 2 examples of each",
    ),
    "plot_activations": (
        lambda path=None: skiplab.plot_activations(path=path),
        "The sigmoid's slope is at most 0.25, the ReLU's 1",
    ),
    "draw_network": (
        lambda path=None: skiplab.draw_network(3, path=path),
        "A plain chain: X through each layer and its ReLU",
    ),
    "draw_network with a skip": (
        lambda path=None: skiplab.draw_network(7, "long", path=path),
        "relu(deep(X) + skip_layer(X)), where deep(X) is X through each layer and its ReLU",
    ),
    "draw_blocks": (
        lambda path=None: skiplab.draw_blocks(path=path),
        "Activation(Layer(x)) + x: activation, then sum",
    ),
    "draw_residual_net": (
        lambda path=None: skiplab.draw_residual_net(path=path),
        "A network of blocks: first, ReLU, depth − 2 blocks one after the other, last",
    ),
    "draw_block": (
        lambda path=None: skiplab.draw_block("ReZeroBlock", path=path),
        "X + alpha * relu(layer(X)): ReZeroBlock",
    ),
    "draw_block of convolutions": (
        lambda path=None: skiplab.draw_block("BasicBlock", path=path),
        "relu(norm_2(conv_2(relu(norm_1(conv_1(X))))) + X): BasicBlock",
    ),
    "draw_block with a projection": (
        lambda path=None: skiplab.draw_block("ProjectionBlock", path=path),
        "relu(norm_2(conv_2(relu(norm_1(conv_1(X))))) + projection(X)): ProjectionBlock",
    ),
    "draw_block with pre-activation": (
        lambda path=None: skiplab.draw_block("PreActBlock", path=path),
        "X + conv_2(relu(norm_2(conv_1(relu(norm_1(X)))))): PreActBlock",
    ),
    "draw_resnet": (
        lambda path=None: skiplab.draw_resnet(path=path),
        "ResNet: a convolution, three stages of n blocks each, the mean over the length, last",
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_the_finding_is_what_the_data_say(name, capfd):
    draw, finding = FIGURES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert draw() is None
    shown = capfd.readouterr()
    assert shown.out.startswith(f"{finding}\n")
    assert shown.err == ""


def test_other_data_give_another_finding(capsys):
    """No title is a fixed claim: turned round, the data turn the sentence round."""
    skiplab.plot_seed_losses({"NormalNet3": RUNS["NormalNet7"], "NormalNet7": RUNS["NormalNet3"]})
    skiplab.plot_layer_gradients({"A": {"layer_1": 0.08, "layer_2": 0.01, "layer_3": 0.002}})
    skiplab.plot_strip({name: [-v for v in values] for name, values in STRIP.items()}, "loss")
    said = capsys.readouterr().out
    assert "NormalNet7 ends lower than NormalNet3 in 2 of 3 seeds" in said
    assert "A: layer_1 gets 40 times the gradient of layer_3" in said
    assert "Loss: SkipNet7 lower than SkipNet3 in 1 of 3 seeds, equal in 1" in said


def test_the_numbers_behind_the_finding_are_printed(capsys):
    skiplab.plot_strip({"NormalNet3": [0.1, 0.2, 0.4, 0.8]}, "final loss")
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [re.split("  +", line) for line in lines] == [
        ["network", "median final loss", "range", "seeds"],
        ["NormalNet3", "0.3", "0.1 to 0.8", "4"],
    ]
    skiplab.plot_activations(depth=7)
    assert "sigmoid     0.25           6.1e-5" in capsys.readouterr().out  # 1/4 to the power of 7


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_cut_off_at_the_edge(name, tmp_path):
    FIGURES[name][0](path=tmp_path / "figure.png")
    picture = Image.open(tmp_path / "figure.png").convert("L")
    width, height = picture.size
    assert width >= 500 and height >= 200
    for box in ((0, 0, width, 3), (0, height - 3, width, height), (0, 0, 3, height),
                (width - 3, 0, width, height)):  # fmt: skip
        assert picture.crop(box).getextrema()[0] > 250, f"something touches the edge {box}"
    assert picture.getextrema()[0] < 100  # and there is something inside


def test_a_figure_is_the_same_twice_whatever_the_users_settings(tmp_path):
    skiplab.plot_seed_losses(RUNS, path=tmp_path / "first.png")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "lines.linewidth": 9}):
        before = dict(matplotlib.rcParams)
        skiplab.plot_seed_losses(RUNS, path=tmp_path / "second.png")
        assert dict(matplotlib.rcParams) == before
    first, second = ((tmp_path / f"{n}.png").read_bytes() for n in ("first", "second"))
    assert first == second


def luminance(color):
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_a_network_looks_the_same_everywhere_and_unlike_the_others():
    assert styles(["SkipNet7"])["SkipNet7"] == styles(NAMES)["SkipNet7"]
    assert styles(["mine", "SkipNet7", "other"])["SkipNet7"] == KNOWN["SkipNet7"]
    assert {name for names in TOGETHER for name in names} == set(KNOWN)
    for names in TOGETHER:
        every = [*styles(names).values(), *OTHERS]
        assert len({s.line for s in every}) >= 4
        assert len({s.marker for s in every}) == len(every) == len({s.color for s in every})
    every = [*KNOWN.values(), *OTHERS]
    for style in every:  # WCAG 2.2, 1.4.11: at least 3:1 for what must be told apart
        assert 1.05 / (luminance(style.color) + 0.05) >= 3
    for plain, deep in (("NormalNet3", "NormalNet7"), ("SkipNet3", "SkipNet7")):
        assert KNOWN[plain].line != KNOWN[deep].line


@pytest.mark.parametrize(
    ("value", "plain", "powers"),
    [(0.2134, "0.213", "2.1e-1"), (0.0038, "3.8e-3", "3.8e-3"), (0.0, "0", "0"),
     (15.8, "15.8", "1.6e1"), (999.7, "1,000", "1.0e3"), (1614.2, "1,610", "1.6e3"),
     (2.5e7, "2.5e7", "2.5e7"), (float("inf"), "inf", "inf"), (6.1e-5, "6.1e-5", "6.1e-5"),
     (float("nan"), "nan", "nan")],
)  # fmt: skip
def test_numbers_are_short(value, plain, powers):
    assert (number(value), power(value)) == (plain, powers)


@pytest.fixture(scope="module")
def kernel():
    manager, client = start_new_kernel(kernel_name="python3")
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def execute(kernel, code):
    """Run code in a notebook's kernel; the outputs, as a notebook keeps them."""
    messages = []
    reply = kernel.execute_interactive(code, output_hook=messages.append, timeout=120)
    assert reply["content"]["status"] == "ok", reply["content"]
    kept = ("stream", "display_data", "execute_result", "error", "update_display_data")
    return join_words([output_from_msg(m) for m in messages if m["msg_type"] in kept])


@pytest.mark.parametrize(
    "setup",
    ["", "%matplotlib inline", "import matplotlib; matplotlib.use('svg')"],
    ids=["no magic", "inline", "another backend"],
)
def test_a_notebook_shows_each_figure_once_with_its_alternative_text(kernel, setup):
    execute(kernel, setup)
    code = """
import skiplab
skiplab.plot_loss({"NormalNet3": [0.3, 0.2], "NormalNet7": [0.3, 0.29]}, 2)
skiplab.plot_activations()
skiplab.draw_network(7, "long")
skiplab.draw_blocks()
"""
    outputs = execute(kernel, code)
    assert {one.output_type for one in outputs} == {"stream", "display_data"}
    assert all(one.name == "stdout" for one in outputs if one.output_type == "stream")
    images = [one for one in outputs if one.output_type == "display_data"]
    assert len(images) == 4
    for image in images:
        data, metadata = image.data, image.metadata["image/png"]
        alt, width = metadata["alt"], metadata["width"]
        assert len(alt) > 60 and data["text/plain"] == alt
        # JupyterLab shows the HTML, and takes no alternative text from the metadata.
        tag = data["text/html"]
        assert html.unescape(re.search('alt="([^"]*)"', tag)[1]) == alt
        assert f'width="{width}"' in tag
        assert f'src="data:image/png;base64,{data["image/png"]}"' in tag
        picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
        assert picture.format == "PNG" and picture.width == 2 * width == 1520
        assert len(data["image/png"]) < 150_000
    assert "NormalNet3 0.2, NormalNet7 0.29" in images[0].metadata["image/png"]["alt"]
    assert execute(kernel, code) == outputs
    [shown] = execute(kernel, "import matplotlib.pyplot as p; print(p.get_fignums())")
    assert shown.text == "[]\n"


@pytest.mark.parametrize(
    "draw",
    [
        lambda line: skiplab.plot_seed_losses(RUNS, baseline=line),
        lambda line: skiplab.plot_strip(STRIP, "final loss", baseline=line),
        lambda line: skiplab.plot_over(OVER, "depth", "loss", baseline=line),
    ],
    ids=["seed losses", "strip", "over"],
)
def test_alternative_text_takes_a_baseline_for_no_number_of_a_network(draw, monkeypatch):
    said = []
    monkeypatch.setattr("skiplab.lesson.plots.show", lambda _, alt, path: said.append(alt))
    draw(("chance", 0.125))
    assert said[0].endswith("; line at 0.125: chance.")
    assert said[0].count("chance") == 1


def test_a_script_without_a_screen_writes_nothing_to_stderr():
    code = "import skiplab; skiplab.plot_loss({'A': [1.0, 0.5]}, 2); skiplab.draw_blocks()"
    for backend in ("agg", "svg"):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            env=os.environ | {"MPLBACKEND": backend},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.startswith("Loss after 2 epochs: A 0.5\n") and done.stderr == ""


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: skiplab.plot_loss({}, 2), ValueError, "losses_by_name: got an empty dict, wanted"),
        (lambda: skiplab.plot_loss([0.1], 1), TypeError,
         "losses_by_name: got [0.1], wanted a dict"),
        (lambda: skiplab.plot_loss({3: [1.0]}, 1), TypeError, "losses_by_name: got the key 3"),
        (lambda: skiplab.plot_loss({"A": [1.0]}, 2), ValueError,
         "losses_by_name['A']: got 1 losses, wanted 2, one for each of the epochs"),
        (lambda: skiplab.plot_loss({"A": [1.0]}, 0), ValueError, "epochs: got 0, wanted"),
        (lambda: skiplab.plot_loss({"A": [1.0]}, "1"), TypeError, "epochs: got '1', wanted"),
        (lambda: skiplab.plot_loss({"A": "x"}, 1), TypeError, "losses_by_name['A']: got 'x', want"),
        (lambda: skiplab.plot_loss({"A": 1.0}, 1), TypeError, "losses_by_name['A']: got 1.0, want"),
        (lambda: skiplab.plot_loss({"A": []}, 1), ValueError,
         "losses_by_name['A']: got no numbers"),
        (lambda: skiplab.plot_seed_losses({}), ValueError, "runs_by_name: got an empty dict"),
        (lambda: skiplab.plot_seed_losses({"A": [1.0]}), TypeError, "runs_by_name['A']: got [1.0]"),
        (lambda: skiplab.plot_seed_losses({"A": [[1.0]], "B": [[1.0, 2.0]]}), ValueError,
         "runs_by_name['B']: got 2 epochs, wanted 1, as many as the others have"),
        (lambda: skiplab.plot_seed_losses(RUNS, baseline=0.1), TypeError,
         "baseline: got 0.1, wanted a name and a number"),
        (lambda: skiplab.plot_strip(STRIP, "x", baseline=("best", 0)), ValueError,
         "baseline: got 0, wanted a number above 0"),
        (lambda: skiplab.plot_layer_gradients({"A": {}}), ValueError,
         "gradients_by_name['A']: got an empty dict"),
        (lambda: skiplab.plot_layer_gradients({"A": 1.0}), TypeError,
         "gradients_by_name['A']: got 1.0, wanted a dict"),
        (lambda: skiplab.plot_layer_gradients({"A": {"l": -1.0}}), ValueError,
         "gradients_by_name['A']['l']: got [-1.0], wanted norms: finite and at least 0"),
        (lambda: skiplab.plot_strip({}, "x"), ValueError, "values_by_name: got an empty dict"),
        (lambda: skiplab.plot_strip({"A": [1]}, 3), TypeError, "xlabel: got 3, wanted text"),
        (lambda: skiplab.plot_strip({"A": [1]}, "x", pairs=[("A", "B")]), ValueError,
         "pairs: got ('A', 'B'), wanted pairs of A"),
        (lambda: skiplab.plot_strip({"A": [1]}, "x", pairs=["AA"]), ValueError, "pairs: got 'AA'"),
        (lambda: skiplab.plot_strip({"A": [1], "B": [1, 2]}, "x", pairs=[("A", "B")]), ValueError,
         "pairs: got ('A', 'B') with 1 and 2 seeds, wanted the same seeds for both"),
        (lambda: skiplab.plot_activations(0), ValueError, "depth: got 0, wanted"),
        (lambda: skiplab.draw_network("3"), TypeError, "depth: got '3', wanted a whole number"),
        (lambda: skiplab.draw_network(8), ValueError, "depth: got 8, wanted at most 7"),
        (lambda: skiplab.draw_network(3, "short"), ValueError,
         "skip: got 'short', wanted one of None, 'long'"),
        (lambda: skiplab.draw_network(3, sizes=(1, 2)), ValueError, "sizes: got (1, 2), wanted"),
        (lambda: skiplab.draw_block("Block"), ValueError, "name: got 'Block', wanted one of"),
        (lambda: skiplab.plot_over({}, "x", "y"), ValueError, "values_by_name: got an empty dict"),
        (lambda: skiplab.plot_over({"A": [1.0]}, "x", "y"), TypeError,
         "values_by_name['A']: got [1.0], wanted a dict"),
        (lambda: skiplab.plot_over({"A": {1: 0.0}}, "x", "y", log=True), ValueError,
         "values_by_name['A']: got a number that is not above 0, on a log scale"),
        (lambda: skiplab.plot_over({"A": {1: 1.0}}, "x", 3), TypeError, "ylabel: got 3, wanted"),
        (lambda: skiplab.plot_over({"A": {1: 1.0}}, "x", "y", at=2), ValueError,
         "at: got 2, wanted one of 1"),
        (lambda: skiplab.plot_signals(SIGNALS[0], SIGNALS[1][:3]), ValueError, "got 3"),
        (lambda: skiplab.plot_signals(*SIGNALS, each=0), ValueError, "each: got 0, wanted"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
