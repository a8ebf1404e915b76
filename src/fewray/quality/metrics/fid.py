"""Frechet distance between two feature matrices (Heusel et al. 2017, arXiv 1706.08500)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fewray.quality.metrics.feature_matrix import FeatureMatrix, both_sides

ROOT_ERROR = 1e-9
"""Largest accepted rounding error of the fast trace, relative to tr(S1 + S2)."""
INVERSE_FRACTIONS = (1.0, 4 / 3, 5 / 3, 2.0)


def frechet_distance(real: FeatureMatrix, fake: FeatureMatrix) -> float:
    """Return |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of the fitted Gaussians, in float64.

    ``real`` (n, d), ``fake`` (m, d). With centred matrices X = A / sqrt(n - 1), so that S1 = X^T X,
    the trace of the root is the sum of the singular values of X Y^T (n x m): exact for n < d as
    well. Biased upwards, more so with fewer images: compare at equal n only. InputError below 2
    rows or for unequal d.
    """
    x, y = both_sides(real, fake)
    difference = x.mean(0) - y.mean(0)
    x, y = ((rows - rows.mean(0)) / (len(rows) - 1) ** 0.5 for rows in (x, y))
    total = difference @ difference + (x * x).sum() + (y * y).sum()
    return max(0.0, float(total - 2 * _root_trace(x, y)))


def fid_infinity(real: FeatureMatrix, fake: FeatureMatrix, *, seed: int) -> float | None:
    """Return the distance extrapolated to infinitely many images.

    A line through four subset sizes against 1 / n. Both sides are reduced, from the smaller side's
    n to half of it (Chong & Forsyth 2020, arXiv 1911.07023, reduce the synthetic side only). None
    below 2 d images, where the distance is not linear in 1 / n. On Gaussian features it is right
    within its spread, with a downward bias of a quarter of that spread at 2 d and a tenth at 4 d; a
    perfect generator may therefore score below 0.
    """
    smaller, d = min(len(real), len(fake)), real.shape[1]
    if smaller < 2 * d or smaller < 4:
        return None
    rng = np.random.default_rng(seed)
    repeats = max(1, min(5, 5000 // smaller))
    means = []
    for inverse in INVERSE_FRACTIONS:
        n = max(2, int(smaller / inverse))
        draws = [
            frechet_distance(
                *(rows[rng.choice(len(rows), n, replace=False)] for rows in (real, fake))
            )
            for _ in range(repeats if n < max(len(real), len(fake)) else 1)
        ]
        means.append(np.mean(draws))
    return float(np.polyfit(INVERSE_FRACTIONS, means, 1)[1])


def _root_trace(x: Tensor, y: Tensor) -> Tensor:
    """Return tr((X^T X Y^T Y)^(1/2)), the sum of the singular values of X Y^T."""
    d = x.shape[1]
    full = min(len(x), len(y)) > d
    # A triangular factor has the same Gram matrix as its rows, and at most d rows.
    x, y = (torch.linalg.qr(rows, mode="r").R if len(rows) > d else rows for rows in (x, y))
    product = x @ y.T
    if full and 1e-140 < float(product.abs().max()) < 1e140:  # squares neither vanish nor overflow
        # Eigenvalues of the Gram matrix are faster, but an error e in one is e / (2 root) in its
        # root. With at most d centred rows one of them is always 0, and its root only rounding.
        squares = torch.linalg.eigvalsh(product @ product.T).clamp(min=0)
        error = torch.finfo(torch.float64).eps * squares[-1]
        lost = (error / (2 * torch.maximum(squares, error).sqrt())).sum()
        if lost <= ROOT_ERROR * ((x * x).sum() + (y * y).sum()):
            return squares.sqrt().sum()
    return torch.linalg.svdvals(product).sum()
