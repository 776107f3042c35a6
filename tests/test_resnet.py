"""ResNet is built as it says, of the blocks it is given, and plain and residual differ as told."""

import pytest
import torch
from torch import nn

from skiplab import ConvBlock, ResNet


def recorder(made):
    def make(*arguments):
        made.append(arguments)
        return ConvBlock(*arguments)

    return make


@pytest.mark.parametrize("depth", [8, 20, 44])
def test_three_stages_of_the_blocks_given(depth):
    inside, between = [], []
    model = ResNet(depth, recorder(inside), recorder(between))
    n = (depth - 2) // 6
    assert between == [(8, 16, 2), (16, 32, 2)]
    assert inside == [(8,)] * n + [(16,)] * (n - 1) + [(32,)] * (n - 1)
    layers = [m for m in model.modules() if isinstance(m, nn.Conv1d | nn.Linear)]
    assert len(layers) == depth, "each block has two layers; first and last are counted"


def test_signals_in_logits_out_and_lengths_halve_between_the_stages():
    torch.manual_seed(0)
    model, shapes = ResNet(14, ConvBlock, ConvBlock), []
    for block in model.blocks:
        block.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
    assert model(torch.randn(3, 40)).shape == (3, 10)
    assert shapes == [(8, 40)] * 2 + [(16, 20)] * 2 + [(32, 10)] * 2


def test_a_conv_block_is_its_layers_in_a_row():
    torch.manual_seed(0)
    block, X = ConvBlock(3, 5, stride=2), torch.randn(4, 3, 9)
    layers = (block.conv_1, block.norm_1, block.relu, block.conv_2, block.norm_2, block.relu)
    assert torch.equal(block(X), nn.Sequential(*layers)(X))
    assert block(X).shape == (4, 5, 5) and ConvBlock(3)(X).shape == X.shape


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((9, ConvBlock, ConvBlock), ValueError, "depth: got 9, wanted 6n + 2: 8, 14, 20, …"),
        ((2, ConvBlock, ConvBlock), ValueError, "depth: got 2, wanted 6n + 2"),
        (("8", ConvBlock, ConvBlock), TypeError, "depth: got '8', wanted a whole number"),
        ((8, ConvBlock(8), ConvBlock), TypeError, "block: got a ConvBlock network, wanted a class"),
        ((8, ConvBlock, 3), TypeError, "between: got 3, wanted a class of blocks"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error) as caught:
        ResNet(*arguments)
    assert message in str(caught.value)
