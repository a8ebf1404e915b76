"""The page of a data check: each finding with pictures of the images that it names."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from fewray.data.audit.tables import check_tables
from fewray.data.audit.thumbnails import SHOWN, Thumbnails, contact_sheet, images_of
from fewray.report.page import Block, Bullets, Details, Page, Picture, Section, Text
from fewray.report.tables import Table
from fewray.report.text import count, sentence
from fewray.results.data_check import DataCheck, Finding
from fewray.results.headings import heading
from fewray.results.names import sentence_case

WITHHELD = (
    "DICOM images with burned-in annotation are not shown here, because they may show names or "
    "dates."
)


def data_check_page(found: DataCheck, pictures: Thumbnails) -> Page:
    """Return the page of ``found``. ``pictures`` are of the images that its findings name."""
    images = sum(sum(labels.values()) for labels in found.counts.values())
    classes = "1 class" if len(found.classes) == 1 else f"{len(found.classes)} classes"
    verdict = f"{count(len(found.findings), 'finding')} to look at"
    verdict = sentence(verdict) if found.findings else "Nothing to look at was found."
    sections = [
        Section(f"{each.code}-{index}", sentence_case(heading(each.code)), _blocks(each, pictures))
        for index, each in enumerate(found.findings)
    ]
    tables = tuple(Table.of(*table) for table in check_tables(found))
    return Page.of(
        f"Data check: {found.name}",
        f"{count(images, 'readable image')} in {classes}, {count(found.groups, 'patient')}.",
        (verdict,),
        (WITHHELD,) if pictures.withheld else (),
        [*sections, Section("files", "Files", tables)],
    )


def _blocks(finding: Finding, pictures: Thumbnails) -> tuple[Block, ...]:
    """Return what was found, what to do, pictures of the first images, and the list of all."""
    named = images_of(finding)
    blocks: list[Block] = [Text(sentence(finding.text))]
    if finding.advice:
        blocks.append(Text(finding.advice))
    shown = [name for name in named if name in pictures.shown][:SHOWN]
    if shown:
        blocks.append(_sheet(shown, pictures))
    if hidden := [name for name in named if name in pictures.withheld]:
        blocks.append(Text(f"{count(len(hidden), 'image')} not shown. {WITHHELD}", "soft"))
    if len(finding.items) > 1:
        blocks.append(Details(f"All {len(finding.items)}", (Bullets(finding.items),)))
    return tuple(blocks)


def _sheet(names: Sequence[str], pictures: Thumbnails) -> Picture:
    """Return one picture of the named images, whose caption says which is which."""
    png = contact_sheet([pictures.shown[name] for name in names])
    address = "data:image/png;base64," + base64.b64encode(png).decode()
    caption = ", ".join(f"{number} {name}" for number, name in enumerate(names, start=1))
    return Picture(address, f"Images named above: {caption}", caption)
