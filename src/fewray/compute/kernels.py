"""Compile functions with Numba, with the machine code kept in the user's cache or not at all.

Numba would keep it beside the source file, and stop where neither that folder nor a home folder can
be written to, as in a container or on a batch node.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit
from numba.core import config
from numba.core.caching import FunctionCache

from fewray.storage.cache import cache_folder

KIND = "kernels"
_settings: Any = config  # its attributes are set from the environment, when it is imported


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that compiles a function; ``options`` are those of ``numba.njit``.

    The machine code is kept in ``NUMBA_CACHE_DIR`` if that is set, else in ``kernels`` below
    ``FEWRAY_CACHE`` or the user's cache folder. If that folder cannot be written to or is full,
    nothing is kept, and each process compiles again.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        before = _settings.CACHE_DIR
        place = Path(before) if before else cache_folder(KIND)
        if place is None or not _is_writable(place):
            return njit(**options)(function)
        _settings.CACHE_DIR = str(place)
        try:
            made: Any = njit(**options)(function)
            made._cache = _Kept(function)  # as enable_caching does
            return made
        finally:  # the place of other packages' kernels is not ours to choose
            _settings.CACHE_DIR = before

    return decorate


class _Kept(FunctionCache):  # type: ignore[misc]
    """Numba's cache of one function, which never stops a run: Numba raises what reading raises."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the kept code, or None. A damaged file is dropped."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # unpickling a damaged file raises anything
            with contextlib.suppress(Exception):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the code if the disk has room for it."""
        with contextlib.suppress(Exception):
            super().save_overload(sig, data)


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True
