"""The Inception v3 of published FIDs (Szegedy et al. 2015), from a user's weight file.

Its layers are those of torchvision's Inception v3 but for pooling: average pools leave the padding
out, and the last block pools by maximum, as the original TensorFlow graph does. Weights:
``pt_inception-2015-12-05-6726825d.pth``. They cannot be shipped here, so that the values this
network gives with them are unverified; the layout is tested.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from fewray.compute.seeds import seeded
from fewray.errors import InputError

FEATURES, CLASSES = 2048, 1008
SHA256_PREFIX = "6726825d"
FILE = "pt_inception-2015-12-05-6726825d.pth"


class BasicConv2d(nn.Module):
    """Convolution, BatchNorm, ReLU."""

    def __init__(
        self,
        i: int,
        o: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ):
        super().__init__()
        self.conv = nn.Conv2d(i, o, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(o, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(bn(conv(x)))."""
        return functional.relu(self.bn(self.conv(x)))


def _average(x: Tensor) -> Tensor:
    return functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


class BlockA(nn.Module):
    """Mixed_5b to 5d."""

    def __init__(self, i: int, pool: int):
        super().__init__()
        self.branch1x1 = BasicConv2d(i, 64, 1)
        self.branch5x5_1, self.branch5x5_2 = (
            BasicConv2d(i, 48, 1),
            BasicConv2d(48, 64, 5, padding=2),
        )
        self.branch3x3dbl_1, self.branch3x3dbl_2 = (
            BasicConv2d(i, 64, 1),
            BasicConv2d(64, 96, 3, padding=1),
        )
        self.branch3x3dbl_3 = BasicConv2d(96, 96, 3, padding=1)
        self.branch_pool = BasicConv2d(i, pool, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the branches side by side."""
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)), double,
                          self.branch_pool(_average(x))], 1)  # fmt: skip


class BlockB(nn.Module):
    """Mixed_6a."""

    def __init__(self, i: int):
        super().__init__()
        self.branch3x3 = BasicConv2d(i, 384, 3, 2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = (
            BasicConv2d(i, 64, 1),
            BasicConv2d(64, 96, 3, padding=1),
        )
        self.branch3x3dbl_3 = BasicConv2d(96, 96, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return the branches side by side."""
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, functional.max_pool2d(x, 3, 2)], 1)


