"""Features of any network that the user has as an ONNX file: DINOv2, RadImageNet, a classifier of X-rays, one's own."""

from __future__ import annotations

import hashlib
import mmap
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fewray.errors import InputError
from fewray.imaging.arrays import check_images
from fewray.quality.features import extractor as shared
from fewray.quality.features.extractor import Features, resized
from fewray.quality.features.onnx_options import OnnxOptions, given_options, settle_options

FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
EXTERNAL = re.compile(rb"\n\x08location\x12([\x01-\x7f])")
"""How an ONNX file begins to name a file of weights beside it: key ``location``, then the name's length."""


@dataclass(frozen=True)
class OnnxExtractor:
    """An ONNX network on the CPU, fed with grey images as ``options`` say, in batches of 32 or of its own fixed size."""

    name: str
    dim: int
    options: OnnxOptions
    session: Any
    batch: int | None
    """The number of images the network takes at once where it is fixed."""

    def __call__(self, images: np.ndarray) -> Features:
        """Return features, an output flattened to (n, d), and probabilities where the options name logits.

        InputError when a feature or a logit is not a finite number.
        """
        check_images(images)
        size = self.batch or shared.BATCH
        found, probabilities = [np.zeros((0, self.dim), np.float32)], []
        for start in range(0, len(images), size):
            part = images[start : start + size]
            outputs = _run(self.session, self.options, part, self.batch)
            found.append(outputs[0])
            if self.options.logits:
                if not np.isfinite(outputs[1]).all():
                    raise InputError(
                        f"{self.name}: logits that are no finite numbers; check range, mean and std"
                    )
                probabilities.append(torch.from_numpy(outputs[1]).softmax(1).numpy())
        made = np.concatenate(found)
        if not np.isfinite(made).all():
            raise InputError(
                f"{self.name}: features that are no finite numbers; check range, mean and std"
            )
        return Features(made, np.concatenate(probabilities) if probabilities else None)


def load_onnx(name: str) -> OnnxExtractor:
    """Return the extractor of ``FILE[?key=value&...]``; docs/metrics.md says which keys there are.

    InputError when onnxruntime is not installed, the file is no ONNX network, or the network does not take one float
    image (n, C, H, W) or (n, H, W, C) and give a float output a row an image.
    """
    path, given = given_options(name)
    where = f"--extractor onnx:{path}"
    session = _open(path, where)
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(node.name for node in inputs)
        raise InputError(
            f"{where}: {len(inputs)} inputs ({names}); a network with 1 image input is wanted"
        )
    if inputs[0].type not in FLOATS:
        raise InputError(
            f"{where}: its input is {inputs[0].type}; floats are wanted; export it with a float input"
        )
    options = settle_options(given, inputs[0].shape, where)
    _check_outputs(session, options, where)
    fixed = inputs[0].shape[0]
    batch = fixed if isinstance(fixed, int) and fixed > 0 else None
    height, width = options.size
    black = np.zeros((batch or 1, 1, height, width), np.uint8)
    try:
        first = _run(session, options, black, batch)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    size = str(height) if height == width else f"{height}x{width}"
    said = f"?{options}" if str(options) else ""
    return OnnxExtractor(
        f"onnx:{path.name}@{size}#{_digest(path)[:12]}{said}",
        first[0].shape[1],
        options,
        session,
        batch,
    )


def _open(path: Path, where: str) -> Any:
    if not path.is_file():
        raise InputError(
            f"{where}: not found; an ONNX file is wanted (onnx:FILE[?size=224&mean=0.5&std=0.5&...])"
        )
    try:
        import onnxruntime
    except ImportError:
        raise InputError(
            f"{where}: onnxruntime is not installed; run pip install 'fewray[onnx]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no base class
        raise InputError(
            f"{where}: not a network that onnxruntime can run ({_line(error)}); export it again"
        ) from None


def _check_outputs(session: Any, options: OnnxOptions, where: str) -> None:
    """Refuse outputs that are not there, not float, or, when several, not chosen among."""
    outputs = {node.name: node.type for node in session.get_outputs()}
    if len(outputs) > 1 and options.output is None:
        raise InputError(
            f"{where}: {len(outputs)} outputs ({', '.join(outputs)}); choose one with output=NAME"
        )
    for key, chosen in (
        ("output", options.output or next(iter(outputs))),
        ("logits", options.logits),
    ):
        if chosen is None:
            continue
        if chosen not in outputs:
            raise InputError(
                f"{where}: {key}={chosen}: no such output; there are {', '.join(outputs)}"
            )
        if outputs[chosen] not in FLOATS:
            raise InputError(
                f"{where}: its output {chosen} is {outputs[chosen]}; floats are wanted; choose another"
            )


def _run(
    session: Any, options: OnnxOptions, images: np.ndarray, batch: int | None
) -> list[np.ndarray]:
    """Return the features (n, d) and, if any, the logits (n, classes) of one batch, as float32."""
    node = session.get_inputs()[0]
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (options.mean, options.std))
    x = ((resized(images, options.size) * (options.range / 255) - mean) / std).expand(
        -1, options.channels, -1, -1
    )
    if batch and len(images) < batch:  # what is left of the last batch, filled up
        x = torch.cat([x, x[-1:].expand(batch - len(images), -1, -1, -1)])
    x = x if options.layout == "nchw" else x.permute(0, 2, 3, 1)
    wanted = [
        options.output or session.get_outputs()[0].name,
        *([options.logits] if options.logits else []),
    ]
    try:
        found = session.run(wanted, {node.name: np.ascontiguousarray(x.numpy(), FLOATS[node.type])})
    except Exception as error:  # as above
        raise InputError(
            f"the network fails on {tuple(x.shape)} ({_line(error)}); check size and layout"
        ) from None
    for name, output in zip(wanted, found, strict=True):
        if output.ndim == 0 or len(output) != len(x) or not output.size:
            raise InputError(
                f"output {name} of {len(x)} images is {output.shape}; a row an image is wanted"
            )
    return [output[: len(images)].reshape(len(images), -1).astype(np.float32) for output in found]


def _digest(path: Path) -> str:
    """Return the SHA-256 of the file and of the weight files beside it that it names."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            named = {content[m.end() : m.end() + m[1][0]] for m in EXTERNAL.finditer(content)}
    for name in sorted(named):
        beside = path.parent / name.decode(errors="replace")
        if b"\0" not in name and beside.is_file():
            with beside.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
