"""AUCs, covariances, intervals and kappas against closed forms, brute force and scikit-learn."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import binomtest, norm
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from experiments.simulated_readers import (
    STRUCTURES,
    latent_ratings,
    separation_of,
    ten_steps,
    true_auc,
)
from fewray.readers.statistics.auc import (
    auc_interval,
    delong_variance,
    jackknife_covariance,
    placements,
)
from fewray.readers.statistics.kappa import cohen_kappa, fleiss_kappa
from fewray.readers.statistics.obuchowski_rockette import averaged_auc, difference


@pytest.mark.parametrize("kind", [int, float])
def test_the_mean_placement_is_the_auc(kind: type):
    draw = np.random.default_rng(0)
    real, synthetic = draw.integers(1, 6, (4, 11)), draw.integers(2, 8, (4, 7))
    real, synthetic = real.astype(kind), synthetic.astype(kind)
    of_real, of_synthetic = placements(real, synthetic)
    labels = np.r_[np.zeros(11), np.ones(7)]
    expected = [roc_auc_score(labels, np.r_[a, b]) for a, b in zip(real, synthetic, strict=True)]
    assert np.allclose(of_real.mean(-1), expected)
    assert np.allclose(of_synthetic.mean(-1), expected)
    shares = ((synthetic[0] > real[0, 3]) + (synthetic[0] == real[0, 3]) / 2).mean()
    assert of_real[0, 3] == pytest.approx(shares)


@pytest.mark.parametrize("shared", [False, True])
def test_covariances_equal_deleting_one_image_at_a_time(shared: bool):
    draw = np.random.default_rng(1)
    real = draw.integers(1, 6, (3, 9))
    synthetic = draw.integers(2, 8, (2, 3, 6))

    def aucs(keep_real: np.ndarray, keep: np.ndarray) -> np.ndarray:
        return np.stack(
            [
                placements(real[:, keep_real], s[:, k])[0].mean(-1)
                for s, k in zip(synthetic, keep, strict=True)
            ]
        ).ravel()

    all_real, all_made = np.ones(9, bool), np.ones((2, 6), bool)
    whole = aucs(all_real, all_made)
    expected = np.zeros((6, 6))
    for k in range(9):
        change = aucs(all_real & (np.arange(9) != k), all_made) - whole
        expected += np.outer(change, change)
    for k in range(6):
        drop = np.arange(6) == k
        sets = [[drop, drop]] if shared else [[drop, drop & False], [drop & False, drop]]
        for each in sets:
            change = aucs(all_real, all_made & ~np.array(each)) - whole
            expected += np.outer(change, change)
    parts = [placements(real, each) for each in synthetic]
    found = jackknife_covariance([p[0] for p in parts], [p[1] for p in parts], shared=shared)
    assert np.allclose(found.reshape(6, 6), expected * 14 / 15)


def test_an_auc_of_one_has_an_interval():
    low, high = auc_interval(1.0, 0.0, 60, 60)
    # 1 - low = z^2 low (1 + 59 ((1 - low) / (2 - low) + low / (1 + low))) / 3600
    spread = (1 - low) / (2 - low) + low / (1 + low)
    assert 1 - low == pytest.approx(norm.ppf(0.975) ** 2 * low * (1 + 59 * spread) / 3600)
    assert (round(low, 3), high) == (0.967, 1.0)
    assert auc_interval(0.0, 0.0, 60, 60) == pytest.approx((0.0, 1 - low))
    assert auc_interval(0.5, 0.0, 10, 10)[0] < 0.4


@pytest.mark.parametrize("auc", [0.5, 0.7, 0.9])
def test_the_interval_of_one_reader_covers(auc: float):
    """The interval covers the AUC of this reader, with images random."""
    draw = np.random.default_rng(2)
    separation = norm.ppf(auc) * np.sqrt(2)
    parts = placements(draw.normal(size=(2000, 60)), draw.normal(separation, 1, (2000, 60)))
    values, variances = parts[0].mean(-1), delong_variance(*parts)
    found = [auc_interval(a, v, 60, 60) for a, v in zip(values, variances, strict=True)]
    hits = sum(low <= auc <= high for low, high in found)
    assert 0.93 < hits / 2000 < 0.97


def analysed(separations: list[float], studies: int, structure: str, seed: int, readers: int = 5):
    draw = np.random.default_rng(seed)
    v = STRUCTURES[structure]
    real, made = latent_ratings(draw, studies, readers, 60, 60, separations, v)
    parts = [placements(ten_steps(real), ten_steps(each)) for each in made]
    covariance = jackknife_covariance([p[0] for p in parts], [p[1] for p in parts], shared=False)
    return np.stack([p[0].mean(-1) for p in parts], -2), covariance, v


@pytest.mark.parametrize(("structure", "auc"), [("HL", 0.5), ("LH", 0.75)])
def test_the_interval_of_the_average_covers_for_new_readers_and_images(structure: str, auc: float):
    separation = separation_of(auc, STRUCTURES[structure])
    aucs, covariance, v = analysed([separation], 1000, structure, 3)
    found = averaged_auc(aucs[:, 0], covariance[:, 0, :, 0])
    truth = true_auc(separation, v, steps=True)
    hits = int(((found.low <= truth) & (truth <= found.high)).sum())
    assert abs(aucs.mean() - truth) < 0.01
    assert binomtest(hits, 1000).proportion_ci(method="wilson").high > 0.93
    assert 0.92 < hits / 1000 < 0.985


def test_two_equal_generators_rarely_differ():
    separation = separation_of(0.7, STRUCTURES["HH"])
    aucs, covariance, _ = analysed([separation] * 2, 1000, "HH", 4)
    found = difference(aucs, covariance)
    false = int((found.p < 0.05).sum())
    assert binomtest(false, 1000).proportion_ci(method="wilson").high < 0.07
    assert np.array_equal(found.p < 0.05, (found.low > 0) | (found.high < 0))


def test_a_generator_that_is_worse_is_found():
    v = STRUCTURES["HL"]
    aucs, covariance, _ = analysed([separation_of(a, v) for a in (0.9, 0.6)], 200, "HL", 5)
    found = difference(aucs, covariance)
    assert (found.p < 0.05).mean() > 0.9
    assert found.value.mean() == pytest.approx(0.3, abs=0.03)


def test_without_any_variance_nothing_is_claimed():
    found = averaged_auc(np.ones(5), np.zeros((5, 5)))
    assert found.value == 1
    assert np.isnan([found.se, found.low, found.high, found.p]).all()


def test_readers_that_agree_have_infinite_degrees_of_freedom():
    covariance = np.full((3, 3), 0.001) + 0.001 * np.eye(3)  # Var - Cov2 is 0.001
    found = averaged_auc(np.full(3, 0.6), covariance)
    assert np.isinf(found.df)
    assert found.se == pytest.approx(np.sqrt((0.001 + 3 * 0.001) / 3))
    half = norm.ppf(0.975) * found.se / 0.24
    assert logit(found.high) - logit(0.6) == pytest.approx(half)
    assert found.statistic == pytest.approx(logit(0.6) * 0.24 / found.se)


@pytest.mark.parametrize("auc", [0.55, 0.6, 0.65, 0.7])
def test_the_interval_excludes_one_half_if_p_is_below_5_percent(auc: float):
    aucs, covariance, _ = analysed([separation_of(auc, STRUCTURES["HH"])], 300, "HH", 9)
    found = averaged_auc(aucs[:, 0], covariance[:, 0, :, 0])
    assert np.array_equal(found.p < 0.05, (found.low > 0.5) | (found.high < 0.5))
    assert (found.low > 0).all()
    assert (found.high < 1).all()


FLEISS_1971 = [
    *[(0, 0, 0, 6, 0), (0, 3, 0, 0, 3), (0, 1, 4, 0, 1), (0, 0, 0, 0, 6), (0, 3, 0, 3, 0)],
    *[(2, 0, 4, 0, 0), (0, 0, 4, 0, 2), (2, 0, 3, 1, 0), (2, 0, 0, 4, 0), (0, 0, 0, 0, 6)],
    *[(1, 0, 0, 5, 0), (1, 1, 0, 4, 0), (0, 3, 3, 0, 0), (1, 0, 0, 5, 0), (0, 2, 0, 3, 1)],
    *[(0, 0, 5, 0, 1), (3, 0, 0, 1, 2), (5, 1, 0, 0, 0), (0, 2, 0, 4, 0), (1, 0, 2, 0, 3)],
    *[(0, 0, 0, 0, 6), (0, 1, 0, 5, 0), (0, 2, 0, 1, 3), (2, 0, 0, 4, 0), (1, 0, 0, 4, 1)],
    *[(0, 5, 0, 1, 0), (4, 0, 0, 0, 2), (0, 2, 0, 4, 0), (1, 0, 5, 0, 0), (0, 0, 0, 0, 6)],
]
"""Diagnoses of 30 patients by 6 psychiatrists (Fleiss 1971, table 1)."""


def test_fleiss_kappa_of_his_own_example():
    found = fleiss_kappa(np.array(FLEISS_1971))
    assert found is not None
    assert round(found[0], 3) == 0.430


def test_the_variance_of_fleiss_kappa_is_that_of_the_jackknife():
    draw = np.random.default_rng(6)
    chosen = draw.binomial(6, draw.beta(1, 1, 200))
    counts = np.c_[chosen, 6 - chosen]
    found = fleiss_kappa(counts)
    assert found is not None
    without = [fleiss_kappa(np.delete(counts, i, 0)) for i in range(200)]
    values = np.array([each[0] for each in without if each])
    jackknife = np.sqrt(199 / 200 * ((values - values.mean()) ** 2).sum())
    assert (found[1][1] - found[0]) / 1.972 == pytest.approx(jackknife, rel=0.02)


def test_cohen_kappa():
    draw = np.random.default_rng(7)
    first = draw.random(200) < 0.4
    second = np.where(draw.random(200) < 0.8, first, ~first)
    found = cohen_kappa(first, second)
    assert found is not None
    assert found[0] == pytest.approx(cohen_kappa_score(first, second))
    boot = [cohen_kappa(first[i], second[i]) for i in draw.integers(0, 200, (1000, 200))]
    sd = np.std([each[0] for each in boot if each])
    assert (found[1][1] - found[0]) / 1.96 == pytest.approx(sd, rel=0.08)


@pytest.mark.parametrize("same", [True, False])
def test_kappa_without_variation_is_undefined(same: bool):
    assert cohen_kappa(np.full(10, same), np.full(10, same)) is None
    assert fleiss_kappa(np.tile([5, 0] if same else [0, 5], (10, 1))) is None


@pytest.mark.parametrize("images", [2, 60])
def test_perfect_agreement_has_no_interval_without_width(images: int):
    """Two images called the same twice do not prove a kappa of exactly 1."""
    called = np.arange(images) % 2 == 0
    assert cohen_kappa(called, called) == (1, None)
    assert fleiss_kappa(np.c_[4 * called, 4 * ~called]) == (1, None)


def test_simulated_readers_have_the_auc_they_should():
    for auc in (0.5, 0.8):
        v = STRUCTURES["HH"]
        separation = separation_of(auc, v)
        real, made = latent_ratings(np.random.default_rng(8), 400, 5, 60, 60, [separation], v)
        found = placements(real, made[0])[0].mean()
        assert found == pytest.approx(auc, abs=0.01)
        assert true_auc(separation, v, steps=False) == pytest.approx(auc)
        binned = placements(ten_steps(real), ten_steps(made[0]))[0].mean()
        assert binned == pytest.approx(true_auc(separation, v, steps=True), abs=0.01)


def test_ten_steps():
    found = ten_steps(np.array([-9.0, -1.0, 0.0, 0.1, 9.0]))
    assert (found[0], found[-1]) == (1, 10)
    assert all(a <= b for a, b in pairwise(found))
