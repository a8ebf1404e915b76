"""Scores of trained generators for docs/generators.md, on a run of seconds."""

from pathlib import Path

import pytest

from experiments import generator_ablation, generator_aims, generator_scores, generator_tables
from fewray.config import ClassifierOptions, DiffusionOptions
from fewray.data.loading import load_dataset
from fewray.generators import epochs
from fewray.pipelines.train_generators import train_generators
from fewray.presets import RECIPES
from fewray.results.training import EpochRow
from fewray.storage.files import write_json
from tests.helpers import SERIAL

DATA = "phantom:size=64,train=8,test=2"


@pytest.fixture(autouse=True)
def results(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for module in (generator_scores, generator_ablation):
        monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(generator_scores, "CLASSIFIER", ClassifierOptions(batch_size=8, steps=2))
    monkeypatch.setattr(epochs, "EPOCH_IMAGES", 32)
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


def test_pauses_do_not_count_as_training():
    rows = [
        EpochRow(epoch=i + 1, epochs=4, batches=1, step=i + 1, images_seen=32, seconds=seconds)
        for i, seconds in enumerate((10.0, 20.0, 5000.0, 5010.0))
    ]
    assert generator_scores.training_seconds(rows) == 40


def run(
    recipe: str, kid: float, seed: int = 0, copies: int = 0, **more: object
) -> dict[str, object]:
    """Return stored scores of two classes, ten images each; the KID to unseen patients is twice ``kid``."""
    scores = {"kid": kid, "kid_held_out": 2 * kid, "real_kid": 0, "precision": 1, "coverage": 1}
    classes = {name: {**scores, "copies": copies, "windows": [0.1, 0.2]} for name in ("a", "b")}
    grey = dict.fromkeys(generator_tables.STATISTICS, 1.0)
    return {
        "recipe": recipe,
        "seed": seed,
        "data": "x",
        "image_size": 64,
        "statistics": {key: {"a": grey, "b": grey} for key in ("training", "synthetic")},
        "core_minutes": 1,
        "synthetic": 10,
        "real_copies": {"lite0": 0.01},
        "scores": dict.fromkeys(generator_scores.EXTRACTORS, classes),
        "accuracy_from_real": [0.5],
        "accuracy_from_synthetic": [0.5],
        **more,
    }


def test_kid_is_compared_with_that_of_paper(results: Path):
    write_json(results / "a.json", run("diffusion", 0.5))
    assert "as a share" not in generator_tables.render()
    write_json(results / "b.json", run("paper", 2.0))
    larger = run("diffusion: 128 px images", 1.0, image_size=128)
    del larger["accuracy_from_real"], larger["accuracy_from_synthetic"]
    write_json(results / "c.json", larger)
    table = generator_tables.render()
    assert "| diffusion: 128 px images | 10 | 0.0 / 0.0 | 10.0 / 10.0 | 20.0 / 20.0 | | |" in table
    assert f"| diffusion | {' | '.join(['0.25'] * 6)} |" in table
    assert "128 px images | 0.50" not in table
    write_json(results / "d.json", run("diffusion", 1.0, seed=1))
    assert f"| diffusion | {' | '.join(['0.38 (0.25 to 0.50)'] * 6)} |" in generator_tables.render()
    write_json(results / "e.json", run("paper", 4.0, seed=1))  # seed 1 has other patients
    assert f"| diffusion | {' | '.join(['0.25 (0.25 to 0.25)'] * 6)} |" in generator_tables.render()


def test_missed_aims_are_marked(results: Path):
    assert "Not measured yet: diffusion, paper" in generator_aims.render()
    write_json(results / "a.json", run("paper", 3.0))
    write_json(results / "b.json", run("patches", 0.6))
    write_json(results / "c.json", run("diffusion", 0.9, core_minutes=200, copies=3))
    rows = [line.strip("|").split(" | ") for line in generator_aims.render().splitlines()]
    cells = {row[0].strip(): [cell.strip(" |") for cell in row[1:]] for row in rows}
    share = "share of `paper` (lite0)"
    missed, reached = "0.200, **missed** (`patches`)", "0.200 (`patches`)"
    assert cells[f"KID to training images, {share}"] == [
        missed, "at most 0.167", "0.300, **missed**", "at most 0.250"
    ]  # fmt: skip
    assert cells[f"KID to unseen patients, {share}"][::2] == [reached, "0.300"]
    assert cells["copies, percentage points above real images"][-2] == "29.0, **missed**"
    assert cells["copied windows, ratio to unseen real images"][-2] == "0.50"
    assert cells["precision"][0] == "1.00 (`patches`)"
    assert cells["core-minutes for four classes"][::2] == ["1 (`patches`)", "200, **missed**"]


def test_no_score_is_a_negative_zero():
    assert generator_tables.with_range([-0.001]) == "0.00"
    assert generator_tables.with_range([-0.2, 0.1]) == "-0.05 (-0.20 to 0.10)"


@pytest.mark.long
def test_a_run_is_measured_against_its_own_rows(results: Path, tmp_path: Path):
    assert "No run" in generator_tables.render()
    rows = load_dataset(DATA).where(split="train")
    options = RECIPES["diffusion"].with_(
        epochs=1, diffusion=DiffusionOptions(channels=(8, 8), blocks=1, sampling_steps=2)
    )
    train_generators(
        rows, options, tmp_path / "run", hold_out=0.25, probe_every=0, machine=SERIAL, seed=3
    )
    found = generator_scores.measure(tmp_path / "run", 6)
    assert found["seed"] == 3
    assert found["recipe"].startswith("diffusion: 1 epochs")
    for label in rows.classes:
        assert found["training_images"][label] + found["held_out_images"][label] == 8
        assert found["held_out_images"][label] >= 2
    assert found["tested_images"] == sum(found["held_out_images"].values())
    assert len(found["accuracy_from_synthetic"]) == generator_scores.CLASSIFIERS
    scores = found["scores"]["lite0"]["covid"]
    assert scores["kid"] > 0.5  # an untrained network makes no radiographs
    assert 0 <= scores["coverage"] <= 1
    write_json(results / "run.json", found)
    table = generator_tables.render()
    assert f"{scores['kid']:.2f}" in table
    pca = generator_scores.measure_pca(tmp_path / "run", 6)
    assert pca["recipe"] not in RECIPES
    assert pca["tested_images"] == found["tested_images"]
    assert pca["scores"]["lite0"]["covid"]["kid"] < scores["kid"]
    write_json(results / "pca.json", pca)
    assert f"| {pca['recipe']} | 1 | 0 |" in generator_tables.render()
    assert "No run" in generator_ablation.render()
    write_json(results / "the-recipe-seed3.json", {"variant": "the recipe", **found})
    assert "| the recipe | 1 |" in generator_ablation.render()
