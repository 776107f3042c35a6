"""train_model trains as it says, and train_over_seeds gives the same numbers for any network."""

import os
import re
import signal
import threading

import pytest
import torch
from torch import nn

from skiplab import dead_outputs, layer_gradients, make_data, train_model, train_over_seeds

SIZES = {"samples": 60, "input_size": 12, "output_size": 5, "hidden_size": 9}


@pytest.fixture(autouse=True)
def two_threads():
    """As on a student's machine: seeds are trained side by side."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


class Chain(nn.Module):
    """Three layers; the styles below wire them in other ways."""

    def __init__(self, input_size, output_size, hidden_size=128):
        super().__init__()
        self.layer_1 = nn.Linear(input_size, hidden_size)
        self.layer_2 = nn.Linear(hidden_size, hidden_size)
        self.layer_3 = nn.Linear(hidden_size, output_size)
        self.skip_layer = nn.Linear(input_size, output_size)
        self.relu = nn.ReLU()

    def forward(self, X):
        h = self.relu(self.layer_1(X))
        h = self.relu(self.layer_2(h))
        return self.relu(self.relu(self.layer_3(h)) + self.skip_layer(X))


class Loop(Chain):
    def forward(self, X):
        h = X
        for number in (1, 2, 3):
            h = torch.relu(getattr(self, f"layer_{number}")(h))
        return torch.relu(h + self.skip_layer(X))


class InPlace(Chain):
    def forward(self, X):
        h = self.layer_1(X).relu_()
        h = self.layer_2(h).clamp_(min=0)
        h = self.relu(self.layer_3(h))
        out = self.skip_layer(X)
        out += h
        return out.relu_()


class Registered(Chain):
    """Every layer under two names."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.deep = nn.Sequential(
            self.layer_1, self.relu, self.layer_2, self.relu, self.layer_3, self.relu
        )

    def forward(self, X):
        return self.relu(self.deep(X) + self.skip_layer(X))


class Sequential(Chain):
    def forward(self, X):
        deep = nn.Sequential(self.layer_1, self.relu, self.layer_2, self.relu, self.layer_3)
        return torch.clamp(deep(X).relu() + self.skip_layer(X), min=0)


def two_layers(net, X):
    return net.layer_2(net.layer_1(X).relu()).relu()


class Helper(Chain):
    def forward(self, X):
        return (self.layer_3(two_layers(self, X)).relu() + self.skip_layer(X)).relu()


class LooksAtValues(Chain):
    """What vmap refuses, and students write while they search for a mistake."""

    def forward(self, X):
        if X.min().item() < 0:
            X = X - X.min()
        h = torch.relu(self.layer_1(X))
        assert h.detach().numpy().shape[1] == self.layer_1.out_features
        return torch.relu(self.layer_3(torch.relu(self.layer_2(h)))) + 0 * self.skip_layer(X)


class Counts(Chain):
    def forward(self, X):
        self.calls = getattr(self, "calls", 0) + 1
        self.last = super().forward(X)
        return self.last


class Draws(Chain):
    """Random numbers in forward: needs torch's generator to itself."""

    def forward(self, X):
        h = nn.functional.dropout(torch.relu(self.layer_1(X)), 0.3, self.training)
        return torch.relu(self.layer_3(torch.relu(self.layer_2(h))) + self.skip_layer(X))


class OnlyMainThread(Chain):
    """Stands for a network that works alone and fails beside others."""

    def forward(self, X):
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("used beside others")
        return super().forward(X)


class Normalised(Chain):
    """Buffers that change with every call."""

    def __init__(self, input_size, output_size, hidden_size=128):
        super().__init__(input_size, output_size, hidden_size)
        self.norm = nn.BatchNorm1d(hidden_size)

    def forward(self, X):
        return self.layer_3(torch.relu(self.norm(self.layer_1(X))))


STYLES = [
    Chain, Loop, InPlace, Registered, Sequential, Helper, LooksAtValues, Counts, Draws,
    OnlyMainThread, Normalised,
]  # fmt: skip


def one_seed(network, seed, epochs):
    torch.manual_seed(seed)
    model = network(12, 5, hidden_size=9)
    X, y = make_data(60, 12, 5, seed=seed)
    # Measuring would draw random numbers too.
    gradients = None if network is Draws else layer_gradients(model, X, y, nn.MSELoss())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = train_model(model, epochs, X, y, nn.MSELoss(), optimizer, 0)
    return losses, dead_outputs(model, X), gradients


