"""Averages over readers: the AUC of each generator, and the differences between generators."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import msgspec
import numpy as np

from fewray.readers.reading_table import ReadingTable
from fewray.readers.statistics.auc import jackknife_covariance, placements
from fewray.readers.statistics.obuchowski_rockette import (
    Inference,
    averaged_auc,
    components,
    difference,
)
from fewray.results.readers.scores import AveragedAuc, GeneratorComparison
from fewray.results.scores import Interval
from fewray.study.statistics.holm import holm

ONE_READER = "one reader: an average over readers needs at least two"
NO_VARIANCE = "readers and images do not vary: no interval can be given"


def placed(table: ReadingTable, generator: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the placement values (r, n0) of real images and (r, n1) of a generator's."""
    own = table.of_generator(generator)
    return placements(table.ratings[:, ~table.synthetic], table.ratings[:, own])


def averages(
    table: ReadingTable, generators: Sequence[str]
) -> tuple[tuple[AveragedAuc, ...], tuple[GeneratorComparison, ...]]:
    """Return the reader-averaged AUC of each generator, and the differences of all pairs.

    Generators share the real images and what readers said of them; each has its own images.
    """
    parts = [placed(table, name) for name in generators]
    aucs = np.stack([p[0].mean(-1) for p in parts])
    covariance = jackknife_covariance([p[0] for p in parts], [p[1] for p in parts], shared=False)
    averaged = [_averaged(name, aucs[i], covariance[i, :, i]) for i, name in enumerate(generators)]
    pairs = {}
    for i, k in combinations(range(len(generators)), 2):
        both = covariance[np.ix_([i, k], range(aucs.shape[1]), [i, k], range(aucs.shape[1]))]
        pairs[generators[i], generators[k]] = _compared(
            generators[i], generators[k], aucs[[i, k]], both
        )
    corrected = holm({f"{a}\n{b}": c.p for (a, b), c in pairs.items() if c.p is not None})
    found = [
        msgspec.structs.replace(c, p_holm=corrected.get(f"{a}\n{b}")) for (a, b), c in pairs.items()
    ]
    return tuple(averaged), tuple(found)


def _averaged(name: str, aucs: np.ndarray, covariance: np.ndarray) -> AveragedAuc:
    value = float(aucs.mean())
    if len(aucs) < 2:
        return _no_average(name, value, ONE_READER)
    found = averaged_auc(aucs, covariance)
    if np.isnan(found.se):
        return _no_average(name, value, NO_VARIANCE)
    parts = components(aucs[None], covariance[None, :, None])
    return AveragedAuc(
        generator=name,
        auc=value,
        ci=_interval(found),
        se=float(found.se),
        df=_finite(found.df),
        p=float(found.p),
        ms_reader=float(parts.ms_reader),
        cov2=float(parts.cov2),
        undefined="",
    )


def _no_average(name: str, value: float, why: str) -> AveragedAuc:
    return AveragedAuc(
        generator=name,
        auc=value,
        ci=None,
        se=None,
        df=None,
        p=None,
        ms_reader=None,
        cov2=None,
        undefined=why,
    )


def _compared(
    first: str, second: str, aucs: np.ndarray, covariance: np.ndarray
) -> GeneratorComparison:
    value = float(aucs[0].mean() - aucs[1].mean())
    found = difference(aucs, covariance) if aucs.shape[1] > 1 else None
    if found is None or np.isnan(found.se):
        return GeneratorComparison(
            first=first,
            second=second,
            difference=value,
            ci=None,
            f=None,
            df=None,
            p=None,
            p_holm=None,
            ms_interaction=None,
            cov=None,
            undefined=ONE_READER if found is None else NO_VARIANCE,
        )
    parts = components(aucs, covariance)
    return GeneratorComparison(
        first=first,
        second=second,
        difference=value,
        ci=_interval(found),
        f=float(found.statistic**2),
        df=_finite(found.df),
        p=float(found.p),
        p_holm=None,
        ms_interaction=float(parts.ms_interaction),
        cov=(float(parts.var), float(parts.cov1), float(parts.cov2), float(parts.cov3)),
        undefined="",
    )


def _interval(found: Inference) -> Interval:
    return float(found.low), float(found.high)


def _finite(value: np.ndarray) -> float | None:
    return float(value) if np.isfinite(value) else None
