"""SiLU after group normalisation or modulation, with one pass over the pixels on a CPU.

The separate operations pass about ten times per training step over the largest arrays of the U-Net
and are limited by memory bandwidth. Both are a SiLU of an affine function of each channel: group
normalisation (Wu & He 2018, arXiv 1803.08494) is affine once its moments are known. Values and
gradients equal those of the separate operations up to rounding. With several threads, whose work
the compiled loops would not share, and on other devices, the separate operations are used.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from fewray.compute.bfloat16 import array_of


def affine_silu(x: Tensor, factors: Tensor, offsets: Tensor) -> Tensor:
    """Return SiLU(x * factors + offsets) of (n, c, h, w) with (n, c, 1, 1)."""
    if _is_fused(x):
        return _AffineSilu.apply(x, factors[:, :, 0, 0], offsets[:, :, 0, 0])  # pyright: ignore[reportReturnType]
    return functional.silu(torch.addcmul(offsets, x, factors))


class NormSilu(nn.GroupNorm):
    """Group normalisation, then SiLU."""

    def forward(self, input: Tensor) -> Tensor:
        """Return (n, c, h, w)."""
        if _is_fused(input):
            return _NormSilu.apply(input, self.weight, self.bias, self.num_groups, self.eps)  # pyright: ignore[reportReturnType]
        return functional.silu(super().forward(input))


def _is_fused(x: Tensor) -> bool:
    return x.device.type == "cpu" and torch.get_num_threads() == 1


def _pixels(x: Tensor) -> Any:
    """Return the memory of a channels-last tensor (n, c, h, w) as an array (n, h * w, c)."""
    return array_of(x.permute(0, 2, 3, 1).flatten(1, 2))


class _AffineSilu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factors: Tensor, offsets: Tensor) -> Tensor:
        from fewray.generators.models.silu_kernels import silu_forward

        x = x.contiguous(memory_format=torch.channels_last)
        ctx.kinds = factors.dtype, offsets.dtype
        factors, offsets = factors.float().contiguous(), offsets.float().contiguous()
        made = torch.empty_like(x)
        silu_forward(_pixels(x), array_of(factors), array_of(offsets), _pixels(made))
        ctx.save_for_backward(x, factors, offsets)
        return made

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, factors, offsets = ctx.saved_tensors
        found, to_factors, to_offsets = _gradients(x, factors, offsets, grad)
        return found, to_factors.to(ctx.kinds[0]), to_offsets.to(ctx.kinds[1])


class _NormSilu(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float
    ) -> Tensor:
        from fewray.generators.models.silu_kernels import moments, silu_forward

        x = x.contiguous(memory_format=torch.channels_last)
        n, c, height, width = x.shape
        sums, squares = torch.zeros(2, n, c)
        moments(_pixels(x), array_of(sums), array_of(squares))
        count = height * width * (c // groups)
        mean = sums.view(n, groups, -1).sum(2, keepdim=True) / count
        square = squares.view(n, groups, -1).sum(2, keepdim=True) / count
        scale = (square - mean**2).clamp(min=0).add(eps).rsqrt()
        factors = weight.float().view(groups, -1) * scale
        offsets = (bias.float().view(groups, -1) - mean * factors).view(n, c)
        factors = factors.view(n, c)
        made = torch.empty_like(x)
        silu_forward(_pixels(x), array_of(factors), array_of(offsets), _pixels(made))
        ctx.save_for_backward(x, weight, factors, offsets, mean, scale)
        return made

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        from fewray.generators.models.silu_kernels import add_affine

        x, weight, factors, offsets, mean, scale = ctx.saved_tensors
        n, c, height, width = x.shape
        groups = mean.shape[1]
        found, products, totals = _gradients(x, factors, offsets, grad)
        # With u = w (x - mean) scale + bias: mean and scale depend on every pixel of the group.
        products, totals = products.view(n, groups, -1), totals.view(n, groups, -1)
        centred = (products - mean * totals) * scale
        weights = weight.float().view(groups, -1)
        count = height * width * (c // groups)
        along = (centred * weights).sum(2, keepdim=True) / count
        level = (totals * weights).sum(2, keepdim=True) / count
        by_value = -along * scale**2
        constant = -level * scale - by_value * mean
        whole = torch.ones_like(centred)
        add_affine(
            _pixels(x),
            array_of((by_value * whole).view(n, c)),
            array_of((constant * whole).view(n, c)),
            _pixels(found),
        )
        to_weight, to_bias = centred.sum(0).view(c), totals.sum(0).view(c)
        return found, to_weight.to(weight.dtype), to_bias.to(weight.dtype), None, None


def _gradients(
    x: Tensor, factors: Tensor, offsets: Tensor, grad: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of x, as if the factors did not depend on it, factors and offsets."""
    from fewray.generators.models.silu_kernels import silu_backward

    grad = grad.to(x.dtype).contiguous(memory_format=torch.channels_last)
    found, (to_factors, to_offsets) = torch.empty_like(x), torch.zeros(2, *factors.shape)
    silu_backward(
        _pixels(x),
        array_of(factors),
        array_of(offsets),
        _pixels(grad),
        _pixels(found),
        array_of(to_factors),
        array_of(to_offsets),
    )
    return found, to_factors, to_offsets
