"""Copied areas: mosaics owe their parts, other images nothing, and few real images are flagged."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from experiments.planted_defects import patient_halves
from experiments.planted_mosaics import MOSAICS
from fewray.data.loading import load_dataset
from fewray.errors import InputError
from fewray.pipelines.quality_report import image_sets
from fewray.quality.copies import areas as module
from fewray.quality.copies.areas import find_areas, limit_rank
from fewray.quality.copies.owed import owed_areas, owed_map, window_threshold
from fewray.quality.copies.threshold import merged_groups, together
from fewray.quality.copies.windows import NearestWindows, nearest_windows
from fewray.quality.image_set import ImageSet

GRID = (14, 14)


@pytest.fixture(scope="module")
def phantoms() -> dict[str, ImageSet]:
    rows = load_dataset("phantom:size=64,train=16,test=1").where(split="train")
    return image_sets(rows, ("normal", "covid"), 64, "squash")


@pytest.fixture(scope="module")
def threshold(phantoms: dict[str, ImageSet]) -> np.ndarray:
    """Return the window threshold of phantoms of class normal."""
    train = phantoms["normal"]
    groups = np.array(train.groups, object)
    near = nearest_windows(train.images, train.images, groups[:, None] != groups[None])
    return window_threshold(near.distance, 2.0)


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 1, 64, 64), np.uint8)


def test_the_threshold_is_passed_by_two_percent_of_real_windows_of_any_place():
    rng = np.random.default_rng(0)
    usual = rng.uniform(0.1, 0.9, GRID)  # places differ, in scale only
    distance = usual * rng.uniform(0.5, 1.5, (400, *GRID))
    below = distance < window_threshold(distance, 2.0)
    assert below.mean() == pytest.approx(0.02, abs=1e-4)
    assert below.mean(0).max() < 0.06  # four standard deviations
    assert not (distance < window_threshold(distance, 0.0)).any()


def test_an_owed_map_adds_windows_up():
    distance, limits = np.ones(GRID), np.full(GRID, 0.8)
    distance[0, 0], distance[0, 13], distance[0, 1] = 0.0, 0.4, 0.6
    canvas = owed_map(distance < 2, distance, limits)
    assert canvas[:24, :24].tolist() == np.ones((24, 24)).tolist()
    assert canvas[:24, 24:27] == pytest.approx(0.25)
    assert canvas[:24, 40:] == pytest.approx(0.5)
    assert canvas[24:].max() == canvas[:24, 27:40].max() == 0
    other = distance != 0.4  # a window of another reference
    index = np.where(other, 3, 5)
    found = owed_areas(NearestWindows(index=index[None], distance=distance[None]), limits)
    assert found.index == [3]
    assert found.owed == pytest.approx((24 * 24 + 0.25 * 3 * 24) / 4096)
    assert found.area == pytest.approx(24 * 27 / 4096)
    assert found.windows == pytest.approx(3 / 196)


def test_a_training_image_owes_itself_everything(
    phantoms: dict[str, ImageSet], threshold: np.ndarray
):
    train = phantoms["normal"].images
    brighter = np.round(0.7 * train + 30).astype(np.uint8)
    shifted = np.pad(train, ((0, 0), (0, 0), (2, 0), (2, 0)), mode="edge")[:, :, :64, :64]
    for name, images, least in (
        ("unchanged", train, 0.99),
        ("mirrored", train[..., ::-1].copy(), 0.99),
        ("brightness and contrast", brighter, 0.9),
        ("shifted by 2 px", shifted, 0.8),  # not the part that is new
    ):
        found = owed_areas(nearest_windows(images, train), threshold)
        assert found.index.tolist() == list(range(len(train))), name
        assert found.owed.min() > least, name


def test_noise_and_flat_images_owe_nothing(phantoms: dict[str, ImageSet], threshold: np.ndarray):
    flat = np.full((1, 1, 64, 64), 90, np.uint8)
    near = nearest_windows(np.concatenate([noise(10), flat]), phantoms["normal"].images)
    found = owed_areas(near, threshold)
    assert found.index.tolist() == [-1] * 11
    assert found.owed.max() == found.area.max() == found.windows.max() == 0


@pytest.mark.parametrize("other", ["noise", "another class"])
def test_half_an_image_owes_half(other: str, phantoms: dict[str, ImageSet], threshold: np.ndarray):
    train = phantoms["normal"].images
    images = phantoms["covid"].images.copy()
    if other == "noise":
        images = (100 + noise(len(images)) // 10).astype(np.uint8)
    images[..., :32] = train[..., :32]
    found = owed_areas(nearest_windows(images, train), threshold)
    assert found.index.tolist() == list(range(len(train)))
    assert found.owed.min() > 0.4
    assert found.owed.max() < 0.75  # windows across the border are partly copied


def test_a_report_names_the_images_that_owe_most(phantoms: dict[str, ImageSet]):
    train = phantoms["normal"]
    fake = ImageSet.of(np.concatenate([noise(3), train.images[4:6]]), ["a", "b", "c", "d", "e"])
    found = find_areas(phantoms, {"normal": fake})
    images, areas = found.images["normal"], found.classes["normal"]
    assert {image.synthetic: image.nearest for image in images} == {
        "d": train.names[4],
        "e": train.names[5],
        "a": "",
        "b": "",
        "c": "",
    }
    assert [image.synthetic for image in areas.worst] == [image.synthetic for image in images[:2]]
    assert (areas.num_images, areas.num_flagged) == (5, 2)
    assert areas.copied_windows == pytest.approx(0.4, abs=0.01)
    assert areas.real_windows == pytest.approx(0.02, abs=0.01)
    assert areas.ratio == areas.copied_windows / areas.real_windows
    assert found.maps["normal"].shape == (5, 64, 64)
    for image, canvas in zip(images, found.maps["normal"], strict=True):
        assert canvas.mean() == pytest.approx(image.owed, abs=1e-6)
    nothing = find_areas(phantoms, {"normal": ImageSet.of(noise(3))}).classes["normal"]
    assert (nothing.copied_windows, nothing.num_flagged, len(nothing.worst)) == (0, 0, 1)


def test_other_patients_phantoms_are_seldom_flagged(phantoms: dict[str, ImageSet]):
    rows = load_dataset("phantom:size=64,train=16,test=1,seed=5").where(split="train")
    found = find_areas(phantoms, image_sets(rows, ("normal", "covid"), 64, "squash"))
    assert found.limit.num_held_out == sum(len(images) for images in phantoms.values())
    assert sum(areas.num_flagged for areas in found.classes.values()) <= 2  # of 32; 1 is expected
    assert max(areas.copied_windows for areas in found.classes.values()) < 0.08


def test_the_rank_keeps_to_the_percentile_with_four_fifths_certainty():
    for n in (80, 155, 270, 1000):
        rank = limit_rank(n, 2.0)
        assert binom.cdf(rank, n, 0.02) <= 0.2 < binom.cdf(rank + 1, n, 0.02)
        assert (rank + 1) / (n + 1) < 0.02
    assert [limit_rank(n, 2.0) for n in (1, 2, 79)] == [0, 0, 0]
    assert limit_rank(50, 0.0) == 0


def test_the_limit_flags_few_of_the_images_that_set_it(phantoms: dict[str, ImageSet]):
    found = find_areas(phantoms, phantoms).limit
    assert found.real_flagged == limit_rank(found.num_held_out, 2.0) == 0
    assert found.false_alarms == pytest.approx(1 / (found.num_held_out + 1))


def test_held_out_images_help_to_set_the_limit(phantoms: dict[str, ImageSet]):
    train = {"normal": phantoms["normal"]}
    unseen = phantoms["covid"]
    alone, helped = (
        find_areas(train, train, held_out).limit for held_out in (None, {"normal": unseen})
    )
    assert helped.num_held_out == alone.num_held_out + len(unseen)


def test_one_patient_leaves_areas_undefined(phantoms: dict[str, ImageSet]):
    single = replace(phantoms["normal"], groups=("p",) * len(phantoms["normal"]))
    found = find_areas({"normal": single}, {"normal": single})
    assert (found.classes, found.limit.limit) == ({}, None)
    assert "at least two patients" in found.limit.undefined["normal"]
    assert "no area search" in found.limit.text
    both = find_areas({"normal": single, "covid": phantoms["covid"]}, {"normal": single})
    assert both.limit.limit is not None
    assert both.limit.num_held_out == len(phantoms["covid"])
    assert both.classes == {}
    assert "Class normal: no area search" in both.limit.text


def test_two_images_of_two_patients_are_enough(phantoms: dict[str, ImageSet]):
    two = ImageSet.of(phantoms["normal"].images[:2])
    found = find_areas({"normal": two}, {"normal": two})
    assert found.classes["normal"].num_flagged == 2
    assert found.limit.false_alarms == pytest.approx(1 / 3)


def test_a_duplicate_under_another_patient_does_not_raise_the_limit(phantoms: dict[str, ImageSet]):
    films = phantoms["normal"]
    twin = ImageSet(
        np.concatenate([films.images, films.images[:1]]),
        (*films.names, "twin"),
        (*films.groups, "other patient"),
    )
    before, after = (find_areas({"normal": s}, {"normal": s}).limit for s in (films, twin))
    assert before.limit is not None
    assert after.limit is not None
    assert after.limit < before.limit + 0.1
    assert after.real_flagged == before.real_flagged + 2
    assert after.false_alarms == pytest.approx(3 / (len(twin) + 1))


def test_the_search_is_limited_to_a_number_of_pairs(
    phantoms: dict[str, ImageSet], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "PAIRS", 10 * len(phantoms["normal"]))
    first, again = (find_areas(phantoms, phantoms) for _ in range(2))
    assert first.classes["normal"].num_images == 10
    assert first.images == again.images
    assert first.limit == again.limit
    other = find_areas(phantoms, phantoms, seed=1)
    assert {i.synthetic for i in other.images["normal"]} != {
        i.synthetic for i in first.images["normal"]
    }


def test_a_percentile_out_of_range_is_refused(phantoms: dict[str, ImageSet]):
    with pytest.raises(InputError) as caught:
        find_areas(phantoms, phantoms, percentile=80)
    assert caught.value.code == "copy_percentile_out_of_range"


def test_mosaics_of_three_parts_are_found_on_covid4_and_unseen_images_are_not(covid4):
    """Half of each class by patient is the training set; mosaics and unseen images are searched."""
    rows = load_dataset("covid4")
    halves = {}
    for label, images in image_sets(rows, rows.classes, 64, "squash").items():
        patients = merged_groups(images)[0]
        halves[label] = patient_halves(replace(images, groups=patients), 0)
    train = {label: first for label, (first, _) in halves.items()}
    make, rng = MOSAICS["three parts, each over 20%"], np.random.default_rng(0)
    mosaics = [str(i) for i in range(100)]
    given = {
        label: together(unseen, ImageSet.of(make(known.images, 100, rng), mosaics))
        for label, (known, unseen) in halves.items()
    }
    found = find_areas(train, given)
    flagged = {
        label: {image.synthetic for image in images if image.flagged}
        for label, images in found.images.items()
    }
    planted = {label: len(names & set(mosaics)) for label, names in flagged.items()}
    real = {label: len(names - set(mosaics)) for label, names in flagged.items()}
    total = sum(len(unseen) for _, unseen in halves.values())
    numbers = f"of 100 mosaics per class {planted}, of {total} unseen real images {real} flagged"
    print(numbers)
    assert all(count >= 95 for count in planted.values()), numbers
    assert sum(real.values()) <= 0.02 * total, numbers
    assert {label: len(images) for label, images in found.images.items()} == {
        label: len(images) for label, images in given.items()
    }
