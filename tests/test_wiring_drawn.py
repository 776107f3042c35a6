"""A network is drawn as it is wired, with nothing else; where it cannot be, a sentence says so."""

import pytest
import torch
from torch import nn

from skiplab import draw_wiring
from skiplab.checks.challenge import construct
from skiplab.checks.exercise import all_exercises
from skiplab.lesson.tracing import TracingError, trace_wiring
from skiplab.lesson.wiring import _beside, _Layout, _layout, _way, compare_wirings, draw_difference

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
    assert sentences < 20


@pytest.mark.parametrize(
    "forward",
    [
        lambda net, X: net.second(net.first(X).relu()) + X,
        lambda net, X: torch.add(X, net.second(nn.functional.relu(net.first(X)))),
        lambda net, X: sum([net.second(net.first(X).clamp(min=0)), X]),
        lambda net, X: net.second(torch.maximum(net.first(X), torch.zeros(4))).add_(X),
        lambda net, X: (
            (X @ net.first.weight.T + net.first.bias).relu() @ net.second.weight.T
            + net.second.bias
            + X.clone().view(-1, 4)
        ),
    ],
    ids=["operators", "functions", "sum", "in-place", "by-hand"],
)
def test_it_does_not_matter_how_it_is_written(forward):
    found = {one.kind: 0 for one in trace_wiring(Net(forward), 4).nodes}
    assert {"layer", "activation", "add", "input", "output"} == found.keys()
    wiring = trace_wiring(Net(forward), 4)
    ends = [edge.source for edge in wiring.edges if edge.target.startswith("+ ")]
    assert "X" in ends
    assert (wiring.unused, wiring.no_gradient) == ((), ())


@pytest.mark.parametrize(
    ("forward", "unused", "no_gradient", "cut"),
    [
        (lambda net, X: net.first(X), ("second",), (), []),
        (lambda net, X: net.second(net.first(X).detach()), (), ("first",), [("first", "second")]),
        (lambda net, X: net.second(net.first(X).data), (), ("first",), [("first", "second")]),
        (lambda net, X: X, ("first", "second"), (), []),
        (lambda net, X: torch.zeros(4, 4), ("first", "second"), (), []),
        (lambda net, X: torch.tensor(net.first(X).tolist()), ("first", "second"), (), []),
    ],
    ids=["unused", "detach", "data", "nothing", "constant", "numbers"],
)
def test_what_is_not_used_or_gets_no_gradient(forward, unused, no_gradient, cut):
    wiring = trace_wiring(Net(forward), 4)
    assert wiring.unused == unused
    assert wiring.no_gradient == no_gradient
    assert [(edge.source, edge.target) for edge in wiring.edges if edge.cut] == cut


def _for_ever(net, X):
    while True:
        X = X + 1


@pytest.mark.parametrize(
    ("forward", "said"),
    [
        (lambda net, X: 1 / 0, "ZeroDivisionError"),
        (lambda net, X: (X, X), "returned tuple"),
        (lambda net, X: None, "returned NoneType"),
        (_for_ever, "more than 2000 steps"),
    ],
)
def test_a_sentence_where_there_can_be_no_picture(forward, said, capsys):
    draw_wiring(Net(forward), 4)
    shown = capsys.readouterr().out
    assert shown.startswith("Net: there is no picture, because")
    assert said in shown


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
    from skiplab.lesson.wiring import _folded

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, X):
            return X + self.layer(X).relu()

    wiring = _folded(trace_wiring(nn.Sequential(*[Block() for _ in range(20)]), 4), ())
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


def test_shortcuts_one_after_the_other_are_not_drawn_as_one():
    """As one line they would say that the first input is added at every plus."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, X):
            return X + self.layer(X)

    layout = _Layout(trace_wiring(nn.Sequential(Block(), Block()), 4))
    first, second = (edge for edge in layout.wiring.edges if edge in layout.lane)
    assert (first.source, first.target, second.source) == ("X", "+ 1", "+ 1")
    ways = [_way(layout, one, (0, -layout.row[one.source]), (0, -layout.row[one.target]), 0)
            for one in (first, second)]  # fmt: skip
    assert ways[0][-1][1] > ways[1][0][1], "it ends above where the next begins"
    assert ways[0][2][1] > ways[1][1][1]
