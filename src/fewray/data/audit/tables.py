"""The tables that ``fewray data check`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fewray.results.data_check import DataCheck, DicomHeaders

Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]
"""Title, header and rows."""


def check_tables(found: DataCheck) -> list[Table]:
    """Return the tables that have rows."""
    rows = [
        (
            label,
            *(str(found.counts[split].get(label, 0)) for split in found.counts),
            files.smallest,
            files.median,
            files.largest,
            "" if files.aspect is None else f"{files.aspect:.2f}",
            _counted(files.modes),
        )
        for label, files in found.classes.items()
    ]
    counts = [split or "images" for split in found.counts]
    header = ("class", *counts, "smallest", "median", "largest", "width/height", "modes")
    near = [(p.first, p.second, f"{p.correlation:.3f}") for p in found.near_duplicates]
    depths = [(label, files.depth) for label, files in found.classes.items() if files.depth]
    outliers = [(o.path, f"{o.minimum:g}", f"{o.maximum:g}") for o in found.outliers]
    patients = "1 patient" if found.groups == 1 else f"{found.groups} patients"
    tables: list[Table] = [
        (f"{found.name}: {patients}, sizes in pixels", header, rows),
        ("Unreadable files", ("file", "reason"), list(found.unreadable.items())),
        ("Byte-equal files", ("files",), [(", ".join(same),) for same in found.duplicates]),
        ("In two classes", ("files",), [(", ".join(same),) for same in found.two_classes]),
        ("Near-duplicates", ("first", "second", "correlation"), near),
        ("DICOM files", ("what", "found"), _dicom(found.dicom) if found.dicom else []),
        (f"Grey scale: {found.pixel_scale}", ("class", "scale by its own files"), depths),
        ("Pixels outside the grey scale", ("file", "minimum", "maximum"), outliers),
    ]
    return [table for table in tables if table[2]]


def _dicom(found: DicomHeaders) -> list[tuple[str, str]]:
    return [
        ("views", _counted(found.views)),
        ("laterality", _counted(found.laterality)),
        ("modality", _counted(found.modalities)),
        ("photometric", _counted(found.photometric)),
        ("bits stored", _counted(found.bits)),
        ("with a window", f"{found.windows} of {found.files}"),
        ("patients with several dates", str(found.several_dates or "")),
        ("patient key", found.key_file),
    ]


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
