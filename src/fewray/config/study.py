"""Options of a study, one class per protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fewray.config.base import Options
from fewray.config.classifier import ClassifierOptions
from fewray.config.generator import ClassicAugmentation, GanOptions
from fewray.errors import InputError, check_choice, check_range

PUBLISHED_ARMS = ("no_augmentation", "classic", "synthetic", "classic+synthetic")
CROSSVAL_ARMS = (
    "no_augmentation",
    "classic",
    "oversample",
    "mixup",
    "pca",
    "synthetic",
    "classic+synthetic",
    "shuffled",
)
_GAN, _CLASSIFIER = GanOptions(), ClassifierOptions()
SELECTION_ARM = "classic+synthetic"
"""The arm whose inner accuracy decides between the candidates of ``select``."""


@dataclass(frozen=True, kw_only=True)
class PublishedOptions(Options):
    """The published protocol: the paper's own split, its arms and its tables."""

    protocol: Literal["published"] = "published"
    preset: str = "standard"
    arms: tuple[str, ...] = PUBLISHED_ARMS
    seeds: int = 5
    seed: int = 0
    gan: GanOptions = _GAN
    classifier: ClassifierOptions = _CLASSIFIER
    classic_per_class: int = 1000
    synthetic_per_class: int = 1000
    as_published: bool = True
    """Train each arm a second time with softmax applied twice, as the paper's networks were.

    The scores as the paper computed them come from these networks, and are left out without them.
    """
    published_passes: int = 500
    """Passes over the test images in training mode, for the scores as the paper computed them."""
    mixtures: bool = False
    mixture_classic: tuple[int, ...] = (0, 500, 1000, 2000, 3000)
    mixture_synthetic: tuple[int, ...] = (0, 100, 500, 1000, 2000)
    extractor: str = "lite0"

    def __post_init__(self) -> None:
        for arm in self.arms:
            check_choice("--arms", arm, PUBLISHED_ARMS)
        check_range("--seeds", self.seeds, 1)
        check_range("--seed", self.seed, 0)
        check_range("--classic-per-class", self.classic_per_class, 1)
        check_range("--synthetic-per-class", self.synthetic_per_class, 1)
        check_range("published_passes", self.published_passes, 1)
        for name in ("mixture_classic", "mixture_synthetic"):
            option, counts = f"--{name.replace('_', '-')}", getattr(self, name)
            if not counts:
                raise InputError("no_values", f"{option}: expected at least one number")
            for count in counts:
                check_range(option, count, 0)


SMALL_AUGMENTATION = ClassicAugmentation(
    p=0.8,
    rotation_degrees=7.0,
    rotation_repeats=1,
    flip_repeats=0,
    scale_repeats=1,
    translation=0.06,
    translation_repeats=1,
    intensity=0.15,
)
"""Classic augmentation of the crossval protocol; no mirroring, which moves the heart."""


