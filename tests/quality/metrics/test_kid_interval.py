"""Weighted kernel distances and the bootstrap interval; the extrapolated FID."""

import numpy as np
import pytest

from fewray.quality.metrics.fid import fid_infinity
from fewray.quality.metrics.kid import kernel_distance, mmd2, weighted_mmd2


def cloud(n: int, shift: float, rng: np.random.Generator, d: int = 16) -> np.ndarray:
    return np.maximum(rng.normal(0.4 + shift, 0.6, (n, d)), 0)


def test_a_weighting_by_nought_and_one_is_the_subset():
    rng = np.random.default_rng(0)
    x, y = cloud(30, 0, rng), cloud(40, 0.2, rng)
    v, w = np.zeros((1, 30)), np.zeros((1, 40))
    v[0, 3:17], w[0, 5:40:2] = 1, 1
    assert weighted_mmd2(x, y, v, w)[0] == pytest.approx(mmd2(x[3:17], y[5:40:2]), rel=1e-12)


def test_counts_leave_out_pairs_of_one_image_with_itself():
    rng = np.random.default_rng(0)
    x, y = cloud(6, 0, rng), cloud(5, 0.2, rng)
    v, w = np.array([[2, 0, 1, 1, 2, 0.0]]), np.array([[1, 1, 0, 3, 0.0]])

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return (float(a @ b) / 16 + 1) ** 3

    def within(points: np.ndarray, counts: np.ndarray) -> float:
        pairs = [(i, j) for i in range(len(points)) for j in range(len(points)) if i != j]
        total = sum(counts[i] * counts[j] * k(points[i], points[j]) for i, j in pairs)
        return total / sum(counts[i] * counts[j] for i, j in pairs)

    cross = sum(v[0, i] * w[0, j] * k(x[i], y[j]) for i in range(6) for j in range(5)) / (
        v.sum() * w.sum()
    )
    wanted = within(x, v[0]) + within(y, w[0]) - 2 * cross
    assert weighted_mmd2(x, y, v, w)[0] == pytest.approx(wanted, rel=1e-12)


def test_blocks_do_not_change_the_value(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    x, y = cloud(50, 0, rng), cloud(61, 0.2, rng)
    whole = mmd2(x, y)
    monkeypatch.setattr("fewray.quality.metrics.kid.BLOCK", 13)
    assert mmd2(x, y) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(60, 60), (20, 120)])
def test_the_interval_covers_the_true_distance(n: int, m: int):
    rng = np.random.default_rng(1)
    true = np.mean([mmd2(cloud(2000, 0, rng), cloud(2000, 0.3, rng)) for _ in range(3)])
    trials, hits = 200, 0
    for trial in range(trials):
        interval = kernel_distance(
            cloud(n, 0, rng), cloud(m, 0.3, rng), seed=trial, draws=200
        ).interval
        assert interval is not None
        hits += interval[0] <= true <= interval[1]
    assert 0.90 <= hits / trials <= 0.995


def test_patients_of_several_films_widen_the_interval():
    rng = np.random.default_rng(0)
    patients, fake = cloud(20, 0, rng), cloud(80, 0.3, rng)
    real = np.repeat(patients, 4, 0) + rng.normal(0, 0.01, (80, 16))
    alone = kernel_distance(real, fake, seed=0).interval
    grouped = kernel_distance(real, fake, seed=0, groups=np.repeat(np.arange(20), 4)).interval
    assert alone is not None
    assert grouped is not None
    assert grouped[1] - grouped[0] > 1.3 * (alone[1] - alone[0])
    assert kernel_distance(real, fake, seed=0, groups=np.repeat(np.arange(2), 40)).interval is None
    assert kernel_distance(real[:3], fake, seed=0).interval is None


def test_the_extrapolated_fid_is_right_where_the_plain_one_is_far_too_large():
    from fewray.quality.metrics.fid import frechet_distance

    rng = np.random.default_rng(0)
    plain, endless = [], []
    for trial in range(20):
        x, y = rng.normal(size=(144, 48)), rng.normal(0.3, 1.2, (144, 48))
        plain.append(frechet_distance(x, y))
        endless.append(fid_infinity(x, y, seed=trial))
    true = 48 * (0.3**2 + 0.2**2)
    assert np.mean(plain) > 2 * true
    assert np.mean(endless) == pytest.approx(true, abs=3 * np.std(endless) / 20**0.5 + 0.1 * true)
    assert fid_infinity(x[:95], y, seed=0) is None
