"""What a measurement of synthetic images found: figures by class and pooled, as JSON and as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from fewray.quality.baselines import Floor
from fewray.quality.copies.detect import Copy
from fewray.quality.copies.threshold import CopyThreshold
from fewray.quality.names import METRICS
from fewray.quality.remarks import neighbours_used, remarks

Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]


@dataclass(frozen=True, kw_only=True)
class ClassQuality:
    """The figures of one class, or of all pooled. A figure that is not defined is None; ``reasons`` says why."""

    extractor: str
    dim: int
    num_real: int
    num_fake: int
    k: int
    """Neighbours of precision, recall, density, coverage."""
    fid: float
    fid_inf: float | None
    kid: float
    """Distance of all images, unbiased."""
    kid_ci: tuple[float, float] | None
    """95 % interval of ``kid``."""
    kid_mean: float
    """Over subsets, as published."""
    kid_std: float
    kid_subset_size: int
    is_mean: float | None
    is_std: float | None
    is_splits: int | None
    precision: float
    recall: float
    density: float
    coverage: float
    auth_pct: float
    ms_ssim: float | None
    ms_ssim_pairs: int | None
    ms_ssim_scales: int | None
    copies: tuple[Copy, ...]
    """The synthetic images called copies, nearest first."""
    floor: dict[str, Floor]
    reasons: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        return plain | {
            "kid_ci": None if self.kid_ci is None else list(self.kid_ci),
            "copies": [copy.to_json() for copy in self.copies],
            "floor": {name: floor.to_json() for name, floor in self.floor.items()},
            "warnings": list(self.warnings),
        }


def is_whole(found: Mapping[str, Any], classes: Sequence[str]) -> bool:
    """Whether kept JSON of a :class:`Quality` has just these classes and every figure of each; values are not looked at."""
    names = {each.name for each in fields(ClassQuality)}
    by_class = found["classes"]
    return {*by_class} == {*classes} and all(
        names <= {*figures} for figures in (*by_class.values(), found["pooled"])
    )


@dataclass(frozen=True, kw_only=True)
class Quality:
    """The figures of every class and of all pooled. Figures of different extractors must not be compared."""

    extractor: str
    image_size: int
    """Pixels a side at which all images were read."""
    classes: dict[str, ClassQuality]
    pooled: ClassQuality
    bar: CopyThreshold
    nearest: dict[str, tuple[Copy, ...]]
    """By class: every synthetic image with what is nearest to it, copies first."""
    held_out: dict[str, Any] | None = None
    """Figures against the held-out images, where there are any."""
    membership: dict[str, Any] | None = None
    tstr: dict[str, Any] | None = None
    fit: str | None = None
    """How films were made square, where they were read from files: ``squash`` or ``pad``."""
    notes: tuple[str, ...] = ()
    """Sentences about what was left out or not there."""

    def __str__(self) -> str:
        """Return the tables and sentences as text."""
        return "\n".join(
            [
                *map(_text, self.tables()),
                *self.sentences(),
                *(f"note: {each}" for each in self.warnings),
            ]
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON, without ``nearest``."""
        return {
            "extractor": self.extractor,
            "image_size": self.image_size,
            "fit": self.fit,
            "classes": {label: found.to_json() for label, found in self.classes.items()},
            "pooled": self.pooled.to_json(),
            "copy_threshold": self.bar.to_json(),
            "held_out": self.held_out,
            "membership": self.membership,
            "tstr": self.tstr,
            "sentences": self.sentences(),
            "notes": list(self.notes),
        }

    @property
    def warnings(self) -> list[str]:
        """Notes, and sentences about figures that say less than they seem to, each once with the classes it is about."""
        parts = {**self.classes, "all": self.pooled}
        return remarks(self.notes, {label: found.warnings for label, found in parts.items()})

    def sentences(self) -> list[str]:
        """Return what the tables do not show: how copies were judged, held-out films, membership, tstr."""
        lines = [
            f"all images are compared at {self.image_size} x {self.image_size} px, whatever their size was"
            + ("" if self.fit is None else f"; fit {self.fit}"),
            self.bar.sentence(),
            "the way to noise is measured in features, which see grain and blur that an eye forgives: images that look "
            "right may be far along it",
        ]
        for label, found in (self.held_out or {}).items():
            kid = figure(found["kid"], 3)
            lines.append(
                f"{label}, {found['num_held_out']} held-out films: KID {kid}; {len(found['copies'])} synthetic images as "
                "near to them as copies"
            )
        for label, found in (self.membership or {}).items():
            interval = (
                "" if found["ci"] is None else f" [{found['ci'][0]:.2f}, {found['ci'][1]:.2f}]"
            )
            lines.append(
                f"{label}: discriminator tells {found['num_train']} training from {found['num_held_out']} held-out films "
                f"with AUC {figure(found['auc'], 2)}{interval} (0.5: it cannot)"
            )
        if self.tstr is not None:
            u = self.tstr
            lines.append(
                f"classifier, {u['steps']} steps, tested on {u['num_test']} of {u['tested_on']}: trained on real "
                f"{figure(u['train_real_test_real'], 3)}, on synthetic {figure(u['train_synthetic_test_real'], 3)}; "
                f"trained on real, tested on synthetic {figure(u['train_real_test_synthetic'], 3)}"
            )
        return lines

    def tables(self) -> list[Table]:
        """Return title, header and rows of each table: the figures, then where each lies between real and noise."""
        everything = {**self.classes, "all": self.pooled}
        header = (
            "class",
            "n",
            "FID",
            "KID",
            "95 %",
            *(METRICS[name][0] for name in _OTHERS),
            "copies",
        )
        rows = [
            (
                label,
                f"{found.num_real}/{found.num_fake}",
                f"{found.fid:.1f}",
                f"{found.kid:.3f}",
                "–" if found.kid_ci is None else f"{found.kid_ci[0]:.3f}–{found.kid_ci[1]:.3f}",
                *(figure(getattr(found, name), METRICS[name][1]) for name in _OTHERS),
                str(len(found.copies)),
            )
            for label, found in everything.items()
        ]
        scale = [
            (
                METRICS[name][0],
                label,
                str(floor.m),
                figure(floor.value_mean, digits),
                f"{floor.mean:.{digits}f} ± {floor.std:.{digits}f}",
                figure(floor.ceiling, digits),
                floor.verdict,
            )
            for name, (_, digits) in METRICS.items()
            for label, found in everything.items()
            if (floor := found.floor.get(name)) is not None
        ]
        k = neighbours_used(
            self.pooled.k, {label: found.k for label, found in self.classes.items()}
        )
        return [
            (
                f"Synthetic against real (n real/synthetic), extractor {self.extractor}, k {k}",
                header,
                rows,
            ),
            (
                "Between real and noise, at m images a side",
                ("metric", "class", "m", "synthetic", "real half", "noise", "verdict"),
                scale,
            ),
        ]


_OTHERS = [name for name in METRICS if name not in ("fid", "kid_mean")]


def figure(value: float | None, digits: int) -> str:
    """Return a figure for a table, or a dash where it is not defined."""
    return "–" if value is None else f"{value:.{digits}f}"


def _text(table: Table) -> str:
    title, header, rows = table
    lines = [tuple(header), *map(tuple, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        [title, *("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines), ""]
    )
