"""The model of ``quality.json``: what a quality report says of synthetic images.

All metrics compare real images with synthetic ones in the features of one extractor.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from fewray.errors import InputError
from fewray.results.areas import AreaLimit, ClassAreas
from fewray.results.copies import Copy, CopyThreshold
from fewray.results.held_out import HeldOutQuality, held_out_sentences
from fewray.results.scores import Interval, Model, StudyWarning
from fewray.results.texture import TextureDifferences

Found = TypeVar("Found", bound=Model)

METRICS = {
    "fid": ("FID", 1),
    "kid": ("KID", 3),
    "is_mean": ("IS", 2),
    "precision": ("precision", 2),
    "recall": ("recall", 2),
    "density": ("density", 2),
    "coverage": ("coverage", 2),
    "ms_ssim": ("MS-SSIM", 3),
    "vendi": ("Vendi", 2),
    "auth_pct": ("authenticity (%)", 0),
}
"""By field of :class:`ClassQuality`: display name and digits."""

BASELINE_VERDICTS = {
    "as_real": "as real",
    "indistinct": "cannot tell: m too small",
    "unstable": "unstable between splits",
    "uninformative": "uninformative: noise as real",
    "less_diverse": "less diverse than real",
    "more_diverse": "more diverse than real",
    "above_real": "above real",
    "below_real": "below real",
    "low_diversity_or_copies": "above real: low diversity or copies",
    "outliers_or_copies": "above real: outliers or copies",
    "closer_than_real": "closer than real: look for copies",
    "farther_than_real": "farther than real",
    "differs_from_real": "differs from real",
    "towards_noise": "of the way to noise",
    "as_noise": "as far as noise",
}
"""Code of a baseline verdict to its text; the text of ``towards_noise`` follows a percentage."""


class Baseline(Model, frozen=True, kw_only=True):
    """The scale of one metric at ``m`` images per side: real and noise against real."""

    m: int
    splits: int
    """Random splits behind the means and standard deviations; 1 if no split was needed."""
    real_vs_real: float
    real_vs_real_sd: float
    synthetic: float
    """The metric of ``m`` synthetic images over the same splits."""
    synthetic_sd: float
    noise: float | None
    """The noise baseline: the metric of at most 128 noise images; None without them."""
    position: float | None
    """0: as real images. 1: as noise. None if noise scores as real images do."""
    verdict: str
    """A code of :data:`BASELINE_VERDICTS`."""

    @property
    def text(self) -> str:
        """The verdict in words."""
        words = BASELINE_VERDICTS[self.verdict]
        share = f"{100 * (self.position or 0):.0f}% " if self.verdict == "towards_noise" else ""
        return share + words


class ClassQuality(Model, frozen=True, kw_only=True):
    """The metrics of one class, or of all pooled; ``undefined`` says why a metric is None."""

    num_real: int
    num_fake: int
    k: int
    """Neighbours of precision, recall, density and coverage."""
    fid: float
    fid_inf: float | None
    kid: float
    """Unbiased, all images."""
    kid_ci: Interval | None
    """95% bootstrap interval of ``kid``."""
    kid_subset_mean: float
    """Over random subsets, as published."""
    kid_subset_sd: float
    kid_subset_size: int
    is_mean: float | None
    is_sd: float | None
    is_splits: int | None
    precision: float
    recall: float
    density: float
    coverage: float
    auth_pct: float
    ms_ssim: float | None
    ms_ssim_pairs: int | None
    ms_ssim_scales: int | None
    vendi: float | None = None
    """Of all synthetic images; it grows with their number. None in reports from before it was
    measured."""
    copies: tuple[Copy, ...]
    """Synthetic images that count as copies, nearest first."""
    areas: ClassAreas | None = None
    """The areas copied from training images; None if not measured, as for all classes pooled."""
    baselines: dict[str, Baseline]
    """By metric; empty if there are too few images."""
    undefined: dict[str, str]
    """By metric: why it is None."""
    warnings: tuple[StudyWarning, ...]
    texture: TextureDifferences | None = None
    """Of a class with the extractor ``texture`` only; ``undefined`` says if that failed."""


class Membership(Model, frozen=True, kw_only=True):
    """How well a generator's networks separate its training images from held-out images."""

    auc: float | None
    """0.5: not at all; 1: every training image scores higher. None if a side is empty."""
    ci: Interval | None
    num_train: int
    num_held_out: int


class Tstr(Model, frozen=True, kw_only=True):
    """Accuracy of a classifier trained on synthetic and tested on real images, and the reverse."""

    steps: int
    batch_size: int
    seed: int
    tested_on: Literal["held_out", "training"]
    """The real test images. Scores on ``training`` images, which generators saw, are too high."""
    num_test: int
    train_real_test_real: float | None
    """The comparison value; None without held-out images."""
    train_synthetic_test_real: float
    train_real_test_synthetic: float


