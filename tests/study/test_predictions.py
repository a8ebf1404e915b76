"""The table of predictions names every film by a name of its own."""

import csv
import dataclasses
from pathlib import Path

from fewray.data.layout.image_names import image_names, names_among
from fewray.data.manifest import Manifest
from fewray.study.predictions import write_predictions
from tests.helpers import manifest_of


def names(folder: Path, *paths: str, labels: str = "") -> list[str]:
    """Return what predictions.csv calls films of class a, or of ``labels``, at ``paths``."""
    rows = manifest_of(*(labels or "a" * len(paths))).rows
    rows = tuple(
        dataclasses.replace(row, path=folder / path) for row, path in zip(rows, paths, strict=True)
    )
    manifest = Manifest(name="d", classes=("a", "b"), rows=rows)
    run = (("classic", 0), range(len(rows)), [[0.6, 0.4]] * len(rows))
    write_predictions(folder / "predictions.csv", manifest, ("arm", "seed"), [run])
    with (folder / "predictions.csv").open() as stream:
        return [row["image"] for row in csv.DictReader(stream)]


def test_images_are_called_by_their_path_below_the_data(tmp_path: Path):
    paths = ("a/1.png", "a/deep/1.png", "b/3.png")
    assert names(tmp_path, *paths) == list(paths)
    assert names(tmp_path, *paths[:2]) == ["1.png", "deep/1.png"]


def test_some_of_the_rows_are_called_as_in_the_whole_data_set(tmp_path: Path):
    rows = manifest_of(*"abab").rows
    rows = tuple(
        dataclasses.replace(row, path=tmp_path / place / f"{i}.png")
        for i, (row, place) in enumerate(zip(rows, ("train", "train", "test", "test"), strict=True))
    )
    whole = Manifest(name="d", classes=("a", "b"), rows=rows)
    test = dataclasses.replace(whole, rows=rows[2:])
    assert names_among(whole, test) == ["test/2.png", "test/3.png"]
    assert image_names(test) == ["2.png", "3.png"]


def test_hidden_names_that_agree_get_a_number(tmp_path: Path):
    rows = tuple(
        dataclasses.replace(row, path=tmp_path / f"{i}", alias=tmp_path / "~12345678")
        for i, row in enumerate(manifest_of(*"aab").rows)
    )
    whole = Manifest(name="d", classes=("a", "b"), rows=rows)
    assert image_names(whole) == ["~12345678", "~12345678 #2", "~12345678 #3"]
