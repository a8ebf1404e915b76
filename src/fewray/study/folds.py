"""Stratified folds that keep a patient, and every copy of a film, on one side; and the check that they do.

The check shares nothing with the making but the measure of likeness, so that it would catch a fault in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fewray.compute.seeds import child_seed
from fewray.data.manifest import Manifest, Row
from fewray.data.near_duplicates import NEAR, near_pairs, thumbnail_of
from fewray.data.patients import UNREAD, called_by_file, unnamed
from fewray.errors import InputError
from fewray.imaging.arrays import check_images

LIKENESS_SIZE, LIKENESS_FIT = 64, "squash"
"""How films are to be loaded for comparison. Padded films would not do: their black margins make unexpected alike and
hide a copy of another shape (on covid4 at 64 pixels unexpected reach 0.96, and the one true pair only 0.94)."""
NAMED = 5
"""How many leaks an error names before it counts the rest."""
BLOCK = 1024
"""Training films compared at a time, to bound memory."""


@dataclass(frozen=True, kw_only=True)
class Folds:
    """One repeat of the rows: each row is tested in one fold and trained on in all others."""

    n_splits: int
    repeat: int
    fold_of: np.ndarray
    """int64 (rows,): the fold that tests the row."""
    groups: np.ndarray
    """int64 (rows,): the patient, after patients with films in common were joined."""
    joined: list[tuple[str, str]]
    """The pairs of patients of which a film is byte-equal or looks alike."""

    def split(self, fold: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the indices of the rows that ``fold`` trains on and of those it tests, int64 and ascending."""
        return np.flatnonzero(self.fold_of != fold), np.flatnonzero(self.fold_of == fold)

    def table(self, manifest: Manifest) -> list[dict[str, Any]]:
        """Return what each fold holds, as plain JSON: rows, groups and, by class, rows on either side."""
        labels, rows = manifest.labels(), []
        for fold in range(self.n_splits):
            sides = dict(zip(("train", "test"), self.split(fold), strict=True))
            rows.append(
                {"repeat": self.repeat, "fold": fold}
                | {side: len(index) for side, index in sides.items()}
                | {
                    f"{side}_groups": len(set(self.groups[index].tolist()))
                    for side, index in sides.items()
                }
                | {
                    "counts": {
                        label: {
                            side: int((labels[index] == k).sum()) for side, index in sides.items()
                        }
                        for k, label in enumerate(manifest.classes)
                    }
                }
            )
        return rows


def make_folds(
    manifest: Manifest,
    images: np.ndarray,
    *,
    n_splits: int,
    seed: int,
    repeat: int = 0,
    inner: str = "",
) -> Folds:
    """Deal the patients out to ``n_splits`` folds of like class shares (scikit-learn's StratifiedGroupKFold).

    ``images`` uint8 (rows, 1, S, S) show the films squashed to squares (``LIKENESS_SIZE``, ``LIKENESS_FIT``). Patients
    of whom films are byte-equal, or alike (correlation of thumbnails of 0.97 or more), whatever their labels, count as
    one. ``repeat`` numbers repetitions with other folds. InputError where a class cannot be on both sides of every
    fold; ``inner`` opens its message where the split is not that of ``--folds``.
    """
    opening = inner or f"--folds {n_splits}"
    if n_splits < 2:
        raise InputError(f"--folds {n_splits}: 2 or more are wanted")
    if len(check_images(images)) != len(manifest):
        raise InputError(
            f"folds: {len(images)} images for {len(manifest)} rows; one a row is wanted"
        )
    groups, joined = joined_groups(manifest.rows, images)
    labels = manifest.labels()
    patients = [len(set(groups[labels == k].tolist())) for k in range(len(manifest.classes))]
    if short := [k for k, count in enumerate(patients) if count < n_splits]:
        named = ", ".join(f"{manifest.classes[k]} has {patients[k]}" for k in short)
        few = min(patients)
        remedy = (
            f"take --folds {few} or more patients"
            if few > 1 and not inner
            else "more patients are wanted"
        )
        need = (
            f"each class needs {n_splits} patients"
            if inner
            else "each class needs as many patients as folds"
        )
        raise InputError(f"{opening}: {need}, {named}{_after(joined)}; {remedy}")
    fold_of = _deal(labels, groups, n_splits, child_seed(seed, "folds", repeat) % 2**32)
    for fold in range(n_splits):
        for k, label in enumerate(manifest.classes):
            tested = int((fold_of[labels == k] == fold).sum())
            if tested in (0, int((labels == k).sum())):
                side = "test" if tested == 0 else "train on"
                raise InputError(
                    f"{opening}: fold {fold} has no film of {label} to {side}, because some patients have too "
                    f"many{_after(joined)}; take {'' if inner else 'fewer folds, '}another --seed, or more patients"
                )
    return Folds(
        n_splits=n_splits, repeat=repeat, fold_of=fold_of, groups=groups, joined=list(joined)
    )


