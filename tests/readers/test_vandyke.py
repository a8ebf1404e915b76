"""Agreement with the published analysis of the Van Dyke data, to the digits printed.

Printed results: Chakraborty, The RJafroc Book, chapter "Obuchowski Rockette applications", hand
calculation for ``dataset02`` (empirical AUC, jackknife covariances).
"""

from __future__ import annotations

import numpy as np
import pytest

from fewray.readers.statistics.auc import delong_variance, jackknife_covariance, placements
from fewray.readers.statistics.obuchowski_rockette import averaged_auc, components, difference
from tests.readers.vandyke import ratings


def rounded(value: object, digits: int) -> list[float]:
    """Return values with ``digits`` significant digits, as R prints them."""
    return [float(f"{x:.{digits - 1}e}") for x in np.ravel(np.asarray(value, float))]


@pytest.fixture(scope="module")
def example() -> tuple[np.ndarray, np.ndarray]:
    """Return AUCs (2, 5) and their covariances (2, 5, 2, 5)."""
    pairs = [placements(*each) for each in zip(*ratings(), strict=True)]
    real, synthetic = [p[0] for p in pairs], [p[1] for p in pairs]
    return np.stack([r.mean(-1) for r in real]), jackknife_covariance(real, synthetic, shared=True)


def test_areas(example: tuple[np.ndarray, np.ndarray]):
    aucs, _ = example
    assert rounded(aucs[0], 4) == [0.9196, 0.8588, 0.9039, 0.9731, 0.8298]
    assert rounded(aucs[1], 4) == [0.9478, 0.9053, 0.9217, 0.9994, 0.9300]
    assert rounded(aucs[0, 1], 7) == [0.8587762]
    assert rounded(aucs.mean(1), 4) == [0.8970, 0.9408]


def test_mean_squares_and_covariances(example: tuple[np.ndarray, np.ndarray]):
    aucs, covariance = example
    found = components(aucs, covariance)
    assert rounded(found.ms_modality, 5) == [0.0047962]
    assert rounded(found.ms_reader, 4) == [0.003836]
    assert rounded(found.ms_interaction, 8) == [5.5103062e-4]
    assert rounded(found.var, 8) == [8.0228827e-4]
    assert rounded(found.cov1, 8) == [3.4661371e-4]
    assert rounded(found.cov2, 8) == [3.4407483e-4]
    assert rounded(found.cov3, 8) == [2.3902837e-4]


def test_variances_of_single_readers(example: tuple[np.ndarray, np.ndarray]):
    _, covariance = example
    variances = np.einsum("ijij->ij", covariance)
    assert rounded(variances.mean(0), 4) == [0.0006989, 0.001106, 0.0008423, 0.0001506, 0.001214]
    assert rounded(variances.mean(1), 4) == [0.001014, 0.0005905]
    cov1 = np.einsum("jj->j", covariance[0, :, 1])
    assert rounded(cov1, 4) == [3.735e-04, 7.602e-04, 3.553e-04, 1.083e-06, 2.430e-04]


@pytest.mark.parametrize("as_published", [True, False])
def test_the_difference_with_readers_and_cases_random(
    example: tuple[np.ndarray, np.ndarray], as_published: bool
):
    """What we add to the published test changes nothing here."""
    found = difference(*example, as_published=as_published)
    assert rounded(found.value, 3) == [-0.0438]
    assert rounded(found.statistic**2, 4) == [4.456]
    assert rounded(found.df, 4) == [15.26]
    assert rounded(found.p, 4) == [0.05167]
    assert rounded([found.low, found.high], 4) == [-0.08796, 0.0003589]
    assert round(float(found.low), 7) == -0.0879595


@pytest.mark.parametrize(
    ("modality", "printed"),
    [
        (0, (0.8970, 0.03317, 12.74, 0.8252, 0.9689, 0.0004840)),
        (1, (0.9408, 0.02157, 12.71, 0.8941, 0.9875, 0.0002042)),
    ],
)
def test_one_modality(
    example: tuple[np.ndarray, np.ndarray], modality: int, printed: tuple[float, ...]
):
    aucs, covariance = example
    own = covariance[modality, :, modality]
    found = averaged_auc(aucs[modality], own, as_published=True)
    cov2 = own[~np.eye(5, dtype=bool)].mean()
    values = [found.value, found.se, found.df, found.low, found.high, cov2]
    assert rounded(values, 4) == list(printed)
    ours = averaged_auc(aucs[modality], own)
    assert (ours.se, ours.df) == (found.se, found.df)
    assert found.low < ours.value < ours.high < 1


def test_delong_is_near_the_jackknife(example: tuple[np.ndarray, np.ndarray]):
    _, covariance = example
    real, synthetic = (each[0] for each in ratings())
    delong = delong_variance(*placements(real, synthetic))
    assert np.allclose(np.diag(covariance[0, :, 0]), delong, rtol=0.03)
