"""Copies: every planted one is found, few real films are called one, and rejection takes them away."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fewray.data.loading import load_dataset
from fewray.errors import InputError
from fewray.imaging.arrays import load_images
from fewray.pipelines.quality_report import image_sets
from fewray.quality.copies.alignment import nearest_aligned
from fewray.quality.copies.detect import find_copies
from fewray.quality.copies.nearest import nearest_training
from fewray.quality.copies.threshold import copy_threshold
from fewray.quality.features.load import load_extractor
from fewray.quality.image_set import ImageSet, MeasuredSet, measured


@pytest.fixture(scope="module")
def phantoms() -> dict[str, MeasuredSet]:
    rows = load_dataset("phantom:size=64,train=20,test=1").where(split="train")
    compute = load_extractor("lite0")
    return {
        label: measured(images, compute, mirrored=True)
        for label, images in image_sets(rows, rows.classes, 64, "squash").items()
    }


def moved(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    padded = np.pad(images, ((0, 0), (0, 0), (4, 4), (4, 4)))
    return np.stack(
        [
            i[:, y : y + 64, x : x + 64]
            for i, (y, x) in zip(padded, rng.integers(0, 9, (len(images), 2)), strict=True)
        ]
    )


def brighter(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.clip(
        np.round(images * rng.choice([0.9, 1.1], (len(images), 1, 1, 1))), 0, 255
    ).astype(np.uint8)


PLANTED: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "as it is": lambda images, rng: images.copy(),
    "shifted": moved,
    "mirrored": lambda images, rng: images[..., ::-1].copy(),
    "brightness": brighter,
}


@pytest.mark.parametrize("kind", PLANTED)
def test_the_original_of_a_moved_film_is_found(kind: str, phantoms: dict[str, MeasuredSet]):
    films = phantoms["normal"].images
    near = nearest_aligned(PLANTED[kind](films, np.random.default_rng(0)), films)
    assert near.index.tolist() == list(range(len(films)))
    assert near.distance.max() < 0.01


def test_half_pixels_and_small_scales_are_found_too(phantoms: dict[str, MeasuredSet]):
    from scipy.ndimage import affine_transform

    films = phantoms["normal"].images
    for scale, shift in ((1.0, 1.5), (1.03, 0.0), (0.96, -0.5)):
        offset = 31.5 - scale * 31.5 + shift
        spoilt = np.stack(
            [affine_transform(f[0], [scale, scale], offset, order=1, mode="nearest") for f in films]
        )
        near = nearest_aligned(spoilt[:, None], films)
        assert near.index.tolist() == list(range(len(films)))
        assert near.distance.max() < 0.1


@pytest.mark.parametrize("degrees", [-10.0, -5.0, 5.0, 8.0])
def test_turned_films_are_found_too(degrees: float, phantoms: dict[str, MeasuredSet]):
    from scipy.ndimage import rotate

    films = phantoms["normal"].images
    turned = np.stack(
        [[rotate(f[0].astype(float), degrees, reshape=False, order=1)] for f in films]
    )
    near = nearest_aligned(np.clip(np.round(turned), 0, 255).astype(np.uint8), films)
    assert near.index.tolist() == list(range(len(films)))
    assert near.distance.max() < (0.02 if degrees % 5 == 0 else 0.15)


def test_what_docs_call_not_searched_is_not_found():
    from scipy.ndimage import gaussian_filter

    blobs = gaussian_filter(np.random.default_rng(0).normal(size=(6, 1, 64, 64)), (0, 0, 3, 3))
    films = np.clip(128 + 60 * blobs / blobs.std(), 0, 255).astype(np.uint8)
    assert nearest_aligned(films, films).distance.max() < 0.01
    for hidden in (255 - films, films[:, :, ::-1].copy()):
        assert nearest_aligned(hidden, films).distance.min() > 0.4


@pytest.mark.parametrize("size", [64, 50, 100])
def test_pictures_without_structure_are_like_nothing(size: int):
    flat = np.stack([np.full((1, size, size), level, np.uint8) for level in (0, 7, 90, 171, 255)])
    films = np.random.default_rng(0).integers(0, 256, (3, 1, size, size), dtype=np.uint8)
    assert nearest_aligned(flat, np.concatenate([flat, films])).distance.tolist() == [1.0] * 5


def test_the_distance_is_that_of_the_definition():
    """Windows one by one: each less its own blur, then the correlation, then the best of all."""
    from scipy.ndimage import gaussian_filter

    rng, margin, inner = np.random.default_rng(0), 5, 54
    smooth = [gaussian_filter(rng.normal(size=(4, 64, 64)), (0, width, width)) for width in (4, 2)]
    film, other, third, fourth = np.clip(
        128 + sum(60 * each / each.std() for each in smooth), 0, 255
    ).astype(np.uint8)
    query = np.clip(0.5 * np.roll(film, 3, 1) + 0.5 * other, 0, 255).astype(np.uint8)

    def detail(window: np.ndarray) -> np.ndarray:
        return window - gaussian_filter(window.astype(float), inner / 7, truncate=8)

    sought = detail(query[margin:-margin, margin:-margin])
    alike = [
        np.corrcoef(sought.ravel(), detail(picture[y : y + inner, x : x + inner]).ravel())[0, 1]
        for picture in (film, film[:, ::-1])
        for y in range(64 - inner + 1)
        for x in range(64 - inner + 1)
    ]
    near = nearest_aligned(query[None, None], np.stack([film, third, fourth])[:, None])
    assert near.index == [0]
    assert near.distance[0] == pytest.approx(1 - max(alike), abs=1e-4)


def test_images_of_one_patient_are_excluded_on_demand(phantoms: dict[str, MeasuredSet]):
    films = phantoms["normal"]
    held_out = nearest_training(films, films, exclude_same_patient=True)
    for i, (by_pixels, by_features) in enumerate(
        zip(held_out.index, held_out.feature_index, strict=True)
    ):
        assert films.groups[by_pixels] != films.groups[i] != films.groups[by_features]
    alone = MeasuredSet(
        films.images, films.names, tuple("p" for _ in films.names), films.features, films.mirrored
    )
    assert np.isinf(nearest_training(alone, alone, exclude_same_patient=True).distance).all()
    assert copy_threshold({"a": alone}).num_held_out == 0


def test_planted_copies_are_listed_and_unseen_films_are_not(phantoms: dict[str, MeasuredSet]):
    bar = copy_threshold(phantoms)
    assert bar.num_held_out == sum(len(films) for films in phantoms.values())
    assert bar.real_flagged <= 0.02 * bar.num_held_out
    train, rng = phantoms["normal"], np.random.default_rng(0)
    compute = load_extractor("lite0")
    for kind, plant in PLANTED.items():
        rows = find_copies(
            "normal",
            measured(ImageSet.of(plant(train.images, rng), names=train.names), compute),
            train,
            bar,
        )
        assert all(row.detected_by for row in rows), kind
        assert all(row.nearest == row.synthetic for row in rows), kind
    unseen = load_dataset("phantom:size=64,train=20,test=1,seed=5").where(
        split="train", label="normal"
    )
    fresh = measured(ImageSet.of(load_images(unseen.paths(), 64, "squash")), compute)
    assert sum(bool(row.detected_by) for row in find_copies("normal", fresh, train, bar)) <= 2


def test_an_identical_image_is_a_copy_where_no_bar_can_be_drawn(phantoms: dict[str, MeasuredSet]):
    films = phantoms["normal"]
    alone = MeasuredSet(
        films.images, films.names, tuple("p" for _ in films.names), films.features, films.mirrored
    )
    bar = copy_threshold({"normal": alone})
    assert bar.text.startswith("Copies cannot be detected with one patient per class")
    rows = find_copies("normal", alone, alone, bar)
    assert {(row.detected_by, row.distance) for row in rows} == {("identical", 0.0)}
    assert all(row.synthetic == row.nearest for row in rows)
    moved_on = measured(
        ImageSet.of(moved(films.images, np.random.default_rng(0)), films.names),
        load_extractor("pixels"),
    )
    pixels = measured(
        ImageSet(films.images, films.names, alone.groups), load_extractor("pixels"), mirrored=True
    )
    assert not any(row.detected_by for row in find_copies("normal", moved_on, pixels, bar))
    other = copy_threshold({"normal": alone, "covid": phantoms["covid"]})
    assert "In normal (one patient), only images that equal" in other.text
    flat = np.zeros((2, 1, 64, 64), np.uint8)  # like nothing after alignment
    black = measured(ImageSet.of(flat, ("x", "y")), load_extractor("pixels"), mirrored=True)
    assert [(row.nearest, row.detected_by) for row in find_copies("normal", black, black, bar)] == [
        ("x", "identical")
    ] * 2


def test_a_twin_under_another_patient_sets_no_bar(phantoms: dict[str, MeasuredSet]):
    films = phantoms["normal"]
    images = np.concatenate([films.images, films.images[:1]])
    twin = ImageSet(images, (*films.names, "twin"), (*films.groups, "other patient"))
    compute = load_extractor("pixels")
    bar, before = (
        copy_threshold({"a": measured(s, compute, mirrored=True)}) for s in (twin, films)
    )
    assert bar.pixels == pytest.approx(before.pixels, rel=0.1)  # the twin counts in the median
    assert bar.real_flagged == before.real_flagged + 2


def test_films_are_said_to_be_held_out_with_their_patient_only_where_patients_are_known(
    phantoms: dict[str, MeasuredSet],
):
    films = phantoms["normal"]
    alone = replace(films, groups=films.names)
    pairs = replace(films, groups=tuple(f"p{index // 2}" for index in range(len(films))))
    assert copy_threshold({"normal": pairs}).grouped
    assert "held out with their patient" in copy_threshold({"normal": pairs}).text
    assert not copy_threshold({"normal": alone}).grouped
    assert "held out one by one" in copy_threshold({"normal": alone}).text


def test_a_percentile_out_of_range_is_refused(phantoms: dict[str, MeasuredSet]):
    with pytest.raises(InputError, match="0 to 50"):
        copy_threshold(phantoms, percentile=80)


@pytest.mark.long
def test_on_covid4_planted_copies_are_found_and_few_real_films_flagged(covid4):
    rows = load_dataset("covid4")
    compute = load_extractor("lite0")
    sets = image_sets(rows, rows.classes, 64, "squash")
    films = {label: measured(images, compute, mirrored=True) for label, images in sets.items()}
    bar = copy_threshold(films)
    flagged = 0
    for label, images in films.items():
        near = nearest_training(
            images, images, exclude_same_patient=True
        )  # each held out with its group
        flagged += sum(
            bool(bar.flags(label, p, f))
            for p, f in zip(near.distance, near.feature_distance, strict=True)
        )
        rng = np.random.default_rng(0)
        for kind, plant in PLANTED.items():
            planted = measured(ImageSet.of(plant(images.images, rng), images.names), compute)
            found = [
                row
                for row in find_copies(label, planted, images, bar)
                if row.detected_by and row.nearest == row.synthetic
            ]
            assert len(found) >= 0.95 * len(images), (label, kind)
    assert flagged <= 6
    assert bar.num_held_out == 306
