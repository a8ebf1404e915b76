"""All metrics of synthetic against real images, per class and pooled, from one feature pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fewray.errors import InputError
from fewray.quality.baselines import Compare, Floor, floors_of, noise_images
from fewray.quality.copies.detect import Copy, find_copies
from fewray.quality.copies.threshold import PERCENTILE, CopyThreshold, copy_threshold
from fewray.quality.features.extractor import Extractor, Features
from fewray.quality.image_set import ImageSet, MeasuredSet, measured, mix_warning, pooled
from fewray.quality.metrics.fid import fid_infinity, frechet_distance
from fewray.quality.metrics.inception_score import inception_score
from fewray.quality.metrics.kid import kernel_distance, mmd2
from fewray.quality.metrics.ms_ssim import Diversity, diversity
from fewray.quality.metrics.prdc import K, neighbour_metrics
from fewray.quality.result import ClassQuality, Quality


def measure_quality(
    real: Mapping[str, ImageSet],
    fake: Mapping[str, ImageSet],
    extractor: Extractor,
    *,
    held_out: Mapping[str, ImageSet] | None = None,
    k: int = K,
    copy_percentile: float = PERCENTILE,
    seed: int = 0,
) -> Quality:
    """Measure the synthetic images of each class against the real ones the generator was trained on.

    ``held_out`` are real images it did not see: they lower the copy bar's noise, and synthetic images are measured
    against them too. Classes of ``real`` that ``fake`` has not are not measured, but help to draw the copy bar.
    InputError when a class has no real images, or fewer than 2 on a side.
    """
    _check(real, fake, held_out)
    reals = {label: measured(images, extractor, mirrored=True) for label, images in real.items()}
    fakes = {label: measured(images, extractor) for label, images in fake.items()}
    others = {label: measured(images, extractor) for label, images in (held_out or {}).items()}
    size = next(iter(reals.values())).images.shape[2]
    noise = measured(ImageSet.of(noise_images(size, seed=seed)), extractor)
    bar = copy_threshold(reals, others, percentile=copy_percentile)
    nearest = {label: tuple(find_copies(label, fakes[label], reals[label], bar)) for label in fakes}
    classes = {
        label: class_quality(
            reals[label],
            fakes[label],
            noise,
            extractor=extractor.name,
            k=k,
            seed=seed,
            copies=tuple(row for row in nearest[label] if row.by),
        )
        for label in fakes
    }
    everything = class_quality(
        pooled({label: reals[label] for label in fakes}),
        pooled(fakes),
        noise,
        extractor=extractor.name,
        k=k,
        seed=seed,
        copies=_pooled_copies(
            {label: found.copies for label, found in classes.items()}, fakes, reals
        ),
    )
    mix = mix_warning(*({label: len(side[label]) for label in fakes} for side in (reals, fakes)))
    if mix is not None:
        everything = replace(everything, warnings=(*everything.warnings, mix))
    return Quality(
        extractor=extractor.name,
        image_size=size,
        classes=classes,
        pooled=everything,
        bar=bar,
        nearest=nearest,
        held_out={
            label: _against_held_out(label, images, fakes[label], bar)
            for label, images in others.items()
        }
        or None,
    )


def class_quality(
    real: MeasuredSet,
    fake: MeasuredSet,
    noise: MeasuredSet | None = None,
    *,
    extractor: str,
    k: int = K,
    seed: int = 0,
    copies: tuple[Copy, ...] = (),
) -> ClassQuality:
    """Measure one class, or all pooled, from features that are there already."""
    x, y, device = real.features.rows, fake.features.rows, real.features.device
    n, m, d = len(x), len(y), x.shape[1]
    reasons: dict[str, str] = {}
    warnings = []
    if min(n, m) <= d:
        warnings.append(
            f"covariance singular, n < d: n is {min(n, m)}, d {d}; FID is defined but far above its large-n value; "
            "compare it with its floor only"
        )
    extrapolated = fid_infinity(x, y, seed=seed)
    if extrapolated is None:
        reasons["fid_inf"] = (
            f"not in the 1/n regime: {min(n, m)} images; at least 2 d = {2 * d} are wanted"
        )
    patients, others = real.features.groups, fake.features.groups
    kernel = kernel_distance(x, y, seed=seed, groups=patients, fake_groups=others)
    if kernel.interval is None:
        reasons["kid_ci"] = "fewer than 4 images or patients on a side: nothing to resample"
    score = (
        None
        if fake.features.probabilities is None
        else inception_score(fake.features.probabilities)
    )
    if score is None:
        reasons["is_mean"] = "the extractor gives no class probabilities"
    similar = diversity(fake.images, seed=seed, device=device)
    if similar is None:
        reasons["ms_ssim"] = "images smaller than the 11-pixel window"
    floor = floors_of(
        _comparison(k), real.features, fake.features, noise.features if noise else None, seed=seed
    )
    if not floor:
        reasons["floor"] = (
            f"{n} real and {m} synthetic images make no two halves of at least 2, no patient in both"
        )
        warnings.append(f"no floor: {reasons['floor']}")
    similar_real = diversity(real.images, seed=seed, device=device)
    if similar is not None and similar_real is not None:
        floor["ms_ssim"] = _diversity_floor(
            n,
            similar_real,
            similar,
            diversity(noise.images, seed=seed, device=device) if noise else None,
        )
    if k > min(n, m) - 1:
        warnings.append(
            f"k lowered from {k} to {max(1, min(n, m) - 1)}: there are {n} real and {m} synthetic images"
        )
    neighbours = neighbour_metrics(x, y, k=k)
    return ClassQuality(
        extractor=extractor,
        dim=d,
        num_real=n,
        num_fake=m,
        k=neighbours.k,
        fid=frechet_distance(x, y),
        fid_inf=extrapolated,
        kid=kernel.all_images,
        kid_ci=kernel.interval,
        kid_mean=kernel.subsets.mean,
        kid_std=kernel.subsets.std,
        kid_subset_size=kernel.subsets.subset_size,
        is_mean=score.mean if score else None,
        is_std=score.std if score else None,
        is_splits=score.splits if score else None,
        precision=neighbours.precision,
        recall=neighbours.recall,
        density=neighbours.density,
        coverage=neighbours.coverage,
        auth_pct=neighbours.auth_pct,
        ms_ssim=similar.mean if similar else None,
        ms_ssim_pairs=similar.pairs if similar else None,
        ms_ssim_scales=similar.scales if similar else None,
        copies=copies,
        floor=floor,
        reasons=reasons,
        warnings=tuple(warnings),
    )


def _pooled_copies(
    found: Mapping[str, tuple[Copy, ...]],
    fakes: Mapping[str, ImageSet],
    reals: Mapping[str, ImageSet],
) -> tuple[Copy, ...]:
    """Return the copies of all classes, nearest first, and the images that are a film of another class pixel for pixel."""
    copies = [_placed(label, label, copy) for label, rows in found.items() for copy in rows]
    places = {
        image.tobytes(): (label, name)
        for label, real in reals.items()
        for image, name in zip(real.images, real.names, strict=True)
    }
    for label, fake in fakes.items():
        listed = {copy.synthetic for copy in found[label]}
        for image, name in zip(fake.images, fake.names, strict=True):
            other, film = places.get(image.tobytes(), (label, ""))
            if other != label and name not in listed:
                row = Copy(
                    synthetic=name,
                    nearest=film,
                    distance=0.0,
                    nearest_by_features=film,
                    feature_distance=0.0,
                    by="identical",
                )
                copies.append(_placed(label, other, row))
    return tuple(sorted(copies, key=lambda copy: copy.order))


def _placed(label: str, other: str, copy: Copy) -> Copy:
    """Return ``copy`` with the classes before the names: among all classes file names need not differ."""
    return replace(
        copy,
        synthetic=f"{label}/{copy.synthetic}",
        nearest=f"{other}/{copy.nearest}",
        nearest_by_features=f"{other}/{copy.nearest_by_features}",
    )


def _comparison(k: int) -> Compare:
    def compare(real: Features, fake: Features) -> dict[str, float]:
        x, y = real.rows, fake.rows
        near = neighbour_metrics(x, y, k=k)
        kid = mmd2(x, y, groups=real.groups, fake_groups=fake.groups)
        found = {"fid": frechet_distance(x, y), "kid_mean": kid}
        if fake.probabilities is not None:
            found["is_mean"] = inception_score(fake.probabilities, splits=1).mean
        return found | {name: value for name, value in near.to_json().items() if name != "k"}

    return compare


def _diversity_floor(n: int, real: Diversity, fake: Diversity, noise: Diversity | None) -> Floor:
    """Return the real images' own similarity; its mean does not depend on n, so that no halves are needed."""
    return Floor(
        metric="ms_ssim",
        m=n,
        splits=1,
        mean=real.mean,
        std=real.standard_error,
        value_mean=fake.mean,
        value_std=fake.standard_error,
        ceiling=noise.mean if noise else None,
    )


