"""The paper's classifier, a small convolutional network; its layers are those of the public predecessor."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from fewray.classify.pooled_block import ReluNormPool
from fewray.config import ClassifierOptions


class GreyConv2d(nn.Conv2d):
    """A 3x3 convolution of one channel, computed as a matrix product of its nine shifted copies and a one for the bias.

    PyTorch takes a one-channel image for channels-first whatever its strides are, and would run the largest layer of
    the network in the slower layout; here the output is channels-last. The function is that of ``nn.Conv2d``.
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
        return functional.linear(columns, torch.cat([self.weight.flatten(1), self.bias[:, None]], 1)).permute(
            0, 3, 1, 2
        )


class PaperCNN(nn.Module):
    """Images (n, 1, S, S) in [-1, 1] to logits (n, classes).

    Three times convolution 3x3, ReLU, BatchNorm, max-pooling 2; then flatten, a hidden layer with ReLU and dropout, and
    the output. 32, 64, 128 channels and 256 hidden units make 2,191,556 parameters at 64x64 and 4 classes.
    """

    def __init__(self, classes: int, options: ClassifierOptions | None = None) -> None:
        super().__init__()
        options = options or ClassifierOptions()
        blocks: list[nn.Module] = []
        channels = 1
        for wider in options.channels:
            blocks += [
                GreyConv2d(wider) if channels == 1 else nn.Conv2d(channels, wider, 3, padding=1),
                ReluNormPool(wider),
            ]
            channels = wider
        flat = channels * (options.image_size // 2 ** len(options.channels)) ** 2
        self.features = nn.Sequential(*blocks)
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(flat, options.hidden), nn.ReLU())
        self.dropout = nn.Dropout(options.dropout)
        self.output = nn.Linear(options.hidden, classes)

    def embed(self, x: Tensor) -> Tensor:
        """Return the hidden layer's activations (n, hidden), before dropout."""
        return self.hidden(self.features(x))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, classes)."""
        return self.output(self.dropout(self.embed(x)))


def build_network(classes: int, options: ClassifierOptions, seed: int) -> PaperCNN:
    """Return a network with weights drawn from ``seed``; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PaperCNN(classes, options)
