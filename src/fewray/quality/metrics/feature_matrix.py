"""The two sides of a metric of features, in float64, where they lie: on the CPU, or on the GPU that computed them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fewray.errors import InputError

Rows = np.ndarray | Tensor
"""Features of images (n, d). What is made of a tensor is computed on its device."""


def both_sides(real: Rows, fake: Rows) -> tuple[Tensor, Tensor]:
    """Return float64 (n, d) and (m, d), on one device. InputError below 2 rows or for unequal d."""
    for name, rows in (("real", real), ("fake", fake)):
        if rows.ndim != 2 or len(rows) < 2:
            raise InputError(
                f"{name} features: {tuple(rows.shape)}; (n, d) with n of at least 2 is wanted"
            )
    if real.shape[1] != fake.shape[1]:
        raise InputError(
            f"features: {real.shape[1]} and {fake.shape[1]} wide; the same extractor is wanted"
        )
    x = as_tensor(real).double()
    return x, as_tensor(fake).to(x.device, torch.float64)


def as_tensor(rows: Rows) -> Tensor:
    """Return ``rows`` as a tensor on the device where they lie; read-only memory, such as a mapped file's, is copied."""
    if isinstance(rows, Tensor):
        return rows
    return torch.from_numpy(rows if rows.flags.writeable else rows.copy())
