"""The scale of a figure: floor, ceiling, position, words."""

from dataclasses import replace

import numpy as np
import pytest

from fewray.quality.baselines import Floor, floors_of, noise_images, one_of_each
from fewray.quality.features.extractor import Features
from fewray.quality.metrics.fid import frechet_distance


def cloud(n: int, seed: int, shift: float = 0.0) -> Features:
    return Features(np.random.default_rng(seed).normal(shift, 1, (n, 6)), None)


def compare(real: Features, fake: Features) -> dict[str, float]:
    return {
        "fid": frechet_distance(real.features, fake.features),
        "rows": float(len(real.features)),
    }


def test_equal_clouds_lie_at_the_floor_shifted_ones_on_the_way_to_noise():
    noise = cloud(64, 9, shift=8.0)
    same = floors_of(compare, cloud(80, 1), cloud(200, 2), noise, seed=0)["fid"]
    assert (same.m, same.splits) == (40, 20)
    assert same.verdict == "as real"
    half = floors_of(compare, cloud(80, 1), cloud(200, 3, shift=8 * 0.5**0.5), noise, seed=0)["fid"]
    assert half.position == pytest.approx(0.5, abs=0.05)
    assert half.verdict.endswith("% of the way to noise")
    copied = floors_of(compare, cloud(80, 1), cloud(80, 1), noise, seed=0)["fid"]
    assert copied.value_mean < copied.mean


def test_both_sides_are_compared_at_the_same_n():
    for real, fake, m in ((80, 200, 40), (81, 200, 40), (80, 13, 13), (4, 9, 2)):
        found = floors_of(compare, cloud(real, 1), cloud(fake, 2), None, seed=0)
        assert found["rows"].m == m
        assert found["rows"].mean == found["rows"].value_mean == m
        assert found["fid"].ceiling is None
    assert floors_of(compare, cloud(3, 1), cloud(9, 2), None, seed=0) == {}


@pytest.mark.parametrize(
    ("metric", "value", "ceiling", "words"),
    [
        ("fid", 10.1, 110.0, "as real"),
        ("fid", 60.0, 110.0, "50 % of the way to noise"),
        ("fid", 2.0, 110.0, "nearer than real: look for copies"),
        ("precision", 10.0, 10.5, "says nothing here: noise scores as real"),
        ("precision", 2.0, 10.5, "above real: low diversity or copies"),
        ("density", 2.0, 10.5, "above real: low diversity or copies"),
        ("recall", 12.0, 0.0, "above real: scattered images or copies"),
        ("auth_pct", 2.0, 100.0, "nearer than real: look for copies"),
        ("precision", 15.0, 10.5, "off the floor"),
        ("is_mean", 20.0, 1.0, "above real"),
        ("is_mean", 5.0, 20.0, "below real"),
        ("ms_ssim", 20.0, 1.0, "less diverse than real"),
        ("ms_ssim", 5.0, 1.0, "more varied than real"),
    ],
)
def test_the_verdict_in_words(metric: str, value: float, ceiling: float, words: str):
    floor = Floor(
        metric=metric,
        m=9,
        splits=20,
        mean=10.0,
        std=0.5,
        value_mean=value,
        value_std=0.5,
        ceiling=ceiling,
    )
    assert floor.verdict == words
    assert floor.to_json()["verdict"] == words


@pytest.mark.parametrize(("splits", "reach"), [(20, 2.093), (5, 2.776), (3, 4.303), (1, 2.0)])
def test_few_splits_reach_farther(splits: int, reach: float):
    """Student's t of 95 %, from tables."""
    wide = Floor(
        metric="fid",
        m=9,
        splits=splits,
        mean=10.0,
        std=0.6,
        value_mean=10,
        value_std=0.8,
        ceiling=110.0,
    )
    assert wide.reach == pytest.approx(reach, abs=1e-3)
    for value, words in (
        (10 + 0.99 * reach, "as real"),
        (10 + 1.01 * reach, "% of the way to noise"),
    ):
        assert replace(wide, value_mean=value).verdict.endswith(words)


def test_a_perfect_generator_of_new_patients_is_as_real_where_patients_have_four_films():
    """Halves with a patient in both would set the floor too low: most sets would be called off it."""
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
                floors_of(compare, rows, others, None, seed=seed)["fid"].verdict != "as real"
            )
    assert called["patients"] <= 2
    assert called["independent images"] <= 2
    assert called["images"] >= 16


def patients(count: int, films: int, rng: np.random.Generator) -> Features:
    centres = rng.standard_normal((count, 16)).repeat(films, 0)
    return Features(
        centres + rng.normal(0, 0.3, centres.shape), None, np.arange(count).repeat(films)
    )


def test_one_film_of_each_patient_stands_in_a_split():
    rng = np.random.default_rng(0)
    rows = patients(9, 3, rng)
    assert rows.groups is not None
    drawn = [one_of_each(rows, rng) for _ in range(200)]
    assert all(sorted(rows.groups[index]) == list(range(9)) for index in drawn)
    assert {int(i) for index in drawn for i in index} == set(range(27))
    assert {int(rows.groups[index[0]]) for index in drawn} == set(range(9))
    assert floors_of(compare, rows, patients(40, 1, rng), None, seed=0)["rows"].m == 4


def test_one_patient_alone_makes_no_halves():
    assert (
        floors_of(compare, replace(cloud(40, 1), groups=np.zeros(40)), cloud(40, 2), None, seed=0)
        == {}
    )


def test_one_film_over_and_over_is_not_as_real_for_being_unsteady():
    """Its precision is 0 or 1 from split to split; steadier figures are judged as ever."""
    words = {}
    for value, spread in ((0.55, 0.497), (0.85, 0.076), (0.93, 0.3), (0.05, 0.218)):
        floor = Floor(
            metric="precision",
            m=30,
            splits=20,
            mean=0.915,
            std=0.045,
            value_mean=value,
            value_std=spread,
            ceiling=0.0,
        )
        words[value] = floor.verdict
    assert words == {
        0.55: "cannot tell: unsteady from split to split",
        0.85: "as real",
        0.93: "as real",
        0.05: "95 % of the way to noise",
    }
    whole = Floor(
        metric="coverage",
        m=6,
        splits=20,
        mean=1.0,
        std=0.0,
        value_mean=0.99,
        value_std=0.04,
        ceiling=0.0,
    )
    assert whole.verdict == "as real"


def test_noise_is_a_function_of_its_seed():
    first, again, other = (
        noise_images(16, seed=1),
        noise_images(16, seed=1),
        noise_images(16, seed=2),
    )
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
