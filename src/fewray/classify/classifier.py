"""What every classifier of images is to training, prediction, saving and the published figures."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class SeededDropout(nn.Dropout):
    """``nn.Dropout``; with a ``generator`` it draws from that one, where trainings side by side share the global state."""

    generator: torch.Generator | None = None

    def forward(self, input: Tensor) -> Tensor:
        """Zero each value with probability ``p`` and scale the rest up, in training mode; else return ``input``."""
        if self.generator is None or not self.training or self.p == 1:
            return super().forward(input)
        kept = torch.empty_like(input).bernoulli_(1 - self.p, generator=self.generator)
        return input * kept.div_(1 - self.p)


class Classifier(nn.Module, ABC):
    """Images (n, 1, S, S) in [-1, 1] to logits (n, classes): an embedding, dropout, one linear layer.

    All that depends on the batch (BatchNorm) stands in the embedding, before ``dropout``.
    """

    dropout: SeededDropout
    output: nn.Linear

    @abstractmethod
    def embed(self, x: Tensor) -> Tensor:
        """Return activations (n, hidden), before dropout."""

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, classes)."""
        return self.output(self.dropout(self.embed(x)))
