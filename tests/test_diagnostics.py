"""layer_gradients and dead_outputs measure what they say, and leave the network alone."""

import pytest
import torch
from torch import nn

from skiplab import dead_outputs, layer_gradients, make_data, make_plain_network


class Skip(nn.Module):
    """Layers in an order of their own, one of them not on the way, one registered twice."""

    def __init__(self):
        super().__init__()
        self.layer_1 = nn.Linear(6, 4)
        self.layer_2 = nn.Linear(4, 3)
        self.unused = nn.Linear(4, 4)
        self.skip_layer = nn.Linear(6, 3)
        self.again = self.layer_1
        self.norm = nn.BatchNorm1d(4)

    def forward(self, X):
        return self.layer_2(self.norm(self.layer_1(X)).relu()) + self.skip_layer(X)


def snapshot(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_it_is_the_norm_of_the_gradient_by_finite_differences():
    torch.manual_seed(0)
    model, (X, y) = Skip().double(), make_data(7, 6, 3)
    X, y = X.double(), y.double()
    measured = layer_gradients(model, X, y, nn.MSELoss())
    assert list(measured) == ["layer_1", "layer_2", "unused", "skip_layer", "norm"]
    assert measured["unused"] == 0.0

    def loss():
        with torch.no_grad():
            return nn.functional.mse_loss(model(X), y).item()

    for name in ("layer_1", "layer_2", "skip_layer"):
        weight, squares = model.get_submodule(name).weight, 0.0
        for index in range(weight.numel()):
            place = weight.data.view(-1)
            before = place[index].item()
            place[index] = before + 1e-6
            higher = loss()
            place[index] = before - 1e-6
            squares += ((higher - loss()) / 2e-6) ** 2
            place[index] = before
        assert measured[name] == pytest.approx(squares**0.5, rel=1e-4)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_measuring_leaves_the_network_as_it_was(mode):
    torch.manual_seed(0)
    model, (X, y) = Skip(), make_data(7, 6, 3)
    getattr(model, mode)()
    model.layer_1.weight.grad = torch.full((4, 6), 3.0)
    model.layer_2.weight.requires_grad_(False)
    before = snapshot(model)
    measured = layer_gradients(model, X, y, nn.MSELoss())
    dead_outputs(model, X)
    assert measured["layer_2"] > 0  # measured even where it is frozen
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(model.layer_1.weight.grad, torch.full((4, 6), 3.0))
    assert model.skip_layer.weight.grad is None and model.training == (mode == "train")
    assert not model.layer_2.weight.requires_grad and model.layer_1.weight.requires_grad
    with torch.no_grad():
        assert layer_gradients(model, X, y, nn.MSELoss()) == measured


def test_a_layer_the_gradient_does_not_reach_gets_zero():
    class Cut(Skip):
        def forward(self, X):
            return self.layer_2(self.layer_1(X).detach())

    class AllCut(Skip):
        def forward(self, X):
            return super().forward(X).detach()

    X, y = make_data(7, 6, 3)
    measured = layer_gradients(Cut(), X, y, nn.MSELoss())
    assert measured["layer_1"] == 0.0 < measured["layer_2"]
    assert set(layer_gradients(AllCut(), X, y, nn.MSELoss()).values()) == {0.0}


def test_dead_outputs_are_zero_for_every_example():
    class Fixed(nn.Module):
        def forward(self, X):
            return X

    outputs = torch.tensor([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1e-30], [0.0, 2.0, -0.0, 0.0]])
    assert dead_outputs(Fixed(), outputs) == 2
    assert dead_outputs(Fixed(), outputs[:1]) == 3
    assert type(dead_outputs(Fixed(), outputs)) is int


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": Skip}, TypeError, "model: got the class Skip, wanted a network made from it"),
        ({"input_data": "X"}, TypeError, "input_data: got 'X', wanted a tensor with one row"),
        ({"target_data": torch.zeros(2, 3)}, ValueError, "target_data: got 2 rows, wanted 7"),
        ({"criterion": None}, TypeError, "criterion: got None, wanted a loss such as"),
        ({"criterion": nn.MSELoss}, TypeError, "criterion: got the class MSELoss, wanted a loss"),
    ],
)
def test_wrong_arguments_are_named(change, error, message):
    X, y = make_data(7, 6, 3)
    given = {"model": Skip(), "input_data": X, "target_data": y, "criterion": nn.MSELoss()}
    with pytest.raises(error) as caught:
        layer_gradients(**(given | change))
    assert message in str(caught.value)


def test_dead_outputs_names_wrong_arguments():
    with pytest.raises(TypeError, match="model: got the class Skip"):
        dead_outputs(Skip, torch.zeros(2, 6))
    with pytest.raises(ValueError, match=r"input_data: got a tensor of shape \(0, 6\)"):
        dead_outputs(Skip(), torch.zeros(0, 6))


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_a_plain_network_is_its_layers_each_with_the_activation(activation):
    model = make_plain_network(4, activation, input_size=6, output_size=3, hidden_size=5)
    assert [name for name, _ in model.named_children()] == [f"layer_{n}" for n in (1, 2, 3, 4)]
    X, _ = make_data(9, 6, 3)
    h = X - 0.5
    for layer in model.children():
        h = getattr(torch, activation)(h @ layer.weight.T + layer.bias)
    torch.testing.assert_close(model(X - 0.5), h)
    assert model.layer_1.weight.shape == (5, 6) and model.layer_4.weight.shape == (3, 5)


def test_initialisations_have_the_variance_they_claim():
    default, he = (make_plain_network(3, init=init) for init in ("default", "he"))
    for layer_d, layer_h in zip(default.children(), he.children(), strict=True):
        n_in = layer_d.in_features
        assert layer_d.weight.var().item() == pytest.approx(1 / (3 * n_in), rel=0.1)
        assert layer_d.weight.abs().max() <= n_in**-0.5
        assert layer_h.weight.var().item() == pytest.approx(2 / n_in, rel=0.1)
        assert layer_h.bias.abs().max() == 0
        # Normal, not uniform: a uniform draw of this variance stays within 1.74 deviations.
        assert layer_h.weight.abs().max() > 2.5 * (2 / n_in) ** 0.5


def test_a_plain_networks_seed_decides_and_the_global_state_does_not():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, again, other = (make_plain_network(2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first.layer_2.weight, again.layer_2.weight)
    assert not torch.equal(first.layer_2.weight, other.layer_2.weight)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"depth": 0}, ValueError, "depth: got 0, wanted a whole number of at least 1"),
        ({"activation": "tanh"}, ValueError, "activation: got 'tanh', wanted one of 'relu', 'sig"),
        ({"activation": torch.relu}, ValueError, "activation: got <built-in"),
        ({"init": "He"}, ValueError, "init: got 'He', wanted one of 'default', 'he'"),
        ({"hidden_size": "128"}, TypeError, "hidden_size: got '128', wanted a whole number"),
        ({"seed": -1}, ValueError, "seed: got -1, wanted a whole number of at least 0"),
    ],
)
def test_wrong_arguments_of_a_plain_network_are_named(change, error, message):
    with pytest.raises(error) as caught:
        make_plain_network(**({"depth": 3} | change))
    assert message in str(caught.value)
