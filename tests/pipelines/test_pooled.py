"""Pooled generators: one for all classes, in a folder of generators and in a study."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fewray.config import DiffusionOptions, GanOptions
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.generators import epochs
from fewray.generators.checkpoint import read_header
from fewray.generators.generate import generate, run_classes
from fewray.generators.health import run_health
from fewray.generators.log import read_log
from fewray.generators.run import BEST, CHECKPOINT
from fewray.pipelines.copy_rejection import copy_rejection
from fewray.pipelines.estimate import plan_training
from fewray.pipelines.provenance import generator_sources, keep_training_images
from fewray.pipelines.train_generators import train_generators
from fewray.report.render import write_report
from fewray.results.training import ALL_CLASSES
from fewray.study.crossval.run import run_crossval
from tests.helpers import OPTIONS, SERIAL, refused

POOLED = GanOptions(
    recipe="test",
    family="diffusion",
    pooled=True,
    fit="pad",
    epochs=2,
    batch_size=16,
    classic_images=0,
    learning_rate=4e-3,
    quality_images=4,
    diffusion=DiffusionOptions(channels=(8, 16), blocks=1, sampling_steps=2),
)
DATA = "phantom:size=64,train=8,test=4"
SHORT = {"EPOCH_IMAGES": 64, "WARM_UP": 1}


@pytest.fixture(autouse=True)
def short_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SHORT.items():
        monkeypatch.setattr(epochs, name, value)


@pytest.fixture(scope="module")
def data() -> Manifest:
    return load_dataset(DATA)


def train(rows: Manifest, out: Path, options: GanOptions = POOLED, **more: Any) -> Mapping:
    more = {"extractor": "pixels", "probe_every": 1, "machine": SERIAL, **more}
    return train_generators(rows, options, out, **more)


@pytest.fixture(scope="module")
def run(data: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pooled")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SHORT.items():
            patch.setattr(epochs, name, value)
        train(data.where(split="train"), out, hold_out=0.25)
    return out


def test_one_generator_learns_all_classes_but_no_held_out_row(data: Manifest, run: Path):
    assert [path.parent.name for path in run.glob(f"*/{CHECKPOINT}")] == [ALL_CLASSES]
    known = read_header(run / ALL_CLASSES / CHECKPOINT).training_set
    assert known.classes == data.classes
    mine = {row.sha256: row for row in data.where(split="train").rows}
    seen, held_out = (
        [mine[sha] for sha in side] for side in (known.training_hashes, known.held_out_hashes)
    )
    assert len(seen) + len(held_out) == len(mine)
    assert {row.group for row in seen}.isdisjoint(row.group for row in held_out)
    assert {row.label for row in held_out} == set(data.classes)


def test_its_log_has_the_mean_scores_of_the_classes(data: Manifest, run: Path):
    last = read_log(run / ALL_CLASSES)[-1]
    classes = len(data.classes)
    assert last.num_fake == classes * POOLED.quality_images
    assert last.num_real == len(
        read_header(run / ALL_CLASSES / CHECKPOINT).training_set.training_hashes
    )
    assert last.kid_held_out is not None
    assert run_health(run).keys() == {ALL_CLASSES}
    assert write_report(run).exists()


def test_every_class_has_images_of_its_own(data: Manifest, run: Path, tmp_path: Path):
    made = generate(run, tmp_path / "images", per_class=2)
    assert made.classes == data.classes
    first = {row.label: row.path.read_bytes() for row in made.rows if row.path.stem == "seed000000"}
    assert len(set(first.values())) == len(data.classes)
    alone = generate(run, tmp_path / "alone", per_class=2, classes=data.classes[-1:])
    assert alone.rows[0].path.read_bytes() == first[data.classes[-1]]
    assert (run / ALL_CLASSES / BEST).exists()
    assert set(run_classes(run).values()) == {run / ALL_CLASSES / BEST}
    sources = generator_sources(made, None)
    kept, notes = keep_training_images(data.where(split="train"), sources)
    known = read_header(run / ALL_CLASSES / CHECKPOINT).training_set
    assert {row.sha256 for row in kept.rows} == set(known.training_hashes)
    assert not any("not among the real images" in note for note in notes)


def test_copies_are_rejected_per_class(data: Manifest, run: Path):
    reject = copy_rejection(run, data, percentile=2, device="cpu", extractor="pixels")
    label = data.classes[1]
    own = reject.train[label].images[:2]
    assert reject(label, own).all()
    found = copy_rejection(run, None, percentile=2, device="cpu", extractor="pixels")
    assert found.threshold == reject.threshold  # the run recorded where its data came from


def test_a_run_is_continued_only_when_asked_and_with_the_same_classes(
    data: Manifest, tmp_path: Path
):
    rows = data.where(split="train")
    with pytest.raises(KeyboardInterrupt):
        train(rows, tmp_path, checkpoint_every=1, on_epoch=interrupt)
    path = tmp_path / ALL_CLASSES / CHECKPOINT
    assert read_header(path).epoch == 1
    with refused("already_trained"):
        train(rows, tmp_path)
    renamed = {label: f"no {label}" for label in data.classes}
    other_names = tuple(replace(row, label=renamed[row.label]) for row in rows.rows)
    turned = data.classes[1:] + data.classes[:1]
    other_labels = dict(zip(data.classes, turned, strict=True))
    swapped = tuple(replace(row, label=other_labels[row.label]) for row in rows.rows)
    for other in (
        replace(rows, classes=tuple(renamed.values()), rows=other_names),
        replace(rows, rows=swapped),
    ):
        with refused("other_training_run"):
            train(other, tmp_path, resume=True)
    with refused("other_training_run"):
        train(rows, tmp_path, classes=data.classes[:2], resume=True)
    with refused("other_training_run"):  # its learning rate would fall otherwise
        train(rows, tmp_path, POOLED.with_(epochs=3), resume=True)
    train(rows, tmp_path, classes=turned, resume=True)
    assert read_header(path).epoch == 2
    assert read_header(path).training_set.classes == data.classes


def interrupt(label: str, row: object) -> None:
    """Stop as Ctrl-C does."""
    raise KeyboardInterrupt


def test_errors_come_before_any_file(data: Manifest, tmp_path: Path):
    rows = data.where(split="train")
    with refused("image_size_unsupported"):
        train(rows, tmp_path / "out", POOLED.with_(image_size=65))
    labels = [f"c{index:02}" for index in range(17)]
    many = tuple(replace(row, label=labels[i % 17]) for i, row in enumerate(rows.rows))
    with refused("too_many_classes"):
        train(replace(rows, classes=tuple(labels), rows=many), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def die(out: str) -> None:
    """Train into ``out`` and kill this process after the first epoch."""
    for name, value in SHORT.items():
        setattr(epochs, name, value)
    rows = load_dataset(DATA).where(split="train")
    kill = lambda label, row: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
    train(rows, Path(out), checkpoint_every=1, on_epoch=kill)


def test_a_killed_run_continues_to_the_same_bytes(data: Manifest, tmp_path: Path):
    rows = data.where(split="train")
    train(rows, tmp_path / "whole", checkpoint_every=1)

    code = f"from tests.pipelines.test_pooled import die; die({str(tmp_path / 'parts')!r})"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert read_header(tmp_path / "parts" / ALL_CLASSES / CHECKPOINT).epoch == 1
    train(rows, tmp_path / "parts", checkpoint_every=1, resume=True)
    one, other = (
        (tmp_path / name / ALL_CLASSES / CHECKPOINT).read_bytes() for name in ("whole", "parts")
    )
    assert one == other


def test_pooled_and_single_generators_do_not_share_a_folder(data: Manifest, run: Path):
    rows = data.where(split="train")
    single = POOLED.with_(pooled=False)
    with refused("other_training_run"):
        train(rows, run, single, hold_out=0.25)
    with refused("options_conflict"):
        GanOptions(pooled=True)


def test_a_class_of_one_image_is_learnt_but_not_measured(data: Manifest, tmp_path: Path):
    rows = data.where(split="train").rows
    lonely = next(row for row in rows if row.label == data.classes[0])
    few = Manifest(
        name="few",
        classes=data.classes,
        rows=(lonely, *(row for row in rows if row.label != lonely.label)),
    )
    last = train(few, tmp_path, POOLED.with_(epochs=1))[ALL_CLASSES]
    assert last.num_real == len(few) - 1
    assert generate(tmp_path, tmp_path / "images", per_class=1).classes == data.classes


def test_a_plan_has_one_generator(data: Manifest):
    first, total = plan_training(data, POOLED, data.classes, SERIAL)
    assert first["job"] == f"generator {ALL_CLASSES}"
    assert first["images"] == total["images"] == len(data)


def test_a_study_trains_one_generator_per_fold(data: Manifest, tmp_path: Path):
    options = OPTIONS.with_(gan=POOLED, seeds=1)
    study = run_crossval(data, options, tmp_path, machine=SERIAL)
    found = sorted(tmp_path.rglob(CHECKPOINT))
    assert len(found) == options.folds
    assert {path.parent.name for path in found} == {ALL_CLASSES}
    assert study.generators.keys() == set(data.classes)
    assert all(each.generators == options.folds for each in study.generators.values())
    before = (tmp_path / "study.json").read_bytes()
    found[0].rename(tmp_path / "kept")
    (tmp_path / "kept").rename(found[1])  # the generator of the first fold in place of the second's
    with refused("generator_saw_test_rows"):
        run_crossval(data, options, tmp_path, machine=SERIAL)
    assert (tmp_path / "study.json").read_bytes() == before
    assert np.isfinite(study.generators[data.classes[0]].final.loss)
