"""Lessons on skip connections, and the checks and grading behind them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skiplab.lesson import (
        ClassifierRuns,
        ConvBlock,
        Digits,
        PlainBlock,
        ResNet,
        SeedRuns,
        compare_prediction,
        dead_outputs,
        draw_block,
        draw_blocks,
        draw_network,
        draw_residual_net,
        draw_resnet,
        draw_wiring,
        layer_gradients,
        make_data,
        make_mnist1d,
        make_plain_network,
        measure,
        plot_activations,
        plot_layer_gradients,
        plot_loss,
        plot_over,
        plot_seed_losses,
        plot_signals,
        plot_strip,
        show_progress,
        train_classifiers,
        train_model,
        train_over_seeds,
        wrong_share,
    )

__all__ = [
    "ClassifierRuns",
    "ConvBlock",
    "Digits",
    "PlainBlock",
    "ResNet",
    "SeedRuns",
    "compare_prediction",
    "dead_outputs",
    "draw_block",
    "draw_blocks",
    "draw_network",
    "draw_residual_net",
    "draw_resnet",
    "draw_wiring",
    "layer_gradients",
    "make_data",
    "make_mnist1d",
    "make_plain_network",
    "measure",
    "plot_activations",
    "plot_layer_gradients",
    "plot_loss",
    "plot_over",
    "plot_seed_losses",
    "plot_signals",
    "plot_strip",
    "show_progress",
    "train_classifiers",
    "train_model",
    "train_over_seeds",
    "wrong_share",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import what lessons use when the first of it is used: a command need not wait for PyTorch."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    lesson = importlib.import_module("skiplab.lesson")
    globals().update({each: getattr(lesson, each) for each in __all__})
    return globals()[name]


def __dir__() -> list[str]:
    """What there is, whether it has been used or not."""
    return sorted({*globals(), *__all__})
