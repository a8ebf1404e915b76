"""Options of the phantom data set, also from the ``key=value`` pairs after ``phantom:``."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import get_args

from fewray.config import Options
from fewray.data.phantom.rendering import Confound
from fewray.errors import InputError

CLASSES = ("covid", "normal", "pneumonia_bac", "pneumonia_vir")
SMALLEST, LARGEST = 16, 2048


@dataclass(frozen=True, kw_only=True)
class PhantomOptions(Options):
    """What defines a phantom data set. The default counts (per class) are the paper's."""

    size: int = 256
    """Pixels on a side. 256 leaves detail for extractors at 128 to 224, and for augmentation before
    a reduction to 64."""
    train: tuple[int, ...] = (60, 70, 70, 70)
    test: tuple[int, ...] = (9, 9, 9, 9)
    seed: int = 0
    difficulty: float = 0.4
    """0: the diseases are obvious; 1: they are invisible. At the default, a small CNN is correct in
    about 3 of 4 images."""
    confound: Confound = "none"
    """A planted fault that reveals a class: ``mark`` is a lead disc in a corner, ``border`` a grey
    frame."""
    confound_class: str = "covid"
    """The only class whose images carry the fault."""
    confound_strength: float = 1.0
    """The share of that class's images that carry it."""

    def __post_init__(self) -> None:
        """Raise InputError for values that cannot be drawn."""
        if not SMALLEST <= self.size <= LARGEST:
            raise invalid("size", self.size, f"{SMALLEST} to {LARGEST} pixels")
        for name in ("train", "test"):
            counts = getattr(self, name)
            if len(counts) != len(CLASSES) or min(counts) < 0:
                shown = "/".join(map(str, counts))
                raise invalid(name, shown, "one count for all classes, or one each as 60/70/70/70")
        if not sum(self.train) + sum(self.test):
            raise invalid("train and test", "no images", "at least one image")
        for name in ("difficulty", "confound_strength"):
            if not 0 <= getattr(self, name) <= 1:
                raise invalid(name, getattr(self, name), "a number from 0 to 1")
        if self.seed < 0:
            raise invalid("seed", self.seed, "0 or more")
        for name, known in (("confound", get_args(Confound)), ("confound_class", CLASSES)):
            if getattr(self, name) not in known:
                raise invalid(name, getattr(self, name), f"one of {', '.join(known)}")


def invalid(name: str, got: object, expected: str) -> InputError:
    """Return the error for a bad option."""
    return InputError(
        "phantom_option",
        f"phantom {name}: expected {expected}, got {got}",
        name=name,
        got=got,
        expected=expected,
    )


def parse_options(pairs: dict[str, str]) -> PhantomOptions:
    """Return the options that ``key=value`` texts name. Raises InputError.

    ``train`` and ``test`` take one count for all classes, or one each (``60/70/70/70``).
    """
    kinds = {field.name: type(field.default) for field in fields(PhantomOptions)}
    expected = {tuple: "counts", int: "a whole number"}
    values: dict[str, object] = {}
    for key, text in pairs.items():
        if key not in kinds:
            raise invalid("key", key, f"one of {', '.join(kinds)}")
        try:
            if kinds[key] is tuple:
                counts = tuple(int(part) for part in text.split("/"))
                values[key] = counts * len(CLASSES) if len(counts) == 1 else counts
            else:
                values[key] = kinds[key](text)
        except ValueError:
            raise invalid(key, text, expected.get(kinds[key], "a number")) from None
    return PhantomOptions.from_json(values)
