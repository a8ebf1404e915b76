"""Warnings about what the headers of DICOM files say."""

from __future__ import annotations

from collections.abc import Sequence

from fewray.data.dicom.files import DicomFiles
from fewray.data.dicom.summary import DicomSummary
from fewray.data.manifest import DataWarning
from fewray.data.skipped_files import listed, plural


def header_warnings(found: DicomSummary | None) -> list[DataWarning]:
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
