"""train_classifiers trains one network per seed as it says, and survives those that explode."""

import math
import time

import pytest
import torch
from torch import nn

from skiplab import PlainBlock, make_mnist1d, measure, train_classifiers, wrong_share
from skiplab.lesson.data import Digits


@pytest.fixture(scope="module")
def data():
    """The first of MNIST-1D."""
    whole = make_mnist1d()
    return Digits(whole.X[:300], whole.y[:300], whole.X_test[:100], whole.y_test[:100])


class Explodes(nn.Linear):
    def forward(self, X):
        return super().forward(X) * 1e30


def make_small():
    return nn.Sequential(nn.Linear(40, 16), PlainBlock(16), nn.Linear(16, 10))


def test_it_is_sgd_with_momentum_in_batches(data):
    """Written out by hand, for one seed."""
    runs = train_classifiers("small", make_small, data, seeds=[3], epochs=2, batch_size=70)
    torch.manual_seed(3)
    model = make_small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    order = torch.Generator().manual_seed(3)
    for epoch in range(2):
        total = 0.0
        for batch in torch.randperm(300, generator=order).split(70):
            loss = nn.functional.cross_entropy(model(data.X[batch]), data.y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        assert runs.losses[0, epoch].item() == pytest.approx(total / 300, rel=1e-4)
    loss, accuracy = measure(model, data)
    assert runs.loss.tolist() == pytest.approx([loss], rel=1e-4)
    assert runs.accuracy.tolist() == pytest.approx([accuracy])
    right = model(data.X_test).argmax(dim=1) == data.y_test
    assert accuracy == pytest.approx(right.float().mean().item())


def test_the_same_again_whatever_the_global_state_is(data):
    torch.manual_seed(1)
    first = train_classifiers("a", make_small, data, seeds=2, epochs=2)
    torch.manual_seed(2)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    again = train_classifiers("a", make_small, data, seeds=range(2), epochs=2)
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == threads
    assert first.seeds == again.seeds == (0, 1) and len(first.models) == 2
    assert torch.equal(first.losses, again.losses)
    assert not torch.equal(first.losses[0], first.losses[1])


def test_it_learns(data):
    runs = train_classifiers("small", make_small, data, seeds=2, epochs=15)
    assert (runs.loss < math.log(10) - 0.5).all() and (runs.accuracy > 0.2).all()
    assert (runs.losses[:, -1] < runs.losses[:, 0]).all()


def test_what_explodes_ends_and_is_not_a_number(data, capfd):
    runs = train_classifiers("big", lambda: Explodes(40, 10), data, seeds=2, epochs=5)
    assert runs.losses.shape == (2, 5) and runs.losses[:, -1].isnan().all()
    assert runs.loss.isnan().all() and runs.accuracy.max() < 0.4
    assert capfd.readouterr().err == ""


def test_prints_of_a_network_are_kept_aside(data, capsys):
    class Loud(nn.Linear):
        def forward(self, X):
            print("shape", X.shape)
            return super().forward(X)

    train_classifiers("loud", lambda: Loud(40, 10), data, seeds=1, epochs=1)
    assert "shape" not in capsys.readouterr().out


@pytest.fixture
def threads():
    """Set how many threads PyTorch has."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


class Alone(nn.Linear):
    """Fails where two are at work at once."""

    at_work = 0

    def forward(self, X):
        Alone.at_work += 1
        time.sleep(0.01)
        try:
            if Alone.at_work > 1:
                raise RuntimeError("not beside another")
            return super().forward(X)
        finally:
            Alone.at_work -= 1


@pytest.mark.parametrize(
    "make",
    [
        make_small,
        lambda: nn.Sequential(nn.Linear(40, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 10)),
        lambda: nn.Sequential(nn.Dropout(), nn.Linear(40, 10)),
        lambda: Alone(40, 10),
    ],
    ids=["plain", "normalised", "random", "alone"],
)
def test_many_threads_give_what_one_gives(data, threads, make):
    found = []
    for number in (1, 3):
        threads(number)
        found.append(train_classifiers("net", make, data, seeds=3, epochs=2))
        assert torch.get_num_threads() == number
    one, three = found
    assert torch.equal(one.losses, three.losses) and torch.equal(one.accuracy, three.accuracy)
    for mine, others in zip(one.models, three.models, strict=True):
        assert all(
            torch.equal(values, others.state_dict()[name])
            for name, values in mine.state_dict().items()
        )


@pytest.mark.parametrize("number", [1, 2])
def test_an_error_of_the_network_is_shown_as_it_is(data, threads, number):
    class Broken(nn.Linear):
        def forward(self, X):
            raise ArithmeticError("of the student's own")

    threads(number)
    with pytest.raises(ArithmeticError, match="of the student's own"):
        train_classifiers("broken", lambda: Broken(40, 10), data, seeds=2, epochs=1)


def test_the_last_epochs_take_a_tenth_of_the_step(data):
    def once(**options):
        return train_classifiers("small", make_small, data, seeds=1, **options).losses[0]

    changed, whole = once(epochs=3, slower_after=2), once(epochs=3)
    assert torch.equal(changed[:2], whole[:2]) and changed[2] != whole[2]
    small = once(epochs=3, learning_rate=0.005)
    assert not torch.equal(changed, small)
    assert torch.equal(once(epochs=2, slower_after=2), whole[:2]), "after so many, and not before"


def test_errors_are_shares_told_wrong(data):
    runs = train_classifiers("small", make_small, data, seeds=2, epochs=2)
    for k, model in enumerate(runs.models):
        wrong = (model(data.X).argmax(dim=1) != data.y).float().mean().item()
        assert wrong_share(model, data.X, data.y) == pytest.approx(wrong)
        assert runs.training_error[k].item() == pytest.approx(wrong)
    half = nn.Linear(40, 2)
    nn.init.zeros_(half.weight)
    half.bias.data = torch.tensor([0.0, 1.0])  # it always answers 1
    assert wrong_share(half, data.X[:4], torch.tensor([1, 0, 0, 0])) == 0.75


def test_measuring_uses_running_statistics_and_changes_nothing(data):
    model = nn.Sequential(nn.Linear(40, 10), nn.BatchNorm1d(10))
    model[1].running_mean += 3
    before = {name: value.clone() for name, value in model.state_dict().items()}
    loss, accuracy = measure(model, data)
    assert model.training and model[1].training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    model.eval()
    expected = nn.functional.cross_entropy(model(data.X), data.y).item()
    assert loss == pytest.approx(expected)
    assert measure(model, data) == (loss, accuracy) and not model.training


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"name": 3}, TypeError, "name: got 3, wanted a string"),
        ({"make_network": nn.Linear(40, 10)}, TypeError,
         "make_network: got a Linear network, wanted a function that makes a network"),
        ({"make_network": "net"}, TypeError, "make_network: got 'net', wanted a function"),
        ({"make_network": lambda: 3}, TypeError, "make_network: got 3, wanted a network"),
        ({"seeds": 0}, ValueError, "seeds: got 0, wanted"),
        ({"epochs": 0}, ValueError, "epochs: got 0, wanted"),
        ({"slower_after": 0}, ValueError, "slower_after: got 0, wanted"),
        ({"batch_size": "all"}, TypeError, "batch_size: got 'all', wanted"),
        ({"learning_rate": 0}, ValueError, "learning_rate: got 0, wanted a number above 0"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(change, error, message, data):
    given = {"name": "small", "make_network": make_small, "data": data, "seeds": 1, "epochs": 1}
    with pytest.raises(error) as caught:
        train_classifiers(**(given | change))
    assert message in str(caught.value)
