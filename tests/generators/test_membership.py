"""Recognition of training images, and the interval of an AUC: closed values, edges, coverage."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fewray.config import AdversarialOptions, DiffusionOptions, GanOptions
from fewray.errors import InputError
from fewray.generators.checkpoint import new_generator, save_checkpoint
from fewray.generators.families.diffusion import Diffusion
from fewray.generators.membership import auc_interval, membership
from fewray.generators.models.edm import SIGMA_DATA
from fewray.generators.models.unet import haar
from fewray.imaging.arrays import to_float
from tests.helpers import noise_images, one_image_seen

Z = 1.959964


def test_with_one_score_a_side_it_is_wilson_s():
    wanted = Z**2 / (1 + Z**2)
    assert auc_interval(1.0, 1, 1) == (pytest.approx(1 - wanted), 1.0)
    assert auc_interval(0.0, 1, 1) == (0.0, pytest.approx(wanted))
    half = Z * np.sqrt(1 / 4 + Z**2 / 4) / (1 + Z**2)
    assert auc_interval(0.5, 1, 1) == pytest.approx((0.5 - half, 0.5 + half))


@pytest.mark.parametrize(("n", "m"), [(1, 9), (3, 2), (12, 12), (60, 15)])
def test_the_edges_have_an_interval_that_solves_its_equation(n: int, m: int):
    """At an AUC of 1 the equation, divided by 1 - t, is 1 - t = z^2 t (1 + s (...)) / (n m)."""
    low, high = auc_interval(1.0, n, m)
    assert high == 1.0
    spread = 1 + ((n + m) / 2 - 1) * ((1 - low) / (2 - low) + low / (1 + low))
    assert 1 - low == pytest.approx(Z**2 * low * spread / (n * m))
    assert 0 < low < 1 - 0.5 / max(n, m)
    assert auc_interval(0.0, n, m) == pytest.approx((0.0, 1 - low))


def test_it_rises_with_the_auc_and_is_wider_with_fewer_films():
    ends = np.array([auc_interval(auc, 12, 7) for auc in np.linspace(0, 1, 85)])
    assert (np.diff(ends, axis=0) >= 0).all()
    assert (ends >= 0).all()
    assert (ends <= 1).all()
    for auc in (0.0, 0.3, 0.5, 0.9, 1.0):
        widths = [np.diff(auc_interval(auc, n, n)).item() for n in (2, 3, 5, 10, 40, 200)]
        assert widths == sorted(widths, reverse=True), auc
        low, high = auc_interval(auc, 8, 5)
        assert low <= auc <= high


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_it_covers_the_auc_behind_a_dozen_films(shift: float):
    """Normal scores ``shift`` apart: the AUC is the chance that N(shift, 2) is above 0. 600 draws: +-1.8 points."""
    from scipy.stats import norm

    rng = np.random.default_rng(0)
    first, second = rng.normal(shift, 1, (600, 14)), rng.normal(0, 1, (600, 10))
    aucs = (first[:, :, None] > second[:, None]).mean((1, 2))
    true = norm.cdf(shift / np.sqrt(2))
    covered = np.mean(
        [low <= true <= high for low, high in (auc_interval(float(auc), 14, 10) for auc in aucs)]
    )
    assert 0.925 <= covered <= 0.99


CPU = torch.device("cpu")
FAMILIES = {
    "dcgan": GanOptions(base_channels=4),
    "gan": GanOptions(family="gan", latent_dim=8, adversarial=AdversarialOptions(channels=(8, 16))),
    "diffusion": GanOptions(
        family="diffusion", diffusion=DiffusionOptions(channels=(8, 16), blocks=1)
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_score_of_an_image_does_not_depend_on_the_others(name: str):
    generator, images = new_generator(FAMILIES[name], seed=0, device=CPU), noise_images(5)
    scores = generator.recognition(images)
    assert scores.shape == (5,)
    assert np.isfinite(scores).all()
    alone = np.concatenate([generator.recognition(images[i : i + 1]) for i in range(5)])
    assert np.allclose(scores, alone, atol=1e-4)


class Memory(nn.Module):
    """A network whose denoiser knows only ``known`` (m, c, H, W): the posterior mean."""

    def __init__(self, known: Tensor) -> None:
        super().__init__()
        self.known = known

    def forward(self, x: Tensor, level: Tensor, described: Tensor) -> Tensor:
        s = (4 * level).exp()[:, None, None, None]
        total = s**2 + SIGMA_DATA**2
        noisy = x * total.sqrt()
        squares = (noisy[:, None] - self.known).square().sum((2, 3, 4))
        weights = (-squares / (2 * s[:, :, 0, 0] ** 2)).softmax(1)
        clean = torch.einsum("nm,mchw->nchw", weights, self.known)
        return (clean - SIGMA_DATA**2 / total * noisy) * total.sqrt() / (s * SIGMA_DATA)


def test_a_diffusion_model_that_remembers_is_found_out():
    generator = new_generator(FAMILIES["diffusion"], seed=0, device=CPU)
    assert isinstance(generator, Diffusion)
    images = noise_images(12)
    generator.average = Memory(haar(to_float(images[:6])))  # pyright: ignore[reportAttributeAccessIssue]
    scores = generator.recognition(images)
    assert scores[:6].min() > scores[6:].max()
    assert scores[:6].min() > -1e-6


def test_an_untrained_model_recognises_nothing_and_collages_refuse(tmp_path: Path):
    known = one_image_seen()
    path = tmp_path / "c.safetensors"
    images = noise_images(60)
    save_checkpoint(new_generator(FAMILIES["diffusion"], seed=0, device=CPU), path, known)
    found = membership(path, "a", images[:30], images[30:])
    assert found.ci is not None
    assert found.ci[0] < 0.5 < found.ci[1]
    assert membership(path, "a", images[:3], images[:0]).auc is None
    collage = new_generator(GanOptions(family="patches"), seed=0, device=CPU)
    with pytest.raises(InputError) as caught:
        collage.recognition(images)
    assert caught.value.code == "no_recognition"
