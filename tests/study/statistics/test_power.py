"""The smallest detectable effect: its equation, its lower bound, and its growth with the arms."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, norm, t

from fewray.study.statistics.compare import (
    ALPHA,
    Comparison,
    compare,
    patient_variance,
    training_variance,
)
from fewray.study.statistics.power import POWER, minimal_detectable

ARMS = 7


def simulated_study(effect: float, seed: int, *, images: int = 306, seeds: int = 3) -> list[Any]:
    """Return reference, arm, folds and groups; the arm's accuracy is 0.8 + ``effect``."""
    rng = np.random.default_rng((seed, int(1000 * (effect + 1))))
    folds = (np.arange(images) % 4)[None]
    difficulty = rng.normal(0, 1, images)
    spread = np.sqrt(1 + 0.25**2 + 0.7**2)

    def correct(accuracy: float) -> np.ndarray:
        of_runs = rng.normal(0, 0.25, (1, seeds, 4))[..., folds[0]]
        of_images = rng.normal(0, 0.7, (1, seeds, images))
        return difficulty + of_runs + of_images > -norm.ppf(accuracy) * spread

    return [correct(0.8), correct(0.8 + effect), folds, np.arange(images)]


def lower_bound(found: Comparison, study: list[Any], alpha: float) -> float:
    """Return the two t quantiles times the arm's own standard error, from the formula."""
    reference, arm, folds, groups = study
    d = arm.astype(float) - reference
    of_patients, patients = patient_variance(d.mean((0, 1)), groups)
    _, spread, runs = training_variance(d, folds, groups)
    known = of_patients**2 / (patients - 1) + (spread**2 / runs if runs else 0.0)
    df_known = found.standard_error**4 / known
    quantiles = t.ppf(1 - alpha / 2, found.df) + t.ppf(POWER, df_known)
    return min(1.0, quantiles * found.standard_error)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("effect", [0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5])
def test_it_is_never_below_the_standard_error_times_the_quantiles(effect: float, sign: int):
    for seed in range(20):
        study = simulated_study(-effect, seed)
        study[:2] = study[:2][::sign]
        found = compare(*study, comparisons=ARMS)
        assert found.minimal_detectable >= lower_bound(found, study, ALPHA)
        assert found.minimal_detectable_holm >= lower_bound(found, study, ALPHA / ARMS)


def test_it_does_not_collapse_when_the_observed_effect_is_large():
    mean = {
        effect: np.mean(
            [
                compare(*simulated_study(effect, seed), comparisons=ARMS).minimal_detectable_holm
                for seed in range(30)
            ]
        )
        for effect in (0.0, -0.2, -0.4, -0.5)
    }
    assert all(value > 0.6 * mean[0.0] for value in mean.values())


@settings(max_examples=60, deadline=None)
@given(
    images=st.integers(8, 60),
    seeds=st.integers(1, 4),
    per_patient=st.integers(1, 3),
    gain=st.floats(-0.7, 0.3),
    seed=st.integers(0, 10_000),
)
def test_the_lower_bound_holds_for_any_predictions(
    images: int, seeds: int, per_patient: int, gain: float, seed: int
):
    rng = np.random.default_rng(seed)
    shape = (1, seeds, images)
    groups = np.arange(images) // per_patient
    study = [rng.random(shape) < 0.7, rng.random(shape) < 0.7 + gain, groups[None] % 2, groups]
    found = compare(*study, comparisons=ARMS)
    assert lower_bound(found, study, ALPHA) <= found.minimal_detectable <= 1
    assert found.minimal_detectable <= found.minimal_detectable_holm <= 1


def test_the_bound_leaves_differences_intervals_and_p_values_alone():
    found = compare(*simulated_study(-0.2, 0), comparisons=ARMS)
    assert (found.difference, *found.ci, found.p, found.standard_error) == pytest.approx(
        (
            -0.18082788671023964,
            -0.26716333837392864,
            -0.09449243504655065,
            0.0006668849107605933,
            0.039559764241161706,
        ),
        rel=1e-9,
    )


def test_it_solves_its_equation():
    d = np.zeros((1, 1, 200))
    d[0, 0, :10], d[0, 0, 10:20] = 1, -1
    found = minimal_detectable(d, 0.1 / 200, 199, 20, alpha=0.05, least=1 / 200**2)
    unbiased = 20 / chi2.ppf(0.5, 20)
    # With one seed, an effect adds as many discordant images.
    error = np.sqrt(unbiased * (0.1 + found - found**2) / 200)
    assert found == pytest.approx((t.ppf(0.975, 199) + t.ppf(0.8, 20)) * error, abs=1e-4)


def test_it_grows_with_the_number_of_arms():
    study = simulated_study(0.0, 0)
    seven, one = compare(*study, comparisons=ARMS), compare(*study)
    assert seven.minimal_detectable_holm > seven.minimal_detectable
    assert seven.minimal_detectable == one.minimal_detectable == one.minimal_detectable_holm


def test_four_images_detect_nothing():
    reference = np.array([True, True, True, False])[None, None]
    folds, groups = np.array([[0, 1, 0, 1]]), np.arange(4)
    assert compare(reference, ~reference, folds, groups).minimal_detectable == 1.0
