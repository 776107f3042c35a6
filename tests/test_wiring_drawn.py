"""A network is drawn as it is wired, with nothing else; where it cannot be, a sentence says so."""

import contextlib
import itertools
import random
import sys
import threading
import warnings

import numpy as np
import pytest
import torch
import torch.nn.utils.prune
import torch.utils.checkpoint
from torch import nn

from skiplab import draw_wiring
from skiplab.checks.challenge import construct
from skiplab.checks.exercise import all_exercises
from skiplab.lesson.tracing import TracingError, trace_wiring
from skiplab.lesson.wiring import (
    _beside,
    _folded,
    _layout,
    _Panel,
    compare_wirings,
    draw_difference,
)

EXERCISES = list(all_exercises().values())
NAMES = [exercise.name for exercise in EXERCISES]
# What these get wrong is no matter of who is connected with whom.
NOT_WIRING = {
    *("double", "squeezed", "flattened", "input-changed-afterwards", "weights-modified"),
    *("weights-modified-afterwards", "blocks-of-input-size", "alpha-starts-at-1"),
    *("alpha-starts-at-a-tenth", "alpha-per-feature", "alpha-shared"),
    *("norms-always-train", "norms-always-eval", "modes-swapped", "instance-norms"),
    *("statistics-not-kept", "statistics-of-last-batch", "statistics-kept-faster"),
    *("statistics-kept-slower", "branch-computed-twice", "norm-1-computed-twice"),
    *("norm-2-computed-twice", "projection-of-three", "projection-with-bias"),
    *("projection-backwards", "projection-of-each-channel", "projection-shared"),
    *("weight-transposed", "statistics-reset"),
}


def model_of(exercise, wrong=None, size=0):
    wrong = (wrong.forward, wrong.after, wrong.head) if wrong else ()
    with torch.random.fork_rng(devices=[]):
        return construct(exercise.network(*wrong), exercise.sizes[size].arguments)


def trace(exercise, wrong=None, size=0):
    shape = exercise.input_shape(exercise.sizes[size].arguments)
    return trace_wiring(model_of(exercise, wrong, size), shape)


def links(wiring):
    return [(edge.source, edge.target) for edge in wiring.edges]


class Net(nn.Module):
    """Two layers, and a forward of the test's own."""

    def __init__(self, forward):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.own = forward

    def forward(self, X):
        return self.own(self, X)


def test_what_is_found_in_a_skip_network():
    exercise = all_exercises()["skipnet3"]
    assert set(links(trace(exercise))) == {
        ("X", "layer_1"),
        ("layer_1", "ReLU after layer_1"),
        ("ReLU after layer_1", "layer_2"),
        ("layer_2", "ReLU after layer_2"),
        ("ReLU after layer_2", "layer_3"),
        ("layer_3", "ReLU after layer_3"),
        ("ReLU after layer_3", "+ 1"),
        ("X", "skip_layer"),
        ("skip_layer", "+ 1"),
        ("+ 1", "ReLU after + 1"),
        ("ReLU after + 1", "output"),
    }


@pytest.mark.parametrize("exercise", EXERCISES, ids=NAMES)
def test_every_mistake_in_the_wiring_is_seen(exercise):
    """In one size or another: some are right in the first."""
    sizes = range(len(exercise.sizes) - 1)
    right, sentences = [trace(exercise, None, size) for size in sizes], 0
    assert all((one.unused, one.no_gradient) == ((), ()) for one in right)
    for wrong in exercise.misconceptions:
        differ, stopped = [], False
        for size in sizes:
            try:
                model_of(exercise, wrong, size)
            except Exception:
                continue  # there is no network to be drawn
            try:
                differ.append(bool(compare_wirings(right[size], trace(exercise, wrong, size))))
            except TracingError as error:
                assert str(error).startswith("there is no picture, because"), wrong.name
                stopped = True
        if not any(differ) and stopped:
            sentences += 1
        elif differ:
            assert any(differ) == (wrong.name not in NOT_WIRING), wrong.name
    assert sentences < len(exercise.misconceptions) / 5


