"""The calibration: its cohorts, its networks, and the requirements on the committed result."""

import numpy as np
import pytest

from experiments import calibration, calibration_tables
from experiments import simulated_cohorts as cohorts

TINY = calibration.Scale(null=50, regimes=50, power=50, detectable=50, truth=50, search=50)


def population(distance: float = 2.0) -> cohorts.Population:
    """Return four classes that vary more between patients than within one."""
    eye = np.broadcast_to(np.eye(cohorts.DIMS, dtype=np.float32), (4, cohorts.DIMS, cohorts.DIMS))
    return cohorts.Population(mean=distance * eye[0, :4], between=0.9 * eye, within=0.4 * eye)


def test_the_model_has_the_variances_of_the_fitted_images():
    rng = np.random.default_rng(0)
    groups = np.arange(600) // 2
    labels = groups % 4
    patients = rng.normal(0, 20, (300, 64))[groups]
    images = np.clip(128 + 20 * labels[:, None] + patients + rng.normal(0, 5, (600, 64)), 0, 255)
    fitted = cohorts.fit_population(np.uint8(images).reshape(600, 1, 8, 8), labels, groups, 1.0)
    drawn = fitted.draw(labels, groups, rng, 20)
    first, second = drawn[:, ::2], drawn[:, 1::2]
    same = np.mean(
        [
            np.corrcoef(first[..., j].ravel(), second[..., j].ravel())[0, 1]
            for j in range(cohorts.DIMS)
        ]
    )
    assert same > 0.85  # 400 of 425 parts of the variance are between patients
    assert drawn.std((0, 1)) == pytest.approx(np.ones(cohorts.DIMS), abs=0.2)


def test_folds_keep_patients_together():
    layout = cohorts.draw_layout(140, 2, 0)
    assert np.bincount(layout.labels).sum() == 140
    for fold_of in layout.folds:
        assert set(fold_of) == set(range(cohorts.FOLDS))
        assert all(
            len(set(fold_of[layout.groups == patient])) == 1 for patient in set(layout.groups)
        )
    assert np.any(layout.folds[0] != layout.folds[1])
    assert all(
        len(set(layout.labels[layout.groups == patient])) == 1 for patient in set(layout.groups)
    )


def test_networks_learn_vary_by_seed_and_suffer_from_wrong_labels():
    clean = cohorts.expected_accuracy(population(), 140, 0.0, cohorts=50, seed=0)
    spoilt = cohorts.expected_accuracy(population(), 140, 0.4, cohorts=50, seed=0)
    assert 0.6 < clean.mean() < 0.95
    assert 0.05 < (clean - spoilt).mean() < 0.4
    layout = cohorts.draw_layout(70, 1, 0)
    rng = np.random.default_rng(0)
    x = population().draw(layout.labels, layout.groups, rng, 50)
    correct = cohorts.out_of_fold(x, layout, rng, seeds=2)
    assert 0.02 < (correct[:, 0, 0] != correct[:, 0, 1]).mean() < 0.3


def test_a_small_simulation_applies_every_rule():
    found = calibration.simulate(population(), 70, cohorts=50, seed=0)
    assert found["rules"]["two-way clustering"]["rejected"] <= 8
    assert found["rules"]["McNemar"]["covered"] is None
    again = calibration.simulate(population(), 70, cohorts=50, seed=0)
    assert again == found


def test_a_record_is_renewed_only_if_the_numbers_are_the_same(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(calibration, "SIZES", (70,))
    monkeypatch.setattr(calibration.Scale, "null", 50)
    monkeypatch.setattr(calibration.Scale, "regimes", 50)
    null = calibration.simulate(population(), 70, cohorts=50, seed=calibration.SEED)
    five = calibration.simulate(population(), 140, cohorts=50, seed=calibration.SEED, seeds=5)
    before = {"made_by": {"rule": "x"}, "null": [null], "regimes": {"five seeds": five}}
    found = calibration.renew(population(), before)
    assert found["measured_by"] == {"rule": "x"}
    assert found["made_by"] == calibration.made_by(*calibration.SOURCES)
    with pytest.raises(SystemExit):
        calibration.renew(population(), {**before, "null": [null | {"spread": 0.5}]})


@pytest.mark.long
def test_the_whole_measurement_runs():
    found = {
        "made_by": {"version": ""},
        "data": "",
        "seed": 0,
        "command": "",
        "date": "",
        **calibration.measure(population(), TINY),
    }
    assert "two-way clustering" in calibration_tables.render(found)


def test_the_committed_result_meets_the_requirements():
    found = calibration.read_json(calibration.RESULT)
    for one in found["null"]:
        rule = one["rules"]["two-way clustering"]
        assert one["cohorts"] >= 1000
        assert rule["wilson"][1] < 0.07
        assert 0.93 <= rule["covered"] / one["cohorts"] <= 0.97
    for one in found["power"]:
        assert one["rules"]["two-way clustering"]["covered"] / one["cohorts"] >= 0.93
        assert abs(one["truth"] - one["effect"]) < 0.006


@pytest.mark.xfail(
    strict=True, reason="two of nine cells cover 97.6 and 97.2%, at 70 images: docs/crossval.md"
)
def test_intervals_are_not_too_wide_with_a_difference():
    for one in calibration.read_json(calibration.RESULT)["power"]:
        assert one["rules"]["two-way clustering"]["covered"] / one["cohorts"] <= 0.97


def test_the_stated_effect_is_detected_with_the_stated_power():
    for one in calibration.read_json(calibration.RESULT)["detectable"]["median"]:
        assert abs(one["rules"]["two-way clustering"]["rejected"] / one["cohorts"] - 0.80) <= 0.05


def test_planted_effects_equal_the_stated_ones():
    for stated in ("mean", "median"):
        for one in calibration.read_json(calibration.RESULT)["detectable"][stated]:
            assert abs(one["truth"] - one["effect"]) < 0.004
