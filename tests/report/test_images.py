"""The strip, the lens and the filmstrip show the images of a run, and nothing where there are none."""

import base64
import io
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from fewray.imaging.arrays import grid, save_png
from fewray.report.blocks import Lens
from fewray.report.pages.first_screen import memorised, strips
from fewray.report.pages.generator_folders import filmstrip
from fewray.report.pages.lens import SHOWN, difference, lens_blocks
from fewray.report.pages.run_images import ClassImages, run_images, tiles
from fewray.report.text import class_name
from fewray.results.crossval import CrossvalStudy
from fewray.results.scores import SplitCounts
from fewray.storage.jobs import JobStore
from tests.crossval_study import CLASSES, changed, crossval_study
from tests.helpers import smooth_images

COUNT, REAL = 5, 9


def pixels(source: str) -> np.ndarray:
    """Return the pixels behind a data address."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Write the images of one fold; the second synthetic image of each class copies a real one."""
    made = []
    for index, label in enumerate(CLASSES):
        home = tmp_path / "generators" / "repeat-0-fold-0" / label
        real = smooth_images(REAL + 3, seed=index)[:, None]
        JobStore(home).save_array("training", "seen", real)  # the last three are augmented copies
        synthetic = smooth_images(COUNT, seed=100 + index)[:, None]
        synthetic[1] = np.roll(real[4], 2, axis=-1)
        made.append(synthetic)
    store = JobStore(tmp_path / "jobs")
    store.save_array("synthetic", "key", np.concatenate(made))
    store.save("synthetic", "key", {"counts": [COUNT] * len(CLASSES)})
    return tmp_path


def study_of_run() -> CrossvalStudy:
    """Return a study whose first fold is that of ``run``."""
    study = changed(crossval_study(), provenance={"keys": {"synthetic/0/0/0": "key"}})
    sizes = {label: SplitCounts(train=REAL, test=3) for label in CLASSES}
    first = msgspec.structs.replace(study.folds[0], counts=sizes)
    return msgspec.structs.replace(study, folds=(first, *study.folds[1:]))


def test_a_copy_is_beside_its_training_image(run: Path):
    found = run_images(study_of_run(), run, run / "generators")
    assert {len(each.real) for each in found.values()} == {REAL}  # without augmented copies
    _, lens = lens_blocks({"COVID-19": found["covid"]})
    assert isinstance(lens, Lens)
    assert len(lens.items) == min(SHOWN, COUNT)
    copy = lens.items[1]
    np.testing.assert_array_equal(pixels(copy.nearest), found["covid"].real[4][0])
    np.testing.assert_array_equal(pixels(copy.synthetic), found["covid"].synthetic[1][0])
    assert "Distance 0.0" in copy.facts
    assert "owed to this training image" in copy.facts
    assert pixels(copy.owed).shape == (64, 64, 3)
    other = lens.items[0]
    assert pixels(copy.difference).mean() < pixels(other.difference).mean() / 4


@pytest.mark.parametrize("change", ["shift", "mirror", "brightness"])
def test_the_difference_of_a_moved_copy_is_black(change: str):
    image = smooth_images(1, seed=3)[0]
    other = {"shift": np.roll(image, (3, -2), (0, 1)), "mirror": image[:, ::-1],
             "brightness": np.clip(image / 2 + 40, 0, 255).astype(np.uint8)}[change]  # fmt: skip
    assert np.median(difference(image, other)) <= 2
    assert np.median(difference(image, smooth_images(1, seed=4)[0])) > 20


def test_the_strip_shows_both_sides_and_what_was_memorised(run: Path):
    study = study_of_run()
    found = run_images(study, run, run / "generators")
    made = strips(study, {class_name(study.data, c): each for c, each in found.items()}, {})
    assert [strip.name for strip in made] == [class_name(study.data, c) for c in CLASSES]
    assert (len(made[0].real), len(made[0].synthetic)) == (8, COUNT)
    assert study.rejected_copies is not None
    copies = study.rejected_copies["covid"]
    drawn = copies.kept + copies.rejected
    assert made[0].memorised.startswith(f"memorised: {copies.rejected} of {drawn}")
    assert memorised(crossval_study(rejected_copies=None), "covid") == "memorised: not checked"


def test_sample_grids_stand_in_for_images_that_are_not_there(tmp_path: Path):
    images = smooth_images(16)
    save_png(grid(images[:, None], 8), tmp_path / "reals.png")
    for epoch in (1, 2, 5):
        save_png(grid(images[:, None] // epoch, 8), tmp_path / f"fakes-{epoch:06d}.png")
    np.testing.assert_array_equal(tiles(tmp_path / "reals.png", 64, 10), images[:10])
    (strip,) = strips(crossval_study(), {}, {"normal": tmp_path})
    np.testing.assert_array_equal(pixels(strip.synthetic[0]), images[0] // 5)  # the last epoch
    made = filmstrip("normal", tmp_path)
    assert made is not None
    assert [epoch for epoch, _ in made.frames] == [1, 2, 5]
    (tmp_path / "fakes-000001.png").unlink()
    (tmp_path / "fakes-000002.png").unlink()
    assert filmstrip("normal", tmp_path) is None  # one epoch is no filmstrip


def test_damaged_files_give_no_images(run: Path):
    study = study_of_run()
    (run / "jobs" / "synthetic-key.npy").write_bytes(b"no array")
    assert run_images(study, run, run / "generators") == {}
    (run / "jobs" / "synthetic-key.json").write_text('{"counts": [1]}')
    assert run_images(study, run, run / "generators") == {}
    assert tiles(run / "nothing.png", 64, 3) == []
    assert (
        lens_blocks(
            {
                "normal": ClassImages(
                    np.zeros((1, 1, 64, 64), np.uint8), np.zeros((1, 1, 64, 64), np.uint8)
                )
            }
        )
        == ()
    )
