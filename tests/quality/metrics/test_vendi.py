"""Vendi score: closed forms, invariance, the published formula, dropped modes of real images."""

import numpy as np
import pytest
import torch
from scipy.linalg import eigvalsh
from sklearn.preprocessing import normalize

from fewray.data.loading import load_dataset
from fewray.errors import InputError
from fewray.imaging.arrays import load_images
from fewray.quality.features.load import load_extractor
from fewray.quality.metrics.vendi import vendi_score


def rows(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.3, 1, (n, d))


def published(features: np.ndarray) -> float:
    """The score as the paper's authors compute it: exp of the entropy of the eigenvalues of K / n."""
    unit = normalize(features)
    values = eigvalsh(unit @ unit.T / len(unit))
    values = values[values > 0]
    return float(np.exp(-(values * np.log(values)).sum()))


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_identical_images_count_as_one_and_orthogonal_ones_as_n(n: int):
    assert vendi_score(np.tile([[1.0, 2.0, 3.0]], (n, 1))) == pytest.approx(1, abs=1e-9)
    assert vendi_score(3 * np.eye(n, 50)) == pytest.approx(n, abs=1e-9)


def test_two_images_at_an_angle():
    """The eigenvalues of K / 2 are (1 + c) / 2 and (1 - c) / 2 for images of cosine c."""
    for c in (0.0, 0.3, 0.9):
        p, q = (1 + c) / 2, (1 - c) / 2
        expected = np.exp(-p * np.log(p) - q * np.log(q))
        found = vendi_score(np.array([[1.0, 0.0], [2 * c, 2 * np.sqrt(1 - c * c)]]))
        assert found == pytest.approx(expected, rel=1e-12)


def test_groups_of_identical_images_count_by_their_shares():
    """Orthogonal groups of shares 1/2, 1/4 and 1/4: exp(1.5 log 2)."""
    groups = np.eye(3)[[0, 0, 1, 2]].repeat(5, 0)
    assert vendi_score(groups) == pytest.approx(2**1.5, rel=1e-12)


@pytest.mark.parametrize(("n", "d"), [(5, 90), (60, 60), (90, 8)])
def test_it_equals_the_published_formula_and_lies_between_1_and_n(n: int, d: int):
    features = rows(n, d)
    found = vendi_score(features)
    assert found == pytest.approx(published(features), rel=1e-9)
    assert 1 <= found <= n
    turned = features[::-1] * np.linspace(1, 9, n)[:, None]  # order and length do not matter
    assert vendi_score(turned.copy()) == pytest.approx(found, rel=1e-9)
    assert vendi_score(np.repeat(features, 3, 0)) == pytest.approx(found, rel=1e-9)


def test_rows_of_zeros_are_alike_and_unlike_others():
    assert vendi_score(np.zeros((6, 4))) == pytest.approx(1)
    assert vendi_score(np.array([[0.0, 0], [0, 0], [1, 0], [0, 1]])) == pytest.approx(2**1.5)
    assert vendi_score(torch.eye(4, dtype=torch.float32)) == pytest.approx(4)


@pytest.mark.parametrize("shape", [(0, 3), (4,)])
def test_features_need_rows(shape: tuple[int, ...]):
    with pytest.raises(InputError) as found:
        vendi_score(np.ones(shape))
    assert found.value.code == "features_shape"


@pytest.mark.parametrize("extractor", ["pixels", "lite0"])
def test_fewer_different_radiographs_score_lower(extractor: str, covid4):
    """Real images, then the same number with a quarter, a tenth and one of them repeated."""
    paths = load_dataset("covid4").where(split="train", label="normal").paths()[:40]
    features = load_extractor(extractor)(load_images(paths, 64, "squash")).features
    found = [vendi_score(np.tile(features[:n], (40 // n, 1))) for n in (40, 10, 4, 1)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(1)
    assert found[0] - 1 > 1.2 * (found[1] - 1)  # pixels of radiographs are alike: 1.36 against 1.26
