"""Tokens in shared folders: a live client's stay, what a killed one left goes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fewray.compute.dask.tokens import Tokens
from fewray.errors import RunFailed

LAY = "import os, sys; from pathlib import Path; from fewray.compute.dask.tokens import Tokens; Tokens('killed').lay([Path(sys.argv[1])]); os.kill(os.getpid(), 9)"


def test_a_token_is_laid_once_and_removed(tmp_path: Path):
    tokens = Tokens("a")
    for _ in range(2):
        tokens.lay([tmp_path, tmp_path / "new"])
    found = {str(path): path.read_text() for path in tmp_path.rglob("token")}
    assert found == tokens.texts == dict.fromkeys(found, "a")
    assert len(found) == 2
    assert tokens.mark("try-1") == str(tmp_path / ".cluster-a" / "try-1")
    (tmp_path / "link").symlink_to(tmp_path / "new")
    for path, below in (
        ("new/a/b", True),
        ("link/a", True),
        ("a", True),
        ("../a", False),
        ("../new/a", False),
    ):
        assert tokens.covers(tmp_path / path) is below
    tokens.clear()
    assert not list(tmp_path.glob(".cluster-*"))
    assert Tokens("b").mark("try-1") == ""


def test_another_client_s_stays_while_it_lives(tmp_path: Path):
    first, second = Tokens("first"), Tokens("second")
    first.lay([tmp_path])
    second.lay([tmp_path])
    assert all(Path(token).exists() for token in [*first.texts, *second.texts])
    first.clear()
    second.clear()
    assert not list(tmp_path.iterdir())


def test_what_a_killed_client_left_goes(tmp_path: Path):
    subprocess.run([sys.executable, "-c", LAY, str(tmp_path)], check=False)
    assert (tmp_path / ".cluster-killed" / "token").exists()
    (tmp_path / ".cluster-strange").mkdir()
    tokens = Tokens("a")
    tokens.lay([tmp_path])
    assert sorted(path.name for path in tmp_path.iterdir()) == [".cluster-a", ".cluster-strange"]
    tokens.clear()


def test_a_folder_that_is_only_read_gets_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    tokens = Tokens("a")
    tokens.lay([tmp_path])
    assert not tokens.texts
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFailed, match="cannot be written"):
        Tokens("a").lay([tmp_path / "file"])
