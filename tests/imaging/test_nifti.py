"""Single slices of NIfTI files: grey levels, orientation, and what is refused."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
import pytest

from fewray.data.audit.check import audit
from fewray.data.loading import load_dataset
from fewray.imaging.arrays import load_images
from fewray.imaging.decode import Unreadable, decode
from fewray.imaging.depth import PixelScale
from fewray.imaging.nifti import nifti_facts, read_nifti
from tests.dicom_files import pixels_of

nib = pytest.importorskip("nibabel")
ITK = np.diag([-1.0, -1.0, 1.0, 1.0])
"""How ITK writes a picture: columns to the left, rows to the back."""


def save(path: Path, values: np.ndarray, affine: np.ndarray = ITK, kind=nib.Nifti1Image) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(kind(values, affine), path)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".NII.GZ"])
@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "i4", ">i2", "f4", "f8"])
@pytest.mark.parametrize("of", [nib.Nifti1Image, nib.Nifti2Image])
def test_each_type_of_numbers(tmp_path: Path, suffix: str, kind: str, of):
    pixels = pixels_of(bits=8, size=20)[:, :14]
    path = save(tmp_path / f"a{suffix.lower()}", pixels.T.astype(kind), kind=of)
    path = path.rename(tmp_path / f"b{suffix}")
    found = read_nifti(path.read_bytes(), path)
    assert np.array_equal(found, pixels)
    assert found.dtype == np.dtype(kind).newbyteorder("=")
    assert np.array_equal(decode(path), pixels)
    facts = nifti_facts(path)
    assert (facts.width, facts.height) == (14, 20)


@pytest.mark.parametrize("shape", [(14, 20), (14, 20, 1), (14, 20, 1, 1), (14, 20, 1, 1, 1)])
def test_single_slices_of_any_dimension(tmp_path: Path, shape: tuple[int, ...]):
    pixels = pixels_of(bits=12, size=20)[:, :14]
    path = save(tmp_path / "a.nii", pixels.T.reshape(shape))
    assert np.array_equal(read_nifti(path.read_bytes(), path), pixels)


@pytest.mark.parametrize("shape", [(20, 14, 2), (2, 20, 14), (20, 14, 1, 3), (20, 14, 2, 3)])
def test_volumes_are_refused(tmp_path: Path, shape: tuple[int, ...]):
    path = save(tmp_path / "a.nii.gz", np.zeros(shape, np.int16))
    with pytest.raises(Unreadable, match=r"volume of 2.*single slice") as caught:
        decode(path)
    assert caught.value.code == "nifti_volume"


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_the_header_says_how_a_slice_lies(tmp_path: Path, plane: str):
    """However the axes are stored, columns run left and rows to the back or to the feet."""
    pixels = pixels_of(bits=10, size=20)[:, :14]
    meant = {"axial": "LPI", "coronal": "LIP", "sagittal": "PIL"}[plane]
    stored = pixels.T.reshape(14, 20, 1)  # columns, rows, the axis across
    first = nib.orientations.axcodes2ornt(meant)
    for number, codes in enumerate(("RAS", "LPS", "SAR", "AIL", "PRS", "LAI")):
        turn = nib.orientations.ornt_transform(first, nib.orientations.axcodes2ornt(codes))
        turned = nib.orientations.apply_orientation(stored, turn)
        affine = np.eye(4)
        for axis, code in enumerate(codes):
            line = next(i for i, pair in enumerate(("LR", "PA", "IS")) if code in pair)
            affine[:3, axis] = np.eye(3)[line] * (1 if code in "RAS" else -1)
        path = save(tmp_path / f"{number}.nii", turned, affine)
        assert nib.aff2axcodes(nib.load(path).affine) == tuple(codes)
        assert np.array_equal(read_nifti(path.read_bytes(), path), pixels)


def test_values_are_rescaled_as_the_header_says(tmp_path: Path):
    image = nib.Nifti1Image(pixels_of(bits=8, size=20).astype(np.int16), ITK)
    image.header.set_slope_inter(0.5, -10)
    nib.save(image, tmp_path / "a.nii")
    content = (tmp_path / "a.nii").read_bytes()
    expected = nib.load(tmp_path / "a.nii").get_fdata().T
    assert np.allclose(read_nifti(content, tmp_path / "a.nii"), expected)


@pytest.mark.parametrize("fault", ["cut", "text", "header", "gzip", "nan", "colour", "empty"])
def test_damaged_files_are_unreadable(tmp_path: Path, fault: str):
    values = np.ones((20, 20), np.float32)
    values[3, 3] = np.nan if fault == "nan" else 1
    if fault == "colour":
        values = np.zeros((20, 20), np.dtype([(c, "u1") for c in "RGB"]))
    path = save(tmp_path / "a.nii", values)
    content = path.read_bytes()
    damaged = {
        "cut": content[:-9],
        "text": b"no image",
        "header": content[:200],
        "gzip": gzip.compress(content)[:-40],
        "empty": b"",
    }.get(fault, content)
    path.write_bytes(damaged)
    with pytest.raises(Unreadable):
        decode(path)


def test_without_nibabel_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = save(tmp_path / "a.nii", np.zeros((20, 20), np.int16))
    monkeypatch.setitem(sys.modules, "nibabel.nifti1", None)
    with pytest.raises(Unreadable, match=r"fewray\[nifti\]") as caught:
        decode(path)
    assert caught.value.code == "needs_nibabel"


def test_a_data_set_has_one_scale_and_no_masks(tmp_path: Path):
    for index in range(4):
        pixels = pixels_of(index, bits=10 if index else 12, size=30)
        place = tmp_path / "ab"[index % 2]
        save(place / f"{index}.nii.gz", pixels.T.astype(np.int16))
        save(place / f"{index}_seg.nii.gz", (pixels.T > 500).astype(np.uint8))
    data = load_dataset(tmp_path)
    assert data.pixel_scale == PixelScale(integers=(0, 4095))
    assert [row.path.name for row in data.rows] == [f"{i}.nii.gz" for i in (0, 2, 1, 3)]
    (warning,) = [each for each in data.warnings if each.code == "masks_skipped"]
    assert len(warning.items) == 4
    images = load_images(data.paths(), 30, scale=data.pixel_scale)
    assert [int(image.max()) for image in images] == [255, 64, 64, 64]
    found = audit(data)
    assert not found.unreadable
    assert found.classes["a"].modes == {"int16": 2}
    assert found.classes["a"].smallest == "30x30"
