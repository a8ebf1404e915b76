"""The smallest true difference that the trial would have seen."""

from __future__ import annotations

from typing import cast

import numpy as np
from scipy.optimize import bisect
from scipy.stats import chi2, t

POWER = 0.80


def minimal_detectable(
    d: np.ndarray,
    variance: float,
    df: float,
    known: float,
    *,
    alpha: float = 0.05,
    power: float = POWER,
    least: float | None = None,
) -> float:
    """Return the delta in 0..1 with delta = (t(1 - alpha/2) + t(power)) x its standard error; 1 where there is none.

    ``df`` are the degrees of freedom with which the rule tests, ``known`` those with which the variance is known: the
    trainings' part is a difference of two estimates, known less well than its size would say.

    ``d`` float (repeats, seeds, rows): the differences observed, ``variance`` that of their mean. An effect makes rows
    discordant that were not, so the variance grows with delta, as the variance of the rows' mean differences does: their
    mean square less delta squared. The mean square grows by ``growth`` x delta. growth is 1 where all trainings agree on
    a row and sqrt(1 / seeds) where they are independent: the root of mean square over discordance. That is no law; it was
    checked by simulation (docs/crossval.md). What the observed difference has added already is taken off first.
    A variance is estimated too small more often than too large: the median-unbiased one is taken, ``known`` / the median
    of chi-squared with so many degrees of freedom times ``variance``. It is never less than ``least`` (1/n squared
    if None): what one discordant patient would give.
    """
    variance *= known / float(chi2.ppf(0.5, known))
    n = d.shape[2]
    floor = 1 / n**2 if least is None else least
    averaged = d.mean((0, 1))
    observed, spread = float(averaged.mean()), float(averaged.var())
    discordance = float((d != 0).mean())
    growth = np.sqrt((averaged**2).mean() / discordance) if discordance else 1.0
    design = variance * n / spread if spread > 0 else max(1.0, floor * n**2)
    real = np.sqrt(
        max(0.0, observed**2 - variance)
    )  # the part of the difference that is not chance
    factor = t.ppf(1 - alpha / 2, df) + t.ppf(power, known)

    def excess(delta: float) -> float:
        added = growth * (delta - real) - (delta**2 - observed**2)
        return float(delta - factor * np.sqrt(max(variance + design * added / n, floor)))

    return cast(float, bisect(excess, 0.0, 1.0, xtol=1e-6)) if excess(1.0) > 0 else 1.0
