"""An extractor that trained a generator or selected its checkpoint does not measure its images."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import fewray
from fewray.config import GanOptions
from fewray.generators.checkpoint import load_checkpoint, provenance, read_header
from fewray.generators.output_folder import read_sources
from fewray.generators.run import BEST, CHECKPOINT
from fewray.imaging.arrays import save_png
from fewray.pipelines.independence import check_independent, independence_notes
from fewray.pipelines.provenance import generator_sources
from fewray.pipelines.train_generators import train_generators
from fewray.results.training import GeneratorSource
from fewray.study.published.run import run_published
from tests.helpers import GAN, PUBLISHED, SERIAL, one_image_seen, refused, smooth_images

OPTIONS = GAN.with_(fit="squash", epochs=2, quality_images=8)
NAMED: dict[str, Any] = {"classes": ["a"], "extractor": "pixels"}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Smooth images of classes a and b, ten of each to train on and three to test on."""
    folder = tmp_path_factory.mktemp("films")
    for split, count in (("train", 10), ("test", 3)):
        for seed, label in enumerate("ab"):
            for index, image in enumerate(smooth_images(count, seed=seed + 2 * count)):
                save_png(image, folder / split / label / f"{split}{label}{index}.png")
    return folder


def train(films: Path, out: Path, options: GanOptions = OPTIONS, **more: Any) -> Path:
    given = {"classes": ["a"], "probe_every": 1, "extractor": "pixels", "device": "cpu"}
    fewray.train_generator(films, out, options=options, **(given | more))
    return out


