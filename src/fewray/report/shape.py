"""Whether JSON has the shape that pages are made from, and if not, the first place where it has another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TEXT, NUMBER, PAIR, ENDS, ANY = "text", "a number", "two numbers", "two numbers or nulls", "a value"
"""What a single value may be; null stands for an end of an interval that is not defined."""


@dataclass(frozen=True)
class Maybe:
    """May be null and, unless ``there``, absent."""

    shape: Any
    there: bool = False


@dataclass(frozen=True)
class Each:
    """An object whose keys are free, names of arms or classes; every value has the shape."""

    shape: Any


def fault(value: Any, shape: Any, place: str = "") -> str | None:
    """Return what is wrong with ``value`` and where, as "arms.none: no accuracy", or None for one of that ``shape``.

    A shape is one of the words above, a set of the texts allowed, ``[shape]`` for a list, ``{key: shape}`` for an object
    that may hold other keys too, :class:`Each` or :class:`Maybe`.
    """
    if isinstance(shape, Maybe):
        return None if value is None else fault(value, shape.shape, place)
    wanted = _kind_of(shape)
    if not _is(value, shape):
        return f"{place + ': ' if place else ''}{_shown(value)}; {wanted} is wanted"
    if isinstance(shape, list):
        inside = ((f"{place}[{index}]", each, shape[0]) for index, each in enumerate(value))
    elif isinstance(shape, Each):
        inside = ((_below(place, name), each, shape.shape) for name, each in value.items())
    elif isinstance(shape, dict):
        if missing := [
            key
            for key, kind in shape.items()
            if key not in value and not (isinstance(kind, Maybe) and not kind.there)
        ]:
            return f"{place + ': ' if place else ''}no {', '.join(missing)}"
        inside = ((_below(place, key), value.get(key), kind) for key, kind in shape.items())
    else:
        return None
    return next(
        (found for where, each, kind in inside if (found := fault(each, kind, where))), None
    )


def _kind_of(shape: Any) -> str:
    if isinstance(shape, set):
        return " or ".join(sorted(shape))
    return shape if isinstance(shape, str) else "a list" if isinstance(shape, list) else "an object"


def _is(value: Any, shape: Any) -> bool:
    if isinstance(shape, set):
        return isinstance(value, str) and value in shape
    if shape == TEXT:
        return isinstance(value, str)
    if shape == NUMBER:
        return _is_number(value)
    if shape in (PAIR, ENDS):
        null = shape == ENDS
        return (
            isinstance(value, list)
            and len(value) == 2
            and all((null and v is None) or _is_number(v) for v in value)
        )
    return True if shape == ANY else isinstance(value, list if isinstance(shape, list) else Mapping)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _shown(value: Any) -> str:
    """Return what was found, short and on one line."""
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "an object"
    text = repr(value)
    return (
        text
        if len(text) <= 40 and text.isprintable()
        else "a list"
        if isinstance(value, list)
        else "another value"
    )
