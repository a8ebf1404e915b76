"""The user's cache: entries are whole or missing, failures are silent, unused entries go first."""

import os
from pathlib import Path

import pytest

from fewray.storage import cache
from fewray.storage.cache import cache_folder, keep, recall

CONTENT = b"three images"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    keep(tmp_path / "kept" / "a", CONTENT)
    return tmp_path / "kept" / "a"


def test_an_entry_comes_back_and_nothing_else_does(copy: Path):
    assert recall(copy) == CONTENT
    assert [path.name for path in copy.parent.iterdir()] == ["a"]
    assert recall(copy.parent / "b") is None
    assert recall(copy.parent) is None


def test_damage_to_any_byte_is_noticed(copy: Path):
    whole = copy.read_bytes()
    for place in range(len(whole)):
        for damaged in (
            whole[:place],
            whole[:place] + bytes([whole[place] ^ 9]) + whole[place + 1 :],
        ):
            copy.write_bytes(damaged)
            assert recall(copy) is None


def test_an_unwritable_cache_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "file").write_text("")
    keep(tmp_path / "file" / "a", CONTENT)
    monkeypatch.setattr(Path, "replace", full)
    keep(tmp_path / "new" / "a", CONTENT)
    assert not list((tmp_path / "new").iterdir())


def gone(path: Path) -> Path:
    raise FileNotFoundError(2, "No such file or directory")


def test_the_folder_is_fewray_cache_or_the_user_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for named in (str(tmp_path / "here"), "here", "~/here"):
        monkeypatch.setenv("FEWRAY_CACHE", named)
        assert cache_folder("images") == tmp_path / "here" / "images"
    monkeypatch.setattr(Path, "absolute", gone)
    assert cache_folder("images") is None
    monkeypatch.undo()
    monkeypatch.delenv("FEWRAY_CACHE")
    for home, found in ((str(tmp_path), tmp_path / "fewray" / "images"), ("~", None)):
        monkeypatch.setattr(
            "platformdirs.user_cache_path", lambda name, home=home: Path(home) / name
        )
        assert cache_folder("images") == found


def test_unfinished_files_of_killed_processes_are_removed(
    copy: Path, monkeypatch: pytest.MonkeyPatch
):
    old, new = copy.parent / "old.part", copy.parent / "new.part"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    monkeypatch.setattr(cache, "LOOK_EVERY", 0)
    keep(copy.parent / "b", CONTENT)
    assert (old.exists(), new.exists()) == (False, True)


def test_unused_entries_are_removed_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert cache.MOST_BYTES == 2**30
    copies = [tmp_path / str(index) for index in range(5)]
    for index, copy in enumerate(copies[:4]):
        keep(copy, CONTENT)
        os.utime(copy, (index + 1, index + 1))
    assert recall(copies[0]) == CONTENT  # now the most recently used
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(cache, "MOST_BYTES", 3 * cache._on_disk(copies[0].stat()))
    keep(copies[4], CONTENT)  # not yet: little was written since the first measurement
    assert all(copy.exists() for copy in copies)
    monkeypatch.setattr(cache, "LOOK_EVERY", 2 * len(CONTENT))
    keep(copies[4], CONTENT)
    assert [index for index, copy in enumerate(copies) if copy.exists()] == [0, 3, 4]


def test_the_first_write_of_a_process_measures_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "old").write_bytes(CONTENT)
    os.utime(tmp_path / "old", (1, 1))
    monkeypatch.setattr(cache, "MOST_BYTES", cache._on_disk((tmp_path / "old").stat()))
    keep(tmp_path / "new", CONTENT)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_files_held_by_other_processes_stop_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for index in range(3):
        (tmp_path / str(index)).write_bytes(CONTENT)
        os.utime(tmp_path / str(index), (index + 1, index + 1))
    plain = Path.unlink

    def held(path: Path, **named: bool) -> None:
        if path.name == "0":
            raise PermissionError(1, "Operation not permitted")
        plain(path, **named)

    monkeypatch.setattr(Path, "unlink", held)
    monkeypatch.setattr(cache, "MOST_BYTES", cache._on_disk((tmp_path / "0").stat()))
    keep(tmp_path / "3", CONTENT)
    assert [path.name for path in tmp_path.iterdir()] == ["0"]
