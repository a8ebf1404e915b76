"""Files are written whole or not at all, with the user's permissions; locks keep processes apart."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fewray.errors import InputError, RunFailed
from fewray.storage import files
from fewray.storage.cache import keep
from fewray.storage.files import (
    append_jsonl,
    locked,
    read_json,
    read_jsonl,
    read_object,
    write_bytes,
    write_json,
)


@pytest.fixture(params=[0o022, 0o077, 0o002], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Set the process's umask for one test."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_files_follow_the_umask_even_while_they_are_written(
    tmp_path: Path, umask: int, monkeypatch: pytest.MonkeyPatch
):
    during: list[int] = []

    def watch(descriptor: int) -> None:
        during.extend(mode(path) for path in tmp_path.glob(".*.part"))

    monkeypatch.setattr(os, "fsync", watch)
    path = tmp_path / "predictions.csv"
    write_bytes(path, b"patient 7,covid\n")
    append_jsonl(tmp_path / "log.jsonl", {"epoch": 1})
    keep(tmp_path / "entry", b"image")
    written = [path, tmp_path / "log.jsonl", tmp_path / "entry"]
    assert during == [0o666 & ~umask]
    assert [mode(each) for each in written] == [0o666 & ~umask] * 3


def test_a_rewritten_file_takes_the_present_umask(tmp_path: Path):
    path = tmp_path / "predictions.csv"
    write_bytes(path, b"1")
    path.chmod(0o644)
    before = os.umask(0o077)
    try:
        write_bytes(path, b"2")
    finally:
        os.umask(before)
    assert mode(path) == 0o600


def test_files_are_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "deep" / "file.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": float("nan")})

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunFailed, match="No space left") as caught:
        write_bytes(path, b"other")
    assert caught.value.code == "cannot_write"
    assert read_json(path) == {"a": 1}
    assert [p.name for p in path.parent.iterdir()] == ["file.json"]


def test_a_log_cut_short_keeps_its_whole_lines(tmp_path: Path):
    log = tmp_path / "log.jsonl"
    assert read_jsonl(log) == []
    append_jsonl(log, {"epoch": 1})
    log.write_text(log.read_text() + '{"epoch": 2, "lo')
    assert read_jsonl(log) == [{"epoch": 1}]


@pytest.mark.parametrize("line", ["5", "{", "\xff"])
def test_an_invalid_line_before_the_last_is_an_error(tmp_path: Path, line: str):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"epoch": 1}\n' + line.encode("latin-1") + b'\n{"epoch": 3}\n')
    with pytest.raises(InputError, match=r"log\.jsonl, line 2") as caught:
        read_jsonl(path)
    assert (caught.value.code, caught.value.fields["line"]) == ("invalid_log_line", 2)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "file_not_found"),
        ("{", "invalid_json"),
        ("", "invalid_json"),
        ("[1]", "not_a_json_object"),
    ],
)
def test_an_invalid_json_file_is_named(tmp_path: Path, content: str | None, code: str):
    path = tmp_path / "study.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=r"study\.json") as caught:
        read_object(path)
    assert caught.value.code == code


def test_a_folder_is_locked_by_one_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "LOCK_SECONDS", 0)
    with locked(tmp_path / "run"), pytest.raises(InputError) as caught, locked(tmp_path / "run"):
        pass
    assert caught.value.code == "folder_in_use"
    with locked(tmp_path / "run"):
        pass


def test_a_line_appended_after_an_incomplete_one_is_kept(tmp_path: Path):
    path = tmp_path / "log.jsonl"
    append_jsonl(path, {"a": 1})
    with path.open("a") as stream:
        stream.write('{"b": ')
    append_jsonl(path, {"c": 3})
    assert path.read_text().splitlines() == ['{"a": 1}', '{"b": ', '{"c": 3}']
