"""Options of a reader study (visual Turing test)."""

from __future__ import annotations

from dataclasses import dataclass

from fewray.config.base import FITS, Fit, Options
from fewray.errors import InputError, check_choice, check_range

MAX_IMAGES = 1000
"""Most images of one kind; nobody reads more."""


@dataclass(frozen=True, kw_only=True)
class ReaderStudyOptions(Options):
    """Which images readers see and what they are asked. Images are drawn at random by ``seed``.

    Classes have equal numbers of images, the first classes one more where the number does not
    divide. No image is chosen by hand.
    """

    classes: tuple[str, ...] = ()
    """Classes to use; empty for all that real and synthetic images share."""
    num_real: int = 60
    num_synthetic: int = 60
    """Per generator."""
    num_practice: int = 8
    """Practice images with answers, half of them real; they are not among the test images."""
    num_repeats: int = 10
    """Test images shown twice, for the within-reader kappa; half of them real."""
    image_size: int = 64
    """Pixels per side of all images."""
    fit: Fit | None = None
    """None: as the generators were trained, ``pad`` if that is unknown."""
    seconds: float = 0.0
    """Time limit per image; 0 for none."""
    ask_class: bool = False
    ask_click: bool = True
    """Whether a reader may click on what gave the image away."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("num_real", "num_synthetic"):
            check_range(name, getattr(self, name), 2, MAX_IMAGES)
        check_range("num_practice", self.num_practice, 0, 100)
        check_range("num_repeats", self.num_repeats, 0, min(self.num_real, self.num_synthetic))
        check_range("image_size", self.image_size, 8, 2048)
        check_range("seconds", self.seconds, 0, 3600)
        if self.fit is not None:
            check_choice("fit", self.fit, FITS)
        if len(set(self.classes)) < len(self.classes):
            message = f"classes {', '.join(self.classes)}: duplicate value; list each class once"
            raise InputError("duplicate_class", message, classes=list(self.classes))
