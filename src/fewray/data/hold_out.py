"""Choose the rows that a generator may be trained on: real, not test, not held out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fewray.compute.seeds import child_seed
from fewray.data.images import ImageSource
from fewray.data.manifest import Manifest
from fewray.data.near_duplicates import merge_patients
from fewray.errors import InputError


def split_hold_out(rows: Manifest, share: float, *, seed: int) -> tuple[Manifest, Manifest]:
    """Split the rows of all classes by patient: for training a generator, and held out.

    Patients who share an image or a near-duplicate count as one, as in the folds of a study, and
    are on one side with their images of all classes. Patients are drawn class after class until at
    least ``share`` of its images, and two images, are held out. The draws of a class depend on its
    own patients and ``seed`` only. Raises InputError if a class would be left with fewer than two
    images.
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
    labels = np.array([row.label for row in rows.rows])
    held_out = np.zeros(len(rows), bool)
    for label in rows.classes:
        own = labels == label
        patients = np.unique(codes[own])
        draws = np.random.default_rng(child_seed(seed, "hold-out", label))
        for index in draws.permutation(len(patients)):
            if held_out[own].sum() >= max(2, share * own.sum()):
                break
            held_out |= codes == patients[index]
    for label in rows.classes:
        own = labels == label
        left = int((own & ~held_out).sum())
        if own.any() and left < 2:
            raise InputError(
                "hold_out_too_large",
                f"class {label}: --hold-out {share:g} leaves {left} of {own.sum()} images "
                f"({len(np.unique(codes[own]))} patients); expected at least 2. Lower --hold-out, "
                "or add images.",
                left=left,
            )
    sides = (
        tuple(row for row, held in zip(rows.rows, held_out, strict=True) if held == side)
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
