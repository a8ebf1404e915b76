"""A protocol's preset with changes, checked before any work is done."""

from __future__ import annotations

from typing import Any

from fewray.config import CrossvalOptions, PublishedOptions
from fewray.errors import InputError
from fewray.presets import PROTOCOLS, recipe
from fewray.study.crossval.checks import check_options
from fewray.study.published.arms import arm_mixture

FLAGS = {
    "generator_replicates": "--replicates",
    "classic_per_class": "--classic",
    "synthetic_per_class": "--synthetic",
    "subsets": "--without/--pair",
}
"""Options of the command line that are called otherwise than those of Python."""


def preset_options(
    preset: str = "standard",
    *,
    protocol: str = "crossval",
    recipe_name: str | None = None,
    steps: int | None = None,
    double_softmax: bool = False,
    **changes: Any,
) -> CrossvalOptions | PublishedOptions:
    """Return a protocol's preset with the changes that are not None.

    InputError names an unknown preset, protocol or arm, or an option that the protocol does not have.
    """
    if protocol not in PROTOCOLS:
        raise InputError(
            f"--protocol {protocol}: no such protocol; there are {', '.join(PROTOCOLS)}"
        )
    presets = PROTOCOLS[protocol]
    if preset not in presets:
        raise InputError(f"--preset {preset}: protocol {protocol} has {', '.join(presets)}")
    options = presets[preset]
    wanted = {name: value for name, value in changes.items() if value is not None}
    if unexpected := [name for name in wanted if not hasattr(options, name)]:
        flags = ", ".join(FLAGS.get(name, "--" + name.replace("_", "-")) for name in unexpected)
        raise InputError(
            f"{flags}: protocol {protocol} has no such option; see `fewray study --help`"
        )
    if "arms" in wanted:
        wanted["arms"] = tuple(dict.fromkeys(wanted["arms"]))
    options = options.with_(**wanted)
    if recipe_name is not None:
        options = options.with_(gan=recipe(recipe_name).with_(fit=options.gan.fit))
    classifier = options.classifier.with_(
        double_softmax=double_softmax or options.classifier.double_softmax
    )
    options = options.with_(
        classifier=classifier if steps is None else classifier.with_(steps=steps)
    )
    if isinstance(options, CrossvalOptions):
        check_options(options)
    else:
        for arm in options.arms:
            arm_mixture(arm)
    return options
