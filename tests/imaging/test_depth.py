"""The grey scale of images of more than 8 bits: one per data set, whatever a few pixels say."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewray.errors import InputError
from fewray.imaging.arrays import load_images, scan_ranges
from fewray.imaging.decode import Unreadable, decode
from fewray.imaging.depth import GreyRange, PixelScale, choose_scale


@pytest.mark.parametrize(("bits", "top"), [(8, 255), (10, 1023), (12, 4095), (16, 65535)])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_every_bit_depth_uses_the_whole_range(tmp_path: Path, bits: int, top: int, suffix: str):
    deep = np.linspace(0, top, 240).round().astype(np.uint16).reshape(12, 20)
    Image.fromarray(deep).save(tmp_path / f"image{suffix}")
    grey = decode(tmp_path / f"image{suffix}")
    assert (grey.min(), grey.max()) == (0, 255)
    np.testing.assert_allclose(grey, deep * (255 / top), atol=0.51)


def test_signed_and_float_images_keep_their_order(tmp_path: Path):
    ramp = np.linspace(-1000, 3095, 240).reshape(12, 20)
    for name, values in (
        ("signed", ramp.astype(np.int32)),
        ("float", ramp.astype(np.float32)),
        ("unit", ((ramp + 1000) / 4095).astype(np.float32)),
    ):
        Image.fromarray(values).save(tmp_path / f"{name}.tif")
        np.testing.assert_allclose(
            decode(tmp_path / f"{name}.tif"), (ramp + 1000) / 4095 * 255, atol=1
        )
    values = np.full((4, 4), np.nan, np.float32)
    Image.fromarray(values).save(tmp_path / "nan.tif")
    with pytest.raises(Unreadable, match="NaN or infinite"):
        decode(tmp_path / "nan.tif")


@pytest.mark.parametrize("top", [255, 4095])
def test_a_tiff_whose_zero_is_white_is_inverted(tmp_path: Path, top: int):
    stored = (
        np.linspace(0, top, 240)
        .round()
        .astype(np.uint8 if top == 255 else np.uint16)
        .reshape(12, 20)
    )
    content = io.BytesIO()
    Image.fromarray(stored).save(content, "TIFF")
    tag = struct.pack("<HHIHH", 262, 3, 1, 1, 0)  # BlackIsZero, as Pillow writes it
    assert tag in content.getvalue()
    path = tmp_path / "image.tif"
    path.write_bytes(content.getvalue().replace(tag, struct.pack("<HHIHH", 262, 3, 1, 0, 0)))
    np.testing.assert_allclose(decode(path), 255 - stored * (255 / top), atol=0.51)


def write(path: Path, values: np.ndarray) -> Path:
    Image.fromarray(values).save(path)
    return path


@pytest.mark.parametrize("spike", [0, 4200, 65535])
def test_one_bright_pixel_does_not_change_the_scale(tmp_path: Path, spike: int):
    values = np.full((64, 64), 2048, np.uint16)
    if spike:
        values[5, 5] = spike
    grey = decode(write(tmp_path / "image.png", values))
    assert np.median(grey) == 128
    assert spike == 0 or grey[5, 5] == 255


def test_all_files_of_a_set_share_one_scale(tmp_path: Path):
    rng = np.random.default_rng(0)
    paths = [
        write(tmp_path / f"{i}.png", rng.integers(0, top, (300, 300)).astype(np.uint16))
        for i, top in enumerate((900, 4000, 200))
    ]
    ranges = scan_ranges(paths)
    scale = choose_scale(filter(None, ranges))
    assert scale == PixelScale(integers=(0, 4095))
    assert scale.describe() == "12-bit images: 0 to 4095"
    together = load_images(paths, 300)
    assert np.array_equal(together, load_images(paths, 300, scale=scale))
    assert np.array_equal(together[:1], load_images(paths[:1], 300, scale=scale))
    assert np.array_equal(together[0, 0], decode(paths[0], scale))
    assert together[0].max() == round(899 * 255 / 4095)
    assert np.array_equal(load_images(paths, 300, cache=False), together)


def test_a_scale_does_not_change_8_bit_images(tmp_path: Path):
    ramp = np.arange(0, 240, dtype=np.uint8).reshape(12, 20)
    path = write(tmp_path / "image.png", ramp)
    assert scan_ranges([path, tmp_path / "absent.png"]) == [None, None]
    assert choose_scale([]) == PixelScale()
    assert np.array_equal(decode(path, PixelScale(integers=(0, 4095), floats=(-1, 1))), ramp)


def test_a_depth_that_the_file_declares_is_used(tmp_path: Path):
    values = np.full((30, 30), 1000, np.uint16)
    path = write(tmp_path / "image.png", values)
    content = path.read_bytes()
    chunk = b"sBIT" + bytes([12])
    chunk = struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(content[:33] + chunk + content[33:])
    Image.fromarray(values).save(tmp_path / "image.tif", tiffinfo={281: 4095})
    for name in ("image.png", "image.tif"):
        assert decode(tmp_path / name, PixelScale(integers=(0, 65535)))[0, 0] == 62
    Image.fromarray(values).save(tmp_path / "largest.tif", tiffinfo={281: 1000})
    assert decode(tmp_path / "largest.tif")[0, 0] == 249, "a measured maximum declares no depth"


@pytest.mark.parametrize(
    ("low", "high", "bounds"),
    [
        (0, 1, (0, 1)),
        (-0.001, 1.0005, (0, 1)),
        (-1, 1, (-1, 1)),
        (-0.9, 0.7, (-1, 1)),
        (0, 250, (0, 255)),
        (0, 4000, (0, 4095)),
    ],
)
def test_float_ranges_are_recognised(
    low: float, high: float, bounds: tuple[float, float], tmp_path: Path
):
    values = np.linspace(low, high, 2500).astype(np.float32).reshape(50, 50)
    path = write(tmp_path / "image.tif", values)
    assert choose_scale(filter(None, scan_ranges([path]))).floats == pytest.approx(bounds, abs=20)
    expected = (values - bounds[0]) / (bounds[1] - bounds[0]) * 255
    np.testing.assert_allclose(decode(path), np.clip(expected, 0, 255), atol=0.51)


@pytest.mark.parametrize(("low", "high"), [(-2.8, 7.1), (0, 7), (-3, 0.5)])
def test_an_unknown_float_range_is_an_error(low: float, high: float, tmp_path: Path):
    values = np.linspace(low, high, 2500).astype(np.float32).reshape(50, 50)
    path = write(tmp_path / "image.tif", values)
    for read in (lambda: decode(path), lambda: load_images([path], 8)):
        with pytest.raises(InputError) as caught:
            read()
        assert caught.value.code == "float_range"
        assert caught.value.fields["high"] == pytest.approx(high, abs=0.1)


def test_the_range_ignores_a_few_pixels_at_each_end():
    values = np.full((50, 50), 500, np.uint16)
    values[0, :5], values[1, :5] = 0, 65535
    found = GreyRange.of(values)
    assert (found.low, found.high, found.minimum, found.maximum) == (500, 500, 0, 65535)


def test_float_images_of_two_ranges_are_refused():
    unit, bytes_ = (GreyRange.of(np.linspace(0, top, 4096)) for top in (1.0, 255.0))
    with pytest.raises(InputError) as found:
        choose_scale([unit, bytes_])
    assert found.value.code == "float_range_mixed"
