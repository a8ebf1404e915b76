"""FID, KID and Inception Score while a generator trains, and KID to held-out images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
