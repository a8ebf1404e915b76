"""ReLU, BatchNorm and 2x2 max-pooling as one function, with one pass over the pixels on a CPU.

The separate layers pass about fifteen times per training step over the largest arrays of the
network and are limited by memory bandwidth. BatchNorm needs the whole batch, but it is affine and
can be applied after pooling: with a positive weight the maximum of four values stays the maximum,
with a negative one the minimum becomes it. Values and gradients equal those of the separate layers
up to rounding. Of equal values the first takes the gradient, as in PyTorch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fewray.compute.bfloat16 import array_of


class ReluNormPool(nn.BatchNorm2d):
    """Map (n, c, h, w) to (n, c, h/2, w/2), rounded down: ReLU, BatchNorm, max-pooling."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the output; in training mode also update the running statistics."""
        even = input.shape[2] % 2 == 0 and input.shape[3] % 2 == 0
        if input.device.type != "cpu" or not self.training or not even:
            return functional.max_pool2d(super().forward(functional.relu(input)), 2)
        made, mean, variance = _ReluNormPool.apply(input, self.weight, self.bias, self.eps)  # pyright: ignore[reportGeneralTypeIssues]
        self.track(mean, variance, input.numel() // input.shape[1])
        return made

    @torch.no_grad()
    def track(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Update the running statistics with mean and biased variance (c,) of ``count`` values."""
        measured = (mean, variance * (count / max(count - 1, 1)))
        for running, now in zip((self.running_mean, self.running_var), measured, strict=True):
            assert running is not None
            assert self.momentum is not None
            running.lerp_(now, self.momentum)
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)


class _ReluNormPool(torch.autograd.Function):
    """Return also the mean and biased variance (c,) of the ReLU's values."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        from fewray.classify.fused.pool_kernels import pool_forward

        x = x.contiguous(memory_format=torch.channels_last)
        n, c, height, width = x.shape
        pooled = x.new_empty(n, height // 2, width // 2, c)
        sums = np.zeros((2, c))
        pool_forward(array_of(x.permute(0, 2, 3, 1)), (weight < 0).numpy(), array_of(pooled), sums)
        made, mean, variance = normalised(pooled, sums / (n * height * width), weight, bias, eps)
        ctx.save_for_backward(x, pooled, weight, mean, variance)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance)
        return made, mean, variance

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        from fewray.classify.fused.pool_kernels import pool_backward

        x, pooled, weight, mean, variance = ctx.saved_tensors
        grad = grad.permute(0, 2, 3, 1).contiguous()
        slopes, to_weight, to_bias = slopes_of(grad, pooled, weight, mean, variance, ctx.eps)
        to_x = torch.empty_like(x)
        pixels, found = array_of(x.permute(0, 2, 3, 1)), array_of(to_x.permute(0, 2, 3, 1))
        pool_backward(pixels, array_of(grad), (weight < 0).numpy(), slopes.numpy(), found)
        return to_x, to_weight, to_bias, None


def normalised(
    pooled: Tensor, means: np.ndarray, weight: Tensor, bias: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return BatchNorm of ``pooled`` (n, h, w, c) as (n, c, h, w), mean and biased variance (c,).

    ``means`` (2, c) are the means of all values, not only of the pooled ones, and of their squares.
    """
    mean, square = torch.from_numpy(means)
    variance = (square - mean**2).clamp(min=0)
    scale = weight.double() / (variance + eps).sqrt()
    shift = bias - mean * scale
    made = torch.addcmul(shift.to(pooled.dtype), pooled, scale.to(pooled.dtype))
    return made.permute(0, 3, 1, 2), mean.float(), variance.float()


def slopes_of(
    grad: Tensor, pooled: Tensor, weight: Tensor, mean: Tensor, variance: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the slopes (3, c) of the backward pass, and the gradients of weight and bias (c,).

    ``grad`` (n, h, w, c) is the gradient of the output. The slopes are the factors of the gradient
    of the pooled value, of one and of the value: the derivative of BatchNorm is affine in the value
    (Ioffe & Szegedy 2015, arXiv 1502.03167, section 3).
    """
    from fewray.classify.fused.pool_kernels import add_products

    count = 4 * pooled.numel() // pooled.shape[3]
    sums = np.zeros((2, pooled.shape[3]))
    add_products(array_of(grad), array_of(pooled), sums)
    std = (variance + eps).sqrt()
    to_bias = torch.from_numpy(sums[0]).float()
    to_weight = (torch.from_numpy(sums[1]).float() - mean * to_bias) / std
    scale = weight / std
    by_value = -scale * to_weight / (std * count)
    return (
        torch.stack([scale, -scale * to_bias / count - by_value * mean, by_value]),
        to_weight,
        to_bias,
    )
