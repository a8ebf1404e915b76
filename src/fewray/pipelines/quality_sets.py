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

    ``NAME=FOLDER`` gives a name. InputError ``set_repeated`` if two have the same name.
    """
    paths = [_split(source) for source in sources]
    parts = [Path(os.path.normpath(Path(path).absolute())).parts for _, path in paths]
    names: list[str] = []
    for depth in range(1, max(map(len, parts), default=0) + 1):
        ends = [Path(*each[-depth:]).as_posix() for each in parts]
        names = [name or end for (name, _), end in zip(paths, ends, strict=True)]
        if len(set(names)) == len(names):
            break
    else:
        message = f"two sets have the same name: {', '.join(names)}. Give each set once, or write "
        raise InputError("set_repeated", f"{message}NAME=FOLDER.", names=names)
    return dict(zip(names, (path for _, path in paths), strict=True))


def _split(source: str) -> tuple[str, str]:
    """Return name and path of ``NAME=FOLDER``; an empty name for a path alone."""
    name, equals, path = source.partition("=")
    given = equals and name and not any(sign in name for sign in "/\\:")
    return (name, path) if given and not Path(source).exists() else ("", source)


def check_sets(sets: Sets, real: Sequence[Manifest], out: Path | None) -> None:
    """Raise InputError for real images, a set given twice, or a name that cannot be a folder.

    ``real`` are the manifests of ``--real`` and ``--held-out``. Nor may a set lie where its results
    go, below ``out``.
    """
    owners = {os.path.realpath(row.path): "" for rows in real for row in rows.rows}
    for name, rows in sets.items():
        path = Path(name)
        if not name.strip() or path.is_absolute() or ".." in path.parts:
            message = f"set {name!r}: expected a name that can be a folder, such as diffusion"
            raise InputError("set_name", message, name=name)
        files = [os.path.realpath(row.path) for row in rows.rows]
        owner = next((owners[file] for file in files if file in owners), None)
        if owner == "" or rows.source == "covid4" or is_release(rows.source):
            message = f"{name}: a set of real images, expected synthetic ones. The tables and "
            message += "plots show real images as the real-vs-real baseline."
            raise InputError("set_is_real", message, name=name)
        if owner:
            message = f"{name}: has files of {owner}. Give each set once."
            raise InputError("set_repeated", message, name=name, other=owner)
        owners |= dict.fromkeys(files, name)
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
        name: {label: len(rows.where(label=label)) for label in classes}
        for name, rows in sets.items()
    }
    least = {label: min(found[label] for found in counts.values()) for label in classes}
    larger = {name: found for name, found in counts.items() if found != least}
    notes, kept = [], {}
    if larger:
        there = "; ".join(f"{name}: {_counted(found)}" for name, found in larger.items())
        notes.append(
            f"Images of each set that were measured: {_counted(least)}. They were drawn at random "
            f"from larger sets ({there}), because most metrics depend on their number."
        )
    for name, rows in sets.items():
        chosen = []
        for label in classes:
            mine = rows.where(label=label).rows
            rng = np.random.default_rng(child_seed(seed, "equal numbers", label))
            chosen += [mine[i] for i in np.sort(rng.permutation(len(mine))[: least[label]])]
        kept[name] = replace(rows, rows=tuple(chosen))
    return kept, notes


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{label} {count}" for label, count in counts.items())
