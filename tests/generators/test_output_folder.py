"""A folder of the user's is not made one of ours: what would be hidden behind our manifest is refused."""

from pathlib import Path

import numpy as np
import pytest

from fewray import generate
from fewray.errors import InputError
from fewray.generators.output_folder import check_own
from fewray.generators.run import CHECKPOINT
from fewray.imaging.arrays import save_png
from fewray.storage.files import write_json


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def film(path: Path) -> Path:
    save_png(np.zeros((8, 8), np.uint8), path)
    return path


def refused(out: Path, match: str) -> None:
    """Make sure that a call for class ``normal`` is refused and leaves every file as it was."""
    before = sorted(out.rglob("*"))
    with pytest.raises(InputError, match=match) as error:
        check_own(out, ["normal"])
    assert "\n" not in str(error.value)
    run = out.parent / "run" / "normal" / CHECKPOINT
    run.parent.mkdir(parents=True, exist_ok=True)
    run.touch()
    with pytest.raises(InputError, match=match):
        generate(run.parents[1], out, per_class=1)
    assert sorted(out.rglob("*")) == before


@pytest.mark.parametrize(
    "place", ["normal/p1.png", "train/normal/p1.png", "other/deep/er/p1.JPG", "p1.tif"]
)
def test_a_folder_of_films_is_refused(out: Path, place: str):
    (out / place).parent.mkdir(parents=True, exist_ok=True)
    (out / place).write_bytes(b"any")
    refused(
        out,
        rf"holds 1 images that `fewray generate` did not make, first {place}; choose another --out",
    )


@pytest.mark.parametrize("name", ["manifest.csv", "films.csv"])
def test_a_folder_with_a_table_is_refused(out: Path, name: str):
    (out / name).write_text("path,label\n")
    refused(out, rf"holds a {name} that `fewray generate` did not write; choose another --out")


def test_what_is_ours_or_no_image_is_in_nobody_s_way(out: Path):
    check_own(out.parent / "new", ["normal"])
    film(out / ".unfinished" / "normal" / "seed000000.png")
    (out / "notes.txt").write_text("x")
    check_own(out, ["normal"])
    write_json(out / "generators.json", {"normal": {}})
    film(out / "normal" / "seed000001.png")
    film(out / "closest-normal.png")  # what `fewray quality --out` writes
    (out / "manifest.csv").write_text("path,label\n")
    check_own(out, ["normal"])
    film(out / "covid" / "p1.png")
    refused(out, "first covid/p1.png")
