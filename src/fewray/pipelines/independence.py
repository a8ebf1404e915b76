"""Whether an extractor is independent of the generators whose images it measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fewray.errors import InputError
from fewray.pipelines.provenance import Sources

OTHERS = ("lite2", "texture", "lite0")
"""Extractors to suggest, in this order."""


def check_independent(extractor: str, networks_used: Mapping[str, Sequence[str]]) -> None:
    """Raise InputError if ``extractor`` trained a generator or selected its checkpoint.

    ``networks_used`` lists these extractors by class. What was optimised or chosen by a network's
    features scores better in them than in any other's. The same network at another image size
    counts as the same.
    """
    for label, used in networks_used.items():
        known = {network_of(name) for name in used}
        if network_of(extractor) in known:
            other = " or ".join(name for name in OTHERS if name not in known)
            message = (
                f"--extractor {extractor}: it helped to train the generator of {label} or to "
                f"select its checkpoint, so it would flatter the images. Use {other}."
            )
            raise InputError(
                "extractor_not_independent",
                message,
                label=label,
                extractor=extractor,
                networks_used=sorted(used),
            )


def independence_notes(extractor: str, sources: Sources, classes: Sequence[str]) -> list[str]:
    """Return notes on what else the extractor did to the images of ``classes``.

    Rejected copies are no reason to refuse: rejection takes images away from the training images,
    so it does not improve scores, but it lowers the number of copies that the same features find.
    """
    rejected, unknown = [], []
    for label in classes:
        if (source := sources.get(label)) is None:
            continue
        if source.copy_extractor and network_of(source.copy_extractor) == network_of(extractor):
            rejected.append(label)
        if source.networks_used is None:
            unknown.append(label)
    notes = []
    if rejected:
        notes.append(
            f"{', '.join(rejected)}: copies were replaced by the features of {extractor}, so few "
            "are left for the same features to find."
        )
    if unknown:
        notes.append(
            f"{', '.join(unknown)}: it is not recorded which networks trained or selected the "
            "generator."
        )
    return notes


def network_of(extractor: str) -> str:
    """Return the network of an extractor's name without the size of its images.

    Names of a study's classifiers are kept whole: only their hash identifies them.
    """
    return extractor if extractor.startswith("study:") else extractor.partition("@")[0]
