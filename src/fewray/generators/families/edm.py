"""Preconditioning, loss and sampler of Karras et al. 2022 (EDM, arXiv 2206.00364).

Images are float32 in [-1, 1] or their Haar coefficients, which have the same noise.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

SIGMA_DATA = 0.5
"""Root mean square of the grey values in [-1, 1]."""

Network = Callable[[Tensor, Tensor], Tensor]
"""Maps scaled noisy coefficients (n, c, H, W) and levels log(sigma) / 4 (n,) to an estimate."""


def denoise(network: Network, noisy: Tensor, sigma: Tensor) -> Tensor:
    """Return the estimate of the clean coefficients of ``noisy`` (n, c, H, W) at ``sigma`` (n,)."""
    s = sigma[:, None, None, None]
    total = s**2 + SIGMA_DATA**2
    skip, out = SIGMA_DATA**2 / total, s * SIGMA_DATA / total.sqrt()
    scaled = (noisy / total.sqrt()).contiguous(memory_format=torch.channels_last)
    return skip * noisy + out * network(scaled, sigma.log() / 4).float()


def denoising_loss(
    network: Network,
    clean: Tensor,
    sigma: Tensor,
    noise: Tensor,
    *,
    kept_noise: Tensor | None = None,
    ambient_sigma: float = 0.0,
) -> Tensor:
    """Return the loss (n,) of each image, weighted so that every noise level begins with 1.

    With ``kept_noise``, levels above ``ambient_sigma`` see each image only with this noise, which
    never changes, at that level; the expected loss has the same minimum (Daras et al. 2024 and
    Shah et al. 2025, arXiv 2403.17846 and 2502.21278). What the network never sees it cannot copy.
    """
    s = sigma[:, None, None, None]
    noisy, target, share = clean + s * noise, clean, torch.ones_like(sigma)
    if kept_noise is not None:
        above = s > ambient_sigma
        fresh = (s**2 - ambient_sigma**2).clamp(min=1e-8).sqrt()
        seen = clean + ambient_sigma * kept_noise
        noisy = torch.where(above, seen + fresh * noise, noisy)
        target = torch.where(above, seen - ambient_sigma**2 / fresh * noise, clean)
        share = torch.where(sigma > ambient_sigma, 1 - (ambient_sigma / sigma) ** 2, share)
    estimate = denoise(network, noisy, sigma)
    weight = (sigma**2 + SIGMA_DATA**2) / (sigma * SIGMA_DATA) ** 2
    return weight * share**2 * (estimate - target).square().mean((1, 2, 3))


def noise_levels(steps: int, low: float, high: float, rho: float = 7.0) -> Tensor:
    """Return ``steps`` falling values of sigma from ``high`` to ``low``, then 0 (equation 5)."""
    share = torch.arange(steps, dtype=torch.float64) / max(steps - 1, 1)
    levels = (high ** (1 / rho) + share * (low ** (1 / rho) - high ** (1 / rho))) ** rho
    return torch.cat([levels, levels.new_zeros(1)]).float()


def solve(network: Network, noisy: Tensor, levels: Tensor) -> Tensor:
    """Return clean coefficients from ``noisy`` at ``levels[0]``, by DPM-Solver++(2M).

    One evaluation per step, second order, deterministic (Lu et al. 2022, arXiv 2211.01095).
    """
    x, before, step_before = noisy, None, None
    for sigma, lower in pairwise(levels):
        clean = denoise(network, x, sigma.expand(len(x)).to(x.device))
        if lower == 0:
            return clean
        step = float((sigma / lower).log())
        ahead = clean
        if before is not None and step_before is not None:
            ratio = step / (2 * step_before)
            ahead = (1 + ratio) * clean - ratio * before
        x = (lower / sigma) * x + (1 - float(lower / sigma)) * ahead
        before, step_before = clean, step
    return x
