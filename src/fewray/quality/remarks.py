"""What must be said beside the figures of a measurement: notes, warnings with their classes, the k that was used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def remarks(notes: Sequence[str], warnings: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the notes, then each warning once, after the names of the classes it is about.

    ``warnings`` are by class, those of all pooled under ``all``.
    """
    about: dict[str, list[str]] = {}
    for label, texts in warnings.items():
        for text in texts:
            about.setdefault(text, []).append(label)
    return [*notes, *(f"{', '.join(labels)}: {text}" for text, labels in about.items())]


def neighbours_used(pooled: int, classes: Mapping[str, int]) -> str:
    """Return the k of the pooled images and of the classes that are too small for it: "5 (covid 3, normal 4)"."""
    smaller = ", ".join(f"{label} {k}" for label, k in classes.items() if k != pooled)
    return f"{pooled} ({smaller})" if smaller else f"{pooled}"


def remarks_of(quality: Mapping[str, Any]) -> list[str]:
    """Return the remarks of a ``quality.json``; one of an earlier version has no notes."""
    parts = {**quality["classes"], "all": quality["pooled"]}
    return remarks(
        quality.get("notes") or (), {label: part["warnings"] for label, part in parts.items()}
    )


def k_of(quality: Mapping[str, Any]) -> str:
    """Return what :func:`neighbours_used` says of a ``quality.json``."""
    return neighbours_used(
        quality["pooled"]["k"], {label: part["k"] for label, part in quality["classes"].items()}
    )
