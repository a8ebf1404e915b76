"""The comparison of two arms: closed forms, symmetries, what widens an interval, calibration."""

import numpy as np
import pytest
from scipy.stats import binomtest, norm, t, ttest_1samp

from fewray.errors import InputError
from fewray.study.statistics.compare import (
    compare,
    corrected_t,
    mcnemar,
    patient_variance,
    training_variance,
)
from fewray.study.statistics.holm import holm
from fewray.study.statistics.verdict import decide


def arms(*, seeds: int = 3, rows: int = 120, gain: float = 0.0, repeats: int = 1, seed: int = 0):
    """Return two arms of independent images, their folds and one patient per image."""
    rng = np.random.default_rng(seed)
    reference = rng.random((repeats, seeds, rows)) < 0.7
    arm = rng.random((repeats, seeds, rows)) < 0.7 + gain
    folds = np.stack([rng.permutation(rows) % 4 for _ in range(repeats)])
    return reference, arm, folds, np.arange(rows)


def test_holm_by_hand():
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert list(found) == ["a", "b", "c", "d"]
    assert holm({"a": 0.6, "b": 0.9}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (5, 0), (10, 3), (7, 7), (1, 12)])
def test_mcnemar_equals_the_binomial_test(gained: int, lost: int):
    reference, arm = np.ones((1, 1, 40), bool), np.ones((1, 1, 40), bool)
    reference[..., :gained] = False
    arm[..., gained : gained + lost] = False
    expected = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert mcnemar(reference, arm) == pytest.approx(expected)


def test_mcnemar_uses_the_majority_vote_of_the_seeds():
    reference = np.zeros((1, 3, 10), bool)
    arm = np.zeros((1, 3, 10), bool)
    arm[0, :2] = True
    assert mcnemar(reference, arm) == pytest.approx(binomtest(10, 10).pvalue)
    assert mcnemar(reference[:, 1:], arm[:, 1:]) == pytest.approx(
        binomtest(10, 10).pvalue
    )  # the first seed decides a tie


def test_one_seed_and_one_image_per_patient_equals_the_t_test():
    reference, arm, folds, groups = arms(seeds=1, gain=0.1)
    found = compare(reference, arm, folds, groups)
    d = arm[0, 0].astype(float) - reference[0, 0]
    expected = ttest_1samp(d, 0)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.ci == pytest.approx(tuple(expected.confidence_interval()))
    assert found.df == pytest.approx(119)
    assert found.training_share is None


def test_interval_by_hand():
    # Four patients with two images, one seed, one fold per patient.
    # Differences 1 0 | 0 0 | 1 1 | 0 -1, mean 1/4.
    arm = np.array([1, 0, 0, 0, 1, 1, 0, 0], bool)[None, None]
    reference = np.array([0, 0, 0, 0, 0, 0, 0, 1], bool)[None, None]
    groups = np.repeat([3, 1, 0, 2], 2)
    found = compare(reference, arm, groups[None], groups)
    sums = np.array([0.5, -0.5, 1.5, -1.5])
    error = np.sqrt(4 / 3 * (sums**2).sum() / 64)
    assert found.difference == 0.25
    assert found.standard_error == pytest.approx(error)
    assert found.ci == pytest.approx(
        (0.25 - t.ppf(0.975, 3) * error, 1.0)
    )  # a difference is at most 1
    assert found.discordance == 0.5
    means = np.array([0.0, 0.5, 1.0, -0.5])
    expected = 2 * t.sf(0.25 / np.sqrt(means.var(ddof=1) * (1 / 4 + 1 / 3)), 3)
    assert found.p_corrected_t == pytest.approx(expected)


