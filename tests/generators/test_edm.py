"""The diffusion family against closed forms: transform, noise, sampler, augmentation."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from fewray.generators.models.augmentation import PARAMETERS, augment
from fewray.generators.models.edm import SIGMA_DATA, denoise, denoising_loss, noise_levels, solve
from fewray.generators.models.unet import UNet, haar, initialise, inverse_haar


def silent(x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    """With this network the preconditioned estimate is exact for white images of SIGMA_DATA."""
    return torch.zeros_like(x)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_haar_transform_is_orthonormal_and_inverted():
    x = noise(3, 1, 8, 12)
    y = haar(x)
    assert y.shape == (3, 4, 4, 6)
    assert torch.allclose(y.square().sum(), x.square().sum())
    assert torch.allclose(inverse_haar(y), x, atol=1e-6)
    flat = haar(torch.ones(1, 1, 4, 4))
    assert torch.equal(flat[:, 0], torch.full((1, 2, 2), 2.0))
    assert not flat[:, 1:].any()


@pytest.mark.parametrize("levels", [2, 3])
def test_the_transform_of_a_transform_is_inverted(levels: int):
    x = noise(2, 1, 16, 24)
    y = haar(x, levels)
    assert y.shape == (2, 4**levels, 16 // 2**levels, 24 // 2**levels)
    assert torch.allclose(y.square().sum(), x.square().sum())
    assert torch.allclose(inverse_haar(y), x, atol=1e-5)
    flat = haar(torch.ones(1, 1, 16, 16), levels)
    assert torch.equal(flat[:, 0], torch.full_like(flat[:, 0], 2.0**levels))
    assert not flat[:, 1:].any()


def test_the_estimate_of_gaussian_images_is_their_posterior_mean():
    clean, sigma = SIGMA_DATA * noise(2, 4, 8, 8), torch.tensor([0.1, 3.0])
    noisy = clean + sigma[:, None, None, None] * noise(2, 4, 8, 8, seed=1)
    share = SIGMA_DATA**2 / (SIGMA_DATA**2 + sigma**2)
    assert torch.allclose(denoise(silent, noisy, sigma), share[:, None, None, None] * noisy)


@pytest.mark.parametrize("sigma", [0.02, 0.5, 20.0])
def test_every_noise_level_begins_with_a_loss_of_one(sigma: float):
    clean, n = SIGMA_DATA * noise(400, 4, 8, 8), 400
    found = denoising_loss(silent, clean, torch.full((n,), sigma), noise(n, 4, 8, 8, seed=1))
    assert float(found.mean()) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("sigma", [0.3, 0.9, 6.0])
def test_ambient_training_has_the_same_best_estimate(sigma: float):
    """The posterior mean of Gaussian images is where the loss no longer falls in any direction."""
    n, ambient = 4000, 0.8
    clean, kept, fresh = (
        SIGMA_DATA * noise(n, 4, 4, 4),
        *(noise(n, 4, 4, 4, seed=s) for s in (1, 2)),
    )
    levels = torch.full((n,), sigma)

    def loss(change: float) -> float:
        def network(x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
            return change * x

        more = {"kept_noise": kept, "ambient_sigma": ambient}
        return float(denoising_loss(network, clean, levels, fresh, **more).mean())

    lower, best, higher = loss(-0.5), loss(0.0), loss(0.5)
    share = 1 - (ambient / sigma) ** 2 if sigma > ambient else 1.0
    rise = (0.5 * share) ** 2  # weight and preconditioning cancel
    assert lower - best == pytest.approx(rise, rel=0.15)
    assert higher - best == pytest.approx(rise, rel=0.15)
    if sigma < ambient:
        assert best == float(denoising_loss(silent, clean, levels, fresh).mean())


def test_ambient_training_sees_noisy_images_only_above_its_level():
    clean, other = SIGMA_DATA * noise(3, 4, 4, 4), SIGMA_DATA * noise(3, 4, 4, 4, seed=1)
    kept, fresh, ambient = noise(3, 4, 4, 4, seed=2), noise(3, 4, 4, 4, seed=3), 0.8
    alike = kept + (clean - other) / ambient  # the same noisy image of another clean one
    for sigma, same in ((2.0, True), (0.5, False)):
        levels = torch.full((3,), sigma)
        losses = [
            denoising_loss(silent, x, levels, fresh, kept_noise=k, ambient_sigma=ambient)
            for x, k in ((clean, kept), (other, alike))
        ]
        assert torch.allclose(*losses, rtol=1e-4) is same


def test_noise_levels_fall_from_high_to_low_and_end_at_zero():
    levels = noise_levels(5, 0.01, 80.0)
    assert levels[[0, -2, -1]].tolist() == pytest.approx([80, 0.01, 0])
    assert (levels.diff() < 0).all()


def test_the_sampler_follows_the_exact_path_of_gaussian_images():
    """dx/dsigma = x sigma / (sigma^2 + s^2): x shrinks by s / sqrt(s^2 + high^2); second order."""
    high = 80.0
    start = high * noise(1, 4, 4, 4)
    exact = start * SIGMA_DATA / (SIGMA_DATA**2 + high**2) ** 0.5
    found = [solve(silent, start, noise_levels(steps, 1e-4, high)) for steps in (50, 100, 200)]
    errors = [float((each - exact).norm() / exact.norm()) for each in found]
    assert errors[-1] < 0.001
    ratios = [errors[0] / errors[1], errors[1] / errors[2]]
    assert ratios == pytest.approx([4, 4], rel=0.25)


def test_without_augmentation_images_stay_as_they_are():
    images = noise(4, 1, 16, 16)
    found, parameters = augment(images, torch.Generator().manual_seed(0), shifted=0, changed=0)
    assert torch.allclose(found, images, atol=1e-5)
    assert not parameters.any()


def test_shifts_are_whole_pixels_with_reflected_borders():
    images = noise(64, 1, 64, 64)
    found, parameters = augment(images, torch.Generator().manual_seed(0), shifted=1, changed=0)
    assert not parameters[:, 2:].any()
    pixels = (parameters[:, :2] * 5).round().int()
    assert pixels.abs().amax() == 5
    padded = functional.pad(images, (5, 5, 5, 5), mode="replicate").numpy()
    whole = np.pad(images.numpy(), ((0, 0), (0, 0), (5, 5), (5, 5)), mode="symmetric")
    assert padded.shape == whole.shape
    for image, source, (x, y) in zip(found.numpy(), whole, pixels.tolist(), strict=True):
        assert np.allclose(image[0], source[0, 5 + y : 69 + y, 5 + x : 69 + x], atol=1e-4)


def test_augmentation_changes_the_stated_share_and_says_how():
    generator = torch.Generator().manual_seed(0)
    _, parameters = augment(noise(4000, 1, 4, 4), generator, shifted=0.5, changed=0.25)
    assert parameters.shape == (4000, PARAMETERS)
    assert parameters.abs().max() <= 1
    assert (parameters[:, 2:] != 0).float().mean(0).tolist() == pytest.approx([0.25] * 4, abs=0.03)


@pytest.mark.parametrize("size", [64, 128])
def test_the_network_keeps_the_shape_and_every_weight_has_a_gradient(size: int):
    network = UNet((8, 16, 24), blocks=1, conditions=3)
    generator = torch.Generator().manual_seed(0)
    initialise(network, generator)
    for weight in network.parameters():  # weights that begin at 0 would hide those behind them
        weight.data.add_(0.05 * torch.randn(weight.shape, generator=generator))
    network.draw_from(generator)
    x = noise(2, 4, size // 2, size // 2)
    found = network(x, torch.tensor([0.1, -0.5]), torch.ones(2, 3))
    assert found.shape == x.shape
    found.square().mean().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name
        assert weight.grad.any(), name


def test_the_network_hears_the_noise_level_and_the_conditions():
    network = UNet((8,), blocks=1, conditions=2).eval()
    initialise(network, torch.Generator().manual_seed(0))
    for weight in network.parameters():
        weight.data.add_(0.1)
    x, level, described = noise(1, 4, 8, 8), torch.zeros(1), torch.zeros(1, 2)
    plain = network(x, level, described)
    assert not torch.allclose(plain, network(x, level + 1, described))
    assert not torch.allclose(plain, network(x, level, described + 1))
