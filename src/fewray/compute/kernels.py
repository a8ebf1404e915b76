"""Compile functions with Numba, with the machine code kept in the user's cache or not at all.

Numba would keep it beside the source file, and stop where neither that folder nor a home folder can
be written to, as in a container or on a batch node.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit
from numba.core import config

from fewray.storage.cache import cache_folder

KIND = "kernels"
_settings: Any = config  # its attributes are set from the environment, when it is imported


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that compiles a function; ``options`` are those of ``numba.njit``.

    The machine code is kept in ``NUMBA_CACHE_DIR`` if that is set, else in ``kernels`` below
    ``FEWRAY_CACHE`` or the user's cache folder. If that folder cannot be written to, nothing is
    kept, and each process compiles again.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        before = _settings.CACHE_DIR
        place = Path(before) if before else cache_folder(KIND)
        if place is None or not _is_writable(place):
            return njit(**options)(function)
        _settings.CACHE_DIR = str(place)
        try:
            return njit(cache=True, **options)(function)
        finally:  # the place of other packages' kernels is not ours to choose
            _settings.CACHE_DIR = before

    return decorate


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True
