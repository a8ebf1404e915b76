"""Warnings about what the headers of DICOM files say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fewray.data.dicom.files import DicomFiles
from fewray.data.manifest import DataWarning
from fewray.data.skipped_files import listed, plural
from fewray.imaging.decode import read_file
from fewray.imaging.depth import PixelScale
from fewray.imaging.dicom.grey import DicomImage, read_dicom
from fewray.imaging.unreadable import Unreadable
from fewray.results.data_check import DicomHeaders

WINDOWS = "windows_not_used"
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


def shape_warning(dicom: DicomFiles, paths: Sequence[Path]) -> list[DataWarning]:
    """Return the warning that headers contradict themselves about what is black."""
    names = [
        dicom.mask.shown_below(path)
        for path in paths
        if path in dicom.headers and dicom.headers[path].contradictory
    ]
    if not names:
        return []
    text = (
        f"{plural(names, 'DICOM image')} whose PresentationLUTShape contradicts the "
        f"PhotometricInterpretation: {listed(names)}; the shape was followed, as in DCMTK: look at "
        "these images"
    )
    return [DataWarning("dicom_polarity", text, tuple(names))]


def invalid_window_warning(dicom: DicomFiles, paths: Sequence[Path]) -> list[DataWarning]:
    """Return the warning that the windows of some files at ``paths`` are invalid and ignored."""
    found = [path for path in paths if path in dicom.headers and dicom.headers[path].invalid_window]
    if not found:
        return []
    names = [dicom.mask.shown_below(path) for path in found]
    text = (
        f"{plural(names, 'DICOM image')} with an invalid window, which is ignored, as in DCMTK: "
        f"{listed(names)}; it needs a WindowCenter, and a WindowWidth of at least 1, or above 0 "
        "with VOILUTFunction LINEAR_EXACT or SIGMOID (PS3.3, C.11.2.1): correct or remove it"
    )
    return [DataWarning("dicom_invalid_window", text, tuple(names))]


def pixel_warnings(
    dicom: DicomFiles, paths: Sequence[Path], scale: PixelScale
) -> list[DataWarning]:
    """Return warnings about pixels that do not fit BitsStored, as far as seen.

    They use bits above it; or the images are nearly black or white, because BitsStored or a window
    is the scale and too large. Only ``SEEN`` of the files at ``paths`` are decoded, evenly spaced;
    `fewray data check` decodes all and says it of all.
    """
    mine = [path for path in paths if path in dicom.headers and not dicom.fault(path)]
    images = {path: _decoded(path) for path in mine[:: max(1, -(-len(mine) // SEEN))]}
    seen = {dicom.mask.shown_below(path): image for path, image in images.items() if image}
    found = excess_warning([name for name, image in seen.items() if image.excess_bits])
    if scale.dicom_window is False:
        found += windows_warning(dicom, mine)
    narrow = [name for name, image in seen.items() if image.is_narrow(scale)]
    return found + dark_warning(narrow, len(seen), with_window=bool(scale.dicom_window))


def windows_warning(dicom: DicomFiles, paths: Sequence[Path]) -> list[DataWarning]:
    """Return the warning that windows are not used, because some files at ``paths`` have none."""
    names = [dicom.mask.shown_below(path) for path in paths if not dicom.headers[path].window]
    if len(names) in (0, len(paths)):
        return []
    text = (
        f"{len(paths) - len(names)} of {len(paths)} DICOM images have a window or VOI LUT. No "
        "window is used, because images with and without one would differ in contrast. Without: "
        f"{listed(names)}; export all files with a window, or leave these out"
    )
    return [DataWarning(WINDOWS, text, tuple(names))]


def excess_warning(names: Sequence[str]) -> list[DataWarning]:
    """Return the warning that the DICOM images ``names`` have bits above BitsStored."""
    if not names:
        return []
    text = (
        f"{plural(names, 'DICOM image')} with bits set above BitsStored, which are no part of the "
        f"pixels (PS3.5, 8.1.1) and are left out: {listed(names)}; if bright areas turn dark, "
        "BitsStored is too small: correct it"
    )
    return [DataWarning("dicom_excess_bits", text, tuple(names))]


def dark_warning(names: Sequence[str], of: int, *, with_window: bool) -> list[DataWarning]:
    """Return the warning that the DICOM images ``names``, of ``of`` images, are nearly black.

    They are those that :meth:`fewray.imaging.dicom.grey.DicomImage.is_narrow` finds.
    ``with_window`` says whether windows are used.
    """
    if not names:
        return []
    what = "in their window" if with_window else "that BitsStored declares"
    remedy = (
        "correct WindowCenter and WindowWidth, and BitsStored if it is too large"
        if with_window
        else "correct BitsStored, or give all files a window (WindowCenter and WindowWidth)"
    )
    text = (
        f"{len(names)} of {of} DICOM images looked at use at most a quarter of the grey levels "
        f"{what}, so they are nearly black or white: {listed(names)}; {remedy}"
    )
    return [DataWarning("dicom_dark", text, tuple(names))]


def _decoded(path: Path) -> DicomImage | None:
    try:
        return read_dicom(read_file(path), path)
    except Unreadable:  # reported by whoever reads the image
        return None


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
