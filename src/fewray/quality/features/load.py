"""Load a feature extractor by name."""

from __future__ import annotations

from pathlib import Path

import torch

from fewray.compute.device import choose_device
from fewray.errors import InputError
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

    ``lite0`` reads images at 128 px, twice the size that the generators make; ``lite0@224`` at the
    size it was trained on. ``inception`` is the FID network, from ``weights``. ``onnx:<file>`` is
    any network of the user's, on the CPU. ``study:<folder>`` is opened by
    :func:`fewray.pipelines.extractors.open_extractor`.
    """
    if weights is not None and name != "inception":
        message = f"--weights {weights}: extractor {name} takes none. Use --extractor inception."
        raise InputError("weights_not_used", message, extractor=name)
    where = choose_device(device)
    kind, _, size = name.partition("@")
    if kind == "lite0" and (size.isdecimal() or not size):
        from fewray.quality.features.lite0 import FEATURES, load_lite0

        pixels = int(size or 128)
        if not 32 <= pixels <= 1024:
            message = f"--extractor {name}: {pixels} px, expected 32 to 1024."
            raise InputError("extractor_size", message, value=pixels)
        network = load_lite0().to(where, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        return NetworkExtractor(f"lite0@{pixels}", FEATURES, pixels, network, 127.0, 128.0, where)
    if name in ("pixels", "pixels@32"):
        return PixelExtractor()
    if name == "inception":
        from fewray.quality.features.inception import FEATURES, FILE, load_inception

        if weights is None:
            message = f"--extractor inception: give the weight file {FILE} with --weights."
            raise InputError("weights_missing", message)
        network = load_inception(weights).to(where)
        return NetworkExtractor("inception", FEATURES, 299, network, 127.5, 127.5, where)
    if name.startswith("onnx:"):
        from fewray.quality.features.onnx import load_onnx

        return load_onnx(name.removeprefix("onnx:"))
    message = f"--extractor {name}: unknown. Choose from {', '.join(EXTRACTORS)}."
    raise InputError("extractor_unknown", message, value=name, choices=EXTRACTORS)
