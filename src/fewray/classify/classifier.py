"""The interface of image classifiers."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class SeededDropout(nn.Dropout):
    """``nn.Dropout`` that can draw from its own generator, for training runs in one process."""

    generator: torch.Generator | None = None

    def forward(self, input: Tensor) -> Tensor:
        """Zero each value with probability ``p`` and scale up the rest, in training mode only."""
        if self.generator is None or not self.training or self.p == 1:
            return super().forward(input)
        kept = torch.empty_like(input).bernoulli_(1 - self.p, generator=self.generator)
        return input * kept.div_(1 - self.p)


class Classifier(nn.Module, ABC):
    """Map images (n, 1, S, S) in [-1, 1] to logits (n, classes): embedding, dropout, linear layer.

    All layers that depend on the batch (BatchNorm) are in the embedding, before ``dropout``.
    """

    dropout: SeededDropout
    output: nn.Linear

    @abstractmethod
    def embed(self, x: Tensor) -> Tensor:
        """Return activations (n, hidden), before dropout."""

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, classes)."""
        return self.output(self.dropout(self.embed(x)))
