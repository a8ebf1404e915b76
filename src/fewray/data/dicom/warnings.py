"""Warnings about what the headers of DICOM files say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fewray.data.dicom.files import DicomFiles
from fewray.data.manifest import DataWarning
from fewray.data.skipped_files import listed, plural
from fewray.imaging.decode import read_file
from fewray.imaging.depth import PixelScale
from fewray.imaging.dicom.grey import read_dicom
from fewray.imaging.unreadable import Unreadable
from fewray.results.data_check import DicomHeaders

SEEN = 12
"""How many images are decoded when a data set is loaded."""


def header_warnings(found: DicomHeaders | None) -> list[DataWarning]:
    """Return warnings about burned-in annotation, and about images that are not for viewing."""
    if found is None:
        return []
    warnings = []
    if names := found.burned_in:
        text = (
            f"{plural(names, 'DICOM image')} with burned-in annotation: the pixels may show names "
            f"or dates, and a classifier may learn them: {listed(names)}"
        )
        warnings.append(DataWarning("dicom_burned_in", text, names))
    if names := found.for_processing:
        text = (
            f"{plural(names, 'DICOM image')} for processing, not for presentation: raw detector "
            f"values, which look unlike other radiographs: {listed(names)}"
        )
        warnings.append(DataWarning("dicom_for_processing", text, names))
    return warnings


def dark_warnings(dicom: DicomFiles, paths: Sequence[Path], scale: PixelScale) -> list[DataWarning]:
    """Return a warning if images read by BitsStored are nearly black or white, as far as seen.

    Only ``SEEN`` of the files at ``paths`` are decoded, evenly spaced; `fewray data check` decodes
    all and says it of all (:func:`dark_warning`).
    """
    if scale.dicom_window is not False:
        return []
    mine = [path for path in paths if path in dicom.headers and not dicom.fault(path)]
    seen = mine[:: max(1, -(-len(mine) // SEEN))]
    dark = [path for path in seen if _is_narrow(path)]
    names = [dicom.mask.shown_below(path) for path in dark]
    return dark_warning(names, len(seen))


def dark_warning(names: Sequence[str], of: int) -> list[DataWarning]:
    """Return the warning that the DICOM images ``names``, of ``of`` images, are nearly black.

    They are those that :meth:`fewray.imaging.dicom.grey.DicomImage.is_narrow` finds in a data set
    whose ``pixel_scale.dicom_window`` is False.
    """
    if not names:
        return []
    text = (
        f"{len(names)} of {of} DICOM images looked at use at most a quarter of the grey levels "
        f"that BitsStored declares, so they are nearly black or white: {listed(names)}; correct "
        "BitsStored, or give all files a window (WindowCenter and WindowWidth)"
    )
    return [DataWarning("dicom_dark", text, tuple(names))]


def _is_narrow(path: Path) -> bool:
    try:
        return read_dicom(read_file(path), path).is_narrow()
    except Unreadable:  # reported by whoever reads the image
        return False


def no_view_text(found: DicomFiles) -> str:
    """Return what is wrong with a class of which no image has a view that was asked for."""
    views = sorted({header.view for header in found.headers.values() if header.view})
    known = ", ".join(views) or "none: these files have no ViewPosition"
    return f"no image of view {', '.join(found.views)}; the views of this data set are {known}"


def skipped_dicom(others: Sequence[str], views: Sequence[str], asked: str) -> list[DataWarning]:
    """Return warnings about DICOM files without an image, and about images of other views."""
    warnings = []
    if others:
        text = f"skipped {plural(others, 'DICOM file')} without an image: {listed(others)}"
        warnings.append(DataWarning("dicom_not_images", text, tuple(others)))
    if views:
        text = f"--view {asked}: skipped {plural(views, 'image')} of another or an unknown view"
        warnings.append(DataWarning("other_views", text, tuple(views)))
    return warnings
