"""On an external set, arms are compared pairwise by patient, with the votes of a seed as one run."""

import numpy as np
import pytest

from fewray.study.crossval.cohort import External
from fewray.study.crossval.comparisons import external_result
from tests.helpers import manifest_of, noise_images, source_of

LABELS = ("a", "b") * 15


def votes(correct: np.ndarray) -> list[np.ndarray]:
    """Return the probabilities of two networks that agree, right where ``correct`` is."""
    truth = np.arange(len(LABELS)) % 2
    right = np.where(correct, truth, 1 - truth)
    return [np.eye(2)[right] * 0.8 + 0.1] * 2


def external(groups: np.ndarray) -> External:
    rows = manifest_of(*LABELS)
    source = source_of(rows, noise_images(len(LABELS)))
    return External(source=source, groups=groups, own_test_split=False)


def test_the_difference_is_that_of_the_accuracies_with_a_paired_interval():
    rng = np.random.default_rng(0)
    correct = {arm: rng.random((3, len(LABELS))) < share for arm, share in (("x", 0.6), ("y", 0.8))}
    probabilities = {
        arm: {seed: votes(each) for seed, each in enumerate(found)}
        for arm, found in correct.items()
    }
    set_ = external(np.arange(len(LABELS)))
    found = external_result(set_, ("a", "b"), probabilities, "x")
    assert set(found.comparisons) == {"y"}
    compared, (x, y) = found.comparisons["y"], (found.accuracy["x"], found.accuracy["y"])
    assert x.value is not None
    assert y.value is not None
    assert compared.difference == pytest.approx(y.value - x.value)
    assert compared.ci[0] < compared.difference < compared.ci[1]
    swapped = external_result(set_, ("a", "b"), probabilities, "y").comparisons["x"]
    assert swapped.difference == pytest.approx(-compared.difference)
    assert swapped.p == pytest.approx(compared.p)


def test_equal_arms_differ_by_nothing():
    correct = np.random.default_rng(1).random(len(LABELS)) < 0.7
    probabilities = {arm: {0: votes(correct)} for arm in ("x", "y")}
    found = external_result(external(np.arange(len(LABELS))), ("a", "b"), probabilities, "x")
    assert found.comparisons["y"].difference == 0
    assert found.comparisons["y"].p == pytest.approx(1)


def test_images_of_one_patient_are_not_compared():
    probabilities = {arm: {0: votes(np.ones(len(LABELS), bool))} for arm in ("x", "y")}
    found = external_result(external(np.zeros(len(LABELS), int)), ("a", "b"), probabilities, "x")
    assert found.comparisons == {}
