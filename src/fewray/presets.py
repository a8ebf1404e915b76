"""Named options: recipes of generators, and presets of the two protocols."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from fewray.config import (
    MOST_POOLED_CLASSES,
    ClassicAugmentation,
    ClassifierOptions,
    CrossvalOptions,
    DiffusionOptions,
    GanOptions,
    PublishedOptions,
)
from fewray.errors import check_choice

_QUICK = ClassicAugmentation(
    p=1.0,
    rotation_degrees=3.0,
    rotation_repeats=1,
    flip_repeats=0,
    scale_low=0.95,
    scale_high=1.05,
    scale_repeats=1,
    translation=0.04,
    translation_repeats=1,
)

_SMALL = GanOptions(
    recipe="quick",
    base_channels=32,
    batch_size=16,
    epochs=20,
    classic_images=500,
    augmentation=_QUICK,
    dropout=(0.0, 0.0, 0.0),
    learning_rate=8e-4,
    ema_half_life=500.0,
    quality_images=200,
)

_DIFFUSION = GanOptions(
    recipe="diffusion",
    family="diffusion",
    pooled=True,
    classic_images=0,
    learning_rate=1e-3,
    ema_half_life=6000.0,
    diffusion=DiffusionOptions(muon_rate=6e-3),
    quality_images=100,
)

RECIPES: dict[str, GanOptions] = {
    "diffusion": _DIFFUSION,
    "diffusion_quick": _DIFFUSION.with_(
        recipe="diffusion_quick",
        batch_size=16,
        epochs=32,
        learning_rate=2e-3,
        ema_half_life=1000.0,
        diffusion=DiffusionOptions(
            channels=(32, 64, 96), blocks=1, muon_rate=6e-3, sampling_steps=10, layout_sigma=2.0
        ),
    ),
    "gan": GanOptions(
        recipe="gan",
        family="gan",
        pooled=True,
        latent="normal",
        latent_dim=64,
        classic_images=0,
        learning_rate=3e-4,
        ema_half_life=6000.0,
        quality_images=100,
    ),
    "paper": GanOptions(),
    "small": _SMALL.with_(
        recipe="small", fit="pad", epochs=60, learning_rate=4e-4, quality_images=500
    ),
    "quick": _SMALL,
    "patches": GanOptions(
        recipe="patches", family="patches", classic_images=0, epochs=1, quality_images=200
    ),
}
"""Generator recipes by name."""

AUTO = "auto"
"""In place of the name of a recipe: the one that :func:`choose_recipe` chooses."""
FEW_IMAGES = 20
"""Images per class below which ``--recipe auto`` warns of copies."""

RECIPE_NOTES: dict[str, str] = {
    "diffusion": "a small diffusion model (the default)",
    "diffusion_quick": "smaller and shorter, for demonstrations",
    "gan": "a relativistic GAN; not measured yet",
    "paper": "the DCGAN of Davoodi & Lo Giudice",
    "small": "a DCGAN with half as many channels",
    "quick": "the same, shorter, for demonstrations",
    "patches": "collages of pieces of training images; no training",
}
"""What each recipe is, in a few words."""


def recipe_scores() -> dict[str, dict[str, Any]]:
    """Return what was measured of recipes; ``accuracy`` is of a classifier trained on the images.

    Means over seeds and classes; docs/generators.md describes them. Not all recipes are measured.
    """
    text = resources.files("fewray").joinpath("recipe_scores.json").read_text(encoding="utf-8")
    return json.loads(text)


PUBLISHED_PRESETS: dict[str, PublishedOptions] = {
    "quick": PublishedOptions(
        preset="quick",
        seeds=2,
        gan=RECIPES["quick"],
        classifier=ClassifierOptions(batch_size=64, steps=100),
        classic_per_class=250,
        synthetic_per_class=250,
        published_passes=50,
    ),
    "standard": PublishedOptions(),
}
"""Presets of the published protocol: a demonstration, and the paper's sizes."""

