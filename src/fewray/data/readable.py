"""Leave out the files of a data set that cannot be decoded, for ``--skip-unreadable``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fewray.data.dicom.warnings import WINDOWS
from fewray.data.manifest import DataWarning, Manifest
from fewray.data.rows import two_class_faults
from fewray.data.skipped_files import listed, plural
from fewray.errors import InputError
from fewray.imaging.arrays import in_threads, scan_ranges
from fewray.imaging.decode import Unreadable, read_file, read_image
from fewray.imaging.depth import choose_scale


def readable_rows(found: Manifest) -> Manifest:
    """Return the rows of ``found`` whose files can be decoded, with a warning that lists the rest.

    ``found`` was loaded with ``strict=False``. Every file is decoded once for this. Raises
    InputError ``invalid_data`` for a file in two classes, ``no_readable_images`` for a class
    without a readable file, and that of :func:`fewray.imaging.depth.choose_scale`.
    """
    reasons = in_threads(_reason, found.paths())
    kept = tuple(row for row, reason in zip(found.rows, reasons, strict=True) if not reason)
    if faults := two_class_faults(kept):
        text = "; ".join(text for _, text in faults)
        raise InputError("invalid_data", f"{found.name}: {text}", faults=[c for c, _ in faults])
    if missing := sorted({*found.classes} - {row.label for row in kept}):
        raise InputError(
            "no_readable_images",
            f"{found.name}: no readable image of class {', '.join(missing)}; "
            "`fewray data check` lists the reasons",
            classes=missing,
        )
    ranges = scan_ranges([row.path for row in kept])
    scale = choose_scale(filter(None, ranges))
    noted = [w for w in found.warnings if w.code != WINDOWS or scale.dicom_window is False]
    scaled = replace(found, rows=kept, pixel_scale=scale, warnings=tuple(noted))
    broken = [(row, why) for row, why in zip(found.rows, reasons, strict=True) if why]
    if not broken:
        return scaled
    names = [f"{row.shown} ({why})" for row, why in broken]
    text = f"skipped {plural(names, 'unreadable file')}: {listed(names)}"
    files = tuple(str(row.shown) for row, _ in broken)
    return replace(scaled, warnings=(*noted, DataWarning("skipped_unreadable", text, files)))


def _reason(path: Path) -> str:
    """Return why a file cannot be decoded; empty if it can."""
    try:
        read_image(read_file(path), path)
    except Unreadable as error:
        return error.reason
    return ""
