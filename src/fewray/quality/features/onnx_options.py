"""How an ONNX network of the user's wants its images: read from the extractor's name, a JSON file and the network."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fewray.errors import InputError
from fewray.storage.files import read_json

SIZES = 8, 2048
KEYS = {
    "size": "224, or 224x192 for height x width",
    "range": "1 or 255, what white is before mean and std",
    "mean": "1 number or 1 a channel",
    "std": "1 positive number or 1 a channel",
    "layout": "nchw or nhwc",
    "channels": "1 or 3",
    "output": "the name of the output that holds the features",
    "logits": "the name of the output that holds the logits of classes",
}


@dataclass(frozen=True, kw_only=True)
class OnnxOptions:
    """Preprocessing: grey level / 255 * ``range``, minus ``mean``, through ``std``; the grey image in every channel."""

    size: tuple[int, int]
    """Height and width."""
    range: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    layout: str
    channels: int
    output: str | None
    logits: str | None
    free: tuple[str, ...] = ()
    """Which of ``layout`` and ``channels`` the network's input does not fix."""

    def __str__(self) -> str:
        """What a name must say besides size and file: what is not the default or not fixed by the network's input.

        Two preprocessings that differ have two names: numbers have all their digits.
        """
        parts = [f"range={self.range:g}"] if self.range != 1 else []
        parts += [f"mean={_listed(self.mean)}"] if any(self.mean) else []
        parts += [f"std={_listed(self.std)}"] if set(self.std) != {1.0} else []
        parts += [f"{key}={getattr(self, key)}" for key in self.free]
        parts += [
            f"{key}={value}"
            for key, value in (("output", self.output), ("logits", self.logits))
            if value
        ]
        return "&".join(parts)


def given_options(name: str) -> tuple[Path, dict[str, Any]]:
    """Return the file and the options of ``FILE[?key=value&...]``, with those of ``FILE``'s JSON where it has none.

    The JSON file lies beside the network and is called as it is, with the suffix ``.json``. InputError for an unknown
    option, one without a value, or a file that is not a JSON object.
    """
    file, _, query = name.partition("?")
    path = Path(file)
    beside = path.parent / f"{path.stem}.json"
    found: dict[str, Any] = {}
    if beside.is_file():
        values = read_json(beside)
        if not isinstance(values, dict):
            raise InputError(
                f"{beside}: not a JSON object; {{{', '.join(KEYS)}}} are the keys it may have"
            )
        found |= {_known(key, beside): value for key, value in values.items()}
    for part in query.split("&") if query else ():
        key, _, value = part.partition("=")
        _known(key, f"--extractor onnx:{name}")
        if not value:
            raise InputError(
                f"--extractor onnx:{name}: {key} has no value; {KEYS[key]} is wanted ({key}=...)"
            )
        found[key] = value
    return path, found


def settle_options(given: Mapping[str, Any], shape: Sequence[Any], where: str) -> OnnxOptions:
    """Return the options, taken from ``given`` or from the network's input ``shape`` (a dimension not fixed: no int).

    InputError when the two disagree, or neither says what is needed. ``where`` begins its line.
    """
    if len(shape) != 4:
        raise InputError(
            f"{where}: its input has the shape {_shape(shape)}; 4 dimensions, (n, C, H, W), are wanted"
        )
    layout = _layout(given, shape, where)
    free = () if layout == _fixed_layout(shape) else ("layout",)
    fixed = [d if isinstance(d, int) and d > 0 else None for d in shape[1:]]
    channels, *sides = fixed if layout == "nchw" else (fixed[2], *fixed[:2])
    if channels not in (None, 1, 3):
        raise InputError(
            f"{where}: its input {_shape(shape)} has {channels} channels; 1 or 3 are wanted ({layout})"
        )
    wanted = _whole(given, "channels", where)
    if wanted not in (None, 1, 3) or (wanted and channels and wanted != channels):
        raise InputError(
            f"{where}: channels={wanted}, its input {_shape(shape)}; 1 or 3, as it has, is wanted"
        )
    free = free if channels else (*free, "channels")
    channels = channels or wanted or 3
    return OnnxOptions(
        size=_size(given, sides, shape, where),
        range=_range(given, where),
        mean=_numbers(given, "mean", 0.0, channels, where),
        std=_numbers(given, "std", 1.0, channels, where),
        layout=layout,
        channels=channels,
        output=str(given["output"]) if "output" in given else None,
        logits=str(given["logits"]) if "logits" in given else None,
        free=free,
    )


