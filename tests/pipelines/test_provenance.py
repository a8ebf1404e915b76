"""Images are read as the generators read them; only those they saw count as training images."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import fewray
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.generators.output_folder import read_sources
from fewray.imaging.arrays import load_images, save_png
from fewray.pipelines import quality_report as module
from fewray.presets import RECIPES
from fewray.results.quality import Membership
from fewray.results.training import GeneratorSource
from tests.helpers import one_image_seen


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
    said = {"a": source("a", fit, tuple(row.sha256 for row in rows.rows))}
    (folder / "generators.json").write_text(json.dumps(said))
    return folder


def source(label: str, fit: str, hashes: tuple[str, ...]) -> dict[str, Any]:
    """Return an entry of ``generators.json``."""
    training_set = one_image_seen(label=label, num_train=len(hashes), training_hashes=hashes)
    options = RECIPES["quick"].with_(fit=fit)
    return msgspec.to_builtins(
        GeneratorSource(
            checkpoint_sha256="x", epoch=1, seed=0, options=options, training_set=training_set
        )
    )


def test_films_are_read_as_the_images_generator_read_them(films: Path, tmp_path: Path):
    for fit in ("pad", "squash"):
        found = fewray.measure_quality(
            films, copied(films, tmp_path / fit, fit), classes=["a"], extractor="pixels"
        )
        assert found.fit == fit
        assert f"({fit})" in found.sentences[0]
        assert len(found.classes["a"].copies) == 16
        assert found.classes["a"].fid == pytest.approx(0, abs=1e-6)
    with pytest.raises(InputError) as caught:
        fewray.measure_quality(
            films, tmp_path / "pad", classes=["a"], extractor="pixels", fit="squash"
        )
    assert (caught.value.code, caught.value.fields["expected"]) == ("fit_differs", "pad")
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
    (folder / "generators.json").write_text(json.dumps(said | {"b": source("b", "squash", ())}))
    with pytest.raises(InputError) as caught:
        fewray.measure_quality(films, folder, extractor="pixels")
    assert caught.value.fields["found"] == {"a": "pad", "b": "squash"}


def test_only_films_that_the_generator_saw_are_its_training_films(
    films: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked: list[np.ndarray] = []
    real = module.membership

    def watched(
        checkpoint: Path, label: str, train: np.ndarray, held_out: np.ndarray, *, device: str
    ) -> Membership:
        asked.extend([train, held_out])
        return real(checkpoint, label, train, held_out, device=device)

    monkeypatch.setattr(module, "membership", watched)
    made = fewray.generate(run, tmp_path / "made", per_class=6)
    seen = set(read_sources(tmp_path / "made")["a"].training_set.training_hashes)
    assert len(seen) == 12
    data = load_dataset(films)
    options: dict[str, Any] = {"classes": ["a"], "extractor": "pixels"}
    found = fewray.measure_quality(data, made, held_out=data, run=run, image_size=32, **options)
    assert found.classes["a"].num_real == 12
    scores = found.membership["a"]
    assert (scores.num_train, scores.num_held_out) == (12, 4)
    rows = data.where(split="train", label="a").rows
    np.testing.assert_array_equal(
        asked[0], load_images([r.path for r in rows if r.sha256 in seen], 64, "pad")
    )
    np.testing.assert_array_equal(
        asked[1], load_images(data.where(split="test", label="a").paths(), 64, "pad")
    )
    assert "a: 4 real images that its generator did not see were left out." in found.notes
    # Images held out from it are not training images, so they may be passed as held-out ones.
    unseen = Manifest(
        name="unseen", classes=("a",), rows=tuple(row for row in rows if row.sha256 not in seen)
    )
    assert fewray.measure_quality(data, made, held_out=unseen, run=run, **options).membership
    known = Manifest(
        name="known", classes=("a",), rows=tuple(row for row in rows if row.sha256 in seen)
    )
    with pytest.raises(InputError) as caught:
        fewray.measure_quality(unseen, made, held_out=known, **options)
    assert caught.value.code == "held_out_seen"
    monkeypatch.setattr(module, "measure_sets", lambda *_, **__: pytest.fail("measured before"))
    with pytest.raises(InputError) as caught:
        fewray.measure_quality(unseen, made, held_out=data, run=run, **options)
    assert caught.value.code == "not_the_training_data"


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
    said["a"]["options" if name == "fit" else "training_set"][name] = value
    (folder / "generators.json").write_text(json.dumps(said))
    with pytest.raises(InputError, match=r"generators\.json") as caught:
        fewray.measure_quality(films, folder, classes=["a"], extractor="pixels")
    assert caught.value.code == "sources_damaged"


def test_missing_training_images_are_noted(films: Path, tmp_path: Path):
    folder = copied(films, tmp_path, "pad")
    data = load_dataset(films)
    fewer = Manifest(name="fewer", classes=data.classes, rows=data.where(split="train").rows[3:])
    found = fewray.measure_quality(fewer, folder, classes=["a"], extractor="pixels")
    assert any(note.startswith("a: 3 of 16 training images") for note in found.notes)


def test_held_out_films_of_other_classes_are_refused_and_missing_ones_noted(
    films: Path, tmp_path: Path
):
    folder = copied(films, tmp_path, "pad")
    data = load_dataset(films)
    only_b = Manifest(name="b", classes=("b",), rows=data.where(split="test", label="b").rows)
    with pytest.raises(InputError) as caught:
        fewray.measure_quality(data, folder, classes=["a"], extractor="pixels", held_out=only_b)
    assert (caught.value.code, caught.value.fields["found"]) == ("held_out_classes", ["b"])
    synthetic = Manifest(name="both", classes=("a", "b"), rows=data.where(split="train").rows)
    found = fewray.measure_quality(data, synthetic, extractor="pixels", held_out=only_b)
    assert list(found.held_out) == ["b"]
    assert "No held-out images of a." in found.notes
