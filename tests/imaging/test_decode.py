"""Decoding of every kind of file a hospital exports, squaring, the two states of an array."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fewray.errors import InputError
from fewray.imaging import decode as decoding
from fewray.imaging.decode import (
    Unreadable,
    check_images,
    decode,
    grid,
    load_images,
    resize,
    save_png,
    to_float,
    to_uint8,
)

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


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def deep_png(
    path: Path, values: np.ndarray, colour_type: int, size: tuple[int, int] | None = None
) -> Path:
    """Write a PNG of 16 bits a channel, which Pillow itself writes for grey only."""
    height, width = values.shape[:2]
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    head = struct.pack(">IIBBBBB", *(size or (width, height)), 16, colour_type, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    return path


@pytest.mark.parametrize(("colour_type", "channels"), [(4, 2), (2, 3), (6, 4)])
def test_deep_colour_uses_its_upper_byte_or_is_refused(
    tmp_path: Path, colour_type: int, channels: int
):
    values = np.stack([np.linspace(0, 65535, 240).reshape(12, 20)] * channels, -1)
    if channels in (2, 4):
        values[..., -1] = 65535
    grey = decode(deep_png(tmp_path / "full.png", values, colour_type))
    np.testing.assert_allclose(grey, values[..., 0] / 257, atol=1.01)
    values[..., : min(3, channels - (channels != 3))] /= 16  # 12 bits in 16
    with pytest.raises(Unreadable, match="save it as 16-bit grey"):
        decode(deep_png(tmp_path / "dark.png", values, colour_type))


def test_signed_and_floating_films_keep_their_order(tmp_path: Path):
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
    with pytest.raises(Unreadable, match="no numbers"):
        decode(tmp_path / "nan.tif")


@pytest.mark.parametrize("top", [255, 4095])
def test_a_tiff_whose_zero_is_white_is_turned(tmp_path: Path, top: int):
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
    path = tmp_path / "film.tif"
    path.write_bytes(content.getvalue().replace(tag, struct.pack("<HHIHH", 262, 3, 1, 0, 0)))
    np.testing.assert_allclose(decode(path), 255 - stored * (255 / top), atol=0.51)


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


def test_films_may_come_one_by_one_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(decoding, "WAITING", 2)
    for level in range(5):
        save_png(np.full((8, 8), level, np.uint8), tmp_path / f"{level}.png")
    found = load_images((path for path in sorted(tmp_path.iterdir())), 8, cache=False)
    assert (found == np.arange(5).reshape(5, 1, 1, 1)).all()
    assert load_images([], 8).shape == (0, 1, 8, 8)


def test_errors_count_what_they_do_not_name(tmp_path: Path):
    with pytest.raises(InputError, match=r"14 of 14 images: .*and 4 more; mend"):
        load_images([tmp_path / f"{i}.png" for i in range(14)], 8)


def test_pictures_of_absurd_size_are_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = deep_png(tmp_path / "bomb.png", np.zeros((2, 2)), 0, size=(60_000, 60_000))
    with pytest.raises(Unreadable, match=r"bomb\.png"):
        decode(path)
    monkeypatch.setattr(decoding, "MOST_PIXELS", 100)
    Image.fromarray(RAMP).save(tmp_path / "large.png")
    with pytest.raises(Unreadable, match="20x12 pixels"):
        decode(tmp_path / "large.png")


SAMPLES = {}
for kind in ("PNG", "JPEG", "TIFF", "BMP"):
    stream = io.BytesIO()
    Image.fromarray(RAMP).save(stream, kind)
    SAMPLES[kind] = stream.getvalue()


@settings(max_examples=150, deadline=None)
@given(data=st.data(), kind=st.sampled_from(sorted(SAMPLES)))
def test_a_damaged_file_is_a_picture_or_an_error_naming_it(
    data: st.DataObject, kind: str, tmp_path_factory: pytest.TempPathFactory
):
    content = bytearray(SAMPLES[kind])
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.film"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    found: np.ndarray | str
    try:
        found = decode(path)
    except Unreadable as error:
        found = str(error)
    if isinstance(found, str):
        assert "damaged.film" in found
        assert "\n" not in found
    else:
        assert (found.dtype, found.ndim) == (np.uint8, 2)


@settings(max_examples=40, deadline=None)
@given(
    width=st.integers(1, 90),
    height=st.integers(1, 90),
    size=st.integers(1, 40),
    fit=st.sampled_from(["pad", "squash"]),
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
    with pytest.raises(InputError):
        load_images([], size, fit)


@pytest.mark.parametrize("bad", [RAMP.astype(float), RAMP[None], RAMP[:0]])
def test_resize_takes_grey_pictures_only(bad: np.ndarray):
    with pytest.raises(InputError, match="uint8"):
        resize(bad, 8)


def test_real_films_fill_their_squares(covid4: Path):
    paths = sorted(covid4.glob("test/*/*"))[::4]
    padded, squashed = (load_images(paths, 64, fit, cache=False) for fit in ("pad", "squash"))
    assert padded.shape == squashed.shape == (9, 1, 64, 64)
    for path, image, whole in zip(paths, padded, squashed, strict=True):
        grey = decode(path)
        assert whole.mean() == pytest.approx(grey.mean(), abs=1)
        share = min(grey.shape) / max(grey.shape)
        assert image.mean() == pytest.approx(grey.mean() * share, abs=2.5)


def test_the_two_states_are_inverse():
    images = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    floats = to_float(images)
    assert (floats.min().item(), floats.max().item()) == (-1, 1)
    assert np.array_equal(to_uint8(floats), images)
    for bad in (floats * 2, floats * float("nan")):
        with pytest.raises(InputError, match="-1 to 1"):
            to_uint8(bad)


@pytest.mark.parametrize(
    "bad",
    [np.zeros((2, 8, 8), np.uint8), np.zeros((2, 3, 8, 8), np.uint8), np.zeros((1, 1, 8, 8)), None],
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
