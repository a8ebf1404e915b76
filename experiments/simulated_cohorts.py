"""Simulated cohorts of patients, and small classifiers trained on many cohorts at once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

SHARES = np.array([60, 70, 70, 70]) / 270
"""The classes' shares of covid4."""
PHANTOM = "phantom:size=16,train=200,test=0,seed=0"
SPREAD = 2.5
"""Factor of the distances between class means; accuracy is then 0.72 to 0.78."""
DIMS, HIDDEN, FOLDS, CHUNK = 12, 16, 4, 50
"""Principal components, hidden ReLU units, folds, cohorts trained side by side."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """SGD options: steps, images per step, learning rate; with ``decay`` the rate falls to 0."""

    steps: int = 100
    batch: int = 16
    rate: float = 0.3
    decay: bool = True


STABLE = Training()
VARIABLE = Training(steps=60, batch=4, rate=0.6, decay=False)


@dataclass(frozen=True, kw_only=True)
class Population:
    """Patients of k classes: ``mean`` (k, d), Cholesky factors (k, d, d)."""

    mean: np.ndarray
    between: np.ndarray
    within: np.ndarray

    def draw(
        self, labels: np.ndarray, groups: np.ndarray, rng: np.random.Generator, n: int
    ) -> np.ndarray:
        """Return ``n`` new cohorts with these labels and patients, float32 (n, rows, d)."""
        d = self.mean.shape[1]
        patients = rng.standard_normal((n, groups.max() + 1, d), np.float32)[:, groups]
        images = rng.standard_normal((n, len(groups), d), np.float32)
        found = np.empty_like(images)
        for label in range(len(self.mean)):
            rows = labels == label
            found[:, rows] = (
                patients[:, rows] @ self.between[label].T + images[:, rows] @ self.within[label].T
            )
            found[:, rows] += self.mean[label]
        return found


def fit_population(
    images: np.ndarray, labels: np.ndarray, groups: np.ndarray, spread: float
) -> Population:
    """Fit one Gaussian per class to the first principal components of small images.

    Variation between patients and within patients is modelled separately. ``images`` uint8
    (n, 1, H, W), ``labels`` and ``groups`` int (n,). ``spread`` multiplies the distances between
    class means and so sets how hard the task is.
    """
    flat = images.reshape(len(images), -1).astype(float)
    flat -= flat.mean(0)
    _, _, axes = np.linalg.svd(flat, full_matrices=False)
    x = flat @ axes[:DIMS].T
    x /= x.std(0)
    k = labels.max() + 1
    sizes = np.bincount(groups)
    of_patient = np.stack([np.bincount(groups, x[:, j]) / sizes for j in range(DIMS)], 1)
    inside = x - of_patient[groups]
    pooled = (
        inside.T @ inside / (len(x) - len(sizes))
    )  # too few patients with several images for one matrix per class
    mean, between = np.empty((k, DIMS)), np.empty((k, DIMS, DIMS))
    for label in range(k):
        rows = x[labels == label]
        mean[label] = rows.mean(0)
        values, vectors = np.linalg.eigh(np.cov(rows.T) - pooled)
        between[label] = vectors * np.sqrt(np.maximum(values, 1e-3))
    mean = mean.mean(0) + spread * (mean - mean.mean(0))
    within = np.broadcast_to(np.linalg.cholesky(pooled), between.shape)
    return Population(mean=np.float32(mean), between=np.float32(between), within=np.float32(within))


def phantom_population() -> Population:
    """Fit the model to the pixels of phantoms (drawn once, kept in the user's cache)."""
    from fewray.data.loading import load_dataset
    from fewray.imaging.arrays import load_images

    data = load_dataset(PHANTOM)
    _, groups = np.unique([row.group for row in data.rows], return_inverse=True)
    return fit_population(load_images(data.paths(), 16, "squash"), data.labels(), groups, SPREAD)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A cohort: ``labels``, ``groups`` int (rows,), ``folds`` int (repeats, rows)."""

    labels: np.ndarray
    groups: np.ndarray
    folds: np.ndarray


@cache
def draw_layout(rows: int, repeats: int, seed: int, folds: int = FOLDS, first: int = 0) -> Layout:
    """Draw patients with one to three images (7 : 2 : 1), covid4's class shares and grouped folds.

    With ``first``, the first patient of the first class has that many images instead.
    """
    rng = np.random.default_rng((seed, rows))
    counts = np.floor(SHARES * rows).astype(int)
    counts[: rows - counts.sum()] += 1
    labels, groups, patient = [], [], 0
    for label, count in enumerate(counts):
        done = 0
        while done < count:
            images = min(int(rng.choice((1, 2, 3), p=(0.7, 0.2, 0.1))), count - done)
            images = first or images if patient == 0 else images
            labels += [label] * images
            groups += [patient] * images
            done, patient = done + images, patient + 1
    y, g = np.array(labels), np.array(groups)
    fold_of = np.empty((repeats, rows), int)
    for repeat in range(repeats):
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=int(rng.integers(2**31)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            for fold, (_, test) in enumerate(splitter.split(y, y, g)):
                fold_of[repeat, test] = fold
    return Layout(labels=y, groups=g, folds=fold_of)


def spoilt(labels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return int (cohorts, rows) with a ``share`` of the labels changed to another class."""
    wrong = rng.random(labels.shape) < share
    return np.where(
        wrong, (labels + rng.integers(1, len(SHARES), labels.shape)) % len(SHARES), labels
    )


def train(
    x: np.ndarray, labels: np.ndarray, rng: np.random.Generator, how: Training = STABLE
) -> tuple[np.ndarray, ...]:
    """Train one network for each of m sets in parallel: x float32 (m, n, d), labels int (m, n).

    Initialisation and batches are drawn separately for every set, as for a new seed.
    """
    m, n, d = x.shape
    k = len(SHARES)
    w1 = rng.standard_normal((m, d + 1, HIDDEN), np.float32) * np.float32(1 / np.sqrt(d))
    w2 = rng.standard_normal((m, HIDDEN + 1, k), np.float32) * np.float32(1 / np.sqrt(HIDDEN))
    which = np.arange(m)[:, None]
    ones = np.ones((m, how.batch, 1), np.float32)
    sums, eye = np.ones((k, 1), np.float32), np.eye(k, dtype=np.float32)
    for step in range(how.steps):
        rows = rng.integers(0, n, (m, how.batch))
        batch = np.concatenate((x[which, rows], ones), 2)
        hidden = np.concatenate((np.maximum(batch @ w1, 0), ones), 2)
        p = np.exp(
            np.minimum(hidden @ w2, 50)
        )  # the logits are small: no need to subtract the largest
        p /= p @ sums
        p -= eye[labels[which, rows]]
        rate = np.float32(how.rate * (1 - step / how.steps if how.decay else 1) / how.batch)
        back = (p @ w2[:, :-1].transpose(0, 2, 1)) * (hidden[:, :, :-1] > 0)
        w2 -= rate * (hidden.transpose(0, 2, 1) @ p)
        w1 -= rate * (batch.transpose(0, 2, 1) @ back)
    return w1, w2


def predict(model: tuple[np.ndarray, ...], x: np.ndarray) -> np.ndarray:
    """Return the predicted classes, int (m, n), of the m networks for x float32 (m, n, d)."""
    w1, w2 = model
    hidden = np.maximum(x @ w1[:, :-1] + w1[:, -1:], 0)
    return (hidden @ w2[:, :-1] + w2[:, -1:]).argmax(2)


def out_of_fold(
    x: np.ndarray,
    layout: Layout,
    rng: np.random.Generator,
    *,
    seeds: int,
    wrong: float = 0.0,
    shared: bool = False,
    how: Training = STABLE,
) -> np.ndarray:
    """Return whether networks not trained on an image predict it correctly.

    The result is bool (cohorts, repeats, seeds, rows). ``wrong`` is the share of wrong training
    labels, drawn for every training run or, if ``shared``, once per fold and kept for all seeds,
    as the images of one generator are.
    """
    cohorts, rows = x.shape[:2]
    correct = np.empty((cohorts, len(layout.folds), seeds, rows), bool)
    for repeat, fold_of in enumerate(layout.folds):
        for fold in range(int(layout.folds.max()) + 1):
            test = fold_of == fold
            y = np.broadcast_to(layout.labels[~test], (cohorts, int((~test).sum())))
            kept = spoilt(y, wrong, rng)
            for seed in range(seeds):
                trained = train(x[:, ~test], kept if shared else spoilt(y, wrong, rng), rng, how)
                correct[:, repeat, seed, test] = predict(trained, x[:, test]) == layout.labels[test]
    return correct


def expected_accuracy(
    population: Population, rows: int, wrong: float, *, cohorts: int, seed: int
) -> np.ndarray:
    """Return the accuracy, float (cohorts,), of one fold's network on 1,000 new images.

    A share ``wrong`` of its training labels is wrong. The same seed gives the same cohorts for
    every share, so that two shares can be compared in pairs.
    """
    rng = np.random.default_rng((seed, rows, 1))
    labels = np.repeat(np.arange(len(SHARES)), np.round(1000 * SHARES).astype(int))
    found = []
    for chunk in range(cohorts // CHUNK):
        layout = draw_layout(rows, 1, seed + chunk)
        x = population.draw(layout.labels, layout.groups, rng, CHUNK)
        fresh = population.draw(labels, np.arange(len(labels)), rng, CHUNK)
        kept = layout.folds[0] != 0
        y = spoilt(np.broadcast_to(layout.labels[kept], (CHUNK, int(kept.sum()))), wrong, rng)
        found.append((predict(train(x[:, kept], y, rng), fresh) == labels).mean(1))
    return np.concatenate(found)


def share_for(population: Population, rows: int, effect: float, cohorts: int) -> float:
    """Return the share of wrong labels that costs ``effect`` in accuracy.

    It is found by bisection on large test sets, then linear interpolation.
    """

    def accuracy(share: float) -> float:
        return float(
            expected_accuracy(population, rows, share, cohorts=cohorts, seed=10_000).mean()
        )

    clean, low, high = accuracy(0.0), 0.0, 0.6
    costs = {low: 0.0, high: clean - accuracy(high)}
    for _ in range(4):
        middle = (low + high) / 2
        costs[middle] = clean - accuracy(middle)
        low, high = (middle, high) if costs[middle] < effect else (low, middle)
    return float(np.interp(effect, (costs[low], costs[high]), (low, high)))


def true_difference(
    population: Population, rows: int, wrong: float, cohorts: int
) -> tuple[float, float]:
    """Return the cost in accuracy of a share of ``wrong`` labels, and its standard error.

    It is measured on cohorts that :func:`share_for` did not use.
    """
    clean, spoilt = (
        expected_accuracy(population, rows, share, cohorts=cohorts, seed=20_000)
        for share in (0.0, wrong)
    )
    lost = clean - spoilt
    return float(lost.mean()), float(lost.std(ddof=1) / np.sqrt(cohorts))
