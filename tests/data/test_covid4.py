"""Fetching and checking the real data set; planted faults are reported."""

import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fewray.data import covid4 as fetch
from fewray.data.audit.check import audit
from fewray.data.covid4 import COMMIT, FOLDER, fetch_dataset, published_rows
from fewray.data.loading import load_dataset
from fewray.errors import InputError, RunFailed


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FEWRAY_DATA", str(tmp_path / "home"))
    monkeypatch.delenv("FEWRAY_COVID4", raising=False)
    return tmp_path / "home"


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replace the set by three small files, so that faults are cheap to plant."""
    rows = []
    for name in ("train/covid/one.png", "train/normal/two.png", "test/covid/three.png"):
        path = tmp_path / "copy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
        split, label, _ = name.split("/")
        digest = hashlib.sha256(name.encode()).hexdigest()
        blob = hashlib.sha1(f"blob {len(name)}\0{name}".encode()).hexdigest()
        rows.append(
            {
                "path": name,
                "split": split,
                "label": label,
                "group": name,
                "sha256": digest,
                "git_blob": blob,
            }
        )
    monkeypatch.setattr(fetch, "published_rows", lambda: rows)
    return tmp_path / "copy"


def test_the_packaged_manifest_is_the_published_set():
    rows = published_rows()
    assert len(rows) == 306
    assert len({row["group"] for row in rows}) == 257
    assert len({row["sha256"] for row in rows}) == 306


def test_a_local_copy_is_verified_and_kept(tiny: Path, home: Path):
    assert len(fetch_dataset("covid4", tiny)) == 3
    assert len(load_dataset("covid4")) == 3
    (tiny / "train/covid/one.png").write_bytes(b"Train/covid/one.png")
    with pytest.raises(InputError, match=r"one\.png differs"):  # a given source is verified
        fetch_dataset("covid4", tiny)
    shutil.rmtree(tiny)
    with pytest.raises(InputError) as caught:
        fetch_dataset("covid4", tiny)
    assert caught.value.code == "folder_not_found"
    assert len(fetch_dataset("covid4")) == 3  # complete: no source is needed


def test_a_flipped_byte_and_a_missing_file_are_named_and_nothing_is_kept(tiny: Path, home: Path):
    (tiny / "train/covid/one.png").write_bytes(b"Train/covid/one.png")
    (tiny / "test/covid/three.png").unlink()
    with pytest.raises(InputError) as caught:
        fetch_dataset("covid4", tiny)
    assert "train/covid/one.png differs" in str(caught.value)
    assert "test/covid/three.png is missing" in str(caught.value)
    assert not home.exists() or not any(home.iterdir())


def test_files_are_recognised_by_content_under_any_name(tiny: Path, home: Path):
    (tiny / "train/covid/one.png").rename(tiny / "test/renamed.PNG")
    (tiny / "test/covid/three.png").rename(tiny / "train/covid/one.png")
    (tiny / "train/spare.png").write_bytes(b"more than the set")
    data = fetch_dataset("covid4", tiny)
    for row in data.rows:
        assert row.path.read_bytes().decode() == row.path.relative_to(home / "covid4").as_posix()
    assert len(list((home / "covid4").rglob("*.png"))) == 3


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("before", [False, True])
def test_a_full_disk_or_ctrl_c_leaves_what_was_there(
    tiny: Path, home: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, before: bool
):
    if before:
        fetch_dataset("covid4", tiny)
        (home / "covid4/train/covid/one.png").write_bytes(b"damaged")
    copied = []

    def copy(source: Path, target: Path) -> None:
        copied.append(target)
        target.write_bytes(source.read_bytes()[:3])
        if len(copied) == 2:
            raise failure

    monkeypatch.setattr("shutil.copyfile", copy)
    with pytest.raises((RunFailed, KeyboardInterrupt)):
        fetch_dataset("covid4", tiny)
    assert [path.name for path in home.iterdir()] == (["covid4"] if before else [])
    if before:
        assert (home / "covid4/train/covid/one.png").read_bytes() == b"damaged"


def test_a_copy_that_arrives_damaged_is_not_kept(
    tiny: Path, home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("shutil.copyfile", lambda _, target: target.write_bytes(b"x"))
    with pytest.raises(RunFailed, match=r"one\.png differs"):
        fetch_dataset("covid4", tiny)
    assert not any(home.iterdir())


def test_a_set_damaged_after_fetching_is_not_used(tiny: Path, home: Path):
    fetch_dataset("covid4", tiny)
    (home / "covid4/train/covid/one.png").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"one\.png differs .*fewray data fetch covid4"):
        load_dataset("covid4")


def test_a_damaged_set_is_fetched_again(tiny: Path, home: Path):
    fetch_dataset("covid4", tiny)
    (home / "covid4/train/covid/one.png").write_bytes(b"damaged")
    fetch_dataset("covid4", tiny)
    assert (home / "covid4/train/covid/one.png").read_bytes() == b"train/covid/one.png"
    assert [path.name for path in home.iterdir()] == ["covid4"]


def test_the_user_s_own_files_are_not_lost(tiny: Path, home: Path):
    fetch_dataset("covid4", tiny)
    note, image = home / "covid4" / "my_notes.txt", next((home / "covid4").rglob("*.png"))
    note.write_text("mine")
    image.write_bytes(b"damaged")
    with pytest.raises(InputError) as caught:
        fetch_dataset("covid4", tiny)
    assert caught.value.code == "unexpected_files"
    assert caught.value.fields["files"] == ["my_notes.txt"]
    assert note.read_text() == "mine"


def test_the_other_encoding_is_accepted_by_its_git_blob(
    tiny: Path, home: Path, monkeypatch: pytest.MonkeyPatch
):
    (tiny / "train/covid/one.png").write_bytes(b"hello\n")
    monkeypatch.setattr(
        fetch, "OTHER_BLOBS", {"train/covid/one.png": "ce013625030ba8dba906f756967f9e9ca394464a"}
    )
    assert len(fetch_dataset("covid4", tiny)) == 3  # git's own hash of "hello\n"


def test_the_download_is_unpacked_and_verified(
    tiny: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    archive = tmp_path / "upstream.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in tiny.rglob("*.png"):
            packed.write(path, f"repository-commit/{FOLDER}/{path.relative_to(tiny)}")
        packed.writestr("repository-commit/other/large.bin", b"not wanted")
    unpacked = []

    def retrieve(url: str, *, path: Path, downloader: Any, **_: object) -> str:
        assert COMMIT in url
        unpacked.append(path)
        if downloader.progressbar:
            downloader.progressbar.total = 10
            downloader.progressbar.update(8)
            downloader.progressbar.update(8)
        return str(archive)

    monkeypatch.setattr("pooch.retrieve", retrieve)
    seen = []
    assert (
        len(fetch_dataset("covid4", progress=lambda done, total: seen.append((done, total)))) == 3
    )
    assert seen == [(8, 10), (10, 10)]
    assert not unpacked[0].exists()
    shutil.rmtree(home)
    (tiny / "train/covid/one.png").write_bytes(b"other")
    with zipfile.ZipFile(archive, "w") as packed:
        for path in tiny.rglob("*.png"):
            packed.write(path, f"repository-commit/{FOLDER}/{path.relative_to(tiny)}")
    with pytest.raises(InputError, match=r"the download: 1 of 3 .*one\.png differs"):
        fetch_dataset("covid4")
    for content in (b"no archive", archive.read_bytes()[:200], b""):
        archive.write_bytes(content)
        with pytest.raises(RunFailed, match="--from DIR"):
            fetch_dataset("covid4")
    assert not home.exists()


def test_without_a_network_the_remedy_is_named(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fetch, "URL", "http://127.0.0.1:9/covid4.zip")
    with pytest.raises(
        RunFailed,
        match=r"covid4\.zip: cannot be downloaded \(no connection.*\); get a copy .* --from DIR$",
    ) as failed:
        fetch_dataset("covid4")
    assert "Pool" not in str(failed.value)
    assert " object at " not in str(failed.value)
    assert not home.exists()


def test_absent_and_unknown_sets_say_what_to_do(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("FEWRAY_COVID4", raising=False)
    with pytest.raises(InputError, match="fewray data fetch covid4"):
        load_dataset("covid4")
    for arguments, code in (
        (("covid5",), "unknown_dataset"),
        (("covid4", tmp_path / "nowhere"), "folder_not_found"),
    ):
        with pytest.raises(InputError) as caught:
            fetch_dataset(*arguments)
        assert caught.value.code == code


def test_one_flipped_byte_in_the_real_set_is_reported(covid4: Path, home: Path, tmp_path: Path):
    row = next(row for row in published_rows() if row["path"].startswith("train/normal/"))
    for each in published_rows():
        link = tmp_path / "copy" / each["path"]
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(covid4 / each["path"])
    content = bytearray((covid4 / row["path"]).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "copy" / row["path"]).unlink()
    (tmp_path / "copy" / row["path"]).write_bytes(content)
    with pytest.raises(InputError) as caught:
        fetch_dataset("covid4", tmp_path / "copy")
    assert caught.value.code == "covid4_differs"
    (fault,) = caught.value.fields["faults"]
    assert fault.startswith(f"{row['path']} differs")
    assert not home.exists()


def test_the_packaged_facts_are_those_of_the_files(covid4: Path):
    for row in published_rows()[::15]:
        with Image.open(covid4 / row["path"]) as image:
            assert (str(image.width), str(image.height), image.mode) == (
                row["width"],
                row["height"],
                row["mode"],
            )


def test_the_real_set_is_complete_and_its_problems_are_found(covid4: Path):
    data = load_dataset("covid4")
    assert data.counts()["train"] == {
        "covid": 60,
        "normal": 70,
        "pneumonia_bac": 70,
        "pneumonia_vir": 70,
    }
    found = audit(data)
    assert found.groups_across_splits == ("nejmoa2001191",)
    assert found.groups == 257
    assert not found.unreadable
    assert not found.duplicates
    (pair,) = found.near_duplicates
    assert "E63574A7" in pair.first
    assert "F4341CE7" in pair.second
    assert pair.correlation == pytest.approx(0.98, abs=0.005)
    assert found.shortcut is not None
    assert "covid" in found.shortcut.identified
    assert found.shortcut.accuracy == pytest.approx(0.768, abs=0.05)
    assert "metadata_shortcut" in {each.code for each in found.findings}
