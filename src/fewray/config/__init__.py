"""Every option of every run, as frozen dataclasses that check their own values.

Options are saved in ``options.json`` beside what they produced. Recipes and presets
(:mod:`fewray.presets`) are instances of these classes.
"""

from fewray.config.base import FITS, Fit, Options
from fewray.config.classifier import ClassifierOptions
from fewray.config.generator import (
    MOST_POOLED_CLASSES,
    AdversarialOptions,
    ClassicAugmentation,
    DiffusionOptions,
    GanOptions,
    PatchesOptions,
)
from fewray.config.quality import QualityKeywords, QualityOptions
from fewray.config.readers import ReaderStudyOptions
from fewray.config.reading import AS_IT_IS, FindingOptions, ReadOptions, Uncertain
from fewray.config.study import (
    CROSSVAL_ARMS,
    PUBLISHED_ARMS,
    SELECTION_ARM,
    SMALL_AUGMENTATION,
    CrossvalOptions,
    PublishedOptions,
    check_external,
)

__all__ = [
    "AS_IT_IS",
    "CROSSVAL_ARMS",
    "FITS",
    "MOST_POOLED_CLASSES",
    "PUBLISHED_ARMS",
    "SELECTION_ARM",
    "SMALL_AUGMENTATION",
    "AdversarialOptions",
    "ClassicAugmentation",
    "ClassifierOptions",
    "CrossvalOptions",
    "DiffusionOptions",
    "FindingOptions",
    "Fit",
    "GanOptions",
    "Options",
    "PatchesOptions",
    "PublishedOptions",
    "QualityKeywords",
    "QualityOptions",
    "ReadOptions",
    "ReaderStudyOptions",
    "Uncertain",
    "check_external",
]
