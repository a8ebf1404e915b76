"""All metrics of synthetic against real images, per class and pooled, from one feature pass."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from fewray.errors import InputError
from fewray.quality.baselines import Compare, baselines_of, noise_images, with_verdict
from fewray.quality.copies.areas import AreaSearch, find_areas, real_areas
from fewray.quality.copies.detect import find_copies, pooled_copies
from fewray.quality.copies.threshold import PERCENTILE, copy_threshold
from fewray.quality.features.extractor import Extractor, Features
from fewray.quality.features.standardise import standardised
from fewray.quality.held_out import held_out_quality
from fewray.quality.image_set import ImageSet, MeasuredSet, measured, mix_warning, pooled
from fewray.quality.metrics.fid import fid_infinity, frechet_distance
from fewray.quality.metrics.inception_score import inception_score
from fewray.quality.metrics.kid import kernel_distance, mmd2
from fewray.quality.metrics.ms_ssim import Diversity, diversity
from fewray.quality.metrics.prdc import K, neighbour_metrics
from fewray.quality.metrics.vendi import vendi_score
from fewray.quality.texture_differences import with_differences
from fewray.results.areas import ClassAreas
from fewray.results.copies import Copy
from fewray.results.quality import ClassQuality, QualityReport
from fewray.results.scores import StudyWarning

Nearest = dict[str, tuple[Copy, ...]]
"""By class: every synthetic image with its nearest training images, copies first."""
Measured = tuple[QualityReport, Nearest, AreaSearch]


def measure_quality(
    real: Mapping[str, ImageSet],
    fake: Mapping[str, ImageSet],
    extractor: Extractor,
    *,
    held_out: Mapping[str, ImageSet] | None = None,
    k: int = K,
    copy_percentile: float = PERCENTILE,
    seed: int = 0,
) -> Measured:
    """Measure the synthetic images of each class; :func:`measure_sets` explains the parameters."""
    found = measure_sets(
        real,
        {"": fake},
        extractor,
        held_out=held_out,
        k=k,
        copy_percentile=copy_percentile,
        seed=seed,
    )
    return found[""]


def measure_sets(
    real: Mapping[str, ImageSet],
    fakes: Mapping[str, Mapping[str, ImageSet]],
    extractor: Extractor,
    *,
    held_out: Mapping[str, ImageSet] | None = None,
    k: int = K,
    copy_percentile: float = PERCENTILE,
    seed: int = 0,
) -> dict[str, Measured]:
    """Measure each set of synthetic images, by class, against the real training images.

    All sets have the same classes. What depends on the real images alone is computed once; the
    baselines are equal if the sets have equal numbers of images and patients.

    ``held_out`` are real images that no generator saw: they make the copy threshold less noisy, and
    synthetic images are measured against them too. Classes of ``real`` without synthetic images are
    not measured, but help to set the threshold. InputError if a class has no real images or either
    side has fewer than 2.
    """
    for fake in fakes.values():
        _check(real, fake, held_out)
    extractor = standardised(extractor, [images.images for images in real.values()])
    reals = {label: measured(images, extractor, mirrored=True) for label, images in real.items()}
    others = {label: measured(images, extractor) for label, images in (held_out or {}).items()}
    first = next(iter(reals.values()))
    noise = measured(ImageSet.of(noise_images(first.images.shape[2], seed=seed)), extractor)
    threshold = copy_threshold(reals, others, percentile=copy_percentile)
    device = first.features.device
    known = real_areas(reals, others, percentile=copy_percentile, seed=seed, device=device)
    labels = list(next(iter(fakes.values())))
    everything_real = pooled({label: reals[label] for label in labels})

    def measure(fake: Mapping[str, ImageSet]) -> Measured:
        fakes = {label: measured(images, extractor) for label, images in fake.items()}
        nearest = {
            label: tuple(find_copies(label, fakes[label], reals[label], threshold))
            for label in fakes
        }
        copies = {
            label: tuple(row for row in found if row.detected_by)
            for label, found in nearest.items()
        }
        areas = find_areas(reals, fakes, seed=seed, device=device, known=known)
        classes = {
            label: class_quality(
                reals[label],
                fakes[label],
                noise,
                k=k,
                seed=seed,
                copies=copies[label],
                areas=areas.classes.get(label, areas.limit.undefined.get(label)),
            )
            for label in fakes
        }
        if extractor.figures:
            classes = {
                label: with_differences(
                    found,
                    reals[label].features,
                    fakes[label].features,
                    extractor.figures,
                    seed=seed,
                )
                for label, found in classes.items()
            }
        everything = class_quality(
            everything_real,
            pooled(fakes),
            noise,
            k=k,
            seed=seed,
            copies=pooled_copies(copies, fakes, reals),
        )
        counts = ({label: len(side[label]) for label in fakes} for side in (reals, fakes))
        if (mix := mix_warning(*counts)) is not None:
            warnings = (*everything.warnings, mix)
            everything = msgspec.structs.replace(everything, warnings=warnings)
        against, pooled_against = held_out_quality(others, reals, fakes, threshold, seed=seed)
        report = QualityReport(
            extractor=extractor.name,
            dim=first.features.features.shape[1],
            image_size=first.images.shape[2],
            fit=None,
            classes=classes,
            pooled=everything,
            copy_threshold=threshold,
            area_limit=areas.limit,
            held_out=against,
            pooled_held_out=pooled_against,
            membership={},
            tstr=None,
            notes=(),
        )
        return report, nearest, areas

    return {name: measure(fake) for name, fake in fakes.items()}


def class_quality(
    real: MeasuredSet,
    fake: MeasuredSet,
    noise: MeasuredSet | None = None,
    *,
    k: int = K,
    seed: int = 0,
    copies: tuple[Copy, ...] = (),
    areas: ClassAreas | str | None = None,
) -> ClassQuality:
    """Return the metrics of one class, or of all pooled, from features already computed.

    ``copies`` and ``areas`` are passed on; a text says why there are no areas.
    """
    x, y = real.features.matrix, fake.features.matrix
    n, m, d = len(x), len(y), x.shape[1]
    undefined: dict[str, str] = {}
    warnings: list[StudyWarning] = []

    def warn(code: str, text: str) -> None:
        warnings.append(StudyWarning(code=code, text=text))

    if isinstance(areas, str):
        undefined["areas"] = areas
    if min(n, m) <= d:
        warn(
            "covariance_singular",
            f"FID is far above its large-n value: n is {min(n, m)}, fewer than the {d} features. "
            "Compare it with its real-vs-real baseline only.",
        )
    extrapolated = fid_infinity(x, y, seed=seed)
    if extrapolated is None:
        undefined["fid_inf"] = f"needs at least {2 * d} images (2 per feature), not {min(n, m)}"
    patients, others = real.features.groups, fake.features.groups
    kernel = kernel_distance(x, y, seed=seed, groups=patients, fake_groups=others)
    if kernel.interval is None:
        undefined["kid_ci"] = "needs at least 4 images and patients per side"
    probabilities = fake.features.probabilities
    score = None if probabilities is None else inception_score(probabilities)
    if score is None:
        undefined["is_mean"] = "the extractor gives no class probabilities"
    similar = _similarity(fake, seed)
    if similar is None:
        undefined["ms_ssim"] = "images are smaller than the 11-pixel window"
    baselines = baselines_of(
        _comparison(k), real.features, fake.features, noise.features if noise else None, seed=seed
    )
    if not baselines:
        undefined["baselines"] = (
            f"{n} real and {m} synthetic images cannot be halved by patient into at least 2 each"
        )
        warn("no_baseline", f"No real-vs-real baseline: {undefined['baselines']}.")
    similar_real = _similarity(real, seed)
    if similar is not None and similar_real is not None:
        of_noise = _similarity(noise, seed) if noise else None
        baselines["ms_ssim"] = with_verdict(  # the mean does not depend on n: no halves are needed
            "ms_ssim",
            m=n,
            splits=1,
            real_vs_real=similar_real.mean,
            real_vs_real_sd=similar_real.standard_error,
            synthetic=similar.mean,
            synthetic_sd=similar.standard_error,
            noise=of_noise.mean if of_noise else None,
        )
    neighbours = neighbour_metrics(x, y, k=k)
    if neighbours.k < k:
        warn(
            "k_lowered", f"k lowered from {k} to {neighbours.k}: {n} real and {m} synthetic images."
        )
    return ClassQuality(
        num_real=n,
        num_fake=m,
        k=neighbours.k,
        fid=frechet_distance(x, y),
        fid_inf=extrapolated,
        kid=kernel.all_images,
        kid_ci=kernel.interval,
        kid_subset_mean=kernel.subset_mean,
        kid_subset_sd=kernel.subset_sd,
        kid_subset_size=kernel.subset_size,
        is_mean=score.mean if score else None,
        is_sd=score.sd if score else None,
        is_splits=score.splits if score else None,
        precision=neighbours.precision,
        recall=neighbours.recall,
        density=neighbours.density,
        coverage=neighbours.coverage,
        auth_pct=neighbours.auth_pct,
        ms_ssim=similar.mean if similar else None,
        ms_ssim_pairs=similar.pairs if similar else None,
        ms_ssim_scales=similar.scales if similar else None,
        vendi=vendi_score(y),
        copies=copies,
        areas=areas if isinstance(areas, ClassAreas) else None,
        baselines=baselines,
        undefined=undefined,
        warnings=tuple(warnings),
    )


def _similarity(images: MeasuredSet, seed: int) -> Diversity | None:
    """Return the MS-SSIM of the images, computed once for each seed."""
    if seed not in images.similarity:
        device = images.features.device
        images.similarity[seed] = diversity(images.images, seed=seed, device=device)
    return images.similarity[seed]


def _comparison(k: int) -> Compare:
    def compare(real: Features, fake: Features) -> dict[str, float]:
        x, y = real.matrix, fake.matrix
        neighbours = neighbour_metrics(x, y, k=k)
        found = {
            "fid": frechet_distance(x, y),
            "kid": mmd2(x, y, groups=real.groups, fake_groups=fake.groups),
            "vendi": vendi_score(y),
        }
        if fake.probabilities is not None:
            found["is_mean"] = inception_score(fake.probabilities, splits=1).mean
        return found | neighbours.values()

    return compare


def _check(
    real: Mapping[str, ImageSet],
    fake: Mapping[str, ImageSet],
    held_out: Mapping[str, ImageSet] | None,
) -> None:
    if not fake or set(fake) - set(real):
        listed = f"real {', '.join(sorted(real))}; synthetic {', '.join(sorted(fake)) or 'none'}"
        message = f"classes: {listed}. Every synthetic class needs real images."
        raise InputError("classes_differ", message, real=sorted(real), synthetic=sorted(fake))
    if extra := sorted(set(held_out or {}) - set(fake)):
        message = f"classes: held-out {', '.join(extra)} without synthetic images."
        raise InputError("classes_differ", message, held_out=extra)
    for label in fake:
        for side, images in (("real", real[label]), ("synthetic", fake[label])):
            if len(images) < 2:
                message = f"class {label}: {len(images)} {side} images, expected at least 2."
                raise InputError("too_few_images", message, label=label, side=side)
