"""Vendi score: the effective number of different images (Friedman & Dieng 2023).

arXiv 2210.02410. It looks at one set of images only and says nothing about fidelity.
"""

from __future__ import annotations

import torch

from fewray.errors import InputError
from fewray.quality.metrics.feature_matrix import FeatureMatrix, as_tensor


def vendi_score(features: FeatureMatrix) -> float:
    """Return the Vendi score of ``features`` (n, d) with the cosine kernel, 1 to n, in float64.

    ::

        exp(-sum(l_i log l_i)), with l_i the eigenvalues of K / n and K_ij = cos(x_i, x_j)

    1: all rows point in one direction. n: all rows are orthogonal. The cosine kernel is that of the
    paper's experiments with images; it has no bandwidth to choose. Rows of zeros are alike, and
    orthogonal to all others. The score grows with n: compare sets of equal size only. A network's
    features of radiographs are much alike, so values are far below n. InputError without rows.
    """
    x = as_tensor(features)
    if x.ndim != 2 or not len(x):
        message = f"features: shape {tuple(x.shape)}, expected (n, d) with n >= 1."
        raise InputError("features_shape", message, shape=tuple(x.shape))
    x = x.double()
    lengths = x.norm(dim=1, keepdim=True)
    empty = lengths == 0
    unit = torch.cat([x / lengths.masked_fill(empty, 1.0), empty.double()], 1)
    # K / n and the (d, d) matrix have the same eigenvalues other than 0: take the smaller one.
    gram = unit @ unit.T if len(unit) <= unit.shape[1] else unit.T @ unit
    shares = torch.linalg.eigvalsh(gram / len(unit)).clamp(min=0)
    return float(torch.special.entr(shares).sum().exp())
