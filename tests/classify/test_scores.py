"""Scores against scikit-learn and scipy."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics

from fewray.classify.scores import balanced_accuracy, confusion_matrix, per_class, wilson


@pytest.mark.parametrize("seed", range(5))
def test_scores_agree_with_scikit_learn(seed: int):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, 4, 80), rng.integers(0, 4, 80)
    confusion = confusion_matrix(truth, predicted, 4)
    assert np.array_equal(confusion, metrics.confusion_matrix(truth, predicted, labels=range(4)))
    assert balanced_accuracy(confusion) == pytest.approx(
        metrics.balanced_accuracy_score(truth, predicted)
    )
    for index, found in enumerate(per_class(confusion)):
        t, p = truth == index, predicted == index
        assert found["accuracy"] == pytest.approx(metrics.accuracy_score(t, p))
        assert found["sensitivity"] == pytest.approx(metrics.recall_score(t, p))
        assert found["specificity"] == pytest.approx(metrics.recall_score(~t, ~p))
        assert found["ppv"] == pytest.approx(metrics.precision_score(t, p))
        assert found["f1"] == pytest.approx(metrics.f1_score(t, p))


def test_undefined_ratios_are_none():
    found = per_class(np.array([[3, 0], [0, 0]]))
    assert found[1]["sensitivity"] is None
    assert found[1]["ppv"] is None
    assert found[1]["f1"] is None
    assert found[0]["specificity"] is None
    assert balanced_accuracy(np.zeros((2, 2), int)) is None


@pytest.mark.parametrize(
    ("successes", "n"), [(28, 36), (29, 36), (0, 9), (9, 9), (1, 2), (230, 306)]
)
def test_wilson_agrees_with_scipy(successes: int, n: int):
    expected = binomtest(successes, n).proportion_ci(method="wilson")
    assert wilson(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_published_accuracies_have_the_stated_intervals():
    assert [round(v, 2) for v in wilson(28, 36)] == [0.62, 0.88]
    assert [round(v, 2) for v in wilson(29, 36)] == [0.65, 0.90]
