"""What a lesson notebook imports: data, training, diagnostics, figures."""

from skiplab.lesson.data import make_data
from skiplab.lesson.diagnostics import dead_outputs, layer_gradients
from skiplab.lesson.diagrams import draw_blocks, draw_network
from skiplab.lesson.networks import make_plain_network
from skiplab.lesson.plots import (
    plot_activations,
    plot_layer_gradients,
    plot_loss,
    plot_seed_losses,
    plot_strip,
)
from skiplab.lesson.predict import compare_prediction
from skiplab.lesson.progress import show_progress
from skiplab.lesson.training import SeedRuns, train_model, train_over_seeds

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
