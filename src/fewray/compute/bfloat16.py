"""Bfloat16 in code compiled by Numba, which knows no such type: as the upper half of a float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import types
from numba.extending import overload, register_jitable

if TYPE_CHECKING:
    from torch import Tensor


def array_of(x: Tensor) -> np.ndarray:
    """Return the tensor's memory as float32, or as uint16 if it is bfloat16."""
    import torch

    x = x.detach()
    return (x.view(torch.uint16) if x.dtype == torch.bfloat16 else x.float()).numpy()


def load(value: np.number) -> np.float32:
    """Return a stored value as float32, in compiled code only."""
    raise TypeError("load: for compiled code only")


def store(value: np.float32, like: np.number) -> np.number:
    """Return a value in the type of ``like``, in compiled code only."""
    raise TypeError("store: for compiled code only")


@overload(load)
def _load_typed(value):
    if value == types.uint16:
        return lambda value: np.uint32(np.uint32(value) << np.uint32(16)).view(np.float32)
    return lambda value: value


@overload(store)
def _store_typed(value, like):
    if like == types.uint16:
        return lambda value, like: _round_to_bfloat16(value)
    return lambda value, like: value


@register_jitable
def _round_to_bfloat16(value):
    bits = np.float32(value).view(np.uint32)
    return np.uint16(
        (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    )