class _OwnReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, X):
        ctx.save_for_backward(X)
        return X.clamp(min=0)

    @staticmethod
    def backward(ctx, upstream):
        return upstream * (ctx.saved_tensors[0] > 0)


class _OwnTensor(torch.Tensor):
    pass


def _in_a_thread(net, X):
    found = []
    thread = threading.Thread(target=lambda: found.append(net.first(X).relu()))
    thread.start()
    thread.join()
    return net.second(found[0]) + X


def _not_seen(net, X):
    with torch._C.DisableTorchFunction():
        H = net.first(X).relu()
    return net.second(H) + X


def _changed(H, value):
    H = H.clone()
    H[value] = 0
    return H


def _added_to_a_view(H, X):
    H.view(-1).add_(X.reshape(-1))
    return H


def _filled(H, X):
    whole = torch.empty_like(H)
    whole[:] = H
    whole += X
    return whole


_functional = nn.functional
_checkpoint = torch.utils.checkpoint.checkpoint
# Each is second(relu(first(X))) + X.
STYLES = {
    "operators": lambda net, X: net.second(net.first(X).relu()) + X,
    "functions": lambda net, X: torch.add(X, net.second(_functional.relu(net.first(X)))),
    "sum": lambda net, X: sum([net.second(net.first(X).clamp(min=0)), X]),
    "sum-of-stack": lambda net, X: torch.stack([net.second(net.first(X).relu()), X]).sum(0),
    "minus-minus": lambda net, X: net.second(net.first(X).relu()) - (-X),
    "maximum": lambda net, X: net.second(torch.maximum(net.first(X), torch.zeros(4))).add_(X),
    "max": lambda net, X: net.second(torch.max(torch.tensor(0.0), net.first(X))) + X,
    "mask": lambda net, X: net.second((H := net.first(X)) * (H > 0)) + X,
    "where": lambda net, X: net.second(torch.where((H := net.first(X)) > 0, H, 0.0)) + X,
    "where-zeros": lambda net, X: (
        net.second(torch.where((H := net.first(X)) < 0, torch.zeros_like(H), H)) + X
    ),
    "masked-fill": lambda net, X: net.second((H := net.first(X)).masked_fill(H < 0, 0)) + X,
    "changed": lambda net, X: net.second(_changed(H := net.first(X), H < 0)) + X,
    "leaky": lambda net, X: net.second(_functional.leaky_relu(net.first(X), 0.0)) + X,
    "threshold": lambda net, X: net.second(_functional.threshold(net.first(X), 0, 0)) + X,
    "by-hand": lambda net, X: (
        (X @ net.first.weight.T + net.first.bias).relu() @ net.second.weight.T
        + net.second.bias
        + X.clone().view(-1, 4)
    ),
    "einsum": lambda net, X: (
        net.second((torch.einsum("bi,oi->bo", X, net.first.weight) + net.first.bias).relu()) + X
    ),
    "in-double": lambda net, X: (
        net.second(
            _functional.linear(X.double(), net.first.weight.double(), net.first.bias.double())
            .float()
            .relu()
        )
        + X
    ),
    "own-function": lambda net, X: net.second(_OwnReLU.apply(net.first(X))) + X,
    "own-tensor": lambda net, X: net.second(net.first(X.as_subclass(_OwnTensor)).relu()) + X,
    "checkpoint": lambda net, X: (
        net.second(_checkpoint(lambda H: net.first(H).relu(), X, use_reentrant=True)) + X
    ),
    "vmap": lambda net, X: net.second(torch.vmap(lambda row: net.first(row).relu())(X)) + X,
    "thread": _in_a_thread,
    "not-seen": _not_seen,
    "view": lambda net, X: _added_to_a_view(net.second(net.first(X).relu()), X),
    "filled": lambda net, X: _filled(net.second(net.first(X).relu()), X),
    "copied": lambda net, X: torch.empty(len(X), 4).copy_(net.second(net.first(X).relu()) + X),
}


