"""Reader-averaged AUCs with readers and images both random (Obuchowski & Rockette 1995).

The AUC of modality i and reader j is modelled as
    A_ij = mu + tau_i + R_j + (tau R)_ij + e_ij
with random readers and errors that covary because the images are the same: Var within a cell, Cov1
for one reader in two modalities, Cov2 for two readers in one modality, Cov3 for two readers in two
modalities. Degrees of freedom are those of Hillis (2007). Arrays may have leading dimensions of
independent studies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student


@dataclass(frozen=True)
class Components:
    """Mean squares and error covariances, each (...)."""

    ms_modality: np.ndarray
    ms_reader: np.ndarray
    ms_interaction: np.ndarray
    """Modality x reader."""
    var: np.ndarray
    cov1: np.ndarray
    cov2: np.ndarray
    cov3: np.ndarray


@dataclass(frozen=True)
class Inference:
    """An estimate, its standard error, degrees of freedom, 95% interval and p-value, each (...).

    All but the estimate are NaN where neither readers nor images vary.
    """

    value: np.ndarray
    se: np.ndarray
    df: np.ndarray
    low: np.ndarray
    high: np.ndarray
    statistic: np.ndarray
    """t; its square is the F of two modalities."""
    p: np.ndarray


def components(aucs: np.ndarray, covariance: np.ndarray) -> Components:
    """Return mean squares of ``aucs`` (..., t, r) and means of ``covariance`` (..., t, r, t, r).

    With one modality, ``ms_modality``, ``ms_interaction``, ``cov1`` and ``cov3`` are 0.
    """
    t, r = aucs.shape[-2:]
    mean = aucs.mean((-2, -1), keepdims=True)
    by_modality = aucs.mean(-1, keepdims=True)
    by_reader = aucs.mean(-2, keepdims=True)
    rest = aucs - by_modality - by_reader + mean
    same_modality = np.eye(t, dtype=bool)[:, None, :, None]
    same_reader = np.eye(r, dtype=bool)[None, :, None, :]

    def average(where: np.ndarray) -> np.ndarray:
        where = np.broadcast_to(where, (t, r, t, r))
        if not where.any():
            return np.zeros(covariance.shape[:-4])
        return covariance[..., where].mean(-1)

    return Components(
        ms_modality=r * ((by_modality - mean) ** 2).sum((-2, -1)) / max(t - 1, 1),
        ms_reader=t * ((by_reader - mean) ** 2).sum((-2, -1)) / max(r - 1, 1),
        ms_interaction=(rest**2).sum((-2, -1)) / max((t - 1) * (r - 1), 1),
        var=average(same_modality & same_reader),
        cov1=average(~same_modality & same_reader),
        cov2=average(same_modality & ~same_reader),
        cov3=average(~same_modality & ~same_reader),
    )


def averaged_auc(
    aucs: np.ndarray, covariance: np.ndarray, null: float = 0.5, level: float = 0.95
) -> Inference:
    """Return the reader-averaged AUC of one modality, tested against ``null``.

    ``aucs`` is (..., r) with at least two readers, ``covariance`` (..., r, r). The variance is
    (MS(R) + r max(Cov2, 0)) / r, with (MS(R) + r max(Cov2, 0))^2 / (MS(R)^2 / (r - 1)) degrees of
    freedom (Hillis 2007; Hillis, Berbaum & Metz 2008). The interval ends at 0 and 1.
    """
    r = aucs.shape[-1]
    found = components(aucs[..., None, :], covariance[..., None, :, None, :])
    error = found.ms_reader + r * np.maximum(found.cov2, 0)
    df = _degrees(error, found.ms_reader, r - 1)
    value = aucs.mean(-1)
    made = _inference(value, np.sqrt(error / r), df, null, level)
    low, high = np.clip(made.low, 0, 1), np.clip(made.high, 0, 1)
    return Inference(value, made.se, df, low, high, made.statistic, made.p)


def difference(aucs: np.ndarray, covariance: np.ndarray, level: float = 0.95) -> Inference:
    """Return the reader-averaged AUC of the first modality minus that of the second.

    ``aucs`` is (..., 2, r), ``covariance`` (..., 2, r, 2, r). The square of the statistic is
        F = MS(T) / (MS(TR) + r max(Cov2 - Cov3, 0))
    with 1 and (MS(TR) + r max(Cov2 - Cov3, 0))^2 / (MS(TR)^2 / (r - 1)) degrees of freedom
    (Obuchowski & Rockette 1995; Hillis 2007). It holds for generators that share the real images
    only: the covariances say what is shared.
    """
    r = aucs.shape[-1]
    found = components(aucs, covariance)
    error = found.ms_interaction + r * np.maximum(found.cov2 - found.cov3, 0)
    df = _degrees(error, found.ms_interaction, r - 1)
    means = aucs.mean(-1)
    return _inference(means[..., 0] - means[..., 1], np.sqrt(2 * error / r), df, 0.0, level)


def _degrees(error: np.ndarray, mean_square: np.ndarray, df: int) -> np.ndarray:
    """Return Hillis's degrees of freedom; infinite where readers do not vary."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(mean_square > 0, df * error**2 / mean_square**2, np.inf)


def _inference(
    value: np.ndarray, se: np.ndarray, df: np.ndarray, null: float, level: float
) -> Inference:
    se = np.where(se > 0, se, np.nan)
    quantile = student.ppf(0.5 + level / 2, df)
    statistic = (value - null) / se
    p = 2 * student.sf(np.abs(statistic), df)
    return Inference(
        value, se, df, value - quantile * se, value + quantile * se, statistic, np.asarray(p)
    )
