"""The table of areas that synthetic images copy from training images."""

from __future__ import annotations

from fewray.report.tables import Column, Table
from fewray.report.text import number
from fewray.results.areas import ClassAreas
from fewray.results.quality import QualityReport

COLUMNS = (
    "class",
    "images",
    Column("copied windows", "%"),
    Column("in real", "%"),
    "ratio",
    "flagged",
    Column("largest owed area", "%"),
)


def area_tables(quality: QualityReport) -> tuple[Table, ...]:
    """Return the table of copied areas by class; none in a report without them."""
    found = {label: each.areas for label, each in quality.classes.items() if each.areas}
    if not found:
        return ()
    caption = (
        "Copied areas. A mosaic of training images is no copy of any one of them, but its windows "
        "are copied. Real images are compared with those of other patients. An image owes an area "
        "to the training image that most of its copied windows come from."
    )
    rows = [_row(label, areas) for label, areas in found.items()]
    return (Table.of("", COLUMNS, rows, caption),)


def _row(label: str, areas: ClassAreas) -> tuple[object, ...]:
    return (
        label,
        areas.num_images,
        number(100 * areas.copied_windows, 1),
        number(100 * areas.real_windows, 1),
        number(areas.ratio, 1),
        areas.num_flagged,
        number(100 * areas.worst[0].owed, 1),
    )