def test_training_adds_the_variance_that_patients_do_not_explain():
    # Each seed shifts whole folds, +1 or -1 for all images: all variance comes from training.
    d = np.zeros((1, 2, 40))
    folds = np.repeat(np.arange(4), 10)[None]
    d[0, 0], d[0, 1] = np.where(folds[0] % 2, 1, -1), np.where(folds[0] % 2, -1, 1)
    variance, spread, df = training_variance(d, folds, np.arange(40))
    assert df == 4
    assert variance == pytest.approx(
        4 * (1 / 4) ** 2 * 2 / 2
    )  # four folds of weight 1/4, variance 2, two seeds
    assert spread == pytest.approx(variance)
    assert patient_variance(d.mean((0, 1)), np.arange(40))[0] == pytest.approx(1 / 40**2)
    independent = np.random.default_rng(0).integers(-1, 2, (200, 1, 4, 40)).astype(float)
    found = [training_variance(one, folds, np.arange(40))[0] for one in independent]
    assert np.mean(np.equal(found, 0)) > 0.4  # variance of single images is not counted twice
    assert min(found) == 0


def test_no_discordant_image_still_leaves_uncertainty():
    reference, _, folds, groups = arms(seeds=2, rows=60)
    found = compare(reference, reference, folds, groups)
    assert (found.difference, found.p, found.p_mcnemar, found.p_corrected_t, found.discordance) == (
        0,
        1,
        1,
        1,
        0,
    )
    assert found.standard_error == pytest.approx(1 / 60)
    assert found.ci[0] < 0 < found.ci[1]
    assert 0 < found.minimal_detectable < 0.15


def test_the_number_of_patients_counts_not_the_number_of_images():
    right = np.ones((1, 4, 240), bool)
    groups = np.repeat(np.arange(8), 30)
    found = compare(right, right, (groups % 2)[None], groups)
    assert found.standard_error == pytest.approx(
        1 / 8
    )  # one discordant patient of eight, not one image of 240
    assert found.df == pytest.approx(7)
    assert decide(found, found.p).code == "inconclusive"
    with_effect = right.copy()
    with_effect[..., :30] = False
    assert compare(right, with_effect, (groups % 2)[None], groups).p > 0.3


@pytest.mark.parametrize("images", [40, 100, 5000])
def test_one_patient_with_many_images_does_not_decide(images: int):
    groups = np.append(np.arange(40), np.full(images, 40))
    folds = (np.minimum(groups, 40) % 4)[None]
    right = np.ones((1, 3, len(groups)), bool)
    arm = right.copy()
    arm[..., 40:] = False
    found = compare(right, arm, folds, groups)
    assert found.p > 0.1
    assert decide(found, found.p).code == "inconclusive"
    assert np.isfinite(
        [found.df, found.minimal_detectable, found.minimal_detectable_holm, *found.ci]
    ).all()


@pytest.mark.parametrize("sizes", [[1] * 20 + [40], [1] * 40 + [100]])
def test_few_false_verdicts_with_very_unequal_numbers_of_images_per_patient(sizes: list[int]):
    rng = np.random.default_rng(1)
    patients = len(sizes)
    groups = np.repeat(np.arange(patients), sizes)
    folds = (groups % 4)[None]
    false = 0
    for _ in range(300):
        right = rng.random(patients) < 0.75
        arms = [
            (right ^ (rng.random(patients) < 0.15))[groups]
            ^ (rng.random((1, 3, len(groups))) < 0.05)
            for _ in range(2)
        ]
        false += compare(*arms, folds, groups).p < 0.05
    assert false <= 24  # nominal 15; with the plain number of patients 76 and 79


def test_swapping_the_arms_negates_everything():
    reference, arm, folds, groups = arms(gain=0.08, repeats=2)
    one, other = compare(reference, arm, folds, groups), compare(arm, reference, folds, groups)
    assert other.difference == pytest.approx(-one.difference)
    assert other.ci == pytest.approx((-one.ci[1], -one.ci[0]))
    same = (
        "p",
        "p_mcnemar",
        "p_corrected_t",
        "standard_error",
        "df",
        "discordance",
        "minimal_detectable",
    )
    for name in same:
        assert getattr(other, name) == pytest.approx(getattr(one, name)), name


def test_order_of_images_and_names_of_patients_do_not_matter():
    reference, arm, folds, _ = arms(gain=0.05, repeats=2)
    groups = np.arange(120) // 2
    one = vars(compare(reference, arm, folds, groups))
    order = np.random.default_rng(1).permutation(120)
    names = np.random.default_rng(2).permutation(60) * 7
    other = vars(
        compare(reference[..., order], arm[..., order], folds[:, order], names[groups[order]])
    )
    for name, value in one.items():
        assert other[name] == pytest.approx(value), name


