"""FID, KID, IS: closed forms, properties, independent implementations, unbiasedness."""

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.image.fid import _compute_fid  # the formula alone: no network, no torchvision

from fewray.errors import InputError
from fewray.quality.metrics.fid import frechet_distance
from fewray.quality.metrics.inception_score import inception_score
from fewray.quality.metrics.kid import kernel_distance, mmd2, weighted_mmd2


def cloud(n: int, d: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return shift + scale * rng.standard_normal((n, d)) @ np.diag(np.linspace(0.5, 2, d))


def textbook_fid(x: np.ndarray, y: np.ndarray) -> float:
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(a @ b)
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * np.real(root)))


def naive_mmd2(x: np.ndarray, y: np.ndarray) -> float:
    d = x.shape[1]

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return (float(a @ b) / d + 1) ** 3

    n, m = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return xx + yy - 2 * sum(k(a, b) for a in x for b in y) / (n * m)


def test_fid_of_a_shifted_cloud_is_the_shift_squared():
    x = cloud(200, 8, 0)
    assert frechet_distance(x, x + 3.0) == pytest.approx(8 * 9.0, rel=1e-10)


def test_fid_of_a_scaled_cloud_has_its_closed_form():
    x = cloud(300, 6, 1) - cloud(300, 6, 1).mean(0)
    expected = 0.25 * np.trace(np.cov(x, rowvar=False))  # S2 = 2.25 S1: tr(S1 + 2.25 S1 - 3 S1)
    assert frechet_distance(x, 1.5 * x) == pytest.approx(expected, rel=1e-9)


def test_fid_of_known_gaussians_in_one_dimension():
    x, y = np.array([[0.0], [2.0]]), np.array([[5.0], [11.0]])
    assert frechet_distance(x, y) == pytest.approx(7.0**2 + (np.sqrt(2) - np.sqrt(18)) ** 2)


def plain_fid(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """From singular values; and tr(S1 + S2), what its rounding goes with."""
    a, b = ((side - side.mean(0)) / np.sqrt(len(side) - 1) for side in (x, y))
    traces = (a * a).sum() + (b * b).sum()
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + traces - 2 * np.linalg.svd(
        a @ b.T, compute_uv=False
    ).sum(), traces


SPECTRA = {
    # Scales of 150 directions, and whether roots of eigenvalues are precise enough where both sides have more rows.
    "even": (np.ones(150), True),
    "falling little": (np.geomspace(1, 1e-2, 150), True),
    "falling": (np.geomspace(1, 1e-9, 150), False),
    "some dead": (np.r_[np.ones(100), np.zeros(50)], False),
    "one above all": (np.r_[1.0, np.full(149, 1e-8)], False),
    "tiny": (np.full(150, 1e-80), False),
    "huge": (np.full(150, 1e80), False),
}


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize(("n", "m"), [(300, 200), (200, 90), (90, 40), (30, 300)])
def test_fid_of_features_of_any_condition(
    n: int, m: int, spectrum: str, monkeypatch: pytest.MonkeyPatch
):
    rng, (scale, precise) = np.random.default_rng(0), SPECTRA[spectrum]
    turn = np.linalg.qr(rng.standard_normal((150, 150)))[0]
    x, y = ((rng.standard_normal((rows, 150)) * scale) @ turn for rows in (n, m))
    expected, traces = plain_fid(x, y)
    plainly = []
    svd = torch.linalg.svdvals
    monkeypatch.setattr(torch.linalg, "svdvals", lambda product: plainly.append(1) or svd(product))
    assert frechet_distance(x, y) == pytest.approx(expected, abs=1e-12 * traces, rel=0)
    assert bool(plainly) != (precise and min(n, m) > 150)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-12 * traces * (n + m))


def test_fid_near_nought_with_dead_features_keeps_its_digits():
    rng = np.random.default_rng(0)
    x = np.maximum(rng.standard_normal((300, 200)), 0)
    x[:, :50] = 0
    y = x + np.where(x > 0, 1e-3 * rng.standard_normal(x.shape), 0)
    assert frechet_distance(x, y) == pytest.approx(plain_fid(x, y)[0], rel=1e-6)
    assert frechet_distance(np.ones((20, 5)), np.full((30, 5), 3.0)) == pytest.approx(20)


@pytest.mark.parametrize(("n", "m", "d"), [(400, 300, 16), (900, 1000, 64), (150, 700, 100)])
def test_fid_agrees_with_two_other_implementations(n: int, m: int, d: int):
    x, y = cloud(n, d, 2), cloud(m, d, 3, shift=0.3, scale=1.2)
    ours = frechet_distance(x, y)
    assert ours == pytest.approx(textbook_fid(x, y), rel=1e-6)
    a, b = (torch.from_numpy(v) for v in (x, y))
    theirs = _compute_fid(a.mean(0), torch.cov(a.T), b.mean(0), torch.cov(b.T)).item()
    assert ours == pytest.approx(theirs, rel=1e-6)


