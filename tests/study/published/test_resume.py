"""Folders that are used again, by other commands or after damage: nothing stale, nothing mixed, one line for what cannot be."""

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from fewray.compute.machine import Machine
from fewray.config import ClassifierOptions, GanOptions, PublishedOptions
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.pipelines.train_generators import train_generators
from fewray.report.pages.generators import read_training
from fewray.report.render import write_report
from fewray.storage.files import sha256_of
from fewray.study.options import preset_options
from fewray.study.published.run import run_published
from tests.helpers import SERIAL

GAN = GanOptions(recipe="test", base_channels=4, epochs=2, batch_size=16, classic_images=8)
OPTIONS = PublishedOptions(
    preset="test",
    arms=("no_augmentation", "synthetic"),
    seeds=1,
    gan=GAN,
    classifier=ClassifierOptions(channels=(4, 4, 8), hidden=8, batch_size=16, steps=4),
    synthetic_per_class=6,
    published_passes=2,
    extractor="pixels",
)


@pytest.fixture(scope="module")
def data() -> Manifest:
    """Two classes of drawn films."""
    drawn = load_dataset("phantom:size=64,train=6,test=2")
    kept = tuple(row for row in drawn.rows if row.label in ("covid", "normal"))
    return dataclasses.replace(drawn, rows=kept, classes=("covid", "normal"))


