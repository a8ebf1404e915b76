"""``fewray generate --format dicom``: files, manifest, and what a later call removes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
import pytest

import fewray.generators.generate as module
from fewray.config import GanOptions
from fewray.data.images import ImageSource
from fewray.data.loading import load_dataset
from fewray.results.training import GeneratorSource
from tests.dicom_files import pixels_of
from tests.helpers import one_image_seen, refused, run_cli


class Drawn:
    """Draws in place of a generator: one image per seed."""

    def sample(self, seeds: Sequence[int]) -> np.ndarray:
        return np.stack([pixels_of(seed, bits=8) for seed in seeds])[:, None]


@pytest.fixture(autouse=True)
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a run of two classes, whose generator is Drawn."""
    seen = one_image_seen()
    source = GeneratorSource(
        checkpoint_sha256="x",
        epoch=1,
        seed=0,
        options=GanOptions(recipe="drawn"),
        training_set=seen,
    )
    monkeypatch.setattr(module, "run_classes", lambda run: {"a": run / "a", "b": run / "b"})
    monkeypatch.setattr(module, "load_checkpoint", lambda path, device, label: Drawn())
    monkeypatch.setattr(module, "provenance", lambda path: source)
    return tmp_path / "run"


def test_files_are_dicom_and_the_next_call_replaces_them(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out = tmp_path / "made"
    made = ("generate", run, "--per-class", 3, "--device", "cpu", "--out", out)
    assert run_cli(monkeypatch, *made, "--format", "dicom") == 0
    files = sorted(out.rglob("seed*"))
    assert [path.name for path in files] == [f"seed00000{i}.dcm" for i in (0, 1, 2)] * 2
    first = {path: path.read_bytes() for path in files}
    header = pydicom.dcmread(files[0])
    assert header.SyntheticData == "YES"
    assert "recipe drawn" in header.DerivationDescription
    data = load_dataset(out)
    assert data.counts() == {"": {"a": 3, "b": 3}}
    assert len(data.where(origin="synthetic")) == 6
    images = ImageSource(data).at(64)
    assert np.array_equal(images[:3, 0], [pixels_of(seed, bits=8) for seed in range(3)])
    assert run_cli(monkeypatch, *made, "--format", "dicom") == 0
    assert {path: path.read_bytes() for path in sorted(out.rglob("seed*"))} == first
    assert run_cli(monkeypatch, *made) == 0
    assert {path.suffix for path in out.rglob("seed*")} == {".png"}
    assert run_cli(monkeypatch, *made, "--format", "tiff") == 2


def test_dicom_files_of_others_are_not_replaced(run: Path, tmp_path: Path):
    (tmp_path / "made" / "a").mkdir(parents=True)
    (tmp_path / "made" / "a" / "scan.dcm").write_bytes(b"any")
    with refused("foreign_files"):
        module.generate(run, tmp_path / "made", per_class=1)
