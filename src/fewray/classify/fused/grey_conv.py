"""The first layer of a classifier: a convolution of grey images with channels-last output."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class GreyConv2d(nn.Conv2d):
    """``nn.Conv2d`` (3x3, one input channel) as a matrix product of nine shifted copies and a bias.

    PyTorch treats one-channel images as channels-first whatever their strides, and would run the
    largest layer of the network in the slower layout. Here the output is channels-last.
    """

    def __init__(self, channels_out: int) -> None:
        super().__init__(1, channels_out, 3, padding=1)

    def forward(self, input: Tensor) -> Tensor:
        """Map (n, 1, H, W) to (n, channels_out, H, W)."""
        height, width = input.shape[2:]
        if torch.is_autocast_enabled(input.device.type):
            input = input.to(torch.get_autocast_dtype(input.device.type))
        padded = functional.pad(input[:, 0], (1, 1, 1, 1))
        shifted = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
        columns = torch.stack([*shifted, torch.ones_like(shifted[0])], dim=-1)
        assert self.bias is not None
        return functional.linear(
            columns, torch.cat([self.weight.flatten(1), self.bias[:, None]], 1)
        ).permute(0, 3, 1, 2)
