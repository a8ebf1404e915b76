"""Read single slices from NIfTI files; needs nibabel (``pip install 'fewray[nifti]'``).

A slice is shown as its header says where the patient is (NIfTI-1, method 2 and 3): columns run to
the patient's left, rows to the back, or to the feet if the slice is not axial. Volumes are refused.
"""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fewray.imaging.unreadable import Unreadable

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header, Nifti1Image

SUFFIXES = (".nii", ".nii.gz")
MOST_PIXELS = 80_000_000
GZIP = b"\x1f\x8b"
HEAD, SECOND = 540, 540
"""Bytes of the longer header, that of NIfTI-2, which begins with its length."""
TOWARDS = ("L", "P", "I")
"""Where columns, rows of an axial slice, and rows of other slices run to."""


@dataclass(frozen=True, kw_only=True)
class NiftiFacts:
    """What a header says of the one slice in its file."""

    width: int
    height: int
    kind: str
    """The type of the stored numbers, such as int16."""


def is_nifti(path: Path) -> bool:
    """Whether a file is NIfTI, by its name."""
    return path.name.lower().endswith(SUFFIXES)


def read_nifti(content: bytes, path: Path) -> np.ndarray:
    """Return the slice (H, W) with its rescaled grey levels: integers, or float.

    Raises Unreadable: ``nifti_volume`` for more than one slice, ``nifti_colour``, ``needs_nibabel``
    and for damaged files.
    """
    try:
        stream = _opened(content)
        kind, header, head = _header(stream)
        _check(header, path)
        size = int(header.get_data_offset()) + header.get_data_dtype().itemsize * _count(header)
        image = kind.from_bytes(head + stream.read(max(0, size - len(head))))
        pixels = _flat(image)
    except Unreadable:
        raise
    except ImportError:
        raise _needs_nibabel(path) from None
    except Exception as error:  # nibabel and zlib raise whatever a damaged file leads to
        raise _damaged(path, error) from None
    if not np.isfinite(pixels).all():
        raise Unreadable(path, "NaN or infinite pixel values")
    return pixels


def nifti_facts(path: Path) -> NiftiFacts:
    """Return the size of a slice and how it is stored, from the header. Raises Unreadable."""
    try:
        _, header, _ = _header(_opened(path.read_bytes()))
    except ImportError:
        raise _needs_nibabel(path) from None
    except Exception as error:
        raise _damaged(path, error) from None
    sides = [side for side in header.get_data_shape() if side > 1] + [1, 1]
    return NiftiFacts(width=sides[0], height=sides[1], kind=str(header.get_data_dtype()))


def _opened(content: bytes) -> io.BufferedIOBase:
    stream = io.BytesIO(content)
    return gzip.open(stream) if content.startswith(GZIP) else stream


def _header(stream: io.BufferedIOBase) -> tuple[Any, Nifti1Header, bytes]:
    """Return the class of the image, its header, and the bytes that were read."""
    from nibabel.nifti1 import Nifti1Image
    from nibabel.nifti2 import Nifti2Image

    head = stream.read(HEAD)
    second = SECOND in (int.from_bytes(head[:4], order) for order in ("little", "big"))
    kind = Nifti2Image if second else Nifti1Image
    return kind, kind.header_class.from_fileobj(io.BytesIO(head)), head


def _count(header: Nifti1Header) -> int:
    return int(np.prod(header.get_data_shape(), dtype=np.int64))


def _check(header: Nifti1Header, path: Path) -> None:
    shape = header.get_data_shape()
    if min((*shape, 1, 1)[:3]) > 1 or any(side > 1 for side in shape[3:]):
        size = "x".join(map(str, shape))
        raise Unreadable(
            path, f"NIfTI volume of {size}, more than a single slice; export slices", "nifti_volume"
        )
    if header.get_data_dtype().kind not in "iuf":
        raise Unreadable(path, "NIfTI image in colour or of complex numbers", "nifti_colour")
    if not 0 < _count(header) <= MOST_PIXELS:
        raise Unreadable(path, f"NIfTI image of {_count(header)} pixels, expected 1 to 80 million")


def _flat(image: Nifti1Image) -> np.ndarray:
    """Return the only slice of an image as it is shown, (H, W)."""
    from nibabel.orientations import apply_orientation, axcodes2ornt, io_orientation, ornt_transform

    stored = np.asanyarray(image.dataobj)  # rescaled only if the header says so
    stored = stored.reshape((*stored.shape, 1, 1)[:3])
    turn = ornt_transform(io_orientation(image.affine), axcodes2ornt(TOWARDS))
    turned = apply_orientation(stored, turn)
    thin = max(axis for axis in range(3) if turned.shape[axis] == 1)
    flat = turned.take(0, thin).T
    return np.ascontiguousarray(flat, flat.dtype.newbyteorder("="))


def _needs_nibabel(path: Path) -> Unreadable:
    reason = "NIfTI files need nibabel: pip install 'fewray[nifti]'"
    return Unreadable(path, reason, "needs_nibabel")


def _damaged(path: Path, error: Exception) -> Unreadable:
    return Unreadable(path, f"NIfTI file that cannot be read ({type(error).__name__})")
