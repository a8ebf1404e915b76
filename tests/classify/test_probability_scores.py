"""Scores of probabilities against scikit-learn, closed forms, and weights against repeated rows."""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve

from fewray.classify import scores
from fewray.errors import InputError


def drawn(seed: int, n: int = 90, k: int = 4, tied: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(k) / 2, n)
    if tied:
        probabilities = np.maximum(rng.multinomial(4, probabilities), 0) / 4
    return rng.integers(0, k, n), probabilities


CASES = [(seed, tied) for seed in range(4) for tied in (False, True)]


@pytest.mark.parametrize(("seed", "tied"), CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_auroc_agrees_with_scikit_learn(seed: int, tied: bool, weighted: bool):
    labels, probabilities = drawn(seed, tied=tied)
    weights = np.random.default_rng(seed).gamma(1.0, size=len(labels)) if weighted else None
    found = scores.auroc(labels, probabilities, weights)
    wanted = [
        metrics.roc_auc_score(labels == c, probabilities[:, c], sample_weight=weights)
        for c in range(4)
    ]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)
    assert scores.macro(found) == pytest.approx(np.mean(wanted), abs=1e-12)


@pytest.mark.parametrize(("seed", "tied"), CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_brier_agrees_with_scikit_learn(seed: int, tied: bool, weighted: bool):
    labels, probabilities = drawn(seed, tied=tied)
    weights = np.random.default_rng(seed).gamma(1.0, size=len(labels)) if weighted else None
    wanted = metrics.brier_score_loss(
        labels, probabilities, sample_weight=weights, labels=range(4), scale_by_half=False
    )
    assert scores.brier(labels, probabilities, weights) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize(("seed", "tied"), CASES)
@pytest.mark.parametrize("bins", [1, 5, 10])
def test_calibration_error_is_that_of_scikit_learn_s_curve(seed: int, tied: bool, bins: int):
    labels, probabilities = drawn(seed, tied=tied)
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    accuracy, confidence = calibration_curve(right, sure, n_bins=bins)
    counts = np.histogram(-sure, -np.linspace(0, 1, bins + 1)[::-1])[0][
        ::-1
    ]  # intervals closed above
    wanted = (counts[counts > 0] * np.abs(accuracy - confidence)).sum() / len(labels)
    assert scores.calibration_error(labels, probabilities, bins) == pytest.approx(wanted, abs=1e-12)


def test_whole_weights_are_repeated_rows():
    labels, probabilities = drawn(3, tied=True)
    times = np.random.default_rng(1).multinomial(len(labels), np.ones(len(labels)) / len(labels))
    index = np.repeat(np.arange(len(labels)), times)
    again = labels[index], probabilities[index]
    assert scores.auroc(labels, probabilities, times) == pytest.approx(
        scores.auroc(*again), abs=1e-12
    )
    assert scores.brier(labels, probabilities, times) == pytest.approx(
        scores.brier(*again), abs=1e-12
    )
    found = scores.calibration_error(labels, probabilities, weights=times)
    assert found == pytest.approx(scores.calibration_error(*again), abs=1e-12)
    predicted = probabilities.argmax(1)
    confusion = scores.confusion_matrix(labels, predicted, 4, times)
    assert np.array_equal(confusion, scores.confusion_matrix(labels[index], predicted[index], 4))


def test_many_draws_at_once_are_each_draw_alone():
    labels, probabilities = drawn(5)
    folds = np.arange(len(labels)) % 3
    weights = np.random.default_rng(2).poisson(1.0, (7, len(labels))).astype(float)
    weights[0] = labels == 2  # no rest for class 2, no class for the others
    plain = scores.auroc_of_draws(labels, probabilities, weights)
    folded = scores.fold_auroc_of_draws(labels, probabilities, folds, weights)
    assert np.isnan(plain[0]).all()
    assert np.isnan(folded[0]).all()
    for draw in range(1, 7):
        assert plain[draw] == pytest.approx(
            scores.auroc(labels, probabilities, weights[draw]), abs=1e-12
        )
        found = scores.fold_auroc(labels, probabilities, folds, weights[draw])
        assert folded[draw] == pytest.approx(found, abs=1e-12)


def test_the_auroc_of_folds_is_averaged_over_those_in_which_it_is_defined():
    """Fold 1 scores all its rows higher: pooled, that shift hides what each fold ranks without a fault."""
    labels = np.array([0, 1, 0, 1, 1, 1])
    probabilities = np.array([0.3, 0.1, 0.9, 0.6, 0.5, 0.7])
    both = np.stack([probabilities, 1 - probabilities], 1)
    folds = np.array([0, 0, 1, 1, 2, 2])  # fold 2 has no row of class 0
    assert scores.fold_auroc(labels, both, folds) == [1.0, 1.0]
    assert scores.auroc(labels, both)[0] == pytest.approx(5 / 8)
    assert scores.fold_auroc(labels[4:], both[4:], folds[4:]) == [None, None]


def test_closed_forms():
    labels, chance = np.array([0, 1, 2, 2]), np.full((4, 3), 1 / 3)
    assert scores.auroc(labels, chance) == [0.5, 0.5, 0.5]  # all tied
    assert scores.brier(labels, chance) == pytest.approx(2 / 3)
    assert scores.brier(labels, np.eye(3)[labels]) == 0
    assert scores.brier(labels, np.eye(3)[(labels + 1) % 3]) == 2
    assert scores.calibration_error(labels, np.eye(3)[labels]) == 0
    assert scores.calibration_error(labels, np.eye(3)[(labels + 1) % 3]) == 1
    assert scores.calibration_error(labels, chance) == pytest.approx(
        1 / 3 - 1 / 4
    )  # class 0 is taken, right once


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    probabilities = np.array([[0.7, 0.3], [0.75, 0.25]])
    labels = np.array([0, 1])
    assert scores.calibration_error(labels, probabilities) == pytest.approx((0.3 + 0.75) / 2)
    assert scores.calibration_error(labels, probabilities, bins=1) == pytest.approx(
        abs(0.5 - 0.725)
    )


def test_what_is_undefined_is_none():
    labels, probabilities = np.array([0, 0, 1]), np.full((3, 3), 1 / 3)
    assert scores.auroc(labels, probabilities) == [0.5, 0.5, None]
    assert scores.auroc(labels, probabilities, np.array([1, 1, 0])) == [None, None, None]
    assert scores.macro([0.5, None, 1.0]) == 0.75
    assert scores.macro([None]) is None
    nothing = np.zeros(0, int), np.zeros((0, 3))
    assert scores.auroc(*nothing) == [None, None, None]
    assert scores.fold_auroc(*nothing, np.zeros(0, int)) == [None, None, None]
    assert scores.brier(*nothing) is None
    assert scores.calibration_error(*nothing) is None


@pytest.mark.parametrize(
    ("labels", "probabilities", "weights"),
    [
        (np.zeros(3, int), np.zeros((4, 2)), None),
        (np.zeros(4, int), np.zeros(4), None),
        (np.zeros(4, int), np.zeros((4, 2)), np.ones(3)),
        (np.zeros(4, int), np.zeros((4, 2)), -np.ones(4)),
        (np.zeros(4, int), np.full((4, 2), np.nan), None),
        (np.zeros(4, int), np.zeros((4, 2)), np.full(4, np.nan)),
    ],
)
def test_what_does_not_fit_is_refused(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None
):
    for score in (
        scores.auroc,
        scores.brier,
        lambda a, b, w: scores.calibration_error(a, b, weights=w),
    ):
        with pytest.raises(InputError, match="scores"):
            score(labels, probabilities, weights)
