"""Test scores as the paper computed them: many passes over the test images in training mode.

The public predecessor left its network in training mode while testing: dropout is drawn again
in every pass, and BatchNorm takes its statistics from the test batch. Its "F1Score" is the harmonic
mean of sensitivity and specificity, averaged over passes. These scores are kept for comparison
with the paper's Table 4 only; they estimate nothing.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from fewray.classify.classifier import Classifier
from fewray.classify.scores import confusion_matrix
from fewray.imaging.arrays import to_float


@dataclass(frozen=True, kw_only=True)
class PublishedScores:
    """Means over the passes: accuracy, and by class accuracy, sensitivity, specificity and f1."""

    accuracy: float
    per_class: tuple[dict[str, float], ...]


@torch.inference_mode()
def scores_as_published(
    model: Classifier, images: np.ndarray, labels: np.ndarray, *, passes: int, seed: int
) -> PublishedScores:
    """Return the scores of ``passes`` passes over all ``images``; ``model`` is unchanged.

    BatchNorm sees the same batch in every pass, so the hidden activations are computed once, and
    only dropout, which follows them, is drawn in every pass.
    """
    where = next(model.parameters()).device
    network = copy.deepcopy(model).train()
    hidden = network.embed(to_float(images).to(where)).float().cpu()
    output = copy.deepcopy(network.output).float().cpu()
    draws = torch.Generator().manual_seed(seed)
    keep = 1 - network.dropout.p
    k = output.out_features
    sums = np.zeros((4, k))
    right = 0.0
    for _ in range(passes):
        mask = (torch.rand(hidden.shape, generator=draws) < keep).float() / keep
        predicted = functional.linear(hidden * mask, output.weight, output.bias).argmax(1).numpy()
        figures, accuracy = _one_pass(confusion_matrix(labels, predicted, k))
        sums += figures
        right += accuracy
    names = ("accuracy", "sensitivity", "specificity", "f1")
    means = sums / passes
    return PublishedScores(
        accuracy=right / passes,
        per_class=tuple(
            {name: float(means[row, index]) for row, name in enumerate(names)} for index in range(k)
        ),
    )


def _one_pass(confusion: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the scores by class (4, classes) and the total accuracy of one pass."""
    total = confusion.sum()
    hits = np.diag(confusion).astype(float)
    positives, predicted = confusion.sum(1), confusion.sum(0)
    negatives = total - positives
    sensitivity = hits / np.maximum(positives, 1)
    true_negatives = negatives - (predicted - hits)
    specificity = true_negatives / np.maximum(negatives, 1)
    harmonic = 2 * sensitivity * specificity / np.maximum(sensitivity + specificity, 1e-12)
    return np.stack([(hits + true_negatives) / total, sensitivity, specificity, harmonic]), float(
        hits.sum() / total
    )
