"""A study of each public release by its name: planned for all, run to the report for one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fewray import api
from tests.data.releases.miniatures import BUILDERS
from tests.helpers import OPTIONS, run_cli

FEW = OPTIONS.with_(arms=("no_augmentation", "classic"), reference="no_augmentation", seeds=1)


@pytest.fixture(autouse=True)
def _one_second_per_step(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("fewray.study.crossval.plan", "fewray.pipelines.estimate"):
        for name in ("classifier_step_seconds", "gan_step_seconds"):
            monkeypatch.setattr(f"{module}.{name}", lambda *_: 1.0)


@pytest.mark.parametrize("name", BUILDERS)
def test_a_study_is_planned(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    mini = BUILDERS[name](tmp_path / "release")
    words = ["study", "--data", mini.source, "--preset", "quick", "--folds", 2]
    if mini.labels:
        words += ["--labels", ",".join(mini.labels)]
    assert run_cli(monkeypatch, *words, "--out", tmp_path / "out", "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)


def test_a_study_runs_to_the_report(tmp_path: Path):
    mini = BUILDERS["rsna-pneumonia"](tmp_path / "release")
    data = api.load_dataset(mini.source)
    out = tmp_path / "out"
    page = api.run_study(data, out, options=FEW, device="cpu", precision="fp32", processes=1)
    shown = page.read_text(encoding="utf-8")
    assert "No Lung Opacity / Not Normal" in shown
    for path in out.rglob("*"):
        if path.is_file():
            assert b"0004cfab-14fd" not in path.read_bytes(), path.name


def test_the_list_names_each_release(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert run_cli(monkeypatch, "data", "list") == 0
    shown = capsys.readouterr().out
    assert all(f"{name}:" in shown for name in BUILDERS)
    assert "physionet.org" in shown
