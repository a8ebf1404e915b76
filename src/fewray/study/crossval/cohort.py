"""The rows of a trial: images, patients, folds; and what is only ever predicted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fewray.config import CrossvalOptions
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.imaging.arrays import load_images
from fewray.study.crossval.design import subset_classes
from fewray.study.folds import (
    LIKENESS_FIT,
    LIKENESS_SIZE,
    Folds,
    check_disjoint,
    external_warning,
    joined_groups,
    joined_warning,
    make_folds,
)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One fold of one repeat: indices into the cohort's rows."""

    repeat: int
    fold: int
    train: np.ndarray
    test: np.ndarray

    @property
    def name(self) -> str:
        """Name its folder."""
        return f"repeat-{self.repeat}-fold-{self.fold}"


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """All rows that are folded, their images uint8 (n, 1, S, S), and the folds of each repeat."""

    rows: Manifest
    images: np.ndarray
    likenesses: np.ndarray
    """The same films as the search for near duplicates wants them."""
    labels: np.ndarray
    repeats: tuple[Folds, ...]
    external: Manifest | None
    external_images: np.ndarray | None
    external_groups: np.ndarray | None = None
    """Codes (m,) of the external set's patients, those whose films are alike joined."""
    only_fold: int | None = None
    """The one fold that is tested, where not all are."""

    @property
    def groups(self) -> np.ndarray:
        """Codes (n,) of the patients, those whose films are alike joined."""
        return self.repeats[0].groups

    def parts(self) -> list[Part]:
        """Return every fold of every repeat."""
        return [
            Part(repeat=p, fold=f, train=train, test=test)
            for p, found in enumerate(self.repeats)
            for f in range(found.n_splits)
            if self.only_fold in (None, f)
            for train, test in [found.split(f)]
        ]

    def take(self, index: np.ndarray, label: str | None = None) -> Manifest:
        """Return the rows at ``index``, those of one class where ``label`` is given."""
        rows = tuple(
            self.rows.rows[i] for i in index if label is None or self.rows.rows[i].label == label
        )
        return replace(self.rows, rows=rows)


def assemble_cohort(
    manifest: Manifest, options: CrossvalOptions, external: Manifest | None = None
) -> Cohort:
    """Pool the rows, fold them, and make sure that no film or patient is on both sides of anything.

    A given split is not used, since it may leak; with ``keep_test`` its test rows become the external set. Copies within
    the external set count as one patient, as those within the data do. InputError for synthetic rows, one class only, too
    few patients, an external set of other classes, or a leak.
    """
    rows = manifest
    for option, found in (("--data", manifest), ("--external", external)):
        if found is not None and (
            synthetic := sum(row.origin == "synthetic" for row in found.rows)
        ):
            raise InputError(
                f"{option} {found.name}: {synthetic} synthetic images; real films are wanted: a trial makes its own images"
            )
    if len(manifest.classes) < 2:
        raise InputError(
            f"--data {manifest.name}: 1 class, {', '.join(manifest.classes)}; at least 2 are wanted"
        )
    if options.keep_test:
        if external is not None:
            raise InputError("--keep-test and --external: one external set is wanted, not two")
        external = manifest.where(split="test")
        rows = replace(manifest, rows=tuple(row for row in manifest.rows if row.split != "test"))
        if len(external) == 0:
            raise InputError(f"--keep-test: {manifest.name} has no rows of split test")
    rows = replace(rows, rows=tuple(replace(row, split="") for row in rows.rows))
    size, fit = options.classifier.image_size, options.classifier.fit
    for name in options.subsets:
        subset_classes(name, rows.classes)
    likenesses = load_images(rows.paths(), LIKENESS_SIZE, LIKENESS_FIT)
    repeats = tuple(
        make_folds(rows, likenesses, n_splits=options.folds, seed=options.seed, repeat=p)
        for p in range(options.repeats)
    )
    shown = groups = None
    if external is not None:
        shown = load_images(external.paths(), LIKENESS_SIZE, LIKENESS_FIT)
        groups, joined = joined_groups(external.rows, shown)
        if found := list(
            filter(None, [external_warning(rows, external), joined_warning(external, joined)])
        ):
            rows = replace(
                rows, notes={**rows.notes, "warnings": [*rows.notes.get("warnings", []), *found]}
            )
    cohort = Cohort(
        rows=rows,
        images=load_images(rows.paths(), size, fit),
        likenesses=likenesses,
        labels=rows.labels(),
        repeats=repeats,
        external=external,
        external_images=None if external is None else load_images(external.paths(), size, fit),
        external_groups=groups,
    )
    for part in cohort.parts():
        train, test = (cohort.take(side).rows for side in (part.train, part.test))
        check_disjoint(train, test, likenesses[part.train], likenesses[part.test], where=part.name)
    if external is not None and shown is not None:
        if unexpected := sorted(set(external.classes) - set(rows.classes)):
            raise InputError(
                f"--external: classes {', '.join(unexpected)} are not in {manifest.name}"
            )
        kept = (
            options.keep_test
        )  # then both are of one manifest, and patients of the same name the same
        where = "the kept test split" if kept else "the external set"
        check_disjoint(
            rows.rows, external.rows, likenesses, shown, where=where, external=not kept, kept=kept
        )
    return cohort