@pytest.fixture(scope="module")
def run(data: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    train_generators(data.where(split="train"), GAN, out, machine=SERIAL, probe_every=0)
    return out


@pytest.fixture
def own(run: Path, tmp_path: Path) -> Path:
    """Return a copy of the run that a test may damage."""
    return Path(shutil.copytree(run, tmp_path / "own"))


def study_of(folder: Path) -> dict:
    return json.loads((folder / "study.json").read_text())


def test_quality_is_of_the_images_that_the_arms_train_on(data: Manifest, run: Path, tmp_path: Path):
    grid = OPTIONS.with_(
        arms=("no_augmentation",), mixtures=True, mixture_classic=(0,), mixture_synthetic=(0, 3)
    )
    run_published(data, grid, tmp_path / "twice", generators=run, machine=SERIAL)
    assert study_of(tmp_path / "twice")["quality"]["pooled"]["num_fake"] == 2 * 3
    for folder in ("twice", "once"):
        run_published(data, OPTIONS, tmp_path / folder, generators=run, machine=SERIAL)
    assert study_of(tmp_path / "twice")["quality"]["pooled"]["num_fake"] == 2 * 6
    assert (tmp_path / "twice" / "study.json").read_bytes() == (
        tmp_path / "once" / "study.json"
    ).read_bytes()


def test_a_quality_of_another_form_is_measured_again(data: Manifest, run: Path, tmp_path: Path):
    run_published(data, OPTIONS, tmp_path, generators=run, machine=SERIAL)
    before = (tmp_path / "study.json").read_bytes()
    (job,) = (tmp_path / "jobs").glob("quality-*.json")
    whole = json.loads(job.read_text())
    lacking = {
        **whole,
        "pooled": {name: value for name, value in whole["pooled"].items() if name != "kid"},
    }
    fewer = {**whole, "classes": {"covid": whole["classes"]["covid"]}}
    for spoilt in ({"x": 1}, lacking, fewer, {**whole, "classes": []}):
        job.write_text(json.dumps(spoilt))
        run_published(data, OPTIONS, tmp_path, generators=run, machine=SERIAL)
        assert (tmp_path / "study.json").read_bytes() == before


def test_generators_of_padded_films_are_not_mixed_with_squashed_ones(
    data: Manifest, run: Path, tmp_path: Path
):
    padded = OPTIONS.with_(classifier=OPTIONS.classifier.with_(fit="pad"))
    with pytest.raises(
        InputError, match="generator of covid has fit squash, but the classifier has pad"
    ):
        run_published(data, padded, tmp_path / "a", generators=run, machine=SERIAL)
    with pytest.raises(InputError, match="has fit squash, but the classifier has pad"):
        run_published(data, padded, tmp_path / "a", machine=SERIAL)
    assert not (tmp_path / "a").exists()
    for name in ("paper", "small"):
        options = preset_options(protocol="published", recipe_name=name)
        assert options.gan.fit == options.classifier.fit == "squash"


def test_a_study_says_which_generators_it_used(data: Manifest, run: Path, tmp_path: Path):
    run_published(
        data, OPTIONS.with_(gan=GAN.with_(epochs=9)), tmp_path, generators=run, machine=SERIAL
    )
    study = study_of(tmp_path)
    assert not study["trained_here"]
    assert study["generators"]["covid"]["epochs_planned"] == 2


@pytest.mark.parametrize(
    ("films", "synthetic", "text"),
    [(1, 6, "class covid has 1 training image"), (6, 1, "1 synthetic image")],
)
def test_what_is_too_little_to_measure_is_no_end_of_a_study(
    data: Manifest, tmp_path: Path, films: int, synthetic: int, text: str
):
    train, test = (data.where(split=split) for split in ("train", "test"))
    kept = (*train.where(label="covid").rows[:films], *train.where(label="normal").rows, *test.rows)
    options = OPTIONS.with_(synthetic_per_class=synthetic)
    run_published(dataclasses.replace(data, rows=kept), options, tmp_path, machine=SERIAL)
    study = study_of(tmp_path)
    assert study["quality"] is None
    (warning,) = [w for w in study["warnings"] if w["code"] == "quality_not_measured"]
    assert text in warning["text"]
    assert len(study["arms"]) == 2
    assert "were not measured" in write_report(tmp_path).read_text()


def test_an_arm_named_twice_is_one(data: Manifest, tmp_path: Path):
    assert preset_options(
        protocol="published", arms=("no_augmentation", "classic", "no_augmentation")
    ).arms == ("no_augmentation", "classic")
    run_published(
        data, OPTIONS.with_(arms=("no_augmentation", "no_augmentation")), tmp_path, machine=SERIAL
    )
    with (tmp_path / "predictions.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == len(data.where(split="test"))


def test_a_folder_holds_one_kind_of_training(data: Manifest, tmp_path: Path):
    train = data.where(split="train")

    def more(label: str, options: GanOptions = GAN, machine: Machine = SERIAL, **told) -> None:
        train_generators(
            train, options, tmp_path, classes=[label], machine=machine, probe_every=0, **told
        )

    more("covid")
    for options, told, text in (
        (GAN.with_(recipe="other"), {}, "gan"),
        (GAN, {"seed": 1}, "seed"),
        (GAN, {"hold_out": 0.2}, "hold_out"),
    ):
        with pytest.raises(InputError) as caught:
            more("normal", options, **told)
        assert caught.value.code == "other_training_run"
        assert caught.value.fields == {"others": ["covid"], "changed": [text]}
    assert not (tmp_path / "normal").exists()
    more("normal", GAN.with_(epochs=1), dataclasses.replace(SERIAL, precision="bf16"))
    trained = read_training(tmp_path).classes
    assert {c: t.precision for c, t in trained.items()} == {"covid": "fp32", "normal": "bf16"}
    more("covid", GAN.with_(epochs=3), dataclasses.replace(SERIAL, precision="auto"), resume=True)
    assert json.loads((tmp_path / "covid" / "options.json").read_text())["precision"] == "fp32"
    assert read_training(tmp_path).options.classes == ("covid", "normal")


@pytest.mark.parametrize("text", ["[]", '{"classes": 3}', '{"classes": [3]}', "{"])
def test_a_damaged_record_of_a_run_is_one_line(data: Manifest, own: Path, text: str):
    (own / "options.json").write_text(text)
    with pytest.raises(InputError, match=r"options\.json"):
        train_generators(data.where(split="train"), GAN, own, machine=SERIAL, resume=True)
    with pytest.raises(InputError, match=r"options\.json"):
        read_training(own)


@pytest.mark.parametrize(
    "row", ["{}", '{"epoch": "1"}', '{"epoch": 1, "loss_d": "x"}', '{"epoch": 1, "kid": []}']
)
def test_a_damaged_log_is_one_line(data: Manifest, own: Path, row: str):
    (own / "covid" / "stats.jsonl").write_text(row + "\n")
    where = r"covid/stats\.jsonl, line 1: .*(epoch|loss_d|kid)"
    with pytest.raises(InputError, match=where):
        train_generators(
            data.where(split="train"), GAN.with_(epochs=3), own, machine=SERIAL, resume=True
        )
    for page in (write_report, read_training):
        with pytest.raises(InputError, match=where):
            page(own)


def test_a_log_that_lacks_values_is_refused(own: Path):
    (own / "covid" / "stats.jsonl").write_text('{"epoch": 1}\n')
    with pytest.raises(InputError) as found:
        read_training(own)
    assert found.value.code == "log_damaged"


@pytest.mark.parametrize("damage", ["fewer", "flipped", "gone"])
def test_damaged_training_images_are_made_again(
    data: Manifest, own: Path, run: Path, tmp_path: Path, damage: str
):
    longer = GAN.with_(epochs=3)
    whole = Path(shutil.copytree(run, tmp_path / "whole"))
    for path in (own / "covid").glob("training-*.npy"):
        images = np.load(path)
        if damage == "fewer":
            np.save(path, images[:3])
        elif damage == "flipped":
            images.flat[5] ^= 1
            np.save(path, images)
        else:
            path.unlink()
    for folder in (own, whole):
        train_generators(
            data.where(split="train"), longer, folder, machine=SERIAL, probe_every=0, resume=True
        )
    ends = [sha256_of(folder / "covid" / "checkpoint.safetensors") for folder in (own, whole)]
    assert ends[0] == ends[1]
