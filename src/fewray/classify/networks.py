"""The classifier of the paper's public predecessor, and the choice between the networks."""

from __future__ import annotations

from torch import Tensor, nn

from fewray.classify.classifier import Classifier, SeededDropout
from fewray.classify.fused.grey_block import GreyFeatures
from fewray.classify.fused.grey_conv import GreyConv2d
from fewray.classify.fused.pooled_block import ReluNormPool
from fewray.classify.residual import ResidualCNN
from fewray.compute.seeds import seeded
from fewray.config import ClassifierOptions


class PaperCNN(Classifier):
    """Map images (n, 1, S, S) in [-1, 1] to logits (n, classes).

    Three blocks of 3x3 convolution, ReLU, BatchNorm and max-pooling are followed by a hidden layer
    with ReLU and dropout, and a linear layer. 32, 64 and 128 channels and 256 hidden units make
    2,191,556 parameters at 64x64 pixels and 4 classes.
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
        self.features = GreyFeatures(*blocks)
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(flat, options.hidden), nn.ReLU())
        self.dropout = SeededDropout(options.dropout)
        self.output = nn.Linear(options.hidden, classes)

    def embed(self, x: Tensor) -> Tensor:
        """Return the activations of the hidden layer (n, hidden), before dropout."""
        return self.hidden(self.features(x))


NETWORKS: dict[str, type[PaperCNN | ResidualCNN]] = {"paper": PaperCNN, "resnet": ResidualCNN}
"""Networks by the name used in ``options.network``."""


def build_network(classes: int, options: ClassifierOptions, seed: int) -> Classifier:
    """Return the network of ``options``, initialised from ``seed`` without global random state."""
    with seeded(seed):
        return NETWORKS[options.network](classes, options)