_CROSSVAL_CLASSIFIER = ClassifierOptions(fit="pad", batch_size=64, steps=600)

CROSSVAL_PRESETS: dict[str, CrossvalOptions] = {
    "quick": CrossvalOptions(
        preset="quick",
        folds=2,
        seeds=1,
        gan=RECIPES["diffusion_quick"].with_(fit="pad"),
        classifier=_CROSSVAL_CLASSIFIER.with_(steps=100),
        augmented_copies=5,
    ),
    "standard": CrossvalOptions(
        gan=RECIPES["diffusion"].with_(fit="pad"),
        classifier=_CROSSVAL_CLASSIFIER,
        paper_classic=True,
        ratios=(0.5, 2.0, 4.0),
        resnet=True,
        linear=True,
    ),
    "full": CrossvalOptions(
        preset="full",
        repeats=3,
        gan=RECIPES["diffusion"].with_(fit="pad"),
        classifier=_CROSSVAL_CLASSIFIER,
        paper_classic=True,
        ratios=(0.5, 2.0, 4.0),
        resnet=True,
        linear=True,
        generator_repeats=2,
    ),
}
"""Presets of crossval: ``quick`` is a demonstration, ``full`` is for a GPU or a cluster."""

PROTOCOLS: dict[str, Mapping[str, CrossvalOptions | PublishedOptions]] = {
    "crossval": CROSSVAL_PRESETS,
    "published": PUBLISHED_PRESETS,
}
"""Presets by protocol; the first is the default."""


def recipe(name: str, image_size: int = 64) -> GanOptions:
    """Return the recipe called ``name`` for a size; InputError lists the known ones."""
    check_choice("--recipe", name, tuple(RECIPES))
    return RECIPES[name].at_size(image_size)


def check_recipe(name: str) -> None:
    """Raise InputError unless ``name`` is that of a recipe, or ``auto``."""
    check_choice("--recipe", name, (*RECIPES, AUTO))


def choose_recipe(images: Mapping[str, int], image_size: int = 64) -> tuple[GanOptions, str]:
    """Return the options of ``--recipe auto`` for ``images`` per class, and why, as a sentence.

    It is ``diffusion``, the best trained recipe measured in docs/generators.md (on CPUs); a
    number of classes that one generator cannot learn changes it. A function of its arguments alone,
    so that a run resumes with the same options.
    """
    options = recipe("diffusion", image_size)
    reasons = ["recipe diffusion, the default"]
    if image_size > 64:
        reasons.append("above 64 pixels, its images are further from real ones")
    if len(images) > MOST_POOLED_CLASSES:
        options = options.with_(pooled=False)
        reasons.append(f"{len(images)} classes are too many for one generator: one per class")
    few = [f"{label} ({count})" for label, count in images.items() if count < FEW_IMAGES]
    if few:
        listed = ", ".join(few)
        reasons.append(f"few training images, so check for copies of them: {listed}")
    return options, "; ".join(reasons)


def recipe_text(options: GanOptions) -> str:
    """Return the recipe's name and what was changed in it, as "quick: 16 epochs".

    ``fit`` and ``quality_images`` do not count as changes.
    """
    named = RECIPES.get(options.recipe)
    if named is None:
        return options.recipe
    same = {"fit": named.fit, "quality_images": named.quality_images}
    usual = named.at_size(options.image_size).with_(image_size=named.image_size)
    before, after = (_flat(each.to_json()) for each in (usual, options.with_(**same)))
    words = {"epochs": "epochs", "image_size": "px images"}
    words["classic_images"] = "augmented images added per class"
    changes = [
        f"{after[name]} {words[name]}" if name in words else f"{name} {after[name]}"
        for name in before
        if before[name] != after[name]
    ]
    return f"{options.recipe}: {', '.join(changes)}" if changes else options.recipe


def _flat(options: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return options by name; those of nested options are called "diffusion.blocks"."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        nested = isinstance(value, dict)
        found |= _flat(value, f"{prefix}{name}.") if nested else {f"{prefix}{name}": value}
    return found
