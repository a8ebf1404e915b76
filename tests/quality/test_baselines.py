"""The scale of a metric: real-vs-real and noise baselines, position, verdict."""

from dataclasses import replace

import numpy as np
import pytest

from fewray.quality.baselines import baselines_of, noise_images, one_per_patient, with_verdict
from fewray.quality.features.extractor import Features
from fewray.quality.metrics.fid import frechet_distance
from fewray.results.quality import BASELINE_VERDICTS, Baseline


def cloud(n: int, seed: int, shift: float = 0.0) -> Features:
    return Features(np.random.default_rng(seed).normal(shift, 1, (n, 6)), None)


def compare(real: Features, fake: Features) -> dict[str, float]:
    return {
        "fid": frechet_distance(real.features, fake.features),
        "rows": float(len(real.features)),
    }


def judged(metric: str, value: float, noise: float | None, **changes: float) -> Baseline:
    """Return a baseline of 20 splits, 10 +- 0.5 for real images and ``value`` +- 0.5."""
    numbers = {"m": 9, "splits": 20, "real_vs_real": 10.0, "real_vs_real_sd": 0.5}
    return with_verdict(
        metric, **{**numbers, "synthetic": value, "synthetic_sd": 0.5, "noise": noise, **changes}
    )  # pyright: ignore[reportArgumentType]


def test_equal_clouds_lie_at_the_baseline_shifted_ones_on_the_way_to_noise():
    noise = cloud(64, 9, shift=8.0)
    same = baselines_of(compare, cloud(80, 1), cloud(200, 2), noise, seed=0)["fid"]
    assert (same.m, same.splits) == (40, 20)
    assert same.verdict == "as_real"
    half = baselines_of(compare, cloud(80, 1), cloud(200, 3, shift=8 * 0.5**0.5), noise, seed=0)[
        "fid"
    ]
    assert half.position == pytest.approx(0.5, abs=0.05)
    assert half.verdict == "towards_noise"
    assert half.text.endswith("% of the way to noise")
    copied = baselines_of(compare, cloud(80, 1), cloud(80, 1), noise, seed=0)["fid"]
    assert copied.synthetic < copied.real_vs_real


def test_both_sides_are_compared_at_the_same_n():
    for real, fake, m in ((80, 200, 40), (81, 200, 40), (80, 13, 13), (4, 9, 2)):
        found = baselines_of(compare, cloud(real, 1), cloud(fake, 2), None, seed=0)
        assert found["rows"].m == m
        assert found["rows"].real_vs_real == found["rows"].synthetic == m
        assert found["fid"].noise is None
    assert baselines_of(compare, cloud(3, 1), cloud(9, 2), None, seed=0) == {}


@pytest.mark.parametrize(
    ("metric", "value", "noise", "verdict"),
    [
        ("fid", 10.1, 110.0, "as_real"),
        ("fid", 60.0, 110.0, "towards_noise"),
        ("fid", 120.0, 110.0, "as_noise"),
        ("fid", 2.0, 110.0, "closer_than_real"),
        ("precision", 10.0, 10.5, "uninformative"),
        ("precision", 2.0, 10.5, "low_diversity_or_copies"),
        ("density", 2.0, 10.5, "low_diversity_or_copies"),
        ("recall", 12.0, 0.0, "outliers_or_copies"),
        ("auth_pct", 2.0, 100.0, "closer_than_real"),
        ("auth_pct", 40.0, 100.0, "farther_than_real"),
        ("precision", 15.0, 10.5, "differs_from_real"),
        ("is_mean", 20.0, 1.0, "above_real"),
        ("is_mean", 5.0, 20.0, "below_real"),
        ("ms_ssim", 20.0, 1.0, "less_diverse"),
        ("ms_ssim", 5.0, 1.0, "more_diverse"),
        ("ms_ssim", 10.0, 10.5, "as_real"),
        ("vendi", 5.0, 1.0, "less_diverse"),
        ("vendi", 20.0, 1.0, "more_diverse"),
        ("vendi", 20.0, 30.0, "more_diverse"),
        ("vendi", 10.0, 10.5, "as_real"),
    ],
)
def test_the_verdict_of_a_baseline(metric: str, value: float, noise: float, verdict: str):
    found = judged(metric, value, noise)
    assert found.verdict == verdict
    assert found.verdict in BASELINE_VERDICTS
    assert found.text == (
        "50% of the way to noise" if value == 60.0 else BASELINE_VERDICTS[verdict]
    )


