"""The error for an image file that cannot be used."""

from __future__ import annotations

from pathlib import Path

from fewray.errors import InputError

UNREADABLE = "unreadable_image"


class Unreadable(InputError):
    """An image file that cannot be used: ``path``, in a few words ``reason``, and a code."""

    def __init__(self, path: Path | str, reason: str, code: str = UNREADABLE) -> None:
        repair = "Repair or remove" if code == UNREADABLE else "Remove"
        remedy = f"{repair} the file, or leave such files out with --skip-unreadable."
        super().__init__(code, f"{path}: {reason}. {remedy}", path=str(path), reason=reason)
        self.path, self.reason = path, reason

    def __reduce__(self) -> tuple[type[Unreadable], tuple[Path | str, str, str]]:
        return Unreadable, (self.path, self.reason, self.code)
