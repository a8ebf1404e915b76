"""Planted faults are reported; a clean data set has none."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewray.data import near_duplicates
from fewray.data.audit.check import audit
from fewray.data.audit.findings import NEAR
from fewray.data.audit.tables import check_tables
from fewray.data.loading import load_dataset
from fewray.data.near_duplicates import near_pairs, thumbnail_of
from fewray.errors import InputError
from fewray.imaging.arrays import save_png
from fewray.imaging.decode import decode
from fewray.results.data_check import DataCheck, Finding
from tests.helpers import save_noise, smooth_images


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("images")
    for row in load_dataset("phantom:size=64,train=10,test=3").rows:
        path = root / row.split / row.label / row.path.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(row.path.read_bytes())
    return root


def warnings(found: DataCheck) -> dict[str, Finding]:
    return {each.code: each for each in found.findings}


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


def test_duplicates_are_found_however_they_were_made(clean: Path, tmp_path: Path):
    root, images = copied(clean, tmp_path)
    (root / "train/normal/bytes.png").write_bytes(images[0].read_bytes())
    grey = Image.fromarray(decode(images[1]))
    grey.resize((150, 150), Image.Resampling.BICUBIC).save(root / "train/normal/larger.png")
    grey.save(root / "train/normal/coded.jpeg", quality=85)
    bright = np.clip(decode(images[2]) * 0.9 + 10, 0, 255).astype(np.uint8)
    Image.fromarray(bright).save(root / "train/normal/brighter.png")
    found = audit(load_dataset(root, group_regex=PATIENT))
    assert any(
        {f"train/normal/{images[0].name}", "train/normal/bytes.png"} == set(same)
        for same in found.duplicates
    )
    pairs = {frozenset((Path(p.first).name, Path(p.second).name)) for p in found.near_duplicates}
    for original, copy in (
        (images[1], "larger.png"),
        (images[1], "coded.jpeg"),
        (images[2], "brighter.png"),
    ):
        assert frozenset((original.name, copy)) in pairs


def test_damaged_files_are_listed(clean: Path, tmp_path: Path):
    root, images = copied(clean, tmp_path)
    images[0].write_bytes(images[0].read_bytes()[:300])
    images[1].write_text("no image")
    found = audit(load_dataset(root))
    bad = {f"train/normal/{image.name}" for image in images[:2]}
    assert set(found.unreadable) == bad
    assert warnings(found)["unreadable_files"].items == tuple(sorted(bad))
    assert found.counts["train"] == {
        label: 8 if label == "normal" else 10 for label in found.counts["train"]
    }
    for path in (root / "test").rglob("*.png"):
        path.write_text(path.name)
    assert set(audit(load_dataset(root)).counts["test"].values()) == {0}


def test_a_broken_link_is_listed_by_the_check_and_refused_by_loading(clean: Path, tmp_path: Path):
    root, images = copied(clean, tmp_path)
    (images[0].parent / "lost.png").symlink_to(tmp_path / "nowhere.png")
    found = audit(load_dataset(root, strict=False))
    assert [Path(bad).name for bad in found.unreadable] == ["lost.png"]
    with pytest.raises(InputError, match=r"lost\.png: cannot be read") as caught:
        load_dataset(root)
    assert caught.value.fields["faults"] == ["unreadable_file"]


def test_empty_files_and_files_in_two_classes_are_listed(clean: Path, tmp_path: Path):
    root, images = copied(clean, tmp_path)
    (root / "train/covid/copy.png").write_bytes(images[0].read_bytes())
    (root / "train/covid/zero.png").write_bytes(b"")
    found = audit(load_dataset(root, group_regex=PATIENT, strict=False))
    assert found.unreadable == {"train/covid/zero.png": "empty file"}
    assert found.two_classes == (("train/covid/copy.png", f"train/normal/{images[0].name}"),)
    assert "copy.png" in warnings(found)["two_classes"].text
    assert "In two classes" in [title for title, _, _ in check_tables(found)]


def test_an_image_in_both_splits_is_reported(clean: Path, tmp_path: Path):
    root, images = copied(clean, tmp_path)
    Image.fromarray(decode(images[0])).save(root / "test/normal/patient9999-1.tif")
    found = audit(load_dataset(root, group_regex=PATIENT))
    assert not found.groups_across_splits
    assert images[0].name in warnings(found)["images_across_splits"].text


@pytest.mark.parametrize("block", [1, 3, 1000])
def test_pairs_do_not_depend_on_the_block(monkeypatch: pytest.MonkeyPatch, block: int):
    monkeypatch.setattr(near_duplicates, "BLOCK", block)
    rng = np.random.default_rng(0)
    rows = {10 * i: thumbnail_of(rng.integers(0, 256, (40, 50), np.uint8)) for i in range(7)}
    rows[75], rows[76] = rows[20], np.zeros_like(rows[20])
    ((first, second, correlation),) = near_pairs(rows)
    assert (first, second) == (20, 75)
    assert correlation == pytest.approx(1)


def test_empty_input_and_flat_images_are_no_error(tmp_path: Path):
    assert near_pairs({}) == []
    for grey, name in enumerate(("a/1.png", "a/2.png", "b/3.png", "b/4.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((9, 9), grey, np.uint8)).save(tmp_path / name)
    found = audit(load_dataset(tmp_path))
    assert not found.near_duplicates
    sizes = found.classes["a"]
    assert {sizes.smallest, sizes.median, sizes.largest} == {"9x9"}
    assert (sizes.aspect, sizes.depth) == (1.0, "")
    assert found.shortcut is None


def test_a_patient_in_both_splits_is_reported(clean: Path, tmp_path: Path):
    root, images = copied(clean, tmp_path)
    patient = images[0].name.split("-")[0]
    (root / "test/normal" / f"{patient}-9.png").write_bytes(images[0].read_bytes())
    assert audit(load_dataset(root, group_regex=PATIENT)).groups_across_splits == (patient,)


def test_a_class_with_its_own_file_format_is_identified(clean: Path, tmp_path: Path):
    root, _ = copied(clean, tmp_path)
    for image in root.glob("*/covid/*"):
        Image.fromarray(decode(image)).convert("RGB").save(image)
    found = audit(load_dataset(root, group_regex=PATIENT))
    assert found.shortcut is not None
    assert "covid" in found.shortcut.identified


def deep(path: Path, top: int, spike: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(top).integers(0, top, (64, 64)).astype(np.uint16)
    if spike:
        values[:3, :3] = spike
    Image.fromarray(values).save(path)


def test_the_depth_of_a_data_set_and_its_outliers_are_reported(tmp_path: Path):
    for index in range(3):
        deep(tmp_path / f"a/{index}.png", 900 + index)
        deep(tmp_path / f"b/{index}.png", 950 + index, spike=60000 if index == 1 else 0)
    data = load_dataset(tmp_path)
    assert data.pixel_scale.integers == (0, 1023)
    found = audit(data)
    assert found.pixel_scale == "10-bit images: 0 to 1023"
    assert [(o.path, o.maximum) for o in found.outliers] == [("b/1.png", 60000)]
    assert warnings(found)["pixel_outliers"].items == ("b/1.png",)
    assert "depth_by_class" not in warnings(found)
    assert "Pixels outside the grey scale" in [title for title, _, _ in check_tables(found)]
    for index in range(3):
        deep(tmp_path / f"b/{index}.png", 4000 + index)
    found = audit(load_dataset(tmp_path))
    assert found.pixel_scale == "12-bit images: 0 to 4095"
    assert warnings(found)["depth_by_class"].items == ("a", "b")
    json.dumps(found.to_json(), allow_nan=False)


def test_an_unknown_float_range_is_refused_by_loading_and_listed_by_the_check(tmp_path: Path):
    for index in range(2):
        values = np.random.default_rng(index).normal(0, 2, (40, 40)).astype(np.float32)
        (tmp_path / "a").mkdir(exist_ok=True)
        Image.fromarray(values).save(tmp_path / f"a/{index}.tif")
    with pytest.raises(InputError) as caught:
        load_dataset(tmp_path)
    assert caught.value.code == "float_range"
    found = audit(load_dataset(tmp_path, strict=False))
    assert len(found.unreadable) == 2
    assert all("float pixels" in reason for reason in found.unreadable.values())


def test_near_duplicates_get_the_advice_that_fits_their_patients(tmp_path: Path):
    for index, image in enumerate(smooth_images(4)):
        save_png(image, tmp_path / f"{'ab'[index % 2]}/p{index}_1.png")
    for kind, name in ((False, "a/p9_1.png"), (True, "a/p0_2.png")):
        save_png(smooth_images(4)[0] // 2 + 40, tmp_path / name)
        data = load_dataset(tmp_path, group_regex=r"(p\d+)_")
        found = audit(data)
        assert {pair.one_patient for pair in found.near_duplicates} == {kind}
        (finding,) = [each for each in found.findings if each.code == "near_duplicates"]
        assert finding.advice == f"Inspect them. {NEAR[kind]}"
        (tmp_path / name).unlink()


def test_a_class_without_images_in_a_split_is_told(tmp_path: Path):
    names = ("train/a/1", "train/b/2", "train/c/3", "test/a/4")
    for index, name in enumerate(names):
        save_noise(tmp_path / f"{name}.png", index)
    found = warnings(audit(load_dataset(tmp_path)))["class_missing_in_split"]
    assert found.items == ("b", "c")
    for index, label in enumerate("bc"):
        save_noise(tmp_path / "test" / label / "1.png", 9 + index)
    assert "class_missing_in_split" not in warnings(audit(load_dataset(tmp_path)))
    (tmp_path / "test/c/1.png").write_text("damaged")
    assert warnings(audit(load_dataset(tmp_path)))["class_missing_in_split"].items == ("c",)


@pytest.mark.parametrize("kind", ["folder", "wrapper", "table", "relative"])
def test_files_are_named_alike_in_tables_and_warnings(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
):
    root = tmp_path / "data"
    for index in range(3):
        save_noise(root / f"deep/a/{index}.png", index)
        save_noise(root / f"deep/b/{index}.png", index + 3)
    (root / "deep/a/7.png").write_text("damaged")
    (root / "deep/a/x.xyz").write_text("no image")
    table = "path,label\n" + "".join(f"deep/{x}/{i}.png,{x}\n" for x in "ab" for i in range(3))
    (root / "t.csv").write_text(table + "deep/a/7.png,a\ndeep/a/7.png,a\n")
    monkeypatch.chdir(tmp_path)
    source = {"folder": root / "deep", "table": root / "t.csv", "relative": "data/deep"}
    found = audit(data := load_dataset(source.get(kind, root), strict=False))
    deep = "" if kind in ("folder", "relative") else "deep/"
    assert list(found.unreadable) == [f"{deep}a/7.png"]
    if kind != "table":
        (skipped,) = [warning for warning in data.warnings if warning.code == "not_images"]
        assert skipped.items == (f"{deep}a/x.xyz",)