@pytest.mark.parametrize("network", STYLES)
def test_many_seeds_give_what_each_gives_alone(network):
    seeds = (3, 0, 11, 7)
    runs = train_over_seeds(network, seeds, epochs=15, learning_rate=0.1, **SIZES)
    assert (runs.name, runs.seeds) == (network.__name__, seeds)
    assert runs.losses.shape == (4, 15)
    assert torch.equal(runs.final_loss, runs.losses[:, -1])
    for number, seed in enumerate(seeds):
        losses, dead, gradients = one_seed(network, seed, 15)
        assert runs.losses[number].tolist() == pytest.approx(losses, rel=1e-4)
        if network is not Draws:
            assert runs.dead_outputs[number].item() == dead
            assert list(runs.gradients) == list(gradients)
            for layer, norm in gradients.items():
                assert runs.gradients[layer][number].item() == pytest.approx(norm, rel=1e-4)
    assert len(set(runs.final_loss.tolist())) == 4  # the seeds differ


def test_the_seeds_are_trained_side_by_side():
    class Seen(Chain):
        threads = set()  # noqa: RUF012

        def forward(self, X):
            Seen.threads.add((threading.get_ident(), torch.get_num_threads()))
            return super().forward(X)

    train_over_seeds(Seen, 4, epochs=200, **SIZES)
    others = {seen for seen in Seen.threads if seen[0] != threading.get_ident()}
    assert 1 <= len(others) <= 2 and {threads for _, threads in others} == {1}


def test_training_is_gradient_descent_on_the_mean_squared_error():
    """By hand for one linear layer: the gradient of the loss is 2/(n·m) · (XW + b - y)."""
    X, y = make_data(40, 6, 3)
    model = nn.Linear(6, 3)
    weight, bias = (p.detach().double().clone() for p in model.parameters())
    losses = train_model(
        model, 20, X, y, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.2), None
    )
    Xd, yd = X.double(), y.double()
    for loss in losses:
        error = Xd @ weight.T + bias - yd
        assert loss == pytest.approx(error.square().mean().item(), rel=1e-5)
        weight -= 0.2 * 2 / error.numel() * error.T @ Xd
        bias -= 0.2 * 2 / error.numel() * error.sum(0)
    assert all(type(loss) is float for loss in losses) and len(losses) == 20
    torch.testing.assert_close(model.weight.detach().double(), weight, rtol=1e-4, atol=1e-6)


def test_it_prints_every_so_many_epochs_and_nothing_else(capfd):
    X, y = make_data(10, 4, 2)
    for print_every, lines in ((4, [4, 8]), (0, []), (None, [])):
        model = nn.Linear(4, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        losses = train_model(model, 10, X, y, nn.MSELoss(), optimizer, print_every)
        shown = capfd.readouterr()
        assert shown.out == "".join(
            f"epoch {epoch} of 10: loss {losses[epoch - 1]:.4f}\n" for epoch in lines
        )
        assert shown.err == ""


def test_nothing_outside_changes(capfd):
    torch.manual_seed(99)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    for network in (Chain, Draws, OnlyMainThread):
        train_over_seeds(network, 6, epochs=5, **SIZES)
        assert torch.equal(torch.get_rng_state(), state), network
        assert torch.get_num_threads() == threads
    seen = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert seen == [threads]
    assert not [t for t in threading.enumerate() if t.name.startswith("ThreadPool")]
    assert capfd.readouterr() == ("", "")


def test_a_networks_prints_are_shown_once(capfd):
    class Talks(Chain):
        def forward(self, X):
            print("shape", tuple(X.shape))
            return super().forward(X)

    train_over_seeds(Talks, 3, epochs=4, **SIZES)
    assert capfd.readouterr().out == "shape (60, 12)\n"


class Empty(Chain):
    def forward(self, X):
        raise NotImplementedError


class WrongOrder(Chain):
    def forward(self, X):
        return self.layer_2(X)


class Untrainable(Chain):
    def forward(self, X):
        with torch.no_grad():
            return super().forward(X)


class Squeezed(Chain):
    def forward(self, X):
        return super().forward(X)[:, 0]


class Nothing(Chain):
    def forward(self, X):
        super().forward(X)


@pytest.mark.parametrize(
    ("network", "error", "message"),
    [
        (Empty, NotImplementedError, "^$"),
        (WrongOrder, RuntimeError, "mat1 and mat2 shapes cannot be multiplied"),
        (Untrainable, RuntimeError, "does not require grad"),
        (Squeezed, ValueError, re.escape("returned shape (60,), wanted (60, 5), the shape of the")),
        (Nothing, TypeError, r"forward returned None, wanted a tensor of shape \(60, 5\)"),
    ],
)
def test_a_mistake_in_the_network_is_the_error_of_that_network(network, error, message):
    with pytest.raises(error, match=message) as caught:
        train_over_seeds(network, 3, epochs=4, **SIZES)
    if network in (Empty, WrongOrder):
        assert any(entry.name == "forward" for entry in caught.traceback)
    assert "vmap" not in str(caught.value)


def test_a_stop_from_the_keyboard_stops_the_threads():
    class Interrupted(Chain):
        calls = 0

        def forward(self, X):
            Interrupted.calls += 1
            if Interrupted.calls == 40:
                os.kill(os.getpid(), signal.SIGINT)
            return super().forward(X)

    threads = torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt):
        train_over_seeds(Interrupted, 4, epochs=100_000, **SIZES)
    assert Interrupted.calls < 100_000
    assert torch.get_num_threads() == threads
    assert not [t for t in threading.enumerate() if t.name.startswith("ThreadPool")]


