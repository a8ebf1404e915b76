"""Training one class's generator: where its quality measurements are computed."""

from pathlib import Path

import pytest

from fewray.compute.machine import Machine
from fewray.config import ClassifierOptions, GanOptions, PublishedOptions
from fewray.data.loading import load_dataset
from fewray.pipelines import extractors
from fewray.pipelines.train_one import train_one
from fewray.study.published.run import run_published

TINY = GanOptions(
    recipe="test", base_channels=4, epochs=1, batch_size=8, classic_images=0, quality_images=4
)


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the devices with which extractors are opened from now on."""
    opened: list[str] = []
    real = extractors.open_extractor

    def spy(name: str, *, device: str = "auto", **options: object):
        opened.append(device)
        return real(name, device=device, **options)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(extractors, "open_extractor", spy)
    return opened


def test_the_quality_probe_computes_on_the_device_of_the_run(tmp_path: Path, devices: list[str]):
    rows = load_dataset("phantom:size=64,train=8,test=3").where(split="train", label="normal")
    train_one(
        rows=rows,
        held_out=rows.where(label=""),
        patience=0,
        label="normal",
        options=TINY,
        folder=tmp_path,
        seed=0,
        machine=Machine(device="cpu", precision="fp32", threads=1),
        checkpoint_every=1,
        probe_every=1,
        extractor="pixels",
        report=lambda message: None,
    )
    assert devices == ["cpu"]


def test_a_published_study_measures_on_the_device_of_the_run(tmp_path: Path, devices: list[str]):
    options = PublishedOptions(
        preset="test",
        arms=("no_augmentation", "synthetic"),
        seeds=1,
        gan=TINY,
        classifier=ClassifierOptions(channels=(4, 4, 8), hidden=8, batch_size=16, steps=2),
        synthetic_per_class=4,
        published_passes=2,
        extractor="pixels",
    )
    data = load_dataset("phantom:size=64,train=4,test=2")
    machine = Machine(device="cpu", precision="fp32", processes=2, threads=1)
    run_published(data, options, tmp_path, machine=machine)
    assert devices
    assert set(devices) == {"cpu"}
