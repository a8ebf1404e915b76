"""The table of predictions names every film by a name of its own."""

import csv
import dataclasses
from pathlib import Path

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


def test_films_are_called_by_label_and_file(tmp_path: Path):
    assert names(tmp_path, "a/1.png", "a/deep/2.png", "b/3.png") == [
        "a/1.png",
        "a/2.png",
        "a/3.png",
    ]


def test_films_that_share_a_name_are_called_by_their_path(tmp_path: Path):
    assert names(tmp_path, "a/1.png", "a/deep/1.png", "b/3.png") == [
        "a/1.png",
        "a/deep/1.png",
        "a/3.png",
    ]
    crossed = names(tmp_path, "x/a/1.png", "x/b/1.png", "a/2.png", "b/2.png")
    assert crossed == ["x/a/1.png", "x/b/1.png", "a/2.png", "b/2.png"]
    paths = (
        "a/1.png",
        "c/1.png",
        "z/1.png",
    )  # the first two share b/1.png, and the path of one is the third's name
    assert names(tmp_path, *paths, labels="bba") == list(paths)
