"""A fold's generators that are there: taken as they are, or refused where others are wanted; never said to be what they are not."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fewray.compute.machine import Machine
from fewray.data.loading import load_dataset
from fewray.errors import InputError
from fewray.study.crossval.fold_generators import (
    FoldGenerators,
    GeneratorKey,
    as_recorded,
    summaries,
    train_fold_generators,
)
from tests.helpers import GAN, SERIAL, SerialMachine, noise_dataset, refused


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> FoldGenerators:
    """One class of four films, trained for an epoch."""
    place = tmp_path_factory.mktemp("generators")
    data = load_dataset(noise_dataset(place / "films", {"a": 6}))
    made = FoldGenerators(
        key=GeneratorKey(0, 0, 0),
        folder=place / "run" / "repeat-0-fold-0",
        train=replace(data, rows=data.rows[:4]),
        test=replace(data, rows=data.rows[4:]),
        options=GAN.with_(epochs=1, classic_images=0, batch_size=4),
        seed=5,
    )
    train(made, SERIAL)
    return made


def train(fold: FoldGenerators, machine: Machine) -> None:
    train_fold_generators([fold], machine, on_progress=lambda *_: None)


def facts_of(fold: FoldGenerators) -> Path:
    return fold.folder / "a" / "options.json"


def test_what_is_trained_is_not_begun_again_and_its_record_stays(trained: FoldGenerators):
    before = facts_of(trained).read_bytes()
    said = json.loads(before)
    assert (said["precision"], said["threads"], said["device"]) == ("fp32", 1, "cpu")
    again = SerialMachine(device="cpu", precision="fp32", processes=2, threads=1)
    train(trained, again)
    assert again.done == []
    assert facts_of(trained).read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"precision": "bf16"}, "--precision fp32.*--precision bf16"),
        ({"threads": 2}, "--threads 1.*--threads 2"),
        ({"device": "cuda:0"}, "--device cpu.*--device cuda"),
    ],
)
def test_another_machine_is_refused_where_the_record_tells(
    trained: FoldGenerators, changes: dict, message: str
):
    with refused("generator_trained_otherwise", message):
        train(trained, replace(SERIAL, **changes))


def test_a_record_without_threads_and_device_is_taken(trained: FoldGenerators):
    whole = facts_of(trained).read_text()
    old = {
        name: value
        for name, value in json.loads(whole).items()
        if name not in ("threads", "device")
    }
    facts_of(trained).write_text(json.dumps(old))
    train(trained, replace(SERIAL, threads=2))
    facts_of(trained).write_text(whole)


def test_another_seed_is_refused(trained: FoldGenerators):
    with pytest.raises(InputError, match="trained with other seed"):
        train(replace(trained, seed=6), SERIAL)


def test_what_is_left_open_is_as_it_was(trained: FoldGenerators):
    found = as_recorded(Machine(), trained.folder.parent)
    assert (found.precision, found.threads) == ("fp32", 1)
    asked = Machine(precision="bf16", threads=3)
    assert as_recorded(asked, trained.folder.parent) == asked
    assert as_recorded(Machine(), trained.folder / "nothing") == Machine()


def test_a_lost_log_is_named_before_anything_is_trained(trained: FoldGenerators):
    log = trained.folder / "a" / "stats.jsonl"
    kept = log.read_bytes()
    log.unlink()
    for look in (lambda: train(trained, SERIAL), lambda: summaries([trained])):
        with refused("log_incomplete", "stats.jsonl: ends at epoch 0, expected 1"):
            look()
    log.write_bytes(kept)
    assert summaries([trained])["a"].steps == 1
