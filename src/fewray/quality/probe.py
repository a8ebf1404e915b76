"""FID, KID and Inception Score while a generator trains, and KID to films it does not see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fewray.quality.features.extractor import Extractor
from fewray.quality.metrics.fid import frechet_distance
from fewray.quality.metrics.inception_score import inception_score
from fewray.quality.metrics.kid import mmd2


class QualityProbe:
    """Holds the real features; called with synthetic images, returns their figures.

    ``groups`` and ``held_out_groups`` name the patient of each image: see :func:`fewray.quality.metrics.kid.mmd2`.
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
        self.extractor = extractor
        self.real = extractor(real)
        self.groups = np.array(groups) if groups else None
        self.held_out = None if held_out is None else extractor(held_out)
        self.held_out_groups = np.array(held_out_groups) if held_out_groups else None

    @property
    def extractor_name(self) -> str:
        """The name that every figure carries."""
        return self.extractor.name

    def __call__(self, fake: np.ndarray) -> dict[str, Any]:
        """Return ``fid``, ``kid`` (unbiased, all images), ``is``, ``kid_held_out`` where films are held out, and counts."""
        found = self.extractor(fake)
        apart = {}
        if self.held_out is not None:
            apart = {
                "kid_held_out": mmd2(self.held_out.rows, found.rows, groups=self.held_out_groups),
                "num_held_out": len(self.held_out.features),
            }
        return apart | {
            "fid": frechet_distance(self.real.rows, found.rows),
            "kid": mmd2(self.real.rows, found.rows, groups=self.groups),
            "is": None
            if found.probabilities is None
            else inception_score(found.probabilities).mean,
            "extractor": self.extractor_name,
            "num_real": len(self.real.features),
            "num_fake": len(fake),
        }
