"""Train a classifier for a fixed number of steps, and predict with it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fewray.classify.classifier import Classifier
from fewray.classify.networks import build_network
from fewray.compute.cuda_graph import StepGraph
from fewray.compute.device import autocast, choose_device, choose_precision
from fewray.compute.seeds import child_seed, seeded
from fewray.config import ClassifierOptions
from fewray.errors import InputError, RunFailed
from fewray.imaging.arrays import check_images, to_float

REPORT_EVERY = 20


@dataclass(frozen=True)
class Trained:
    """A trained network and its loss at every step."""

    model: Classifier
    losses: np.ndarray


def train_classifier(
    images: np.ndarray,
    labels: np.ndarray,
    options: ClassifierOptions,
    *,
    n_classes: int,
    seed: int,
    weights: np.ndarray | None = None,
    device: str = "auto",
    precision: str = "auto",
    on_step: Callable[[int, float], None] | None = None,
) -> Trained:
    """Train on uint8 ``images`` (n, 1, S, S) and int ``labels`` (n,) for ``options.steps`` steps.

    Each step draws a random mini-batch without replacement, or with replacement if there are fewer
    images than ``options.batch_size``. With ``weights`` (n,), images are drawn with replacement and
    with probabilities proportional to their weights: to oversample rare classes, or to mix real and
    synthetic images in a fixed ratio. The optimiser is SGD with Nesterov momentum (Sutskever et al.
    2013) on the cross-entropy; ``options.mixup`` mixes pairs of images. On a CPU the same seed and
    number of threads give the same bytes. On a GPU the step is one CUDA graph.

    InputError: labels or weights do not fit the images. RunFailed: the loss is not finite.
    """
    _check(images, labels, options, n_classes)
    shares = None if weights is None else _shares(weights, len(images))
    where = choose_device(device)
    settled = choose_precision(where, precision)
    model = build_network(n_classes, options, child_seed(seed, "init")).to(where)
    model = model.to(memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]
    optimiser = torch.optim.SGD(
        model.parameters(), options.learning_rate, options.momentum, nesterov=True, fused=True
    )
    data, targets = (
        torch.from_numpy(np.ascontiguousarray(images)).to(where),
        torch.from_numpy(labels).to(where),
    )

    def step(index: Tensor, share: Tensor, partners: Tensor) -> Tensor:
        batch, expected = data[index].float() / 127.5 - 1, targets[index]
        if options.mixup:
            batch = share[0] * batch + share[1] * batch[partners]
        with autocast(where, settled):
            logits = model(batch.contiguous(memory_format=torch.channels_last))
        loss = cross_entropy(logits.float(), expected, options)
        if options.mixup:
            loss = share[0] * loss + share[1] * cross_entropy(
                logits.float(), expected[partners], options
            )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.detach()

    own = _own_generator(where, child_seed(seed, "dropout"))
    model.dropout.generator = own
    stepped = StepGraph(step, where, generators=[own] if own else [])
    losses = torch.zeros(options.steps, device=where)
    with nullcontext() if own else seeded(child_seed(seed, "dropout")):
        drawn = _draws(options, len(images), shares, seed)
        for done, inputs in enumerate(zip(*(part.to(where) for part in drawn), strict=True)):
            losses[done] = stepped(*inputs)
            if on_step is not None and (
                (done + 1) % REPORT_EVERY == 0 or done + 1 == options.steps
            ):
                on_step(done + 1, float(losses[done]))
    model.dropout.generator = None
    found = losses.cpu().numpy()
    if not np.isfinite(found).all():
        first = int(np.flatnonzero(~np.isfinite(found))[0]) + 1
        raise RunFailed(
            "loss_not_finite",
            f"classifier: the loss is not finite at step {first}; lower the learning rate or use "
            "--precision fp32",
            step=first,
        )
    return Trained(model.eval(), found)


def cross_entropy(logits: Tensor, targets: Tensor, options: ClassifierOptions) -> Tensor:
    """Return the mean cross-entropy of ``logits`` (n, classes) and int ``targets`` (n,).

    With ``double_softmax``, probabilities take the place of logits, as in the predecessor. With 4
    classes that loss cannot fall below log(e + 3) - 1 = 0.744.
    """
    return functional.cross_entropy(
        logits.softmax(1) if options.double_softmax else logits, targets
    )


def _own_generator(where: torch.device, seed: int) -> torch.Generator | None:
    """Return dropout's generator on a GPU; on a CPU, dropout uses the global random state."""
    return None if where.type == "cpu" else torch.Generator(where).manual_seed(seed)


