"""Compiled functions are kept in the user's cache, or not at all; they always run."""

from pathlib import Path

import pytest
from numba.core import config

from fewray.compute.kernels import compiled


def double(value):
    return value + value


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(config, "CACHE_DIR", "")


def test_kernels_are_kept_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FEWRAY_CACHE", str(tmp_path / "cache"))
    assert compiled(fastmath=True)(double)(2.0) == 4
    assert {path.suffix for path in (tmp_path / "cache/kernels").rglob("*.nb*")} == {".nbi", ".nbc"}
    assert config.CACHE_DIR == ""


def test_a_folder_that_the_user_gives_numba_is_respected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FEWRAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "numba"))
    assert compiled()(double)(3) == 6
    assert list((tmp_path / "numba").rglob("*.nbi"))
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("place", ["a file", "below a file", "no home", "read-only"])
def test_without_a_place_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
):
    file = tmp_path / "file"
    file.write_text("")
    if place == "no home":
        monkeypatch.delenv("FEWRAY_CACHE")
        monkeypatch.setattr("platformdirs.user_cache_path", lambda name: Path("~") / name)
    elif place == "read-only":
        monkeypatch.setenv("FEWRAY_CACHE", "/proc/none")
    else:
        monkeypatch.setenv("FEWRAY_CACHE", str(file if place == "a file" else file / "cache"))
    monkeypatch.chdir(tmp_path)
    assert compiled()(double)(1.5) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
