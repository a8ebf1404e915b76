"""Display names of the arms: what the report, the CLI and the verdicts call them."""

from __future__ import annotations

ARM_NAMES = {
    "no_augmentation": "no augmentation",
    "classic": "classic augmentation",
    "oversample": "oversampling",
    "mixup": "mixup",
    "pca": "PCA samples",
    "synthetic": "synthetic images",
    "classic+synthetic": "synthetic + classic augmentation",
    "shuffled": "synthetic images with shuffled labels",
}
"""Arm identifier to display name, written as in the middle of a sentence."""

VERDICT_NAMES = {
    "helps": "helps",
    "harms": "harms",
    "no_evidence": "no evidence",
    "inconclusive": "inconclusive",
    "no_verdict": "no verdict",
}
"""Verdict code to its words in a table."""


def arm_name(arm: str) -> str:
    """Return the display name of an arm, or the identifier itself if the table does not list it."""
    return ARM_NAMES.get(arm, arm)


def sentence_case(text: str) -> str:
    """Return ``text`` with its first letter in upper case and the rest unchanged."""
    return text[:1].upper() + text[1:]
