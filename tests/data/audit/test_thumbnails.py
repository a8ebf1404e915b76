"""Pictures of what a check names: a few per finding, none that may show a name."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from fewray.data.audit.check import audit
from fewray.data.audit.thumbnails import (
    GAP,
    LINE,
    SIDE,
    Thumbnails,
    contact_sheet,
    images_of,
    thumbnails,
)
from fewray.data.loading import load_dataset
from fewray.report.html.document import page_html
from fewray.report.pages.data_check import data_check_page
from fewray.results.data_check import Finding
from tests.dicom_files import pixels_of, secrets_of, write_dicom
from tests.helpers import save_noise
from tests.report.html_page import HtmlPage, assert_stands_alone


def test_pairs_and_sets_are_split_into_images():
    finding = Finding(code="x", text="x", items=("a.png = b.png", "b.png ~ c d.png", "e.png"))
    assert images_of(finding) == ["a.png", "b.png", "c d.png", "e.png"]


def test_the_page_shows_what_is_named_and_stands_alone(tmp_path: Path):
    (tmp_path / "b").mkdir()
    for index in range(5):
        save_noise(tmp_path / f"a/{index}.png", index)
        Image.new("L", (70, 50), 10 * index).save(tmp_path / f"b/i&{index}.png")
    (tmp_path / "b/broken.png").write_bytes(b"x")
    data = load_dataset(tmp_path, strict=False)
    found = audit(data)
    pictures = thumbnails(data, found.findings, most=3)
    blank = next(each for each in found.findings if each.code == "blank_images")
    assert len([name for name in blank.items if name in pictures.shown]) == 3
    assert "b/broken.png" not in pictures.shown
    assert pictures.shown[blank.items[0]].shape == (SIDE, SIDE)
    page = HtmlPage(page_html(data_check_page(found, pictures)))
    assert_stands_alone(page)
    shown = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert any(blank.items[0] in (alt or "") for alt in shown)
    assert blank.advice in page.text
    assert "broken.png" in page.text
    assert "b/i&4.png" in page.text


def test_a_contact_sheet_has_eight_numbered_images_in_a_row():
    images = [np.full((SIDE, SIDE), 10 * index, np.uint8) for index in range(9)]
    sheet = np.asarray(Image.open(io.BytesIO(contact_sheet(images))))
    assert sheet.shape == (2 * SIDE + 2 * LINE + GAP, 8 * SIDE + 7 * GAP)
    assert (sheet[:SIDE, 7 * (SIDE + GAP) :] == 70).all()
    assert (sheet[SIDE + LINE + GAP : -LINE, :SIDE] == 80).all()
    assert (sheet[SIDE + LINE + GAP :, SIDE:] == 255).all()
    assert sheet[SIDE : SIDE + LINE, :SIDE].min() < 200
    assert np.asarray(Image.open(io.BytesIO(contact_sheet(images[:1])))).shape[1] == sheet.shape[1]


def test_a_clean_data_set_has_a_page_too(tmp_path: Path):
    for index in range(4):
        save_noise(tmp_path / f"{'ab'[index % 2]}/{index}.png", index, (80, 80))
    found = audit(load_dataset(tmp_path, group_regex=r"(\d)"))
    assert found.findings == ()
    page = HtmlPage(page_html(data_check_page(found, Thumbnails())))
    assert "Nothing to look at" in page.text


def test_burned_in_annotation_is_not_shown_and_names_are_hidden(tmp_path: Path):
    people, root = [secrets_of() for _ in range(6)], tmp_path / "export"
    for index, person in enumerate(people):
        flat = np.full((64, 64), 2000, np.uint16)
        name = f"{person['PatientName'].replace('^', '_')}.dcm"
        burned = "YES" if index < 2 else "NO"
        write_dicom(root / "ab"[index % 2] / name, flat, BurnedInAnnotation=burned, **person)
    for index in range(4):
        write_dicom(
            root / "ab"[index % 2] / f"good{index}.dcm", pixels_of(index), PatientID=f"{index}9"
        )
    data = load_dataset(root, strict=False)
    found = audit(data)
    pictures = thumbnails(data, found.findings)
    blank = next(each for each in found.findings if each.code == "blank_images")
    assert len(blank.items) == 6
    assert len(pictures.withheld) == 2
    assert len(pictures.withheld & set(blank.items)) == 2
    assert not pictures.withheld & set(pictures.shown)
    text = page_html(data_check_page(found, pictures))
    assert "burned-in annotation are not shown" in text
    for person in people:
        for value in person.values():
            assert str(value) not in text
            assert str(value).lower() not in text.lower()
