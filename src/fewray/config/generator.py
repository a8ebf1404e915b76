"""Options of classic augmentation and of a generator's training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fewray.config.base import FITS, Fit, Options
from fewray.errors import InputError, check_choice, check_range


@dataclass(frozen=True, kw_only=True)
class ClassicAugmentation(Options):
    """Random affine augmentation; each operation is tried ``repeats`` times with probability ``p``.

    The defaults are those of the paper's public predecessor without its colour jitter, which the
    paper does not name. Images are augmented at ``work_size`` pixels, then reduced.
    """

    p: float = 0.5
    rotation_degrees: float = 5.0
    rotation_repeats: int = 2
    flip_repeats: int = 2
    scale_low: float = 0.9
    scale_high: float = 1.1
    scale_repeats: int = 4
    translation: float = 0.1
    """Largest shift, as a share of the width and of the height."""
    translation_repeats: int = 4
    intensity: float = 0.0
    """Largest relative change of brightness and of contrast; 0 leaves grey values unchanged."""
    work_size: int = 128

    def __post_init__(self) -> None:
        check_range("p", self.p, 0, 1)
        check_range("scale_low", self.scale_low, 0, self.scale_high, above=True)
        check_range("translation", self.translation, 0, 1)
        check_range("intensity", self.intensity, 0, 1)
        for name in ("rotation", "flip", "scale", "translation"):
            check_range(f"{name}_repeats", getattr(self, f"{name}_repeats"), 0)


LARGEST_SIZE = 1024
"""Largest width of synthetic images, in pixels."""
SMALLEST_SIDE = 32
"""Smallest width that a further Haar transform may leave, in pixels."""
MOST_POOLED_CLASSES = 16
"""Classes that one generator can learn."""


def _check_channels(channels: tuple[int, ...]) -> None:
    for width in channels:
        check_range("channels", width, 8)
        if width % 8:
            raise InputError("out_of_range", f"channels {width}: expected a multiple of 8.")
    check_range("channels", len(channels), 1)


@dataclass(frozen=True, kw_only=True)
class DiffusionOptions(Options):
    """The network and the noise of family ``diffusion`` (Karras et al. 2022, arXiv 2206.00364)."""

    channels: tuple[int, ...] = (64, 96, 128)
    """Channels of each level of the U-Net, finest first; multiples of 8."""
    blocks: int = 2
    """Blocks per level and direction."""
    dropout: float = 0.1
    """Share of channels dropped in each block during training."""
    augmented: bool = True
    """Whether training images are moved and changed, and how is an input of the network."""
    noise_mean: float = -1.2
    noise_sd: float = 1.2
    """Mean and SD of the logarithm of the noise level in training, before ``noise_scale``."""
    noise_scale: float = 1.0
    """Factor of the noise levels: in larger images, noise hides less (Hoogeboom et al. 2023)."""
    haar_levels: int = 1
    """Haar transforms before the network, each of which halves width and height."""
    ambient_sigma: float = 0.0
    """Noise level above which training sees noisy images only; 0: all levels see the images."""
    muon_rate: float = 0.0
    """Learning rate of Muon (Jordan et al. 2024) for the weights inside the network; 0: Adam."""
    sampling_steps: int = 12
    """Evaluations of the network per image."""
    layout_sigma: float = 0.0
    """Noise level at which the network takes over from a Gaussian of the class; 0: it does all."""

    def __post_init__(self) -> None:
        if self.layout_sigma:
            check_range("layout_sigma", self.layout_sigma, 0.1, 80)
        check_range("ambient_sigma", self.ambient_sigma, 0, 80)
        _check_channels(self.channels)
        check_range("blocks", self.blocks, 1)
        check_range("dropout", self.dropout, 0, 0.9)
        check_range("noise_mean", self.noise_mean, -10, 10)
        check_range("noise_sd", self.noise_sd, 0, above=True)
        check_range("noise_scale", self.noise_scale, 0, above=True)
        check_range("haar_levels", self.haar_levels, 1, 5)
        check_range("muon_rate", self.muon_rate, 0)
        check_range("sampling_steps", self.sampling_steps, 2)

    def at_size(self, image_size: int) -> DiffusionOptions:
        """Return the options for images of this width.

        Haar transforms leave the network at least ``SMALLEST_SIDE`` pixels and less than twice as
        many. Above 64 pixels, noise levels grow in proportion.
        """
        levels = max(1, (image_size // SMALLEST_SIDE).bit_length() - 1)
        return self.with_(haar_levels=levels, noise_scale=max(1.0, image_size / 64))


@dataclass(frozen=True, kw_only=True)
class AdversarialOptions(Options):
    """The networks and the penalty of family ``gan`` (Huang et al. 2024, arXiv 2501.05441)."""

    channels: tuple[int, ...] = (64, 96, 128, 128)
    """Channels of each level of both networks, finest first; multiples of 8."""
    penalty: float = 2.0
    """Weight of the squared gradients of the discriminator at real and at synthetic images."""

    def __post_init__(self) -> None:
        _check_channels(self.channels)
        check_range("penalty", self.penalty, 0)


@dataclass(frozen=True, kw_only=True)
class PatchesOptions(Options):
    """The search of family ``patches`` (after Granot et al. 2022, arXiv 2103.15545)."""

    layout_variance: float = 0.95
    """Share of the variance of 16-pixel images that the principal components explain."""
    patch: int = 13
    """Width of a patch in pixels, at every level."""
    stride: int = 4
    """Pixels between patches."""
    window: int = 5
    """How far from its place a patch may come from, in pixels."""
    passes: int = 6
    """How often all patches of a level are replaced."""

    def __post_init__(self) -> None:
        check_range("layout_variance", self.layout_variance, 0, 1, above=True)
        check_range("patch", self.patch, 2, 18)  # larger ones would not be compared exactly
        check_range("stride", self.stride, 1, self.patch)
        check_range("window", self.window, 0)
        check_range("passes", self.passes, 1)


@dataclass(frozen=True, kw_only=True)
class GanOptions(Options):
    """Training of one generator; the defaults are the paper's DCGAN (Radford et al. 2015)."""

    recipe: str = "paper"
    family: str = "dcgan"
    """Family of generators: a key of :data:`fewray.generators.checkpoint.FAMILIES`."""
    pooled: bool = False
    """Whether one generator learns all classes, with the class as an input."""
    image_size: int = 64
    fit: Fit = "squash"
    latent_dim: int = 100
    latent: Literal["uniform", "normal"] = "uniform"
    base_channels: int = 64
    dropout: tuple[float, float, float] = (0.5, 0.5, 0.25)
    """Dropout of blocks 1, 3 and 4 of the discriminator, as in the predecessor."""
    batch_size: int = 32
    epochs: int = 200
    classic_images: int = 1000
    """Classic-augmented images added to the real images of the class before training."""
    augmentation: ClassicAugmentation = ClassicAugmentation()
    learning_rate: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    init_std: float = 0.02
    ema_half_life: float = 0.0
    """Half-life of the averaged generator in images; 0 samples the raw generator (the paper)."""
    ema_ramp_up: float = 100.0
    """Images by which that half-life grows per epoch, from 1, until it reaches its value."""
    diffusion: DiffusionOptions = DiffusionOptions()
    """Used by family ``diffusion`` only, which ignores the options of GANs."""
    adversarial: AdversarialOptions = AdversarialOptions()
    """Used by family ``gan`` only, beside ``latent_dim``."""
    patches: PatchesOptions = PatchesOptions()
    """Used by family ``patches`` only; of the options of training, it uses ``epochs``."""
    quality_images: int = 500
    """Synthetic images used for each FID, KID and IS measured during training."""
    networks_used: tuple[str, ...] = ()
    """Pretrained networks that training uses, by the names of extractors ("lite0").

    A quality report refuses to measure the images with them.
    """

    def __post_init__(self) -> None:
        if self.pooled and self.family in ("dcgan", "patches"):
            message = f"recipe {self.recipe}: generators of family {self.family} cannot be pooled."
            raise InputError("options_conflict", message, family=self.family)
        check_choice("fit", self.fit, FITS)
        check_choice("latent", self.latent, ("uniform", "normal"))
        check_range("--epochs", self.epochs, 1)
        check_range("image_size", self.image_size, 1, LARGEST_SIZE)
        for name in ("latent_dim", "base_channels", "batch_size", "quality_images"):
            check_range(name, getattr(self, name), 1)
        for share in self.dropout:
            check_range("dropout", share, 0, 1)
        for name in ("beta1", "beta2"):
            check_range(name, getattr(self, name), 0, 1)
        check_range("init_std", self.init_std, 0)
        check_range("classic_images", self.classic_images, 0)
        check_range("learning_rate", self.learning_rate, 0, above=True)
        check_range("ema_half_life", self.ema_half_life, 0)
        check_range("ema_ramp_up", self.ema_ramp_up, 0)

    def at_size(self, image_size: int) -> GanOptions:
        """Return the options for images of this width, in pixels."""
        return self.with_(image_size=image_size, diffusion=self.diffusion.at_size(image_size))

    def continued(self) -> GanOptions:
        """Return the options that must be equal to continue training.

        The options of other families do not matter and have their defaults. Nor does the number of
        epochs, unless the learning rate falls to 0 over them.
        """
        others = {
            name: type(getattr(self, name))()
            for family, name in OPTIONS_OF_FAMILY.items()
            if family != self.family
        }
        return self.with_(epochs=self.epochs if self.family in FALLING_RATE else 1, **others)

    @property
    def made_of_training_images(self) -> bool:
        """Whether images are assembled from pieces of training images."""
        return self.family == "patches"


OPTIONS_OF_FAMILY = {"diffusion": "diffusion", "gan": "adversarial", "patches": "patches"}
"""By family: the name of its own options in :class:`GanOptions`."""
FALLING_RATE = ("diffusion", "gan")
"""Families whose learning rate falls to 0 at the last epoch."""
