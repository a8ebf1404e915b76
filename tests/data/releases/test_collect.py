"""Which images of a release are kept: by label, view and split; the others are counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fewray.data.findings import LeftOut
from fewray.errors import InputError
from tests.data.releases.miniatures import BUILDERS, save, table
from tests.data.releases.reading import codes, in_both_splits, read


def test_uncertain_findings(tmp_path: Path):
    mini = BUILDERS["chexpert"](tmp_path / "chexpert")
    as_positive = read(mini, uncertain="positive").counts()
    assert as_positive["train"] == {"No Finding": 3, "Pneumonia": 6}
    assert read(mini, uncertain="negative").counts() == mini.counts
    readers = BUILDERS["vindr-cxr"](tmp_path / "vindr")
    found = read(readers, labels=("Pneumonia", "Nodule/Mass"), uncertain="positive")
    assert found.counts()["train"] == {"Nodule-Mass": 4, "Pneumonia": 4}
    assert found.display_names == {"Nodule-Mass": "Nodule/Mass"}


def test_every_image_of_a_table_is_kept_or_counted(tmp_path: Path):
    mini = BUILDERS["nih"](tmp_path)
    data = read(mini, labels=("Pneumonia", "No Finding"))
    counted = {w.code: int(w.items[0]) for w in data.warnings if w.items}
    assert counted["release_not_listed"] == 1
    left_out = counted["release_files_missing"] + counted[LeftOut.NONE.value]
    assert len(data) + left_out == 16


def test_no_image_left_for_a_label(tmp_path: Path):
    mini = BUILDERS["nih"](tmp_path)
    with pytest.raises(InputError) as caught:
        read(mini, labels=("Edema", "Pneumonia", "No Finding"), views=("AP",))
    assert caught.value.code in {"empty_class", "unknown_label"}
    for path in tmp_path.rglob("*.png"):
        path.unlink()
    with pytest.raises(InputError) as caught:
        read(mini)
    assert caught.value.code == "release_no_images"
    assert caught.value.fields["listed"] == 16


@pytest.mark.parametrize(
    ("name", "views", "left"),
    [("nih", ("PA",), 10), ("chexpert", ("AP",), 8), ("padchest", ("PA",), 7)],
)
def test_views_of_the_tables(name: str, views: tuple[str, ...], left: int, tmp_path: Path):
    mini = BUILDERS[name](tmp_path)
    data = read(mini, views=views)
    assert len(data) == left
    assert "other_views" in codes(data)
    with pytest.raises(InputError) as caught:
        read(mini, views=("LAO",))
    assert caught.value.code == "release_no_view"
    assert views[0] in caught.value.fields["views"]


def test_views_of_headers_and_of_releases_without_views(tmp_path: Path):
    mini = BUILDERS["rsna-pneumonia"](tmp_path / "rsna")
    assert len(read(mini, views=("PA",))) == 12
    for other in (mini, BUILDERS["kermany"](tmp_path / "kermany")):
        with pytest.raises(InputError) as caught:
            read(other, views=("AP",))
        assert caught.value.code == "release_no_view"


def test_a_patient_in_both_splits_is_found(tmp_path: Path):
    mini = BUILDERS["nih"](tmp_path / "nih")
    assert in_both_splits(read(mini)) == []
    lists = [tmp_path / "nih" / name for name in ("train_val_list.txt", "test_list.txt")]
    train, test = (path.read_text().split() for path in lists)
    lists[0].write_text("\n".join(train[1:]))
    lists[1].write_text("\n".join([*test, train[0]]))
    assert in_both_splits(read(mini)) == ["nih-00000001"]
    children = BUILDERS["kermany"](tmp_path / "kermany")
    save(tmp_path / "kermany" / "chest_xray/test/PNEUMONIA/person1_virus_6.jpeg", 70)
    assert in_both_splits(read(children)) == ["person1"]


def test_without_the_lists_there_is_no_split(tmp_path: Path):
    mini = BUILDERS["nih"](tmp_path)
    (tmp_path / "test_list.txt").unlink()
    data = read(mini)
    assert list(data.counts()) == [""]
    assert "release_no_split" in codes(data)


def test_images_unpacked_twice_and_through_links(tmp_path: Path):
    mini = BUILDERS["nih"](tmp_path / "nih")
    plain = read(mini)
    save(tmp_path / "nih" / "images" / "00000001_000.png", 0)
    (tmp_path / "nih" / "images_002").rename(tmp_path / "elsewhere")
    (tmp_path / "nih" / "images_002").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "circle").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "nih" / "up").symlink_to(tmp_path)
    for name in ("itself", "itself.png"):
        (tmp_path / "nih" / "images_001" / name).symlink_to(name)
    data = read(mini)
    assert data.counts() == plain.counts()
    assert data.sha256() == plain.sha256()
    assert "release_doubles" in codes(data)


def test_a_repeated_row_counts_once(tmp_path: Path):
    mini = BUILDERS["nih"](tmp_path)
    path = tmp_path / "Data_Entry_2017.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[1]]))
    data = read(mini)
    assert data.counts() == mini.counts
    assert "release_rows_repeated" in codes(data)


def test_faulty_tables(tmp_path: Path):
    mini = BUILDERS["nih"](tmp_path / "nih")
    table(tmp_path / "nih" / "Data_Entry_2017.csv", [("Image Index", "Patient ID"), ("a", 1)])
    (tmp_path / "nih" / "Data_Entry_2017_v2020.csv").write_bytes(b"\xff\xfe\x00")
    for code in ("release_table", "release_columns"):
        with pytest.raises(InputError) as caught:
            read(mini)
        assert caught.value.code == code
        (tmp_path / "nih" / "Data_Entry_2017_v2020.csv").unlink(missing_ok=True)
    lists = BUILDERS["covidx"](tmp_path / "covidx")
    (tmp_path / "covidx" / "test.txt").write_text("1 a.png covid? rsna\n")
    with pytest.raises(InputError) as caught:
        read(lists)
    assert caught.value.code == "release_table"
    assert caught.value.fields["line"] == 1
    rsna = BUILDERS["rsna-pneumonia"](tmp_path / "rsna")
    mapping = tmp_path / "rsna" / "pneumonia-challenge-dataset-mappings_2018.json"
    mapping.write_text(json.dumps([{"img": 1}]))
    with pytest.raises(InputError) as caught:
        read(rsna)
    assert caught.value.code == "release_table"
    mapping.unlink()
    data = read(rsna)
    assert "release_patients_by_image" in codes(data)
    assert len({row.group for row in data.rows}) == 12
