"""Patients named in training are the patients by whom copies are judged."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from scipy.ndimage import gaussian_filter

import fewray
from fewray.data.loading import load_dataset
from fewray.data.manifest import DataWarning
from fewray.errors import InputError
from fewray.generators.output_folder import read_sources
from fewray.imaging.arrays import save_png
from fewray.pipelines import copy_rejection as rejection
from fewray.pipelines import quality_report as module
from fewray.pipelines.extractors import open_extractor
from fewray.pipelines.provenance import load_images_of
from fewray.presets import RECIPES
from tests.helpers import noise_dataset

PATTERN = r"(p\d+)_"


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve dark films of class a, two of each patient: what an untrained generator makes, grey, is no copy of them."""
    folder, rng = tmp_path_factory.mktemp("films"), np.random.default_rng(0)
    for index in range(12):
        picture = gaussian_filter(rng.normal(size=(64, 64)), 3)
        save_png(
            np.clip(40 + 300 * picture, 0, 255).astype(np.uint8),
            folder / "a" / f"p{index // 2}_{index}.png",
        )
    return folder


@pytest.fixture(scope="module")
def run(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator trained on them with the pattern of patients."""
    out = tmp_path_factory.mktemp("run") / "run"
    options = RECIPES["quick"].with_(epochs=1, classic_images=0, base_channels=4)
    fewray.train_generator(
        load_dataset(films, group_regex=PATTERN), out, options=options, probe_every=0
    )
    return out


@pytest.fixture
def pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let copies be refused by the extractor ``pixels``, which costs nothing."""
    monkeypatch.setattr(
        rejection, "open_extractor", lambda *_, **__: open_extractor("pixels", cache=False)
    )


def test_the_pattern_is_kept_with_the_generators_and_their_images(
    films: Path, run: Path, tmp_path: Path
):
    assert json.loads((run / "options.json").read_text())["group_regex"] == PATTERN
    fewray.generate(run, tmp_path, per_class=2)
    assert read_sources(tmp_path)["a"].training_set.group_regex == PATTERN
    plain = load_dataset(films)
    assert plain.group_regex is None


def test_quality_takes_the_patients_of_the_training(
    films: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made = fewray.generate(run, tmp_path / "made", per_class=3)
    (tmp_path / "own").mkdir()
    for row in made.rows:
        (tmp_path / "own" / "a").mkdir(exist_ok=True)
        (tmp_path / "own" / "a" / row.path.name).write_bytes(row.path.read_bytes())

    class Reached(Exception):
        pass

    def watched(reals: Any, *_: Any, **__: Any) -> None:
        raise Reached(len(set(reals["a"].groups)))

    monkeypatch.setattr(module, "measure_sets", watched)

    def patients(synthetic: Path, **options: Any) -> int:
        with pytest.raises(Reached) as found:
            fewray.measure_quality(films, synthetic, extractor="pixels", **options)
        return found.value.args[0]

    assert patients(tmp_path / "made") == 6
    assert patients(tmp_path / "own") == 12
    assert patients(tmp_path / "own", group_regex=PATTERN) == 6
    assert patients(tmp_path / "made", group_regex=r"(p)") == 1
    with pytest.raises(InputError, match=r"--group-regex \(x\): matches no file name"):
        fewray.measure_quality(films, made, extractor="pixels", group_regex="(x)")
    with pytest.raises(InputError, match="names its patients"):
        fewray.measure_quality(load_dataset(films), made, extractor="pixels", group_regex=PATTERN)
    apart = tmp_path / "apart" / "a"
    for index in range(2):
        picture = gaussian_filter(np.random.default_rng(70 + index).normal(size=(64, 64)), 3)
        save_png(np.clip(40 + 300 * picture, 0, 255).astype(np.uint8), apart / f"odd{index}.png")
    assert patients(tmp_path / "own", group_regex=PATTERN, held_out=apart.parent) == 6
    assert patients(tmp_path / "own", run=run, held_out=apart.parent) == 6


def test_unknown_patients_are_reported(films: Path, run: Path, tmp_path: Path):
    fewray.generate(run, tmp_path, per_class=3)
    known = fewray.measure_quality(films, tmp_path, extractor="pixels")
    assert not any("no image has a patient ID" in note for note in known.notes)
    assert any("held out with their patient" in line for line in known.sentences)
    (tmp_path / "generators.json").unlink()
    alone = fewray.measure_quality(films, tmp_path, extractor="pixels")
    assert any(note.startswith("real: no image has a patient ID") for note in alone.notes)
    assert not any("held out with their patient" in line for line in alone.sentences)
    assert any("held out one by one" in line for line in alone.sentences)


@pytest.mark.usefixtures("pixels")
def test_copies_are_refused_by_the_patients_of_the_training(films: Path, run: Path):
    found = rejection.copy_rejection(run, films, percentile=2, device="cpu")
    assert found.threshold.grouped
    assert not found.notes
    warned = dataclasses.replace(
        load_dataset(films, group_regex=PATTERN),
        warnings=(
            DataWarning("one", "a long text"),
            DataWarning("two", "b"),
            DataWarning("one", "c"),
        ),
    )
    (note,) = rejection.copy_rejection(run, warned, percentile=2, device="cpu").notes
    assert "one, two;" in note
    assert (
        rejection.copy_rejection(
            run, films, percentile=2, device="cpu", group_regex=r"_(\d+)"
        ).threshold.grouped
        is False
    )
    with pytest.raises(InputError, match="matches no file name"):
        rejection.copy_rejection(run, films, percentile=2, device="cpu", group_regex="(x)")
    with pytest.raises(InputError, match="with --reject-copies"):
        fewray.generate(run, run / "x", per_class=1, group_regex=PATTERN)


@pytest.mark.usefixtures("pixels")
def test_generate_reports_the_copy_threshold(
    films: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    from fewray.cli.main import app

    def call(*words: object) -> str:
        typer.main.get_command(app).main(list(map(str, words)), standalone_mode=False)
        return capsys.readouterr().out

    words = [
        "generate",
        run,
        "--out",
        tmp_path / "o",
        "--per-class",
        2,
        "--reject-copies",
        "--real",
        films,
    ]
    said = call(*words)
    assert "held out with their patient" in said
    assert "% of unseen real images would be" in said
    assert "note: " not in said
    found = json.loads(call(*words, "--json"))
    bar = json.loads((tmp_path / "o" / "generators.json").read_text())["a"]["copy_threshold"]
    assert found["copy_threshold"] == bar
    assert bar["grouped"] is True
    assert 0 < bar["false_alarms"] < 1
    assert "held out with their patient" in found["sentences"][0]
    one = call(*words, "--group-regex", "(p)")
    assert "Copies cannot be detected with one patient per class" in one
    (films / "a" / "more.png").write_bytes((films / "a" / "p0_0.png").read_bytes() + b"0")
    try:
        assert "note: a: 1 real images that its generator did not see were left out" in call(*words)
    finally:
        (films / "a" / "more.png").unlink()


def test_only_a_stored_pattern_that_fits_no_name_is_ignored(tmp_path: Path):
    folder = noise_dataset(tmp_path / "data", {"a": 2, "b": 2})
    assert load_images_of(folder, None, r"^(p\d+)_", option="--real") == load_dataset(folder)
    with pytest.raises(InputError) as raised:
        load_images_of(folder, None, "no group", option="--real")
    assert raised.value.code == "group_regex_without_group"
