"""The interval of an AUC: closed values, the edges, monotonicity, coverage at a dozen films."""

import numpy as np
import pytest

from fewray.generators.membership import auc_interval

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