def test_repeating_predictions_adds_no_patients():
    reference, arm, folds, groups = arms(seeds=1)
    once = compare(reference, arm, folds, groups)
    twice = compare(*(np.repeat(x, 2, axis=1) for x in (reference, arm)), folds, groups)
    again = compare(
        *(np.repeat(x, 3, axis=0) for x in (reference, arm)), np.repeat(folds, 3, axis=0), groups
    )
    assert twice.standard_error == pytest.approx(once.standard_error)
    assert twice.training_share == 0
    assert again.ci == pytest.approx(once.ci)


def test_several_images_per_patient_widen_the_interval():
    reference, arm, folds, groups = arms(rows=60, seeds=1)
    wide = compare(
        *(np.repeat(x, 3, axis=2) for x in (reference, arm)),
        np.repeat(folds, 3, axis=1),
        np.repeat(groups, 3),
    )
    narrow = compare(
        *(np.repeat(x, 3, axis=2) for x in (reference, arm)),
        np.repeat(folds, 3, axis=1),
        np.arange(180),
    )
    assert wide.standard_error > 1.7 * narrow.standard_error
    assert wide.standard_error == pytest.approx(
        compare(reference, arm, folds, groups).standard_error
    )


def test_corrected_t_when_all_folds_agree():
    folds = np.repeat(np.arange(4), 5)[None]
    assert corrected_t(np.zeros((1, 2, 20)), folds) == 1.0
    assert corrected_t(np.ones((1, 2, 20)), folds) is None


def test_seed_disagreement_is_the_mean_over_pairs_of_seeds():
    reference, arm, folds, groups = arms(seeds=3)
    pairs = [(0, 1), (0, 2), (1, 2)]
    expected = np.mean([(x[:, a] != x[:, b]).mean() for x in (reference, arm) for a, b in pairs])
    found = compare(reference, arm, folds, groups)
    assert found.seed_disagreement == pytest.approx(expected)
    assert found.training_df == 8
    alone = compare(reference[:, :1], arm[:, :1], folds, groups)
    assert (alone.seed_disagreement, alone.training_df) == (None, 0)


def test_shapes_that_do_not_match_are_errors():
    reference, arm, folds, groups = arms()
    for bad, code in (
        ((reference, arm[:, :2], folds, groups), "comparison_shapes"),
        ((reference, arm, folds[0], groups), "comparison_shapes"),
        ((reference, arm, folds, np.zeros_like(groups)), "too_few_patients"),
    ):
        with pytest.raises(InputError) as caught:
            compare(*bad)
        assert caught.value.code == code


def test_calibration_with_varying_patients_and_training_runs():
    # 300 cohorts: each training run shifts a whole fold, and a patient's two images are alike.
    rng = np.random.default_rng(3)
    folds, groups = np.arange(140)[None] // 2 % 4, np.arange(140) // 2
    bars, total = (-0.95, -0.7), np.sqrt(1 + 0.25**2 + 0.7**2)
    truth = norm.sf(bars[0] / total) - norm.sf(bars[1] / total)
    rejected = covered = 0
    for _ in range(300):
        hard = rng.normal(0, 1, 70)[groups]
        first, second = (
            hard + rng.normal(0, 0.25, (1, 3, 4))[..., folds[0]] + rng.normal(0, 0.7, (1, 3, 140))
            > bar
            for bar in bars[::-1]
        )
        third = (
            hard + rng.normal(0, 0.25, (1, 3, 4))[..., folds[0]] + rng.normal(0, 0.7, (1, 3, 140))
            > -0.7
        )
        rejected += compare(first, third, folds, groups).p < 0.05
        low, high = compare(first, second, folds, groups).ci
        covered += low <= truth <= high
    assert rejected <= 0.075 * 300  # 5% and two standard errors
    assert 0.92 * 300 <= covered <= 0.985 * 300
