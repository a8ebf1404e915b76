"""The quality report from files: copies listed and replaced, held-out images, TSTR, bad input."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fewray
from fewray.config import ClassifierOptions
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.errors import InputError, RunFailed
from fewray.generators import generate as generation
from fewray.generators.families.dcgan import Dcgan
from fewray.imaging.arrays import load_images, save_png
from fewray.pipelines.quality_report import image_sets
from fewray.pipelines.tstr import accuracies, measure_tstr
from fewray.presets import RECIPES
from fewray.results.quality import read_quality

PHANTOM = "phantom:size=64,train=16,test=8"


@pytest.fixture(scope="module")
def data() -> Manifest:
    return load_dataset(PHANTOM)


@pytest.fixture(scope="module")
def fresh() -> np.ndarray:
    """Phantoms of other patients: what a perfect generator would make."""
    rows = load_dataset("phantom:size=64,train=60,test=1,seed=9").where(
        split="train", label="normal"
    )
    return load_images(rows.paths(), 64, "squash")


@pytest.fixture(scope="module")
def planted(
    data: Manifest, fresh: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, set[str]]:
    """Sixty synthetic images, twelve of them training images shifted by up to 4 px."""
    folder, rng = tmp_path_factory.mktemp("planted"), np.random.default_rng(0)
    train = load_images(data.where(split="train", label="normal").paths(), 64, "squash")
    copies = set()
    for index, image in enumerate(fresh):
        name = f"image{index:03d}.png"
        if index % 5 == 0:
            image = shifted(train[index // 5], rng)
            copies.add(name)
        save_png(image[0], folder / "normal" / name)
    return folder, copies


def call(*words: object) -> None:
    """Run a command in this process; its errors come out as they are."""
    import typer

    from fewray.cli.main import app

    typer.main.get_command(app).main(list(map(str, words)), standalone_mode=False)


def shifted(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    y, x = rng.integers(0, 9, 2)
    return np.pad(image, ((0, 0), (4, 4), (4, 4)))[:, y : y + 64, x : x + 64]


def test_planted_copies_are_listed_in_the_result_and_its_files(
    data: Manifest, planted: tuple[Path, set[str]], tmp_path: Path
):
    folder, copies = planted
    out = tmp_path / "out"
    found = fewray.measure_quality(data, folder, classes=["normal"], out=out)
    listed = {copy.synthetic for copy in found.classes["normal"].copies}
    assert len(listed & copies) >= 0.95 * len(copies)
    assert len(listed - copies) <= 3
    kept = read_quality(out / "quality.json")
    assert kept == found
    names = {row.path.name for row in data.rows}
    assert {copy.nearest for copy in kept.classes["normal"].copies} <= names
    with (out / "copies.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 60
    assert {row["synthetic"] for row in rows if row["detected_by"]} == listed
    for name, width in (("closest-pairs-normal", 8), ("closest-synthetic-normal", 4)):
        with Image.open(out / f"{name}.png") as sheet:
            assert sheet.width == width * 66 + 2


def test_copies_are_replaced_by_other_seeds(
    data: Manifest, fresh: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    options = RECIPES["quick"].with_(epochs=1, classic_images=0, base_channels=4)
    fewray.train_generator(
        data, tmp_path / "run", options=options, classes=["normal"], probe_every=0
    )
    train = load_images(data.where(split="train", label="normal").paths(), 64, "squash")

    def sample(generator: Dcgan, seeds: range) -> np.ndarray:  # every fifth image is a copy
        made = [
            shifted(train[seed % 16], np.random.default_rng(seed))
            if seed % 5 == 0
            else fresh[seed % 60]
            for seed in seeds
        ]
        return np.stack(made)

    monkeypatch.setattr(Dcgan, "sample", sample)
    made = fewray.generate(tmp_path / "run", tmp_path / "plain", per_class=40)
    assert len(fewray.measure_quality(data, made, classes=["normal"]).classes["normal"].copies) >= 8
    kept = fewray.generate(
        tmp_path / "run", tmp_path / "kept", per_class=40, reject_copies=True, real=data
    )
    assert len(kept) == 40
    assert kept.about["rejected"]["normal"] >= 8
    assert not any(int(row.path.stem.removeprefix("seed")) % 5 == 0 for row in kept.rows)
    left = fewray.measure_quality(data, kept, classes=["normal"]).classes["normal"].copies
    assert left == ()
    sources = json.loads((tmp_path / "kept" / "generators.json").read_text())
    assert len(sources["normal"]["rejected_seeds"]) == kept.about["rejected"]["normal"]
    again = fewray.generate(
        tmp_path / "run", tmp_path / "plain", per_class=40, reject_copies=True, real=data
    )
    assert again.sha256() == kept.sha256()
    assert len(list((tmp_path / "plain" / "normal").iterdir())) == 40
    monkeypatch.setattr(
        Dcgan, "sample", lambda generator, seeds: np.stack([train[s % 16] for s in seeds])
    )
    with pytest.raises(RunFailed, match="copies of training images"):
        fewray.generate(
            tmp_path / "run", tmp_path / "none", per_class=3, reject_copies=True, real=data
        )
    words = [
        tmp_path / "run",
        "--out",
        tmp_path / "x",
        "--per-class",
        3,
        "--reject-copies",
        "--real",
        PHANTOM,
    ]
    with pytest.raises(InputError, match="80"):
        call("generate", *words, "--copy-percentile", 80)
    with pytest.raises(InputError, match="--real"):
        fewray.generate(
            tmp_path / "run",
            tmp_path / "x",
            per_class=3,
            reject_copies=True,
            real="phantom:train=3,test=1",
        )


def test_a_folder_of_images_holds_what_its_manifest_names(data: Manifest, tmp_path: Path):
    options = RECIPES["quick"].with_(epochs=1, classic_images=0, base_channels=4)
    run, out = tmp_path / "run", tmp_path / "out"
    fewray.train_generator(data, run, options=options, classes=["normal", "covid"], probe_every=0)
    fewray.generate(run, out, per_class=6)
    (out / "normal" / "seed-of-mine.png").write_bytes(b"mine")
    made = fewray.generate(run, out, per_class=3, classes=["normal"])
    images = {path for path in out.rglob("*.png") if path.name != "seed-of-mine.png"}
    assert images == {row.path for row in made.rows}
    assert (out / "normal" / "seed-of-mine.png").exists()
    assert not (out / "covid").exists()
    assert load_dataset(out).sha256() == made.sha256()
    own = tmp_path / "own"
    own.mkdir()
    (own / "manifest.csv").write_text("path,label\n")
    with pytest.raises(InputError) as caught:
        fewray.generate(run, own, per_class=3)
    assert caught.value.code == "foreign_files"
    assert (own / "manifest.csv").read_text() == "path,label\n"
    assert not (own / "normal").exists()


def test_a_call_that_does_not_end_leaves_the_folder_as_it_was(
    data: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    options = RECIPES["quick"].with_(epochs=1, classic_images=0, base_channels=4)
    run, out = tmp_path / "run", tmp_path / "out"
    fewray.train_generator(data, run, options=options, classes=["normal", "covid"], probe_every=0)
    real = Dcgan.sample

    def files(folder: Path) -> dict[str, bytes]:
        found = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}

    def stopped(generator: Dcgan, seeds: range) -> np.ndarray:
        calls.append(seeds)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(generator, seeds)

    fewray.generate(run, out, per_class=3)
    before = files(out)
    assert len(before) == 8
    for folder, kept in ((out, before), (tmp_path / "fresh", {})):
        calls: list[range] = []
        with monkeypatch.context() as patched:
            patched.setattr(Dcgan, "sample", stopped)
            with pytest.raises(KeyboardInterrupt):
                fewray.generate(run, folder, per_class=5)
        assert files(folder) == kept
        with pytest.raises(RunFailed, match="copies of training images"):
            generation.generate(
                run,
                folder,
                per_class=5,
                reject=lambda label, images: np.full(len(images), label == "normal"),
            )
        assert files(folder) == kept
    # What a kill leaves: images that wait, or images without the manifest that comes last.
    save_png(np.zeros((8, 8), np.uint8), out / ".unfinished" / "normal" / "seed000007.png")
    save_png(np.zeros((8, 8), np.uint8), out / "covid" / "seed000008.png")
    (out / "manifest.csv").unlink()
    made = fewray.generate(run, out, per_class=2, classes=["normal"])
    assert set(out.rglob("*.png")) == {row.path for row in made.rows}
    assert not (out / ".unfinished").exists()


def test_images_of_our_naming_that_nothing_names_are_refused_not_removed(
    data: Manifest, tmp_path: Path
):
    options = RECIPES["quick"].with_(epochs=1, classic_images=0, base_channels=4)
    fewray.train_generator(
        data, tmp_path / "run", options=options, classes=["normal"], probe_every=0
    )
    mine = tmp_path / "out" / "normal" / "seed000099.png"
    save_png(np.zeros((8, 8), np.uint8), mine)
    with pytest.raises(InputError) as caught:
        fewray.generate(tmp_path / "run", tmp_path / "out", per_class=2)
    assert caught.value.code == "foreign_files"
    assert caught.value.fields["first"] == "normal/seed000099.png"
    assert mine.exists()
    for said in ('["normal"]', '{"../run": {}}'):
        (tmp_path / "out" / "generators.json").write_text(said)
        with pytest.raises(InputError) as caught:
            fewray.generate(tmp_path / "run", tmp_path / "out", per_class=2)
        assert caught.value.code == "sources_damaged"


def test_held_out_films_and_membership(
    data: Manifest, planted: tuple[Path, set[str]], tmp_path: Path
):
    options = RECIPES["quick"].with_(epochs=1, classic_images=0, base_channels=4)
    fewray.train_generator(
        data, tmp_path / "run", options=options, classes=["normal"], probe_every=0
    )
    found = fewray.measure_quality(
        data,
        planted[0],
        held_out=data,
        classes=["normal"],
        run=tmp_path / "run",
        extractor="pixels",
    )
    assert found.held_out["normal"].num_held_out == 8
    scores = found.membership["normal"]
    assert scores.auc is not None
    assert scores.ci is not None
    assert 0 <= scores.ci[0] <= scores.auc <= scores.ci[1] <= 1
    with pytest.raises(InputError, match="are training images"):
        fewray.measure_quality(
            data,
            planted[0],
            held_out=data.where(split="train"),
            classes=["normal"],
            extractor="pixels",
        )
    with pytest.raises(InputError, match="--held-out"):
        fewray.measure_quality(
            data, planted[0], classes=["normal"], run=tmp_path / "run", extractor="pixels"
        )


def test_tstr_separates_informative_from_shuffled_images(data: Manifest):
    bright = {"a": 40, "b": 200}
    rng = np.random.default_rng(0)

    def side(count: int) -> dict[str, np.ndarray]:
        return {
            label: np.clip(rng.normal(grey, 20, (count, 1, 64, 64)), 0, 255).astype(np.uint8)
            for label, grey in bright.items()
        }

    from fewray.quality.image_set import ImageSet

    real, fake, held_out = (
        {label: ImageSet.of(images) for label, images in side(count).items()}
        for count in (20, 24, 10)
    )
    options = ClassifierOptions(steps=20, batch_size=16, channels=(4, 8, 8), hidden=16)
    found = measure_tstr(real, fake, options, held_out=held_out)
    assert found.num_test == 20
    assert found.train_synthetic_test_real == found.train_real_test_real == 1.0
    assert found.train_real_test_synthetic == 1.0
    classes = tuple(real)
    assert accuracies(fake, [held_out, real], classes, options) == [1.0, 1.0]
    assert accuracies(fake, [real], tuple(reversed(classes)), options) == [1.0]
    swapped = measure_tstr(real, dict(zip(fake, reversed(fake.values()), strict=True)), options)
    assert swapped.train_synthetic_test_real == 0.0
    assert swapped.train_real_test_real is None
    with pytest.raises(InputError, match="at least 2"):
        measure_tstr({"a": real["a"]}, {"a": fake["a"]}, options)


def test_held_out_films_without_a_class_keep_their_labels():
    """Grey levels tell three classes apart; the held-out side has the last two only, in another order."""
    from fewray.quality.image_set import ImageSet

    rng = np.random.default_rng(0)

    def side(count: int, greys: dict[str, int]) -> dict[str, ImageSet]:
        return {
            label: ImageSet.of(
                np.clip(rng.normal(grey, 9, (count, 1, 64, 64)), 0, 255).astype(np.uint8)
            )
            for label, grey in greys.items()
        }

    greys = {"a": 20, "b": 120, "c": 230}
    options = ClassifierOptions(steps=40, batch_size=16, channels=(4, 8, 8), hidden=16)
    found = measure_tstr(
        side(20, greys),
        side(20, dict(reversed(greys.items()))),
        options,
        held_out=side(8, {"c": 230, "b": 120}),
    )
    assert found.train_real_test_real == 1.0
    assert found.train_synthetic_test_real == 1.0


def test_equal_file_names_in_two_folders_stay_apart(tmp_path: Path):
    for split in ("train", "test"):
        save_png(np.full((8, 8), len(split) * 20, np.uint8), tmp_path / split / "a" / "1.png")
        save_png(np.full((8, 8), len(split) * 20 + 9, np.uint8), tmp_path / split / "b" / "1.png")
    sets = image_sets(load_dataset(tmp_path), ("a", "b"), 8, "squash")
    assert len(set(sets["a"].names)) == 2


def test_classes_that_do_not_match_are_named(data: Manifest, planted: tuple[Path, set[str]]):
    with pytest.raises(InputError, match="--classes"):
        fewray.measure_quality(data, planted[0])
    with pytest.raises(InputError, match="--classes flu"):
        fewray.measure_quality(data, planted[0], classes=["flu"])
    with pytest.raises(InputError, match="normal is listed twice"):
        fewray.measure_quality(data, planted[0], classes=["normal", "normal"])


def test_options_for_nothing_and_folders_that_cannot_be_written_are_refused_at_once(
    data: Manifest, planted: tuple[Path, set[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for extractor in ("pixels", "lite0", f"study:{tmp_path}"):
        with pytest.raises(InputError, match=r"--weights x\.pth"):
            fewray.measure_quality(
                data, planted[0], classes=["normal"], extractor=extractor, weights=Path("x.pth")
            )
    monkeypatch.setattr(
        "fewray.pipelines.quality_report.measure_sets",
        lambda *_, **__: pytest.fail("measured before"),
    )
    for option, words in (
        ("tstr_steps", "--tstr: a classifier needs"),
        ("copy_percentile", "percentile 60"),
    ):
        with pytest.raises(InputError, match=words):
            fewray.measure_quality(
                data, planted[0], classes=["normal"], extractor="pixels", **{option: 60}
            )
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot create or write"):
        fewray.measure_quality(
            data, planted[0], classes=["normal"], extractor="pixels", out=tmp_path / "file"
        )
