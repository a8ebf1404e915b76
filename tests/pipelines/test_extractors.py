"""The classifier that a study keeps, and the features it gives."""

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import fewray
from fewray.classify.weights import CLASSIFIER, load_classifier
from fewray.compute.machine import Machine
from fewray.config import ClassifierOptions, GanOptions, PublishedOptions
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.imaging.arrays import load_images
from fewray.pipelines.extractors import identity, open_extractor
from fewray.quality.features.cache import Cached
from fewray.quality.features.extractor import PixelExtractor
from fewray.study.published.classifiers import kept_run
from fewray.study.published.run import run_published

OPTIONS = PublishedOptions(
    preset="test",
    arms=("no_augmentation", "classic"),
    seeds=2,
    gan=GanOptions(recipe="test", base_channels=4, epochs=1, batch_size=16, classic_images=8),
    classifier=ClassifierOptions(channels=(4, 4, 8), hidden=8, batch_size=16, steps=12),
    classic_per_class=6,
    published_passes=5,
)
MACHINE = Machine(device="cpu", precision="fp32", processes=2, threads=1)


@pytest.fixture(scope="module")
def data() -> Manifest:
    return load_dataset("phantom:size=64,train=8,test=3")


@pytest.fixture(scope="module")
def done(data: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("study")
    run_published(data, OPTIONS, out, machine=MACHINE)
    return out


def test_the_kept_classifier_is_that_of_the_predictions(data: Manifest, done: Path):
    """Its probabilities on the test films are those of arm classic, seed 0, in predictions.csv."""
    test = data.where(split="test")
    extractor = open_extractor(f"study:{done}", device="cpu", cache=False)
    found = extractor(load_images(test.paths(), 64, "squash"))
    with (done / "predictions.csv").open() as stream:
        rows = [
            row for row in csv.DictReader(stream) if (row["arm"], row["seed"]) == ("classic", "0")
        ]
    wanted = [[float(row[f"p_{label}"]) for label in data.classes] for row in rows]
    np.testing.assert_allclose(found.probabilities, wanted, atol=1e-5)
    assert found.features.shape == (12, extractor.dim) == (12, 8)
    assert (found.features >= 0).all()
    assert extractor.name.startswith("study:classic-0@64#")
    header = load_classifier(done / CLASSIFIER)[1]
    assert header.classes == data.classes
    assert header.about.train_images == 4 * (8 + 6)


def test_images_of_another_size_are_resized(done: Path):
    extractor = open_extractor(f"study:{done}", device="cpu", cache=False)
    images = np.random.default_rng(0).integers(0, 256, (3, 1, 100, 100), np.uint8)
    assert extractor(images).features.shape == (3, 8)


def test_its_bytes_do_not_depend_on_the_processes_nor_on_being_lost(
    data: Manifest, done: Path, tmp_path: Path
):
    before = {
        name: (done / name).read_bytes() for name in (CLASSIFIER, "study.json", "predictions.csv")
    }
    run_published(data, OPTIONS, tmp_path, machine=dataclasses.replace(MACHINE, processes=1))
    assert (tmp_path / CLASSIFIER).read_bytes() == before[CLASSIFIER]
    for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(b"x" * 99)):
        damage(done / CLASSIFIER)
        events: list[str] = []
        run_published(
            data,
            OPTIONS,
            done,
            machine=MACHINE,
            on_progress=lambda kind, event, seen=events: seen.append(kind),
        )
        assert events.count("classifier") == 1
        assert {name: (done / name).read_bytes() for name in before} == before
    assert "classifier.safetensors" not in json.dumps(json.loads(before["study.json"]))


def test_which_run_is_kept():
    found = [kept_run(OPTIONS), kept_run(OPTIONS.with_(arms=("synthetic", "no_augmentation")))]
    assert [(run.condition.name, run.seed) for run in found] == [("classic", 0), ("synthetic", 0)]


def test_mixtures_of_the_same_images_do_not_rename_it(data: Manifest, tmp_path: Path):
    options = OPTIONS.with_(seeds=1, mixtures=True, mixture_classic=(6,), mixture_synthetic=(0,))
    run_published(data, options, tmp_path, machine=MACHINE)
    assert load_classifier(tmp_path / CLASSIFIER)[1].about.arm == "classic"


def test_folders_without_a_classifier_are_refused(done: Path, tmp_path: Path):
    for folder in (tmp_path / "absent", tmp_path):
        with pytest.raises(InputError, match="`fewray study --protocol published`") as caught:
            open_extractor(f"study:{folder}")
        assert caught.value.code == "classifier_not_found"
    (tmp_path / CLASSIFIER).write_bytes((done / CLASSIFIER).read_bytes()[:-1])
    with pytest.raises(InputError, match="not a readable classifier"):
        open_extractor(f"study:{tmp_path}")
    with pytest.raises(InputError, match="study:<folder>"):
        open_extractor("other")


def test_extractors_are_cached_unless_asked_otherwise(done: Path):
    assert isinstance(open_extractor("lite0", device="cpu"), Cached)
    assert not isinstance(open_extractor("lite0", device="cpu", cache=False), Cached)
    assert isinstance(open_extractor("pixels"), PixelExtractor)
    assert identity("lite0") == "lite0"
    assert identity(f"study:{done}") == open_extractor(f"study:{done}", device="cpu").name


def test_quality_is_measured_with_it_and_again_from_the_cache(
    done: Path, data: Manifest, tmp_path: Path
):
    real = dataclasses.replace(data, rows=tuple(row for row in data.rows if row.split == "train"))
    synthetic = dataclasses.replace(
        data, rows=tuple(row for row in data.rows if row.split == "test")
    )
    name, options = f"study:{done}", {"device": "cpu"}
    first = fewray.measure_quality(real, synthetic, extractor=name, **options)
    assert first.extractor.startswith("study:classic-0@64#")
    assert fewray.measure_quality(real, synthetic, extractor=name, **options) == first
    plain = fewray.measure_quality(real, synthetic, extractor=name, cache=False, **options)
    assert plain == first
