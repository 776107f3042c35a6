"""How fast is the same experiment over many seeds? Compares three ways to run it.

    python benchmarks/seeds.py

One after another: `train_model` per seed, torch's own threads. Together: all seeds in one batched
network, with torch.func (stack_module_state, functional_call, vmap). Side by side: what
`train_over_seeds` does, one seed per thread with one torch thread each. All three make the same
data and initial weights, and must end at the same losses.
"""

import argparse
import os
import time
from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from skiplab import make_data, make_plain_network, train_model, train_over_seeds

LEARNING_RATE = 0.01
Run = Callable[[int, Sequence[int], int, int], torch.Tensor]


def seeded_network(depth: int, seed: int) -> nn.Module:
    """The network that `train_over_seeds` starts from with this seed."""
    torch.manual_seed(seed)
    return plain(depth)(512, 32)


def plain(depth: int) -> Callable[..., nn.Module]:
    """A plain network of this depth, as a class would make it."""

    def network(input_size: int, output_size: int, hidden_size: int = 128) -> nn.Module:
        seed = int(torch.initial_seed())
        return make_plain_network(
            depth, "relu", "default", input_size, output_size, hidden_size, seed
        )

    return network


def one_after_another(depth: int, seeds: Sequence[int], epochs: int, samples: int) -> torch.Tensor:
    """Final losses, seed by seed."""
    final = []
    for seed in seeds:
        model = seeded_network(depth, seed)
        X, y = make_data(samples, seed=seed)
        optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
        final.append(train_model(model, epochs, X, y, nn.MSELoss(), optimizer, 0)[-1])
    return torch.tensor(final)


def together(depth: int, seeds: Sequence[int], epochs: int, samples: int) -> torch.Tensor:
    """Final losses, all seeds as one batched network."""
    models = [seeded_network(depth, seed) for seed in seeds]
    X, y = (torch.stack(t) for t in zip(*(make_data(samples, seed=s) for s in seeds), strict=True))
    weights, buffers = stack_module_state(models)
    forward = vmap(lambda w, b, X: functional_call(models[0], (w, b), (X,)))
    values = list(weights.values())
    for _ in range(epochs):
        loss = (forward(weights, buffers, X) - y).square().mean(dim=(1, 2))
        gradients = torch.autograd.grad(loss.sum(), values)
        with torch.no_grad():
            for value, gradient in zip(values, gradients, strict=True):
                value.sub_(gradient, alpha=LEARNING_RATE)
    return loss.detach()


def side_by_side(depth: int, seeds: Sequence[int], epochs: int, samples: int) -> torch.Tensor:
    """Final losses, as the lessons get them."""
    return train_over_seeds(plain(depth), seeds, epochs, samples, LEARNING_RATE).final_loss


def main() -> None:
    """Times the three ways and prints one line per network and sample size."""
    parser = argparse.ArgumentParser(description="Time the experiment over many seeds.")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--repeat", type=int, default=3, help="the fastest of so many runs counts")
    parser.add_argument("--samples", type=int, nargs="+", default=[200, 500, 1000, 2000])
    options = parser.parse_args()
    ways: dict[str, Run] = {
        "one after another": one_after_another,
        "together (vmap)": together,
        "side by side": side_by_side,
    }
    print(
        f"{options.seeds} seeds, {options.epochs} epochs; seconds, fastest of {options.repeat}; "
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"load at the start {os.getloadavg()[0]:.1f}"
    )
    print("samples  layers  " + "  ".join(ways) + "  speed-up")
    for samples in options.samples:
        for depth in (3, 7):
            times = dict.fromkeys(ways, float("inf"))
            for _ in range(options.repeat):
                final = {}
                for name, run in ways.items():
                    start = time.perf_counter()
                    final[name] = run(depth, range(options.seeds), options.epochs, samples)
                    times[name] = min(times[name], time.perf_counter() - start)
                for name, losses in final.items():
                    torch.testing.assert_close(
                        losses, final["one after another"], rtol=1e-4, atol=1e-6, msg=name
                    )
            cells = "  ".join(f"{seconds:{len(name)}.2f}" for name, seconds in times.items())
            ratio = times["one after another"] / times["side by side"]
            print(f"{samples:7}  {depth:6}  {cells}  {ratio:7.2f}x", flush=True)


if __name__ == "__main__":
    main()
