"""Folds keep patients and copies together; the check finds every leak that is planted past them."""

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewray.data.audit.metadata import file_metadata
from fewray.data.audit.shortcuts import shortcut_audit
from fewray.data.images import ImageSource
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest, Row
from fewray.errors import InputError
from fewray.study import folds as module
from fewray.study.folds import Folds, make_folds
from fewray.study.leaks import check_disjoint
from fewray.study.warnings import audit_warnings
from tests.helpers import refused, source_of


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


def check_all(source: ImageSource, folds: Folds) -> None:
    for fold in range(folds.n_splits):
        train, test = (source.take(side) for side in folds.split(fold))
        check_disjoint(train, test, where=f"fold {fold}")


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
        with refused("too_few_patients"):
            make_folds(source_of(data, images), n_splits=n_splits, seed=seed)
        return
    try:
        folds = make_folds(source_of(data, images), n_splits=n_splits, seed=seed)
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
    assert folds.merged == []
    check_all(source_of(data, images), folds)


@pytest.mark.parametrize("n_splits", [2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_classes_are_dealt_out_within_one_row_where_patients_are_small(n_splits: int, seed: int):
    data = made_up([(label, 1) for label, n in (("a", 13), ("b", 22), ("c", 9)) for _ in range(n)])
    folds = make_folds(source_of(data, noise(100)[: len(data)]), n_splits=n_splits, seed=seed)
    for k, n in enumerate((13, 22, 9)):
        tested = np.bincount(folds.fold_of[data.labels() == k], minlength=n_splits)
        assert sum(tested) == n
        assert max(tested) - min(tested) <= 1


def test_the_same_seed_gives_the_same_folds_and_partitions_differ():
    data, images = made_up([("a", 1)] * 12 + [("b", 2)] * 12), noise(100)[:36]
    first = make_folds(source_of(data, images), n_splits=3, seed=7)
    assert (first.fold_of == make_folds(source_of(data, images), n_splits=3, seed=7).fold_of).all()
    others = [
        make_folds(source_of(data, images), n_splits=3, seed=7, repeat=p).fold_of for p in range(4)
    ]
    others.append(make_folds(source_of(data, images), n_splits=3, seed=8).fold_of)
    assert len({tuple(each) for each in others}) == 5


def test_the_folds_are_those_of_the_rows_wherever_the_files_lie():
    data, images = made_up([("a", 1)] * 8 + [("b", 1)] * 8), noise(100)[:16]
    moved = replace(
        data, rows=tuple(replace(row, path=Path("/elsewhere") / row.path) for row in data.rows)
    )
    folds, again = (
        make_folds(source_of(each, images), n_splits=4, seed=1) for each in (data, moved)
    )
    assert (folds.fold_of == again.fold_of).all()


def test_copies_join_their_patients_through_chains_and_across_labels():
    data = made_up([("a", 1)] * 6 + [("b", 1)] * 6)
    images = noise(100)[:12].copy()
    images[7] = images[1]  # looks alike under another label
    rows = list(data.rows)
    rows[4] = replace(rows[4], sha256=rows[1].sha256)  # byte-equal
    data = replace(data, rows=tuple(rows))
    for seed in range(6):
        folds = make_folds(source_of(data, images), n_splits=3, seed=seed)
        assert folds.merged == [("p1", "p4"), ("p1", "p7")]
        assert folds.groups[1] == folds.groups[4] == folds.groups[7]
        assert len(set(folds.groups)) == 10
        assert len(set(folds.fold_of[[1, 4, 7]])) == 1
        check_all(source_of(data, images), folds)


def test_too_few_patients_and_invalid_options_are_refused():
    data, images = made_up([("a", 5), ("a", 1), ("b", 1), ("b", 1), ("b", 1)]), noise(100)[:9]
    with refused("too_few_patients", "a has 2. Use --folds 2") as caught:
        make_folds(source_of(data, images), n_splits=3, seed=0)
    assert caught.value.fields == {"classes": ["a"], "patients": 2, "expected": 3}
    with refused("too_few_folds"):
        make_folds(source_of(data, images), n_splits=1, seed=0)
    merged = images.copy()
    merged[5] = merged[0]  # the two patients of a are one
    with refused("too_few_patients", r"a has 1, after merging 1 pair .* p0 ~ p1 \(1.00\)"):
        make_folds(source_of(data, merged), n_splits=2, seed=0)
    with refused("too_few_patients", "c has 0"):
        make_folds(source_of(replace(data, classes=("a", "b", "c")), images), n_splits=2, seed=0)


def test_a_fold_without_a_class_is_refused(monkeypatch: pytest.MonkeyPatch):
    data = made_up([("a", 1)] * 4 + [("b", 1)] * 4)
    monkeypatch.setattr(module, "_deal", lambda labels, *_: labels)
    with refused("class_missing_in_fold", "fewer folds") as caught:
        make_folds(source_of(data, noise(100)[:8]), n_splits=2, seed=0)
    assert caught.value.fields == {"fold": 0, "label": "a"}


def test_covid4_duplicate_is_merged_its_paper_stays_in_one_fold_and_covid_is_identified(
    covid4: Path,
):
    data = load_dataset("covid4")
    source = ImageSource(data)
    for repeat in range(2):
        folds = make_folds(source, n_splits=4, seed=0, repeat=repeat)
        ((first, second),) = folds.merged
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
        check_all(source, folds)
    found = shortcut_audit(
        source.for_comparison(),
        file_metadata(data.paths()),
        data.labels(),
        folds.fold_of,
        data.classes,
        seed=0,
    )
    assert "covid" in found.identified
    assert found.auroc["metadata"]["covid"] > 0.97
    for name, figure in {
        "metadata": 0.768,
        "thumbnail": 0.690,
        "border": 0.634,
        "centre removed": 0.646,
    }.items():
        assert found.accuracy[name] == pytest.approx(figure, abs=0.06)
    first, second = audit_warnings(found, {"classic": 0.78}, data)
    assert (first.code, second.code) == ("identified_without_lungs", "simple_models_near_best_arm")
    assert "covid" in first.classes
    assert first.text.startswith("COVID-19 images are of adults, whereas all others")
    assert "a model reaches 7" in first.text
    assert "accuracy from file metadata" in first.text
