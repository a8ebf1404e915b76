"""Folds keep patients and copies together; the check finds every leak that is planted past them."""

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fewray.data.audit.metadata import file_metadata
from fewray.data.audit.shortcuts import shortcut_audit, shortcut_warnings
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest, Row
from fewray.errors import InputError
from fewray.imaging.arrays import load_images
from fewray.study import folds as module
from fewray.study.folds import (
    LIKENESS_FIT,
    LIKENESS_SIZE,
    Folds,
    check_disjoint,
    data_warnings,
    grouping_warning,
    make_folds,
    patient_warnings,
    patients_known,
)


def films_of(data: Manifest) -> np.ndarray:
    return load_images(data.paths(), LIKENESS_SIZE, LIKENESS_FIT)


@cache
def noise(n: int) -> np.ndarray:
    """Return pictures of which no two look alike."""
    return np.random.default_rng(n).integers(0, 256, (n, 1, 32, 32), np.uint8)


def made_up(patients: list[tuple[str, int]]) -> Manifest:
    """Return a manifest with ``(label, films)`` for each patient; the files do not exist."""
    rows = [
        Row(path=Path(f"{label}/p{p}-{i}.png"), label=label, group=f"p{p}", sha256=f"{p}-{i}")
        for p, (label, films) in enumerate(patients)
        for i in range(films)
    ]
    return Manifest(
        name="made up", classes=tuple(sorted({row.label for row in rows})), rows=tuple(rows)
    )


def check_all(data: Manifest, images: np.ndarray, folds: Folds) -> None:
    for fold in range(folds.n_splits):
        train, test = folds.split(fold)
        check_disjoint(
            [data.rows[i] for i in train],
            [data.rows[i] for i in test],
            images[train],
            images[test],
            where=f"fold {fold}",
        )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 4)), min_size=9, max_size=24),
    st.integers(2, 3),
    st.integers(0, 2**40),
)
def test_folds_part_patients_and_hold_every_class_or_say_why_not(
    patients: list[tuple[str, int]], n_splits: int, seed: int
):
    data = made_up([("a", 1), ("b", 1), *patients])
    images = noise(100)[: len(data)]
    fewest = min(Counter(label for label, _ in [("a", 1), ("b", 1), *patients]).values())
    if fewest < n_splits:
        with pytest.raises(InputError, match=f"--folds {n_splits}: each class needs"):
            make_folds(data, images, n_splits=n_splits, seed=seed)
        return
    try:
        folds = make_folds(data, images, n_splits=n_splits, seed=seed)
    except (
        InputError
    ):  # patients of up to four films may not go into the folds; its message has a test of its own
        return
    assert sorted(
        np.concatenate([folds.split(fold)[1] for fold in range(n_splits)]).tolist()
    ) == list(range(len(data)))
    labels = data.labels()
    for fold in range(n_splits):
        train, test = folds.split(fold)
        assert not {data.rows[i].group for i in train} & {data.rows[i].group for i in test}
        assert set(labels[train]) == set(labels[test]) == set(range(len(data.classes)))
    assert len(set(folds.groups)) == len({row.group for row in data.rows})
    assert folds.joined == []
    check_all(data, images, folds)


