"""Load miniatures of releases, and look at what was loaded."""

from __future__ import annotations

from typing import Any

from fewray.config import ReadOptions
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from tests.data.releases.miniatures import Miniature


def read(mini: Miniature, **more: Any) -> Manifest:
    """Load a miniature with its labels."""
    more = {"labels": mini.labels, **more}
    views = more.pop("views", ())
    return load_dataset(mini.source, read=ReadOptions(**more), views=views)


def codes(data: Manifest) -> dict[str, str]:
    """Return the text of each warning by its code."""
    return {warning.code: warning.text for warning in data.warnings}


def in_both_splits(data: Manifest) -> list[str]:
    """Return the patients with training and test images."""
    sides = [{row.group for row in data.where(split=split).rows} for split in ("train", "test")]
    return sorted(set.intersection(*sides))
