"""A job's result and key depend on the job alone, not on what else the study contains."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from fewray.compute import machine
from fewray.compute.machine import Machine
from fewray.compute.process import fixed_threads
from fewray.data.manifest import Manifest
from fewray.generators.log import write_options
from fewray.results.training import ClassOptions
from fewray.study.crossval.run import run_crossval
from tests.helpers import OPTIONS, one_image_seen

SMALL = OPTIONS.with_(arms=("no_augmentation", "classic"), seeds=1)
LARGE = OPTIONS.with_(arms=("no_augmentation", "classic", "pca"), seeds=2)


class InProcess(Machine):
    """A machine that runs tasks in this process; its defaults are those of any machine."""

    def run(
        self, function: Callable[..., Any], tasks: Sequence[dict[str, Any]], **told: Any
    ) -> list[Any]:
        found = []
        for index, task in enumerate(tasks):
            with fixed_threads(self.threads):
                found.append(function(**task, report=told["on_message"]))
            told.get("on_done", lambda index, result: None)(index, found[-1])
        return found


def test_more_arms_and_seeds_reuse_every_finished_classifier(
    phantoms: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(machine, "cores", lambda: 16)  # fewer jobs than cores, then more
    counts: list[Mapping[str, Any]] = []

    def note(kind: str, event: Mapping[str, Any]) -> None:
        if kind == "classifiers":
            counts.append(dict(event))

    def run(options: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
        on = InProcess(device="cpu", precision="fp32")
        run_crossval(phantoms, options, tmp_path, machine=on, on_progress=note)
        study = json.loads((tmp_path / "study.json").read_text())
        files = sorted((tmp_path / "jobs").glob("classifier-*"))
        return study, {path.name: path.read_bytes() for path in files}

    small, before = run(SMALL)
    large, after = run(LARGE)
    assert counts == [{"done": 0, "total": 4}, {"done": 4, "total": 12}]
    assert before.items() <= after.items()
    assert small["provenance"]["threads"] == large["provenance"]["threads"] == 1
    for arm in SMALL.arms:
        first = small["arms"][arm]["accuracy"]["by_seed"]
        assert first == large["arms"][arm]["accuracy"]["by_seed"][:1]


def test_settings_of_existing_generators_hold_for_every_arm(phantoms: Manifest, tmp_path: Path):
    """Otherwise the classifiers would change when an arm that uses the generators is added."""
    stored = tmp_path / "generators" / "repeat-0-fold-0" / "covid"
    stored.mkdir(parents=True)
    (stored / "checkpoint.safetensors").touch()
    training_set = one_image_seen(
        label="covid", training_hashes=("0",), rows_sha256="0", origin="phantom"
    )
    recorded = ClassOptions(
        options=OPTIONS.gan,
        seed=0,
        precision="fp32",
        threads=2,
        device="cpu",
        training_set=training_set,
    )
    write_options(stored, recorded)
    found = run_crossval(
        phantoms,
        SMALL,
        tmp_path / "out",
        generators=tmp_path / "generators",
        machine=InProcess(device="cpu"),
    )
    assert (found.provenance.threads, found.provenance.precision) == (2, "fp32")
