"""Training a classifier by stochastic gradient descent for a fixed number of steps, and predicting with it."""

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

    Each step draws a mini-batch at random, without replacement within the draw; fewer images than a batch are drawn
    with replacement. With ``weights`` (n,) rows are drawn with replacement, each with a probability in proportion to its
    weight: oversampling of rare classes, or real and synthetic images in a fixed ratio. SGD with Nesterov momentum
    (Sutskever et al. 2013) on the cross-entropy, of mixed images where ``options.mixup`` says so. Same seed, same
    threads, same bytes on a CPU. On a GPU the images lie there, and the step is one CUDA graph. InputError for labels or
    weights that do not fit; RunFailed when the loss is not finite.
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
        batch, wanted = data[index].float() / 127.5 - 1, targets[index]
        if options.mixup:
            batch = share[0] * batch + share[1] * batch[partners]
        with autocast(where, settled):
            logits = model(batch.contiguous(memory_format=torch.channels_last))
        loss = cross_entropy(logits.float(), wanted, options)
        if options.mixup:
            loss = share[0] * loss + share[1] * cross_entropy(
                logits.float(), wanted[partners], options
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
            f"classifier: loss not finite at step {first}; lower the learning rate or use --precision fp32"
        )
    return Trained(model.eval(), found)


def cross_entropy(logits: Tensor, targets: Tensor, options: ClassifierOptions) -> Tensor:
    """Return the mean cross-entropy; with ``double_softmax`` probabilities are taken for logits, as upstream did.

    With 4 classes that loss cannot fall below log(e + 3) - 1 = 0.744.
    """
    return functional.cross_entropy(
        logits.softmax(1) if options.double_softmax else logits, targets
    )


def _own_generator(where: torch.device, seed: int) -> torch.Generator | None:
    """Return what dropout draws from on a GPU, where trainings run side by side; on a CPU it is the global state."""
    return None if where.type == "cpu" else torch.Generator(where).manual_seed(seed)


def _draws(
    options: ClassifierOptions, count: int, shares: np.ndarray | None, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return for every step who is in the mini-batch (steps, batch), mixup's two weights (steps, 2), partners (steps, batch)."""
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
    """Return mixup's weight, one for the whole batch, and who is mixed with whom, a permutation int64 (count,).

    Beta(alpha, alpha) draws the weight of an image itself; its partner has the rest (Zhang et al. 2018, arXiv 1710.09412).
    """
    return float(rng.beta(alpha, alpha)), torch.from_numpy(rng.permutation(count))


@torch.inference_mode()
def predict(model: nn.Module, images: np.ndarray, *, batch: int = 256) -> np.ndarray:
    """Return float32 probabilities (n, classes) of uint8 ``images``, in evaluation mode and fp32."""
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
        raise InputError(
            f"training images: {images.shape[2]} x {images.shape[3]}; {size} x {size} is wanted"
        )
    if len(images) == 0 or len(images) != len(labels):
        raise InputError(
            f"training set: {len(images)} images and {len(labels)} labels; as many, at least 1, are wanted"
        )
    if n_classes < 2:
        raise InputError(f"classes: {n_classes}; a classifier needs at least 2")
    if labels.min() < 0 or labels.max() >= n_classes:
        raise InputError(
            f"labels: {labels.min()} to {labels.max()}; 0 to {n_classes - 1} is wanted"
        )
    if not 0 <= options.mixup < np.inf:
        raise InputError(f"mixup: {options.mixup}; a number of at least 0 is wanted, 0 for none")


def _shares(weights: np.ndarray, n: int) -> np.ndarray:
    """Return probabilities float64 (n,) in proportion to ``weights``."""
    found = np.asarray(weights, np.float64)
    if found.shape != (n,):
        raise InputError(f"weights: {found.shape}; one an image, ({n},), is wanted")
    if not np.isfinite(found).all() or found.min() < 0 or found.max() == 0:
        raise InputError(
            f"weights: {found.min():g} to {found.max():g}; finite numbers of at least 0, not all 0, are wanted"
        )
    found = found / found.max()  # the sum of large weights must not overflow
    return found / found.sum()
