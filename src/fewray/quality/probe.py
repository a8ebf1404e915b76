"""FID, KID and Inception Score while a generator trains, and KID to held-out images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fewray.quality.features.extractor import Extractor
from fewray.quality.features.standardise import standardised
from fewray.quality.metrics.fid import frechet_distance
from fewray.quality.metrics.inception_score import inception_score
from fewray.quality.metrics.kid import mmd2


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """The fields that a measurement adds to a row of the log (:class:`EpochRow`)."""

    fid: float
    kid: float
    inception_score: float | None
    kid_held_out: float | None
    num_held_out: int | None
    extractor: str
    num_real: int
    num_fake: int


class ClassesProbe:
    """Measures a generator of several classes: the means of the scores of each class.

    ``probes`` has None for a class that is not measured.
    """

    def __init__(self, probes: Sequence[QualityProbe | None]) -> None:
        self.probes = probes

    @property
    def extractor_name(self) -> str:
        """The extractor's name."""
        return next(probe.extractor_name for probe in self.probes if probe)

    def __call__(self, fakes: Sequence[np.ndarray]) -> ProbeResult:
        """Return the means of the scores of uint8 images (n, 1, H, W), one array per class.

        A score that a class lacks is None; numbers of images are sums.
        """
        pairs = zip(self.probes, fakes, strict=True)
        found = [probe(fake) for probe, fake in pairs if probe is not None]

        def total(name: str) -> Any:
            values = [getattr(each, name) for each in found]
            return None if None in values else sum(values)

        counts = {name: total(name) for name in ("num_real", "num_fake", "num_held_out")}
        sums = {name: total(name) for name in ("fid", "kid", "kid_held_out", "inception_score")}
        means = {name: None if s is None else s / len(found) for name, s in sums.items()}
        return ProbeResult(**means, **counts, extractor=self.extractor_name)


class QualityProbe:
    """Holds the features of the real images; called with synthetic images, returns metrics.

    Figures of a texture extractor are standardised by ``real``, so by images of one class only.
    ``groups`` and ``held_out_groups`` are the patients of the images: see
    :func:`fewray.quality.metrics.kid.mmd2`.
    """

    def __init__(
        self,
        real: np.ndarray,
        extractor: Extractor,
        *,
        groups: Sequence[str] = (),
        held_out: np.ndarray | None = None,
        held_out_groups: Sequence[str] = (),
    ) -> None:
        self.extractor = standardised(extractor, [real])
        self.real = self.extractor(real)
        self.groups = np.array(groups) if groups else None
        self.held_out = None if held_out is None else self.extractor(held_out)
        self.held_out_groups = np.array(held_out_groups) if held_out_groups else None

    @property
    def extractor_name(self) -> str:
        """The extractor's name."""
        return self.extractor.name

    def __call__(self, fake: np.ndarray) -> ProbeResult:
        """Return the metrics of uint8 images (n, 1, H, W); KID is unbiased, over all images."""
        found, held_out = self.extractor(fake), self.held_out
        probabilities = found.probabilities
        kid_held_out = None
        if held_out is not None:
            kid_held_out = mmd2(held_out.matrix, found.matrix, groups=self.held_out_groups)
        return ProbeResult(
            fid=frechet_distance(self.real.matrix, found.matrix),
            kid=mmd2(self.real.matrix, found.matrix, groups=self.groups),
            inception_score=None if probabilities is None else inception_score(probabilities).mean,
            kid_held_out=kid_held_out,
            num_held_out=None if held_out is None else len(held_out.features),
            extractor=self.extractor_name,
            num_real=len(self.real.features),
            num_fake=len(fake),
        )