@pytest.mark.parametrize("style", STYLES)
def test_it_does_not_matter_how_it_is_written(style):
    wiring = trace_wiring(Net(STYLES[style]), 4)
    assert set(links(wiring)) == set(links(trace_wiring(Net(STYLES["operators"]), 4)))
    assert not any(edge.cut for edge in wiring.edges)
    assert (wiring.unused, wiring.no_gradient) == ((), ())


@pytest.mark.parametrize(
    ("forward", "labels"),
    [
        (lambda net, X: net.first(X).clamp(max=0), ["X", "first", "clamp", "output"]),
        (lambda net, X: net.first(X).clamp(0, 6), ["X", "first", "clamp", "output"]),
        (lambda net, X: torch.maximum(net.first(X), X), ["X", "first", "maximum", "output"]),
        (lambda net, X: net.first(X) + net.first.bias, ["X", "first", "+ first", "output"]),
        (lambda net, X: (1 - net.first.bias) * X, ["X", "× (1 − first)", "output"]),
        (lambda net, X: X + torch.zeros_like(X), ["X", "a constant", "+", "output"]),
        (lambda net, X: X + X, ["X", "+ itself", "output"]),
    ],
    ids=["above", "both", "of-two", "bias-twice", "of-a-weight", "shape-alone", "twice"],
)
def test_nothing_is_taken_for_what_it_is_not(forward, labels):
    assert [node.label for node in trace_wiring(Net(forward), 4).nodes] == labels


def test_every_node_has_a_name_of_its_own():
    names = ["X", "output", "X (2)", "a\nb", "ReLU after X"]
    model = nn.Sequential()
    for name in names:
        model.add_module(name, nn.Linear(4, 4))
    wiring = trace_wiring(model, 4)
    assert [node.label for node in wiring.nodes] == ["X", *names[:3], "a b", names[4], "output"]
    assert len({node.name for node in wiring.nodes}) == 7
    assert len(wiring.edges) == 6


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
def test_a_script_and_parts_that_make_their_weight():
    script = torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.ReLU()))
    normed = torch.nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))
    pruned = torch.nn.utils.prune.l1_unstructured(nn.Linear(4, 4), "weight", 2)
    wiring = trace_wiring(nn.Sequential(script, normed, pruned), 4)
    assert [node.label for node in wiring.nodes] == ["X", "0.0", "ReLU", "1", "2", "output"]
    assert (wiring.unused, wiring.no_gradient) == ((), ())


class _NoWayBack(torch.autograd.Function):
    @staticmethod
    def forward(ctx, X):
        return X * 2

    @staticmethod
    def backward(ctx, upstream):
        raise KeyError("no way back")


def _written_in_place(net, X):
    H = net.second(net.first(X)).sigmoid()
    H += X  # the sigmoid needs what it made
    return H


@pytest.mark.parametrize(
    ("forward", "unused", "no_gradient", "cut"),
    [
        (lambda net, X: net.first(X), ("second",), (), []),
        (lambda net, X: net.second(net.first(X).detach()), (), ("first",), [("first", "second")]),
        (lambda net, X: net.second(net.first(X).data), (), ("first",), [("first", "second")]),
        (lambda net, X: X, ("first", "second"), (), []),
        (lambda net, X: torch.zeros(4, 4), ("first", "second"), (), []),
        (
            lambda net, X: torch.tensor(net.first(X).tolist()),
            ("second",),
            ("first",),
            [("first", "numbers after first")],
        ),
        (
            lambda net, X: net.second(torch.from_numpy(net.first(X).detach().numpy())),
            (),
            ("first",),
            [("first", "numbers after first")],
        ),
        (
            lambda net, X: net.second(net.first(X)).argmax(1),
            (),
            ("first", "second"),
            [("second", "argmax after second")],
        ),
        (lambda net, X: net.first(X) > 0, ("second",), ("first",), [("> after first", "output")]),
        (_written_in_place, (), ("first", "second"), [("+ 1", "output")]),
        (
            lambda net, X: _NoWayBack.apply(net.second(net.first(X))),
            (),
            ("first", "second"),
            [("× 2 after second", "output")],
        ),
        (lambda net, X: net.first.weight, ("second",), ("first.bias",), []),
    ],
    ids=[
        *("unused", "detach", "data", "nothing", "constant", "numbers", "numpy", "whole-numbers"),
        *("mask", "overwritten", "no-way-back", "a-weight"),
    ],
)
def test_what_is_not_used_or_gets_no_gradient(forward, unused, no_gradient, cut):
    wiring = trace_wiring(Net(forward), 4)
    assert wiring.unused == unused
    assert wiring.no_gradient == no_gradient
    assert [(edge.source, edge.target) for edge in wiring.edges if edge.cut] == cut


