"""What a study trains: its arms, and each arm again in every sensitivity analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fewray.config import CrossvalOptions, GanOptions
from fewray.presets import recipe

MIXUP = 0.2
"""Alpha of mixup's Beta distribution (Zhang et al. 2018)."""
RESNET_LEARNING_RATE = 0.05
"""With the paper's 0.01 its training loss is still falling after the steps of a study."""
PRIMARY = "primary"
RATIO = "ratio "


@dataclass(frozen=True, kw_only=True)
class Arm:
    """How an arm's training set is made; it always contains the real training images."""

    text: str
    classic: bool = False
    """Add augmented copies; an image and its copies together count as one image."""
    added: str = ""
    """``synthetic`` or ``pca``: images added, ``ratio`` per real image of the class."""
    shuffled: bool = False
    """Permute the labels of the added images."""
    oversample: bool = False
    mixup: bool = False


ARMS = {
    "no_augmentation": Arm(text="the real images alone"),
    "classic": Arm(
        text="real images plus copies with random shifts, rotations and changes in scale, "
        "brightness and contrast",
        classic=True,
    ),
    "oversample": Arm(
        text="real images, sampled so that all classes were drawn equally often", oversample=True
    ),
    "mixup": Arm(
        text=f"weighted blends of pairs of real images and of their labels (alpha {MIXUP})",
        mixup=True,
    ),
    "pca": Arm(
        text="real images plus samples from a Gaussian fitted to each class in principal-component "
        "space",
        added="pca",
    ),
    "synthetic": Arm(text="real images plus synthetic images", added="synthetic"),
    "classic+synthetic": Arm(
        text="real images plus synthetic images, both with classic augmentation",
        classic=True,
        added="synthetic",
    ),
    "shuffled": Arm(
        text="correctly labelled real images plus synthetic images with shuffled labels "
        "(as a negative control)",
        added="synthetic",
        shuffled=True,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One arm in one analysis."""

    analysis: str = PRIMARY
    arm: str
    ratio: float
    network: str = "paper"
    paper_classic: bool = False
    replicate: int = 0
    """Which of a fold's generators the synthetic images come from."""

    @property
    def recipe(self) -> Arm:
        """Return how its training set is made."""
        return ARMS[self.arm]

    @property
    def name(self) -> str:
        """Return the arm, after the analysis if it is not the primary one."""
        return self.arm if self.analysis == PRIMARY else f"{self.analysis} {self.arm}"

    @property
    def needs_generators(self) -> bool:
        """Return whether it trains on synthetic images."""
        return self.recipe.added == "synthetic"


@dataclass(frozen=True, kw_only=True)
class PlannedAnalysis:
    """The primary analysis or a sensitivity analysis: its conditions and their reference."""

    name: str
    text: str
    conditions: tuple[Condition, ...]
    reference: Condition

    @property
    def compared(self) -> list[Condition]:
        """Return the conditions without the reference."""
        return [condition for condition in self.conditions if condition != self.reference]


@dataclass(frozen=True, kw_only=True)
class SelectedConfig:
    """What one fold's synthetic arms use; ``name`` is empty if nothing was selected."""

    ratio: float
    gan: GanOptions
    name: str = ""
    accuracies: tuple[tuple[str, float], ...] = ()
    """Inner accuracy of each candidate."""

    def applied_to(self, condition: Condition, options: CrossvalOptions) -> Condition:
        """Return the condition as trained: without the analysis's name, with the selected ratio.

        An analysis of a ratio keeps its own.
        """
        selects = options.select == "ratio" and self.name and condition.needs_generators
        keeps = not selects or condition.analysis.startswith(RATIO)
        return replace(condition, analysis=PRIMARY, ratio=condition.ratio if keeps else self.ratio)


def fixed_config(options: CrossvalOptions) -> SelectedConfig:
    """Return the configuration of a study that selects nothing."""
    return SelectedConfig(ratio=options.ratio, gan=options.gan)


def added_counts(labels: np.ndarray, classes: int, ratio: float) -> list[int]:
    """Return how many images per class ``ratio`` adds to rows with ``labels`` (n,); at least 1."""
    return [max(1, round(ratio * int(count))) for count in np.bincount(labels, minlength=classes)]


def analyses(options: CrossvalOptions) -> list[PlannedAnalysis]:
    """Return the primary analysis, then the sensitivity analyses that ``options`` ask for."""
    base = {
        arm: Condition(arm=arm, ratio=options.ratio, network=options.classifier.network)
        for arm in options.arms
    }
    reference = base[options.reference]
    found = [
        PlannedAnalysis(
            name=PRIMARY,
            text="as fixed beforehand",
            conditions=tuple(base.values()),
            reference=reference,
        )
    ]

    def add(name: str, text: str, made: dict[str, Condition], own: Condition | None = None) -> None:
        if made:
            own = own or made.get(options.reference) or reference
            found.append(
                PlannedAnalysis(
                    name=name, text=text, conditions=tuple(made.values()), reference=own
                )
            )

    def among(*arms: str) -> list[Condition]:
        return [base[arm] for arm in arms if arm in base]

    synthetic = among("synthetic", "classic+synthetic")
    if options.paper_classic:
        name = "paper-classic"
        made = [
            replace(c, analysis=name, paper_classic=True)
            for c in among("classic", "classic+synthetic")
        ]
        text = (
            "the paper's stronger classic augmentation, which includes mirror images, in place of "
            "the milder default"
        )
        add(name, text, _by_arm(made))
    for ratio in options.ratios:
        name = f"{RATIO}{ratio:g}"
        made = [replace(c, analysis=name, ratio=ratio) for c in synthetic]
        add(name, f"{ratio:g} synthetic images per real image", _by_arm(made), reference)
    if options.resnet:
        made = [
            replace(c, analysis="resnet", network="resnet")
            for c in among("no_augmentation", "classic", "synthetic", "classic+synthetic")
        ]
        text = (
            "a small residual network instead of the paper's, with its own learning rate of "
            f"{RESNET_LEARNING_RATE:g}"
        )
        add("resnet", text, _by_arm(made))
    for replicate in range(1, options.generator_repeats):
        name = f"replicate {replicate}"
        made = [replace(c, analysis=name, replicate=replicate) for c in synthetic]
        add(name, "generators trained again from another seed", _by_arm(made), reference)
    return found


def all_conditions(options: CrossvalOptions) -> list[Condition]:
    """Return every condition to train, each once."""
    return list(dict.fromkeys(c for analysis in analyses(options) for c in analysis.conditions))


def _by_arm(conditions: Sequence[Condition]) -> dict[str, Condition]:
    return {condition.arm: condition for condition in conditions}


def candidates(options: CrossvalOptions) -> dict[str, SelectedConfig]:
    """Return the candidates to select from, by name; InputError for unknown recipes."""
    if options.select == "recipe":
        fit, size = options.classifier.fit, options.classifier.image_size
        gans = {name: recipe(name, size).with_(fit=fit) for name in options.candidates}
        return {name: SelectedConfig(ratio=options.ratio, gan=gan) for name, gan in gans.items()}
    ratios = {name: options.ratio_of(name) for name in options.candidates}
    return {name: SelectedConfig(ratio=ratio, gan=options.gan) for name, ratio in ratios.items()}