@pytest.fixture(scope="module")
def selected(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator of a whose checkpoint was selected with the pixels of held-out images."""
    return train(films, tmp_path_factory.mktemp("run") / "run", hold_out=0.3)


def test_selection_by_held_out_images_is_recorded(selected: Path, films: Path, tmp_path: Path):
    assert read_header(selected / "a" / BEST).networks_used == ("pixels@32",)
    assert read_header(selected / "a" / CHECKPOINT).networks_used == ()
    stopped = train(films, tmp_path / "stopped", stop_when_done=True, hold_out=0.3, patience=1)
    for name in (BEST, CHECKPOINT):
        assert read_header(stopped / "a" / name).networks_used == ("pixels@32",)
    plain = train(films, tmp_path / "plain")
    assert not (plain / "a" / BEST).exists()
    assert read_header(plain / "a" / CHECKPOINT).networks_used == ()


def test_the_extractor_that_selected_a_generator_is_refused(
    selected: Path, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made = fewray.generate(selected, tmp_path / "made", per_class=6)
    assert read_sources(tmp_path / "made")["a"].networks_used == ("pixels@32",)
    assert fewray.measure_quality(films, made, classes=["a"], extractor="texture").classes
    with monkeypatch.context() as patched:
        patched.setattr(
            "fewray.pipelines.quality_report.measure_sets",
            lambda *_, **__: pytest.fail("measured before"),
        )
        with refused("extractor_not_independent", "lite2 or texture") as caught:
            fewray.measure_quality(films, made, **NAMED)
        save_png(smooth_images(1)[0], tmp_path / "other" / "a" / "1.png")
        with refused("extractor_not_independent", "generator of made: a"):
            fewray.compare_quality(films, {"other": tmp_path / "other", "made": made}, **NAMED)
    assert caught.value.fields["label"] == "a"
    assert caught.value.fields["networks_used"] == ["pixels@32"]
    (tmp_path / "made" / "generators.json").unlink()
    assert fewray.measure_quality(films, made, **NAMED).classes  # images of an unknown origin
    with refused("extractor_not_independent"):
        fewray.measure_quality(films, made, run=selected, held_out=films, **NAMED)


def test_networks_that_a_recipe_trains_with_are_recorded(films: Path, tmp_path: Path):
    options = OPTIONS.with_(epochs=1, networks_used=("lite0", "vgg16"))
    run = train(films, tmp_path / "run", options, probe_every=0)
    assert provenance(run / "a" / CHECKPOINT).networks_used == ("lite0", "vgg16")
    made = fewray.generate(run, tmp_path / "made", per_class=4)
    with refused("extractor_not_independent", "Use lite2 or texture"):
        fewray.measure_quality(films, made, classes=["a"], extractor="lite0@64")
    assert fewray.measure_quality(films, made, **NAMED).classes


@pytest.mark.parametrize(
    ("extractor", "used", "same"),
    [
        ("lite0@224", "lite0@128", True),
        ("lite0@128", "lite0", True),
        ("lite2@128", "lite0@128", False),
        ("texture", "texture", True),
        ("onnx:net.onnx@224#1a", "onnx:net.onnx@112#2b", True),
        ("onnx:net.onnx@224#1a", "onnx:other.onnx@224#2b", False),
        ("study:classic-0@64#1a", "study:classic-0@64#1a", True),
        ("study:classic-0@64#1a", "study:classic-0@64#2b", False),
    ],
)
def test_the_same_network_at_another_size_is_the_same(extractor: str, used: str, same: bool):
    check_independent(extractor, {"a": ()})
    if not same:
        check_independent(extractor, {"a": (used,)})
        return
    with refused("extractor_not_independent"):
        check_independent(extractor, {"a": (), "b": ("vgg16", used)})


def source(**more: Any) -> GeneratorSource:
    training_set = one_image_seen(training_hashes=("1",))
    given = {"checkpoint_sha256": "x", "epoch": 1, "seed": 0, "networks_used": ()}
    return GeneratorSource(options=OPTIONS, training_set=training_set, **(given | more))


def test_rejected_copies_are_noted_for_the_same_features_only():
    rejected = {"a": source(copy_extractor="lite0@128"), "b": source()}
    (note,) = independence_notes("lite0@224", rejected, ["a", "b"])
    assert note.startswith("a: copies were replaced")
    assert not independence_notes("lite2@128", rejected, ["a", "b"])
    assert not independence_notes("lite0@128", rejected, ["b", "c"])


def test_rejection_of_copies_is_recorded_and_noted(films: Path, tmp_path: Path):
    run = train(films, tmp_path / "run", OPTIONS.with_(epochs=1), probe_every=0, classes=["a", "b"])
    made = fewray.generate(run, tmp_path / "made", per_class=4, reject_copies=True, real=films)
    found = read_sources(tmp_path / "made")["a"]
    assert (found.copy_extractor, found.networks_used) == ("lite0@128", ())
    notes = fewray.measure_quality(films, made, extractor="lite0").notes
    assert any(note.startswith("a, b: copies were replaced") for note in notes)
    assert not any("replaced" in n for n in fewray.measure_quality(films, made, extractor="pixels").notes)  # fmt: skip
    with_run = generator_sources(made, run)["a"]
    assert (with_run.copy_extractor, with_run.networks_used) == ("lite0@128", ())


def test_a_checkpoint_without_the_record_still_loads(selected: Path, films: Path, tmp_path: Path):
    old = tmp_path / "run" / "a" / CHECKPOINT
    old.parent.mkdir(parents=True)
    with safe_open(selected / "a" / BEST, framework="pt") as stream:
        said = json.loads(stream.metadata()["run"].partition(" ")[2])
        tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    del said["networks_used"], said["options"]["networks_used"]
    save_file(tensors, old, metadata={"run": json.dumps(said)})
    assert load_checkpoint(old, torch.device("cpu")).sample([0]).dtype == np.uint8
    assert provenance(old).networks_used is None
    made = fewray.generate(tmp_path / "run", tmp_path / "made", per_class=6)
    notes = fewray.measure_quality(films, made, **NAMED).notes
    assert any(note.startswith("a: it is not recorded") for note in notes)
    path = tmp_path / "made" / "generators.json"
    kept = json.loads(path.read_text())
    assert kept["a"].pop("networks_used", None) is None
    path.write_text(json.dumps(kept))
    assert generator_sources(made, None)["a"].networks_used is None
    assert generator_sources(made, selected)["a"].networks_used == ("pixels@32",)


def test_a_published_study_is_refused_before_anything_is_written(films: Path, tmp_path: Path):
    data = fewray.load_dataset(films)
    options = PUBLISHED.with_(gan=OPTIONS.with_(networks_used=("pixels",)))
    with refused("extractor_not_independent"):
        run_published(data, options, tmp_path / "own", machine=SERIAL)
    given = tmp_path / "given"
    train_generators(
        data.where(split="train"),
        OPTIONS.with_(epochs=1),
        given,
        probe_every=1,
        extractor="pixels",
        hold_out=0.3,
        machine=SERIAL,
    )
    options = PUBLISHED.with_(gan=OPTIONS)
    with refused("extractor_not_independent"):
        run_published(data, options, tmp_path / "study", generators=given, machine=SERIAL)
    assert not (tmp_path / "own").exists()
    assert not (tmp_path / "study").exists()
