"""Images, labels and patients in one NPZ file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fewray.config import ReadOptions
from fewray.data.audit.check import audit
from fewray.data.loading import load_dataset
from fewray.imaging.arrays import load_images
from fewray.imaging.depth import PixelScale
from fewray.imaging.preprocess import resize
from tests.helpers import noise_images, refused, run_cli

LABELS = np.array(["normal", "normal", "pneumonia", "pneumonia"])
PIXELS = noise_images(4, 20)[:, 0]


def save(file: Path, **arrays: Any) -> Path:
    np.savez(file, **({"images": PIXELS, "labels": LABELS} | arrays))
    return file


@pytest.mark.parametrize(
    ("kind", "top", "scale"),
    [
        ("u1", 255, PixelScale()),
        ("u2", 4095, PixelScale(integers=(0, 4095))),
        ("i2", 4095, PixelScale(integers=(0, 4095))),
        ("i8", 65535, PixelScale(integers=(0, 65535))),
        ("f2", 1, PixelScale(floats=(0, 1))),
        ("f4", 1, PixelScale(floats=(0, 1))),
        ("f8", 255, PixelScale(floats=(0, 255))),
    ],
)
@pytest.mark.parametrize("shape", [(4, 20, 20), (4, 1, 20, 20), (4, 20, 20, 1)])
def test_numbers_of_each_type_become_the_same_grey_levels(
    tmp_path: Path, kind: str, top: float, scale: PixelScale, shape: tuple[int, ...]
):
    values = (PIXELS.astype(np.float64) * top / 255).astype(kind).reshape(shape)
    data = load_dataset(save(tmp_path / "own.npz", images=values))
    assert data.pixel_scale == scale
    assert data.counts() == {"": {"normal": 2, "pneumonia": 2}}
    assert (data.name, data.source) == ("own", str(tmp_path / "own.npz"))
    images = load_images(data.paths(), 20, scale=data.pixel_scale)
    expected = np.stack([resize(image, 20) for image in PIXELS])[:, None].astype(int)
    assert np.abs(images.astype(int) - expected).max() <= 1


def test_patients_are_those_of_the_file(tmp_path: Path):
    data = load_dataset(save(tmp_path / "a.npz", patients=np.array([7.0, 7.0, 8.0, 9.0])))
    assert [row.group for row in data.rows] == ["7", "7", "8", "9"]
    assert "patients_unknown" not in {warning.code for warning in data.warnings}
    some = load_dataset(save(tmp_path / "a.npz", patients=np.array(["p", "p", "nan", ""])))
    assert [row.group for row in some.rows][:2] == ["p", "p"]
    (warning,) = [each for each in some.warnings if each.code == "patients_unknown"]
    assert warning.text.startswith("2 of 4 images have no patient ID")


@pytest.mark.parametrize(
    "labels",
    [np.array([0, 0, 1, 1]), np.array([[0.0], [0.0], [1.0], [1.0]]), [b"0", b"0", b"1", b"1"]],
)
def test_labels_may_be_numbers(tmp_path: Path, labels: Any):
    data = load_dataset(save(tmp_path / "a.npz", labels=np.array(labels)))
    assert data.counts() == {"": {"0": 2, "1": 2}}
    assert "label_numbers" in {finding.code for finding in audit(data).findings}
    chosen = load_dataset(tmp_path / "a.npz", read=ReadOptions(labels=("1",)))
    assert len(chosen) == 2


@pytest.mark.parametrize(
    ("arrays", "pattern"),
    [
        ({"images": np.zeros((4, 20, 20, 3), np.uint8)}, "two dimensions"),
        ({"images": np.zeros((4, 5, 20, 20), np.float32)}, "two dimensions"),
        ({"images": np.zeros((4, 20), np.uint8)}, "two dimensions"),
        ({"images": np.zeros((4, 20, 20), np.complex64)}, "complex64"),
        ({"labels": LABELS[:3]}, "4 images"),
        ({"labels": np.eye(4)}, "4 images"),
        ({"labels": np.array(["a", "", "b", "nan"])}, "empty for 2 images, the first is 1"),
        ({"patients": np.array([1, 2])}, "4 images"),
        ({"labels": np.array([{}, {}, {}, {}], dtype=object)}, "expected the arrays"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, arrays: dict[str, Any], pattern: str):
    with refused("npz_arrays", pattern):
        load_dataset(save(tmp_path / "a.npz", **arrays))


def test_files_without_these_arrays_are_refused(tmp_path: Path):
    np.savez(tmp_path / "pneumoniamnist.npz", train_images=PIXELS, train_labels=LABELS)
    with refused("npz_arrays", "medmnist:FILE"):
        load_dataset(tmp_path / "pneumoniamnist.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with refused("npz_arrays", "expected the arrays images"):
        load_dataset(tmp_path / "text.npz")


def test_nan_is_named_by_image(tmp_path: Path):
    values = PIXELS / np.float32(255)
    values[2, 3, 3] = np.nan
    data = load_dataset(save(tmp_path / "a.npz", images=values), strict=False)
    assert list(audit(data).unreadable) == ["000002.tif"]


def test_views_are_refused_as_unknown(tmp_path: Path):
    with refused("release_no_view"):
        load_dataset(save(tmp_path / "a.npz"), views=("PA",))


def test_the_command_line_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert run_cli(monkeypatch, "data", "check", save(tmp_path / "a.npz")) == 0
    assert "a: 4 patients" in capsys.readouterr().out
