"""Experiments with generators that are not recipes."""

import numpy as np
import pytest
import torch

from experiments.fine_tuning import fine_tuned
from experiments.local_score_machine import WIDTHS, estimate, sample, shifted
from fewray.config import DiffusionOptions
from fewray.generators import epochs
from fewray.generators.families.diffusion import Diffusion
from fewray.imaging.arrays import to_float
from fewray.presets import RECIPES

SIZE = 32


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 1, SIZE, SIZE), np.uint8)


def test_a_local_estimate_lies_between_the_nearest_image_and_the_mean(images: np.ndarray):
    known = to_float(images)[:, 0]
    noisy = known[2] + 0.01 * torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    for width in WIDTHS:
        assert torch.allclose(estimate(noisy, known, 1e4, width), known.mean(0), atol=1e-4)
        assert torch.allclose(estimate(noisy, known, 0.02, max(width, 9)), known[2], atol=1e-5)


def test_a_patch_as_large_as_the_image_weighs_whole_images(images: np.ndarray):
    known, noisy, sigma = to_float(images)[:, 0], to_float(images)[:3, 0].mean(0), 20.0
    weights = (-(noisy - known).square().sum((1, 2)) / (2 * sigma**2)).softmax(0)
    found = estimate(noisy, known, sigma, WIDTHS[-1])
    assert torch.allclose(found, torch.einsum("i,iyx->yx", weights, known), atol=1e-6)


def test_small_patches_take_pieces_of_several_images(images: np.ndarray):
    known = to_float(images)[:, 0]
    mosaic = torch.cat([known[0, :, : SIZE // 2], known[1, :, SIZE // 2 :]], 1)
    found = estimate(mosaic, known, 0.1, 3)
    assert torch.allclose(found[:, 4 : SIZE // 2 - 4], mosaic[:, 4 : SIZE // 2 - 4], atol=1e-3)
    assert torch.allclose(found[:, SIZE // 2 + 4 :], mosaic[:, SIZE // 2 + 4 :], atol=1e-3)


def test_samples_of_one_image_are_that_image_shifted(images: np.ndarray):
    known = shifted(to_float(images[:1]))
    made = sample(known, [10.0, 1.0, 0.1], [WIDTHS[-1]] * 3, 0)[0]
    assert min(float((made - each).abs().max()) for each in known) < 1e-4


def test_fine_tuning_changes_a_copy_of_the_network(
    images: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(epochs, "EPOCH_IMAGES", 64)
    options = RECIPES["diffusion"].with_(
        image_size=SIZE,
        diffusion=DiffusionOptions(channels=(8, 8), blocks=1, sampling_steps=2, muon_rate=6e-3),
    )
    whole = Diffusion(options, seed=0, device=torch.device("cpu"))
    whole.class_index = 1
    before = whole.sample(range(2))
    own = fine_tuned(whole, images, 2, 0.3)
    assert own.class_index == 1
    assert (whole.sample(range(2)) == before).all()
    assert (own.sample(range(2)) != before).any()
    again = fine_tuned(whole, images, 2, 0.3)
    assert (again.sample(range(2)) == own.sample(range(2))).all()
