"""One source of images for every stage, and patients who share an image held out together."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fewray.data import images as images_module
from fewray.data.hold_out import split_hold_out
from fewray.data.images import ImageSource
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest, Row
from fewray.imaging.arrays import load_images, save_png
from fewray.storage.files import sha256_of


@pytest.fixture(scope="module")
def phantom() -> Manifest:
    return load_dataset("phantom:size=64,train=6,test=2")


def test_each_size_is_decoded_once_and_shared(phantom: Manifest, monkeypatch: pytest.MonkeyPatch):
    calls: list[tuple[int, str]] = []

    def counted(paths: list[Path], size: int, fit: str, **options: object) -> np.ndarray:
        calls.append((size, fit))
        return load_images(paths, size, fit)

    monkeypatch.setattr(images_module, "load_images", counted)
    source = ImageSource(phantom)
    part = source.take([5, 0, 7])
    again = part.take(np.array([2, 1]))
    assert [row.path for row in again.manifest.rows] == [phantom.rows[i].path for i in (7, 0)]
    for size, fit in ((32, "pad"), (16, "squash"), (32, "pad")):
        everything = source.at(size, fit)
        assert np.array_equal(part.at(size, fit), everything[[5, 0, 7]])
        assert np.array_equal(again.at(size, fit), everything[[7, 0]])
    assert calls == [(32, "pad"), (16, "squash")]
    assert np.array_equal(source.for_comparison(), load_images(phantom.paths(), 64, "squash"))
    with pytest.raises(ValueError, match="read-only"):
        source.at(32)[0] = 0
    assert (len(source), len(again)) == (len(phantom), 2)


def test_hold_out_keeps_near_duplicates_on_one_side(tmp_path: Path):
    rng = np.random.default_rng(0)
    rows = []
    for patient in range(8):
        image = rng.integers(0, 256, (64, 64)).astype(np.uint8)
        for copy, name in enumerate((f"p{patient}", f"again{patient}")):
            path = tmp_path / f"{name}.png"
            save_png(np.clip(image.astype(int) + copy, 0, 255).astype(np.uint8), path)
            rows.append(Row(path=path, label="a", group=name, sha256=sha256_of(path)))
    data = Manifest(name="a", classes=("a",), rows=tuple(rows))
    for seed in range(5):
        training, held_out = split_hold_out(data, 0.3, seed=seed)
        sides = [
            {int(row.path.stem.strip("pagin")) for row in m.rows} for m in (training, held_out)
        ]
        assert sides[0].isdisjoint(sides[1])
        assert len(training) + len(held_out) == 16
        assert len(held_out) == 6
    alone = replace(data, rows=data.rows[::2])
    assert len(split_hold_out(alone, 0.25, seed=0)[1]) == 2


def test_hold_out_keeps_a_patient_of_two_classes_on_one_side(tmp_path: Path):
    """Patient p has images of both classes; image 0 of class b is a near-duplicate of one of a."""
    rng = np.random.default_rng(0)
    pixels = {
        (label, i): rng.integers(0, 256, (64, 64)).astype(np.uint8)
        for label in "ab"
        for i in range(8)
    }
    pixels["b", 0] = np.clip(pixels["a", 1].astype(int) + 1, 0, 255).astype(np.uint8)
    rows = []
    for (label, i), image in pixels.items():
        path = tmp_path / f"{label}{i}.png"
        save_png(image, path)
        group = f"p{i}" if i >= 4 else path.stem
        rows.append(Row(path=path, label=label, group=group, sha256=sha256_of(path)))
    data = Manifest(name="ab", classes=("a", "b"), rows=tuple(rows))
    patients = {"b0": "a1"}
    for seed in range(10):
        sides = split_hold_out(data, 0.3, seed=seed)
        names = [{patients.get(row.group, row.group) for row in m.rows} for m in sides]
        assert names[0].isdisjoint(names[1])
        assert len(sides[0]) + len(sides[1]) == 16
        assert all(len(sides[1].where(label=label)) >= 3 for label in "ab")
