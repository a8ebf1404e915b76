"""An arm's scores: intervals that do not vanish at the ends, are centred, and have the trainings' chance in them."""

import numpy as np
import pytest

from fewray.classify.scores import wilson
from fewray.study.trial.scores import accuracy_only, arm_scores, patient_weights, renormalised

CLASSES = ("a", "b")
LABELS = np.arange(40) % 2
FOLDS = (np.arange(40) // 2 % 4)[None]
WEIGHTS = patient_weights(np.arange(40), 0)


def certain(predicted: np.ndarray, confidence: float = 0.9) -> np.ndarray:
    """Return (..., 2) probabilities with which ``predicted`` (...,) is the likeliest."""
    return np.where(np.eye(2)[predicted] > 0, confidence, 1 - confidence)


def scores(predicted: np.ndarray, **options: float) -> dict:
    return arm_scores(certain(predicted, **options)[None], LABELS, FOLDS, WEIGHTS, CLASSES)


def test_all_right_is_not_certainty():
    found = scores(np.stack([LABELS, LABELS]))
    assert found["accuracy"]["value"] == 1
    assert found["accuracy"]["ci"] == pytest.approx(wilson(40, 40))
    for name in ("sensitivity", "specificity", "ppv"):
        assert found["per_class"]["a"][name]["ci"] == pytest.approx(wilson(20, 20)), name
    assert found["balanced_accuracy"]["ci"] == pytest.approx(wilson(20, 20))
    assert found["auroc"] == {"value": 1.0, "ci": None}


def test_a_class_always_missed_has_an_interval_too():
    found = scores(np.ones((1, 40), int))
    assert found["per_class"]["a"]["sensitivity"] == {"value": 0.0, "ci": pytest.approx(wilson(0, 20))}
    assert found["per_class"]["a"]["ppv"] == {"value": None, "ci": None}


def test_a_ppv_that_one_seed_lacks_is_that_of_the_others():
    one = LABELS.copy()
    one[1] = 0  # called a, is b
    found = scores(np.stack([np.ones(40, int), one]))
    assert found["per_class"]["a"]["ppv"]["value"] == pytest.approx(20 / 21)


def test_the_calibration_error_lies_in_the_middle_of_its_interval():
    """Resampling makes the error larger: a percentile interval lies above the value."""
    rng = np.random.default_rng(1)
    right = rng.random(40) < 0.7
    found = scores(np.where(right, LABELS, 1 - LABELS)[None], confidence=0.7)["calibration_error"]
    low, high = found["ci"]
    assert low <= found["value"] <= high
    assert found["value"] - low < 2 * (high - found["value"])


def test_trainings_that_differ_widen_the_interval_by_their_share():
    rng = np.random.default_rng(0)
    base = rng.random(40) < 0.7
    worse = base.copy()
    worse[np.flatnonzero(base)[:8]] = False
    alike, apart = (np.stack(pair)[None] for pair in ((base, base), (base, worse)))
    steady, restless = (accuracy_only(x, WEIGHTS) for x in (alike, apart))
    widths = [np.diff(each["ci"])[0] for each in (steady, restless)]
    assert widths[1] > 1.3 * widths[0]
    draws = (apart[0] @ WEIGHTS.T / WEIGHTS.sum(1)).mean(0)[1:]
    wanted = np.sqrt(1 + 0.2**2 / 4 / draws.var())  # 8 of 40 rows apart: variance of two values 0.2 apart, over two
    plain = np.diff(np.quantile(draws, (0.025, 0.975)))[0]
    assert widths[1] == pytest.approx(wanted * plain, rel=1e-6)


def test_intervals_of_accuracy_cover_where_trainings_shift_whole_folds():
    """Each training moves its fold's rate of right answers by chance; without their part some 80 % would be covered."""
    rng = np.random.default_rng(0)
    covered, folds = 0, np.arange(120) % 4
    weights = patient_weights(np.arange(120), 0, draws=300)
    for _ in range(200):
        rate = np.clip(0.7 + rng.normal(0, 0.12, (3, 4)), 0, 1)
        right = rng.random((3, 120)) < rate[:, folds]
        low, high = accuracy_only(right[None], weights)["ci"]
        covered += low <= 0.7 <= high
    assert covered >= 180


def test_probabilities_that_are_all_zero_favour_no_class():
    found = renormalised(np.array([[0.0, 0.0, 1.0], [0.2, 0.6, 0.2]]), (0, 1))
    assert found == pytest.approx(np.array([[0.5, 0.5], [0.25, 0.75]]))
