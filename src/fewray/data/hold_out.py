"""Which rows of a data set a generator may see: no test rows, no synthetic ones, and not the patients kept from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fewray.data.manifest import Manifest
from fewray.errors import InputError


def split_hold_out(rows: Manifest, share: float, *, seed: int) -> tuple[Manifest, Manifest]:
    """Return the rows of one class that its generator sees and those it does not, no patient among both.

    Patients are drawn until at least ``share`` of the images, and two, are held out. InputError when fewer than two of
    the other images would be left.
    """
    if not 0 <= share < 1:
        raise InputError(f"--hold-out {share:g}: 0 or more and below 1 is wanted")
    groups = sorted({row.group for row in rows.rows})
    apart: set[str] = set()
    count = 0
    for index in np.random.default_rng(seed).permutation(len(groups)):
        if not share or count >= max(2, share * len(rows)):
            break
        apart.add(groups[index])
        count += sum(row.group == groups[index] for row in rows.rows)
    if share and len(rows) - count < 2:
        raise InputError(
            f"class {rows.rows[0].label}: {len(rows)} images of {len(groups)} patients; --hold-out {share:g} leaves "
            f"{len(rows) - count}, at least 2 are wanted; give more images or leave --stop-when-done out"
        )
    seen, held_out = (
        tuple(r for r in rows.rows if (r.group in apart) == side) for side in (False, True)
    )
    return replace(rows, rows=seen), replace(rows, rows=held_out)


def training_rows(manifest: Manifest) -> Manifest:
    """Return the rows a generator may see: those that are not of split ``test``. InputError when there are none."""
    rows = tuple(row for row in manifest.rows if row.split != "test")
    if not rows:
        raise InputError(
            f"{manifest.name}: {len(manifest)} images, all of split test; training rows are wanted"
        )
    return replace(manifest, rows=rows)


def held_out_rows(manifest: Manifest) -> Manifest:
    """Return the rows of split ``test``, or all of them where the data has no such split."""
    return manifest.where(split="test") if "test" in manifest.counts() else manifest


def check_no_synthetic(manifest: Manifest, option: str = "--data") -> None:
    """Make sure that a generator may be trained on ``manifest``; InputError counts images that a generator made."""
    if synthetic := len(manifest.where(origin="synthetic")):
        raise InputError(
            f"{option} {manifest.name}: {synthetic} synthetic images; real films are wanted: a generator is not trained on "
            "what a generator made"
        )
