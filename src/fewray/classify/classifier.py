"""What every classifier of images is to training, prediction, saving and the published figures."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Classifier(nn.Module, ABC):
    """Images (n, 1, S, S) in [-1, 1] to logits (n, classes): an embedding, dropout, one linear layer.

    All that depends on the batch (BatchNorm) stands in the embedding, before ``dropout``.
    """

    dropout: nn.Dropout
    output: nn.Linear

    @abstractmethod
    def embed(self, x: Tensor) -> Tensor:
        """Return activations (n, hidden), before dropout."""

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, classes)."""
        return self.output(self.dropout(self.embed(x)))
