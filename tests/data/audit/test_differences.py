"""Images unlike the rest: polarity, size, shape, depth, outliers that set the scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fewray.data.audit.appearance import appearance, reduced_copy
from fewray.data.audit.differences import depth_findings, polarity_findings, size_findings
from fewray.data.audit.inspection import InspectedFile
from fewray.data.audit.metadata import FileFacts
from fewray.data.audit.polarity import opposite_classes, polarity
from fewray.data.loading import load_dataset
from fewray.imaging.decode import decode
from fewray.imaging.depth import GreyRange
from fewray.imaging.preprocess import resize

RAMP = np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))
SHOWN = appearance(RAMP, RAMP, None)


@pytest.fixture(scope="module")
def chests() -> dict[str, np.ndarray]:
    """Return phantoms by class, uint8 (12, 32, 32)."""
    found: dict[str, list[np.ndarray]] = {}
    for row in load_dataset("phantom:size=64,train=12,test=0").rows:
        small = resize(reduced_copy(decode(row.path)), 32, "squash")
        found.setdefault(row.label, []).append(small)
    return {label: np.stack(images) for label, images in found.items()}


def inverted(images: np.ndarray, which: list[int]) -> np.ndarray:
    changed = images.copy()
    changed[which] = 255 - changed[which]
    return changed


@pytest.mark.parametrize("which", [[], [3], [0, 5, 11], [1, 2, 3, 4, 5]])
def test_inverted_images_are_found_whatever_their_number(
    chests: dict[str, np.ndarray], which: list[int]
):
    for images in chests.values():
        found = polarity(inverted(images, which))
        assert found is not None
        assert list(found.opposite) == which


def test_more_than_half_inverted_names_the_others(chests: dict[str, np.ndarray]):
    found = polarity(inverted(chests["normal"], list(range(8))))
    assert found is not None
    assert found.opposite == (8, 9, 10, 11)
    half = polarity(inverted(chests["normal"], list(range(6))))
    assert half is not None
    assert half.opposite == (6, 7, 8, 9, 10, 11)


def test_noise_and_few_images_are_not_judged(chests: dict[str, np.ndarray]):
    rng = np.random.default_rng(0)
    for n in (6, 8, 40):
        assert polarity(rng.integers(0, 256, (n, 32, 32), np.uint8)) is None
    assert polarity(chests["normal"][:5]) is None
    assert polarity(np.zeros((9, 32, 32), np.uint8)) is None


def test_a_class_that_is_inverted_as_a_whole_is_named(chests: dict[str, np.ndarray]):
    found = {label: polarity(images) for label, images in chests.items()}
    upright = {label: each for label, each in found.items() if each is not None}
    assert len(upright) == 4
    assert opposite_classes(upright) == ()
    other = polarity(255 - chests["normal"])
    assert other is not None
    assert opposite_classes({**upright, "normal": other}) == ("normal",)
    assert opposite_classes({}) == ()


def test_findings_name_files_and_classes(chests: dict[str, np.ndarray]):
    files, labels = {}, {}
    for label, images in chests.items():
        changed = 255 - images if label == "normal" else inverted(images, [2])
        for index, image in enumerate(changed):
            name = f"{label}/{index}.png"
            seen = inspected(64, 64)
            files[name] = InspectedFile(facts=seen.facts, thumbnail=image, appearance=SHOWN)
            labels[name] = label
    images, classes = polarity_findings(files, labels, sorted(chests))
    assert images.code == "opposite_polarity"
    assert images.items == tuple(f"{label}/2.png" for label in sorted(chests) if label != "normal")
    assert classes.items == ("covid", "normal")


def inspected(width: int, height: int, grey: GreyRange | None = None) -> InspectedFile:
    return InspectedFile(facts=FileFacts(width=width, height=height, mode="L"), grey_range=grey)


@pytest.mark.parametrize("size", [(530, 530), (16, 16), (64, 640)])
def test_a_contact_sheet_among_small_images_is_odd(size: tuple[int, int]):
    files = {f"{i}.png": inspected(64, 64) for i in range(20)} | {"odd.png": inspected(*size)}
    (found,) = size_findings(files)
    assert (found.code, found.items) == ("odd_sizes", ("odd.png",))
    assert f"{size[0]}x{size[1]}" in found.text
    assert "most are 64x64" in found.text


def test_sizes_that_vary_anyway_are_not_odd():
    rng = np.random.default_rng(0)
    sides = 2 ** rng.normal(10, 0.7, (200, 2))
    files = {
        f"{i}.png": inspected(round(side), round(side * 2**shape))
        for i, (side, shape) in enumerate(zip(sides[:, 0], rng.normal(0, 0.2, 200), strict=True))
    }
    assert size_findings(files) == []
    strip = {"strip.png": inspected(4000, 250)}
    (found,) = size_findings(files | strip)
    assert (found.code, found.items) == ("odd_shapes", ("strip.png",))
    assert size_findings(strip) == []


def levels(high: float, *, floating: bool = False, declared: int = 0) -> GreyRange:
    return GreyRange(
        floating=floating, low=0, high=high, minimum=0, maximum=high, declared_bits=declared
    )


def test_one_16_bit_image_among_12_bit_ones_sets_the_scale():
    files = {f"{i}.png": inspected(64, 64, levels(3900 + i)) for i in range(12)}
    assert depth_findings(files) == []
    (found,) = depth_findings(files | {"deep.png": inspected(64, 64, levels(60000))})
    assert (found.code, found.items) == ("scale_outliers", ("deep.png",))
    assert "12-bit" in found.text
    assert depth_findings(files | {"own.png": inspected(64, 64, levels(16000, declared=14))}) == []


def test_files_of_another_depth_are_listed():
    files = {f"{i}.png": inspected(64, 64) for i in range(9)}
    files |= {"deep.png": inspected(64, 64, levels(3900))}
    files |= {"float.tif": inspected(64, 64, levels(1, floating=True))}
    (found,) = depth_findings(files)
    assert (found.code, found.items) == ("mixed_depths", ("deep.png", "float.tif"))


def test_the_training_images_of_covid4_have_one_polarity(covid4: Path):
    paths = sorted((covid4 / "train/pneumonia_vir").iterdir())[:24]
    small = np.stack([resize(reduced_copy(decode(path)), 32, "squash") for path in paths])
    found = polarity(small)
    assert found is not None
    assert found.opposite == ()
    changed = polarity(inverted(small, [0, 7, 9]))
    assert changed is not None
    assert changed.opposite == (0, 7, 9)
