"""Versions of the packages that results depend on."""

from __future__ import annotations

import platform
from importlib.metadata import version

PACKAGES = ("fewray", "numpy", "pillow", "scikit-learn", "scipy", "torch")


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
