"""What a lesson notebook imports: data, training, diagnostics, figures."""

from skiplab.lesson.classifiers import ClassifierRuns, measure, train_classifiers, wrong_share
from skiplab.lesson.data import Digits, make_data, make_mnist1d
from skiplab.lesson.diagnostics import dead_outputs, layer_gradients
from skiplab.lesson.diagrams import (
    draw_block,
    draw_blocks,
    draw_network,
    draw_residual_net,
    draw_resnet,
)
from skiplab.lesson.networks import PlainBlock, make_plain_network
from skiplab.lesson.plots import (
    plot_activations,
    plot_layer_gradients,
    plot_loss,
    plot_over,
    plot_seed_losses,
    plot_signals,
    plot_strip,
)
from skiplab.lesson.predict import compare_prediction
from skiplab.lesson.progress import show_progress
from skiplab.lesson.resnet import ConvBlock, ResNet
from skiplab.lesson.training import SeedRuns, train_model, train_over_seeds
from skiplab.lesson.wiring import draw_wiring

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
