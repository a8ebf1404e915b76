"""Make the folds: stratified by class, with each patient and all near-duplicates in one fold.

:mod:`fewray.study.leaks` checks them and shares no code with this module except the measure of
similarity, so it would catch a fault here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fewray.compute.seeds import child_seed
from fewray.data.images import ImageSource
from fewray.data.near_duplicates import merge_patients
from fewray.errors import InputError

LISTED = 5
"""How many findings a message lists before it counts the rest."""


@dataclass(frozen=True, kw_only=True)
class Folds:
    """The folds of one repeat: each row is tested in one fold and trained on in all others."""

    n_splits: int
    repeat: int
    fold_of: np.ndarray
    """int64 (rows,): the fold that tests the row."""
    groups: np.ndarray
    """int64 (rows,): the patient, after merging patients with near-duplicate images."""
    merged: list[tuple[str, str]]
    """The pairs of patients that were merged."""

    def split(self, fold: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the ascending int64 indices of the training rows and of the test rows."""
        return np.flatnonzero(self.fold_of != fold), np.flatnonzero(self.fold_of == fold)


def make_folds(
    source: ImageSource, *, n_splits: int, seed: int, repeat: int = 0, inner: str = ""
) -> Folds:
    """Split the patients into folds with equal class shares (StratifiedGroupKFold).

    Patients with equal or near-duplicate images count as one, whatever their labels. ``repeat``
    numbers repetitions with other folds. ``inner`` names the split in errors if it is not that of
    ``--folds``. InputError if some fold cannot have every class on both sides.
    """
    where = inner or f"--folds {n_splits}"
    if n_splits < 2:
        raise InputError("too_few_folds", f"{where}: expected at least 2 folds.", folds=n_splits)
    manifest = source.manifest
    merged = merge_patients(
        [row.group for row in manifest.rows],
        [row.sha256 for row in manifest.rows],
        source.for_comparison(),
    )
    groups = merged.codes
    labels = manifest.labels()
    after = f", after {merged_text(merged.pairs)}" if merged.pairs else ""
    patients = [len(set(groups[labels == k].tolist())) for k in range(len(manifest.classes))]
    if short := [k for k, count in enumerate(patients) if count < n_splits]:
        named = ", ".join(f"{manifest.classes[k]} has {patients[k]}" for k in short)
        remedy = "Add patients."
        if min(patients) > 1 and not inner:
            remedy = f"Use --folds {min(patients)} or add patients."
        raise InputError(
            "too_few_patients",
            f"{where}: each class needs at least {n_splits} patients, but {named}{after}. {remedy}",
            classes=[manifest.classes[k] for k in short],
            patients=min(patients),
            expected=n_splits,
        )
    fold_of = _deal(labels, groups, n_splits, child_seed(seed, "folds", repeat) % 2**32)
    for fold in range(n_splits):
        for k, label in enumerate(manifest.classes):
            tested = int((fold_of[labels == k] == fold).sum())
            if tested in (0, int((labels == k).sum())):
                side = "test" if tested == 0 else "train on"
                remedy = "another --seed or more patients"
                if not inner:
                    remedy = f"fewer folds, {remedy}"
                raise InputError(
                    "class_missing_in_fold",
                    f"{where}: fold {fold} has no image of {label} to {side}, because some "
                    f"patients have too many images{after}. Use {remedy}.",
                    fold=fold,
                    label=label,
                )
    return Folds(
        n_splits=n_splits, repeat=repeat, fold_of=fold_of, groups=groups, merged=[*merged.pairs]
    )


def merged_text(merged: Mapping[tuple[str, str], float]) -> str:
    """Return a phrase that says which patients were merged, the most similar first."""
    ordered = sorted(merged, key=lambda pair: (-merged[pair], pair))
    shown = ", ".join(f"{a} ~ {b} ({merged[a, b]:.2f})" for a, b in ordered[:LISTED])
    if len(ordered) > LISTED:
        shown += f" and {len(ordered) - LISTED} more"
    pairs = "1 pair of patients" if len(merged) == 1 else f"{len(merged)} pairs of patients"
    return f"merging {pairs} with near-duplicate images: {shown}"


def _deal(labels: np.ndarray, groups: np.ndarray, n_splits: int, seed: int) -> np.ndarray:
    from sklearn.model_selection import StratifiedGroupKFold

    fold_of = np.full(len(labels), -1, dtype=np.int64)
    splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    for fold, (_, test) in enumerate(splitter.split(labels[:, None], labels, groups)):
        fold_of[test] = fold
    return fold_of
