"""The commands in README, docs and examples exist with their options; the Python example runs."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest
import typer

import fewray
from fewray.cli.main import app
from fewray.presets import CROSSVAL_PRESETS, RECIPES
from tests.helpers import GAN, OPTIONS

ROOT = Path(__file__).parents[1]
PAGES = (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*.md"))
BLOCK = re.compile(r"^ *```\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"^ *(?:\.venv/bin/)?fewray ([^#\n]+)", re.MULTILINE)
INLINE = re.compile(r"`fewray ([^`\n]+)`")


def commands(page: Path) -> list[str]:
    """Return the ``fewray`` commands in code blocks and inline code of a page."""
    text = page.read_text(encoding="utf-8")
    lines = [found for block in BLOCK.findall(text) for found in LINE.findall(block)]
    return [found.strip() for found in (*lines, *INLINE.findall(text))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_docs_exist(page: Path):
    for text in commands(page):
        command, words = typer.main.get_command(app), shlex.split(text)
        while words and words[0] in (children := getattr(command, "commands", {})):
            command = children[words.pop(0)]
        assert not hasattr(command, "commands") or not words, (
            f"{page.name}: no command in `fewray {text}`"
        )
        known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
        used = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert used <= known | {"--help"}, f"{page.name}: fewray {text}"


def test_the_readme_names_the_two_commands_and_the_caveat():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for words in ("make study", "make test", "Not for clinical use", "adults", "children"):
        assert words in text


@pytest.mark.slow
def test_the_quickstart_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    small = fewray.load_dataset("phantom:size=64,train=6,test=2")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(RECIPES, "quick", GAN)
    monkeypatch.setitem(CROSSVAL_PRESETS, "quick", OPTIONS.with_(arms=("classic", "pca"), seeds=1))
    monkeypatch.setattr(fewray, "load_dataset", lambda name: small, raising=False)
    runpy.run_path(str(ROOT / "examples" / "quickstart.py"), run_name="__main__")
    out = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in out[:-1]] == list(small.classes)
    assert Path(out[-1]).is_file()
