"""Choose the rows that a generator may be trained on: real, not test, not held out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fewray.data.images import ImageSource
from fewray.data.manifest import Manifest
from fewray.data.near_duplicates import merge_patients
from fewray.errors import InputError


def split_hold_out(rows: Manifest, share: float, *, seed: int) -> tuple[Manifest, Manifest]:
    """Split the rows of one class by patient: those for training a generator, and those held out.

    Patients who share an image or a near-duplicate count as one, as in the folds of a study.
    Patients are drawn until at least ``share`` of the images, and two images, are held out. Raises
    InputError if fewer than two images would be left.
    """
    if not 0 <= share < 1:
        raise InputError(
            "hold_out", f"--hold-out: expected 0 or more and below 1, got {share:g}", share=share
        )
    if not share:
        return rows, replace(rows, rows=())
    names = [row.group for row in rows.rows]
    hashes = [row.sha256 for row in rows.rows]
    codes = merge_patients(names, hashes, ImageSource(rows).for_comparison()).codes
    sizes = np.bincount(codes)
    held_out = np.zeros(len(sizes), bool)
    for patient in np.random.default_rng(seed).permutation(len(sizes)):
        if sizes[held_out].sum() >= max(2, share * len(rows)):
            break
        held_out[patient] = True
    left = int(sizes[~held_out].sum())
    if left < 2:
        raise InputError(
            "hold_out_too_large",
            f"class {rows.rows[0].label}: --hold-out {share:g} leaves {left} of {len(rows)} images "
            f"({len(sizes)} patients); expected at least 2. Add images or omit --stop-when-done.",
            left=left,
        )
    sides = (
        tuple(row for row, code in zip(rows.rows, codes, strict=True) if held_out[code] == side)
        for side in (False, True)
    )
    training, others = (replace(rows, rows=side) for side in sides)
    return training, others


def training_rows(manifest: Manifest) -> Manifest:
    """Return the rows that are not of split ``test``. Raises InputError if there are none."""
    rows = tuple(row for row in manifest.rows if row.split != "test")
    if not rows:
        raise InputError(
            "no_training_rows", f"{manifest.name}: all {len(manifest)} images are of split test"
        )
    return replace(manifest, rows=rows)


def held_out_rows(manifest: Manifest) -> Manifest:
    """Return the rows of split ``test``, or all rows of a data set without that split."""
    return manifest.where(split="test") if "test" in manifest.counts() else manifest


def check_no_synthetic(manifest: Manifest, option: str = "--data") -> None:
    """Raise InputError if ``manifest`` holds synthetic images."""
    if synthetic := len(manifest.where(origin="synthetic")):
        found = f"{synthetic} synthetic image{'' if synthetic == 1 else 's'}"
        raise InputError(
            "synthetic_images",
            f"{option} {manifest.name}: expected real images only, got {found}",
            count=synthetic,
        )
