"""Check for leaks: a patient, a file or a near-duplicate in train and test, or in a generator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np

from fewray.data.images import ImageSource
from fewray.data.manifest import Manifest, Row
from fewray.data.near_duplicates import NEAR, thumbnail_of
from fewray.data.patients import has_global_name
from fewray.errors import InputError
from fewray.study.folds import LISTED

BLOCK = 1024
"""Training images compared at a time, which bounds the memory."""

Kind = Literal["fold", "own_test_split", "external"]
REMEDIES: dict[Kind, str] = {
    "fold": "This is a fault of the folds: give these images the same patient, or report it.",
    "own_test_split": "Remove them from one side of the split.",
    "external": "Remove them from the external set.",
}


def check_disjoint(
    train: ImageSource, test: ImageSource, *, where: str, kind: Kind = "fold"
) -> None:
    """Raise InputError if a patient, a file or a near-duplicate is on both sides.

    With ``kind`` "external" the sides come from different data sets: phantoms, and patients named
    after their own file, are then different even if their names are equal. Mirrored, rotated,
    cropped, padded or inverted copies are not found.
    """
    trained, tested = train.manifest.rows, test.manifest.rows
    across_sets = kind == "external"
    patients = {row.group: row for row in trained if not across_sets or has_global_name(row)}
    shared = [
        (patients[row.group], row)
        for row in tested
        if row.group in patients and (not across_sets or has_global_name(row))
    ]
    if shared:
        shown = _some(f"{row.group} ({_short(first)}, {_short(row)})" for first, row in shared)
        _refuse("patient", shown, len(shared), where, kind)
    files = {row.sha256: row for row in trained}
    if same := [(files[row.sha256], row) for row in tested if row.sha256 in files]:
        shown = _some(f"{_short(first)} = {_short(row)}" for first, row in same)
        _refuse("file", shown, len(same), where, kind)
    if alike := _near_duplicates(train.for_comparison(), test.for_comparison()):
        shown = _some(
            f"{_short(trained[i])} ~ {_short(tested[j])} (correlation {value:.3f})"
            for i, j, value in alike
        )
        _refuse("near_duplicate", shown, len(alike), where, kind)


def check_generator_rows(
    seen: set[str], train: Manifest, test: Manifest, *, where: str, all_rows: bool = False
) -> None:
    """Raise InputError if a generator saw a test row or a row that is no training row.

    ``seen`` are the hashes of the rows it was trained on or selected with. With ``all_rows`` they
    must be all training rows.
    """
    known = {row.sha256 for row in train.rows}
    if leaked := seen & {row.sha256 for row in test.rows}:
        raise InputError(
            "generator_saw_test_rows",
            f"{where}: it saw {len(leaked)} test images, and its images would leak them into "
            "training. Remove it, or use generators trained on the training images alone.",
            count=len(leaked),
        )
    if seen - known or (all_rows and seen != known):
        raise InputError(
            "generator_of_other_rows",
            f"{where}: it was trained on other images than the {len(known)} training images "
            "expected. Remove it, or use generators trained on these.",
            count=len(seen ^ known if all_rows else seen - known),
        )


def _refuse(what: str, shown: str, count: int, where: str, kind: Kind) -> None:
    noun = {
        "patient": "a patient",
        "file": "the same file under two patients",
        "near_duplicate": "a resized or re-encoded copy of an image",
    }[what]
    remedy = REMEDIES[kind]
    if what == "patient" and kind == "external":
        remedy += " If they are other patients with the same names, rename them."
    raise InputError(
        f"leak_{what}",
        f"{where}: {noun} is in both train and test: {shown}. {remedy}",
        where=where,
        count=count,
    )


def _near_duplicates(train: np.ndarray, test: np.ndarray) -> list[tuple[int, int, float]]:
    """Return (training row, test row, correlation) of near-duplicates, the most similar first."""
    if not len(train) or not len(test):
        return []
    tested = np.stack([thumbnail_of(image[0]) for image in test])
    found = []
    for start in range(0, len(train), BLOCK):
        block = np.stack([thumbnail_of(image[0]) for image in train[start : start + BLOCK]])
        similarity = block @ tested.T
        found += [
            (start + int(i), int(j), float(similarity[i, j]))
            for i, j in np.argwhere(similarity >= NEAR)
        ]
    return sorted(found, key=lambda pair: (-pair[2], *pair[:2]))


def _short(row: Row) -> str:
    return f"{row.shown.parent.name}/{row.shown.name}"


def _some(texts: Iterable[str]) -> str:
    found = list(texts)
    more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
    return ", ".join(found[:LISTED]) + more
