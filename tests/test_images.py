"""Decoding of every kind of file a hospital exports, squaring, the two states of an array."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fewray.errors import InputError
from fewray.images import check_images, decode, grid, load_images, resize, save_png, to_float, to_uint8

RAMP = np.arange(0, 240, dtype=np.uint8).reshape(12, 20)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".PNG"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_grey_survives_every_lossless_container(tmp_path: Path, suffix: str, mode: str):
    path = tmp_path / f"film{suffix}"
    Image.fromarray(RAMP).convert(mode).save(path)
    assert np.abs(decode(path).astype(int) - RAMP).max() <= 1


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_is_laid_on_black(tmp_path: Path, mode: str):
    image = Image.fromarray(RAMP).convert(mode)
    alpha = np.full(RAMP.shape, 255, np.uint8)
    alpha[:, :5] = 0
    image.putalpha(Image.fromarray(alpha))
    image.save(tmp_path / "film.png")
    grey = decode(tmp_path / "film.png")
    assert not grey[:, :5].any()
    assert np.abs(grey[:, 5:].astype(int) - RAMP[:, 5:]).max() <= 1


@pytest.mark.parametrize(("bits", "top"), [(8, 255), (10, 1023), (12, 4095), (16, 65535)])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_deep_films_use_the_whole_range(tmp_path: Path, bits: int, top: int, suffix: str):
    deep = np.linspace(0, top, 240).round().astype(np.uint16).reshape(12, 20)
    Image.fromarray(deep).save(tmp_path / f"film{suffix}")
    grey = decode(tmp_path / f"film{suffix}")
    assert (grey.min(), grey.max()) == (0, 255)
    np.testing.assert_allclose(grey, deep * (255 / top), atol=0.51)


def test_jpeg_and_bilevel(tmp_path: Path):
    Image.fromarray(RAMP).save(tmp_path / "film.jpeg", quality=95)
    assert np.abs(decode(tmp_path / "film.jpeg").astype(int) - RAMP).max() < 12
    Image.fromarray(RAMP > 100).save(tmp_path / "film.png")
    assert set(np.unique(decode(tmp_path / "film.png"))) == {0, 255}


def test_exif_orientation_is_applied(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(RAMP).save(tmp_path / "film.jpeg", exif=exif)
    assert decode(tmp_path / "film.jpeg").shape == (20, 12)


def test_bad_files_are_all_named(tmp_path: Path):
    Image.fromarray(RAMP).save(tmp_path / "good.png")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("no image")
    names = ["cut.png", "empty.png", "text.png", "absent.png"]
    with pytest.raises(InputError) as caught:
        load_images([tmp_path / name for name in ["good.png", *names]], 8)
    assert all(name in str(caught.value) for name in names)
    assert "good.png" not in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(max_examples=40, deadline=None)
@given(
    width=st.integers(1, 90), height=st.integers(1, 90), size=st.integers(1, 40), fit=st.sampled_from(["pad", "squash"])
)
def test_resize_keeps_the_square_and_the_range(width: int, height: int, size: int, fit: str):
    white = np.full((height, width), 255, np.uint8)
    square = resize(white, size, fit)
    assert square.shape == (size, size)
    if fit == "squash":
        assert square.min() == 255
    else:
        rows, columns = (square > 0).any(1).sum(), (square > 0).any(0).sum()
        assert max(rows, columns) == size
        assert (columns == size) if width >= height else (rows == size)


def test_padding_is_centred_and_black():
    square = resize(np.full((10, 20), 200, np.uint8), 20, "pad")
    assert not square[:5].any()
    assert not square[15:].any()
    assert (square[5:15] == 200).all()


def test_reduction_is_antialiased():
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(resize(stripes, 8, "squash")[:, 1:-1].astype(int) - 127).max() < 20


@pytest.mark.parametrize(("size", "fit"), [(0, "pad"), (8, "stretch")])
def test_impossible_sizes_are_refused(size: int, fit: str):
    with pytest.raises(InputError):
        resize(RAMP, size, fit)


def test_the_two_states_are_inverse():
    images = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    floats = to_float(images)
    assert (floats.min().item(), floats.max().item()) == (-1, 1)
    assert np.array_equal(to_uint8(floats), images)
    with pytest.raises(InputError, match="-1 to 1"):
        to_uint8(floats * 2)


@pytest.mark.parametrize(
    "bad", [np.zeros((2, 8, 8), np.uint8), np.zeros((2, 3, 8, 8), np.uint8), np.zeros((1, 1, 8, 8)), None]
)
def test_other_arrays_are_refused(bad: object):
    with pytest.raises(InputError, match="uint8"):
        check_images(bad)


def test_grid_and_png(tmp_path: Path):
    images = np.stack([np.full((1, 4, 4), 10 * i, np.uint8) for i in range(1, 6)])
    sheet = grid(images, 3, pad=1)
    assert sheet.shape == (11, 16)
    assert sheet[1, 1] == 10
    assert sheet[6, 6] == 50
    assert sheet[6, 11] == 0
    save_png(sheet, tmp_path / "grid.png")
    assert np.array_equal(decode(tmp_path / "grid.png"), sheet)
