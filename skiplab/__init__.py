"""Lessons on skip connections, and the checks and grading behind them."""

from skiplab.lesson import (
    SeedRuns,
    compare_prediction,
    dead_outputs,
    draw_blocks,
    draw_network,
    layer_gradients,
    make_data,
    make_plain_network,
    plot_activations,
    plot_layer_gradients,
    plot_loss,
    plot_seed_losses,
    plot_strip,
    show_progress,
    train_model,
    train_over_seeds,
)

__all__ = [
    "SeedRuns",
    "compare_prediction",
    "dead_outputs",
    "draw_blocks",
    "draw_network",
    "layer_gradients",
    "make_data",
    "make_plain_network",
    "plot_activations",
    "plot_layer_gradients",
    "plot_loss",
    "plot_seed_losses",
    "plot_strip",
    "show_progress",
    "train_model",
    "train_over_seeds",
]