def _for_ever(net, X):
    while True:
        with contextlib.suppress(Exception):
            X = X + 1


def _for_ever_with_numbers(net, X):
    one = torch.ones(())
    while True:
        one = one + 1


def _raise(error):
    raise error


class _SpeechlessError(Exception):
    def __str__(self):
        raise ValueError


@pytest.mark.parametrize(
    ("forward", "said"),
    [
        (lambda net, X: 1 / 0, "ZeroDivisionError"),
        (lambda net, X: (X, X), "returned tuple"),
        (lambda net, X: None, "returned NoneType"),
        (_for_ever, "more than 2000 steps"),
        (_for_ever_with_numbers, "more than 50000 steps"),
        (lambda net, X: sys.exit(1), "stopped with SystemExit: 1.\n"),
        (lambda net, X: _raise(_SpeechlessError()), "stopped with _SpeechlessError.\n"),
        (lambda net, X: _raise(ValueError("\n\n\x1b[1m no\nmore")), "with ValueError: [1m no.\n"),
    ],
)
def test_a_sentence_where_there_can_be_no_picture(forward, said, capsys):
    draw_wiring(Net(forward), 4)
    shown = capsys.readouterr().out
    assert shown.startswith("Net: there is no picture, because")
    assert said in shown


def test_a_sentence_where_there_are_no_weights_yet(capsys):
    model = nn.Sequential(nn.LazyLinear(2))
    draw_wiring(model, 4)
    assert "because 0.weight has no shape yet" in capsys.readouterr().out
    assert torch.nn.parameter.is_lazy(model[0].weight)


@pytest.mark.parametrize("size", [0, -1, (3, 0), 10**12, (10**6, 10**6), "4", 4.0, None, True])
def test_an_input_of_that_size_there_is_none(size):
    with pytest.raises((TypeError, ValueError), match=r"^input_size: got "):
        draw_wiring(nn.Linear(4, 4), size)


def _changes_all(net, X):
    net.eval()
    net.calls = getattr(net, "calls", 0) + 1
    net.seen.append(X)
    net.third = nn.Linear(4, 4)
    net.first.requires_grad_(False)
    net.first.weight.data.zero_()
    net.second.weight.data = torch.zeros(4, 4)
    net.second.bias = nn.Parameter(torch.zeros(4))
    net.register_forward_hook(lambda *_: None)
    random.random(), np.random.rand(), torch.rand(1)
    out = net.second(net.first(X))
    out.sum().backward(retain_graph=True)
    return out


def test_what_a_network_changes_in_itself_is_put_back():
    model = Net(_changes_all)
    model.seen = []
    kept, attributes = dict(model.named_parameters()), set(vars(model))
    before = {name: one.clone() for name, one in kept.items()}
    model.first.weight.grad = torch.ones(4, 4)
    streams = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    trace_wiring(model, 4)
    now = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert streams == now
    assert set(vars(model)) == attributes and model.seen == [] and model.training
    assert dict(model.named_parameters()).keys() == kept.keys()
    assert all(one is kept[name] for name, one in model.named_parameters())
    assert all(torch.equal(one, before[name]) for name, one in kept.items())
    assert all(one.requires_grad for one in kept.values())
    assert torch.equal(model.first.weight.grad, torch.ones(4, 4))
    assert all(one.grad is None for name, one in kept.items() if name != "first.weight")
    assert not model._forward_hooks


