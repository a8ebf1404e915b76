"""The pictures that readers see: grey PNG files without any metadata."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def png(image: np.ndarray) -> bytes:
    """Return uint8 (height, width) as a PNG file without metadata."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()
