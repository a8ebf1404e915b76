"""The public functions that measure synthetic images; they load PyTorch when they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from fewray.config import QualityOptions, ReadOptions
from fewray.errors import InputError

if TYPE_CHECKING:
    from fewray.config import QualityKeywords
    from fewray.data.manifest import Manifest
    from fewray.results.quality import QualityReport
    from fewray.results.quality_sets import QualityComparison


def measure_quality(
    real: str | Path | Manifest,
    synthetic: str | Path | Manifest,
    *,
    held_out: str | Path | Manifest | None = None,
    classes: Sequence[str] | None = None,
    run: str | Path | None = None,
    out: str | Path | None = None,
    require: str | None = None,
    group_regex: str | None = None,
    read: ReadOptions | None = None,
    **options: Unpack[QualityKeywords],
) -> QualityReport:
    """Measure ``synthetic`` against the training split of ``real``: fidelity, diversity, copying.

    ``options`` are :class:`fewray.config.QualityOptions`. Real images that a class's generator did
    not see are left out. ``classes`` defaults to all; both sides must have them.

    ``held_out`` are real images that no generator saw (the test split of a data set with splits).
    ``run`` is the folder of the generators, for the membership test of their networks.
    ``require`` is a list such as ``kid<0.3,copies<=0.01``; the report says which classes meet it.
    ``group_regex`` and ``read`` are for ``real`` and ``held_out``, by default those of the
    training. ``out`` receives quality.json, copies.csv, copied-areas.csv and pictures of close
    pairs and areas.
    """
    from fewray.pipelines.quality_report import measure

    found = measure(
        real,
        {"": synthetic},
        held_out=held_out,
        classes=None if classes is None else tuple(classes),
        run=None if run is None else Path(run),
        out=None if out is None else Path(out),
        require=require,
        group_regex=group_regex,
        read=read,
        options=QualityOptions(**options),
    )
    return found.first


def compare_quality(
    real: str | Path | Manifest,
    synthetic: Mapping[str, str | Path | Manifest],
    *,
    held_out: str | Path | Manifest | None = None,
    classes: Sequence[str] | None = None,
    out: str | Path | None = None,
    require: str | None = None,
    group_regex: str | None = None,
    read: ReadOptions | None = None,
    **options: Unpack[QualityKeywords],
) -> QualityComparison:
    """Measure sets of synthetic images, by name, side by side; see :func:`measure_quality`.

    All sets are measured against the same real images, those that every generator saw, and with
    equal numbers of images per class: images of larger sets are drawn at random. ``out`` receives
    quality.json of all sets, and a folder per set. InputError with fewer than 2 sets, for real
    images, or if a set lacks a class.
    """
    from fewray.pipelines.quality_report import measure

    if len(synthetic) < 2:
        message = f"{len(synthetic)} sets of synthetic images, expected at least 2 to compare."
        raise InputError("too_few_sets", message, sets=list(synthetic))
    return measure(
        real,
        synthetic,
        held_out=held_out,
        classes=None if classes is None else tuple(classes),
        run=None,
        out=None if out is None else Path(out),
        require=require,
        group_regex=group_regex,
        read=read,
        options=QualityOptions(**options),
    )
