"""The untrained patch collage from end to end: rows without losses, and its debt to the images."""

import json
from collections.abc import Mapping
from html import unescape
from pathlib import Path

import pytest

import fewray
from fewray.config import GanOptions, PatchesOptions
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.generators.health import run_health
from fewray.generators.run import CHECKPOINT
from fewray.pipelines.estimate import plan_training
from fewray.pipelines.train_generators import train_generators
from fewray.presets import RECIPES
from fewray.report.render import write_report
from fewray.results.training import piece_warnings
from fewray.study.crossval.run import run_crossval
from fewray.study.published.run import run_published
from tests.helpers import OPTIONS, PUBLISHED, SERIAL, run_cli

CODE = "made_of_training_images"
FAST = PatchesOptions(stride=8, window=1, passes=1)
QUICK = RECIPES["patches"].with_(fit="pad", quality_images=4, patches=FAST)
TEXT = piece_warnings({"a": QUICK})[0].text


@pytest.fixture(scope="module")
def data() -> Manifest:
    return load_dataset("phantom:size=64,train=8,test=4")


@pytest.fixture(scope="module")
def run(data: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("patches")
    train(data, out)
    return out


def train(data: Manifest, out: Path) -> Mapping:
    return train_generators(
        data.where(split="train"), QUICK, out, extractor="pixels", hold_out=0.25, machine=SERIAL
    )


def shown(text: str, page: Path) -> bool:
    return text in unescape(page.read_text())


def test_only_recipes_that_assemble_pieces_are_warned_about():
    options = {"a": QUICK, "b": GanOptions(), "c": QUICK}
    (found,) = piece_warnings(options)
    assert (found.code, found.classes) == (CODE, ("a", "c"))
    assert "`patches`" in found.text
    assert (
        piece_warnings({label: each for label, each in RECIPES.items() if label != "patches"}) == ()
    )


def test_a_run_has_scores_but_no_losses(data: Manifest, run: Path):
    log = (run / data.classes[0] / "stats.jsonl").read_text().splitlines()
    (row,) = map(json.loads, log)
    assert row["kid"] is not None
    assert row["kid_held_out"] is not None
    assert not {"loss", "loss_d", "loss_g", "d_x", "diversity"} & row.keys()
    health = run_health(run)[data.classes[0]]
    assert (health["findings"], health["best_epoch"]) == ([], 1)
    assert shown(TEXT, write_report(run))


def test_images_are_announced_as_pieces(data: Manifest, run: Path, tmp_path: Path):
    made = fewray.generate(run, tmp_path / "images", per_class=4)
    assert made.about["warnings"] == [TEXT]
    classes = data.classes[:2]
    report = fewray.measure_quality(data, made, classes=classes)
    for label in classes:
        assert [w.code for w in report.classes[label].warnings].count(CODE) == 1
    assert sum(TEXT in remark for remark in report.remarks) == 1


def test_copies_among_them_are_replaced(data: Manifest, run: Path, tmp_path: Path):
    label = data.classes[0]
    made = fewray.generate(
        run, tmp_path, per_class=2, classes=[label], reject_copies=True, real=data
    )
    assert len(made) == 2
    assert made.about["warnings"][0] == TEXT
    assert made.about["copy_threshold"]


def test_an_unfinished_run_resumes_to_the_same_bytes(data: Manifest, run: Path, tmp_path: Path):
    train(data, tmp_path)
    for label in data.classes:
        one, other = ((folder / label / CHECKPOINT).read_bytes() for folder in (run, tmp_path))
        assert one == other


def test_a_plan_counts_the_images_that_are_assembled(data: Manifest):
    *each, total = plan_training(data, QUICK, data.classes, SERIAL)
    assert [row["steps"] for row in each] == [3] * len(data.classes)
    assert total["images"] == len(data)


def test_both_protocols_warn_of_pieces(data: Manifest, tmp_path: Path):
    options = OPTIONS.with_(gan=QUICK, seeds=1, copy_percentile=0)
    study = run_crossval(data, options, tmp_path / "crossval", machine=SERIAL)
    assert study.generators[data.classes[0]].final.loss is None
    options = PUBLISHED.with_(gan=QUICK.with_(fit="squash"), seeds=1)
    other = run_published(data, options, tmp_path / "published", machine=SERIAL)
    for found, name in ((study, "crossval"), (other, "published")):
        assert [w.code for w in found.warnings].count(CODE) == 1
        assert shown(TEXT, write_report(tmp_path / name))


def test_commands_say_so(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert run_cli(monkeypatch, "summary", "patches") == 0
    assert "no networks" in capsys.readouterr().out
    words = ("generate", str(run), "--out", str(tmp_path / "images"), "--per-class", "1")
    assert run_cli(monkeypatch, *words) == 0
    assert f"note: {TEXT}" in capsys.readouterr().out
    assert run_cli(monkeypatch, *words, "--json") == 0
    assert json.loads(capsys.readouterr().out)["notes"] == [TEXT]
    data = ("--data", "phantom:size=64,train=3,test=0", "--classes", "normal")
    train = ("train", *data, "--recipe", "patches", "--out", str(tmp_path / "run"))
    assert run_cli(monkeypatch, *train, "--quality-every", "0", "--processes", "1") == 0
    found = capsys.readouterr()
    assert f"note: {TEXT}" in found.out
    assert "normal [1/1][2/3]" in found.err
    assert "Loss" not in found.out + found.err
    assert "repeated" not in found.err
