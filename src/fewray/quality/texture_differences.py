"""The figures in which synthetic images differ most from real ones, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from fewray.quality.baselines import one_per_patient
from fewray.quality.features.extractor import Features, Figure
from fewray.quality.features.standardise import standard_scores
from fewray.results.quality import ClassQuality
from fewray.results.texture import FigureDifference, TextureDifferences

SPLITS = 200
PERCENTILE = 95.0
LARGEST = 4
"""Wordings in a report."""


def with_differences(
    quality: ClassQuality, real: Features, fake: Features, figures: Sequence[Figure], *, seed: int
) -> ClassQuality:
    """Return ``quality`` with :func:`texture_differences`, or the reason why there are none."""
    found = texture_differences(real, fake, figures, seed=seed)
    if found is None:
        why = "needs real images of at least 4 patients"
        return replace(quality, undefined={**quality.undefined, "texture": why})
    return replace(quality, texture=found)


def texture_differences(
    real: Features, fake: Features, figures: Sequence[Figure], *, seed: int
) -> TextureDifferences | None:
    """Return the figures whose means differ by more than those of random halves of ``real``.

    Features are those of a :class:`fewray.quality.features.standardise.Standardised` extractor.
    Each split takes one random image per patient and halves them. A figure's limit is its SD over
    the splits times one factor for all, so that in 95% of the splits no figure is beyond its limit
    (Westfall & Young 1993: the largest statistic over correlated tests). It is cautious, since
    halves are smaller than the sets compared. None if a half has fewer than 2 images.
    """
    x, y = standard_scores(real.features), standard_scores(fake.features)
    difference = y.mean(0) - x.mean(0)
    rng = np.random.default_rng(seed)
    m = len(one_per_patient(real, rng)) // 2
    if m < 2:
        return None
    between = np.empty((SPLITS, x.shape[1]))
    for split in between:
        order = one_per_patient(real, rng)
        split[:] = x[order[:m]].mean(0) - x[order[m : 2 * m]].mean(0)
    spread = np.sqrt((between**2).mean(0))
    varies = spread > 1e-9
    largest = (np.abs(between[:, varies]) / spread[varies]).max(1, initial=0)
    limit = spread * np.percentile(largest, PERCENTILE)
    excess = np.abs(difference) - np.maximum(limit, 1e-6)
    beyond = [j for j in np.argsort(-np.abs(difference), kind="stable") if excess[j] > 0]
    named: dict[str, FigureDifference] = {}
    for j in beyond:
        words = figures[j].more if difference[j] > 0 else figures[j].less
        found = FigureDifference(
            figure=figures[j].name,
            words=words,
            difference=float(difference[j]),
            limit=float(limit[j]),
        )
        named.setdefault(words, found)
    return TextureDifferences(
        num_figures=len(figures),
        num_beyond=len(beyond),
        m=m,
        splits=SPLITS,
        largest=tuple(named.values())[:LARGEST],
    )
