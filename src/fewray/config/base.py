"""The base of all options: JSON in and out, copies with changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Self

from fewray.errors import InputError

Fit = Literal["pad", "squash"]
"""How an image is made square: padded with black, or squashed."""
FITS: tuple[Fit, ...] = ("pad", "squash")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Base of all options: JSON in and out; unknown names are an error."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types (tuples become lists)."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`; InputError names options that do not exist."""
        defaults: dict[str, Any] = {field.name: field.default for field in fields(cls)}
        if unknown := sorted(set(values) - set(defaults)):
            raise InputError(
                "unknown_option",
                f"{cls.__name__} has no option {', '.join(unknown)}; it has {', '.join(defaults)}",
                unknown=unknown,
                known=list(defaults),
            )
        made: dict[str, Any] = {}
        for name, value in values.items():
            default = defaults[name]
            if isinstance(default, Options) and isinstance(value, Mapping):
                value = default.from_json(value)
            made[name] = tuple(value) if isinstance(value, list) else value
        return cls(**made)

    def with_(self, **changes: Any) -> Self:
        """Return a copy with the given options changed."""
        return replace(self, **changes)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