def check_disjoint(
    train: Sequence[Row],
    test: Sequence[Row],
    train_images: np.ndarray,
    test_images: np.ndarray,
    *,
    where: str,
    external: bool = False,
    kept: bool = False,
) -> None:
    """Raise InputError where a patient, a file or a film is in both ``train`` and ``test``; each with its own message.

    The images are those of the rows, uint8 (n, 1, S, S), loaded as for :func:`make_folds`. ``where`` opens the message.
    With ``external`` the two come from different data sets: patients called by their file's name, and phantoms, are
    then different ones though their names are the same. With ``kept`` they are the two sides of one set's own split. Not
    found: copies that were mirrored, turned, cropped, padded or inverted.
    """
    for rows, images in ((train, train_images), (test, test_images)):
        if len(check_images(images)) != len(rows):
            raise InputError(
                f"{where}: {len(images)} images for {len(rows)} rows; one a row is wanted"
            )
    remedy = (
        "remove them from the external set"
        if external
        else "remove them from one side of the split"
        if kept
        else "the folds are at fault: give the films one patient, or report it"
    )
    seen = {row.group: row for row in train if not external or is_named_across_sets(row)}
    both = [(seen[row.group], row) for row in test if row.group in seen]
    if external:
        both = [(first, row) for first, row in both if is_named_across_sets(row)]
    if both:
        shown = _some(f"{row.group} ({_short(first)}, {_short(row)})" for first, row in both)
        rename = (
            " or, if they are other patients of the same names, rename those" if external else ""
        )
        raise InputError(f"{where}: a patient is in both train and test: {shown}; {remedy}{rename}")
    bytes_of = {row.sha256: row for row in train}
    if same := [(bytes_of[row.sha256], row) for row in test if row.sha256 in bytes_of]:
        raise InputError(
            f"{where}: the same file under two patients is in both train and test: "
            f"{_some(f'{_short(first)} = {_short(row)}' for first, row in same)}; {remedy}"
        )
    if alike := _alike(train_images, test_images):
        shown = _some(
            f"{_short(train[i])} ~ {_short(test[j])} (correlation {value:.3f})"
            for i, j, value in alike
        )
        raise InputError(
            f"{where}: a resized or re-encoded copy of a film is in both train and test: {shown}; {remedy}"
        )


def patients_known(manifest: Manifest) -> str:
    """Return of how many rows the patient is known: ``all``, ``some`` or ``none``."""
    alone = sum(unnamed(manifest.rows))
    return "all" if not alone else "none" if alone == len(manifest) else "some"


def grouping_warning(manifest: Manifest) -> str | None:
    """Return a sentence where patients are not known, for all rows or some; None where every row names its own."""
    alone = sum(unnamed(manifest.rows))
    if not alone:
        return None
    who = (
        "no patients are known"
        if alone == len(manifest)
        else f"{alone} of {len(manifest)} images name no patient"
    )
    return (
        f"{who}: each such image counts as a patient of its own, so two films of one patient may be in train and test "
        "and flatter every arm; name patients in a CSV column group or by --group-regex"
    )


def patient_warnings(manifest: Manifest) -> list[str]:
    """Return what must be known of the patients before a trial begins: unknown ones, and columns that may name them."""
    notes = [str(note) for note in manifest.notes.get("warnings", []) if UNREAD in str(note)]
    return [*filter(None, [grouping_warning(manifest)]), *notes]


def external_warning(manifest: Manifest, external: Manifest) -> str | None:
    """Return a sentence where the data's patients are known and those of the external set, or some of them, are not."""
    alone = sum(unnamed(external.rows))
    if not alone or all(unnamed(manifest.rows)):
        return None
    why = f" ({external.notes['patients']})" if "patients" in external.notes else ""
    return (
        f"external set {external.name}: {alone} of {len(external)} images name no patient{why}, those of {manifest.name} do: "
        "a patient in both would not be found, and the external intervals take each such image for a patient of its own"
    )


