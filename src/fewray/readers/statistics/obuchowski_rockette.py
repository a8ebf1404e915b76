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
    aucs: np.ndarray,
    covariance: np.ndarray,
    null: float = 0.5,
    level: float = 0.95,
    *,
    as_published: bool = False,
) -> Inference:
    """Return the reader-averaged AUC of one modality, tested against ``null``.

    ``aucs`` is (..., r) with at least two readers, ``covariance`` (..., r, r). The variance is
    (MS(R) + r max(Cov2, 0)) / r, with (MS(R) + r max(Cov2, 0))^2 / (MS(R)^2 / (r - 1)) degrees of
    freedom (Hillis 2007; Hillis, Berbaum & Metz 2008).

    Two changes keep the coverage near 95% with few readers and high AUCs (docs/reader_study.md);
    ``as_published`` leaves them out. MS(R) counts in the variance as at least Var - Cov2, which it
    estimates if readers are equal. Interval and test are on the logit scale.
    """
    r = aucs.shape[-1]
    found = components(aucs[..., None, :], covariance[..., None, :, None, :])
    least = 0.0 if as_published else found.var - found.cov2
    error, df = _error(found.ms_reader, found.cov2, least, r)
    value, se = aucs.mean(-1), _positive(np.sqrt(error / r))
    if as_published:
        return _inference(value, value - null, se, df, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = value * (1 - value)
        made = _inference(value, _logit(value) - _logit(null), se / slope, df, level)
        half = student.ppf(0.5 + level / 2, df) * se / slope
        low, high = (1 / (1 + np.exp(-(_logit(value) + sign * half))) for sign in (-1, 1))
    return Inference(value, se, df, low, high, made.statistic, made.p)


def difference(
    aucs: np.ndarray, covariance: np.ndarray, level: float = 0.95, *, as_published: bool = False
) -> Inference:
    """Return the reader-averaged AUC of the first modality minus that of the second.

    ``aucs`` is (..., 2, r), ``covariance`` (..., 2, r, 2, r). The square of the statistic is
        F = MS(T) / (MS(TR) + r max(Cov2 - Cov3, 0))
    with 1 and (MS(TR) + r max(Cov2 - Cov3, 0))^2 / (MS(TR)^2 / (r - 1)) degrees of freedom
    (Obuchowski & Rockette 1995; Hillis 2007). The covariances say which images are shared, so it
    holds for generators that share the real images only.

    MS(TR) counts as at least Var - Cov1 - Cov2 + Cov3, which it estimates if readers do not differ
    between modalities; otherwise three readers give up to 7% false findings. ``as_published``
    leaves that out.
    """
    r = aucs.shape[-1]
    found = components(aucs, covariance)
    mean_square = found.ms_interaction
    if not as_published:
        mean_square = np.maximum(mean_square, found.var - found.cov1 - found.cov2 + found.cov3)
    error, df = _error(mean_square, found.cov2 - found.cov3, 0.0, r)
    means = aucs.mean(-1)
    value = means[..., 0] - means[..., 1]
    return _inference(value, value, _positive(np.sqrt(2 * error / r)), df, level)


def _error(
    mean_square: np.ndarray, covariance: np.ndarray, least: np.ndarray | float, r: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the error term, and Hillis's degrees of freedom: infinite if readers do not vary."""
    error = np.maximum(mean_square, least) + r * np.maximum(covariance, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = np.where(mean_square > 0, (r - 1) * error**2 / mean_square**2, np.inf)
    return error, df


def _positive(se: np.ndarray) -> np.ndarray:
    return np.where(se > 0, se, np.nan)


def _logit(value: np.ndarray | float) -> np.ndarray:
    return np.log(np.asarray(value) / (1 - np.asarray(value)))


def _inference(
    value: np.ndarray, distance: np.ndarray, se: np.ndarray, df: np.ndarray, level: float
) -> Inference:
    """Return the inference from an estimate's ``distance`` to the null and its standard error."""
    half = student.ppf(0.5 + level / 2, df) * se
    statistic = distance / se
    p = np.asarray(2 * student.sf(np.abs(statistic), df))
    return Inference(value, se, df, value - half, value + half, statistic, p)
