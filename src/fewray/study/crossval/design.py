"""What a trial trains: the arms, and each arm again under every sensitivity analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fewray.config import CrossvalOptions
from fewray.errors import InputError

MIXUP = 0.2
"""Alpha of mixup's Beta distribution (Zhang et al. 2018)."""
MODERN_LEARNING_RATE = 0.05
"""Of the residual network: with the paper's 0.01 its training loss is still falling after the trial's steps."""
PRIMARY = "primary"
RATIO = "ratio "


@dataclass(frozen=True, kw_only=True)
class Arm:
    """How an arm's training set is made. The real rows of the fold are in all of them."""

    text: str
    classic: bool = False
    """Every image stands with classic-augmented versions of it, weighed so that it counts as one."""
    added: str = ""
    """``synthetic`` or ``pca``: what is added, ``ratio`` images per real one of the class."""
    shuffled: bool = False
    """The added images carry each other's labels."""
    oversample: bool = False
    mixup: bool = False


ARMS = {
    "no_augmentation": Arm(text="the real images alone"),
    "classic": Arm(
        text="real images and small random shifts, turns, scalings and changes of grey of them",
        classic=True,
    ),
    "oversample": Arm(
        text="real images, drawn so that every class is as frequent", oversample=True
    ),
    "mixup": Arm(text=f"real images mixed in pairs, with their labels (alpha {MIXUP})", mixup=True),
    "pca": Arm(
        text="real images and samples of a Gaussian in each class's principal components",
        added="pca",
    ),
    "synthetic": Arm(text="real images and generated ones", added="synthetic"),
    "classic+synthetic": Arm(
        text="real and generated images, both with the classic augmentation",
        classic=True,
        added="synthetic",
    ),
    "shuffled": Arm(
        text="real images and generated ones under shuffled labels: a negative control",
        added="synthetic",
        shuffled=True,
    ),
}


def added_counts(labels: np.ndarray, classes: int, ratio: float) -> list[int]:
    """Return by class how many images ``ratio`` adds to training rows of ``labels`` (n,), at least one."""
    return [max(1, round(ratio * int(count))) for count in np.bincount(labels, minlength=classes)]


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One arm under one analysis."""

    analysis: str = PRIMARY
    arm: str
    ratio: float
    network: str = "paper"
    paper_classic: bool = False
    replicate: int = 0
    """Which of a fold's generators the synthetic images come from."""

    @property
    def recipe(self) -> Arm:
        """How its training set is made."""
        return ARMS[self.arm]

    @property
    def fixes_ratio(self) -> bool:
        """Whether its ratio is what its analysis is about, and not to be chosen."""
        return self.analysis.startswith(RATIO)

    @property
    def needs_generators(self) -> bool:
        """Whether it trains on generated images."""
        return self.recipe.added == "synthetic"


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The primary analysis or a sensitivity analysis: its conditions, and the one that each is compared with."""

    name: str
    text: str
    conditions: tuple[Condition, ...]
    reference: Condition


def analyses(options: CrossvalOptions) -> list[Analysis]:
    """Return the primary analysis and the sensitivity analyses asked for."""
    base = {
        arm: Condition(arm=arm, ratio=options.ratio, network=options.classifier.network)
        for arm in options.arms
    }
    reference = base[options.reference]
    found = [
        Analysis(
            name=PRIMARY,
            text="as fixed beforehand",
            conditions=tuple(base.values()),
            reference=reference,
        )
    ]

    def add(
        name: str,
        text: str,
        arms: Sequence[str],
        against: Condition | None = None,
        **changes: object,
    ) -> None:
        made = {
            arm: Condition(**{**vars(base[arm]), **changes, "analysis": name})  # pyright: ignore[reportArgumentType]
            for arm in arms
            if arm in base
        }
        own = against or made.get(options.reference) or reference
        if made:
            found.append(
                Analysis(name=name, text=text, conditions=tuple(made.values()), reference=own)
            )

    if options.paper_classic:
        text = "the paper's classic augmentation, which mirrors the film, in place of the small one"
        add("paper-classic", text, ("classic", "classic+synthetic"), paper_classic=True)
    for ratio in options.ratios:
        add(
            f"{RATIO}{ratio:g}",
            f"{ratio:g} synthetic images per real one",
            ("synthetic", "classic+synthetic"),
            reference,
            ratio=ratio,
        )
    if options.resnet:
        text = f"a small residual network in place of the paper's, at its own learning rate of {MODERN_LEARNING_RATE:g}"
        add(
            "resnet",
            text,
            ("no_augmentation", "classic", "synthetic", "classic+synthetic"),
            network="resnet",
        )
    for replicate in range(1, options.generator_repeats):
        text = "generators trained again from another seed"
        add(
            f"replicate {replicate}",
            text,
            ("synthetic", "classic+synthetic"),
            reference,
            replicate=replicate,
        )
    return found


def all_conditions(options: CrossvalOptions) -> list[Condition]:
    """Return every condition to train, each once."""
    return list(dict.fromkeys(c for analysis in analyses(options) for c in analysis.conditions))


def subset_classes(name: str, classes: tuple[str, ...]) -> list[int]:
    """Return the indices of the classes that ``without CLASS`` or ``CLASS:CLASS`` leaves; InputError for others.

    Names of classes may hold a colon, as long as only one pair can be meant.
    """
    pairs = [(name[:i], name[i + 1 :]) for i, sign in enumerate(name) if sign == ":"]
    if len(fits := [pair for pair in pairs if set(pair) <= set(classes)]) > 1:
        raise InputError(f"--pair {name}: {' or '.join(map(' and '.join, fits))}? rename a class")
    skipped = name.removeprefix("without ") if name.startswith("without ") and not fits else None
    named = [skipped] if skipped is not None else list(fits[0]) if fits else name.split(":")
    if unknown := [label for label in named if label not in classes]:
        raise InputError(
            f"subset {name}: no class {', '.join(unknown)}; there are {', '.join(classes)}"
        )
    if skipped is None and len(named) > 2:
        raise InputError(f"--pair {name}: {len(named)} classes; two, as CLASS:CLASS, are wanted")
    kept = [
        i
        for i, label in enumerate(classes)
        if (label != skipped if skipped is not None else label in named)
    ]
    if len(kept) < 2:
        raise InputError(f"subset {name}: {len(kept)} class; at least 2 are wanted")
    return kept
