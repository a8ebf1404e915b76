"""Check a data set: read every file, and find what is damaged, duplicated, leaking or unusual."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import msgspec
import numpy as np

from fewray.data.audit.differences import depth_findings, polarity_findings, size_findings
from fewray.data.audit.findings import (
    file_findings,
    leak_findings,
    loading_findings,
    of_warning,
    scale_findings,
    split_findings,
)
from fewray.data.audit.inspection import InspectedFile, inspect_file
from fewray.data.audit.names import name_findings
from fewray.data.audit.pictures import INVISIBLE, image_findings
from fewray.data.audit.shortcuts import metadata_shortcut
from fewray.data.dicom.warnings import excess_warning
from fewray.data.layout.image_names import image_names
from fewray.data.manifest import Manifest
from fewray.data.near_duplicates import near_pairs, thumbnail_of
from fewray.errors import InputError
from fewray.imaging.arrays import in_threads
from fewray.imaging.depth import PixelScale, choose_scale
from fewray.results.data_check import (
    ClassFiles,
    DataCheck,
    Finding,
    MetadataShortcut,
    NearPair,
    Outlier,
)


def audit(manifest: Manifest) -> DataCheck:
    """Read every file of ``manifest`` and report. Damaged files are listed; they never raise.

    Each file is decoded once, in parallel. Memory grows by about 10 kB per image, most of it in the
    search for near-duplicates.
    """
    names = image_names(manifest)
    scale = manifest.pixel_scale
    files = in_threads(partial(inspect_file, scale=scale), manifest.paths())
    counted = replace(
        manifest,
        rows=tuple(r for r, file in zip(manifest.rows, files, strict=True) if not file.error),
    ).counts()
    by_class = defaultdict[str, list[InspectedFile]](list)
    for row, file in zip(manifest.rows, files, strict=True):
        if not file.error:
            by_class[row.label].append(file)
    found = DataCheck(
        name=manifest.name,
        counts={
            split: counted.get(split, dict.fromkeys(labels, 0))
            for split, labels in manifest.counts().items()
        },
        classes={label: _class_files(by_class[label]) for label in manifest.classes},
        unreadable={
            name: file.error for name, file in zip(names, files, strict=True) if file.error
        },
        **_repeated(manifest, names, files),
        pixel_scale=scale.describe(),
        outliers=_outliers(names, files, scale),
        dicom=manifest.dicom,
        shortcut=_shortcut(manifest, files),
    )
    findings = _findings(found, manifest, names, files)
    return msgspec.structs.replace(
        found, findings=findings, warnings=tuple(each.sentence for each in findings)
    )


def _findings(
    found: DataCheck, manifest: Manifest, names: Sequence[str], files: Sequence[InspectedFile]
) -> tuple[Finding, ...]:
    """Return what a user should act on."""
    readable = {name: file for name, file in zip(names, files, strict=True) if not file.error}
    label_of = {name: row.label for name, row in zip(names, manifest.rows, strict=True)}
    images = image_findings(readable)
    invisible = {item for each in images if each.code in INVISIBLE for item in each.items}
    shown = {name: file for name, file in readable.items() if name not in invisible}
    return (
        *loading_findings(manifest),
        *name_findings(manifest),
        *file_findings(found),
        *images,
        *polarity_findings(shown, label_of, manifest.classes),
        *size_findings(readable),
        *depth_findings(readable),
        *map(of_warning, excess_warning([n for n, file in readable.items() if file.excess_bits])),
        *scale_findings(found),
        *split_findings(found),
        *leak_findings(found),
    )


def _repeated(
    manifest: Manifest, names: Sequence[str], files: Sequence[InspectedFile]
) -> dict[str, Any]:
    """Return the fields on duplicates, near-duplicates and leaks between the splits."""
    rows = manifest.rows
    by_hash = defaultdict[str, list[int]](list)
    splits = defaultdict[str, set[str]](set)
    for index, row in enumerate(rows):
        by_hash[row.sha256].append(index)
        splits[row.group].add(row.split)
    same = [found for found in by_hash.values() if len(found) > 1]
    thumbnails = {
        index: thumbnail_of(file.thumbnail).astype(np.float32)
        for index, file in enumerate(files)
        if file.thumbnail is not None
    }
    near = [
        (i, j, value) for i, j, value in near_pairs(thumbnails) if rows[i].sha256 != rows[j].sha256
    ]
    alike = [*same, *([i, j] for i, j, _ in near)]

    def named(found: Sequence[Sequence[int]]) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(names[i] for i in indices) for indices in found)

    return {
        "duplicates": named(same),
        "two_classes": named([each for each in same if len({rows[i].label for i in each}) > 1]),
        "near_duplicates": tuple(
            NearPair(
                first=names[i],
                second=names[j],
                correlation=round(min(1.0, value), 4),
                one_patient=rows[i].group == rows[j].group,
            )
            for i, j, value in near
        ),
        "images_across_splits": named(
            [each for each in alike if len({rows[i].split for i in each}) > 1]
        ),
        "groups": len(splits),
        "groups_across_splits": tuple(
            sorted(group for group, each in splits.items() if len(each) > 1)
        ),
    }


def _shortcut(manifest: Manifest, files: Sequence[InspectedFile]) -> MetadataShortcut | None:
    readable = [index for index, file in enumerate(files) if not file.error]
    found = metadata_shortcut(
        np.array([files[i].facts.vector() for i in readable]),
        manifest.labels()[readable],
        [manifest.rows[i].group for i in readable],
        manifest.classes,
    )
    return found and msgspec.convert(asdict(found), MetadataShortcut)


def _class_files(files: Sequence[InspectedFile]) -> ClassFiles:
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


def _outliers(
    names: Sequence[str], files: Sequence[InspectedFile], scale: PixelScale
) -> tuple[Outlier, ...]:
    """Return the files with pixels outside their scale; these pixels are clipped."""
    found = []
    for name, file in zip(names, files, strict=True):
        if (grey := file.grey_range) is None or grey.dicom_window is not None:
            continue
        bounds = scale.bounds(floating=grey.floating, declared=grey.declared_bits)
        if bounds and grey.outside(bounds):
            found.append(Outlier(path=name, minimum=grey.minimum, maximum=grey.maximum))
    return tuple(found)
