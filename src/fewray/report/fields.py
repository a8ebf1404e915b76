"""What the fields of a trial's study.json (schema 3) hold, read in one way by all its pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def accuracies(arm: Mapping[str, Any], key: str) -> list[float | None]:
    """Return an arm's accuracies ``by_seed``, or ``by_fold``: those of the first partition's folds, then the next one's."""
    found = arm["accuracy"].get(key) or []
    return [value for part in found for value in (part if isinstance(part, list) else [part])]
