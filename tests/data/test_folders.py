"""A user's own images in folders, and what may be wrong with them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewray.data.loading import load_dataset, load_external
from fewray.data.manifest import PATIENTS, UNREAD, DataWarning, Manifest
from fewray.errors import InputError
from tests.helpers import save_noise


def warnings(data: Manifest) -> dict[str, DataWarning]:
    return {warning.code: warning for warning in data.warnings}


def faults(source: Path) -> list[str]:
    """Return the codes of what makes ``source`` invalid."""
    with pytest.raises(InputError) as caught:
        load_dataset(source)
    assert caught.value.code == "invalid_data"
    return caught.value.fields["faults"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index, name in enumerate(
        ["train/a/p1_1.png", "train/a/p1_2.PNG", "train/b/p2_1.jpg", "Test/a/p3_1.tif"]
    ):
        save_noise(tmp_path / "set" / name, index)
    return tmp_path / "set"


def test_splits_and_classes_come_from_folders(folder: Path):
    (folder / "train/a/notes.txt").write_text("x")
    (folder / "train/a/.hidden.png").write_text("x")
    data = load_dataset(folder)
    assert data.classes == ("a", "b")
    assert data.counts() == {"train": {"a": 2, "b": 1}, "test": {"a": 1, "b": 0}}
    assert warnings(data)["not_images"].items == ("train/a/notes.txt",)
    assert PATIENTS in warnings(data)
    assert len({row.group for row in data.rows}) == 4


def test_class_folders_alone_have_no_split(tmp_path: Path):
    save_noise(tmp_path / "a/1.png"), save_noise(tmp_path / "b/2.png", 1)
    assert load_dataset(tmp_path).counts() == {"": {"a": 1, "b": 1}}


def test_group_regex_names_patients(folder: Path):
    data = load_dataset(folder, group_regex=r"(p\d+)_")
    assert sorted({row.group for row in data.rows}) == ["p1", "p2", "p3"]
    assert PATIENTS not in warnings(data)
    for bad, code in (
        ("(", "group_regex_invalid"),
        ("p1", "group_regex_without_group"),
        (r"(x\d+)", "group_regex_no_match"),
    ):
        with pytest.raises(InputError) as caught:
            load_dataset(folder, group_regex=bad)
        assert (caught.value.code, caught.value.fields["pattern"]) == (code, bad)
    save_noise(folder / "train/a/other.png", 9)
    data = load_dataset(folder, group_regex=r"(p\d+)_")
    assert "train/a/other.png" in {row.group for row in data.rows}
    assert warnings(data)[PATIENTS].text.startswith("1 of 5 images")


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [
        (r"(patient\d+)", {"patient1", "patient2", "patient3"}),
        (r"(patient\d+)/study", {"patient1", "patient2", "patient3"}),
        (r"^(?:train|test)/[^/]+/(patient\d+)", {"patient1", "patient2", "patient3"}),
        (r"/(patient\d+/study\d+)/", {"patient1/study1", "patient2/study1", "patient3/study2"}),
        (r"(\d+)", {"7", "8", "9"}),  # in the file name first, and never in class or split
        (r"a(?=\d)(\d)|(x)", None),
    ],
)
def test_group_regex_finds_patients_in_the_path_below_the_data(
    tmp_path: Path, pattern: str, groups: set[str] | None
):
    for index, name in enumerate(
        (
            "train/a1/patient1/study1/view7.png",
            "train/a1/patient1/study1/view7b.png",
            "train/b2/patient2/study1/view8.png",
            "test/a1/patient3/study2/view9.png",
        )
    ):
        save_noise(tmp_path / name, index)
    (tmp_path / "own.csv").write_text(
        "path,label\n"
        + "".join(f"{p.relative_to(tmp_path)},{p.parts[-4]}\n" for p in tmp_path.rglob("*.png"))
    )
    for source in (tmp_path, tmp_path / "own.csv"):
        if groups is None:
            with pytest.raises(
                InputError, match=r"matches no file name and no path.*column"
            ) as caught:
                load_dataset(source, group_regex=pattern)
            assert caught.value.code == "group_regex_no_match"
            assert "/view" in caught.value.fields["example"]
        else:
            data = load_dataset(source, group_regex=pattern)
            assert {row.group for row in data.rows} == groups
            assert PATIENTS not in warnings(data)


def test_link_loops_are_harmless(folder: Path, tmp_path: Path):
    (folder / "train/a/loop").symlink_to(folder / "train")
    (folder / "loop").symlink_to(folder)
    assert len(load_dataset(folder)) == 4
    save_noise(tmp_path / "flat/a/1.png"), save_noise(tmp_path / "flat/b/2.png", 1)
    (tmp_path / "flat/up").symlink_to(tmp_path)
    assert load_dataset(tmp_path / "flat").counts() == {"": {"a": 1, "b": 1}}


def test_linked_classes_and_broken_links(folder: Path, tmp_path: Path):
    save_noise(tmp_path / "archive/1.png", 7)
    (folder / "train/c").symlink_to(tmp_path / "archive")
    assert load_dataset(folder).counts()["train"] == {"a": 2, "b": 1, "c": 1}
    (folder / "train/a/gone.png").symlink_to(tmp_path / "nowhere.png")
    assert faults(folder) == ["unreadable_file"]


def test_an_empty_class_is_named(folder: Path):
    (folder / "train/empty").mkdir()
    with pytest.raises(InputError) as caught:
        load_dataset(folder)
    assert caught.value.code == "empty_class"
    assert caught.value.fields["folder"].endswith("empty")


def test_an_empty_file_and_an_empty_folder_are_named(folder: Path, tmp_path: Path):
    (folder / "train/a/zero.png").write_bytes(b"")
    assert faults(folder) == ["empty_file"]
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match="no class folders") as caught:
        load_dataset(tmp_path / "nothing")
    assert caught.value.code == "folder_layout"


def test_one_file_in_two_classes_is_an_error(folder: Path):
    save_noise(folder / "train/b/copy.png", 0)
    assert faults(folder) == ["two_classes"]


def test_all_faults_are_named_at_once_and_an_audit_accepts_them(folder: Path):
    save_noise(folder / "train/b/copy.png", 0)
    for name in ("zero", "nought"):
        (folder / f"train/a/{name}.png").write_bytes(b"")
    with pytest.raises(InputError) as caught:
        load_dataset(folder)
    for words in (
        "train/a/zero.png: empty",
        "train/a/nought.png: empty",
        "the same file in classes a, b",
    ):
        assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(load_dataset(folder, strict=False)) == 7


@pytest.mark.parametrize("extra", ["val/a/1.png", "wards/train/1.png"])
def test_a_third_split_is_refused(folder: Path, extra: str):
    save_noise(folder / extra, 9)
    with pytest.raises(InputError, match=f"folders {extra.split('/')[0]} beside") as caught:
        load_dataset(folder)
    assert caught.value.code == "folder_layout"


def test_a_split_inside_a_class_is_refused(tmp_path: Path):
    save_noise(tmp_path / "a/train/1.png"), save_noise(tmp_path / "b/train/2.png", 1)
    with pytest.raises(InputError, match="a split inside a class"):
        load_dataset(tmp_path)


def test_images_outside_the_class_folders_are_skipped_with_a_warning(folder: Path):
    save_noise(folder / "stray.png", 7), save_noise(folder / "train/astray.png", 8)
    data = load_dataset(folder)
    assert len(data) == 4
    assert warnings(data)["outside_classes"].items == ("stray.png", "train/astray.png")


@pytest.mark.parametrize("source", ["nowhere", "phantom:size", "phantom:sizes=3"])
def test_unknown_sources_are_refused(source: str):
    with pytest.raises(InputError):
        load_dataset(source)


def test_a_folder_with_a_manifest_is_read_by_it(folder: Path):
    load_dataset(folder, group_regex=r"(p\d+)_").to_csv(folder / "manifest.csv")
    save_noise(folder / "train/a/later.png", 9)
    data = load_dataset(folder)
    assert data.name == folder.name
    assert len(data) == 4
    assert {row.group for row in data.rows} == {"p1", "p2", "p3"}
    save_noise(folder / "train/a/p1_1.png", 10)
    assert faults(folder) == ["file_changed"]


def test_a_manifest_survives_its_csv(folder: Path):
    data = load_dataset(folder)
    data.to_csv(folder / "manifest.csv")
    again = Manifest.from_csv(folder / "manifest.csv")
    assert again.sha256() == data.sha256()
    assert [row.path.resolve() for row in again.rows] == [row.path.resolve() for row in data.rows]
    assert load_dataset(folder).sha256() == data.sha256()


def test_a_manifest_is_shown_in_one_short_line(folder: Path):
    assert repr(load_dataset(folder)) == "Manifest('set', 4 images of a, b)"


def test_labels_and_where_agree(folder: Path):
    data = load_dataset(folder)
    assert [data.classes[i] for i in data.labels()] == [row.label for row in data.rows]
    assert len(data.where(label="a", split="train")) == 2
    assert len(data.where(origin="synthetic")) == 0


def test_the_content_hash_depends_on_labels_but_not_on_places(folder: Path, tmp_path: Path):
    before = load_dataset(folder, group_regex=r"(p\d+)_").sha256()
    moved = folder.rename(tmp_path / "elsewhere")
    assert load_dataset(moved, group_regex=r"(p\d+)_").sha256() == before
    (moved / "train/b/p2_1.jpg").rename(moved / "train/a/p2_1.jpg")
    save_noise(moved / "train/b/p9_1.jpg", 9)
    assert load_dataset(moved, group_regex=r"(p\d+)_").sha256() != before


def test_cells_without_a_value_name_no_patient(folder: Path):
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    for empty in ("nan", "NaN", "NA", "None", "null", " "):
        cells = [empty, empty, "p2", "p3"]
        lines = [
            f"{name},{name.split('/')[1]},{cell}" for name, cell in zip(names, cells, strict=True)
        ]
        (folder / "own.csv").write_text("path,label,group\n" + "\n".join(lines))
        data = load_dataset(folder / "own.csv")
        assert {row.group for row in data.rows} == {*names[:2], "p2", "p3"}
        assert warnings(data)[PATIENTS].text.startswith("2 of 4 images")


@pytest.mark.parametrize(
    "column", ["patient", "Patient_ID", "patientid", "subject", "subject id", "case"]
)
def test_a_patient_column_that_is_ignored_is_reported(folder: Path, column: str):
    (folder / "own.csv").write_text(
        f"path,label,{column},patient_age\ntrain/a/p1_1.png,a,p1,60\ntrain/b/p2_1.jpg,b,p2,70\n"
    )
    assert warnings(load_dataset(folder / "own.csv"))[UNREAD].items == (column,)


def test_an_external_set_whose_names_do_not_match_keeps_unknown_patients(folder: Path):
    data = load_external(folder, group_regex=r"(x\d+)")
    assert {PATIENTS, "group_regex_no_match"} <= set(warnings(data))
    assert load_external(folder, group_regex=r"(p\d+)_").rows[0].group == "p1"


@pytest.mark.parametrize("pattern", ["(", "p1"])
def test_an_invalid_pattern_for_an_external_set_is_an_error(folder: Path, pattern: str):
    with pytest.raises(InputError) as caught:
        load_external(folder, group_regex=pattern)
    assert caught.value.code in ("group_regex_invalid", "group_regex_without_group")


def test_an_invalid_pattern_is_refused_for_drawn_images_too():
    with pytest.raises(InputError) as found:
        load_dataset("phantom:train=8,test=4,size=64", group_regex="(")
    assert found.value.code == "group_regex_invalid"


def test_classes_of_different_depth_are_a_warning_of_the_data_set(tmp_path: Path):
    rng = np.random.default_rng(0)
    for label, top in (("a", 4095), ("b", 65535)):
        (tmp_path / label).mkdir()
        for index in range(4):
            levels = rng.integers(0, top + 1, (64, 64)).astype(np.uint16)
            Image.fromarray(levels).save(tmp_path / label / f"{index}.png")
    (found,) = [w for w in load_dataset(tmp_path).warnings if w.code == "depth_by_class"]
    assert found.items == ("a", "b")
