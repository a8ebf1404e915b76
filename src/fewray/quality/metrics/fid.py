"""Frechet distance between two clouds of features (Frechet 1957; Heusel et al. 2017, arXiv 1706.08500)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fewray.quality.metrics.feature_matrix import Rows, both_sides

ROOT_ERROR = 1e-9
"""What rounding may do to the trace of the root, by estimate and relative to tr(S1 + S2), in the faster of two ways."""


def frechet_distance(real: Rows, fake: Rows) -> float:
    """Return |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of the fitted Gaussians, in float64.

    ``real`` (n, d), ``fake`` (m, d). With centred rows X = A / sqrt(n - 1), so that S1 = X^T X, the trace of the root
    is the sum of the singular values of X Y^T (n x m), which needs no root of a singular d x d matrix: exact for
    n < d as well. The value is biased upwards, the more the fewer images; compare only at equal n.
    InputError below 2 rows or for unequal d.
    """
    x, y = both_sides(real, fake)
    difference = x.mean(0) - y.mean(0)
    x, y = ((rows - rows.mean(0)) / (len(rows) - 1) ** 0.5 for rows in (x, y))
    return max(
        0.0, float(difference @ difference + (x * x).sum() + (y * y).sum() - 2 * _root_trace(x, y))
    )


INVERSE_FRACTIONS = (1.0, 4 / 3, 5 / 3, 2.0)


def fid_infinity(real: Rows, fake: Rows, *, seed: int) -> float | None:
    """Return the distance extrapolated to endless images: a line through four subset sizes, against 1 / n.

    Both sides are reduced to as many images each, from the smaller side's number to half of it (Chong & Forsyth 2020,
    arXiv 1911.07023, who reduce the synthetic side only). None below 2 d images on the smaller side: there the distance is no line in 1 / n. On Gaussian
    features it is right within its spread from there on, where the plain distance is four times too large; what is left
    is a bias downwards (a quarter of that spread at 2 d, a tenth at 4 d), so that a perfect generator may score below 0.
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
    """Return tr((X^T X Y^T Y)^(1/2)), the nuclear norm of X Y^T, from the smallest matrix that has it."""
    d = x.shape[1]
    full = min(len(x), len(y)) > d
    # Rows beyond d are rotated away first: a triangular factor has the same Gram matrix.
    x, y = (torch.linalg.qr(rows, mode="r").R if len(rows) > d else rows for rows in (x, y))
    product = x @ y.T
    if full and 1e-140 < float(product.abs().max()) < 1e140:  # its square is a number, too
        # Roots of the Gram matrix's eigenvalues are had sooner, but an error e of one is e / (2 root) of its root. Rows up
        # to d, being centred, always leave one of 0, whose root is rounding.
        squares = torch.linalg.eigvalsh(product @ product.T).clamp(min=0)
        error = torch.finfo(torch.float64).eps * squares[-1]
        lost = (error / (2 * torch.maximum(squares, error).sqrt())).sum()
        if lost <= ROOT_ERROR * ((x * x).sum() + (y * y).sum()):
            return squares.sqrt().sum()
    return torch.linalg.svdvals(product).sum()