def _draws(
    options: ClassifierOptions, count: int, shares: np.ndarray | None, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return mini-batches (steps, batch), mixup weights (steps, 2) and partners (steps, batch)."""
    rng = np.random.default_rng(child_seed(seed, "batches"))
    pairs = np.random.default_rng(child_seed(seed, "mixup"))
    replace, size = shares is not None or count < options.batch_size, options.batch_size
    index = np.zeros((options.steps, size), np.int64)
    share, partners = (
        torch.zeros(options.steps, 2),
        torch.zeros(options.steps, size, dtype=torch.int64),
    )
    for step in range(options.steps):
        index[step] = rng.choice(count, size, replace=replace, p=shares)
        if options.mixup:
            own, partners[step] = draw_mixup(options.mixup, size, pairs)
            share[step] = torch.tensor([own, 1 - own])
    return torch.from_numpy(index), share, partners


def draw_mixup(alpha: float, count: int, rng: np.random.Generator) -> tuple[float, Tensor]:
    """Return mixup's weight for a batch, and the partner of each image, int64 (count,).

    The weight of an image itself is drawn from Beta(alpha, alpha); its partner has the rest (Zhang
    et al. 2018, arXiv 1710.09412).
    """
    return float(rng.beta(alpha, alpha)), torch.from_numpy(rng.permutation(count))


@torch.inference_mode()
def predict(model: nn.Module, images: np.ndarray, *, batch: int = 256) -> np.ndarray:
    """Return float32 probabilities (n, classes) of uint8 ``images``, computed in fp32."""
    where = next(model.parameters()).device
    was_training = model.training
    model.eval()
    made = [
        model(part.to(where)).float().softmax(1).cpu() for part in to_float(images).split(batch)
    ]
    model.train(was_training)
    return torch.cat(made).numpy()


def _check(
    images: np.ndarray, labels: np.ndarray, options: ClassifierOptions, n_classes: int
) -> None:
    size = options.image_size
    check_images(images, "training images")
    if images.shape[2:] != (size, size):
        found = images.shape[2:]
        raise InputError(
            "wrong_image_size",
            f"training images: expected {size} x {size} pixels, got {found[0]} x {found[1]}",
            expected=size,
            found=found,
        )
    if len(images) == 0 or len(images) != len(labels):
        raise InputError(
            "wrong_label_count",
            f"training set: expected one label per image and at least one image, got {len(images)} "
            f"images and {len(labels)} labels",
            images=len(images),
            labels=len(labels),
        )
    if n_classes < 2:
        raise InputError(
            "too_few_classes", f"classes: expected at least 2, got {n_classes}", found=n_classes
        )
    if labels.min() < 0 or labels.max() >= n_classes:
        raise InputError(
            "label_out_of_range",
            f"labels: expected 0 to {n_classes - 1}, got {labels.min()} to {labels.max()}",
            low=int(labels.min()),
            high=int(labels.max()),
        )
    if not 0 <= options.mixup < np.inf:
        raise InputError(
            "invalid_mixup",
            f"mixup: expected a number of at least 0 (0: no mixup), got {options.mixup}",
            found=options.mixup,
        )


def _shares(weights: np.ndarray, n: int) -> np.ndarray:
    """Return probabilities float64 (n,) proportional to ``weights``."""
    found = np.asarray(weights, np.float64)
    if found.shape != (n,):
        raise InputError(
            "wrong_weight_count",
            f"weights: expected one per image, shape ({n},), got {found.shape}",
            expected=n,
            found=found.shape,
        )
    if not np.isfinite(found).all() or found.min() < 0 or found.max() == 0:
        raise InputError(
            "invalid_weights",
            "weights: expected finite numbers of at least 0, not all 0, got "
            f"{found.min():g} to {found.max():g}",
            low=float(found.min()),
            high=float(found.max()),
        )
    found = found / found.max()  # the sum of large weights must not overflow
    return found / found.sum()
