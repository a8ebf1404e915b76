"""Findings from planted logs, each with its absence; stopping on held-out films, resumed with the same bits."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

import fewray
from fewray.config import GanOptions
from fewray.data.hold_out import split_hold_out
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.generators.checkpoint import read_header
from fewray.generators.generate import run_classes
from fewray.generators.health import Thresholds, best_epoch, findings, is_done
from fewray.generators.log import read_log
from fewray.generators.run import BEST, CHECKPOINT
from fewray.pipelines.train_generators import train_generators
from fewray.quality.probe import ProbeResult
from fewray.results.training import EpochRow
from fewray.storage.files import read_jsonl, sha256_of

OPTIONS = GanOptions(
    recipe="test", base_channels=4, epochs=6, batch_size=16, classic_images=8, quality_images=16
)


def log(epochs: int = 40, **values) -> list[EpochRow]:
    """Return the log of a normal run, with values replaced by numbers or functions of the epoch."""
    normal = {
        "loss_d": 0.7,
        "loss_g": 2.5,
        "d_x": 0.8,
        "d_g_z1": 0.2,
        "d_g_z2": 0.1,
        "diversity": 0.9,
    } | values
    return [
        EpochRow(
            epoch=epoch,
            epochs=epochs,
            batches=1,
            step=epoch,
            images_seen=16 * epoch,
            seconds=float(epoch),
            **{name: v(epoch) if callable(v) else v for name, v in normal.items()},
        )
        for epoch in range(1, epochs + 1)
    ]


def kinds(rows: list[EpochRow]) -> list[str]:
    return [finding.kind for finding in findings(rows)]


@pytest.mark.parametrize(
    ("kind", "ill", "well"),
    [
        ("discriminator_winning", {"d_x": 0.99, "d_g_z1": 0.01}, {"d_x": 0.99, "d_g_z1": 0.1}),
        ("generator_collapse", {"diversity": 0.3}, {"diversity": 0.6}),
        ("divergence", {"loss_g": 14.0}, {"loss_g": 8.0}),
        ("divergence", {"loss": 14.0}, {"loss": 1.0}),
        (
            "oscillation",
            {"d_x": lambda e: 0.5 + 0.2 * (-1) ** e},
            {"d_x": lambda e: 0.8 + 0.05 * (-1) ** e},
        ),
        (
            "overtraining",
            {"kid_held_out": lambda e: 1.0 + 0.05 * abs(e - 20) if e % 5 == 0 else None},
            {"kid_held_out": lambda e: 2.0 - 0.02 * e if e % 5 == 0 else None},
        ),
    ],
)
def test_a_planted_fault_is_found_and_its_absence_is_not(kind: str, ill: dict, well: dict):
    assert kinds(log(**ill)) == [kind]
    assert kinds(log(**well)) == []
    assert kinds(log(epochs=9, **ill)) == []
    found = findings(log(**ill))[0]
    assert found.now
    assert (found.first_epoch, found.last_epoch) == (
        (25, 40) if kind == "overtraining" else (1, 40)
    )
    assert found.meaning in str(found)
    assert found.remedy in str(found)


def test_a_fault_that_passed_is_reported_with_its_epochs():
    rows = log(diversity=lambda e: 0.2 if 11 <= e <= 25 else 1.0)
    found = findings(rows)[0]
    assert (found.first_epoch, found.last_epoch, found.now) == (11, 25, False)
    assert "epoch 11 to epoch 25" in str(found)


def test_two_spans_are_not_merged():
    rows = log(
        epochs=60,
        diversity=lambda e: 0.2 if 3 <= e <= 14 or 30 <= e <= 45 or 50 <= e <= 55 else 1.0,
    )
    found = findings(rows)[0]  # the last spell is too short to count
    assert (found.first_epoch, found.last_epoch, found.now) == (30, 45, False)
    swings = {"d_x": lambda e: 0.5 + (0.2 * (-1) ** e if 20 <= e <= 35 else 0.0)}
    found = findings(log(epochs=60, **swings))[0]
    assert (found.kind, found.first_epoch, found.last_epoch, found.now) == (
        "oscillation",
        20,
        35,
        False,
    )
    values = {5: 1.0, 10: 2.0, 15: 2.0, 20: 2.0, 25: 0.9, 30: 2.0, 35: 2.0, 40: 2.0, 45: 0.8}
    found = findings(log(epochs=45, kid_held_out=values.get))[0]
    assert (found.first_epoch, found.last_epoch, found.now) == (30, 40, False)
    found = findings(log(epochs=44, kid_held_out=values.get))[0]
    assert (found.first_epoch, found.last_epoch, found.now) == (30, 40, True)


def test_one_epoch_that_is_not_finite_is_a_divergence():
    for ill in (
        {"loss_d": float("nan")},
        {"loss_g": float("inf")},
        {"loss_g": None, "d_g_z1": None, "finite": False},
    ):
        rows = [*log(epochs=6), replace(log(epochs=7)[-1], **ill)]
        found = findings(rows)
        assert [(f.kind, f.first_epoch, f.last_epoch, f.now) for f in found] == [
            ("divergence", 7, 7, True)
        ]
    assert kinds([*log(epochs=6), *log(epochs=9, loss_g=14.0)[6:]]) == []


def test_infinite_losses_and_missing_fields_are_handled():
    assert kinds(log(loss_d=float("nan"))) == ["divergence"]
    missing = dict.fromkeys(("d_x", "d_g_z1", "d_g_z2", "diversity"))
    assert kinds(log(**missing)) == []
    assert findings([]) == []
    assert kinds(log(epochs=5, diversity=0.1)) == []
    assert [f.kind for f in findings(log(epochs=5, diversity=0.1), Thresholds(window=5))] == [
        "generator_collapse"
    ]


def test_patience_counts_measurements_after_the_best():
    values = {5: 1.0, 10: 0.8, 15: 0.9, 20: 0.85, 25: 0.95}
    rows = log(epochs=25, kid_held_out=values.get)
    assert best_epoch(rows) == 10
    assert is_done(rows, 3)
    assert not is_done(rows[:24], 3)
    assert not is_done(rows, 4)
    assert not is_done(log(), 1)
    assert best_epoch(log()) is None


@pytest.fixture(scope="module")
def data() -> Manifest:
    return load_dataset("phantom:size=64,train=16,test=4")


def test_held_out_patients_are_disjoint_and_no_test_row_is_among_them(data: Manifest):
    train = data.where(split="train")
    for label in train.classes:
        seen, held_out = split_hold_out(train.where(label=label), 0.2, seed=3)
        assert {r.group for r in seen.rows}.isdisjoint({r.group for r in held_out.rows})
        assert len(seen) + len(held_out) == 16
        assert len(held_out) >= 3.2
        assert {r.split for r in held_out.rows} == {"train"}
        assert split_hold_out(train.where(label=label), 0.2, seed=3)[1] == held_out
    assert len(split_hold_out(train.where(label="normal"), 0.0, seed=0)[1]) == 0
    for share, code in ((0.95, "hold_out_too_large"), (1.0, "hold_out")):
        with pytest.raises(InputError) as caught:
            split_hold_out(train.where(label="normal"), share, seed=0)
        assert caught.value.code == code


def planted(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> None:
    """Replace the KID to held-out images by ``values``, one per measurement."""
    left = iter(values)

    class Probe:
        extractor_name = "planted"

        def __init__(self, *arguments, **named):
            self.held_out = named["held_out"]

        def __call__(self, fake: np.ndarray) -> ProbeResult:
            return ProbeResult(
                fid=1.0,
                kid=1.0,
                inception_score=None,
                kid_held_out=next(left),
                num_held_out=len(self.held_out),
                extractor=self.extractor_name,
                num_real=2,
                num_fake=len(fake),
            )

    monkeypatch.setattr("fewray.quality.probe.QualityProbe", Probe)


def test_it_stops_when_done_and_samples_from_the_best(
    data: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import fewray.compute.machine as module

    def here(task, tasks, *, on_message, **where):  # in this process, where the probe is replaced
        return [task(**each, report=on_message) for each in tasks]

    monkeypatch.setattr(module, "run_parallel", here)
    train = data.where(split="train")
    options = {
        "classes": ["normal"],
        "hold_out": 0.2,
        "patience": 2,
        "probe_every": 1,
        "extractor": "pixels",
    }
    planted(monkeypatch, [1.0, 0.5, 0.7, 0.6, 0.1, 0.1])
    train_generators(train, OPTIONS, tmp_path / "whole", **options)
    folder = tmp_path / "whole" / "normal"
    rows = read_jsonl(folder / "stats.jsonl")
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert best_epoch(read_log(folder)) == 2
    assert read_header(folder / BEST).epoch == 2
    assert read_header(folder / CHECKPOINT).epoch == 4
    assert run_classes(tmp_path / "whole")["normal"] == folder / BEST
    made = fewray.generate(tmp_path / "whole", tmp_path / "images", per_class=2)
    assert len(made) == 2
    known = read_header(folder / CHECKPOINT).training_set
    groups = {row.sha256: row.group for row in train.rows}
    assert known.held_out_hashes
    assert {groups[sha] for sha in known.held_out_hashes}.isdisjoint(
        groups[sha] for sha in known.training_hashes
    )
    # Stopped after three epochs and continued: the same end, the same bytes.
    planted(monkeypatch, [1.0, 0.5, 0.7])
    train_generators(train, OPTIONS.with_(epochs=3), tmp_path / "parts", **options)
    planted(monkeypatch, [0.6, 0.1, 0.1])
    train_generators(train, OPTIONS, tmp_path / "parts", resume=True, **options)
    other = tmp_path / "parts" / "normal"
    for name in (BEST, CHECKPOINT):
        with_epochs, without = read_header(folder / name), read_header(other / name)
        assert with_epochs.epoch == without.epoch
    assert sha256_of(folder / CHECKPOINT) == sha256_of(other / CHECKPOINT)
    # A crash before the copy of the best epoch: it is made again. A copy of another epoch is removed.
    planted(monkeypatch, [1.0, 0.5])
    train_generators(train, OPTIONS.with_(epochs=2), tmp_path / "crash", **options)
    crash = tmp_path / "crash" / "normal"
    wanted = sha256_of(crash / BEST)
    (crash / BEST).unlink()
    planted(monkeypatch, [])
    train_generators(train, OPTIONS.with_(epochs=2), tmp_path / "crash", resume=True, **options)
    assert sha256_of(crash / BEST) == wanted
    shutil.copy(folder / CHECKPOINT, folder / BEST)
    train_generators(
        train, OPTIONS, tmp_path / "whole", resume=True, **options
    )  # ended: nothing more is done
    assert len(read_jsonl(folder / "stats.jsonl")) == 4
    assert not (folder / BEST).exists()


def test_a_resumed_run_measures_with_the_same_extractor(data: Manifest, tmp_path: Path):
    train = data.where(split="train")
    options = OPTIONS.with_(epochs=1)
    named = {"classes": ["normal"], "probe_every": 1}
    train_generators(train, options, tmp_path, extractor="pixels", **named)
    with pytest.raises(InputError) as caught:
        train_generators(
            train, options.with_(epochs=2), tmp_path, extractor="lite0", resume=True, **named
        )
    assert caught.value.code == "extractor_changed"
    assert (caught.value.fields["found"], caught.value.fields["given"]) == (
        "pixels@32",
        "lite0@128",
    )
    path = tmp_path / "normal" / "stats.jsonl"
    assert [row["epoch"] for row in read_jsonl(path)] == [1]
    train_generators(
        train, options.with_(epochs=2), tmp_path, extractor="pixels@32", resume=True, **named
    )
    assert [row["extractor"] for row in read_jsonl(path)] == ["pixels@32"] * 2


def test_stopping_needs_something_to_stop_on(data: Manifest, tmp_path: Path):
    with pytest.raises(InputError, match="--hold-out"):
        train_generators(data.where(split="train"), OPTIONS, tmp_path / "x", patience=2)
    assert not (tmp_path / "x").exists()


def test_health_is_reported_by_class(data: Manifest, tmp_path: Path):
    fewray.train_generator(
        data, tmp_path, options=OPTIONS.with_(epochs=1), classes=["normal"], probe_every=0
    )
    found = fewray.api.generator_health(tmp_path)
    assert json.loads(json.dumps(found)) == {"normal": {"findings": [], "best_epoch": None}}
    assert read_jsonl(tmp_path / "normal" / "stats.jsonl")[0]["diversity"] > 0
