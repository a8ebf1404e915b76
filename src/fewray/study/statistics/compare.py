"""Compare two arms: paired difference, interval, p-value, and Holm's correction.

The images of a patient are alike, and the images of a fold share the networks that predict them.
Both are counted by two-way clustering, by patient and by training run (Cameron, Gelbach & Miller
2011). docs/crossval.md shows how well the rule is calibrated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, t

from fewray.errors import InputError
from fewray.study.statistics.patients import MIN_PATIENTS, effective_patients
from fewray.study.statistics.power import minimal_detectable

ALPHA = 0.05


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """An arm compared with the reference; differences are arm - reference, in shares of images."""

    difference: float
    ci: tuple[float, float]
    """95%, not corrected for the number of arms."""
    p: float
    p_mcnemar: float
    p_corrected_t: float | None
    minimal_detectable: float
    """Smallest true difference that is detected with 80% power, tested alone;"""
    minimal_detectable_holm: float
    """and at the level that Holm's correction requires of the smallest p-value."""
    discordance: float
    """Share of images that only one arm predicts correctly, mean over training runs."""
    standard_error: float
    df: float
    training_share: float | None
    """Part of the variance that comes from training. With one seed it is unknown: None."""
    training_df: int
    """Degrees of freedom of that part."""
    seed_disagreement: float | None
    """Share of images that only one of two seeds predicts correctly, mean of both arms."""


def compare(
    reference: np.ndarray,
    arm: np.ndarray,
    folds: np.ndarray,
    groups: np.ndarray,
    *,
    comparisons: int = 1,
) -> Comparison:
    """Return the comparison of ``arm`` with ``reference``.

    Both are bool (repeats, seeds, images), whether the image was predicted correctly. ``folds`` int
    (repeats, images) is the fold that tests an image, ``groups`` int (images,) its patient.
    ``comparisons`` is the number of arms that Holm's correction covers. Seeds and repeats are
    averaged first, since they repeat the same patients. The interval is for other patients and
    training runs, given the same generators. InputError if shapes do not match or there are fewer
    than two patients.
    """
    d = _differences(reference, arm, folds, groups)
    value = float(d.mean())
    of_patients, patients = patient_variance(d.mean((0, 1)), groups)
    of_training, spread, training_df = training_variance(d, folds, groups)
    variance = of_patients + of_training
    error = float(np.sqrt(variance))

    def satterthwaite(training: float) -> float:
        part = training**2 / training_df if training_df else 0.0
        return variance**2 / (of_patients**2 / (patients - 1) + part)

    df, df_known = satterthwaite(of_training), satterthwaite(spread)
    half = float(t.ppf(1 - ALPHA / 2, df)) * error
    alone, with_holm = (
        minimal_detectable(d, variance, df, df_known, alpha=alpha, least=_one_patient(groups))
        for alpha in (ALPHA, ALPHA / comparisons)
    )
    disagreement = float(np.mean([_disagreement(x) for x in (reference, arm)]))
    return Comparison(
        difference=value,
        ci=(max(-1.0, value - half), min(1.0, value + half)),
        p=float(2 * t.sf(abs(value) / error, df)),
        p_mcnemar=mcnemar(reference, arm),
        p_corrected_t=corrected_t(d, folds),
        minimal_detectable=alone,
        minimal_detectable_holm=with_holm,
        discordance=float((d != 0).mean()),
        standard_error=error,
        df=float(df),
        training_share=float(of_training / variance) if training_df else None,
        training_df=training_df,
        seed_disagreement=disagreement if training_df else None,
    )


def _disagreement(correct: np.ndarray) -> float:
    """Return the share of images on which two seeds differ, from bool (repeats, seeds, images)."""
    seeds = correct.shape[1]
    share = correct.mean(1)
    return float((2 * share * (1 - share)).mean() * seeds / max(1, seeds - 1))


