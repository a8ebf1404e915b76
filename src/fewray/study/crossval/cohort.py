"""The rows of a study: images, patients and folds, and the external set that is only predicted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from fewray.config import CrossvalOptions
from fewray.data.images import ImageSource
from fewray.data.manifest import Manifest
from fewray.data.near_duplicates import merge_patients
from fewray.errors import InputError
from fewray.results.scores import StudyWarning
from fewray.study.folds import Folds, make_folds
from fewray.study.leaks import check_disjoint
from fewray.study.warnings import external_warnings


class FoldKey(NamedTuple):
    """Names one fold of one repeat."""

    repeat: int
    fold: int


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One fold of one repeat: indices of its training and test rows."""

    key: FoldKey
    train: np.ndarray
    test: np.ndarray

    @property
    def name(self) -> str:
        """Return the name of its folder."""
        return f"repeat-{self.key.repeat}-fold-{self.key.fold}"


@dataclass(frozen=True, kw_only=True)
class External:
    """A set that is predicted and never trained on.

    ``own_test_split`` says that it is the test split of the study's own data set.
    """

    source: ImageSource
    groups: np.ndarray
    """Patient codes (m,)."""
    own_test_split: bool

    @property
    def rows(self) -> Manifest:
        """Return its rows."""
        return self.source.manifest


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """All rows that are cross-validated, their images, labels (n,) and folds."""

    source: ImageSource
    labels: np.ndarray
    repeats: tuple[Folds, ...]
    external: External | None = None
    warnings: tuple[StudyWarning, ...] = ()
    """About the external set."""
    only_fold: int | None = None
    """The one fold to run; None runs all."""

    @property
    def rows(self) -> Manifest:
        """Return the rows."""
        return self.source.manifest

    @property
    def groups(self) -> np.ndarray:
        """Return the patient codes (n,), after merging patients with near-duplicate images."""
        return self.repeats[0].groups

    @property
    def fold_of(self) -> np.ndarray:
        """Return int64 (repeats, n): the fold that tests each row."""
        return np.stack([folds.fold_of for folds in self.repeats])

    def folds(self) -> list[Fold]:
        """Return every fold of every repeat."""
        return [
            Fold(key=FoldKey(repeat, fold), train=train, test=test)
            for repeat, folds in enumerate(self.repeats)
            for fold in range(folds.n_splits)
            if self.only_fold in (None, fold)
            for train, test in [folds.split(fold)]
        ]

    def take(self, index: np.ndarray) -> Manifest:
        """Return the rows at ``index``."""
        return self.source.take(index).manifest


def assemble_cohort(
    manifest: Manifest, options: CrossvalOptions, external: Manifest | None = None
) -> Cohort:
    """Pool the rows, make the folds, and check that nothing is on both sides of any split.

    A split given by the data set is ignored, because it may leak; with ``keep_test`` its test rows
    become the external set. InputError for synthetic images, a single class, too few patients, an
    external set with other classes, or a leak.
    """
    rows, external = _pooled(manifest, options, external)
    for name in options.subsets:
        subset_classes(name, rows.classes)
    source = ImageSource(rows)
    repeats = tuple(
        make_folds(source, n_splits=options.folds, seed=options.seed, repeat=repeat)
        for repeat in range(options.repeats)
    )
    cohort = Cohort(source=source, labels=rows.labels(), repeats=repeats)
    for fold in cohort.folds():
        check_disjoint(source.take(fold.train), source.take(fold.test), where=fold.name)
    if external is None:
        return cohort
    if unexpected := sorted(set(external.classes) - set(rows.classes)):
        raise InputError(
            "external_classes_differ",
            f"--external: classes {', '.join(unexpected)} are not in {manifest.name}.",
            classes=unexpected,
        )
    tested, kept = ImageSource(external), options.keep_test
    check_disjoint(
        source,
        tested,
        where="the kept test split" if kept else "the external set",
        kind="own_test_split" if kept else "external",
    )
    merged = merge_patients(
        [row.group for row in external.rows],
        [row.sha256 for row in external.rows],
        tested.for_comparison(),
    )
    return replace(
        cohort,
        external=External(source=tested, groups=merged.codes, own_test_split=kept),
        warnings=tuple(external_warnings(rows, external, merged.pairs)),
    )


def _pooled(
    manifest: Manifest, options: CrossvalOptions, external: Manifest | None
) -> tuple[Manifest, Manifest | None]:
    """Return the rows to cross-validate, without their split, and the external set."""
    for option, given in (("--data", manifest), ("--external", external)):
        synthetic = 0 if given is None else len(given.where(origin="synthetic"))
        if given is not None and synthetic:
            raise InputError(
                "synthetic_images",
                f"{option} {given.name}: {synthetic} synthetic images; expected real images. "
                "A study makes its own synthetic images.",
                count=synthetic,
            )
    if len(manifest.classes) < 2:
        raise InputError(
            "too_few_classes",
            f"--data {manifest.name}: only class {', '.join(manifest.classes)}; "
            "expected at least 2 classes.",
        )
    rows = manifest.rows
    if options.keep_test:
        if external is not None:
            raise InputError(
                "two_external_sets", "--keep-test and --external: give only one of the two."
            )
        external = manifest.where(split="test")
        rows = tuple(row for row in rows if row.split != "test")
        if len(external) == 0:
            raise InputError(
                "no_test_split", f"--keep-test: {manifest.name} has no images of split test."
            )
    return replace(manifest, rows=tuple(replace(row, split="") for row in rows)), external


def subset_classes(name: str, classes: tuple[str, ...]) -> list[int]:
    """Return the class indices that ``without CLASS`` or ``CLASS:CLASS`` keeps.

    Class names may contain a colon if only one pair can be meant. InputError for unknown classes.
    """
    pairs = [(name[:i], name[i + 1 :]) for i, sign in enumerate(name) if sign == ":"]
    fits = [pair for pair in pairs if set(pair) <= set(classes)]
    if len(fits) > 1:
        either = " or ".join(" and ".join(pair) for pair in fits)
        raise InputError("ambiguous_pair", f"--pair {name}: {either}? Rename a class.")
    removed = name.removeprefix("without ") if name.startswith("without ") and not fits else None
    named = [removed] if removed is not None else list(fits[0]) if fits else name.split(":")
    if unknown := [label for label in named if label not in classes]:
        raise InputError(
            "unknown_class",
            f"subset {name}: no class {', '.join(unknown)}. Known classes: {', '.join(classes)}.",
            classes=unknown,
        )
    if removed is None and len(named) > 2:
        raise InputError("not_a_pair", f"--pair {name}: expected two classes, as CLASS:CLASS.")
    kept = [
        i
        for i, label in enumerate(classes)
        if (label != removed if removed is not None else label in named)
    ]
    if len(kept) < 2:
        raise InputError(
            "too_few_classes", f"subset {name}: keeps {len(kept)} class; expected at least 2."
        )
    return kept
