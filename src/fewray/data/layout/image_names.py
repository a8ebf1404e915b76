"""What images are called in every output: in the data check, in predictions and in measurements."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from fewray.data.manifest import Manifest


def image_names(manifest: Manifest) -> list[str]:
    """Return the rows' paths, as outputs show them, below the folder of the data.

    That is the folder that was named or that of the table, as in the warnings of loading; or the
    folder that all images share, if they lie elsewhere. Different files have different names: one
    whose hidden name equals that of an earlier file gets a number.
    """
    paths = [os.path.abspath(path) for path in manifest.shown_paths()]  # noqa: PTH100 (keeps links)
    folders = [os.path.dirname(path) for path in paths]  # noqa: PTH120
    root = os.path.commonpath([*paths, *folders]) if paths else ""
    place = _folder_of(manifest.source)
    root = place if place and Path(root).is_relative_to(place) else root
    names: dict[Path, str] = {}
    times = Counter[str]()
    for row, path in zip(manifest.rows, paths, strict=True):
        if row.path not in names:
            name = Path(path).relative_to(root).as_posix()
            times[name] += 1
            names[row.path] = name if times[name] == 1 else f"{name} #{times[name]}"
    return [names[row.path] for row in manifest.rows]


def names_among(whole: Manifest, rows: Manifest) -> list[str]:
    """Return the names of ``rows``, some of the rows of ``whole``, as in ``whole``."""
    names = dict(zip(whole.paths(), image_names(whole), strict=True))
    return [names[path] for path in rows.paths()]


def _folder_of(source: str) -> str:
    """Return the folder of the data or of their table; empty for a data set without one."""
    inner = source.partition(":")[2]
    for text in (source, inner, inner.rpartition(",labels=")[0]):
        if text and (path := Path(os.path.abspath(text))).exists():  # noqa: PTH100
            return str(path if path.is_dir() else path.parent)
    return ""
