"""Folders with other files than ours are refused: the manifest would hide or replace them."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from fewray import generate
from fewray.config import GanOptions
from fewray.errors import InputError
from fewray.generators.output_folder import check_own
from fewray.generators.run import CHECKPOINT
from fewray.imaging.arrays import save_png
from fewray.results.training import GeneratorSource
from fewray.storage.files import write_json
from tests.helpers import one_image_seen


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def film(path: Path) -> Path:
    save_png(np.zeros((8, 8), np.uint8), path)
    return path


def refused(out: Path, first: str) -> None:
    """Check that a call for class ``normal`` names ``first`` and leaves every file unchanged."""
    before = sorted(out.rglob("*"))
    with pytest.raises(InputError) as error:
        check_own(out, ["normal"])
    assert (error.value.code, error.value.fields["first"]) == ("foreign_files", first)
    assert "\n" not in str(error.value)
    run = out.parent / "run" / "normal" / CHECKPOINT
    run.parent.mkdir(parents=True, exist_ok=True)
    run.touch()
    with pytest.raises(InputError) as error:
        generate(run.parents[1], out, per_class=1)
    assert error.value.code == "foreign_files"
    assert sorted(out.rglob("*")) == before


@pytest.mark.parametrize(
    "place", ["normal/p1.png", "train/normal/p1.png", "other/deep/er/p1.JPG", "p1.tif"]
)
def test_a_folder_of_other_images_is_refused(out: Path, place: str):
    (out / place).parent.mkdir(parents=True, exist_ok=True)
    (out / place).write_bytes(b"any")
    refused(out, place)


@pytest.mark.parametrize("name", ["manifest.csv", "films.csv"])
def test_a_folder_with_a_table_is_refused(out: Path, name: str):
    (out / name).write_text("path,label\n")
    refused(out, name)


def test_our_files_and_files_that_are_not_images_are_accepted(out: Path):
    check_own(out.parent / "new", ["normal"])
    film(out / ".unfinished" / "normal" / "seed000000.png")
    (out / "notes.txt").write_text("x")
    check_own(out, ["normal"])
    training_set = one_image_seen(label="normal")
    source = GeneratorSource(
        checkpoint_sha256="x", epoch=1, seed=0, options=GanOptions(), training_set=training_set
    )
    write_json(out / "generators.json", {"normal": msgspec.to_builtins(source)})
    film(out / "normal" / "seed000001.png")
    film(out / "closest-normal.png")  # what `fewray quality --out` writes
    (out / "manifest.csv").write_text("path,label\n")
    check_own(out, ["normal"])
    film(out / "covid" / "p1.png")
    refused(out, "covid/p1.png")
