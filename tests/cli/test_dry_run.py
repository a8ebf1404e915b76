"""--dry-run: how far its minutes can be trusted; it is refused where the run would be."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewray.cli.output import accuracy_notes
from fewray.compute.process import busy
from fewray.presets import CROSSVAL_PRESETS
from fewray.study.resume import PIN, FoldAssignment
from tests.helpers import manifest_of, run_cli


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Return a folder with four images of each of two classes."""
    for label, first in (("a", 0), ("b", 10)):
        for index in range(4):
            path = tmp_path / "images" / label / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(first + index).integers(0, 256, (40, 40), np.uint8)
            Image.fromarray(pixels).save(path)
    return tmp_path / "images"


@pytest.fixture(autouse=True)
def _one_second_per_step(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("fewray.study.crossval.plan", "fewray.pipelines.estimate"):
        for name in ("classifier_step_seconds", "gan_step_seconds"):
            monkeypatch.setattr(f"{module}.{name}", lambda *_: 1.0)


def test_a_busy_machine_is_reported(monkeypatch: pytest.MonkeyPatch):
    def unknown() -> tuple[float, float, float]:
        raise OSError

    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    for load, said in ((2.9, ""), (3.0, "the machine is busy (load 3.0 on 2 cores)")):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, 0.0, 0.0))
        assert busy() == said
    monkeypatch.setattr(os, "getloadavg", unknown)
    assert busy() == ""
    plain = ["The minutes are estimated from a few training steps timed just now."]
    assert accuracy_notes("") == plain
    assert accuracy_notes("it is busy") == [
        *plain,
        "it is busy, so the minutes are rough; plan again when it is idle",
    ]


@pytest.mark.parametrize("command", ["study", "train"])
def test_the_source_of_the_minutes_is_reported(
    command: str,
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(os, "getloadavg", lambda: (1000.0, 0.0, 0.0))
    preset = ["--preset", "quick"] if command == "study" else ["--recipe", "quick"]
    words = [command, "--data", images, *preset, "--out", tmp_path / "o", "--dry-run"]
    assert run_cli(monkeypatch, *words) == 0
    printed = capsys.readouterr()
    assert "timing a few training steps" in printed.err.splitlines()
    assert "The minutes are estimated from a few training steps timed just now." in printed.out
    assert "the machine is busy (load 1000.0 on " in printed.out
    assert run_cli(monkeypatch, *words, "--json") == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)
    assert "note: the machine is busy (load 1000.0 on " in printed.err


def test_a_dry_run_refuses_the_folder_of_another_study(
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    out = tmp_path / "o"
    (out / "jobs").mkdir(parents=True)
    other = FoldAssignment.of(manifest_of("a", "a", "b", "b"), CROSSVAL_PRESETS["quick"])
    other.pin(out)
    words = ["study", "--data", images, "--preset", "quick", "--out", out]
    for more in (["--dry-run"], []):
        assert run_cli(monkeypatch, *words, *more) == 2
        assert str(out) in capsys.readouterr().err.splitlines()[-1]
    assert sorted(path.name for path in out.iterdir() if path.name != ".lock") == [PIN, "jobs"]


def test_exclusive_options_are_refused_before_any_image_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    words = ["study", "--data", "nowhere", "--external", "elsewhere", "--out", tmp_path / "o"]
    assert run_cli(monkeypatch, *words, "--keep-test") == 2
    assert "--external and --keep-test" in capsys.readouterr().err
    assert run_cli(monkeypatch, *words, "--protocol", "published") == 2
    assert "--external: the published protocol" in capsys.readouterr().err
