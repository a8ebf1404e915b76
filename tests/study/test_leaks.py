"""The leak check finds every leak that is planted past the folds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewray.data.images import ImageSource
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest, Row
from fewray.study import leaks as module
from fewray.study.folds import make_folds
from fewray.study.leaks import Kind, check_disjoint
from tests.helpers import refused, source_of


def noise(n: int) -> np.ndarray:
    """Return images of which no two are similar."""
    return np.random.default_rng(100).integers(0, 256, (n, 1, 32, 32), np.uint8)


def of(rows: list[Row]) -> Manifest:
    return Manifest(name="made up", classes=("a",), rows=tuple(rows))


def patients(n: int) -> list[Row]:
    return [
        Row(path=Path(f"a/p{p}-0.png"), label="a", group=f"p{p}", sha256=f"{p}") for p in range(n)
    ]


@pytest.fixture(scope="module")
def phantom() -> Manifest:
    return load_dataset("phantom:size=64,train=5,test=0,seed=3")


@pytest.fixture
def split(phantom: Manifest) -> tuple[list[Row], list[Row]]:
    """Return the rows of one true fold."""
    folds = make_folds(ImageSource(phantom), n_splits=2, seed=0)
    train, test = folds.split(0)
    return [phantom.rows[i] for i in train], [phantom.rows[i] for i in test]


def checked(train: list[Row], test: list[Row], kind: Kind = "fold") -> None:
    check_disjoint(ImageSource(of(train)), ImageSource(of(test)), where="fold 1", kind=kind)


def test_true_folds_of_phantoms_pass(split: tuple[list[Row], list[Row]]):
    checked(*split)
    checked(*split, kind="external")


def test_a_patient_on_both_sides_is_named(split: tuple[list[Row], list[Row]]):
    train, test = split
    test[2] = replace(test[2], group=train[1].group)
    with refused("leak_patient", f"fold 1: .*{train[1].group}") as caught:
        checked(train, test)
    assert train[1].path.name in str(caught.value)
    assert test[2].path.name in str(caught.value)


def test_a_byte_equal_file_under_two_patients_is_named(
    split: tuple[list[Row], list[Row]], tmp_path: Path
):
    train, test = split
    copy = tmp_path / "copy.png"
    copy.write_bytes(train[0].path.read_bytes())
    test[0] = replace(test[0], path=copy, sha256=train[0].sha256)
    with refused("leak_file", r"copy\.png") as caught:
        checked(train, test)
    assert train[0].path.name in str(caught.value)


@pytest.mark.parametrize("made", ["resized", "re-encoded", "stretched"])
def test_a_copy_of_a_film_is_named(split: tuple[list[Row], list[Row]], tmp_path: Path, made: str):
    train, test = split
    copy = tmp_path / ("copy.jpg" if made == "re-encoded" else "copy.png")
    with Image.open(train[0].path) as film:
        size = {"resized": (150, 150), "re-encoded": film.size, "stretched": (150, 90)}[made]
        film.resize(size, Image.Resampling.BICUBIC).save(copy)
    test[0] = replace(test[0], path=copy, sha256="another")
    with refused("leak_near_duplicate", r"copy\.(png|jpg) \(correlation") as caught:
        checked(train, test)
    assert train[0].path.name in str(caught.value)


def test_five_leaks_are_listed_and_the_others_counted():
    source = source_of(of(patients(8)), noise(8))
    with refused("leak_patient", r"p4 \(a/p4-0.png, a/p4-0.png\) and 3 more\.") as caught:
        check_disjoint(source, source, where="fold 0")
    assert caught.value.fields == {"where": "fold 0", "count": 8}


@pytest.mark.parametrize("block", [1, 3, 1000])
def test_copies_are_found_in_every_block(monkeypatch: pytest.MonkeyPatch, block: int):
    monkeypatch.setattr(module, "BLOCK", block)
    images = noise(10)
    images[8] = images[6]
    rows = patients(10)
    with refused("leak_near_duplicate", r"a/p6-0.png ~ a/p8-0.png \(correlation 1.000\)"):
        check_disjoint(
            source_of(of(rows[:7]), images[:7]), source_of(of(rows[7:]), images[7:]), where="fold 0"
        )


def compared(first: Row, second: Row, kind: Kind) -> None:
    images = noise(2)
    check_disjoint(
        source_of(of([first]), images[:1]),
        source_of(of([second]), images[1:]),
        where="x",
        kind=kind,
    )


def test_file_names_and_phantoms_are_not_compared_across_data_sets():
    def row(path: str, group: str, sha: str, **more: str) -> Row:
        return replace(Row(path=Path(path), label="a", group=group, sha256=sha), **more)

    compared(row("x/a/1.png", "a/1.png", "1"), row("y/a/1.png", "a/1.png", "2"), "external")
    compared(
        row("x/p1-1.png", "p1", "1", origin="phantom"),
        row("y/p1-1.png", "p1", "2", origin="phantom"),
        "external",
    )
    with refused("leak_patient", "rename"):
        compared(row("x/1.png", "p1", "1"), row("y/2.png", "p1", "2"), "external")
    with refused("leak_file"):
        compared(row("x/a/1.png", "a/1.png", "1"), row("y/a/1.png", "a/1.png", "1"), "external")


def test_the_two_sides_of_one_data_set_have_comparable_names():
    train = Row(path=Path("x/a/1.png"), label="a", group="1.png", sha256="1")
    test = Row(path=Path("x/a/2.png"), label="a", group="1.png", sha256="2")
    for first, second in (
        (train, test),
        (replace(train, origin="phantom"), replace(test, origin="phantom")),
    ):
        with refused("leak_patient", "one side of the split"):
            compared(first, second, "own_test_split")
