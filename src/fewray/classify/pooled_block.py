"""ReLU, BatchNorm, max-pooling 2 behind a convolution, as one function that on a CPU passes over its pixels once.

Done one after another the three pass over the largest arrays of the network some fifteen times a training step, and memory
is what limits them. BatchNorm, which must know the whole batch, is affine and is applied after pooling: with a positive
weight the largest of four values stays the largest, with a negative one the smallest becomes it. Function and derivatives are
those of the three layers up to rounding; where values are equal the first takes the gradient, as in PyTorch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


class ReluNormPool(nn.BatchNorm2d):
    """Pre-activations (n, c, h, w) to (n, c, h/2, w/2): max-pool of BatchNorm of ReLU, h and w rounded down."""

    def forward(self, input: Tensor) -> Tensor:
        """Map as the class says; in training mode the running statistics are updated."""
        even = input.shape[2] % 2 == 0 and input.shape[3] % 2 == 0
        if input.device.type != "cpu" or not self.training or not even:
            return functional.max_pool2d(super().forward(functional.relu(input)), 2)
        made, mean, variance = _ReluNormPool.apply(input, self.weight, self.bias, self.eps)  # pyright: ignore[reportGeneralTypeIssues]
        with torch.no_grad():
            count = input.numel() // input.shape[1]
            measured = (mean, variance * (count / max(count - 1, 1)))
            for running, now in zip((self.running_mean, self.running_var), measured, strict=True):
                assert running is not None
                assert self.momentum is not None
                running.lerp_(now, self.momentum)
            assert self.num_batches_tracked is not None
            self.num_batches_tracked.add_(1)
        return made


class _ReluNormPool(torch.autograd.Function):
    """Also returns mean and biased variance (c,) of the ReLU's values."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        from fewray.classify.pool_kernels import pool_forward

        x = x.contiguous(memory_format=torch.channels_last)
        n, c, height, width = x.shape
        pooled = x.new_empty(n, height // 2, width // 2, c)
        sums = np.zeros((2, c))
        pool_forward(_array(x.permute(0, 2, 3, 1)), (weight < 0).numpy(), _array(pooled), sums)
        count = n * height * width
        mean, square = torch.from_numpy(sums / count)
        variance = (square - mean**2).clamp(min=0)
        scale = weight.double() / (variance + eps).sqrt()
        made = pooled * scale.to(x.dtype) + (bias - mean * scale).to(x.dtype)
        mean, variance = mean.float(), variance.float()
        ctx.save_for_backward(x, pooled, weight, mean, variance)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance)
        return made.permute(0, 3, 1, 2), mean, variance

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        from fewray.classify.pool_kernels import add_products, pool_backward

        x, pooled, weight, mean, variance = ctx.saved_tensors
        count = x.numel() // x.shape[1]
        grad = grad.permute(0, 2, 3, 1).contiguous()
        sums = np.zeros((2, x.shape[1]))
        add_products(_array(grad), _array(pooled), sums)
        std = (variance + ctx.eps).sqrt()
        to_bias = torch.from_numpy(sums[0]).float()
        to_weight = (torch.from_numpy(sums[1]).float() - mean * to_bias) / std
        # BatchNorm's derivative is affine in the value (Ioffe & Szegedy 2015, arXiv 1502.03167, section 3).
        scale = weight / std
        by_value = -scale * to_weight / (std * count)
        slopes = torch.stack([scale, -scale * to_bias / count - by_value * mean, by_value])
        to_x = torch.empty_like(x)
        pixels, found = _array(x.permute(0, 2, 3, 1)), _array(to_x.permute(0, 2, 3, 1))
        pool_backward(pixels, _array(grad), (weight < 0).numpy(), slopes.numpy(), found)
        return to_x, to_weight, to_bias, None


def _array(x: Tensor) -> np.ndarray:
    """Return the tensor's memory as float32, or as uint16 where it is bfloat16."""
    x = x.detach()
    return (x.view(torch.uint16) if x.dtype == torch.bfloat16 else x.float()).numpy()
