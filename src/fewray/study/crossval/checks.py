"""Options that no trial can be run with, found before any work is done."""

from __future__ import annotations

from fewray.config import CrossvalOptions
from fewray.errors import InputError
from fewray.study.crossval.design import analyses
from fewray.study.crossval.inner_selection import ARM, candidates


def check_options(options: CrossvalOptions) -> None:
    """Raise InputError for options that no trial can be run with."""
    analyses(options)
    if len(set(options.arms)) < len(options.arms) or len(options.arms) < 2:
        raise InputError(f"--arms {','.join(options.arms)}: at least two different arms are wanted")
    if (
        options.gan.fit != options.classifier.fit
        or options.gan.image_size != options.classifier.image_size
    ):
        raise InputError(
            f"generators make images of {options.gan.image_size} px, {options.gan.fit}; the classifier takes "
            f"{options.classifier.image_size} px, {options.classifier.fit}; the same is wanted"
        )
    for name, ratio in (
        ("--ratio", options.ratio),
        *(("--ratios", each) for each in options.ratios),
    ):
        if not 0 < ratio <= 100:
            raise InputError(
                f"{name} {ratio:g}: above 0, at most 100 synthetic images per real one are wanted"
            )
    for name in ("folds", "repeats", "seeds", "versions", "generator_replicates"):
        least = 2 if name == "folds" else 1
        if getattr(options, name) < least:
            raise InputError(
                f"--{name.replace('_', '-')} {getattr(options, name)}: at least {least} is wanted"
            )
    if options.choose not in ("", "ratio", "recipe"):
        raise InputError(f"--choose {options.choose}: ratio or recipe is wanted")
    if options.choose:
        candidates(options)
        if ARM not in options.arms:
            raise InputError(
                f"--choose {options.choose}: arm {ARM}, which decides, is not among --arms"
            )
    elif options.choices:
        raise InputError(
            "--choices: what is to be chosen is not said; add --choose ratio or --choose recipe"
        )
    if not 0 <= options.copy_percentile <= 50:
        raise InputError(f"--copy-percentile {options.copy_percentile:g}: 0 to 50 is wanted")
