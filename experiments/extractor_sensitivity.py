"""KID of altered real images, and of random halves of them, in the features of several extractors.

Run `python -m experiments.extractor_sensitivity covid4 texture lite2 lite0`. Only the training
split is read. Texture figures are standardised by its images of all classes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import numpy as np

from fewray.data.images import ImageSource
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.pipelines.extractors import open_extractor
from fewray.quality.features.extractor import Extractor
from fewray.quality.features.standardise import standardised
from fewray.quality.metrics.kid import mmd2

SIZE, FIT, SPLITS, SEED = 64, "squash", 20, 0
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def blurred(images: np.ndarray, sd: float) -> np.ndarray:
    """Return uint8 (n, 1, S, S) smoothed by a Gaussian of ``sd`` pixels."""
    from scipy.ndimage import gaussian_filter

    return np.rint(gaussian_filter(images.astype(float), (0, 0, sd, sd))).astype(np.uint8)


def noisy(images: np.ndarray, sd: float, rng: np.random.Generator) -> np.ndarray:
    """Return uint8 (n, 1, S, S) with white noise of ``sd`` grey levels."""
    return np.clip(np.rint(images + rng.normal(0, sd, images.shape)), 0, 255).astype(np.uint8)


CHANGES: dict[str, Change] = {
    "the same images": lambda x, rng: x,
    "blur, sd 0.8 px": lambda x, rng: blurred(x, 0.8),
    "noise, sd 5": lambda x, rng: noisy(x, 5.0, rng),
}


def halves_kid(features: np.ndarray, groups: np.ndarray, rng: np.random.Generator) -> list[float]:
    """Return KID between the images of two random halves of the patients, per split."""
    patients, found = np.unique(groups), []
    for _ in range(SPLITS):
        first = np.isin(groups, rng.permutation(patients)[: len(patients) // 2])
        sides = features[first], features[~first]
        found.append(mmd2(*sides, groups=groups[first], fake_groups=groups[~first]))
    return found


def measure(
    images: Mapping[str, np.ndarray], groups: Mapping[str, np.ndarray], extractor: Extractor
) -> dict[str, dict[str, float]]:
    """Return by class: mean and SD of KID over halves, and KID of each change to the originals."""
    compute = standardised(extractor, list(images.values()))
    found: dict[str, dict[str, float]] = {}
    for label, real in images.items():
        rng = np.random.default_rng(SEED)
        features, patients = compute(real).features, groups[label]
        halves = halves_kid(features, patients, rng)
        found[label] = {"halves": float(np.mean(halves)), "SD": float(np.std(halves, ddof=1))}
        for name, change in CHANGES.items():
            altered = compute(change(real, rng)).features
            kid = mmd2(features, altered, groups=patients, fake_groups=patients)
            found[label][name] = kid
    return found


def images_of(data: Manifest) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the training images and their patients by class."""
    rows = {label: data.where(split="train", label=label) for label in data.classes}
    images = {label: ImageSource(part).at(SIZE, FIT) for label, part in rows.items()}
    groups = {label: np.array([row.group for row in part.rows]) for label, part in rows.items()}
    return images, groups


def main(words: list[str]) -> None:
    """Print one table row per extractor and class."""
    images, groups = images_of(load_dataset(words[0]))
    print("| extractor | class | images | halves (mean ± SD) |", " | ".join(CHANGES), "|")
    print("| --- " * (4 + len(CHANGES)) + "|")
    for name in words[1:]:
        extractor = open_extractor(name, device="cpu")
        for label, row in measure(images, groups, extractor).items():
            halves = f"{row['halves']:.3f} ± {row['SD']:.3f}"
            cells = [extractor.name, label, len(images[label]), halves]
            cells += [f"{row[change]:.3f}" for change in CHANGES]
            print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
