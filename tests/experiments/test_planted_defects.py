"""Planted defects on phantoms: the right metrics react, and unseen images cause few reactions."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from experiments import defect_detection
from experiments import planted_defects as module
from experiments.planted_defects import COLUMNS, DEFECTS, HELD_OUT, Material, examine
from fewray.data.loading import load_dataset
from fewray.pipelines.quality_report import image_sets
from fewray.quality.copies.detect import find_copies
from fewray.quality.features.load import load_extractor
from fewray.quality.image_set import ImageSet, MeasuredSet
from fewray.results.copies import Copy, CopyThreshold


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    rows = load_dataset("phantom:size=64,train=80,test=1").where(split="train")
    one_each = {row.group: row for row in reversed(rows.rows)}  # the baseline counts patients
    two = ("normal", "covid")
    sets = {}
    for label in two:
        kept = tuple(row for row in one_each.values() if row.label == label)[:40]
        assert len(kept) == 40
        sets |= image_sets(replace(rows, rows=kept), (label,), 64, "squash")
    return examine(sets, load_extractor("lite0"))


def count(found: dict[str, Any], name: str, metric: str) -> int:
    return sum(one["reacted"][metric] for one in found["defects"][name].values())


@pytest.mark.parametrize(
    "name", [name for name, defect in DEFECTS.items() if "copies" in defect.must]
)
@pytest.mark.long
def test_copies_are_flagged(name: str, found: dict[str, Any]):
    expected = 0.45 if "half" in name else 0.95
    assert all(one["found"] >= expected for one in found["defects"][name].values())


@pytest.mark.parametrize(
    "name", ["blur, 1.5 px", "noise, sd 25", "checkerboard, ±12", "one image repeated"]
)
@pytest.mark.long
def test_every_metric_that_must_reacts_to_gross_defects(name: str, found: dict[str, Any]):
    for metric in DEFECTS[name].must - {"is_mean"}:
        assert count(found, name, metric) == 2, metric


@pytest.mark.long
def test_unseen_images_cause_few_reactions(found: dict[str, Any]):
    clean = next(iter(DEFECTS))
    assert sum(count(found, clean, metric) for metric in COLUMNS) <= 3
    assert all(one["found"] <= 0.1 for one in found["defects"][clean].values())


@pytest.mark.long
def test_copies_of_held_out_images_are_found(found: dict[str, Any]):
    assert all(one["found"] == 1.0 for one in found["defects"][HELD_OUT].values())


def test_held_out_images_are_not_compared_with_themselves(monkeypatch: pytest.MonkeyPatch):
    """Unshifted images would be found by any search."""
    rng = np.random.default_rng(0)
    real = {label: ImageSet.of(rng.integers(0, 256, (8, 1, 64, 64), np.uint8)) for label in "ab"}
    searches: list[tuple[np.ndarray, np.ndarray]] = []

    def recording(
        label: str, synthetic: MeasuredSet, train: MeasuredSet, bar: CopyThreshold
    ) -> list[Copy]:
        searches.append((synthetic.images, train.images))
        return find_copies(label, synthetic, train, bar)

    monkeypatch.setattr(module, "find_copies", recording)
    monkeypatch.setattr(module, "DEFECTS", {})
    examine(real, load_extractor("pixels"))
    assert len(searches) == 2
    for given, among in searches:
        assert given.shape == among.shape
        assert (given != among).any((1, 2, 3)).mean() > 0.5


@pytest.mark.long
def test_no_patient_is_in_both_halves(found: dict[str, Any]):
    for label, n in found["num_train"].items():
        assert n + found["num_fake"][label] == 40
        assert abs(n - 20) <= 2


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_keeps_dtype_and_size(name: str):
    rng = np.random.default_rng(0)
    train, unseen, other = (rng.integers(0, 256, (n, 1, 64, 64), np.uint8) for n in (7, 8, 9))
    made = DEFECTS[name].make(Material(train=train, unseen=unseen, other_class=other, rng=rng))
    assert made.dtype == np.uint8
    assert made.shape[1:] == (1, 64, 64)
    if not name.startswith("no defect"):
        assert made.shape != unseen.shape or not np.array_equal(made, unseen)


def test_unexpected_reactions_in_the_committed_table_are_explained(monkeypatch: pytest.MonkeyPatch):
    committed = defect_detection.read_json(defect_detection.RESULT)
    assert defect_detection.unexplained(committed) == []
    clean = {key for key in defect_detection.EXPLAINED if key[0] == next(iter(DEFECTS))}
    for run in committed["runs"]:
        results = run["defects"][next(iter(DEFECTS))].values()
        alarms = {
            metric for one in results for metric, reacted in one["reacted"].items() if reacted
        }
        assert alarms == {metric for _, metric, extractor in clean if extractor == run["extractor"]}
    for key in clean:  # a reaction to no defect is unexpected even if explained
        monkeypatch.delitem(defect_detection.EXPLAINED, key)
    assert set(defect_detection.unexplained(committed)) == clean
    assert {run["extractor"] for run in committed["runs"]} == {"lite0@128", "pixels@32"}
