"""``fewray readers`` and the page of a reader study, on phantom images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments.simulated_reader_study import simulate_readers
from fewray.data.covid4 import load_covid4
from fewray.readers.study import open_study
from fewray.report.render import page_of, render_markdown
from tests.helpers import run_cli

NEW = ["--num-real", 12, "--num-synthetic", 12, "--practice", 4, "--repeats", 4, "--size", 32]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of "synthetic" images: random ones, in the classes of the phantom."""
    folder = tmp_path_factory.mktemp("made")
    draw = np.random.default_rng(0)
    for label in ("covid", "normal", "pneumonia_bac", "pneumonia_vir"):
        for name in "ab":
            (folder / name / label).mkdir(parents=True)
            for i in range(5):
                pixels = draw.integers(0, 256, (32, 32), np.uint8)
                Image.fromarray(pixels).save(folder / name / label / f"{i}.png")
    return folder


@pytest.fixture
def study(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    words = ["readers", "new", tmp_path / "run" / "readers"]
    words += ["--real", "phantom:size=32,train=6,test=1", *NEW]
    words += ["--synthetic", images / "a", "--synthetic", f"second={images / 'b'}"]
    assert run_cli(monkeypatch, *words) == 0
    return tmp_path / "run" / "readers"


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_a_whole_study(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    said(capsys)
    assert run_cli(monkeypatch, "readers", "invite", study, "--number", 2, "--json") == 0
    invited = json.loads(said(capsys))
    assert [each["reader"] for each in invited] == ["reader01", "reader02"]
    assert all(len(each["token"]) > 40 for each in invited)
    assert [each["path"] for each in invited] == [f"/read/{each['token']}" for each in invited]
    assert run_cli(monkeypatch, "readers", "analyse", study) == 2
    simulate_readers(open_study(study), 3, [0.9, 0.6])
    said(capsys)
    assert run_cli(monkeypatch, "readers", "status", study, "--json") == 0
    assert [row["answered"] for row in json.loads(said(capsys))] == [0, 0, 40, 40, 40]
    assert run_cli(monkeypatch, "readers", "analyse", study, "--json") == 0
    found = json.loads(said(capsys))
    assert found["generators"] == ["a", "second"]
    assert (found["simulated"], found["phantom"]) == (True, True)
    assert len(found["readers"]) == 3
    assert run_cli(monkeypatch, "readers", "analyse", study) == 0
    shown = said(capsys)
    assert "32 x 32" in shown
    assert "simulated" in shown
    assert run_cli(monkeypatch, "readers", "export", study, "--out", tmp_path / "out") == 0
    assert (tmp_path / "out" / "readings.imrmc").is_file()
    page = page_of(study)
    assert len(page.verdict) == 3
    assert "no person looked" in page.caveat
    markdown = render_markdown(study)
    for reader in found["readers"]:
        assert f"{reader['accuracy']['value']:.3f}" in markdown


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["readers", "invite", "nowhere"], "reader-study.json"),
        (["readers", "analyse", "nowhere"], "reader-study.json"),
        (["readers", "new", "x", "--real", "phantom"], "--synthetic"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert run_cli(monkeypatch, *words) == 2
    error = capsys.readouterr().err
    assert what in error
    assert len(error.strip().splitlines()) == 1


def test_a_folder_with_a_study_is_not_overwritten(
    study: Path, images: Path, monkeypatch: pytest.MonkeyPatch
):
    before = (study / "reader-study.json").read_bytes()
    words = ["readers", "new", study, "--real", "phantom:size=32,train=6,test=1", *NEW]
    assert run_cli(monkeypatch, *words, "--synthetic", images / "a") == 2
    assert (study / "reader-study.json").read_bytes() == before


def test_real_images_come_one_per_patient(
    covid4: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FEWRAY_COVID4", str(covid4))
    words = ["readers", "new", tmp_path / "study", "--real", "covid4", "--num-real", 40, *NEW[2:]]
    assert run_cli(monkeypatch, *words, "--synthetic", images / "a") == 0
    made = open_study(tmp_path / "study")
    patient = {row.sha256: row.group for row in load_covid4().rows}
    real = [item for item in made.file.items if not item.synthetic]
    assert len({patient[item.sha256] for item in real}) == len(real) == 42
    labels = [item.label for item in real if not item.practice]
    assert {labels.count(label) for label in made.file.classes} == {10}


def test_invitations_come_with_their_address(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    said(capsys)
    assert run_cli(monkeypatch, "readers", "invite", study) == 0
    line, *where = said(capsys).splitlines()
    name, token, address = line.split()
    assert (name, address) == ("reader01", f"http://127.0.0.1:8765/read/{token}")
    assert f"`fewray serve {study.parent}`" in where[0]


def test_a_note_says_that_classes_cannot_be_equal(
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    words = ["readers", "new", tmp_path / "study", "--real", "phantom:size=32,train=6,test=1", *NEW]
    words += ["--num-real", 6, "--synthetic", images / "a"]
    assert run_cli(monkeypatch, *words) == 0
    (note,) = [line for line in said(capsys).splitlines() if "not equal" in line]
    assert "6 real images: 2 " in note
    assert note.endswith("Equal classes need a multiple of 4")
