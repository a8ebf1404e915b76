"""Draw the images of a reader study: by seed, equal classes, one image per patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fewray.compute.seeds import child_seed
from fewray.config import ReaderStudyOptions
from fewray.data.manifest import PATIENTS, Manifest, Row
from fewray.errors import InputError
from fewray.results.readers.study import Kind


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """An image drawn for the study. ``index`` is its row in the manifest that it came from."""

    row: Row
    index: int
    kind: Kind
    generator: str | None
    practice: bool
    twice: bool


def shared_classes(
    real: Manifest, synthetic: Mapping[str, Manifest], asked: Sequence[str]
) -> tuple[str, ...]:
    """Return the classes to use; InputError ``class_missing`` names one that a side lacks."""
    sides = {"real images": real, **{f"images of {name}": m for name, m in synthetic.items()}}
    present = {name: {row.label for row in rows.rows} for name, rows in sides.items()}
    used = tuple(asked) or tuple(c for c in real.classes if all(c in p for p in present.values()))
    for name, labels in present.items():
        missing = [label for label in used if label not in labels]
        if missing or not used:
            has = ", ".join(sorted(labels)) or "none"
            what = ", ".join(missing) or "a class that real and synthetic images share"
            message = f"{what}: not among the {name}, which have {has}"
            raise InputError("class_missing", message, missing=missing, found=sorted(labels))
    return used


def draw_images(
    real: Manifest,
    synthetic: Mapping[str, Manifest],
    classes: Sequence[str],
    options: ReaderStudyOptions,
) -> list[Drawn]:
    """Return practice and test images, drawn by ``options.seed``; they share no image or patient.

    Real images are one per patient where patients are known, and each file counts once. InputError
    ``too_few_images`` for a class that is too small, ``same_image`` for a file on both sides.
    """
    known = {row.sha256 for row in real.rows}
    for name, rows in synthetic.items():
        if same := [row for row in rows.rows if row.sha256 in known]:
            message = f"{same[0].shown}: this image of {name} is byte-identical to a real image"
            raise InputError("same_image", message, path=same[0].shown, generator=name)
    drawn = _draw(real, "real", None, classes, options, options.num_real)
    for position, (name, rows) in enumerate(synthetic.items()):
        drawn += _draw(
            rows,
            "synthetic",
            name,
            classes,
            options,
            options.num_synthetic,
            generators=len(synthetic),
            position=position,
        )
    return drawn


def _draw(
    rows: Manifest,
    kind: Kind,
    generator: str | None,
    classes: Sequence[str],
    options: ReaderStudyOptions,
    number: int,
    *,
    generators: int = 1,
    position: int = 0,
) -> list[Drawn]:
    """Return the images of one source; generators share the practice images and the repeats."""
    half = (options.num_practice + (kind == "real")) // 2
    practice = _share(half, generators, position)
    repeats = _share((options.num_repeats + (kind == "real")) // 2, generators, position)
    draw = np.random.default_rng(child_seed(options.seed, "images", kind, generator or ""))
    test_counts, practice_counts = split_evenly(number, classes), split_evenly(practice, classes)
    found: list[Drawn] = []
    test: list[int] = []
    seen: set[tuple[str, str]] = set()
    for label in classes:
        need = test_counts[label] + practice_counts[label]
        pool = _pick(rows, label, kind, need, seen, draw)
        if len(pool) < need:
            what = f"{kind} images of {label}" + (f" by {generator}" if generator else "")
            unknown = any(warning.code == PATIENTS for warning in rows.warnings)
            unit = "patients" if kind == "real" and not unknown else "different files"
            message = f"{what}: {len(pool)} {unit}, expected at least {need}; ask for fewer images"
            raise InputError(
                "too_few_images", message, label=label, kind=kind, found=len(pool), expected=need
            )
        for rank, index in enumerate(pool):
            is_practice = rank >= test_counts[label]
            if not is_practice:
                test.append(len(found))
            found.append(
                Drawn(
                    row=rows.rows[index],
                    index=index,
                    kind=kind,
                    generator=generator,
                    practice=is_practice,
                    twice=False,
                )
            )
    for i in draw.choice(test, size=min(repeats, len(test)), replace=False):
        found[i] = Drawn(**{**vars(found[i]), "twice": True})
    return found


def split_evenly(number: int, classes: Sequence[str]) -> dict[str, int]:
    """Return ``number`` divided over the classes; the first get one more where it must be."""
    return {label: _share(number, len(classes), i) for i, label in enumerate(classes)}


def _share(number: int, parts: int, position: int) -> int:
    return number // parts + (position < number % parts)


def _pick(
    rows: Manifest,
    label: str,
    kind: Kind,
    number: int,
    seen: set[tuple[str, str]],
    draw: np.random.Generator,
) -> list[int]:
    """Return up to ``number`` rows of a class, no file and no patient twice; add them to ``seen``.

    Fewer are returned if the class has no more.
    """
    order = draw.permutation([i for i, row in enumerate(rows.rows) if row.label == label])
    kept: list[int] = []
    for index in order.astype(int).tolist():
        if len(kept) == number:
            break
        row = rows.rows[index]
        keys = {("file", row.sha256)}
        if kind == "real":
            keys.add(("patient", row.group))
        if not keys & seen:
            kept.append(index)
            seen |= keys
    return kept
