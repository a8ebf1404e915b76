"""The check never fails on what people have: few images, broken files, unusual formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewray.data.audit.check import audit
from fewray.data.loading import load_dataset
from fewray.results.data_check import DataCheck, Finding
from tests.helpers import run_cli, smooth_images

GREY = smooth_images(6, 80)


def saved(root: Path, name: str, image: Image.Image) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def checked(root: Path) -> tuple[DataCheck, dict[str, Finding]]:
    found = audit(load_dataset(root, strict=False))
    json.dumps(found.to_json(), allow_nan=False)
    return found, {each.code: each for each in found.findings}


@pytest.mark.parametrize("count", [1, 5])
def test_few_images_of_one_class(tmp_path: Path, count: int):
    for index in range(count):
        saved(tmp_path, f"a/{index}.png", Image.fromarray(GREY[index]))
    found, codes = checked(tmp_path)
    assert found.counts == {"": {"a": count}}
    assert set(codes) <= {"one_class", "patients_unknown", "little_detail"}
    assert "one_class" in codes


def test_all_images_broken(tmp_path: Path):
    for name in ("a/1.png", "a/2.jpg", "b/3.tif", "b/4.dcm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    found, codes = checked(tmp_path)
    assert len(found.unreadable) == 4 or "unreadable_files" in codes
    assert sum(sum(labels.values()) for labels in found.counts.values()) == 0
    assert {each.smallest for each in found.classes.values()} == {""}


FORMATS: dict[str, tuple[str, Callable[[np.ndarray], Image.Image]]] = {
    "L": ("png", Image.fromarray),
    "16 bits": ("png", lambda grey: Image.fromarray(grey.astype(np.uint16) * 257)),
    "float": ("tif", lambda grey: Image.fromarray(grey.astype(np.float32) / 255)),
    "palette": ("png", lambda grey: Image.fromarray(grey).convert("P")),
    "RGBA": ("png", lambda grey: Image.fromarray(grey).convert("RGBA")),
    "LA": ("png", lambda grey: Image.fromarray(grey).convert("LA")),
    "CMYK": ("jpg", lambda grey: Image.fromarray(grey).convert("RGB").convert("CMYK")),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_a_format_by_itself_is_no_finding(tmp_path: Path, kind: str):
    suffix, make = FORMATS[kind]
    for index, grey in enumerate(GREY):
        saved(tmp_path, f"{'ab'[index % 2]}/{index}.{suffix}", make(grey))
    found, codes = checked(tmp_path)
    assert not found.unreadable
    assert set(codes) <= {"patients_unknown", "little_detail"}


def test_formats_side_by_side_are_mixed_depths_and_nothing_else(tmp_path: Path):
    for index, (kind, (suffix, make)) in enumerate(FORMATS.items()):
        saved(tmp_path, f"{'ab'[index % 2]}/{kind}.{suffix}", make(GREY[index % 6]))
    _, codes = checked(tmp_path)
    assert set(codes["mixed_depths"].items) == {"b/16 bits.png", "a/float.tif"}
    expected = {"patients_unknown", "little_detail", "mixed_depths", "depth_by_class"}
    assert set(codes) <= expected | {"near_duplicates"}


def test_the_command_writes_a_page_and_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    for index, grey in enumerate(GREY):
        saved(tmp_path, f"data/{'ab'[index % 2]}/{index}.png", Image.fromarray(grey // 6))
    page = tmp_path / "new" / "check.html"
    words = ("data", "check", tmp_path / "data", "--out", page, "--json")
    assert run_cli(monkeypatch, *words) == 0
    printed = json.loads(capsys.readouterr().out)
    (dark,) = (each for each in printed["findings"] if each["code"] == "dark_images")
    assert len(dark["items"]) == 6
    assert any(dark["text"] in warning for warning in printed["warnings"])
    text = page.read_text(encoding="utf-8")
    assert "data:image/png" in text
    assert all(f"{index}.png" in text for index in range(6))
    assert run_cli(monkeypatch, "data", "check", tmp_path / "data", "--out", tmp_path) == 2
