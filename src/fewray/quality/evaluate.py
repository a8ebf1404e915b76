"""FID, KID and Inception Score of synthetic against real images, per class and pooled, with their floors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fewray.errors import InputError
from fewray.quality.features import Extractor, Features, load_extractor
from fewray.quality.floor import Floor, floor_of
from fewray.quality.frechet import frechet_distance
from fewray.quality.inception_score import inception_score
from fewray.quality.kernel import kid, mmd2


@dataclass(frozen=True, kw_only=True)
class ClassQuality:
    """The figures of one class. ``kid`` is the distance of all images, ``kid_mean`` over subsets, as published."""

    extractor: str
    dim: int
    num_real: int
    num_fake: int
    fid: float
    kid: float
    kid_mean: float
    kid_std: float
    kid_subset_size: int
    is_mean: float | None
    is_std: float | None
    is_splits: int | None
    is_real: float | None
    """Inception Score of the real images, for comparison."""
    fid_floor: Floor | None
    kid_floor: Floor | None
    warnings: tuple[str, ...] = field(default_factory=tuple)

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers; a figure that is not defined is null."""
        return asdict(self) | {"warnings": list(self.warnings)}


@dataclass(frozen=True, kw_only=True)
class Quality:
    """The figures of every class and of all pooled. Figures of different extractors must not be compared."""

    extractor: str
    classes: dict[str, ClassQuality]
    pooled: ClassQuality

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "extractor": self.extractor,
            "classes": {label: found.to_json() for label, found in self.classes.items()},
            "pooled": self.pooled.to_json(),
        }

    @property
    def warnings(self) -> list[str]:
        """Sentences about figures that say less than they seem to, each once."""
        everything = [w for found in (*self.classes.values(), self.pooled) for w in found.warnings]
        return list(dict.fromkeys(everything))

    def table(self) -> tuple[str, Sequence[str], Sequence[Sequence[str]]]:
        """Return title, header and rows for printing. Values and floors are at the same number of images, m."""
        header = (
            "class",
            "real",
            "synthetic",
            "FID",
            "KID",
            "IS",
            "m",
            "FID at m",
            "its floor",
            "KID at m",
            "its floor",
        )
        rows = []
        for label, found in (*self.classes.items(), ("all", self.pooled)):
            fid, kernel = found.fid_floor, found.kid_floor
            rows.append(
                (
                    label,
                    str(found.num_real),
                    str(found.num_fake),
                    f"{found.fid:.2f}",
                    f"{found.kid:.3f}",
                    "" if found.is_mean is None else f"{found.is_mean:.2f}",
                    "" if fid is None else str(fid.m),
                    *(_pair(fid.value_mean, fid.value_std, fid.mean, fid.std, 2) if fid else ("", "")),
                    *(_pair(kernel.value_mean, kernel.value_std, kernel.mean, kernel.std, 3) if kernel else ("", "")),
                )
            )
        title = (
            f"Synthetic against real, extractor {self.extractor} (floor: real against real, 20 splits, m images a side)"
        )
        return title, header, rows


def measure_quality(
    real: Mapping[str, np.ndarray],
    fake: Mapping[str, np.ndarray],
    *,
    extractor: str = "lite0",
    weights: Path | None = None,
    seed: int = 0,
    device: str = "auto",
) -> Quality:
    """Measure uint8 images (n, 1, H, W) of each class; one feature pass serves every figure.

    InputError when the classes differ or a class has fewer than 2 images on a side.
    """
    if set(real) != set(fake):
        raise InputError(
            f"classes: real {', '.join(sorted(real))}; synthetic {', '.join(sorted(fake))}; the same are wanted"
        )
    for label in real:
        for side, images in (("real", real[label]), ("synthetic", fake[label])):
            if len(images) < 2:
                raise InputError(f"class {label}: {len(images)} {side} images; at least 2 are wanted")
    compute = load_extractor(extractor, weights=weights, device=device)
    reals = {label: compute(images) for label, images in real.items()}
    fakes = {label: compute(fake[label]) for label in real}
    classes = {label: class_quality(reals[label], fakes[label], compute, seed=seed) for label in real}
    pooled = class_quality(_pool(reals), _pool(fakes), compute, seed=seed)
    return Quality(extractor=compute.name, classes=classes, pooled=pooled)


def class_quality(real: Features, fake: Features, extractor: Extractor, *, seed: int) -> ClassQuality:
    """Measure one class from features that are there already."""
    x, y = real.features, fake.features
    n, m, d = len(x), len(y), x.shape[1]
    warnings = []
    if min(n, m) <= d:
        warnings.append(
            f"covariance singular: n is {min(n, m)}, d {d}; FID is defined but far above its large-n value; "
            "compare it with its floor only"
        )
    subsets = kid(x, y, seed=seed)
    score = None if fake.probabilities is None else inception_score(fake.probabilities)
    score_real = None if real.probabilities is None else inception_score(real.probabilities, splits=1)
    if score is None:
        warnings.append(f"Inception Score not defined: {extractor.name} gives no class probabilities")
    fid_floor = floor_of(frechet_distance, x, y, seed=seed)
    if fid_floor is None:
        warnings.append(f"no floor: {n} real images make no two halves of at least 2")
    return ClassQuality(
        extractor=extractor.name,
        dim=d,
        num_real=n,
        num_fake=m,
        fid=frechet_distance(x, y),
        kid=mmd2(x, y),
        kid_mean=subsets.mean,
        kid_std=subsets.std,
        kid_subset_size=subsets.subset_size,
        is_mean=score.mean if score else None,
        is_std=score.std if score else None,
        is_splits=score.splits if score else None,
        is_real=score_real.mean if score_real else None,
        fid_floor=fid_floor,
        kid_floor=floor_of(mmd2, x, y, seed=seed),
        warnings=tuple(warnings),
    )


class QualityProbe:
    """FID, KID and Inception Score during training: holds the real features, is called with synthetic images."""

    def __init__(self, real: np.ndarray, *, extractor: str = "lite0", seed: int = 0, device: str = "auto") -> None:
        self.extractor = load_extractor(extractor, device=device)
        self.real = self.extractor(real)
        self.seed = seed

    def __call__(self, fake: np.ndarray) -> dict[str, Any]:
        """Return ``fid``, ``kid`` (unbiased, all images), ``is`` and what they were made from."""
        found = self.extractor(fake)
        score = None if found.probabilities is None else inception_score(found.probabilities).mean
        return {
            "fid": frechet_distance(self.real.features, found.features),
            "kid": mmd2(self.real.features, found.features),
            "is": score,
            "extractor": self.extractor.name,
            "num_real": len(self.real.features),
            "num_fake": len(fake),
        }


def _pool(parts: Mapping[str, Features]) -> Features:
    probabilities = [part.probabilities for part in parts.values() if part.probabilities is not None]
    return Features(
        np.concatenate([part.features for part in parts.values()]),
        np.concatenate(probabilities) if probabilities else None,
    )


def _pair(value: float, value_std: float, floor: float, floor_std: float, digits: int) -> tuple[str, str]:
    return f"{value:.{digits}f} ± {value_std:.{digits}f}", f"{floor:.{digits}f} ± {floor_std:.{digits}f}"
