"""An empty path, as from an unset shell variable, never means the current folder."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from fewray.cli import main
from fewray.cli.main import app
from fewray.errors import InputError

PHANTOM = "phantom:size=64,train=2,test=0"
COMMANDS = [
    ["train", "--data", "", "--out", "o"],
    ["train", "--data", "phantom", "--out", ""],
    ["study", "--data", "", "--out", "o"],
    ["study", "--data", " ", "--out", "o"],
    ["study", "--data", "phantom", "--out="],
    ["study", "--data", PHANTOM, "--out", "o", "--external", ""],
    ["study", "--data", "phantom", "--out", "o", "--generators", ""],
    ["generate", "", "--out", "o"],
    ["generate", "g", "--out", ""],
    ["quality", "--real", "", "--synthetic", PHANTOM],
    ["quality", "--real", "phantom", "--synthetic", ""],
    ["quality", "--real", PHANTOM, "--synthetic", PHANTOM, "--held-out", ""],
    ["quality", "--real", "phantom", "--synthetic", "phantom", "--run", ""],
    ["quality", "--real", "phantom", "--synthetic", "phantom", "--out", ""],
    ["report", ""],
    ["report", "", "--markdown"],
    ["data", "check", ""],
    ["data", "fetch", "covid4", "--from", ""],
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_an_empty_path_is_refused_in_one_line(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.json").write_text("{}")
    monkeypatch.setattr("sys.argv", ["fewray", *words])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr()
    assert left.value.code == 2
    assert "empty" in said.err
    assert len([line for line in said.err.splitlines() if not line.startswith("reading and")]) == 1
    assert said.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["study.json"]


def test_the_current_folder_can_be_given_as_a_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(app, ["report", "."]).exception
    assert isinstance(found, InputError)
    assert "study.json" in str(found)
