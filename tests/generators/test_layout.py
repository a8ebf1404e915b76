"""The closed-form start of the diffusion sampler against the path it replaces."""

import numpy as np
import pytest
import torch

from fewray.generators.models.edm import SIGMA_DATA, noise_levels, solve
from fewray.generators.models.layout import FACTOR, Layout, coarse, fit_layout, noisy_layout
from fewray.generators.models.unet import haar, inverse_haar

SIDE, HIGH, LOW = 16, 80.0, 1.5


def noise(count: int, seed: int = 0) -> torch.Tensor:
    drawn = torch.Generator().manual_seed(seed)
    return torch.randn(count, 4, SIDE // 2, SIDE // 2, generator=drawn)


def made_up_layout(axes: int = 3) -> Layout:
    drawn = torch.Generator().manual_seed(1)
    d = (SIDE // FACTOR) ** 2
    directions = torch.linalg.qr(torch.randn(d, axes, generator=drawn)).Q.T
    lengths = torch.linspace(3.0, 0.5, axes)[:, None]
    return Layout(torch.randn(d, generator=drawn), directions * lengths)


def test_means_of_squares_keep_the_scale_of_white_noise():
    white = inverse_haar(noise(400))
    assert coarse(white).shape == (400, (SIDE // FACTOR) ** 2)
    assert float(coarse(white).std()) == pytest.approx(1, abs=0.03)


def test_the_start_lies_on_the_path_that_the_exact_network_follows():
    layout, white = made_up_layout(), noise(5)
    spread = layout.axes.norm(dim=1)
    directions = layout.axes / spread[:, None]

    def exact(x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """Return what the preconditioned network must for the best estimate to come out."""
        sigma = float((4 * level[0]).exp())
        total = sigma**2 + SIGMA_DATA**2
        noisy = x * total**0.5
        # Without variance outside the axes, the estimate there is the mean.
        away = (coarse(inverse_haar(noisy)) - layout.mean) @ directions.T
        kept = layout.mean + (away * spread**2 / (spread**2 + sigma**2)) @ directions
        squares = (kept / FACTOR).view(-1, 1, SIDE // FACTOR, SIDE // FACTOR)
        best = haar(squares.repeat_interleave(FACTOR, 2).repeat_interleave(FACTOR, 3))
        return (best - SIGMA_DATA**2 / total * noisy) / (sigma * SIGMA_DATA / total**0.5)

    levels = noise_levels(400, 0.01, HIGH)
    whole = solve(exact, noisy_layout(layout, white, HIGH), levels)
    later = levels[levels < LOW]
    rest = solve(exact, noisy_layout(layout, white, float(later[0])), later)
    assert torch.allclose(whole, rest, atol=0.02)
    assert float(whole.std()) > 0.2


def test_starts_have_mean_and_covariance_of_the_noisy_training_images():
    drawn = np.random.default_rng(0)
    images = drawn.integers(60, 120, (6, 1, SIDE, SIDE)).astype(np.uint8)
    images[:3, :, :8] += 100
    layout = fit_layout(images)
    rows = coarse(torch.from_numpy(images).float() / 127.5 - 1)
    starts = coarse(inverse_haar(noisy_layout(layout, noise(20000), LOW)))
    assert torch.allclose(starts.mean(0), rows.mean(0), atol=0.05)
    wanted = torch.cov(rows.T) + LOW**2 * torch.eye(rows.shape[1])
    assert torch.allclose(torch.cov(starts.T), wanted, atol=0.15)


@pytest.mark.parametrize("count", [1, 2])
def test_few_or_equal_images_start_at_their_mean(count: int):
    images = np.full((count, 1, SIDE, SIDE), 200, np.uint8)
    layout = fit_layout(images)
    assert layout.axes.shape == (0, (SIDE // FACTOR) ** 2)
    found = noisy_layout(layout, 0 * noise(1), LOW)
    assert torch.allclose(inverse_haar(found), torch.full((1, 1, SIDE, SIDE), 200 / 127.5 - 1))
