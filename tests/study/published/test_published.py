"""The published protocol end to end on phantoms: resume, leaks, determinism, honest figures."""

import csv
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fewray
from fewray.classify.scores import wilson
from fewray.config import ClassifierOptions, GanOptions, PublishedOptions
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.imaging.arrays import load_images
from fewray.pipelines.train_generators import train_generators
from fewray.results.files import read_study
from fewray.results.published import PublishedStudy
from fewray.storage.files import sha256_of
from fewray.study.published.arms import SEED_STRIDE, check_generators
from fewray.study.published.plan import plan_published
from fewray.study.published.run import run_published
from tests.helpers import MACHINE, SERIAL, not_recognised, refused

GAN = GanOptions(recipe="test", base_channels=4, epochs=2, batch_size=16, classic_images=8)
OPTIONS = PublishedOptions(
    preset="test",
    seeds=2,
    gan=GAN,
    classifier=ClassifierOptions(channels=(4, 4, 8), hidden=8, batch_size=16, steps=12),
    classic_per_class=6,
    synthetic_per_class=6,
    published_passes=5,
    extractor="pixels",
)


@pytest.fixture(scope="module")
def data() -> Manifest:
    return load_dataset("phantom:size=64,train=8,test=3")


@pytest.fixture(scope="module")
def done(data: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("study")
    run_published(data, OPTIONS, out, machine=SERIAL)
    return out


def classifier_jobs(folder: Path, *, published: bool = False) -> list[Path]:
    """Return the results of classifiers, or only those of networks trained as published."""
    paths = sorted((folder / "jobs").glob("classifier-*.json"))
    return [path for path in paths if not published or json.loads(path.read_text())["published"]]


def study_of(folder: Path) -> dict:
    return json.loads((folder / "study.json").read_text())


def test_every_number_follows_from_the_predictions(done: Path):
    study = study_of(done)
    with (done / "predictions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 4 * 2 * 12
    assert list(study["arms"]) == ["no_augmentation", "classic", "synthetic", "classic+synthetic"]
    for arm, found in study["arms"].items():
        mine = [row for row in rows if row["arm"] == arm]
        right = np.mean([row["label"] == row["predicted"] for row in mine])
        assert found["accuracy"]["mean"] == pytest.approx(right)
        assert found["accuracy"]["images"] == 12
        assert found["accuracy"]["ci"] == pytest.approx(wilson(right * 12, 12))
        assert found["steps"] == 12
        for label in study["data"]["classes"]:
            hits = [r["predicted"] == label for r in mine if r["label"] == label]
            assert found["per_class"][label]["sensitivity"] == pytest.approx(np.mean(hits))
            seeds = [
                np.mean(
                    [r["predicted"] == label for r in mine if (r["label"], r["seed"]) == (label, s)]
                )
                for s in "01"
            ]
            assert found["per_class_sd"][label]["sensitivity"] == pytest.approx(
                np.std(seeds, ddof=1)
            )
        assert np.sum(found["confusion"]) == pytest.approx(12)


def test_arms_hold_what_they_say(done: Path):
    counts = {arm: found["train_counts"]["normal"] for arm, found in study_of(done)["arms"].items()}
    assert counts["no_augmentation"] == {"real": 8, "classic": 0, "synthetic": 0}
    assert counts["classic"] == {"real": 8, "classic": 6, "synthetic": 0}
    assert counts["classic+synthetic"] == {"real": 8, "classic": 6, "synthetic": 6}


def test_no_clock_time_stands_in_the_results(done: Path):
    text = (done / "study.json").read_text()
    assert "seconds" not in text
    assert str(done) not in text
    assert json.loads((done / "timing.json").read_text())["seconds"] > 0


def test_every_file_is_recognised_as_an_output(done: Path):
    assert not_recognised(done) == []


def test_what_is_done_is_not_done_again_and_what_is_lost_comes_back_equal(
    data: Manifest, done: Path
):
    before = (done / "study.json").read_bytes()
    jobs = classifier_jobs(done)
    stamp = jobs[0].stat().st_mtime_ns
    jobs[1].unlink()
    (done / "study.json").unlink()
    events: list[str] = []
    run_published(
        data, OPTIONS, done, machine=SERIAL, on_progress=lambda kind, event: events.append(kind)
    )
    assert (done / "study.json").read_bytes() == before
    assert jobs[0].stat().st_mtime_ns == stamp
    assert events.count("classifier") == 1
    assert "epoch" not in events


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        (lambda found: found["probabilities"].pop(), "rows"),
        (lambda found: found["probabilities"][0].__setitem__(0, 2.0), "probability"),
        (lambda found: found["published"]["per_class"].pop("covid"), "class"),
        (lambda found: found["published"]["per_class"]["covid"].update(accuracy=None), "figure"),
        (lambda found: found.pop("train_images"), "count"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_result_of_another_form_is_made_again(data: Manifest, done: Path, spoil, field: str):
    before = (done / "study.json").read_bytes()
    job = classifier_jobs(done, published=field in ("class", "figure"))[0]
    found = json.loads(job.read_text())
    spoil(found)
    job.write_text(json.dumps(found))
    events: list[str] = []
    run_published(
        data, OPTIONS, done, machine=SERIAL, on_progress=lambda kind, event: events.append(kind)
    )
    assert events.count("classifier") == 1
    assert (done / "study.json").read_bytes() == before


def test_processes_side_by_side_do_not_change_a_byte(data: Manifest, done: Path, tmp_path: Path):
    run_published(data, OPTIONS, tmp_path, machine=MACHINE)
    assert (tmp_path / "study.json").read_bytes() == (done / "study.json").read_bytes()
    assert (tmp_path / "predictions.csv").read_bytes() == (done / "predictions.csv").read_bytes()


def test_generators_are_taken_from_a_run(data: Manifest, done: Path, tmp_path: Path):
    run_published(data, OPTIONS, tmp_path, generators=done / "generators", machine=SERIAL)
    assert study_of(tmp_path)["arms"] == study_of(done)["arms"]
    assert not (tmp_path / "generators").exists()


def test_a_generator_that_saw_a_test_row_stops_the_study(data: Manifest, tmp_path: Path):
    train_generators(data, GAN.with_(epochs=1), tmp_path / "leaky", machine=SERIAL, probe_every=0)
    with refused("generator_saw_test_rows"):
        run_published(
            data, OPTIONS, tmp_path / "out", generators=tmp_path / "leaky", machine=SERIAL
        )
    assert not (tmp_path / "out" / "study.json").exists()


def test_generators_of_other_data_are_refused(data: Manifest, done: Path):
    other = load_dataset("phantom:size=64,train=8,test=3,seed=5")
    with refused("generator_of_other_rows"):
        check_generators(
            done / "generators",
            other.where(split="train"),
            other.where(split="test"),
            OPTIONS.classifier,
        )


def test_data_without_a_split_or_a_class_is_refused(data: Manifest, tmp_path: Path):
    with pytest.raises(InputError, match="a train and a test split"):
        run_published(data.where(split="train"), OPTIONS, tmp_path, machine=SERIAL)
    rows = tuple(row for row in data.rows if (row.split, row.label) != ("test", "normal"))
    with pytest.raises(InputError, match="class normal has no test images"):
        run_published(dataclasses.replace(data, rows=rows), OPTIONS, tmp_path, machine=SERIAL)
    with pytest.raises(InputError) as raised:
        OPTIONS.with_(arms=("magic",))
    assert raised.value.code == "unknown_value"


def test_mixtures_run_the_grid(data: Manifest, done: Path, tmp_path: Path):
    options = OPTIONS.with_(
        mixtures=True, seeds=1, mixture_classic=(0, 4), mixture_synthetic=(0, 5)
    )
    run_published(data, options, tmp_path, generators=done / "generators", machine=SERIAL)
    cells = study_of(tmp_path)["mixtures"]
    assert [(cell["classic"], cell["synthetic"]) for cell in cells] == [
        (0, 0),
        (0, 5),
        (4, 0),
        (4, 5),
    ]


def test_an_arm_does_not_depend_on_what_others_ask_for(data: Manifest, done: Path, tmp_path: Path):
    options = OPTIONS.with_(mixtures=True, mixture_classic=(0, 300), mixture_synthetic=(0, 9))
    run_published(data, options, tmp_path, generators=done / "generators", machine=SERIAL)
    assert study_of(tmp_path)["arms"] == study_of(done)["arms"]
    events: list[str] = []
    fewer = OPTIONS.with_(arms=("no_augmentation", "classic"))
    run_published(
        data, fewer, tmp_path, machine=SERIAL, on_progress=lambda kind, event: events.append(kind)
    )
    assert "classifier" not in events


def test_a_dry_run_counts_the_work(data: Manifest):
    plan = plan_published(data, OPTIONS, trains=True, machine=SERIAL)
    assert [row["job"] for row in plan[:2]] == ["generator covid", "generator normal"]
    assert len(plan) == 4 + 2 * 4 * 2 + 1
    assert plan[-1]["steps"] == 4 * 2 * 1 + 2 * 8 * 12
    once = plan_published(data, OPTIONS.with_(as_published=False), trains=False, machine=SERIAL)
    assert len(once) == 4 * 2 + 1


def test_scores_as_published_come_from_networks_trained_as_the_paper_s_were(
    data: Manifest, done: Path, tmp_path: Path
):
    """The paper's networks were trained with softmax applied twice."""
    run = done / "generators"
    twice = OPTIONS.with_(classifier=OPTIONS.classifier.with_(double_softmax=True))
    run_published(data, twice, tmp_path / "twice", generators=run, machine=SERIAL)
    plain = OPTIONS.with_(as_published=False)
    run_published(data, plain, tmp_path / "plain", generators=run, machine=SERIAL)
    found, all_twice, without = (
        read_study(folder) for folder in (done, tmp_path / "twice", tmp_path / "plain")
    )
    assert isinstance(found, PublishedStudy)
    assert isinstance(all_twice, PublishedStudy)
    assert isinstance(without, PublishedStudy)
    for name, arm in found.arms.items():
        published = arm.as_published
        assert published is not None
        assert (arm.double_softmax, published.double_softmax, published.passes) == (False, True, 5)
        assert published == all_twice.arms[name].as_published
        assert without.arms[name].as_published is None
        assert without.arms[name].accuracy == arm.accuracy
        assert len(published.by_seed) == 2
    tables = [folder / "predictions.csv" for folder in (done, tmp_path / "twice")]
    assert tables[0].read_bytes() != tables[1].read_bytes()  # the loss matters
    assert all(arm.double_softmax for arm in all_twice.arms.values())
    assert len(classifier_jobs(tmp_path / "twice")) == 8  # one network serves both
    assert len(classifier_jobs(done)) == 16


def test_studies_of_different_seeds_share_no_synthetic_image(
    data: Manifest, done: Path, tmp_path: Path
):
    """With shared generators, studies of seed 0 and 1 used to share all but one image."""
    options = OPTIONS.with_(arms=("no_augmentation", "synthetic"), seeds=1, as_published=False)
    images = []
    for seed in (0, 1):
        out = tmp_path / str(seed)
        run_published(
            data, options.with_(seed=seed), out, generators=done / "generators", machine=SERIAL
        )
        (path,) = (out / "jobs").glob("synthetic-*.npy")
        images.append(np.load(path))
        made = fewray.generate(
            done / "generators",
            tmp_path / f"made {seed}",
            per_class=6,
            first_seed=seed * SEED_STRIDE,
        )
        assert (images[seed].reshape(-1, 1, 64, 64) == load_images(made.paths(), 64)).all()
    shared = (images[0][:, 1:] == images[1][:, :-1]).all(axis=(2, 3, 4))
    assert shared.mean() < 0.5  # the tiny generators repeat some images


def test_images_that_share_a_name_are_told_apart_in_the_predictions(data: Manifest, tmp_path: Path):
    options = OPTIONS.with_(arms=("no_augmentation", "classic"), seeds=1, as_published=False)
    rows = []
    for index, row in enumerate(data.rows):
        if row.split == "test":
            path = tmp_path / "data" / str(index) / "image.png"
            path.parent.mkdir(parents=True)
            path.write_bytes(row.path.read_bytes())
            row = dataclasses.replace(row, path=path)
        rows.append(row)
    run_published(
        dataclasses.replace(data, rows=tuple(rows)), options, tmp_path / "out", machine=SERIAL
    )
    with (tmp_path / "out" / "predictions.csv").open() as stream:
        names = [row["image"] for row in csv.DictReader(stream) if row["arm"] == "classic"]
    assert len(set(names)) == len(names) == 12


SCRIPT = """
import sys
from pathlib import Path
from fewray.config import GanOptions
from fewray.data.loading import load_dataset
from fewray.pipelines.train_generators import train_generators
from fewray.compute.machine import Machine
if __name__ == "__main__":
    rows = load_dataset("phantom:size=64,train=8,test=3").where(split="train")
    options = GanOptions(recipe="test", base_channels=4, epochs=6, batch_size=16, classic_images=8)
    machine = Machine(device="cpu", precision="fp32", processes=2, threads=1)
    train_generators(rows, options, Path(sys.argv[1]), classes=["covid", "normal"], machine=machine, resume=True,
                     checkpoint_every=1, probe_every=0, on_epoch=lambda label, row: print(label, row["epoch"], flush=True))
"""


def test_kill_9_and_resume_end_with_the_same_bytes(tmp_path: Path):
    def start(out: Path) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(out)], stdout=subprocess.PIPE, text=True
        )

    whole = start(tmp_path / "whole")
    whole.communicate()
    for wanted in (1, 2, 4):
        killed = start(tmp_path / "killed")
        assert killed.stdout is not None
        for seen, _ in enumerate(killed.stdout, start=1):
            if seen == wanted:
                killed.kill()
                break
        killed.communicate()
    start(tmp_path / "killed").communicate()
    for label in ("covid", "normal"):
        files = [tmp_path / run / label / "checkpoint.safetensors" for run in ("whole", "killed")]
        assert sha256_of(files[0]) == sha256_of(files[1])
        rows = (tmp_path / "killed" / label / "stats.jsonl").read_text().splitlines()
        assert [json.loads(row)["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]


def test_synthetic_images_are_named_by_their_seed(done: Path, tmp_path: Path):
    made = fewray.generate(
        done / "generators", tmp_path / "syn", per_class=5, first_seed=3, classes=["normal"]
    )
    assert [row.path.name for row in made.rows] == [f"seed{seed:06d}.png" for seed in range(3, 8)]
    assert {row.origin for row in load_dataset(tmp_path / "syn").rows} == {"synthetic"}
    sources = json.loads((tmp_path / "syn" / "generators.json").read_text())
    checkpoint = done / "generators" / "normal" / "checkpoint.safetensors"
    assert sources["normal"]["checkpoint_sha256"] == sha256_of(checkpoint)
    assert len(sources["normal"]["training_set"]["training_hashes"]) == 8
    for bad in ({"per_class": 0}, {"classes": ["x"]}, {"first_seed": -1}):
        with pytest.raises(InputError):
            fewray.generate(done / "generators", tmp_path / "bad", **{"per_class": 1, **bad})