def _known(key: str, where: object) -> str:
    if key not in KEYS:
        raise InputError(f"{where}: no option {key or '(empty)'}; there are {', '.join(KEYS)}")
    return key


def _layout(given: Mapping[str, Any], shape: Sequence[Any], where: str) -> str:
    if "layout" in given:
        if (layout := str(given["layout"]).lower()) not in ("nchw", "nhwc"):
            raise InputError(f"{where}: layout={given['layout']}; nchw or nhwc is wanted")
        return layout
    if fixed := _fixed_layout(shape):
        return fixed
    if isinstance(shape[1], int):
        raise InputError(
            f"{where}: its input {_shape(shape)} may be of either layout; give layout=nchw or layout=nhwc"
        )
    return "nchw"


def _fixed_layout(shape: Sequence[Any]) -> str | None:
    """Return the layout that has the input's only 1 or 3 where channels may be, None where both or neither has."""
    first, last = shape[1] in (1, 3), shape[3] in (1, 3)
    if first == last:
        return None
    return "nchw" if first else "nhwc"


def _size(
    given: Mapping[str, Any], sides: Sequence[int | None], shape: Sequence[Any], where: str
) -> tuple[int, int]:
    wanted: list[int | None] = [None, None]
    if "size" in given:
        found = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", str(given["size"]))
        if not found:
            raise InputError(f"{where}: size={given['size']}; {KEYS['size']} is wanted")
        wanted = [int(found[1]), int(found[2] or found[1])]
    pixels = []
    for fixed, asked in zip(sides, wanted, strict=True):
        if fixed and asked and fixed != asked:
            raise InputError(
                f"{where}: size={given['size']}, its input {_shape(shape)}; leave size out"
            )
        if not (side := fixed or asked):
            raise InputError(
                f"{where}: its input {_shape(shape)} fixes no size; give one, as size=224"
            )
        if not SIZES[0] <= side <= SIZES[1]:
            raise InputError(f"{where}: {side} px; {SIZES[0]} to {SIZES[1]} is wanted")
        pixels.append(side)
    return pixels[0], pixels[1]


def _range(given: Mapping[str, Any], where: str) -> float:
    if str(given.get("range", 1)) not in ("1", "1.0", "255", "255.0"):
        raise InputError(f"{where}: range={given['range']}; {KEYS['range']}, is wanted")
    return float(given.get("range", 1))


def _whole(given: Mapping[str, Any], key: str, where: str) -> int | None:
    if key not in given:
        return None
    if not str(given[key]).isdecimal():
        raise InputError(f"{where}: {key}={given[key]}; {KEYS[key]} is wanted")
    return int(given[key])


def _numbers(
    given: Mapping[str, Any], key: str, default: float, channels: int, where: str
) -> tuple[float, ...]:
    value = given.get(key, default)
    parts = value if isinstance(value, list) else str(value).split(",")
    try:
        numbers = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        numbers = (math.nan,)
    bad = not all(map(math.isfinite, numbers)) or (key == "std" and min(numbers, default=0) <= 0)
    if bad or len(numbers) not in (1, channels):
        text = _listed(parts) if isinstance(value, list) else value
        raise InputError(f"{where}: {key}={text}; {KEYS[key]} is wanted, and it has {channels}")
    return numbers


def _listed(values: Sequence[Any]) -> str:
    return ",".join(repr(value) if isinstance(value, float) else str(value) for value in values)


def _shape(shape: Sequence[Any]) -> str:
    return f"({', '.join(str(d) if d is not None else '?' for d in shape)})"
