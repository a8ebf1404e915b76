"""An arm's scores: intervals that do not vanish at the ends, are centred, and have the trainings' chance in them."""

import numpy as np
import pytest
from scipy.stats import t

from fewray.classify.scores import wilson
from fewray.results.crossval import ArmScores
from fewray.results.scores import Estimate
from fewray.study.crossval.scores import accuracy_of, arm_scores, renormalised
from fewray.study.statistics.patients import PatientBootstrap, effective_patients

CLASSES = ("a", "b")
LABELS = np.arange(40) % 2
FOLDS = (np.arange(40) // 2 % 4)[None]
DRAWS = PatientBootstrap.of(np.arange(40), 0)


def certain(predicted: np.ndarray, confidence: float = 0.9) -> np.ndarray:
    """Return (..., 2) probabilities with which ``predicted`` (...,) is the likeliest."""
    return np.where(np.eye(2)[predicted] > 0, confidence, 1 - confidence)


def scores(predicted: np.ndarray, **options: float) -> ArmScores:
    return arm_scores(certain(predicted, **options)[None], LABELS, FOLDS, DRAWS, CLASSES)


def test_all_right_is_not_certainty():
    found = scores(np.stack([LABELS, LABELS]))
    assert found.accuracy.value == 1
    assert found.accuracy.ci == pytest.approx(wilson(40, 40))
    for name in ("sensitivity", "specificity", "ppv"):
        assert getattr(found.per_class["a"], name).ci == pytest.approx(wilson(20, 20)), name
    assert found.balanced_accuracy.ci == pytest.approx(wilson(20, 20))
    assert found.auroc.value == 1.0
    assert found.auroc.ci == pytest.approx(wilson(20, 20))
    assert found.brier.ci[0] < found.brier.value < found.brier.ci[1]


def test_a_class_always_missed_has_an_interval_too():
    found = scores(np.ones((1, 40), int))
    assert found.per_class["a"].sensitivity.value == 0.0
    assert found.per_class["a"].sensitivity.ci == pytest.approx(wilson(0, 20))
    assert found.per_class["a"].ppv == Estimate(value=None, ci=None)


def test_a_ppv_that_one_seed_lacks_is_that_of_the_others():
    one = LABELS.copy()
    one[1] = 0  # called a, is b
    found = scores(np.stack([np.ones(40, int), one]))
    assert found.per_class["a"].ppv.value == pytest.approx(20 / 21)


def test_all_right_of_few_patients_is_less_certain_than_of_many_films():
    labels = np.repeat(np.arange(8) % 2, 30)
    draws = PatientBootstrap.of(np.repeat(np.arange(8), 30), 0)
    found = arm_scores(
        certain(labels[None])[None], labels, (np.arange(240) // 60 % 2)[None], draws, CLASSES
    )
    assert found.accuracy.ci == pytest.approx(wilson(8, 8))
    assert found.per_class["a"].sensitivity.ci == pytest.approx(wilson(4, 4))


def test_the_calibration_error_lies_in_the_middle_of_its_interval():
    """Resampling makes the error larger: a percentile interval lies above the value."""
    rng = np.random.default_rng(1)
    right = rng.random(40) < 0.7
    found = scores(np.where(right, LABELS, 1 - LABELS)[None], confidence=0.7).calibration_error
    low, high = found.ci
    assert low <= found.value <= high
    assert found.value - low < 2 * (high - found.value)
    assert high < 0.5


def test_the_interval_is_wilson_s_of_what_the_variance_is_worth():
    rng = np.random.default_rng(0)
    base = rng.random(40) < 0.7
    worse = base.copy()
    worse[np.flatnonzero(base)[:8]] = False
    alike, apart = (np.stack(pair)[None] for pair in ((base, base), (base, worse)))
    for rows, of_trainings in (
        (alike, 0.0),
        (apart, 0.2**2 / 2 / 2),
    ):  # 8 of 40 rows apart: two values, over two
        share = rows.mean()
        of_patients = (rows[0] @ DRAWS.weights.T / DRAWS.weights.sum(1)).mean(0)[1:].var() * 40 / 39
        df = (of_patients + of_trainings) ** 2 / (of_patients**2 / 39 + of_trainings**2)
        worth = share * (1 - share) / (of_patients + of_trainings)
        wanted = wilson(share * worth, worth, quantile=float(t.ppf(0.975, df)))
        assert accuracy_of(rows, DRAWS).ci == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize(
    ("patients", "films", "share"), [(10, 10, 0.7), (20, 10, 0.9), (70, 10, 0.9), (20, 1, 0.9)]
)
def test_intervals_cover_where_films_of_a_patient_are_alike(
    patients: int, films: int, share: float
):
    rng = np.random.default_rng(0)
    draws = PatientBootstrap.of(np.repeat(np.arange(patients), films), 0, draws=300)
    covered = 0
    for _ in range(300):
        rate = (
            rng.beta(2 * share, 2 * (1 - share), patients)
            if films > 1
            else np.full(patients, share)
        )
        low, high = accuracy_of(
            rng.random((1, patients * films)) < np.repeat(rate, films), draws
        ).ci
        covered += low <= share <= high
    assert covered >= 270  # the percentile interval: 88 to 89 % of ten or twenty patients


def test_effective_patients():
    assert effective_patients(np.arange(7)) == 7
    assert effective_patients(np.repeat(np.arange(7), 30)) == 7
    assert effective_patients(np.append(np.arange(40), np.full(100, 40))) == pytest.approx(
        140**2 / (40 + 100**2)
    )
    assert effective_patients(np.array([], int)) == 0


def test_intervals_of_accuracy_cover_where_trainings_shift_whole_folds():
    """Each training moves its fold's rate of right answers by chance; without their part some 80 % would be covered."""
    rng = np.random.default_rng(0)
    covered, folds = 0, np.arange(120) % 4
    draws = PatientBootstrap.of(np.arange(120), 0, draws=300)
    for _ in range(200):
        rate = np.clip(0.7 + rng.normal(0, 0.12, (3, 4)), 0, 1)
        right = rng.random((3, 120)) < rate[:, folds]
        low, high = accuracy_of(right[None], draws).ci
        covered += low <= 0.7 <= high
    assert covered >= 180


def test_probabilities_that_are_all_zero_favour_no_class():
    found = renormalised(np.array([[0.0, 0.0, 1.0], [0.2, 0.6, 0.2]]), (0, 1))
    assert found == pytest.approx(np.array([[0.5, 0.5], [0.25, 0.75]]))
