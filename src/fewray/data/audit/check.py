"""Check a data set: read every file, and find what is damaged, duplicated, leaking or unusual."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from fewray.data.audit.findings import Audit, ClassFiles, NearPair, Outlier, findings
from fewray.data.audit.metadata import FileFacts, file_facts
from fewray.data.audit.shortcuts import metadata_shortcut
from fewray.data.manifest import Manifest
from fewray.data.near_duplicates import near_pairs, thumbnail_of
from fewray.errors import InputError
from fewray.imaging.arrays import in_threads
from fewray.imaging.decode import Unreadable, read_file, read_image
from fewray.imaging.depth import GreyRange, PixelScale, choose_scale


@dataclass(frozen=True, kw_only=True)
class _File:
    """One file: header, thumbnail, grey range if above 8 bits, and why it is unreadable."""

    facts: FileFacts = field(default_factory=FileFacts)
    thumbnail: np.ndarray | None = None
    grey_range: GreyRange | None = None
    error: str = ""


def audit(manifest: Manifest) -> Audit:
    """Read every file of ``manifest`` and report. Damaged files are listed; they never raise."""
    rows, names = manifest.rows, _short_names(manifest)
    files = in_threads(partial(_inspect, scale=manifest.pixel_scale), manifest.paths())
    readable = [i for i, file in enumerate(files) if not file.error]
    by_hash = defaultdict(list)
    for index, row in enumerate(rows):
        by_hash[row.sha256].append(index)
    same = [found for found in by_hash.values() if len(found) > 1]
    thumbnails = {i: t for i in readable if (t := files[i].thumbnail) is not None}
    near = [
        (i, j, value) for i, j, value in near_pairs(thumbnails) if rows[i].sha256 != rows[j].sha256
    ]
    alike = [*same, *(list(pair[:2]) for pair in near)]
    splits = defaultdict(set)
    for row in rows:
        splits[row.group].add(row.split)
    counted = replace(manifest, rows=tuple(rows[i] for i in readable)).counts()
    by_class = {
        label: [files[i] for i in readable if rows[i].label == label] for label in manifest.classes
    }

    def named(found: Sequence[Sequence[int]]) -> list[list[str]]:
        return [[names[i] for i in indices] for indices in found]

    found = Audit(
        name=manifest.name,
        counts={
            split: counted.get(split, dict.fromkeys(labels, 0))
            for split, labels in manifest.counts().items()
        },
        classes={label: _class_files(found) for label, found in by_class.items()},
        unreadable={names[i]: file.error for i, file in enumerate(files) if file.error},
        duplicates=named(same),
        two_classes=named([found for found in same if len({rows[i].label for i in found}) > 1]),
        near_duplicates=[
            NearPair(first=names[i], second=names[j], correlation=round(value, 4))
            for i, j, value in near
        ],
        images_across_splits=named(
            [found for found in alike if len({rows[i].split for i in found}) > 1]
        ),
        groups=len(splits),
        groups_across_splits=sorted(group for group, found in splits.items() if len(found) > 1),
        pixel_scale=manifest.pixel_scale.describe(),
        dicom=manifest.dicom,
        outliers=_outliers(names, files, manifest.pixel_scale),
        shortcut=metadata_shortcut(
            np.array([files[i].facts.vector() for i in readable]),
            manifest.labels()[readable],
            [rows[i].group for i in readable],
            manifest.classes,
        ),
    )
    return replace(found, warnings=findings(found, manifest))


def _inspect(path: Path, *, scale: PixelScale) -> _File:
    try:
        image = read_image(read_file(path), path)
        return _File(
            thumbnail=thumbnail_of(image.grey(scale)),
            grey_range=image.grey_range() if image.is_deep else None,
            facts=file_facts(path),
        )
    except Unreadable as error:
        return _File(error=error.reason)
    except InputError as error:
        return _File(error=error.message)
    except OSError as error:
        return _File(error=str(error.strerror))


def _class_files(files: Sequence[_File]) -> ClassFiles:
    """Return the sizes, modes and depth of the readable files of one class."""
    facts = [file.facts for file in files]
    ranges = [file.grey_range for file in files if file.grey_range]
    ordered = sorted(facts, key=lambda fact: fact.width * fact.height)
    sizes = [f"{fact.width}x{fact.height}" for fact in ordered] or [""]
    try:
        depth = choose_scale(ranges).describe()
    except InputError as error:
        depth = error.message
    return ClassFiles(
        smallest=sizes[0],
        median=sizes[len(ordered) // 2],
        largest=sizes[-1],
        aspect=round(float(np.median([f.width / f.height for f in facts])), 3) if facts else None,
        modes=dict(Counter(fact.mode for fact in facts).most_common()),
        depth=depth,
    )


def _outliers(names: Sequence[str], files: Sequence[_File], scale: PixelScale) -> list[Outlier]:
    """Return the files with pixels outside their scale; these pixels are clipped."""
    found = []
    for name, file in zip(names, files, strict=True):
        if (grey := file.grey_range) is None or grey.dicom_window is not None:
            continue
        bounds = scale.bounds(floating=grey.floating, declared=grey.declared_bits)
        if bounds and grey.outside(bounds):
            found.append(Outlier(path=name, minimum=grey.minimum, maximum=grey.maximum))
    return found


def _short_names(manifest: Manifest) -> list[str]:
    """Return the rows' paths without the folder that all share."""
    paths = [os.path.abspath(path) for path in manifest.shown_paths()]  # noqa: PTH100 (keeps links)
    folders = [os.path.dirname(path) for path in paths]  # noqa: PTH120
    root = os.path.commonpath([*paths, *folders]) if paths else ""
    return [Path(path).relative_to(root).as_posix() for path in paths]