class Requirement(Model, frozen=True, kw_only=True):
    """One requirement on one set of synthetic images: ``metric operator bound`` in every class."""

    metric: str
    operator: Literal["<", "<=", ">", ">="]
    bound: float
    values: dict[str, float | None]
    """By class; of an interval, the end that is nearer to failing. None if not measured."""
    undefined: dict[str, str]
    """By class: why a value is None."""
    failed: tuple[str, ...]
    """The classes that do not meet it; those without a value are among them."""

    @property
    def passed(self) -> bool:
        """Whether every class meets it."""
        return not self.failed

    @property
    def text(self) -> str:
        """The requirement as it was asked for: "kid<0.3"."""
        return f"{self.metric}{self.operator}{self.bound:g}"

    @property
    def reason(self) -> str:
        """The values of the classes that fail, or else the worst value."""
        known = {label: value for label, value in self.values.items() if value is not None}
        if not self.failed:
            worst = (max if self.operator[0] == "<" else min)(known, key=known.__getitem__)
            return f"at worst {known[worst]:.6g} ({worst})"
        parts = [f"{label} {known[label]:.6g}" for label in self.failed if label in known]
        for why in dict.fromkeys(self.undefined.values()):
            labels = [label for label, reason in self.undefined.items() if reason == why]
            parts.append(f"{', '.join(labels)} not measured ({why})")
        return "; ".join(parts)


class QualityReport(Model, frozen=True, kw_only=True):
    """The quality of synthetic images. Do not compare values of different extractors."""

    schema: Literal[2] = 2
    extractor: str
    dim: int
    """Number of features."""
    image_size: int
    """Pixels per side at which all images were compared."""
    fit: str | None
    """How images were made square: ``squash`` or ``pad``; None for images given as arrays."""
    classes: dict[str, ClassQuality]
    pooled: ClassQuality
    copy_threshold: CopyThreshold
    area_limit: AreaLimit | None = None
    """None in reports from before areas were measured."""
    held_out: dict[str, HeldOutQuality]
    """By class; empty without held-out images."""
    pooled_held_out: HeldOutQuality | None = None
    """All classes of ``held_out`` pooled; None without held-out images."""
    membership: dict[str, Membership]
    """By class; empty without the generators and held-out images."""
    tstr: Tstr | None
    notes: tuple[str, ...]
    """Sentences about images that are missing or were left out."""
    requirements: tuple[Requirement, ...] = ()
    """What ``--require`` asked for; empty without it."""

    @property
    def rows(self) -> Mapping[str, ClassQuality]:
        """The classes, then all of them pooled under ``all``."""
        return {**self.classes, "all": self.pooled}

    @property
    def held_out_rows(self) -> Mapping[str, HeldOutQuality]:
        """The classes with held-out images, then all of them pooled under ``all``."""
        everything = {} if self.pooled_held_out is None else {"all": self.pooled_held_out}
        return {**self.held_out, **everything}

    @property
    def k_text(self) -> str:
        """The number of neighbours, with the classes too small for it: "5 (covid 3, normal 4)"."""
        pooled = self.pooled.k
        smaller = ", ".join(
            f"{n} {found.k}" for n, found in self.classes.items() if found.k != pooled
        )
        return f"{pooled} ({smaller})" if smaller else f"{pooled}"

    @property
    def remarks(self) -> list[str]:
        """The notes, then each warning once, after the classes that it concerns."""
        about: dict[str, list[str]] = {}
        for label, found in self.rows.items():
            for warning in found.warnings:
                about.setdefault(warning.text, []).append(label)
        return [*self.notes, *(f"{', '.join(names)}: {text}" for text, names in about.items())]

    @property
    def sentences(self) -> list[str]:
        """What the tables do not show: copies, textures, held-out images, membership, TSTR."""
        fit = "" if self.fit is None else f" ({self.fit})"
        lines = [
            f"All images were compared at {self.image_size} x {self.image_size} px{fit}.",
            self.copy_threshold.text,
            *([self.area_limit.text] if self.area_limit else []),
            "The distance to noise is measured in features, which react to grain and blur that the "
            "eye overlooks: images that look right may be far along it.",
        ]
        lines += [f"{c}: {found.texture.text}" for c, found in self.rows.items() if found.texture]
        lines += held_out_sentences(self.held_out_rows)
        for label, found in self.membership.items():
            if found.auc is not None and found.ci is not None:
                lines.append(
                    f"{label}: the generator's networks separate {found.num_train} training from "
                    f"{found.num_held_out} held-out images with AUC {found.auc:.2f} "
                    f"[{found.ci[0]:.2f}, {found.ci[1]:.2f}] (0.5: not at all)."
                )
        if (tstr := self.tstr) is not None:
            real = tstr.train_real_test_real
            baseline = "undefined" if real is None else f"{real:.3f}"
            tested = "held-out images" if tstr.tested_on == "held_out" else "training images"
            lines.append(
                f"Classifiers ({tstr.steps} steps), tested on {tstr.num_test} {tested}: trained on "
                f"real images {baseline}, trained on synthetic images (TSTR) "
                f"{tstr.train_synthetic_test_real:.3f}. Trained on real, tested on synthetic "
                f"images (TRTS): {tstr.train_real_test_synthetic:.3f}."
            )
        return lines


def read_quality(path: Path) -> QualityReport:
    """Return the report in the file ``path``; InputError if it does not fit the model."""
    return read_as(path, QualityReport)


def read_as(path: Path, model: type[Found]) -> Found:
    """Return what is in the file ``path`` as a ``model``; InputError if it does not fit."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=model)
    except (OSError, msgspec.DecodeError) as error:
        message = f"{path}: not a quality report ({error}). Run `fewray quality` again."
        raise InputError("quality_report_invalid", message, path=str(path)) from None