@dataclass(frozen=True, kw_only=True)
class CrossvalOptions(Options):
    """The crossval protocol: folds grouped by patient, everything fitted on training folds."""

    protocol: Literal["crossval"] = "crossval"
    preset: str = "standard"
    arms: tuple[str, ...] = CROSSVAL_ARMS
    reference: str = "classic"
    """The arm that every other arm is compared with."""
    folds: int = 4
    repeats: int = 1
    """How many times the cross-validation is repeated with a new split into folds."""
    seeds: int = 5
    seed: int = 0
    gan: GanOptions = _GAN
    classifier: ClassifierOptions = _CLASSIFIER
    classic: ClassicAugmentation = SMALL_AUGMENTATION
    augmented_copies: int = 20
    """Augmented copies per image in arms with ``classic``; they share the image's weight."""
    ratio: float = 1.0
    """Synthetic images per real training image of the class."""
    copy_percentile: float = 2.0
    """Copy threshold: the percentage of unseen real images it would flag; 0 keeps all."""
    paper_classic: bool = False
    """Sensitivity analysis: the paper's classic augmentation in place of ``classic``."""
    ratios: tuple[float, ...] = ()
    """Sensitivity analysis: further ratios."""
    resnet: bool = False
    """Sensitivity analysis: a small residual network in place of the paper's."""
    linear: bool = False
    """Sensitivity analysis: logistic regression on frozen ``lite0`` features."""
    generator_repeats: int = 1
    """Generators per class and fold; those after the first are a sensitivity analysis."""
    subsets: tuple[str, ...] = ()
    """``without CLASS`` or ``CLASS:CLASS``: score the same predictions on some classes only."""
    select: Literal["", "ratio", "recipe"] = ""
    """What is selected on an inner split of each fold's training images."""
    candidates: tuple[str, ...] = ()
    """The ratios, or the names of the recipes, to select from."""
    keep_test: bool = False
    """Cross-validate split ``train`` only; split ``test`` becomes the external test set."""

    def __post_init__(self) -> None:
        for arm in self.arms:
            check_choice("--arms", arm, CROSSVAL_ARMS)
        arms = ",".join(self.arms)
        if len(set(self.arms)) < max(2, len(self.arms)):
            message = f"--arms {arms}: expected at least two arms, each listed once"
            raise InputError("too_few_arms", message, arms=self.arms)
        check_choice("--reference", self.reference, self.arms)
        check_range("--folds", self.folds, 2)
        for name in ("repeats", "seeds", "augmented_copies", "generator_repeats"):
            check_range(f"--{name.replace('_', '-')}", getattr(self, name), 1)
        check_range("--seed", self.seed, 0)
        check_range("--ratio", self.ratio, 0, 100, above=True)
        for ratio in self.ratios:
            check_range("--ratios", ratio, 0, 100, above=True)
        check_range("--copy-percentile", self.copy_percentile, 0, 50)
        self._check_selection()
        images = [(o.image_size, o.fit) for o in (self.gan, self.classifier)]
        if images[0] != images[1]:
            (made, made_fit), (taken, taken_fit) = images
            raise InputError(
                "image_form_mismatch",
                f"generators make images of {made} px ({made_fit}), but the classifier takes "
                f"{taken} px ({taken_fit}); use the same size and fit for both",
                generator=images[0],
                classifier=images[1],
            )

    def _check_selection(self) -> None:
        check_choice("--select", self.select, ("", "ratio", "recipe"))
        listed = ",".join(self.candidates)
        if not self.select:
            if self.candidates:
                message = f"--candidates {listed}: add --select ratio or --select recipe"
                raise InputError("candidates_without_select", message, candidates=self.candidates)
            return
        if SELECTION_ARM not in self.arms:
            message = f"--select {self.select}: needs arm {SELECTION_ARM} in --arms"
            raise InputError("selection_arm_missing", message, select=self.select, arms=self.arms)
        values = [
            self.ratio_of(name) if self.select == "ratio" else name for name in self.candidates
        ]
        if len(set(values)) < max(2, len(values)):
            message = f"--candidates {listed}: expected at least two different values, each once"
            raise InputError("too_few_candidates", message, candidates=self.candidates)

    @staticmethod
    def ratio_of(candidate: str) -> float:
        """Return a candidate of ``select="ratio"`` as a number in (0, 100]."""
        try:
            ratio = float(candidate)
        except ValueError:
            message = f"--candidates {candidate}: expected a number with --select ratio"
            raise InputError("not_a_number", message, value=candidate) from None
        check_range("--candidates", ratio, 0, 100, above=True)
        return ratio


def check_external(external: object, options: CrossvalOptions | PublishedOptions) -> None:
    """Raise InputError if there is an external test set and ``options`` do not allow one."""
    if external is None:
        return
    if isinstance(options, PublishedOptions):
        message = "--external: the published protocol uses its own test split; use crossval"
        raise InputError("external_not_supported", message, protocol=options.protocol)
    if options.keep_test:
        message = "--external and --keep-test: a study has one external test set; leave one out"
        raise InputError("exclusive_options", message, options=["--external", "--keep-test"])
