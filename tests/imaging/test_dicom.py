"""Grey values of DICOM files: encodings, LUTs, windows, padding, and what is refused."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from fewray.imaging.arrays import load_images, scan_ranges
from fewray.imaging.decode import Unreadable, decode, read_image
from fewray.imaging.depth import PixelScale, choose_scale
from fewray.imaging.dicom.grey import read_dicom
from fewray.imaging.dicom.header import read_header
from tests.dicom_files import SYNTAXES, pixels_of, write_dicom

WINDOW, BITS = PixelScale(dicom_window=True), PixelScale(dicom_window=False)


def real(name: str) -> Path:
    store = pytest.importorskip("data_store", reason="pydicom-data is not installed")
    return Path(store.__file__).parent / "data" / f"{name}.dcm"


def grey(path: Path, scale: PixelScale = WINDOW) -> np.ndarray:
    return decode(path, scale)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 15, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_bits_stored_decides_the_scale(tmp_path: Path, bits: int, signed: bool):
    pixels = pixels_of(bits=bits, signed=signed)
    pixels[pixels > 0] //= 3  # no pixel comes near the end of the range
    path = write_dicom(tmp_path / "a", pixels, bits)
    lowest = -(2 ** (bits - 1)) if signed else 0
    expected = np.round((pixels.astype(float) - lowest) * 255 / (2**bits - 1))
    assert np.array_equal(grey(path), expected)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [5, 12])
@pytest.mark.parametrize("syntax", ["explicit", "big", "implicit"])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_bits_above_bits_stored_are_no_part_of_the_pixels(
    tmp_path: Path, bits: int, syntax: str, photometric: str, signed: bool
):
    """As pydicom reads them. Signs that fill these bits, or zeros there, are not excess bits."""
    pixels = pixels_of(bits=bits, signed=signed).astype(np.int16 if signed else np.uint16)
    noise = np.random.default_rng(0).integers(0, 2 ** (16 - bits), pixels.shape)
    excess = (pixels.view(np.uint16) % 2**bits | noise << bits).astype(np.uint16)
    elements = {"PhotometricInterpretation": photometric}
    expected = grey(write_dicom(tmp_path / "plain", pixels, bits, syntax, **elements))
    for name, stored, told in (
        ("plain", pixels, False),
        ("zeros", pixels.view(np.uint16) % 2**bits, False),
        ("excess", excess, True),
    ):
        path = write_dicom(tmp_path / name, stored.view(pixels.dtype), bits, syntax, **elements)
        image = read_dicom(path.read_bytes(), path)
        assert np.array_equal(image.stored, pydicom.dcmread(path).pixel_array)
        assert np.array_equal(grey(path), expected)
        assert image.excess_bits is told


@pytest.mark.parametrize("syntax", list(SYNTAXES))
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_encodings_of_one_image_decode_alike(tmp_path: Path, syntax: str, bits: int):
    pixels = pixels_of(bits=bits, size=50)
    expected = np.round(pixels.astype(float) * 255 / (2**bits - 1))
    assert np.array_equal(grey(write_dicom(tmp_path / "x", pixels, bits, syntax)), expected)


@pytest.mark.parametrize("name", ["RG1", "RG3"])
def test_encodings_of_a_real_radiograph_decode_alike(name: str):
    """UNCR and J2KR hold the same pixels, and UNCI those of the lossy J2KI, decoded by others."""
    first = grey(real(f"{name}_UNCR"))
    assert np.array_equal(first, grey(real(f"{name}_J2KR")))
    lossy, theirs = (grey(real(f"{name}_{each}")).astype(int) for each in ("J2KI", "UNCI"))
    assert np.abs(lossy - theirs).max() <= 1
    assert 0 < np.abs(lossy - first).mean() < 3


WINDOWS = {
    "linear": {"WindowCenter": 2000, "WindowWidth": 1500},
    "several": {"WindowCenter": [1800, 600], "WindowWidth": [900, 300]},
    "exact": {"WindowCenter": 2000, "WindowWidth": 1500, "VOILUTFunction": "LINEAR_EXACT"},
    "sigmoid": {"WindowCenter": 2000, "WindowWidth": 900, "VOILUTFunction": "SIGMOID"},
    "rescaled": {
        "WindowCenter": 1024,
        "WindowWidth": 800,
        "RescaleSlope": 0.5,
        "RescaleIntercept": -24,
    },
}


@pytest.mark.parametrize("name", list(WINDOWS))
@pytest.mark.parametrize("signed", [False, True])
def test_windows_agree_with_pydicom(tmp_path: Path, name: str, signed: bool):
    path = write_dicom(tmp_path / "a", pixels_of(signed=signed), **WINDOWS[name])
    data = pydicom.dcmread(path)
    slope, intercept = data.get("RescaleSlope", 1), data.get("RescaleIntercept", 0)
    lowest = -2048 if signed else 0
    black, white = (value * slope + intercept for value in (lowest, lowest + 4095))
    shown = apply_voi_lut(apply_modality_lut(data.pixel_array, data), data)
    expected = np.clip(np.round((shown - black) / (white - black) * 255), 0, 255)
    assert np.array_equal(grey(path), expected)
    plain = data.pixel_array.astype(float) - lowest
    assert np.array_equal(grey(path, BITS), np.round(plain * 255 / 4095))


def lut(entries: np.ndarray, bits: int, first: int = 0) -> Dataset:
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [len(entries), first, bits], entries.tolist()
    item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
    return item


@pytest.mark.parametrize("depth", [8, 10, 12, 16])
def test_lookup_tables_of_any_depth(tmp_path: Path, depth: int):
    pixels = pixels_of()
    curve = np.round((np.arange(4096) / 4095) ** 2 * (2**depth - 1)).astype(int)
    expected = np.round(curve[pixels] * 255 / (2**depth - 1))
    item = lut(curve, depth)
    voi = write_dicom(tmp_path / "voi", pixels, VOILUTSequence=[item])
    assert np.array_equal(grey(voi), expected)
    assert np.array_equal(grey(voi, BITS), np.round(pixels.astype(float) * 255 / 4095))
    item = lut(curve, depth)
    item.ModalityLUTType = "US"
    modality = write_dicom(tmp_path / "modality", pixels, ModalityLUTSequence=[item])
    assert np.array_equal(grey(modality), expected)


@pytest.mark.parametrize("elements", [{}, WINDOWS["linear"], WINDOWS["rescaled"]])
def test_monochrome1_is_the_inverse_of_monochrome2(tmp_path: Path, elements: dict):
    pixels = pixels_of()
    two = grey(write_dicom(tmp_path / "2", pixels, **elements))
    one = write_dicom(tmp_path / "1", pixels, PhotometricInterpretation="MONOCHROME1", **elements)
    assert np.array_equal(grey(one), 255 - two)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2", "monochrome2 "])
@pytest.mark.parametrize("end", [{}, {"PixelPaddingRangeLimit": 4095}])
def test_padding_is_black_and_sets_no_scale(tmp_path: Path, photometric: str, end: dict):
    pixels = pixels_of() // 4
    elements = {"PhotometricInterpretation": photometric, **WINDOWS["linear"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, of lower case in a code string
        expected = grey(write_dicom(tmp_path / "whole", pixels, **elements)).copy()
        pixels[:8] = 4095 if not end else 4000
        elements |= {"PixelPaddingValue": int(pixels[0, 0]), **end}
        found = grey(write_dicom(tmp_path / "padded", pixels, **elements))
    expected[:8] = 0
    assert np.array_equal(found, expected)


def test_pixels_are_made_square(tmp_path: Path):
    pixels = pixels_of(size=40)
    tall = write_dicom(tmp_path / "a", pixels, PixelSpacing=[0.4, 0.2])
    assert grey(tall).shape == (80, 40)
    wide = write_dicom(tmp_path / "b", pixels, PixelAspectRatio=[1, 2])
    assert grey(wide).shape == (40, 80)
    odd = write_dicom(tmp_path / "c", pixels, ImagerPixelSpacing=[0, 0.2])
    assert grey(odd).shape == (40, 40)


REFUSED = {
    "dicom_modality": {"Modality": "CT"},
    "dicom_multiframe": {"NumberOfFrames": 3},
    "dicom_colour": {"PhotometricInterpretation": "PALETTE COLOR"},
    "dicom_photometric": {"PhotometricInterpretation": None},
    "dicom_bits": {"BitsStored": 17},
    "dicom_damaged": {"Rows": 3000},
    "dicom_size": {"Rows": 60000, "Columns": 60000},
}


@pytest.mark.parametrize("code", list(REFUSED))
def test_other_images_are_refused_with_a_reason(tmp_path: Path, code: str):
    path = write_dicom(tmp_path / "a", pixels_of(), **REFUSED[code])
    with pytest.raises(Unreadable) as caught:
        decode(path)
    assert caught.value.code == code
    header = read_header(path)
    assert header
    assert header.refusal
    assert header
    assert header.refusal[0] == code


@pytest.mark.parametrize(
    "kind",
    ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.7.2"],
)
def test_other_storage_classes_are_refused(tmp_path: Path, kind: str):
    header = read_header(write_dicom(tmp_path / "a", pixels_of(), SOPClassUID=kind, Modality="OT"))
    assert header
    assert header.refusal
    assert header
    assert header.refusal[0] in ("dicom_modality", "dicom_multiframe")


@pytest.mark.parametrize("syntax", list(SYNTAXES))
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated_files_are_refused(tmp_path: Path, syntax: str, share: float):
    path = write_dicom(tmp_path / "a.dcm", pixels_of(), syntax=syntax)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Unreadable):
            decode(path)


def test_one_file_without_a_window_and_no_window_is_used(tmp_path: Path):
    pixels = pixels_of()
    names = [
        write_dicom(tmp_path / "a", pixels, **WINDOWS["linear"]),
        write_dicom(tmp_path / "b", pixels, WindowCenter=2000, WindowWidth=0),
    ]
    assert [header.window for header in map(read_header, names)] == [True, False]
    both, first = load_images(names, 64, cache=False), load_images(names[:1], 64, cache=False)
    assert np.array_equal(both[0], both[1])
    assert not np.array_equal(both[0], first[0])
    found = choose_scale(filter(None, scan_ranges(names, cache=False)))
    assert found.dicom_window is False
    assert found.key() != choose_scale(filter(None, scan_ranges(names[:1]))).key()


def test_a_headerless_file_is_read_by_its_suffix_only(tmp_path: Path):
    pixels = pixels_of()
    path = write_dicom(tmp_path / "a.dcm", pixels, syntax="implicit")
    content = path.read_bytes()
    data = pydicom.dcmread(path)
    start = content.index(data.SOPClassUID.encode(), 300) - 8  # the first element of the data set
    path.write_bytes(content[start:])
    assert np.array_equal(grey(path), np.round(pixels.astype(float) * 255 / 4095))
    with pytest.raises(Unreadable):
        read_image(path.read_bytes(), tmp_path / "a")


@pytest.mark.parametrize(
    ("code", "elements"),
    [
        ("dicom_bits", {"HighBit": 15}),
        ("dicom_damaged", {"RescaleSlope": 0, "RescaleIntercept": 5}),
        ("dicom_damaged", {"RescaleSlope": 0, "RescaleIntercept": 5, "WindowWidth": 9}),
    ],
)
def test_values_that_would_be_wrong_are_refused(
    tmp_path: Path, code: str, elements: dict[str, int]
):
    path = write_dicom(tmp_path / "a", pixels_of(), **elements)
    header = read_header(path)
    assert header is not None
    assert header.refusal
    assert header.refusal[0] == code
    with pytest.raises(Unreadable) as caught:
        decode(path)
    assert caught.value.code == code
