"""Images, labels and patients as arrays in one NPZ file, as ``numpy.savez`` writes them.

It is read as public releases are: each image is listed, and those that are chosen are written to
the cache, as PNG (8 or 16 bits) or as TIFF with the same numbers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fewray.data.manifest import Manifest
from fewray.data.patients import patient_in_cell
from fewray.data.releases.layout.arrays import (
    DAMAGED,
    array_header,
    image_places,
    suffix_for,
    write_images,
)
from fewray.data.releases.layout.collect import Request, collect
from fewray.data.releases.layout.listing import ListedImage, Listing, Release
from fewray.errors import InputError

SUFFIX = ".npz"
IMAGES, LABELS, PATIENTS = "images", "labels", "patients"
EXPECTED = (
    "expected the arrays images (n, H, W) and labels (n,), and patients (n,) if they are known"
)


def read(file: Path) -> Listing:
    """Return the images of an NPZ file. Raises InputError ``npz_arrays``."""
    try:
        shape, kind = array_header(file, IMAGES)
        with np.load(file) as arrays:
            labels = _column(file, LABELS, arrays[LABELS], shape[0])
            known = PATIENTS in arrays.files
            patients = _column(file, PATIENTS, arrays[PATIENTS], shape[0]) if known else []
    except InputError:
        raise
    except DAMAGED as error:
        message = str(error).strip("'\"")
        hint = "; a file of MedMNIST is read as medmnist:FILE" if "mnist" in file.name else ""
        raise _fault(file, f"{message}; {EXPECTED}{hint}") from None
    _check_images(file, shape, kind)
    if empty := [number for number, label in enumerate(labels) if not patient_in_cell(label)]:
        raise _fault(file, f"{LABELS} is empty for {len(empty)} images, the first is {empty[0]}")
    images = [
        ListedImage(
            file=f"{IMAGES}/{number:06d}{suffix_for(kind)}",
            positive=(label,),
            patient=patient_in_cell(patients[number]) if known else "",
        )
        for number, label in enumerate(labels)
    ]
    files = image_places(file, images, "npz")
    return Listing(
        images=images,
        files=files,
        tables=file.name,
        prepare=lambda chosen: write_images(file, files.root, chosen),
    )


def load_npz(request: Request) -> Manifest:
    """Return the data set in an NPZ file."""
    file = Path(request.source)
    release = Release(
        name=file.stem,
        what="images and labels as arrays",
        licence="",
        address="",
        unpack=EXPECTED.removeprefix("expected "),
        read=read,
        argument="FILE.npz",
    )
    return collect(release, read(file), request)


def _column(file: Path, name: str, values: np.ndarray, count: int) -> list[str]:
    """Return labels or patients as texts; whole numbers have no decimals."""
    if values.size != count or values.shape[:1] != (count,):
        raise _fault(file, f"{name} has shape {values.shape}, and there are {count} images")
    flat = values.reshape(-1)
    if flat.dtype.kind == "f":
        whole = np.isfinite(flat) & (flat == np.round(flat))
        return [str(int(v)) if w else str(v) for v, w in zip(flat.tolist(), whole, strict=True)]
    if flat.dtype.kind == "S":
        return [value.decode("utf-8", "replace").strip() for value in flat.tolist()]
    return [str(value).strip() for value in flat.tolist()]


def _check_images(file: Path, shape: tuple[int, ...], kind: np.dtype) -> None:
    """Raise ``npz_arrays`` unless the images are grey and have two dimensions."""
    flat = len(shape) == 3 or (len(shape) == 4 and 1 in (shape[1], shape[3]))
    if not flat or min(shape) < 1:
        what = f"{IMAGES} has shape {shape}: expected grey images in two dimensions, (n, H, W)"
        raise _fault(file, f"{what}, (n, 1, H, W) or (n, H, W, 1)")
    if kind.kind not in "uif":
        raise _fault(file, f"{IMAGES} holds {kind}: expected integers or float")


def _fault(file: Path, what: str) -> InputError:
    return InputError("npz_arrays", f"{file}: {what}", file=str(file))
