"""Check that held-out images are disjoint from the training images, by hash and by content."""

from __future__ import annotations

from fewray.data.images import ImageSource
from fewray.data.manifest import Manifest
from fewray.data.near_duplicates import THUMBNAIL, near_pairs, thumbnail_of
from fewray.data.patients import has_global_name
from fewray.errors import InputError
from fewray.pipelines.provenance import Sources, training_hashes

NAMED = 5
"""Patients that a note lists by name."""


def check_held_out(real: Manifest, held_out: Manifest, sources: Sources) -> list[str]:
    """Return a note on patients with images on both sides.

    InputError if a held-out image is one of the ``real`` images or of those a generator saw: by its
    bytes, by equal pixels at 32 x 32, or as a near-duplicate
    (:func:`fewray.data.near_duplicates.near_pairs`), which finds images saved again at another size
    or quality. Other images of a real image's patient give a note only.
    """
    seen = {row.sha256 for row in real.rows}.union(
        *(training_hashes(sources, label) for label in sources)
    )
    remedy = "Hold out images that no generator saw."
    if both := [row.shown for row in held_out.rows if row.sha256 in seen]:
        message = f"--held-out: {len(both)} of {len(held_out)} files are training images, first "
        raise InputError("held_out_seen", f"{message}{both[0]}. {remedy}", paths=both)
    if duplicates := _duplicates(real, held_out):
        index, image = min(duplicates.items())
        message = (
            f"--held-out: {len(duplicates)} of {len(held_out)} files duplicate real images, first "
            f"{held_out.rows[index].shown} ({real.rows[image].shown}). {remedy}"
        )
        raise InputError("held_out_duplicates", message, count=len(duplicates))
    known = {row.group for row in real.rows if has_global_name(row)}
    shared = [row.group for row in held_out.rows if has_global_name(row) and row.group in known]
    if not shared:
        return []
    names = list(dict.fromkeys(shared))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return [
        f"{len(shared)} of {len(held_out)} held-out images are of patients with real images too "
        f"({', '.join(names[:NAMED])}{more}): these patients are not unseen."
    ]


def _duplicates(real: Manifest, held_out: Manifest) -> dict[int, int]:
    """Return, by index of a held-out image, the index of a real image with the same content."""
    first, second = (ImageSource(rows).at(THUMBNAIL, "squash") for rows in (real, held_out))
    known = {image.tobytes(): index for index, image in reversed(list(enumerate(first)))}
    found = {
        i: known[image.tobytes()] for i, image in enumerate(second) if image.tobytes() in known
    }
    thumbnails = {i: thumbnail_of(image[0]) for i, image in enumerate([*first, *second])}
    for i, j, _ in near_pairs(thumbnails):
        if i < len(first) <= j:
            found.setdefault(j - len(first), i)
    return found