@pytest.mark.filterwarnings("ignore:Matrix is singular")
@pytest.mark.parametrize(("n", "m", "d"), [(20, 30, 64), (60, 40, 200)])
def test_fid_agrees_where_the_covariance_is_singular(n: int, m: int, d: int):
    x, y = cloud(n, d, 4), cloud(m, d, 5, shift=0.2)
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    # Eigenvalues of S1 S2 are those of S1^(1/2) S2 S1^(1/2), which is symmetric: a root without sqrtm's trouble.
    values, vectors = np.linalg.eigh(a)
    half = vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T
    root = np.sqrt(np.clip(np.linalg.eigvalsh(half @ b @ half), 0, None)).sum()
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * root
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-4)
    jitter = 1e-10 * np.eye(d)
    regular = np.real(scipy.linalg.sqrtm((a + jitter) @ (b + jitter)))
    with_sqrtm = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * regular)
    assert frechet_distance(x, y) == pytest.approx(with_sqrtm, rel=1e-4)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(2, 40), m=st.integers(2, 40), d=st.integers(1, 60), seed=st.integers(0, 999))
def test_properties_hold_at_any_size(n: int, m: int, d: int, seed: int):
    x, y = cloud(n, d, seed), cloud(m, d, seed + 1000, shift=0.5)
    for metric in (frechet_distance, mmd2):
        value = metric(x, y)
        assert np.isfinite(value)
        assert metric(y, x) == pytest.approx(value, rel=1e-6, abs=1e-8)
        order = np.random.default_rng(seed).permutation(n)
        assert metric(x[order], y) == pytest.approx(value, rel=1e-6, abs=1e-8)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6 * max(1.0, float(np.var(x)) * d))


def test_mmd2_agrees_with_a_naive_loop():
    x, y = cloud(13, 7, 6), cloud(9, 7, 7, shift=0.4)
    assert mmd2(x, y) == pytest.approx(naive_mmd2(x, y), rel=1e-10)


def test_mmd2_agrees_with_torchmetrics():
    from torchmetrics.image.kid import poly_mmd

    x, y = cloud(50, 12, 8), cloud(50, 12, 9, shift=0.4)
    theirs = poly_mmd(torch.from_numpy(x), torch.from_numpy(y)).item()
    assert mmd2(x, y) == pytest.approx(theirs, rel=1e-6)


def test_mmd2_does_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch):
    from fewray.quality.metrics import kid as kernel

    x, y = cloud(50, 12, 8), cloud(33, 12, 9)
    whole = mmd2(x, y)
    monkeypatch.setattr(kernel, "BLOCK", 7)
    assert mmd2(x, y) == pytest.approx(whole, rel=1e-10)


def test_kid_is_unbiased_over_1000_draws():
    rng = np.random.default_rng(0)
    values = np.array(
        [mmd2(rng.standard_normal((20, 5)), rng.standard_normal((15, 5))) for _ in range(1000)]
    )
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(1000)
    assert (values < 0).any()


