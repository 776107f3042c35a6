"""make_data gives the original experiment's noise, make_mnist1d its data set: seeded, the same."""

import random

import numpy as np
import pytest
import torch

from skiplab import make_data, make_mnist1d


def test_it_is_uniform_noise_of_the_asked_size():
    X, y = make_data(3_000, 50, 7)
    assert (X.shape, y.shape) == ((3_000, 50), (3_000, 7))
    for tensor in (X, y):
        assert tensor.dtype == torch.float32 and tensor.device.type == "cpu"
        assert tensor.min() >= 0 and tensor.max() < 1
        # Uniform on [0, 1): mean 1/2, variance 1/12, and the tenths equally often.
        assert tensor.mean().item() == pytest.approx(1 / 2, abs=0.01)
        assert tensor.var().item() == pytest.approx(1 / 12, abs=0.003)
        shares = torch.histc(tensor, 10, 0, 1) / tensor.numel()
        torch.testing.assert_close(shares, torch.full((10,), 0.1), atol=0.01, rtol=0)


def test_the_defaults_are_the_small_original_experiment():
    X, y = make_data()
    assert (X.shape, y.shape) == ((2_000, 512), (2_000, 32))


def test_a_seed_gives_the_same_numbers_whatever_the_global_state_is():
    torch.manual_seed(1)
    first = make_data(20, seed=5)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    again, other = make_data(20, seed=5), make_data(20, seed=6)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    assert not torch.equal(first[0][:, :32], first[1])


@pytest.mark.skipif(not torch.accelerator.is_available(), reason="no accelerator")
def test_an_accelerator_gets_the_same_numbers():
    device = torch.accelerator.current_accelerator()
    for here, there in zip(make_data(20), make_data(20, device=device), strict=True):
        assert there.device.type == device.type
        assert torch.equal(here, there.cpu())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"samples": 0}, ValueError, "samples: got 0, wanted a whole number of at least 1"),
        ({"samples": "2000"}, TypeError, "samples: got '2000', wanted a whole number"),
        ({"input_size": 2.5}, TypeError, "input_size: got 2.5, wanted a whole number"),
        ({"output_size": -1}, ValueError, "output_size: got -1, wanted"),
        ({"seed": None}, TypeError, "seed: got None, wanted a whole number of at least 0"),
        ({"samples": True}, TypeError, "samples: got True, wanted a whole number"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error) as caught:
        make_data(**arguments)
    assert message in str(caught.value)


def test_mnist1d_is_the_published_data_set():
    """Sizes, scale and classes; and it can be learned: nearest neighbours beat chance by far."""
    data = make_mnist1d()
    assert data.X.shape == (4_000, 40) and data.X_test.shape == (1_000, 40)
    assert data.y.shape == (4_000,) and data.y_test.shape == (1_000,)
    assert data.X.dtype == data.X_test.dtype == torch.float32 and data.y.dtype == torch.int64
    assert data.X.mean().item() == pytest.approx(0, abs=0.02)
    assert data.X.std().item() == pytest.approx(1, abs=0.02)
    assert data.y.bincount().min() > 350 and data.y_test.bincount().min() > 70
    nearest = torch.cdist(data.X_test, data.X).argmin(dim=1)
    assert (data.y[nearest] == data.y_test).float().mean() > 0.4


def test_mnist1d_is_the_same_again_and_changes_nobodys_random_state():
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    first, other = make_mnist1d(7), make_mnist1d(8)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1]) and random.getstate() == states[2]
    assert not torch.equal(first.X, other.X)
    kept = first.X.clone()
    first.X.zero_()  # a student may
    assert torch.equal(make_mnist1d(7).X, kept)


@pytest.mark.parametrize(
    ("seed", "error", "message"),
    [
        (-1, ValueError, "seed: got -1, wanted a whole number of at least 0"),
        ("a", TypeError, "seed: got 'a', wanted a whole number"),
    ],
)
def test_wrong_arguments_of_mnist1d_are_named(seed, error, message):
    with pytest.raises(error) as caught:
        make_mnist1d(seed)
    assert message in str(caught.value)
