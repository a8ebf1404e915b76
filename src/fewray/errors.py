"""The two errors that a user may see: bad input (exit 2) and a failed run (exit 1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any


class _CodedError(Exception):
    """An error with a code for programs and a message for people.

    Programs read ``code`` (a short snake_case string) and ``fields`` (the values found and
    expected, paths as text), never the message.
    """

    exit_code: int

    def __init__(self, code: str, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self.fields = {k: str(v) if isinstance(v, PurePath) else v for k, v in fields.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.code, self.message, self.fields)


def _rebuild(kind: type[_CodedError], code: str, message: str, fields: dict[str, Any]) -> Any:
    return kind(code, message, **fields)


class InputError(_CodedError, ValueError):
    """Bad input; the message is one line: where, value found, value expected, remedy."""

    exit_code = 2


class RunFailed(_CodedError, RuntimeError):
    """A run that could not continue (non-finite loss, full disk). Finished work is kept."""

    exit_code = 1


def check_range(
    option: str, value: float, least: float, most: float = math.inf, *, above: bool = False
) -> None:
    """Raise ``out_of_range`` unless ``value`` is finite and ``least <= value <= most``.

    With ``above``, ``value`` must not equal ``least``.
    """
    if (least < value if above else least <= value) and value <= most and math.isfinite(value):
        return
    expected = f"{'above' if above else 'at least'} {least:g}"
    expected += " and finite" if most == math.inf else f" and at most {most:g}"
    message = f"{option} {value:g}: expected {expected}"
    raise InputError("out_of_range", message, option=option, value=value, least=least, most=most)


def check_choice(option: str, value: str, known: Sequence[str]) -> None:
    """Raise InputError ``unknown_value`` unless ``value`` is one of ``known``."""
    if value not in known:
        expected = ", ".join(name for name in known if name)
        message = f"{option} {value}: expected one of {expected}"
        raise InputError("unknown_value", message, option=option, value=value, known=list(known))
