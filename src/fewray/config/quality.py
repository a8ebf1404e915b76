"""How synthetic images are measured: extractor, size, neighbours, copies, TSTR."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from fewray.config.base import Options
from fewray.errors import check_range


class QualityKeywords(TypedDict, total=False):
    """The options of :class:`QualityOptions` as keywords."""

    extractor: str
    weights: Path | None
    image_size: int
    fit: str | None
    k: int
    copy_percentile: float
    tstr_steps: int
    seed: int
    device: str
    cache: bool


@dataclass(frozen=True, kw_only=True)
class QualityOptions(Options):
    """How synthetic images are measured. InputError if out of range."""

    extractor: str = "lite0"
    """Any in docs/metrics.md but those that trained a generator or selected its checkpoint."""
    weights: Path | None = None
    """Weight file of the extractor ``inception``."""
    image_size: int = 64
    """Pixels per side at which all images are compared."""
    fit: str | None = None
    """``pad`` or ``squash``; None: as recorded by the generators, else ``squash``."""
    k: int = 5
    """Neighbours of precision, recall, density and coverage."""
    copy_percentile: float = 2.0
    """Percentage of unseen real images that count as copies."""
    tstr_steps: int = 0
    """Optimiser steps per classifier of TSTR and TRTS; 0 skips both."""
    seed: int = 0
    device: str = "auto"
    cache: bool = True
    """Whether features are kept in the user's cache folder."""

    def __post_init__(self) -> None:
        check_range("--k", self.k, 1)
        check_range("--image-size", self.image_size, 8)
        check_range("--tstr-steps", self.tstr_steps, 0)