class BlockC(nn.Module):
    """Mixed_6b to 6e."""

    def __init__(self, i: int, c: int):
        super().__init__()
        self.branch1x1 = BasicConv2d(i, 192, 1)
        self.branch7x7_1 = BasicConv2d(i, c, 1)
        self.branch7x7_2 = BasicConv2d(c, c, (1, 7), padding=(0, 3))
        self.branch7x7_3 = BasicConv2d(c, 192, (7, 1), padding=(3, 0))
        self.branch7x7dbl_1 = BasicConv2d(i, c, 1)
        self.branch7x7dbl_2 = BasicConv2d(c, c, (7, 1), padding=(3, 0))
        self.branch7x7dbl_3 = BasicConv2d(c, c, (1, 7), padding=(0, 3))
        self.branch7x7dbl_4 = BasicConv2d(c, c, (7, 1), padding=(3, 0))
        self.branch7x7dbl_5 = BasicConv2d(c, 192, (1, 7), padding=(0, 3))
        self.branch_pool = BasicConv2d(i, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the branches side by side."""
        single = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), single, double, self.branch_pool(_average(x))], 1)


class BlockD(nn.Module):
    """Mixed_7a."""

    def __init__(self, i: int):
        super().__init__()
        self.branch3x3_1, self.branch3x3_2 = BasicConv2d(i, 192, 1), BasicConv2d(192, 320, 3, 2)
        self.branch7x7x3_1 = BasicConv2d(i, 192, 1)
        self.branch7x7x3_2 = BasicConv2d(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = BasicConv2d(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = BasicConv2d(192, 192, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return the branches side by side."""
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat(
            [self.branch3x3_2(self.branch3x3_1(x)), seven, functional.max_pool2d(x, 3, 2)], 1
        )


class BlockE(nn.Module):
    """Mixed_7b and 7c; the latter pools by maximum."""

    def __init__(self, i: int, by_maximum: bool):
        super().__init__()
        self.by_maximum = by_maximum
        self.branch1x1, self.branch3x3_1 = BasicConv2d(i, 320, 1), BasicConv2d(i, 384, 1)
        self.branch3x3_2a = BasicConv2d(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = BasicConv2d(384, 384, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1, self.branch3x3dbl_2 = (
            BasicConv2d(i, 448, 1),
            BasicConv2d(448, 384, 3, padding=1),
        )
        self.branch3x3dbl_3a = BasicConv2d(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = BasicConv2d(384, 384, (3, 1), padding=(1, 0))
        self.branch_pool = BasicConv2d(i, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the branches side by side."""
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = functional.max_pool2d(x, 3, 1, 1) if self.by_maximum else _average(x)
        return torch.cat([self.branch1x1(x), self.branch3x3_2a(single), self.branch3x3_2b(single),
                          self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double),
                          self.branch_pool(pooled)], 1)  # fmt: skip


class FidInception(nn.Module):
    """Colour images (n, 3, 299, 299) in [-1, 1] to 2048 features and 1008 logits."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3, self.Conv2d_2a_3x3 = BasicConv2d(3, 32, 3, 2), BasicConv2d(32, 32, 3)
        self.Conv2d_2b_3x3, self.Conv2d_3b_1x1 = (
            BasicConv2d(32, 64, 3, padding=1),
            BasicConv2d(64, 80, 1),
        )
        self.Conv2d_4a_3x3 = BasicConv2d(80, 192, 3)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = (
            BlockA(192, 32),
            BlockA(256, 64),
            BlockA(288, 64),
        )
        self.Mixed_6a = BlockB(288)
        self.Mixed_6b, self.Mixed_6c = BlockC(768, 128), BlockC(768, 160)
        self.Mixed_6d, self.Mixed_6e = BlockC(768, 160), BlockC(768, 192)
        self.Mixed_7a = BlockD(768)
        self.Mixed_7b, self.Mixed_7c = BlockE(1280, by_maximum=False), BlockE(2048, by_maximum=True)
        self.fc = nn.Linear(FEATURES, CLASSES)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return pooled features and logits."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(functional.max_pool2d(x, 3, 2)))
        x = functional.max_pool2d(x, 3, 2)
        for block in (self.Mixed_5b, self.Mixed_5c, self.Mixed_5d, self.Mixed_6a, self.Mixed_6b,
                      self.Mixed_6c, self.Mixed_6d, self.Mixed_6e, self.Mixed_7a, self.Mixed_7b,
                      self.Mixed_7c):  # fmt: skip
            x = block(x)
        features = x.mean((2, 3))
        return features, self.fc(features)


def load_inception(path: Path, *, sha256_prefix: str = SHA256_PREFIX) -> FidInception:
    """Return the network with the weights of ``path``, in evaluation mode.

    InputError when the file is absent, its SHA-256 does not begin with ``sha256_prefix``, or its
    layout is another.
    """
    if not path.is_file():
        raise InputError(
            "weights_not_found", f"--weights {path}: not found; expected {FILE}", path=path
        )
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if not found.startswith(sha256_prefix):
        raise InputError(
            "wrong_weights",
            f"--weights {path}: expected {FILE} (sha256 {sha256_prefix}...), got sha256 "
            f"{found[:16]}...",
            path=path,
            found=found,
        )
    with seeded(0):
        network = FidInception()
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        raise InputError(
            "wrong_weights",
            f"--weights {path}: not in the layout of {FILE} ({str(error).splitlines()[0]})",
        ) from None
    return network.eval().requires_grad_(False)