def _against_held_out(
    label: str, held_out: MeasuredSet, fake: MeasuredSet, bar: CopyThreshold
) -> dict[str, object]:
    """Return KID to images no generator saw, and how many fakes lie as near to them as copies do."""
    copies = [row for row in find_copies(label, fake, held_out, bar) if row.by]
    enough = len(held_out) >= 2
    return {
        "num_held_out": len(held_out),
        "kid": mmd2(
            held_out.features.rows,
            fake.features.rows,
            groups=held_out.features.groups,
            fake_groups=fake.features.groups,
        )
        if enough
        else None,
        "copies": [row.to_json() for row in copies],
    }


def _check(
    real: Mapping[str, ImageSet],
    fake: Mapping[str, ImageSet],
    held_out: Mapping[str, ImageSet] | None,
) -> None:
    if not fake or set(fake) - set(real):
        raise InputError(
            f"classes: real {', '.join(sorted(real))}; synthetic {', '.join(sorted(fake)) or 'none'}; the same are wanted"
        )
    if extra := sorted(set(held_out or {}) - set(fake)):
        raise InputError(
            f"classes: held-out {', '.join(extra)}; those of the synthetic images are wanted"
        )
    for label in fake:
        for side, images in (("real", real[label]), ("synthetic", fake[label])):
            if len(images) < 2:
                raise InputError(
                    f"class {label}: {len(images)} {side} images; at least 2 are wanted"
                )
