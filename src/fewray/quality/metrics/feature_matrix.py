"""The two feature matrices of a metric, in float64 on the device that computed the features."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fewray.errors import InputError

FeatureMatrix = np.ndarray | Tensor
"""Features of images (n, d). A metric of tensors is computed on their device."""


def both_sides(real: FeatureMatrix, fake: FeatureMatrix) -> tuple[Tensor, Tensor]:
    """Return float64 (n, d) and (m, d) on one device; InputError below 2 rows or for unequal d."""
    for name, matrix in (("real", real), ("fake", fake)):
        if matrix.ndim != 2 or len(matrix) < 2:
            message = f"{name} features: shape {tuple(matrix.shape)}, expected (n, d) with n >= 2."
            raise InputError("features_shape", message, shape=tuple(matrix.shape))
    if real.shape[1] != fake.shape[1]:
        widths = real.shape[1], fake.shape[1]
        message = f"features: {widths[0]} and {widths[1]} columns. Use the same extractor."
        raise InputError("features_shape", message, widths=widths)
    x = as_tensor(real).double()
    return x, as_tensor(fake).to(x.device, torch.float64)


def as_tensor(matrix: FeatureMatrix) -> Tensor:
    """Return ``matrix`` as a tensor on its device; read-only memory is copied."""
    if isinstance(matrix, Tensor):
        return matrix
    return torch.from_numpy(matrix if matrix.flags.writeable else matrix.copy())
