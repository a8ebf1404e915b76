"""Held-out films must be no training films, by their bytes and by what they show; patients on both sides are told."""

from __future__ import annotations

from fewray.data.images import ImageSource
from fewray.data.manifest import Manifest
from fewray.data.near_duplicates import THUMBNAIL, near_pairs, thumbnail_of
from fewray.data.patients import has_global_name
from fewray.errors import InputError
from fewray.pipelines.provenance import Sources, training_hashes

WANTED = "films that the generator did not see are wanted"
NAMED = 5
"""How many patients a note names before it counts the rest."""


def check_apart(real: Manifest, held_out: Manifest, sources: Sources) -> list[str]:
    """Return a note on patients with films on both sides; InputError when a held-out film is no held-out film.

    That is one of the ``real`` films, or of those a generator saw, byte for byte, or one that shows what a real one does:
    equal at 32 x 32 pixels, or near-duplicate as :func:`fewray.data.near_duplicates.near_pairs` finds it, which saving a film
    again, at another size or quality, does not escape. Another film of a real film's patient is noted, not refused.
    """
    seen = {row.sha256 for row in real.rows}.union(
        *(training_hashes(sources, label) for label in sources)
    )
    if both := [row.path for row in held_out.rows if row.sha256 in seen]:
        raise InputError(
            f"--held-out: {len(both)} of {len(held_out)} files are among the real ones too, or were seen by a generator, "
            f"first {both[0]}; {WANTED}"
        )
    if twins := _twins(real, held_out):
        apart, film = min(twins.items())
        raise InputError(
            f"--held-out: {len(twins)} of {len(held_out)} files show films that are among the real ones too, first "
            f"{held_out.rows[apart].path}, which shows {real.rows[film].path}; {WANTED}"
        )
    known = {row.group for row in real.rows if has_global_name(row)}
    shared = [row.group for row in held_out.rows if has_global_name(row) and row.group in known]
    if not shared:
        return []
    names = list(dict.fromkeys(shared))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return [
        f"{len(shared)} of {len(held_out)} held-out films are of patients with films among the real ones "
        f"({', '.join(names[:NAMED])}{more}): those patients are not unseen"
    ]


def _twins(real: Manifest, held_out: Manifest) -> dict[int, int]:
    """Return by index of a held-out film that of the real film with the same picture."""
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
