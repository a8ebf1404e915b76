"""Bootstrap of patients: weights, closed forms, agreement with scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from fewray.study.intervals import (
    interval_of,
    patient_weights,
    weighted_auroc,
    weighted_balanced_accuracy,
    weighted_mean,
)

RNG = np.random.default_rng(0)


def test_weights_draw_whole_patients_and_as_many_as_there_are():
    groups = np.array([5, 5, 2, 9, 9, 9])
    weights = patient_weights(groups, draws=50, seed=1)
    assert weights.shape == (50, 6)
    assert np.array_equal(weights[:, 0], weights[:, 1])
    assert np.all(weights[:, 0] + weights[:, 2] + weights[:, 3] == 3)
    assert np.array_equal(weights, patient_weights(groups, draws=50, seed=1))
    assert not np.array_equal(weights, patient_weights(groups, draws=50, seed=2))


def test_the_interval_of_a_mean_is_the_normal_one():
    values = RNG.normal(0, 1, 400)
    low, high = interval_of(lambda weights: weighted_mean(values, weights), np.arange(400), 0, draws=4000)
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.01)
    assert high == pytest.approx(values.mean() + half, abs=0.01)


def test_patients_of_several_rows_widen_it():
    values = np.repeat(RNG.integers(0, 2, 100), 4).astype(float)

    def width(groups: np.ndarray) -> float:
        low, high = interval_of(lambda weights: weighted_mean(values, weights), groups, 0)
        return high - low

    assert width(np.repeat(np.arange(100), 4)) == pytest.approx(2 * width(np.arange(400)), rel=0.1)


def test_scores_by_weights_agree_with_scikit_learn():
    labels, right = RNG.integers(0, 3, 60), RNG.integers(0, 2, 60)
    score = RNG.integers(0, 8, 60) / 8  # with ties
    weights = patient_weights(np.arange(60) // 2, draws=20, seed=0)
    predicted = np.where(right, labels, (labels + 1) % 3)
    for draw, balanced, area in zip(
        weights,
        weighted_balanced_accuracy(right.astype(float), labels, weights),
        weighted_auroc(labels == 0, score, weights),
        strict=True,
    ):
        assert balanced == pytest.approx(balanced_accuracy_score(labels, predicted, sample_weight=draw))
        assert area == pytest.approx(roc_auc_score(labels == 0, score, sample_weight=draw))


def test_a_score_that_is_not_defined_has_no_interval():
    one_class = np.ones(10, bool)
    assert np.isnan(weighted_auroc(one_class, RNG.random(10), np.ones((3, 10)))).all()
    assert interval_of(lambda w: weighted_auroc(one_class, np.arange(10.0), w), np.arange(10), 0) is None
