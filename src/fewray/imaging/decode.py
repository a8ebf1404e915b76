"""Decode one image file to grey pixels: which formats are read, and which files are refused."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps

from fewray.imaging.depth import GreyRange, PixelScale, choose_scale, declared_bits, to_uint8_levels
from fewray.imaging.dicom.grey import DicomImage, read_dicom
from fewray.imaging.dicom.reading import SUFFIXES as DICOM_SUFFIXES
from fewray.imaging.dicom.reading import has_marker
from fewray.imaging.nifti import SUFFIXES as NIFTI_SUFFIXES
from fewray.imaging.nifti import is_nifti, read_nifti
from fewray.imaging.unreadable import Unreadable

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", *NIFTI_SUFFIXES)
"""Ends of the names of image files, in lower case. DICOM is recognised by its content too."""
MOST_PIXELS = 80_000_000
"""Larger images are refused: a few bytes of a damaged or hostile file can claim terabytes of
pixels."""
DEEP_MODES = ("I;16", "I;16B", "I;16L", "I", "F")
"""Pillow's modes of more than 8 bits per pixel."""
PHOTOMETRIC, WHITE_IS_ZERO = 262, 0


@dataclass(frozen=True, kw_only=True)
class RawImage:
    """One decoded file: grey uint8 (H, W), or deeper grey levels still to be scaled."""

    pixels: np.ndarray
    declared_bits: int = 0
    inverted: bool = False
    picture: Image.Image | None = None
    """The file as it was decoded, if it has colours or transparency."""

    @property
    def is_deep(self) -> bool:
        """Whether the pixels have more than 8 bits."""
        return self.pixels.dtype != np.uint8

    def grey_range(self) -> GreyRange:
        """Return the range of the stored grey levels."""
        return GreyRange.of(self.pixels, self.declared_bits)

    def scaled(self, scale: PixelScale) -> np.ndarray | None:
        """Return uint8 (H, W); None if ``scale`` does not cover images of this kind."""
        if not self.is_deep:
            return self.pixels
        bounds = scale.bounds(floating=self.pixels.dtype.kind == "f", declared=self.declared_bits)
        return bounds and to_uint8_levels(self.pixels, bounds, inverted=self.inverted)

    def grey(self, scale: PixelScale) -> np.ndarray:
        """Return uint8 (H, W), by the image's own scale if ``scale`` does not cover it."""
        if (grey := self.scaled(scale)) is not None:
            return grey
        grey = self.scaled(choose_scale([self.grey_range()]))
        assert grey is not None
        return grey


def decode(path: Path, scale: PixelScale | None = None) -> np.ndarray:
    """Return the first page of an image as grey uint8 (H, W), rotated by its EXIF orientation.

    Colours become ITU-R 601 luma; transparent pixels become black. Images of more than 8 bits are
    mapped to 0 to 255 by ``scale``, the scale of their data set (:mod:`fewray.imaging.depth`), and
    so are DICOM images. Without one, the file decides alone. TIFFs whose zero is white are
    inverted. Raises :class:`Unreadable` for a file that is missing, empty, damaged, truncated, or
    larger than 80 megapixels, and for DICOM that is no single grey radiograph.
    """
    return read_image(read_file(path), path).grey(scale or PixelScale())


def has_image_name(path: Path) -> bool:
    """Whether the name of a file is that of an image in a supported format other than DICOM."""
    return path.name.lower().endswith(SUFFIXES)


def read_file(path: Path) -> bytes:
    """Return the file's bytes; Unreadable if there are none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise Unreadable(path, "not found" if missing else str(error.strerror)) from None
    if not content:
        raise Unreadable(path, "empty file")
    return content


def read_image(content: bytes, path: Path) -> RawImage | DicomImage:
    """Decode an image file without scaling. Raises Unreadable with the reason.

    DICOM is recognised by its content, or by its suffix.
    """
    if has_marker(content) or path.suffix.lower() in DICOM_SUFFIXES:
        return read_dicom(content, path)
    if is_nifti(path):
        return RawImage(pixels=read_nifti(content, path))
    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                limit = MOST_PIXELS // 10**6
                raise Unreadable(path, f"{width}x{height} pixels, more than {limit} million")
            halved = any(
                ";16" in str(tile.args) for tile in image.tile
            )  # only the upper byte, if colour
            inverted = getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == WHITE_IS_ZERO
            declared = declared_bits(image, content)
            image.load()
            upright = ImageOps.exif_transpose(image)
            if image.mode in DEEP_MODES:
                pixels = np.asarray(upright)
                if not np.isfinite(pixels).all():
                    raise Unreadable(path, "NaN or infinite pixel values")
                return RawImage(pixels=pixels, declared_bits=declared, inverted=inverted)
            grey = _grey(upright)
    except Unreadable:
        raise
    except Exception as error:  # Pillow's parsers raise whatever a damaged file leads them to
        raise Unreadable(path, f"cannot be decoded ({_reason(error)})") from None
    if halved and grey.max(initial=0) < 64:
        raise Unreadable(path, "16-bit colour image that is nearly black; save it as 16-bit grey")
    plain = upright.mode == "L" and "transparency" not in upright.info
    return RawImage(pixels=grey, picture=None if plain else upright)


def _reason(error: Exception) -> str:
    if isinstance(error, PIL.UnidentifiedImageError):
        return "not an image"
    return " ".join(str(error).split()) or type(error).__name__


def _grey(image: Image.Image) -> np.ndarray:
    if image.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return np.asarray(image.convert("L"))