def patient_variance(mean_difference: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """Return the variance of the mean of float (images,) over patients, and the effective number P.

    It is cluster-robust: each patient's summed deviations from the mean, squared, times P/(P - 1).
    It is at least that of one discordant patient of average size: observing none does not prove
    that there are none.
    """
    _, codes = np.unique(groups, return_inverse=True)
    sums = np.bincount(codes, mean_difference - mean_difference.mean())
    patients = max(MIN_PATIENTS, effective_patients(groups))
    observed = float(patients / (patients - 1) * (sums**2).sum()) / len(mean_difference) ** 2
    return max(_one_patient(groups), observed), patients


def _one_patient(groups: np.ndarray) -> float:
    """Return the square of one patient's contribution to the mean, averaged over patients.

    It is 1/n squared for n patients with one image each.
    """
    return 1 / (len(np.unique(groups)) * effective_patients(groups))


def training_variance(
    d: np.ndarray, folds: np.ndarray, groups: np.ndarray
) -> tuple[float, float, int]:
    """Return the variance that training adds to :func:`patient_variance`, never negative.

    It is the variance over seeds of each fold's mean difference, divided by the number of seeds,
    less the part due to the fold's patients, which that function has counted. Also return the
    variance before that subtraction and its degrees of freedom. All are 0 with one seed.
    """
    repeats, seeds, n = d.shape
    if seeds < 2:
        return 0.0, 0.0, 0
    spread, counted, df = 0.0, 0.0, 0
    for repeat in range(repeats):
        for fold in np.unique(folds[repeat]):
            rows = folds[repeat] == fold
            off = d[repeat][:, rows] - d[repeat][:, rows].mean(0)
            by_seed = off.mean(1)
            _, codes = np.unique(groups[rows], return_inverse=True)
            patients = codes.max() + 1
            df += seeds - 1
            weight = rows.sum() ** 2 / (seeds * (seeds - 1))
            spread += weight * float((by_seed**2).sum())
            if patients > 1:
                sums = np.stack([np.bincount(codes, row) for row in off - by_seed[:, None]])
                ratio = patients / (patients - 1)
                counted += ratio * float((sums**2).sum()) / (seeds * (seeds - 1))
    scale = (n * repeats) ** 2
    return max(0.0, spread - counted) / scale, spread / scale, df


def mcnemar(reference: np.ndarray, arm: np.ndarray) -> float:
    """Return the exact two-sided p-value of McNemar's test (1947) on each image's majority vote.

    The first training run decides ties. Descriptive only: the test assumes independent images and
    treats the trained networks as fixed.
    """
    first, second = (
        np.where((share := x.mean((0, 1))) == 0.5, x[0, 0], share > 0.5).astype(bool)
        for x in (reference, arm)
    )
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    return float(min(1.0, 2 * binom.cdf(min(gained, lost), gained + lost, 0.5)))


def corrected_t(d: np.ndarray, folds: np.ndarray) -> float | None:
    """Return the p-value of the corrected resampled t-test (Nadeau & Bengio 2003), or None.

    It is over the J = repeats x folds mean differences: their variance is multiplied by
    1/J + test images / training images, with J - 1 degrees of freedom. None if all folds have the
    same difference and it is not 0, or if there is one fold, as on an external set. Descriptive
    only: one repeat of K folds has K - 1 degrees.
    """
    if any(len(np.unique(fold_of)) < 2 for fold_of in folds):
        return None
    means, ratios = [], []
    for repeat, fold_of in enumerate(folds):
        for fold in np.unique(fold_of):
            rows = fold_of == fold
            means.append(d[repeat][:, rows].mean())
            ratios.append(rows.sum() / (~rows).sum())
    spread = np.var(means, ddof=1)
    if np.isclose(spread, 0, atol=1e-20):
        return 1.0 if np.isclose(np.mean(means), 0) else None
    error = np.sqrt(spread * (1 / len(means) + np.mean(ratios)))
    return float(2 * t.sf(abs(np.mean(means)) / error, len(means) - 1))


def _differences(
    reference: np.ndarray, arm: np.ndarray, folds: np.ndarray, groups: np.ndarray
) -> np.ndarray:
    """Check the shapes and return arm - reference, float (repeats, seeds, images) in -1, 0, 1."""
    if reference.ndim != 3 or reference.shape != arm.shape:
        shapes = f"reference {reference.shape}, arm {arm.shape}"
        expected = "the same shape for both, (repeats, seeds, images)"
        raise InputError("comparison_shapes", f"{shapes}: expected {expected}")
    repeats, _, n = reference.shape
    if folds.shape != (repeats, n) or groups.shape != (n,):
        shapes = f"folds {folds.shape}, groups {groups.shape}"
        raise InputError("comparison_shapes", f"{shapes}: expected {(repeats, n)} and {(n,)}")
    patients = len(np.unique(groups))
    if patients < 2:
        found = f"{n} images of {patients} patient"
        raise InputError("too_few_patients", f"{found}: expected at least 2 patients")
    return arm.astype(float) - reference.astype(float)
