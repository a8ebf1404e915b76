"""The first block of a classifier (convolution, ReLU, BatchNorm, max-pooling) in one pass on a CPU.

Its pre-activations are the largest array of the network, sixteen times the block's output, and the
block is limited by memory bandwidth. They are therefore never stored; the backward pass computes
them again. Values and gradients equal those of the separate layers up to rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fewray.classify.fused.grey_conv import GreyConv2d
from fewray.classify.fused.pooled_block import ReluNormPool, normalised, slopes_of
from fewray.compute.bfloat16 import array_of


class GreyFeatures(nn.Sequential):
    """Layers that start with a :class:`GreyConv2d` and a :class:`ReluNormPool`."""

    def forward(self, input: Tensor) -> Tensor:
        """Map images (n, 1, h, w) through all layers."""
        convolution, norm, *others = self
        assert isinstance(convolution, GreyConv2d)
        assert isinstance(norm, ReluNormPool)
        x = grey_block(convolution, norm, input)
        for layer in others:
            x = layer(x)
        return x


def grey_block(convolution: GreyConv2d, norm: ReluNormPool, x: Tensor) -> Tensor:
    """Return ``norm(convolution(x))`` of images (n, 1, h, w) as (n, c, h/2, w/2).

    The separate layers are used on other devices, in evaluation mode, for odd sides, and if ``x``
    requires a gradient.
    """
    even = x.shape[2] % 2 == 0 and x.shape[3] % 2 == 0
    if x.device.type != "cpu" or not norm.training or not even or x.requires_grad:
        return norm(convolution(x))
    kind = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
    made, mean, variance = _GreyBlock.apply(
        x, convolution.weight, convolution.bias, norm.weight, norm.bias, norm.eps, kind
    )  # pyright: ignore[reportGeneralTypeIssues]
    norm.track(mean, variance, x.numel())
    return made


class _GreyBlock(torch.autograd.Function):
    """Return also the mean and biased variance (c,) of the ReLU's values."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        kernel: Tensor,
        offset: Tensor,
        weight: Tensor,
        bias: Tensor,
        eps: float,
        kind: torch.dtype,
    ) -> tuple[Tensor, Tensor, Tensor]:
        from fewray.classify.fused.grey_kernels import grey_forward

        n, _, height, width = x.shape
        padded = functional.pad(x[:, 0].float(), (1, 1, 1, 1))
        taps = torch.cat([kernel.flatten(1).t(), offset[None]])
        pooled = x.new_empty(n, height // 2, width // 2, len(weight), dtype=kind)
        sums = np.zeros((2, len(weight)))
        grey_forward(padded.numpy(), taps.numpy(), (weight < 0).numpy(), array_of(pooled), sums)
        made, mean, variance = normalised(pooled, sums / (n * height * width), weight, bias, eps)
        ctx.save_for_backward(padded, taps, pooled, weight, mean, variance)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance)
        return made, mean, variance

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        from fewray.classify.fused.grey_kernels import grey_backward

        padded, taps, pooled, weight, mean, variance = ctx.saved_tensors
        grad = grad.permute(0, 2, 3, 1).contiguous()
        slopes, to_weight, to_bias = slopes_of(grad, pooled, weight, mean, variance, ctx.eps)
        found = np.zeros(taps.shape)
        grey_backward(
            padded.numpy(),
            array_of(grad),
            taps.numpy(),
            (weight < 0).numpy(),
            slopes.numpy(),
            found,
        )
        to_taps = torch.from_numpy(found).float()
        return (
            None,
            to_taps[:9].t().reshape(-1, 1, 3, 3),
            to_taps[9],
            to_weight,
            to_bias,
            None,
            None,
        )
