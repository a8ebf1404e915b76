"""Planted faults are found by name; a clean set has none."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewray.data import near_duplicates
from fewray.data.audit.check import audit
from fewray.data.loading import load_dataset
from fewray.data.near_duplicates import near_pairs, thumbnail_of
from fewray.errors import InputError
from fewray.imaging.decode import decode


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("films")
    for row in load_dataset("phantom:size=64,train=10,test=3").rows:
        path = root / row.split / row.label / row.path.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(row.path.read_bytes())
    return root


def copied(clean: Path, tmp_path: Path) -> tuple[Path, list[Path]]:
    import shutil

    root = tmp_path / "set"
    shutil.copytree(clean, root)
    return root, sorted((root / "train/normal").iterdir())


PATIENT = r"(patient\d+)"


def test_a_clean_set_has_no_faults(clean: Path):
    found = audit(load_dataset(clean, group_regex=PATIENT))
    assert not found.unreadable
    assert not found.duplicates
    assert not found.groups_across_splits
    assert found.shortcut is None or not found.shortcut.identified
    json.dumps(found.to_json(), allow_nan=False)


def test_copies_are_found_however_they_were_made(clean: Path, tmp_path: Path):
    root, films = copied(clean, tmp_path)
    (root / "train/normal/bytes.png").write_bytes(films[0].read_bytes())
    grey = Image.fromarray(decode(films[1]))
    grey.resize((150, 150), Image.Resampling.BICUBIC).save(root / "train/normal/larger.png")
    grey.save(root / "train/normal/coded.jpeg", quality=85)
    bright = np.clip(decode(films[2]) * 0.9 + 10, 0, 255).astype(np.uint8)
    Image.fromarray(bright).save(root / "train/normal/brighter.png")
    found = audit(load_dataset(root, group_regex=PATIENT))
    assert any(
        {f"train/normal/{films[0].name}", "train/normal/bytes.png"} == set(same)
        for same in found.duplicates
    )
    pairs = {
        frozenset((Path(p["first"]).name, Path(p["second"]).name)) for p in found.near_duplicates
    }
    for original, copy in (
        (films[1], "larger.png"),
        (films[1], "coded.jpeg"),
        (films[2], "brighter.png"),
    ):
        assert frozenset((original.name, copy)) in pairs


def test_damaged_files_are_named(clean: Path, tmp_path: Path):
    root, films = copied(clean, tmp_path)
    films[0].write_bytes(films[0].read_bytes()[:300])
    films[1].write_text("no image")
    found = audit(load_dataset(root))
    assert {entry["path"] for entry in found.unreadable} == {
        f"train/normal/{film.name}" for film in films[:2]
    }
    assert "2 files cannot be read and are not counted; training refuses the set" in found.warnings
    assert found.counts["train"] == {
        label: 8 if label == "normal" else 10 for label in found.counts["train"]
    }
    for path in (root / "test").rglob("*.png"):
        path.write_text(path.name)
    assert set(audit(load_dataset(root)).counts["test"].values()) == {0}


def test_a_link_to_nothing_is_listed_beside_the_rest_and_refused_by_all_else(
    clean: Path, tmp_path: Path
):
    root, films = copied(clean, tmp_path)
    (films[0].parent / "lost.png").symlink_to(tmp_path / "nowhere.png")
    found = audit(load_dataset(root, strict=False))
    assert [Path(bad["path"]).name for bad in found.unreadable] == ["lost.png"]
    with pytest.raises(InputError, match=r"lost\.png: cannot be read \(No such file"):
        load_dataset(root)


def test_empty_files_and_files_in_two_classes_are_named(clean: Path, tmp_path: Path):
    root, films = copied(clean, tmp_path)
    (root / "train/covid/copy.png").write_bytes(films[0].read_bytes())
    (root / "train/covid/zero.png").write_bytes(b"")
    found = audit(load_dataset(root, group_regex=PATIENT, strict=False))
    assert found.unreadable == [{"path": "train/covid/zero.png", "error": "empty file"}]
    assert found.two_classes == [["train/covid/copy.png", f"train/normal/{films[0].name}"]]
    assert any("two classes" in warning and "copy.png" in warning for warning in found.warnings)
    assert "In two classes" in [title for title, _, _ in found.tables()]


def test_a_film_on_both_sides_of_the_split_is_named(clean: Path, tmp_path: Path):
    root, films = copied(clean, tmp_path)
    Image.fromarray(decode(films[0])).save(root / "test/normal/patient9999-1.tif")
    found = audit(load_dataset(root, group_regex=PATIENT))
    assert not found.groups_across_splits
    assert any("same film on both sides" in w and films[0].name in w for w in found.warnings)


@pytest.mark.parametrize("block", [1, 3, 1000])
def test_pairs_do_not_depend_on_the_block(monkeypatch: pytest.MonkeyPatch, block: int):
    monkeypatch.setattr(near_duplicates, "BLOCK", block)
    rng = np.random.default_rng(0)
    rows = {10 * i: thumbnail_of(rng.integers(0, 256, (40, 50), np.uint8)) for i in range(7)}
    rows[75], rows[76] = rows[20], np.zeros_like(rows[20])
    ((first, second, correlation),) = near_pairs(rows)
    assert (first, second) == (20, 75)
    assert correlation == pytest.approx(1)


def test_nothing_and_flat_pictures_are_no_error(tmp_path: Path):
    assert near_pairs({}) == []
    for grey, name in enumerate(("a/1.png", "a/2.png", "b/3.png", "b/4.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((9, 9), grey, np.uint8)).save(tmp_path / name)
    found = audit(load_dataset(tmp_path))
    assert not found.near_duplicates
    assert found.sizes["a"] == {"smallest": "9x9", "median": "9x9", "largest": "9x9", "aspect": 1.0}
    assert found.shortcut is None


def test_a_patient_on_both_sides_is_named(clean: Path, tmp_path: Path):
    root, films = copied(clean, tmp_path)
    patient = films[0].name.split("-")[0]
    (root / "test/normal" / f"{patient}-9.png").write_bytes(films[0].read_bytes())
    assert audit(load_dataset(root, group_regex=PATIENT)).groups_across_splits == [patient]


def test_a_class_with_its_own_file_format_is_told_apart(clean: Path, tmp_path: Path):
    root, _ = copied(clean, tmp_path)
    for film in root.glob("*/covid/*"):
        Image.fromarray(decode(film)).convert("RGB").save(film)
    found = audit(load_dataset(root, group_regex=PATIENT))
    assert found.shortcut is not None
    assert "covid" in found.shortcut.identified
