"""Several sets of synthetic images: their names, what makes them comparable, equal numbers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fewray.compute.seeds import child_seed
from fewray.data.layout.outputs import check_out_folder
from fewray.data.manifest import Manifest
from fewray.data.releases.registry import is_release
from fewray.errors import InputError

Sets = Mapping[str, Manifest]
"""Synthetic images, by the name of the set."""


def named_sets(sources: Sequence[str]) -> dict[str, str]:
    """Return the sources by name: as many of the last parts of their paths as tell them apart.

    ``NAME=FOLDER`` gives a name. InputError ``set_repeated`` if two are the same.
    """
    paths = [_split(source) for source in sources]
    seen: set[str] = set()
    for _, path in paths:
        same = os.path.realpath(path)
        if same in seen:
            message = f"{path}: this set is given twice. Give each set once."
            raise InputError("set_repeated", message, source=path)
        seen.add(same)
    parts = [Path(os.path.normpath(Path(path).absolute())).parts for _, path in paths]
    names: list[str] = []
    for depth in range(1, max(map(len, parts), default=0) + 1):
        ends = [Path(*each[-depth:]).as_posix() for each in parts]
        names = [name or end for (name, _), end in zip(paths, ends, strict=True)]
        if len(set(names)) == len(names):
            break
    else:
        message = f"two sets have the same name: {', '.join(names)}. Write NAME=FOLDER."
        raise InputError("set_name_repeated", message, names=names)
    return dict(zip(names, (path for _, path in paths), strict=True))


def _split(source: str) -> tuple[str, str]:
    """Return name and path of ``NAME=FOLDER``; an empty name for a path alone."""
    name, equals, path = source.partition("=")
    given = equals and name and not any(sign in name for sign in "/\\:")
    return (name, path) if given and not Path(source).exists() else ("", source)


def check_sets(sets: Sets, real: Sequence[Manifest], out: Path | None) -> None:
    """Raise InputError for real images among several sets, and for names that are no folder names.

    ``real`` are the manifests of ``--real`` and ``--held-out``. Nor may a set lie where its results
    go.
    """
    known = {os.path.realpath(row.path) for rows in real for row in rows.rows}
    for name, rows in sets.items():
        path = Path(name)
        if not name.strip() or path.is_absolute() or ".." in path.parts:
            message = f"set {name!r}: expected a name that can be a folder, such as diffusion"
            raise InputError("set_name", message, name=name)
        named = rows.source == "covid4" or is_release(rows.source)
        if named or any(os.path.realpath(row.path) in known for row in rows.rows):
            message = f"{name}: a set of real images, expected synthetic ones. The tables and "
            message += "plots show real images as the real-vs-real baseline."
            raise InputError("set_is_real", message, name=name)
        if out is not None:
            check_out_folder(rows, out, (name,))


def equal_numbers(
    sets: Sets, classes: Sequence[str], seed: int
) -> tuple[dict[str, Manifest], list[str]]:
    """Return the sets with as many images per class as the smallest one has, and notes.

    The images of a larger set are drawn at random. FID, recall, coverage, Vendi and the Inception
    Score depend on the number of images; only with equal numbers can they be compared.
    """
    counts = {
        label: {name: len(rows.where(label=label)) for name, rows in sets.items()}
        for label in classes
    }
    notes, kept = [], {}
    for label, found in counts.items():
        if min(found.values()) < max(found.values()):
            listed = ", ".join(f"{name} {count}" for name, count in found.items())
            notes.append(
                f"{label}: {min(found.values())} images of each set were measured, drawn at random "
                f"where there are more ({listed}), because most metrics depend on their number."
            )
    for name, rows in sets.items():
        chosen = []
        for label in classes:
            mine, count = rows.where(label=label).rows, min(counts[label].values())
            rng = np.random.default_rng(child_seed(seed, "equal numbers", label))
            chosen += [mine[i] for i in np.sort(rng.permutation(len(mine))[:count])]
        kept[name] = replace(rows, rows=tuple(chosen))
    return kept, notes