@pytest.mark.parametrize("films", [2, 4])
def test_kid_is_unbiased_where_patients_have_several_films(films: int):
    """A perfect generator of new patients: pairs of one patient's films, left in, would hold it for far."""
    rng = np.random.default_rng(films)
    found = []
    for _ in range(300):
        real = np.repeat(rng.standard_normal((24 // films, 5)), films, 0) + rng.normal(
            0, 0.2, (24, 5)
        )
        fake = rng.standard_normal((20, 5)) + rng.normal(0, 0.2, (20, 5))
        groups = np.arange(24 // films).repeat(films)
        found.append(
            (
                mmd2(real, fake, groups=groups),
                mmd2(real, fake),
                kernel_distance(real, fake, seed=0, groups=groups).subset_mean,
            )
        )
    mean, error = np.mean(found, 0), np.std(found, 0) / np.sqrt(len(found))
    assert abs(mean[0]) < 3 * error[0]
    assert mean[1] > 5 * error[1]
    assert abs(mean[2]) < 3 * error[2]


def test_mmd2_of_patients_is_the_mean_over_pairs_of_patients():
    x, y, groups = cloud(9, 4, 1), cloud(7, 4, 2), np.array(list("aabbbcdef"))
    kernel = lambda a, b: (a @ b / 4 + 1) ** 3  # noqa: E731
    pairs = [kernel(x[i], x[j]) for i in range(9) for j in range(9) if groups[i] != groups[j]]
    others = [kernel(y[i], y[j]) for i in range(7) for j in range(7) if i != j]
    cross = [kernel(a, b) for a in x for b in y]
    assert mmd2(x, y, groups=groups) == pytest.approx(
        np.mean(pairs) + np.mean(others) - 2 * np.mean(cross), rel=1e-10
    )
    assert mmd2(y, x, fake_groups=groups) == pytest.approx(mmd2(x, y, groups=groups), rel=1e-10)


def test_mmd2_of_one_patient_alone_takes_the_pairs_there_are():
    x, y = cloud(6, 4, 1), cloud(7, 4, 2)
    assert mmd2(x, y, groups=np.zeros(6)) == mmd2(x, y)
    assert np.isfinite(
        kernel_distance(x, y, seed=0, groups=np.array([0, 0, 0, 0, 0, 1])).subset_mean
    )


def test_kid_subset_size_adapts_and_is_said():
    x, y = cloud(30, 5, 1), cloud(21, 5, 2)
    found = kernel_distance(x, y, seed=0)
    assert (found.subset_size, found.subsets) == (10, 100)
    whole = kernel_distance(x[:21], y, seed=0, subset_size=21)
    assert whole.subset_mean == pytest.approx(mmd2(x[:21], y), rel=1e-9)
    with pytest.raises(InputError, match="2 to 21"):
        kernel_distance(x, y, seed=0, subset_size=22)


@pytest.mark.parametrize("alone", [False, True])
def test_one_pass_over_the_kernel_gives_what_each_figure_gives_alone(alone: bool):
    x, y = cloud(40, 5, 1), cloud(30, 5, 2, shift=0.2)
    groups, fakes = np.zeros(40) if alone else np.arange(40) // 2, np.arange(30) // 3
    found = kernel_distance(x, y, seed=3, groups=groups, fake_groups=fakes, draws=50, subsets=7)
    assert found.all_images == pytest.approx(
        mmd2(x, y, groups=groups, fake_groups=fakes), rel=1e-12
    )
    rng, values = np.random.default_rng(3), []
    told = (None if alone else groups, fakes)
    for _ in range(7):
        v, w = np.zeros((1, 40)), np.zeros((1, 30))
        for side in (v, w):
            side[0, rng.choice(side.shape[1], 15, replace=False)] = 1
        values.append(weighted_mmd2(x, y, v, w, *told)[0])
    assert (found.subset_mean, found.subset_sd) == pytest.approx(
        (np.mean(values), np.std(values)), rel=1e-9
    )
    if alone:
        assert found.interval is None
        return
    rng = np.random.default_rng(3)
    v, w = (
        rng.multinomial(n, np.full(n, 1 / n), size=50)[:, names]
        for n, names in ((20, groups), (10, fakes))
    )
    spread = np.std([weighted_mmd2(x, y, v[[i]], w[[i]], *told)[0] for i in range(50)], ddof=1)
    assert found.interval == pytest.approx(
        (found.all_images - 1.96 * spread, found.all_images + 1.96 * spread), rel=1e-4
    )


def test_inception_score_closed_forms():
    sure = np.eye(10)[np.arange(1000) % 10]
    assert inception_score(sure, splits=1).mean == pytest.approx(10)
    assert inception_score(np.full((50, 10), 0.1)).mean == pytest.approx(1)
    assert inception_score(np.tile(np.eye(10)[0], (50, 1))).mean == pytest.approx(1)
    assert inception_score(sure).splits == 2


def test_inception_score_does_not_take_classes_in_order_for_parts():
    rng = np.random.default_rng(0)
    of_a, of_b = (rng.dirichlet(alpha, 500) for alpha in ((9, 1, 1), (1, 9, 9)))
    sorted_rows = np.concatenate([of_a, of_b])
    found = inception_score(sorted_rows)
    assert found.splits == 2
    assert found.mean == pytest.approx(inception_score(sorted_rows, splits=1).mean, rel=0.02)
    shuffled = inception_score(rng.permutation(sorted_rows)).mean
    assert found.mean == pytest.approx(shuffled, rel=0.02)


def test_inception_score_agrees_with_a_plain_loop():
    p = np.random.default_rng(0).dirichlet(np.ones(7), 40)
    marginal = p.mean(0)
    expected = np.exp(
        np.mean([sum(v * np.log(v / marginal[j]) for j, v in enumerate(row)) for row in p])
    )
    assert inception_score(p).mean == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("bad", [np.zeros((1, 4)), np.zeros(5), np.zeros((0, 4))])
def test_too_few_rows_are_refused(bad: np.ndarray):
    for metric in (frechet_distance, mmd2):
        with pytest.raises((InputError, IndexError)):
            metric(bad, cloud(5, 4, 0))


def test_features_of_other_widths_are_refused():
    with pytest.raises(InputError, match="same extractor"):
        frechet_distance(cloud(5, 4, 0), cloud(5, 3, 0))
