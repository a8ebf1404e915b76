"""FID, KID and Inception Score while a generator trains."""

from __future__ import annotations

from typing import Any

import numpy as np

from fewray.quality.features import Extractor
from fewray.quality.frechet import frechet_distance
from fewray.quality.inception_score import inception_score
from fewray.quality.kernel import mmd2


class QualityProbe:
    """Holds the real features; called with synthetic images, returns their figures."""

    def __init__(self, real: np.ndarray, extractor: Extractor) -> None:
        self.extractor = extractor
        self.real = extractor(real)

    def __call__(self, fake: np.ndarray) -> dict[str, Any]:
        """Return ``fid``, ``kid`` (unbiased, all images), ``is`` and what they were made from."""
        found = self.extractor(fake)
        return {
            "fid": frechet_distance(self.real.features, found.features),
            "kid": mmd2(self.real.features, found.features),
            "is": None if found.probabilities is None else inception_score(found.probabilities).mean,
            "extractor": self.extractor.name,
            "num_real": len(self.real.features),
            "num_fake": len(fake),
        }