X, Y = make_data(8, 4, 2)
NET = nn.Linear(4, 2)
GOOD = {
    "model": NET, "epochs": 2, "input_data": X, "target_data": Y, "criterion": nn.MSELoss(),
    "optimizer": torch.optim.SGD(NET.parameters(), lr=0.1), "print_every": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": Chain}, TypeError, "model: got the class Chain, wanted a network made from it"),
        ({"model": "net"}, TypeError, "model: got 'net', wanted a network"),
        ({"epochs": 0}, ValueError, "epochs: got 0, wanted a whole number of at least 1"),
        ({"epochs": "100"}, TypeError, "epochs: got '100', wanted a whole number"),
        ({"epochs": 1.5}, TypeError, "epochs: got 1.5, wanted a whole number"),
        ({"input_data": [[1.0]]}, TypeError, "input_data: got [[1.0]], wanted a tensor"),
        ({"input_data": X[:0], "target_data": Y[:0]}, ValueError, "input_data: got a tensor of"),
        ({"target_data": Y[:3]}, ValueError, "target_data: got 3 rows, wanted 8"),
        ({"target_data": Y[:, :1]}, ValueError, "forward returned shape (8, 2), wanted (8, 1)"),
        ({"criterion": nn.MSELoss}, TypeError, "criterion: got the class MSELoss, wanted a loss"),
        ({"criterion": "mse"}, TypeError, "criterion: got 'mse', wanted a loss"),
        ({"optimizer": torch.optim.SGD}, TypeError, "optimizer: got the class SGD, wanted an opt"),
        ({"model": nn.Linear(4, 2)}, ValueError, "optimizer: got one made with the parameters of"),
        ({"print_every": -1}, ValueError, "print_every: got -1, wanted a whole number"),
        ({"print_every": "10"}, TypeError, "print_every: got '10', wanted a whole number"),
    ],
)
def test_wrong_arguments_of_train_model_are_named(change, error, message):
    with pytest.raises(error) as caught:
        train_model(**(GOOD | change))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"network": Chain(3, 2)}, TypeError, "network: got a Chain network, wanted the class its"),
        ({"network": "Chain"}, TypeError, "network: got 'Chain', wanted a class"),
        ({"network": dict}, TypeError, "network: got the class dict, wanted"),
        ({"seeds": []}, ValueError, "seeds: got none, wanted at least one"),
        ({"seeds": 0}, ValueError, "seeds: got 0, wanted"),
        ({"seeds": "abc"}, TypeError, "seeds: got 'abc', wanted whole numbers"),
        ({"seeds": [0, 1.5]}, TypeError, "seeds: got 1.5, wanted a whole number"),
        ({"epochs": 0}, ValueError, "epochs: got 0, wanted"),
        ({"samples": 2.0}, TypeError, "samples: got 2.0, wanted"),
        ({"learning_rate": 0}, ValueError, "learning_rate: got 0, wanted a number above 0"),
        ({"learning_rate": "fast"}, TypeError, "learning_rate: got 'fast', wanted a number"),
        ({"hidden_size": None}, TypeError, "hidden_size: got None, wanted"),
        ({"label": 3}, TypeError, "label: got 3, wanted a string"),
    ],
)
def test_wrong_arguments_of_train_over_seeds_are_named(change, error, message):
    with pytest.raises(error) as caught:
        train_over_seeds(**({"network": Chain, "seeds": 2, "epochs": 2} | SIZES | change))
    assert message in str(caught.value)


def test_a_number_of_seeds_stands_for_the_first_ones():
    runs = train_over_seeds(Chain, 2, epochs=3, label="mine", **SIZES)
    same = train_over_seeds(Chain, range(2), epochs=3, **SIZES)
    assert runs.seeds == (0, 1) and runs.name == "mine"
    torch.testing.assert_close(runs.losses, same.losses)
    with pytest.raises(AttributeError):
        runs.name = "other"


@pytest.mark.skipif(not torch.accelerator.is_available(), reason="no accelerator")
def test_an_accelerator_gives_the_same_losses():
    device = torch.accelerator.current_accelerator()
    here = train_over_seeds(Chain, 2, epochs=5, **SIZES)
    there = train_over_seeds(Chain, 2, epochs=5, device=device, **SIZES)
    assert there.losses.device.type == "cpu"
    torch.testing.assert_close(here.losses, there.losses, rtol=1e-3, atol=1e-5)
    assert there.dead_outputs.tolist() == here.dead_outputs.tolist()
