"""Films are read as the generators read them, and only those they saw count as training films."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import fewray
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.imaging.arrays import load_images, save_png
from fewray.pipelines import quality_report as module
from fewray.presets import RECIPES


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures twice as wide as high, sixteen to train on and four to test on, of classes a and b."""
    folder, rng = tmp_path_factory.mktemp("films"), np.random.default_rng(0)
    for split, count in (("train", 16), ("test", 4)):
        for label in "ab":
            for index in range(count):
                picture = gaussian_filter(rng.normal(size=(64, 128)), 3)
                grey = np.clip(128 + 300 * picture, 0, 255).astype(np.uint8)
                save_png(grey, folder / split / label / f"{index}.png")
    return folder


@pytest.fixture(scope="module")
def run(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator of class a that read its films with ``pad``; a quarter of the patients is held out from it."""
    out = tmp_path_factory.mktemp("run") / "run"
    options = RECIPES["quick"].with_(fit="pad", epochs=1, classic_images=0, base_channels=4)
    fewray.train_generator(films, out, options=options, classes=["a"], probe_every=0, hold_out=0.25)
    return out


def copied(films: Path, folder: Path, fit: str) -> Path:
    """Write the training films of class a as a generator that knows them by heart would, with what it says of itself."""
    rows = load_dataset(films).where(split="train", label="a")
    for index, image in enumerate(load_images(rows.paths(), 64, fit)):
        save_png(image[0], folder / "a" / f"seed{index:06d}.png")
    said: dict[str, Any] = {
        "a": {"options": {"fit": fit}, "training_hashes": [row.sha256 for row in rows.rows]}
    }
    (folder / "generators.json").write_text(json.dumps(said))
    return folder


def test_films_are_read_as_the_images_generator_read_them(films: Path, tmp_path: Path):
    for fit in ("pad", "squash"):
        found = fewray.measure_quality(
            films, copied(films, tmp_path / fit, fit), classes=["a"], extractor="pixels"
        )
        assert found.fit == found.to_json()["fit"] == fit
        assert f"fit {fit}" in found.sentences()[0]
        assert len(found.classes["a"].copies) == 16
        assert found.classes["a"].fid == pytest.approx(0, abs=1e-6)
    with pytest.raises(InputError, match="--fit squash: the generators were trained with pad"):
        fewray.measure_quality(
            films, tmp_path / "pad", classes=["a"], extractor="pixels", fit="squash"
        )
    (tmp_path / "pad" / "generators.json").unlink()
    assert (
        fewray.measure_quality(films, tmp_path / "pad", classes=["a"], extractor="pixels").fit
        == "squash"
    )
    said = fewray.measure_quality(
        films, tmp_path / "pad", classes=["a"], extractor="pixels", fit="pad"
    )
    assert len(said.classes["a"].copies) == 16


def test_generators_of_two_fits_are_not_measured_together(films: Path, tmp_path: Path):
    folder = copied(films, tmp_path, "pad")
    said = json.loads((folder / "generators.json").read_text())
    for path in (folder / "a").iterdir():
        save_png(load_images([path], 64)[0, 0, ::-1], folder / "b" / path.name)
    (folder / "generators.json").write_text(
        json.dumps(said | {"b": {"options": {"fit": "squash"}, "training_hashes": []}})
    )
    with pytest.raises(InputError, match="a pad, b squash"):
        fewray.measure_quality(films, folder, extractor="pixels")


def test_only_films_that_the_generator_saw_are_its_training_films(
    films: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked: list[np.ndarray] = []
    real = module.membership

    def watched(
        checkpoint: Path, train: np.ndarray, held_out: np.ndarray, *, device: str
    ) -> dict[str, Any]:
        asked.extend([train, held_out])
        return real(checkpoint, train, held_out, device=device)

    monkeypatch.setattr(module, "membership", watched)
    made = fewray.generate(run, tmp_path / "made", per_class=6)
    seen = set(
        json.loads((tmp_path / "made" / "generators.json").read_text())["a"]["training_hashes"]
    )
    assert len(seen) == 12
    data = load_dataset(films)
    options: dict[str, Any] = {"classes": ["a"], "extractor": "pixels"}
    found = fewray.measure_quality(data, made, held_out=data, run=run, image_size=32, **options)
    assert found.classes["a"].num_real == 12
    assert found.membership is not None
    assert (found.membership["a"]["num_train"], found.membership["a"]["num_held_out"]) == (12, 4)
    rows = data.where(split="train", label="a").rows
    np.testing.assert_array_equal(
        asked[0], load_images([r.path for r in rows if r.sha256 in seen], 64, "pad")
    )
    np.testing.assert_array_equal(
        asked[1], load_images(data.where(split="test", label="a").paths(), 64, "pad")
    )
    assert "a: 4 real films that its generator did not see are left out" in found.notes
    assert set(found.notes) <= set(found.to_json()["notes"])
    # Films held out from it are none of its training films: they may be handed over as held-out ones.
    apart = Manifest(
        name="apart", classes=("a",), rows=tuple(row for row in rows if row.sha256 not in seen)
    )
    assert (
        fewray.measure_quality(data, made, held_out=apart, run=run, **options).membership
        is not None
    )
    known = Manifest(
        name="known", classes=("a",), rows=tuple(row for row in rows if row.sha256 in seen)
    )
    with pytest.raises(InputError, match="seen by a generator"):
        fewray.measure_quality(apart, made, held_out=known, **options)
    monkeypatch.setattr(module, "measure_quality", lambda *_, **__: pytest.fail("measured before"))
    with pytest.raises(InputError, match="saw none of the real films"):
        fewray.measure_quality(apart, made, held_out=data, run=run, **options)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("training_hashes", 5),
        ("training_hashes", [[1]]),
        ("training_hashes", "ab"),
        ("group_regex", 1),
        ("fit", ["pad"]),
    ],
)
def test_a_file_of_generators_of_another_form_is_refused(
    name: str, value: object, films: Path, tmp_path: Path
):
    folder = copied(films, tmp_path, "pad")
    said = json.loads((folder / "generators.json").read_text())
    said["a"] |= {"options": {"fit": value}} if name == "fit" else {name: value}
    (folder / "generators.json").write_text(json.dumps(said))
    with pytest.raises(InputError, match=rf"generators\.json, a: {name} .* is wanted"):
        fewray.measure_quality(films, folder, classes=["a"], extractor="pixels")


def test_a_real_set_without_the_keep_training_images_is_noted(films: Path, tmp_path: Path):
    folder = copied(films, tmp_path, "pad")
    data = load_dataset(films)
    fewer = Manifest(name="fewer", classes=data.classes, rows=data.where(split="train").rows[3:])
    found = fewray.measure_quality(fewer, folder, classes=["a"], extractor="pixels")
    assert any("a: 3 of the 16 films" in note for note in found.warnings)


def test_held_out_films_of_other_classes_are_refused_and_missing_ones_noted(
    films: Path, tmp_path: Path
):
    folder = copied(films, tmp_path, "pad")
    data = load_dataset(films)
    only_b = Manifest(name="b", classes=("b",), rows=data.where(split="test", label="b").rows)
    with pytest.raises(
        InputError, match="--held-out: films of b; of the measured classes a some are wanted"
    ):
        fewray.measure_quality(data, folder, classes=["a"], extractor="pixels", held_out=only_b)
    synthetic = Manifest(name="both", classes=("a", "b"), rows=data.where(split="train").rows)
    found = fewray.measure_quality(data, synthetic, extractor="pixels", held_out=only_b)
    assert found.held_out is not None
    assert list(found.held_out) == ["b"]
    assert "no held-out films of a" in found.warnings
