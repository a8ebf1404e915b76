"""Faster 4x4 convolutions with stride 2 and their transposes on a CPU.

PyTorch's convolutions are slow on a CPU where images are small and channels many. A matrix product
of the image's columns (Chellapilla, Puri & Simard 2006) is up to eight times faster there.
PyTorch's own convolutions are used for larger images and on other devices. Values are equal up to
rounding. The three maps are bilinear and each other's derivatives, so derivatives of any order
exist.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_weight

SMALL = {torch.bfloat16: 8 * 8, torch.float32: 4 * 4}
"""Positions of the smaller image up to which matrix products are used, by type."""


class _Down(torch.autograd.Function):
    """Map x (n, ci, 2h, 2w) and weight (co, ci, 4, 4) to (n, co, h, w)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        n, ci, height, width = x.shape
        if not _by_product(x, ci, height * width // 4):
            return functional.conv2d(x, weight, stride=2, padding=1)
        shape = (n, len(weight), height // 2, width // 2)
        # Not a view, because the next layer works in place.
        made = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)
        torch.mm(_columns(x), _matrix(weight).t(), out=_rows(made))
        return made

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, weight = ctx.saved_tensors
        to_x, to_weight = ctx.needs_input_grad
        return _Up.apply(grad, weight) if to_x else None, _Weight.apply(
            x, grad
        ) if to_weight else None


class _Up(torch.autograd.Function):
    """Map y (n, co, h, w) and weight to (n, ci, 2h, 2w), the adjoint of :class:`_Down`."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(y, weight)
        n, _, height, width = y.shape
        if not _by_product(y, 2, height * width):
            return functional.conv_transpose2d(y, weight, stride=2, padding=1)
        # Columns by block (A, B) and pixel within the block, added where blocks overlap.
        columns = (_rows(y) @ _matrix(weight)).view(n, height, width, 2, 2, 2, 2, -1)
        made = y.new_zeros(n, height + 1, 2, width + 1, 2, columns.shape[-1])
        for A in (0, 1):
            for B in (0, 1):
                made[:, A : A + height, :, B : B + width] += columns[:, :, :, A, :, B].transpose(
                    2, 3
                )
        return (
            made.view(n, 2 * height + 2, 2 * width + 2, -1)[:, 1:-1, 1:-1]
            .contiguous()
            .permute(0, 3, 1, 2)
        )

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        y, weight = ctx.saved_tensors
        to_y, to_weight = ctx.needs_input_grad
        return _Down.apply(grad, weight) if to_y else None, _Weight.apply(
            grad, y
        ) if to_weight else None


class _Weight(torch.autograd.Function):
    """Map x and y to the derivative (co, ci, 4, 4) of <y, down(x, weight)> in the weight."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        co, height, width = y.shape[1:]
        if not _by_product(x, x.shape[1], height * width):
            return conv2d_weight(x, (co, x.shape[1], 4, 4), y, stride=2, padding=1)
        return (_rows(y).t() @ _columns(x)).view(co, 4, 4, -1).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, y = ctx.saved_tensors
        to_x, to_y = ctx.needs_input_grad
        return _Up.apply(y, grad) if to_x else None, _Down.apply(x, grad) if to_y else None


def _by_product(x: Tensor, channels: int, positions: int) -> bool:
    """Return whether a matrix product is faster: small images, or a single channel."""
    return channels == 1 or positions <= SMALL.get(x.dtype, 0)


def _rows(x: Tensor) -> Tensor:
    """Return (n * h * w, channels) without a copy if x is channels-last."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _matrix(weight: Tensor) -> Tensor:
    """Return (co, 16 * ci) without a copy if the weight is channels-last."""
    return weight.permute(0, 2, 3, 1).reshape(weight.shape[0], -1)


def _columns(x: Tensor) -> Tensor:
    """Return the 4x4 windows of x, padded by 1, at stride 2, as (n * h * w, 16 * ci)."""
    n, ci, height, width = x.shape
    padded = functional.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    image, row, pixel, one = padded.stride()
    windows = padded.as_strided(
        (n, height // 2, width // 2, 4, 4 * ci), (image, 2 * row, 2 * pixel, row, one)
    )
    return windows.reshape(-1, 16 * ci)


def _operands(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return both in the type of autocast, or unchanged if it is off."""
    if torch.is_autocast_enabled("cpu"):
        kind = torch.get_autocast_dtype("cpu")
        return x.to(kind), weight.to(kind)
    return x, weight


class DownConv2d(nn.Conv2d):
    """``nn.Conv2d(channels_in, channels_out, 4, 2, 1, bias=False)``: halves the sides."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 4, 2, 1, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """Map (n, channels_in, 2h, 2w) to (n, channels_out, h, w)."""
        if input.device.type != "cpu":
            return super().forward(input)
        return _Down.apply(*_operands(input, self.weight))  # pyright: ignore[reportReturnType]


class UpConv2d(nn.ConvTranspose2d):
    """``nn.ConvTranspose2d(channels_in, channels_out, 4, 2, 1, bias=False)``: doubles the sides."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 4, 2, 1, bias=False)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Map (n, channels_in, h, w) to (n, channels_out, 2h, 2w)."""
        if input.device.type != "cpu" or output_size is not None:
            return super().forward(input, output_size)
        return _Up.apply(*_operands(input, self.weight))  # pyright: ignore[reportReturnType]


class ToGrid(nn.ConvTranspose2d):
    """``nn.ConvTranspose2d(channels_in, channels_out, 4, bias=False)`` of single pixels."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 4, bias=False)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Map (n, channels_in, 1, 1) to (n, channels_out, 4, 4)."""
        flat = functional.linear(input.flatten(1), _matrix(self.weight).t())
        return flat.view(len(input), 4, 4, -1).permute(0, 3, 1, 2)


class FromGrid(nn.Conv2d):
    """``nn.Conv2d(channels_in, 1, 4, bias=False)`` of 4x4 images."""

    def __init__(self, channels_in: int) -> None:
        super().__init__(channels_in, 1, 4, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """Map (n, channels_in, 4, 4) to (n, 1, 1, 1)."""
        return functional.linear(input.permute(0, 2, 3, 1).flatten(1), _matrix(self.weight))[
            :, :, None, None
        ]
