"""A compact residual network for small grey images (He et al. 2016, arXiv 1512.03385)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from fewray.classify.classifier import Classifier, SeededDropout
from fewray.classify.fused.grey_block import GreyFeatures
from fewray.classify.fused.grey_conv import GreyConv2d
from fewray.classify.fused.pooled_block import ReluNormPool
from fewray.config import ClassifierOptions


class ResidualBlock(nn.Module):
    """Map (n, c, h, w) to (n, wider, h', w'): two 3x3 convolutions with BatchNorm, and a shortcut.

    ``stride`` 2 halves the sides, rounded up. The shortcut then averages 2x2 pixels before its 1x1
    convolution, so that it uses all of them (He et al. 2019, arXiv 1812.01187). The weight of the
    last BatchNorm starts at 0, so that the block starts as its shortcut (Goyal et al. 2017, arXiv
    1706.02677).
    """

    def __init__(self, channels: int, wider: int, stride: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(channels, wider, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(wider),
            nn.ReLU(inplace=True),
            nn.Conv2d(wider, wider, 3, padding=1, bias=False),
            nn.BatchNorm2d(wider),
        )
        self.shortcut = nn.Sequential()
        if stride > 1:
            self.shortcut.append(nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False))
        if stride > 1 or channels != wider:
            self.shortcut.extend([nn.Conv2d(channels, wider, 1, bias=False), nn.BatchNorm2d(wider)])
        last = self.branch[-1]
        assert isinstance(last, nn.BatchNorm2d)
        nn.init.zeros_(last.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        return functional.relu(self.branch(x) + self.shortcut(x), inplace=True)


class ResidualCNN(Classifier):
    """Map images (n, 1, S, S) in [-1, 1] to logits (n, classes).

    The layers are a 3x3 convolution with ReLU, BatchNorm and max-pooling; one residual block per
    width in ``options.channels``, all but the first with stride 2; a 1x1 convolution to
    ``options.hidden`` with BatchNorm and ReLU; the mean over positions; dropout and a linear layer.
    Widths 32, 64, 128 and 256 make 341,124 parameters for 4 classes at any size. Convolutions are
    initialised from N(0, 2 / fan_out) (He et al. 2015, arXiv 1502.01852).
    """

    def __init__(self, classes: int, options: ClassifierOptions | None = None) -> None:
        super().__init__()
        options = options or ClassifierOptions(network="resnet")
        first, *_ = options.channels
        blocks: list[nn.Module] = [
            GreyConv2d(first),
            ReluNormPool(first),
            ResidualBlock(first, first, 1),
        ]
        channels = first
        for wider in options.channels[1:]:
            blocks.append(ResidualBlock(channels, wider, 2))
            channels = wider
        self.features = GreyFeatures(*blocks)
        self.hidden = nn.Sequential(
            nn.Conv2d(channels, options.hidden, 1, bias=False),
            nn.BatchNorm2d(options.hidden),
            nn.ReLU(inplace=True),
        )
        self.dropout = SeededDropout(options.dropout)
        self.output = nn.Linear(options.hidden, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def embed(self, x: Tensor) -> Tensor:
        """Return activations (n, hidden), averaged over positions."""
        return self.hidden(self.features(x)).mean(dim=(2, 3))
