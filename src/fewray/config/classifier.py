"""Options of a classifier's training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fewray.config.base import FITS, Fit, Options
from fewray.errors import check_choice, check_range


@dataclass(frozen=True, kw_only=True)
class ClassifierOptions(Options):
    """Training of one classifier; the defaults are the paper's SGD and the predecessor's CNN."""

    network: Literal["paper", "resnet"] = "paper"
    """``resnet`` is a compact residual network with the same ``channels`` and ``hidden``."""
    image_size: int = 64
    fit: Fit = "squash"
    channels: tuple[int, int, int] = (32, 64, 128)
    hidden: int = 256
    dropout: float = 0.5
    batch_size: int = 256
    steps: int = 1200
    """An upstream epoch is four random draws of ``batch_size``: 300 epochs are 1,200 steps."""
    learning_rate: float = 0.01
    momentum: float = 0.9
    double_softmax: bool = False
    """Apply softmax before a cross-entropy that applies it again, as the predecessor did."""
    mixup: float = 0.0
    """Alpha of mixup's Beta(alpha, alpha) (Zhang et al. 2018, arXiv 1710.09412); 0 mixes none."""

    def __post_init__(self) -> None:
        check_choice("network", self.network, ("paper", "resnet"))
        check_choice("fit", self.fit, FITS)
        check_range("--steps", self.steps, 1)
        for name in ("image_size", "hidden", "batch_size"):
            check_range(name, getattr(self, name), 1)
        check_range("dropout", self.dropout, 0, 1)
        check_range("learning_rate", self.learning_rate, 0, above=True)
        check_range("mixup", self.mixup, 0)
