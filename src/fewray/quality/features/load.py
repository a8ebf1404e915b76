"""Load a feature extractor by name."""

from __future__ import annotations

from pathlib import Path

import torch

from fewray.compute.device import choose_device
from fewray.errors import InputError
from fewray.quality.features import inception, lite
from fewray.quality.features.extractor import (
    EXTRACTORS,
    Extractor,
    NetworkExtractor,
    PixelExtractor,
)


def load_extractor(
    name: str = "lite0", *, weights: Path | None = None, device: str = "auto"
) -> Extractor:
    """Return the extractor called ``name``; InputError lists the choices.

    ``lite0``, ``lite1`` and ``lite2`` read images at 128 px, twice the size that the generators
    make; ``lite0@224`` at the size it was trained on. ``inception`` is the FID network, from
    ``weights``. ``onnx:<file>`` is any network of the user's, on the CPU. ``study:<folder>`` is
    opened by :func:`fewray.pipelines.extractors.open_extractor`.
    """
    if weights is not None and name != "inception":
        message = f"--weights {weights}: extractor {name} takes none. Use --extractor inception."
        raise InputError("weights_not_used", message, extractor=name)
    where = choose_device(device)
    kind, _, size = name.partition("@")
    if kind in lite.SCALES and (size.isdecimal() or not size):
        pixels = int(size or 128)
        if not 32 <= pixels <= 1024:
            message = f"--extractor {name}: {pixels} px, expected 32 to 1024."
            raise InputError("extractor_size", message, value=pixels)
        found = lite.load_lite(kind).to(where, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        name = f"{kind}@{pixels}"
        return NetworkExtractor(name, lite.FEATURES, pixels, found, 127.0, 128.0, where)
    if name == "texture":
        from fewray.quality.features.texture.extractor import TextureExtractor

        return TextureExtractor()
    if name in ("pixels", "pixels@32"):
        return PixelExtractor()
    if name == "inception":
        if weights is None:
            message = f"--extractor inception: give the weight file {inception.FILE} with"
            raise InputError("weights_missing", f"{message} --weights.")
        found = inception.load_inception(weights).to(where)
        return NetworkExtractor("inception", inception.FEATURES, 299, found, 127.5, 127.5, where)
    if name.startswith("onnx:"):
        from fewray.quality.features.onnx import load_onnx

        return load_onnx(name.removeprefix("onnx:"))
    message = f"--extractor {name}: unknown. Choose from {', '.join(EXTRACTORS)}."
    raise InputError("extractor_unknown", message, value=name, choices=EXTRACTORS)
