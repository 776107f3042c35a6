"""A residual network of convolutions for signals: He et al. 2015 (1512.03385) in miniature."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from skiplab.lesson import arguments

WIDTHS = (8, 16, 32)


class ConvBlock(nn.Module):
    """The layers of a block without a shortcut: conv, norm, ReLU, conv, norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int | None = None, stride: int = 1) -> None:
        """Makes the layers, with torch's default initialisation.

        Args:
            in_channels: Channels of what comes in.
            out_channels: Channels of what comes out; None is as many.
            stride: Of the first convolution; 2 halves the length.
        """
        super().__init__()
        out_channels = in_channels if out_channels is None else out_channels
        self.conv_1 = nn.Conv1d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.norm_1 = nn.BatchNorm1d(out_channels)
        self.conv_2 = nn.Conv1d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm_2 = nn.BatchNorm1d(out_channels)
        self.relu = nn.ReLU()

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Applies the layers one after the other.

        Args:
            X: Inputs, of shape (examples, in_channels, length).

        Returns:
            Outputs, of shape (examples, out_channels, length / stride, rounded up).
        """
        X = self.relu(self.norm_1(self.conv_1(X)))
        return self.relu(self.norm_2(self.conv_2(X)))


class ResNet(nn.Module):
    """A convolution, three stages of blocks, the mean over the length, and a linear layer.

    The plan of He et al. 2015 (arXiv 1512.03385, section 4.2) for CIFAR-10, in one dimension and
    narrow: 8, 16 and 32 channels; the second and the third stage halve the length.
    """

    def __init__(
        self,
        depth: int,
        block: Callable[[int], nn.Module],
        between: Callable[[int, int, int], nn.Module],
    ) -> None:
        """Makes the layers, with torch's default initialisation.

        Args:
            depth: Number of layers with weights in a row, 6n + 2: the first convolution, three
                stages of n blocks of two layers each, and the last, linear layer.
            block: Makes a block that keeps the shape, of the channels: `BasicBlock`.
            between: Makes the block that begins the second and the third stage, of the channels
                before, the channels after and the stride: `ProjectionBlock`.

        Raises:
            TypeError: `depth` is no whole number, or a block is nothing to make blocks with.
            ValueError: `depth` is not 8, 14, 20, …
        """
        super().__init__()
        arguments.whole_number("depth", depth)
        if depth < 8 or depth % 6 != 2:
            raise ValueError(f"depth: got {depth}, wanted 6n + 2: 8, 14, 20, …")
        for name, given in (("block", block), ("between", between)):
            if isinstance(given, nn.Module) or not callable(given):
                got = arguments.describe(given)
                raise TypeError(f"{name}: got {got}, wanted a class of blocks, such as BasicBlock")
        each = (depth - 2) // 6
        channels = WIDTHS[0]
        self.conv = nn.Conv1d(1, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm1d(channels)
        self.relu = nn.ReLU()
        blocks = [block(channels) for _ in range(each)]
        for wider in WIDTHS[1:]:
            blocks.append(between(channels, wider, 2))
            blocks += [block(wider) for _ in range(each - 1)]
            channels = wider
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Linear(channels, 10)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Computes the logits.

        Args:
            X: Signals, of shape (examples, length).

        Returns:
            Logits, of shape (examples, 10).
        """
        X = self.relu(self.norm(self.conv(X.unsqueeze(1))))
        return self.last(self.blocks(X).mean(dim=2))
