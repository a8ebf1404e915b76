"""The paper's classifier, a small convolutional network whose layers are those of the public predecessor; the choice."""

from __future__ import annotations

from torch import Tensor, nn

from fewray.classify.classifier import Classifier, SeededDropout
from fewray.classify.fused.grey_block import GreyFeatures
from fewray.classify.fused.grey_conv import GreyConv2d
from fewray.classify.fused.pooled_block import ReluNormPool
from fewray.classify.residual import ResidualCNN
from fewray.compute.seeds import seeded
from fewray.config import ClassifierOptions
from fewray.errors import InputError


class PaperCNN(Classifier):
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
        self.features = GreyFeatures(*blocks)
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(flat, options.hidden), nn.ReLU())
        self.dropout = SeededDropout(options.dropout)
        self.output = nn.Linear(options.hidden, classes)

    def embed(self, x: Tensor) -> Tensor:
        """Return the hidden layer's activations (n, hidden), before dropout."""
        return self.hidden(self.features(x))


NETWORKS: dict[str, type[PaperCNN | ResidualCNN]] = {"paper": PaperCNN, "resnet": ResidualCNN}
"""Networks by the name that ``options.network`` has for them."""


def build_network(classes: int, options: ClassifierOptions, seed: int) -> Classifier:
    """Return the network of ``options`` with weights drawn from ``seed``; the global random state is left as it was."""
    if options.network not in NETWORKS:
        raise InputError(
            f"network {options.network}: no such classifier; there are {', '.join(NETWORKS)}"
        )
    with seeded(seed):
        return NETWORKS[options.network](classes, options)
