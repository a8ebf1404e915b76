"""A protocol's preset with changes, checked before any work is done."""

from __future__ import annotations

from typing import Any

from fewray.config import CrossvalOptions, PublishedOptions
from fewray.data.manifest import Manifest
from fewray.errors import InputError, check_choice
from fewray.pipelines.train_generators import recipe_for
from fewray.presets import AUTO, PROTOCOLS, recipe
from fewray.study.crossval.design import candidates


def preset_options(
    preset: str = "standard",
    *,
    protocol: str = "crossval",
    recipe_name: str | None = None,
    image_size: int | None = None,
    steps: int | None = None,
    double_softmax: bool | None = None,
    **changes: Any,
) -> CrossvalOptions | PublishedOptions:
    """Return a protocol's preset with the changes that are not None.

    InputError names an unknown preset or protocol, or an option that the protocol lacks.
    """
    check_choice("--protocol", protocol, tuple(PROTOCOLS))
    presets = PROTOCOLS[protocol]
    if preset not in presets:
        message = f"--preset {preset}: protocol {protocol} has {', '.join(presets)}"
        raise InputError("unknown_preset", message, preset=preset, known=list(presets))
    options = presets[preset]
    changed = {name: value for name, value in changes.items() if value is not None}
    if unknown := [name for name in changed if not hasattr(options, name)]:
        flags = ["--without/--pair" if name == "subsets" else _flag(name) for name in unknown]
        message = f"{', '.join(flags)}: not an option of protocol {protocol}"
        raise InputError("option_of_other_protocol", message, options=flags, protocol=protocol)
    if "arms" in changed:
        changed["arms"] = tuple(dict.fromkeys(changed["arms"]))
    options = options.with_(**changed)
    if recipe_name is not None:
        options = options.with_(gan=recipe(recipe_name).with_(fit=options.gan.fit))
    if image_size is not None:
        if protocol == "published":
            message = "--image-size: not an option of protocol published"
            raise InputError("option_of_other_protocol", message, protocol=protocol)
        classifier = options.classifier.with_(image_size=image_size)
        options = options.with_(gan=options.gan.at_size(image_size), classifier=classifier)
    trained = {"steps": steps, "double_softmax": double_softmax}
    given = {name: value for name, value in trained.items() if value is not None}
    options = options.with_(classifier=options.classifier.with_(**given))
    if isinstance(options, CrossvalOptions) and options.select:
        candidates(options)
    return options


def with_auto_recipe(
    options: CrossvalOptions | PublishedOptions, rows: Manifest
) -> tuple[CrossvalOptions | PublishedOptions, str]:
    """Return ``options`` with the recipe that suits ``rows``, and why."""
    size = options.classifier.image_size
    gan, why = recipe_for(rows, AUTO, image_size=size)
    return options.with_(gan=gan.with_(fit=options.gan.fit)), why


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
