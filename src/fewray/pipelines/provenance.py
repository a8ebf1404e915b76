"""What is known of the generators behind synthetic images: how they read their films, which they saw, and of whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.generators.generate import provenance, run_classes
from fewray.storage.files import read_json

Sources = Mapping[str, Mapping[str, Any]]
"""By class: what :func:`fewray.generators.generate.provenance` says, or a part of it."""


def image_sources(synthetic: Manifest, run: Path | None) -> dict[str, Mapping[str, Any]]:
    """Return by class what ``generators.json`` beside the images says, and for those of ``run`` what its checkpoints say.

    Empty for the images of another tool. InputError when ``run`` reads films otherwise than the images' generator did, or
    when ``generators.json`` is not of the form that `fewray generate` writes.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for label in synthetic.classes:
        for folder in sorted({row.path.parent.parent for row in synthetic.where(label=label).rows}):
            path = folder / "generators.json"
            said = read_json(path) if path.is_file() else {}
            if isinstance(said, dict) and isinstance(said.get(label), dict):
                found[label] = _checked(path, label, said[label])
    for label, checkpoint in (run_classes(run) if run is not None else {}).items():
        source = provenance(checkpoint)
        if label in found and (made := _fit(found[label])) not in (None, _fit(source)):
            raise InputError(
                f"--run {run}: its generator of {label} was trained with fit {_fit(source)}, that of the synthetic images "
                f"with {made}; the run that made them is wanted"
            )
        found[label] = source
    return found


def patient_pattern(sources: Sources) -> str | None:
    """Return the ``--group-regex`` that the generators were trained with; None where none is known, or several."""
    found = {source.get("group_regex") for source in sources.values()}
    return next(iter(found)) if len(found) == 1 else None


def load_films(
    source: str | Path | Manifest,
    group_regex: str | None,
    stored: str | None = None,
    *,
    option: str,
) -> Manifest:
    """Return the rows of ``source`` with patients by ``group_regex``, or by the pattern ``stored`` where none is given.

    A stored pattern that fits no file name is passed over. InputError as :func:`fewray.data.load_dataset` says it, and for
    a pattern beside a manifest, whose rows name their patients already.
    """
    if isinstance(source, Manifest):
        if group_regex is not None:
            raise InputError(
                f"--group-regex {group_regex}: {source.name} is a manifest, whose rows name their patients; leave it out"
            )
        return source
    if group_regex is None and stored is not None:
        with suppress(InputError):
            return load_dataset(source, group_regex=stored, option=option)
    return load_dataset(source, group_regex=group_regex, option=option)


def settled_fit(fit: str | None, sources: Sources, classes: Sequence[str]) -> str:
    """Return how real films are to be read: as the generators of ``classes`` read them, ``squash`` where none is known.

    InputError when ``fit`` is another, or the generators differ: a copy would be compared with another picture of it.
    """
    known = {label: made for label in classes if (made := _fit(sources.get(label, {}))) is not None}
    text = ", ".join(f"{label} {made}" for label, made in known.items())
    if len(set(known.values())) > 1:
        raise InputError(
            f"synthetic images: generators of other fits ({text}); measure each fit by itself, --classes"
        )
    wanted = next(iter(known.values()), None)
    if fit is not None and wanted not in (None, fit):
        raise InputError(f"--fit {fit}: the generators were trained with {wanted}; leave --fit out")
    return fit or wanted or "squash"


def films_seen(real: Manifest, sources: Sources) -> tuple[Manifest, list[str]]:
    """Return ``real`` without the films that the generator of their class did not see, and notes on what is missing.

    A class stays whole where nothing is known of its generator, or where that saw none of its films.
    """
    rows, notes = [], []
    for label in real.classes:
        mine = real.where(label=label).rows
        seen = training_hashes(sources, label)
        kept = [row for row in mine if row.sha256 in seen]
        if missing := len(seen - {row.sha256 for row in kept}):
            notes.append(
                f"{label}: {missing} of the {len(seen)} films that its generator saw are not among the real ones; copies of "
                "them cannot be found"
            )
        if kept and len(kept) < len(mine):
            notes.append(
                f"{label}: {len(mine) - len(kept)} real films that its generator did not see are left out"
            )
        rows += kept or mine
    return replace(real, rows=tuple(rows)), notes


def training_hashes(sources: Sources, label: str) -> set[str]:
    """Return the hashes of the films that the generator of ``label`` was trained on; empty where it is not known."""
    return set(sources.get(label, {}).get("training_hashes", ()))


def _checked(path: Path, label: str, source: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what ``path`` says of a class's generator; InputError names the entry that is not what it should be."""
    seen, pattern, fit = source.get("training_hashes", []), source.get("group_regex"), _fit(source)
    strings = isinstance(seen, list) and all(isinstance(each, str) for each in seen)
    for name, value, right, wanted in (
        ("training_hashes", seen, strings, "a list of SHA-256 strings"),
        ("group_regex", pattern, pattern is None or isinstance(pattern, str), "a string"),
        ("fit", fit, fit is None or isinstance(fit, str), "squash or pad"),
    ):
        if not right:
            raise InputError(
                f"{path}, {label}: {name} {value!r:.60}; {wanted} is wanted; generate the images again"
            )
    return source


def _fit(source: Mapping[str, Any]) -> str | None:
    options = source.get("options")
    return options.get("fit") if isinstance(options, Mapping) else None
