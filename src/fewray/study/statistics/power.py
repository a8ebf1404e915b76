"""The smallest true difference that a study detects."""

from __future__ import annotations

from typing import cast

import numpy as np
from scipy.optimize import bisect
from scipy.stats import chi2, t

POWER = 0.80


def minimal_detectable(
    d: np.ndarray, variance: float, df: float, df_known: float, *, alpha: float, least: float
) -> float:
    """Return the smallest difference in 0..1 that is detected with 80% power; 1 if there is none.

    ``d`` float (repeats, seeds, images) holds the observed differences and ``variance`` is that of
    their mean, at least ``least``. The test has ``df`` degrees of freedom and level ``alpha``; the
    variance is known with ``df_known``. The result solves::

        delta = (t(1 - alpha/2, df) + t(power, df_known)) x standard error at delta

    and is never below these quantiles times the observed standard error. A larger effect makes more
    images discordant, so the variance grows with delta as the mean square of the images' mean
    differences does, less delta squared. The mean square grows by ``growth`` x delta, with growth 1
    if all training runs agree on an image and sqrt(1 / seeds) if they are independent; what the
    observed effect has added is subtracted. This approximation was checked by simulation
    (docs/crossval.md). The variance is made median-unbiased first.
    """
    variance *= df_known / float(chi2.ppf(0.5, df_known))
    n = d.shape[2]
    averaged = d.mean((0, 1))
    observed, spread = float(averaged.mean()), float(averaged.var())
    discordance = float((d != 0).mean())
    growth = np.sqrt((averaged**2).mean() / discordance) if discordance else 1.0
    design = variance * n / spread if spread > 0 else max(1.0, least * n**2)
    established = np.sqrt(max(0.0, observed**2 - variance))
    factor = t.ppf(1 - alpha / 2, df) + t.ppf(POWER, df_known)

    def excess(delta: float) -> float:
        added = growth * (delta - established) - (delta**2 - observed**2)
        return float(delta - factor * np.sqrt(max(variance + design * max(0.0, added) / n, least)))

    lowest = factor * float(np.sqrt(max(variance, least)))
    if lowest >= 1 or excess(1.0) <= 0:
        return 1.0
    return cast(float, bisect(excess, lowest, 1.0, xtol=1e-6))