def joined_warning(external: Manifest, joined: Mapping[tuple[str, str], float]) -> str | None:
    """Return a sentence where patients of the external set were ``joined``, as :func:`joined_groups` returns them."""
    if not joined:
        return None
    return f"external set {external.name}: {_joined(joined)}: the external intervals take them for one patient"


def data_warnings(manifest: Manifest) -> list[str]:
    """Return what was found when the data were read, and what it means for the folds where patients are not known."""
    notes, ungrouped = (
        [str(note) for note in manifest.notes.get("warnings", [])],
        grouping_warning(manifest),
    )
    if ungrouped is None:
        return notes
    return [
        ungrouped,
        *(note for note in notes if "counts as its own" not in note),
    ]  # which says less of the same


def joined_groups(
    rows: Sequence[Row], images: np.ndarray
) -> tuple[np.ndarray, dict[tuple[str, str], float]]:
    """Return each row's code int64 (rows,) and the pairs of patients put under one, in order, with their likeness.

    ``images`` uint8 (rows, 1, S, S) show the rows' films as for :func:`make_folds`.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names = sorted({row.group for row in rows})
    number = {name: index for index, name in enumerate(names)}
    first: dict[str, int] = {}
    links = [(first.setdefault(row.sha256, index), index, 1.0) for index, row in enumerate(rows)]
    links += near_pairs(
        {i: thumbnail_of(image[0]) for i, image in enumerate(images)}
    )  # the likest first
    likeness: dict[tuple[str, str], float] = {}
    for i, j, value in links:
        if (a := rows[i].group) != (b := rows[j].group):
            likeness.setdefault((min(a, b), max(a, b)), value)
    pairs = sorted(likeness)
    ends = np.array([(number[a], number[b]) for a, b in pairs], dtype=np.int64).reshape(-1, 2)
    graph = coo_array(
        (np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(names), len(names))
    )
    components = connected_components(graph, directed=False)[1]
    return np.array([components[number[row.group]] for row in rows], dtype=np.int64), {
        pair: likeness[pair] for pair in pairs
    }


def _deal(labels: np.ndarray, groups: np.ndarray, n_splits: int, seed: int) -> np.ndarray:
    from sklearn.model_selection import StratifiedGroupKFold

    fold_of = np.full(len(labels), -1, dtype=np.int64)
    splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    for fold, (_, test) in enumerate(splitter.split(labels[:, None], labels, groups)):
        fold_of[test] = fold
    return fold_of


def _alike(train_images: np.ndarray, test_images: np.ndarray) -> list[tuple[int, int, float]]:
    """Return (row of train, row of test, correlation) of films that look alike, the likest first."""
    if not len(train_images) or not len(test_images):
        return []
    tested = np.stack([thumbnail_of(image[0]) for image in test_images])
    found = []
    for start in range(0, len(train_images), BLOCK):
        block = np.stack([thumbnail_of(image[0]) for image in train_images[start : start + BLOCK]])
        likeness = block @ tested.T
        found += [
            (start + int(i), int(j), float(likeness[i, j]))
            for i, j in np.argwhere(likeness >= NEAR)
        ]
    return sorted(found, key=lambda pair: (-pair[2], *pair[:2]))


def is_named_across_sets(row: Row) -> bool:
    """Whether the row's patient has a name that means the same person in another data set."""
    return row.origin != "phantom" and not called_by_file(row)


def _after(joined: Mapping[tuple[str, str], float]) -> str:
    """Say which patients were joined, or nothing."""
    return f", after {_joined(joined)}" if joined else ""


def _joined(joined: Mapping[tuple[str, str], float]) -> str:
    """Say which patients were joined, the likest first."""
    shown = _some(
        f"{a} ~ {b} ({joined[a, b]:.2f})"
        for a, b in sorted(joined, key=lambda pair: (-joined[pair], pair))
    )
    count = (
        "1 pair of patients was" if len(joined) == 1 else f"{len(joined)} pairs of patients were"
    )
    return f"{count} joined, since films look alike: {shown}"


def _short(row: Row) -> str:
    return f"{row.path.parent.name}/{row.path.name}"


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:NAMED]) + (
        f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    )