@pytest.mark.parametrize("n_splits", [2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_classes_are_dealt_out_within_one_row_where_patients_are_small(n_splits: int, seed: int):
    data = made_up([(label, 1) for label, n in (("a", 13), ("b", 22), ("c", 9)) for _ in range(n)])
    table = make_folds(data, noise(100)[: len(data)], n_splits=n_splits, seed=seed).table(data)
    for label, n in (("a", 13), ("b", 22), ("c", 9)):
        tested = [fold["counts"][label]["test"] for fold in table]
        assert sum(tested) == n
        assert max(tested) - min(tested) <= 1


def test_the_table_counts_what_each_side_holds():
    data = made_up([("a", 2), ("a", 1), ("a", 1), ("b", 1), ("b", 1), ("b", 1)])
    folds = make_folds(data, noise(100)[: len(data)], n_splits=2, seed=0, repeat=3)
    for fold, row in enumerate(folds.table(data)):
        assert (row["repeat"], row["fold"]) == (3, fold)
        assert row["train"] + row["test"] == 7
        assert row["train_groups"] + row["test_groups"] == 6
        assert row["counts"]["a"]["train"] + row["counts"]["a"]["test"] == 4
        assert row["test"] == sum(row["counts"][label]["test"] for label in "ab")


def test_the_same_seed_gives_the_same_folds_and_partitions_differ():
    data, images = made_up([("a", 1)] * 12 + [("b", 2)] * 12), noise(100)[:36]
    first = make_folds(data, images, n_splits=3, seed=7)
    assert (first.fold_of == make_folds(data, images, n_splits=3, seed=7).fold_of).all()
    others = [make_folds(data, images, n_splits=3, seed=7, repeat=p).fold_of for p in range(4)]
    others.append(make_folds(data, images, n_splits=3, seed=8).fold_of)
    assert len({tuple(each) for each in others}) == 5


def test_the_folds_are_those_of_the_rows_wherever_the_files_lie():
    data, images = made_up([("a", 1)] * 8 + [("b", 1)] * 8), noise(100)[:16]
    moved = replace(
        data, rows=tuple(replace(row, path=Path("/elsewhere") / row.path) for row in data.rows)
    )
    folds, again = (make_folds(each, images, n_splits=4, seed=1) for each in (data, moved))
    assert (folds.fold_of == again.fold_of).all()


def test_copies_join_their_patients_through_chains_and_across_labels():
    data = made_up([("a", 1)] * 6 + [("b", 1)] * 6)
    images = noise(100)[:12].copy()
    images[7] = images[1]  # looks alike under another label
    rows = list(data.rows)
    rows[4] = replace(rows[4], sha256=rows[1].sha256)  # byte-equal
    data = replace(data, rows=tuple(rows))
    for seed in range(6):
        folds = make_folds(data, images, n_splits=3, seed=seed)
        assert folds.joined == [("p1", "p4"), ("p1", "p7")]
        assert folds.groups[1] == folds.groups[4] == folds.groups[7]
        assert len(set(folds.groups)) == 10
        assert len(set(folds.fold_of[[1, 4, 7]])) == 1
        check_all(data, images, folds)


def test_too_few_patients_and_odd_options_are_refused():
    data, images = made_up([("a", 5), ("a", 1), ("b", 1), ("b", 1), ("b", 1)]), noise(100)[:9]
    with pytest.raises(
        InputError,
        match=r"--folds 3: each class needs as many patients as folds, a has 2; take --folds 2",
    ):
        make_folds(data, images, n_splits=3, seed=0)
    with pytest.raises(InputError, match="--folds 1: 2 or more"):
        make_folds(data, images, n_splits=1, seed=0)
    with pytest.raises(InputError, match="8 images for 9 rows"):
        make_folds(data, images[:8], n_splits=2, seed=0)
    joined = images.copy()
    joined[5] = joined[0]  # the two patients of a are one
    with pytest.raises(
        InputError,
        match=r"a has 1, after 1 pair of patients was joined, since films look alike: p0 ~ p1 \(1.00\); more patients are",
    ):
        make_folds(data, joined, n_splits=2, seed=0)
    with pytest.raises(InputError, match=r"c has 0; more patients are wanted"):
        make_folds(replace(data, classes=("a", "b", "c")), images, n_splits=2, seed=0)


def test_a_fold_without_a_class_is_refused(monkeypatch: pytest.MonkeyPatch):
    data = made_up([("a", 1)] * 4 + [("b", 1)] * 4)
    monkeypatch.setattr(module, "_deal", lambda labels, *_: labels)
    with pytest.raises(InputError, match=r"fold 0 has no film of a to train on.*fewer folds"):
        make_folds(data, noise(100)[:8], n_splits=2, seed=0)


@pytest.fixture(scope="module")
def phantom() -> Manifest:
    return load_dataset("phantom:size=64,train=5,test=0,seed=3")


@pytest.fixture
def split(phantom: Manifest) -> tuple[list[Row], list[Row]]:
    """Return the rows of one true fold."""
    folds = make_folds(phantom, films_of(phantom), n_splits=2, seed=0)
    train, test = folds.split(0)
    return [phantom.rows[i] for i in train], [phantom.rows[i] for i in test]


def checked(train: list[Row], test: list[Row], **options: bool) -> None:
    images = [
        load_images([row.path for row in rows], LIKENESS_SIZE, LIKENESS_FIT)
        for rows in (train, test)
    ]
    check_disjoint(train, test, *images, where="fold 1", **options)


def test_true_folds_of_phantoms_pass(split: tuple[list[Row], list[Row]]):
    checked(*split)
    checked(*split, external=True)


def test_a_patient_on_both_sides_is_named(split: tuple[list[Row], list[Row]]):
    train, test = split
    test[2] = replace(test[2], group=train[1].group)
    with pytest.raises(
        InputError, match=f"fold 1: a patient is in both train and test: {train[1].group}"
    ) as caught:
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
    with pytest.raises(InputError, match=r"the same file under two patients .*copy\.png") as caught:
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
    with pytest.raises(
        InputError, match=r"resized or re-encoded copy .*copy\.(png|jpg) \(correlation"
    ) as caught:
        checked(train, test)
    assert train[0].path.name in str(caught.value)


def test_five_leaks_are_named_and_the_rest_counted():
    data = made_up([("a", 1)] * 8)
    with pytest.raises(InputError, match=r"p4 \(a/p4-0.png, a/p4-0.png\) and 3 more; "):
        check_disjoint(data.rows, data.rows, noise(100)[:8], noise(100)[:8], where="fold 0")


@pytest.mark.parametrize("block", [1, 3, 1000])
def test_copies_are_found_in_every_block(monkeypatch: pytest.MonkeyPatch, block: int):
    monkeypatch.setattr(module, "BLOCK", block)
    data, images = made_up([("a", 1)] * 10), noise(100)[:10].copy()
    images[8] = images[6]
    with pytest.raises(InputError, match=r"copy .* a/p6-0.png ~ a/p8-0.png \(correlation 1.000\);"):
        check_disjoint(data.rows[:7], data.rows[7:], images[:7], images[7:], where="fold 0")


def test_names_given_by_files_or_drawn_are_not_compared_across_data_sets():
    def row(path: str, group: str, sha: str, **more: str) -> Row:
        return replace(Row(path=Path(path), label="a", group=group, sha256=sha), **more)

    def compared(first: Row, second: Row) -> None:
        check_disjoint(
            [first], [second], noise(100)[:1], noise(100)[1:2], where="--external D", external=True
        )

    compared(row("x/a/1.png", "a/1.png", "1"), row("y/a/1.png", "a/1.png", "2"))
    compared(
        row("x/p1-1.png", "p1", "1", origin="phantom"),
        row("y/p1-1.png", "p1", "2", origin="phantom"),
    )
    with pytest.raises(
        InputError, match=r"--external D: a patient is in both .*remove them .*rename"
    ):
        compared(row("x/1.png", "p1", "1"), row("y/2.png", "p1", "2"))
    with pytest.raises(InputError, match="the same file"):
        compared(row("x/a/1.png", "a/1.png", "1"), row("y/a/1.png", "a/1.png", "1"))


def test_the_two_sides_of_one_set_have_comparable_names():
    train = Row(path=Path("x/a/1.png"), label="a", group="1.png", sha256="1")
    test = Row(
        path=Path("x/a/2.png"), label="a", group="1.png", sha256="2"
    )  # the patient is called by the first film
    for first, second in (
        (train, test),
        (replace(train, origin="phantom"), replace(test, origin="phantom")),
    ):
        with pytest.raises(
            InputError,
            match=r"kept: a patient is in both .*remove them from one side of the split$",
        ):
            check_disjoint(
                [first], [second], noise(100)[:1], noise(100)[1:2], where="kept", kept=True
            )


def test_a_patient_called_by_one_of_the_films_is_known():
    def data(*cells: tuple[str, str]) -> Manifest:
        rows = [
            Row(path=Path(path), label="a", group=group, sha256=str(index))
            for index, (path, group) in enumerate(cells)
        ]
        return Manifest(name="made up", classes=("a",), rows=tuple(rows))

    alone = ("x/3.png", "3.png")
    assert patients_known(data(("x/1.png", "1.png"), ("x/2.png", "1.png"), alone)) == "all"
    assert patients_known(data(("x/1.png", "p1"), ("x/2.png", "p1"), alone)) == "some"
    assert patients_known(data(("x/1.png", "x/1.png"), alone)) == "none"
    twice = ("x/1.png", "1.png")  # a file that a table lists twice is no evidence of a name
    assert patients_known(data(twice, twice, alone)) == "none"


def test_unknown_patients_are_said(phantom: Manifest, tmp_path: Path):
    assert grouping_warning(phantom) is None
    for row in phantom.rows:
        place = tmp_path / row.label / row.path.name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(row.path.read_bytes())
    assert "no patients are known" in (grouping_warning(load_dataset(tmp_path)) or "")
    assert grouping_warning(load_dataset(tmp_path, group_regex=r"(patient\d+)")) is None
    some = load_dataset(tmp_path, group_regex=r"(patient\d+)-1")
    alone = sum(not row.path.stem.endswith("-1") for row in some.rows)
    assert f"{alone} of {len(some)} images name no patient" in (grouping_warning(some) or "")
    assert [patients_known(data) for data in (phantom, some, load_dataset(tmp_path))] == [
        "all",
        "some",
        "none",
    ]
    assert patient_warnings(phantom) == []
    assert patient_warnings(some) == [grouping_warning(some)]
    said = data_warnings(load_dataset(tmp_path))
    assert ["no patients are known" in warning for warning in said] == [
        True,
        *[False] * (len(said) - 1),
    ]


def test_on_covid4_the_copy_is_joined_the_paper_stays_whole_and_covid_is_told_apart(covid4: Path):
    data = load_dataset("covid4")
    images = films_of(data)
    for repeat in range(2):
        folds = make_folds(data, images, n_splits=4, seed=0, repeat=repeat)
        ((first, second),) = folds.joined
        assert first.startswith("E63574A7")
        assert second.startswith("F4341CE7")
        assert len(set(folds.groups)) == 256
        for names in ({"nejmoa2001191"}, {first, second}):
            assert (
                len(
                    {
                        int(f)
                        for row, f in zip(data.rows, folds.fold_of, strict=True)
                        if row.group in names
                    }
                )
                == 1
            )
        check_all(data, images, folds)
    found = shortcut_audit(
        images, file_metadata(data.paths()), data.labels(), folds.fold_of, data.classes, seed=0
    )
    assert "covid" in found.told_apart
    assert found.auroc["metadata"]["covid"] > 0.97
    for name, figure in {
        "metadata": 0.768,
        "thumbnail": 0.690,
        "border": 0.634,
        "centre removed": 0.646,
    }.items():
        assert found.accuracy[name] == pytest.approx(figure, abs=0.06)
    said = shortcut_warnings(found, {"classic": 0.78})
    assert said[0].startswith("covid is told apart")
    assert "file metadata" in said[-1]
