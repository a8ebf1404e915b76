"""A study on a Dask cluster writes the bytes of a local one, even when workers are killed."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fewray import api
from fewray.compute.dask.cluster import connected, connection
from fewray.compute.machine import Machine
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.pipelines.train_generators import train_generators
from fewray.storage.files import read_jsonl
from fewray.study.crossval.run import run_crossval
from tests.helpers import MACHINE, OPTIONS

TWO = "dask:2"
SMALL = OPTIONS.with_(seeds=1, arms=("no_augmentation", "classic", "pca", "synthetic"))
ON_CLUSTER = Machine(device="cpu", precision="fp32", threads=1, executor=TWO)
FILES = ("study.json", "predictions.csv")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    with connected(TWO):
        yield


@pytest.fixture(scope="module")
def local(phantoms: Manifest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("local")
    run_crossval(phantoms, SMALL, out, machine=MACHINE)
    return {name: (out / name).read_bytes() for name in FILES}


def test_killed_workers_do_not_change_the_bytes(
    local: dict[str, bytes], phantoms: Manifest, tmp_path: Path
):
    killed: dict[str, int] = {}

    def kill(kind: str, event) -> None:
        if kind in ("epoch", "step") and kind not in killed:
            busy = [worker for worker, keys in connection(TWO).client.processing().items() if keys]
            killed[kind] = connection(TWO).ask(os.getpid)[busy[0]]
            os.kill(killed[kind], signal.SIGKILL)

    run_crossval(phantoms, SMALL, tmp_path, machine=ON_CLUSTER, on_progress=kill)
    assert set(killed) == {"epoch", "step"}
    assert not set(killed.values()) & set(connection(TWO).ask(os.getpid).values())
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == local


def test_training_survives_a_kill_without_resume(phantoms: Manifest, tmp_path: Path):
    options = SMALL.gan.with_(epochs=3)
    named = {"classes": ["normal", "covid"], "probe_every": 0, "checkpoint_every": 1}
    killed: list[int] = []

    def kill(label: str, row) -> None:
        if (
            label == "normal" and row["epoch"] == 2 and not killed
        ):  # it has a checkpoint, which a fresh start refuses
            busy = [w for w, keys in connection(TWO).client.processing().items() if keys]
            pids = connection(TWO).ask(os.getpid)
            killed.extend(pids[worker] for worker in busy)
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    found = {}
    for name, machine, told in (("local", MACHINE, lambda *_: None), ("cluster", ON_CLUSTER, kill)):
        last = train_generators(
            phantoms, options, tmp_path / name, machine=machine, on_epoch=told, **named
        )
        assert {row.epoch for row in last.values()} == {3}
        found[name] = [
            (tmp_path / name / label / "checkpoint.safetensors").read_bytes()
            for label in named["classes"]
        ]
    assert killed
    assert found["local"] == found["cluster"]


@pytest.mark.long
def test_training_runs_begun_locally_resume_on_a_cluster(phantoms: Manifest, tmp_path: Path):
    options = SMALL.gan.with_(epochs=3)
    labels = [
        "normal",
        "covid",
        "pneumonia_bac",
        "pneumonia_vir",
    ]  # more than workers: some begin when others have ended
    named = {"classes": labels, "probe_every": 0, "checkpoint_every": 1}
    told: dict[str, list[int]] = {label: [] for label in labels}
    begun: set[str] = set()

    def stop(label: str, row) -> None:
        begun.add(label)
        if len(begun) == len(labels):
            raise KeyboardInterrupt

    train_generators(phantoms, options, tmp_path / "whole", machine=MACHINE, **named)
    with pytest.raises(KeyboardInterrupt):
        train_generators(
            phantoms, options, tmp_path / "begun", machine=MACHINE, on_epoch=stop, **named
        )
    train_generators(phantoms, options, tmp_path / "begun", machine=ON_CLUSTER, resume=True,
                     on_epoch=lambda label, row: told[label].append(row["epoch"]), **named)  # fmt: skip
    assert not any(1 in epochs for epochs in told.values())
    for label in labels:
        whole, gone_on = (
            (tmp_path / name / label / "checkpoint.safetensors") for name in ("whole", "begun")
        )
        assert whole.read_bytes() == gone_on.read_bytes()
        assert [row["epoch"] for row in read_jsonl(gone_on.parent / "stats.jsonl")] == [1, 2, 3]


def test_processes_cannot_be_set_on_a_cluster(phantoms: Manifest, tmp_path: Path):
    with pytest.raises(InputError, match="--processes 3: leave it out with --executor"):
        api.run_study(phantoms, tmp_path, options=SMALL, processes=3, executor=TWO)