def test_a_score_halfway_to_noise_is_never_as_real():
    """A spread that large cannot tell: it was "as real" at 93% of the way to noise."""
    wide = {"m": 30, "real_vs_real": 0.9, "real_vs_real_sd": 0.05}
    for value, spread, verdict in (
        (0.07, 0.45, "unstable"),
        (0.62, 0.14, "indistinct"),  # two SDs of 0.15 reach 0.31 of the 0.9
        (0.88, 0.25, "indistinct"),
        (0.88, 0.05, "as_real"),
        (0.7, 0.12, "as_real"),
    ):
        found = judged("density", value, 0.3 if verdict == "indistinct" else 0.0, synthetic_sd=spread, **wide)  # fmt: skip
        assert found.verdict == verdict, value
    for value in np.linspace(-40, 140, 91):
        for spread in (0.1, 1.0, 5.0, 20.0, 60.0):
            found = judged("kid", value, 110.0, synthetic_sd=spread)
            assert found.position is not None
            assert found.verdict != "as_real" or abs(found.position) <= 0.5


@pytest.mark.parametrize(("splits", "quantile"), [(20, 2.093), (5, 2.776), (3, 4.303), (1, 2.0)])
def test_with_few_splits_the_interval_is_wider(splits: int, quantile: float):
    """Student's t at 95%, from tables; both spreads together are 1."""
    for value, verdict in (
        (10 + 0.99 * quantile, "as_real"),
        (10 + 1.01 * quantile, "towards_noise"),
    ):
        found = judged("fid", value, 110.0, splits=splits, real_vs_real_sd=0.6, synthetic_sd=0.8)
        assert found.verdict == verdict


def test_a_perfect_generator_is_as_real_with_four_images_per_patient():
    """Halves that share patients would set the baseline too low: most sets would differ from it."""
    called = {"patients": 0, "images": 0, "independent images": 0}
    for seed in range(20):
        real, fake, alone = (
            patients(20, films, np.random.default_rng((seed, films))) for films in (4, 5, 1)
        )
        sides = {
            "patients": (real, fake),
            "images": (replace(real, groups=None), replace(fake, groups=None)),
            "independent images": (real, alone),
        }
        for name, (rows, others) in sides.items():
            called[name] += (
                baselines_of(compare, rows, others, None, seed=seed)["fid"].verdict != "as_real"
            )
    assert called["patients"] <= 2
    assert called["independent images"] <= 2
    assert called["images"] >= 16


def patients(count: int, images: int, rng: np.random.Generator) -> Features:
    centres = rng.standard_normal((count, 16)).repeat(images, 0)
    return Features(
        centres + rng.normal(0, 0.3, centres.shape), None, np.arange(count).repeat(images)
    )


def test_a_split_holds_one_image_per_patient():
    rng = np.random.default_rng(0)
    rows = patients(9, 3, rng)
    assert rows.groups is not None
    drawn = [one_per_patient(rows, rng) for _ in range(200)]
    assert all(sorted(rows.groups[index]) == list(range(9)) for index in drawn)
    assert {int(i) for index in drawn for i in index} == set(range(27))
    assert {int(rows.groups[index[0]]) for index in drawn} == set(range(9))
    assert baselines_of(compare, rows, patients(40, 1, rng), None, seed=0)["rows"].m == 4


def test_a_single_patient_cannot_be_halved():
    assert (
        baselines_of(
            compare, replace(cloud(40, 1), groups=np.zeros(40)), cloud(40, 2), None, seed=0
        )
        == {}
    )


def test_one_repeated_image_is_not_as_real_because_it_is_unstable():
    """Its precision is 0 or 1 from split to split; the verdict on steadier metrics is as usual."""
    found = {}
    for value, spread in ((0.55, 0.497), (0.85, 0.076), (0.93, 0.3), (0.05, 0.218)):
        found[value] = judged(
            "precision",
            value,
            0.0,
            m=30,
            real_vs_real=0.915,
            real_vs_real_sd=0.045,
            synthetic_sd=spread,
        )
    assert {value: baseline.verdict for value, baseline in found.items()} == {
        0.55: "unstable",
        0.85: "as_real",
        0.93: "indistinct",
        0.05: "towards_noise",
    }
    assert found[0.05].text == "95% of the way to noise"
    exact = judged(
        "coverage", 0.99, 0.0, m=6, real_vs_real=1.0, real_vs_real_sd=0.0, synthetic_sd=0.04
    )
    assert exact.verdict == "as_real"


def test_noise_is_a_function_of_its_seed():
    first, again, other = (
        noise_images(16, seed=1),
        noise_images(16, seed=1),
        noise_images(16, seed=2),
    )
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
