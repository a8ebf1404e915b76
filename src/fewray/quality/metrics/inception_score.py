"""Inception Score (Salimans et al. 2016, arXiv 1606.03498)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fewray.errors import InputError


@dataclass(frozen=True, kw_only=True)
class InceptionScore:
    """exp of the mean divergence of p(y | x) from p(y): mean and standard deviation over parts."""

    mean: float
    sd: float
    splits: int


def inception_score(probabilities: np.ndarray, *, splits: int | None = None) -> InceptionScore:
    """Return the score of ``probabilities`` (n, classes), between 1 and the number of classes.

    ``splits`` adapts to n: one per 500 images, 1 to 10 (the published number). Parts are drawn at
    random (seed 0), since images may be sorted by class. The score depends on n and does not
    measure likeness to real radiographs: ImageNet's classes are not radiographic findings.
    """
    if probabilities.ndim != 2 or len(probabilities) < 1:
        message = f"probabilities: shape {probabilities.shape}, expected (n, classes) with n >= 1."
        raise InputError("probabilities_shape", message, shape=probabilities.shape)
    splits = splits or max(1, min(10, len(probabilities) // 500))
    rows = np.asarray(probabilities, np.float64)
    if splits > 1:
        rows = rows[np.random.default_rng(0).permutation(len(rows))]
    scores = []
    for part in np.array_split(rows, splits):
        marginal = part.mean(0, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(part > 0, part * (np.log(part) - np.log(marginal)), 0.0)
        scores.append(float(np.exp(terms.sum(1).mean())))
    return InceptionScore(mean=float(np.mean(scores)), sd=float(np.std(scores)), splits=splits)
