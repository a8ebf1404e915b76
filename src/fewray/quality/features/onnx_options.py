"""Preprocessing for a user's ONNX network, from a JSON file beside the model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from fewray.errors import InputError

SIZES = 8, 2048
Layout = Literal["nchw", "nhwc"]


class OnnxOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of ``net.json`` beside ``net.onnx``. All are optional.

    A grey level g in 0 to 255 becomes (g / 255 * range - mean) / std in every channel.
    """

    size: int | tuple[int, int] | None = None
    """Height and width in pixels. Needed only if the network's input does not fix them."""
    range: Literal[1, 255] = 1
    mean: float | tuple[float, ...] = 0.0
    """One number, or one per channel; so is ``std``, which is positive."""
    std: float | tuple[float, ...] = 1.0
    layout: Layout | None = None
    """Needed only if the input shape does not tell where the channels are."""
    channels: Literal[1, 3] | None = None
    output: str | None = None
    """Name of the output with the features. Needed if the network has several."""
    logits: str | None = None
    """Name of the output with the class logits, for the Inception Score."""


class Preprocessing(msgspec.Struct, frozen=True, kw_only=True):
    """:class:`OnnxOptions` with nothing left open."""

    size: tuple[int, int]
    range: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    layout: Layout
    channels: int
    output: str | None
    logits: str | None


def read_options(model: Path) -> OnnxOptions:
    """Return the options in the JSON file beside ``model``, or the defaults if there is none."""
    path = model.with_suffix(".json")
    if not path.is_file():
        return OnnxOptions()
    try:
        return msgspec.json.decode(path.read_bytes(), type=OnnxOptions)
    except (OSError, msgspec.DecodeError) as error:
        keys = ", ".join(OnnxOptions.__struct_fields__)
        message = f"{path}: not valid ONNX options ({error}). The keys are {keys}."
        raise InputError("onnx_options_invalid", message, path=str(path)) from None


def complete(given: OnnxOptions, shape: Sequence[int | str | None], where: str) -> Preprocessing:
    """Return ``given`` completed by the network's input ``shape``; dimensions not fixed are no int.

    InputError if the two contradict each other or leave something open; it starts with ``where``.
    """
    text = f"input shape ({', '.join('?' if d is None else str(d) for d in shape)})"

    def refuse(problem: str, **fields: object) -> InputError:
        return InputError("onnx_input_invalid", f"{where}: {problem}.", shape=list(shape), **fields)

    if len(shape) != 4:
        raise refuse(f"{text} does not have 4 dimensions, (n, C, H, W) or (n, H, W, C)")
    first, last = shape[1] in (1, 3), shape[3] in (1, 3)
    layout = given.layout or ("nchw" if first else "nhwc")
    if given.layout is None and first == last:
        if isinstance(shape[1], int):
            raise refuse(f"{text} fits both layouts; set layout to nchw or nhwc")
        layout = "nchw"
    fixed = [d if isinstance(d, int) and d > 0 else None for d in shape[1:]]
    channels, *sides = fixed if layout == "nchw" else (fixed[2], *fixed[:2])
    if channels not in (None, 1, 3) or (given.channels and channels not in (None, given.channels)):
        raise refuse(
            f"{text} has {channels} channels ({layout}), expected {given.channels or '1 or 3'}"
        )
    channels = channels or given.channels or 3
    asked = given.size if isinstance(given.size, tuple) else (given.size, given.size)
    if any(side and other and side != other for side, other in zip(sides, asked, strict=True)):
        raise refuse(f"size {given.size} contradicts the {text}; remove size")
    height, width = (side or other for side, other in zip(sides, asked, strict=True))
    if height is None or width is None:
        raise refuse(f"{text} does not fix the image size; set size, for example 224")
    if not SIZES[0] <= min(height, width) <= max(height, width) <= SIZES[1]:
        raise refuse(f"size {height}x{width}, expected {SIZES[0]} to {SIZES[1]} pixels")
    numbers = []
    for name, value in (("mean", given.mean), ("std", given.std)):
        values = value if isinstance(value, tuple) else (value,)
        positive = name == "mean" or min(values, default=0) > 0
        if len(values) not in (1, channels) or not positive or not all(map(math.isfinite, values)):
            kind = "number" if name == "mean" else "positive number"
            raise refuse(f"{name} {value}, expected one {kind} or one per channel ({channels})")
        numbers.append(tuple(map(float, values)))
    return Preprocessing(
        size=(height, width),
        range=given.range,
        mean=numbers[0],
        std=numbers[1],
        layout=layout,
        channels=channels,
        output=given.output,
        logits=given.logits,
    )
