"""MS-SSIM: the scales that fit, agreement with torchmetrics, what diversity says of planted sets."""

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d
from torchmetrics.functional.image import structural_similarity_index_measure as ssim

from fewray.errors import InputError
from fewray.quality.metrics.ms_ssim import WEIGHTS, choose_pairs, diversity, ms_ssim, scales_for


def pictures(n: int, size: int, seed: int = 0) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    rough = np.random.default_rng(seed).normal(0, 1, (n, 1, size, size))
    smooth = gaussian_filter(rough, (0, 0, 2, 2))
    return np.clip(128 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def test_scales_that_fit():
    assert [scales_for(size) for size in (10, 11, 21, 22, 43, 44, 64, 88, 175, 176, 1024)] == [
        0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5
    ]  # fmt: skip


def reference(a: torch.Tensor, b: torch.Tensor, scales: int) -> float:
    """Put MS-SSIM together from torchmetrics' SSIM; its own takes reflected borders into the coarsest scale."""
    product, options = 1.0, {"data_range": 255.0}
    for scale, weight in enumerate(w / sum(WEIGHTS[:scales]) for w in WEIGHTS[:scales]):
        if scale == scales - 1:
            _, full = ssim(a, b, **options, return_full_image=True)
            term = full[..., 5:-5, 5:-5].mean()
        else:
            _, term = ssim(a, b, **options, return_contrast_sensitivity=True)
        product *= max(0.0, float(term)) ** weight
        a, b = avg_pool2d(a, 2), avg_pool2d(b, 2)
    return product


@pytest.mark.parametrize(("size", "scales"), [(64, 3), (96, 4), (192, 5)])
def test_agrees_with_torchmetrics(size: int, scales: int):
    first, second = (torch.from_numpy(pictures(4, size, seed)).double() for seed in (0, 1))
    second = 0.6 * first + 0.4 * second
    wanted = [reference(a[None], b[None], scales) for a, b in zip(first, second, strict=True)]
    assert ms_ssim(first, second).tolist() == pytest.approx(wanted, rel=1e-6)


def test_an_image_is_like_itself():
    x = torch.from_numpy(pictures(3, 64)).double()
    assert ms_ssim(x, x).tolist() == pytest.approx([1.0, 1.0, 1.0], abs=1e-12)


def test_one_image_repeated_has_no_diversity_and_noise_has_most():
    varied = diversity(pictures(20, 64), seed=0)
    repeated = diversity(np.repeat(pictures(1, 64), 20, 0), seed=0)
    noise = diversity(
        np.random.default_rng(0).integers(0, 256, (20, 1, 64, 64), dtype=np.uint8), seed=0
    )
    assert varied is not None
    assert repeated is not None
    assert noise is not None
    assert repeated.mean == pytest.approx(1.0)
    assert noise.mean < varied.mean < repeated.mean
    assert varied.pairs == 190
    assert varied.scales == 3


def test_it_is_undefined_for_one_image_or_tiny_ones():
    assert diversity(pictures(1, 64), seed=0) is None
    assert diversity(pictures(5, 10), seed=0) is None
    with pytest.raises(InputError, match="11 pixels"):
        ms_ssim(torch.zeros(1, 1, 10, 10), torch.zeros(1, 1, 10, 10))


@pytest.mark.parametrize("n", [2, 3, 50, 5000])
def test_pairs_are_of_different_images_and_never_twice(n: int):
    first, second = choose_pairs(n, 400, seed=1)
    assert len(first) == min(400, n * (n - 1) // 2)
    assert (first < second).all()
    assert first.min() >= 0
    assert second.max() < n
    assert len(set(zip(first.tolist(), second.tolist(), strict=True))) == len(first)