def test_nothing_is_changed():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
    model[0].weight.grad = torch.ones(4, 4)
    before = {name: one.clone() for name, one in model.state_dict().items()}
    state = torch.get_rng_state()
    trace_wiring(model, 4)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], one) for name, one in model.state_dict().items())
    assert torch.equal(model[0].weight.grad, torch.ones(4, 4))
    assert all(one.grad is None for one in list(model.parameters())[1:])
    assert model.training


@pytest.mark.parametrize("exercise", EXERCISES, ids=NAMES)
def test_pictures_are_made(exercise, tmp_path):
    draw_wiring(
        model_of(exercise), exercise.input_shape(exercise.sizes[0].arguments), tmp_path / "a.png"
    )
    no_skip = {one.name: one for one in exercise.misconceptions}.get("no-skip")
    wrong = trace(exercise, no_skip or exercise.misconceptions[0])
    draw_difference(trace(exercise), wrong, exercise.name, tmp_path / "b.png")
    assert (tmp_path / "a.png").stat().st_size > 3000
    assert (tmp_path / "b.png").stat().st_size > 3000


def test_equal_blocks_in_a_row_are_drawn_once():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, X):
            return X + self.layer(X).relu()

    wiring = _folded(trace_wiring(nn.Sequential(*[Block() for _ in range(20)]), 4), frozenset())
    assert [node.label for node in wiring.nodes] == [
        *("X", "0.layer", "ReLU", "+", "19 more like 0", "output")
    ]


@pytest.mark.parametrize(
    "step",
    [
        lambda net, block, X: X + block(X),
        lambda net, block, X: block(X).relu(),
        lambda net, block, X: net.last(block(X)),
        lambda net, block, X: block(block(X)),
    ],
    ids=["plus", "relu", "layer", "twice"],
)
def test_what_is_computed_between_equal_blocks_is_drawn_too(step, tmp_path):
    """Without a picture the student would get a traceback of the course's own."""

    class Chain(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(4))
            self.last = nn.Linear(4, 4)

        def forward(self, X):
            for block in self.blocks:
                X = step(self, block, X)
            return X

    right = trace_wiring(nn.Sequential(*[nn.Linear(4, 4) for _ in range(4)]), 4)
    draw_wiring(Chain(), 4, tmp_path / "a.png")
    draw_difference(right, trace_wiring(Chain(), 4), "Chain", tmp_path / "b.png")
    assert (tmp_path / "a.png").stat().st_size > 3000
    assert (tmp_path / "b.png").stat().st_size > 3000


@pytest.mark.parametrize("exercise", EXERCISES, ids=NAMES)
def test_every_mistake_can_be_drawn(exercise):
    right = trace(exercise)
    for wrong in exercise.misconceptions:
        try:
            found = trace(exercise, wrong)
        except Exception:
            continue  # there is no network to be drawn, and no picture
        panels, _ = _beside(right, found, exercise.name)
        assert all(_layout(panel).rows for panel in panels), wrong.name


@pytest.mark.parametrize("skip", [True, False])
def test_equal_blocks_are_drawn_once_where_a_loop_does_a_part_of_each(skip):
    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([nn.Linear(4, 4) for _ in range(50)])
            self.head = nn.Linear(4, 2)

        def forward(self, X):
            for layer in self.blocks:
                X = (X if skip else 0) + layer(X.relu())
            return self.head(X)

    wiring = trace_wiring(Deep(), 4)
    folded = _folded(wiring, frozenset())
    labels = [node.label for node in folded.nodes]
    assert "48 more like blocks.0" in labels  # the last has no ReLU behind it
    place = {node.name: number for number, node in enumerate(folded.nodes)}
    assert all(place[edge.source] < place[edge.target] for edge in folded.edges)
    kept = _folded(wiring, frozenset(["blocks.20"]))
    assert "blocks.20" in [node.name for node in kept.nodes]


