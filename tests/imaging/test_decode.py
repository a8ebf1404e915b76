"""Decoding of the formats that hospitals export."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fewray.imaging import decode as decoding
from fewray.imaging.decode import Unreadable, decode

RAMP = np.arange(0, 240, dtype=np.uint8).reshape(12, 20)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".PNG"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_lossless_formats_keep_grey_levels(tmp_path: Path, suffix: str, mode: str):
    path = tmp_path / f"image{suffix}"
    Image.fromarray(RAMP).convert(mode).save(path)
    assert np.abs(decode(path).astype(int) - RAMP).max() <= 1


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparent_pixels_become_black(tmp_path: Path, mode: str):
    image = Image.fromarray(RAMP).convert(mode)
    alpha = np.full(RAMP.shape, 255, np.uint8)
    alpha[:, :5] = 0
    image.putalpha(Image.fromarray(alpha))
    image.save(tmp_path / "image.png")
    grey = decode(tmp_path / "image.png")
    assert not grey[:, :5].any()
    assert np.abs(grey[:, 5:].astype(int) - RAMP[:, 5:]).max() <= 1


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
def test_16_bit_colour_uses_its_upper_byte_or_is_refused(
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


def test_jpeg_and_one_bit_images(tmp_path: Path):
    Image.fromarray(RAMP).save(tmp_path / "image.jpeg", quality=95)
    assert np.abs(decode(tmp_path / "image.jpeg").astype(int) - RAMP).max() < 12
    Image.fromarray(RAMP > 100).save(tmp_path / "image.png")
    assert set(np.unique(decode(tmp_path / "image.png"))) == {0, 255}


def test_exif_orientation_is_applied(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(RAMP).save(tmp_path / "image.jpeg", exif=exif)
    assert decode(tmp_path / "image.jpeg").shape == (20, 12)


def test_huge_images_are_refused_without_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
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
def test_a_damaged_file_is_decoded_or_named_in_an_error(
    data: st.DataObject, kind: str, tmp_path_factory: pytest.TempPathFactory
):
    content = bytearray(SAMPLES[kind])
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.image"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    found: np.ndarray | str
    try:
        found = decode(path)
    except Unreadable as error:
        found = str(error)
    if isinstance(found, str):
        assert "damaged.image" in found
        assert "\n" not in found
    else:
        assert (found.dtype, found.ndim) == (np.uint8, 2)
