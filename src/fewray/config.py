"""Every option of every run, as frozen dataclasses; the recipes and presets are instances of them.

An options object is written to ``options.json`` beside what it produced, and read back by ``from_json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Self

from fewray.errors import InputError

Fit = Literal["pad", "squash"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Base of all option sets: JSON in and out, unknown names refused."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types (tuples become lists)."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`; InputError names options that do not exist."""
        known = {field.name: field for field in fields(cls)}
        if unknown := sorted(set(values) - set(known)):
            raise InputError(
                f"{cls.__name__} has no option {', '.join(unknown)}; it has {', '.join(known)}"
            )
        made: dict[str, Any] = {}
        for name, value in values.items():
            if name in _NESTED and isinstance(value, Mapping):
                value = _NESTED[name].from_json(value)
            made[name] = tuple(value) if isinstance(value, list) else value
        return cls(**made)

    def with_(self, **changes: Any) -> Self:
        """Return a copy with the given options changed."""
        return replace(self, **changes)


@dataclass(frozen=True, kw_only=True)
class ClassicAugmentation(Options):
    """Random affine augmentation. Each operation is applied with probability ``p``, ``repeats`` times over.

    The defaults are the public predecessor's strengths without its colour jitter, which the paper does not name:
    rotation +-5 degrees twice, horizontal flip twice, scale 0.9 to 1.1 four times, translation 10 % four times,
    drawn at ``work_size`` pixels and reduced to the target size.
    """

    p: float = 0.5
    rotation_degrees: float = 5.0
    rotation_repeats: int = 2
    flip_repeats: int = 2
    scale_low: float = 0.9
    scale_high: float = 1.1
    scale_repeats: int = 4
    translation: float = 0.1
    """Largest shift as a share of the width and of the height."""
    translation_repeats: int = 4
    intensity: float = 0.0
    """Largest relative change of brightness and of contrast; 0 leaves grey values alone."""
    work_size: int = 128


@dataclass(frozen=True, kw_only=True)
class GanOptions(Options):
    """One generator's training. Defaults: the paper's per-class DCGAN (Davoodi & Lo Giudice; Radford et al. 2015)."""

    recipe: str = "paper"
    image_size: int = 64
    fit: Fit = "squash"
    latent_dim: int = 100
    latent: Literal["uniform", "normal"] = "uniform"
    base_channels: int = 64
    dropout: tuple[float, float, float] = (0.5, 0.5, 0.25)
    """Dropout rates of the discriminator's blocks 1, 3 and 4 (the predecessor's; the paper gives none)."""
    batch_size: int = 32
    epochs: int = 200
    classic_images: int = 1000
    """Classic-augmented images added to the originals of the class before training."""
    augmentation: ClassicAugmentation = ClassicAugmentation()
    learning_rate: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    init_std: float = 0.02
    ema_half_life: float = 0.0
    """Half-life of the averaged generator in images seen; 0 samples from the raw generator, as the paper does."""
    quality_images: int = 500
    """Synthetic images measured each time FID, KID and IS are taken during training."""


@dataclass(frozen=True, kw_only=True)
class ClassifierOptions(Options):
    """One classifier's training. Defaults: the paper's SGD and the predecessor's CNN."""

    network: Literal["paper", "resnet"] = "paper"
    """``resnet`` is a compact residual network (``classify/residual.py``) of the same ``channels`` and ``hidden``."""
    image_size: int = 64
    fit: Fit = "squash"
    channels: tuple[int, int, int] = (32, 64, 128)
    hidden: int = 256
    dropout: float = 0.5
    batch_size: int = 256
    steps: int = 1200
    """An upstream epoch is four random draws of ``batch_size``, so 300 epochs are 1,200 steps."""
    learning_rate: float = 0.01
    momentum: float = 0.9
    double_softmax: bool = False
    """Apply softmax before a cross-entropy that applies it again, as the predecessor did."""
    mixup: float = 0.0
    """Alpha of the Beta(alpha, alpha) that weighs pairs of images (Zhang et al. 2018, arXiv 1710.09412); 0 mixes none."""


@dataclass(frozen=True, kw_only=True)
class PublishedOptions(Options):
    """A whole comparison of augmentation arms."""

    protocol: Literal["published"] = "published"
    preset: str = "standard"
    arms: tuple[str, ...] = ("no_augmentation", "classic", "synthetic", "classic+synthetic")
    seeds: int = 5
    seed: int = 0
    gan: GanOptions = GanOptions()
    classifier: ClassifierOptions = ClassifierOptions()
    classic_per_class: int = 1000
    synthetic_per_class: int = 1000
    published_passes: int = 500
    """Passes over the test images in training mode, for the figures as the paper computed them."""
    mixtures: bool = False
    mixture_classic: tuple[int, ...] = (0, 500, 1000, 2000, 3000)
    mixture_synthetic: tuple[int, ...] = (0, 100, 500, 1000, 2000)
    extractor: str = "lite0"


SMALL_AUGMENTATION = ClassicAugmentation(
    p=0.8,
    rotation_degrees=7.0,
    rotation_repeats=1,
    flip_repeats=0,
    scale_low=0.9,
    scale_high=1.1,
    scale_repeats=1,
    translation=0.06,
    translation_repeats=1,
    intensity=0.15,
)
"""The trial's classic augmentation: small, once each, no mirroring (it moves the heart), grey values varied too."""

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


@dataclass(frozen=True, kw_only=True)
class CrossvalOptions(Options):
    """A grouped cross-validation of augmentation arms, everything fitted inside the folds."""

    protocol: Literal["crossval"] = "crossval"
    preset: str = "standard"
    arms: tuple[str, ...] = CROSSVAL_ARMS
    reference: str = "classic"
    """The arm every other one is compared with."""
    folds: int = 4
    repeats: int = 1
    """How often the cross-validation is repeated with other folds."""
    seeds: int = 5
    seed: int = 0
    gan: GanOptions = GanOptions()
    classifier: ClassifierOptions = ClassifierOptions()
    classic: ClassicAugmentation = SMALL_AUGMENTATION
    versions: int = 20
    """Classic-augmented versions of an image that stand beside it in the arms with ``classic``."""
    ratio: float = 1.0
    """Synthetic images per real training image of the class."""
    copy_percentile: float = 2.0
    """Synthetic images nearer to a training image than this share of held-out films are replaced; 0 keeps all."""
    paper_classic: bool = False
    """Sensitivity analysis: the paper's classic augmentation, which mirrors, instead of ``classic``."""
    ratios: tuple[float, ...] = ()
    """Sensitivity analysis: other ratios."""
    resnet: bool = False
    """Sensitivity analysis: a small residual network instead of the paper's."""
    linear: bool = False
    """Sensitivity analysis: a linear head on frozen ``lite0`` features."""
    generator_replicates: int = 1
    """Generators trained for each class and fold; those after the first are a sensitivity analysis."""
    subsets: tuple[str, ...] = ()
    """``without CLASS`` or ``CLASS:CLASS``: the same predictions scored on some classes only."""
    choose: Literal["", "ratio", "recipe"] = ""
    """What is chosen on an inner split of each fold's training rows, by generators fitted to the inner part alone."""
    choices: tuple[str, ...] = ()
    """What is chosen from: ratios, or names of recipes."""
    keep_test: bool = False
    """Fold the rows of split ``train`` only; those of split ``test`` are predicted as an external set."""


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


_NESTED: dict[str, type[Options]] = {
    "augmentation": ClassicAugmentation,
    "gan": GanOptions,
    "classifier": ClassifierOptions,
    "classic": ClassicAugmentation,
}