def _row_by_row(net, X):
    return torch.stack([net.second(net.first(row).relu() + row) for row in X]) + X


def _dense(net, X):
    H = [X]
    for _ in range(4):
        H.append(net.first(sum(H)).relu())
    return sum(H)


def _gated(net, X):
    gate = net.second(X).sigmoid()
    return net.first(X) * gate + X * (1 - net.second(X).sigmoid())


@pytest.mark.parametrize(
    "forward", [*STYLES.values(), _row_by_row, _dense, _gated, lambda net, X: net.first(X) + X * 2]
)
def test_no_line_goes_through_what_it_does_not_belong_to(forward):
    layout = _layout(_Panel("", trace_wiring(Net(forward), 4)))
    assert layout.crossed() == set()
    places = list(layout.at.values())
    assert len(set(places)) == len(places)
    ways = [layout.way(edge) for edge in layout.wiring.edges]
    for edge, way in zip(layout.wiring.edges, ways, strict=True):
        for other, its in zip(layout.wiring.edges, ways, strict=True):
            if {edge.source, edge.target}.isdisjoint({other.source, other.target}):
                parts = [(one, two) for one in _parts(way) for two in _parts(its)]
                assert not any(_overlap(one, two) for one, two in parts), (edge, other)
            if edge.source == other.target:  # not one line that goes on
                assert way[0] != its[-1]


def _parts(way):
    return list(itertools.pairwise(way))


def _overlap(one, two):
    """Whether two parts of lines lie upon each other, along one of the axes."""
    for along, across in ((0, 1), (1, 0)):
        if len({point[across] for point in (*one, *two)}) == 1:
            (a, b), (c, d) = (sorted(point[along] for point in part) for part in (one, two))
            return max(a, c) < min(b, d)
    return False


@pytest.mark.parametrize(
    ("key", "name", "missing", "extra", "cut"),
    [
        (
            "basicblock",
            "no-skip",
            {("X", "+ 1"), ("norm_2", "+ 1"), ("+ 1", "ReLU after + 1")},
            {("norm_2", "ReLU after norm_2")},
            set(),
        ),
        (
            "preactblock",
            "norm-2-reused",
            {
                ("X", "norm_1"),
                ("norm_1", "ReLU after norm_1"),
            },
            {("X", "norm_2"), ("norm_2", "ReLU after norm_2")},
            set(),
        ),
        (
            "skipnet3",
            "detached-after-1",
            set(),
            set(),
            {("ReLU after layer_1", "layer_2")},
        ),
    ],
)
def test_only_what_differs_is_marked(key, name, missing, extra, cut):
    exercise = all_exercises()[key]
    wrong = next(wrong for wrong in exercise.misconceptions if wrong.name == name)
    found = compare_wirings(trace(exercise), trace(exercise, wrong))
    assert {(edge.source, edge.target) for edge in found.missing} == missing
    assert {(edge.source, edge.target) for edge in found.extra} == extra
    assert {(edge.source, edge.target) for edge in found.cut} == cut


def _wide(net, X):
    return sum([net.first(X * k).sin() for k in range(1, 30)])


def _long(net, X):
    for _ in range(100):
        X = net.first(X)
    return X


def _large(net, X):
    return sum([X] * 500)


@pytest.mark.parametrize(
    ("forward", "said"), [(_wide, "beside each other"), (_long, "in a row"), (_large, " steps.")]
)
def test_a_sentence_where_there_is_no_room(forward, said, capsys, tmp_path):
    draw_wiring(Net(forward), 4, tmp_path / "a.png")
    assert said in capsys.readouterr().out
    assert not (tmp_path / "a.png").exists()


def test_a_name_is_no_formula_and_may_be_in_any_script(tmp_path):
    model = nn.Sequential()
    for name in ("$\\frac$", "漢字", "<b>", "שלום", "x" * 300):
        model.add_module(name, nn.Linear(4, 4))
    with warnings.catch_warnings(action="error"):
        draw_wiring(model, 4, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 3000
