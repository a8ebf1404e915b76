"""Features of a user's own network in an ONNX file: DINOv2, RadImageNet, an X-ray classifier."""

from __future__ import annotations

import hashlib
import mmap
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
import torch

from fewray.errors import InputError
from fewray.imaging.arrays import check_images
from fewray.quality.features import extractor as shared
from fewray.quality.features.extractor import Features, Figure, resized
from fewray.quality.features.onnx_options import Preprocessing, complete, read_options

FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
EXTERNAL = re.compile(rb"\n\x08location\x12([\x80-\xff]{0,3}[\x00-\x7f])")
"""The start of an external weight file's name in an ONNX file: key ``location``, then the length.

Protocol buffers write a length as a varint: seven bits per byte, low bits first, and the top bit
set in every byte but the last.
"""


class _Node(Protocol):
    name: str
    type: str
    shape: list[int | str | None]


class _Session(Protocol):
    """What is used of ``onnxruntime.InferenceSession``."""

    def get_inputs(self) -> Sequence[_Node]: ...
    def get_outputs(self) -> Sequence[_Node]: ...
    def run(self, names: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]: ...


@dataclass(frozen=True)
class OnnxExtractor:
    """An ONNX network on the CPU, called with batches of 32 or of its own fixed size."""

    name: str
    dim: int
    options: Preprocessing
    session: _Session
    batch: int | None
    """The batch size, if the network's input fixes it."""
    figures: tuple[Figure, ...] = ()

    def __call__(self, images: np.ndarray) -> Features:
        """Return the features, flattened to (n, d), and probabilities if the options name logits.

        InputError if a feature or a logit is not finite.
        """
        check_images(images)
        size = self.batch or shared.BATCH
        features, probabilities = [np.zeros((0, self.dim), np.float32)], []
        for start in range(0, len(images), size):
            found, *logits = _run(
                self.session, self.options, images[start : start + size], self.batch
            )
            for name, values in (("features", found), *(("logits", each) for each in logits)):
                if not np.isfinite(values).all():
                    message = f"{self.name}: {name} are not finite. Check range, mean and std."
                    raise InputError("features_not_finite", message, extractor=self.name)
            features.append(found)
            probabilities += [torch.from_numpy(each).softmax(1).numpy() for each in logits]
        return Features(
            np.concatenate(features), np.concatenate(probabilities) if probabilities else None
        )


def load_onnx(name: str) -> OnnxExtractor:
    """Return the extractor of the ONNX file ``name``; docs/metrics.md lists the options beside it.

    The name carries a hash of the network, its external weights and its preprocessing. InputError
    if onnxruntime is missing, or if the file is not a network with one float image input and a
    float output with one row per image.
    """
    path = Path(name)
    where = f"--extractor onnx:{path}"
    session = _open(path, where)
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in FLOATS:
        found = ", ".join(f"{node.name} {node.type}" for node in inputs)
        message = (
            f"{where}: inputs {found}, expected one float image. Export it with such an input."
        )
        raise InputError("onnx_input_invalid", message, inputs=found)
    options = complete(read_options(path), inputs[0].shape, where)
    _check_outputs(session, options, where)
    fixed = inputs[0].shape[0]
    batch = fixed if isinstance(fixed, int) and fixed > 0 else None
    height, width = options.size
    black = np.zeros((batch or 1, 1, height, width), np.uint8)
    dim = _run(session, options, black, batch)[0].shape[1]
    digest = hashlib.sha256(f"{_digest(path)}{msgspec.json.encode(options)}".encode()).hexdigest()
    size = str(height) if height == width else f"{height}x{width}"
    return OnnxExtractor(f"onnx:{path.name}@{size}#{digest[:12]}", dim, options, session, batch)


def _open(path: Path, where: str) -> _Session:
    if not path.is_file():
        raise InputError("onnx_not_found", f"{where}: file not found.", path=str(path))
    try:
        import onnxruntime
    except ImportError:
        message = f"{where}: onnxruntime is not installed. Run pip install 'fewray[onnx]'."
        raise InputError("onnxruntime_missing", message) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4
    try:
        providers = ["CPUExecutionProvider"]
        return onnxruntime.InferenceSession(str(path), options, providers)  # pyright: ignore[reportReturnType]
    except Exception as error:  # onnxruntime's exceptions share no base class
        message = f"{where}: onnxruntime cannot load this file ({_line(error)}). Export it again."
        raise InputError("onnx_invalid", message, path=str(path)) from None


def _check_outputs(session: _Session, options: Preprocessing, where: str) -> None:
    """Refuse an output that does not exist, is not float, or has to be chosen from several."""
    outputs = {node.name: node.type for node in session.get_outputs()}
    listed = ", ".join(f"{name} {kind}" for name, kind in outputs.items())
    if len(outputs) > 1 and options.output is None:
        message = f"{where}: several outputs ({listed}). Set output to one of them."
        raise InputError("onnx_output_invalid", message, outputs=list(outputs))
    for key, chosen in (
        ("output", options.output or next(iter(outputs))),
        ("logits", options.logits),
    ):
        if chosen is not None and outputs.get(chosen) not in FLOATS:
            message = f"{where}: {key} {chosen}, expected a float output; there are {listed}."
            raise InputError("onnx_output_invalid", message, key=key, outputs=list(outputs))


def _run(
    session: _Session, options: Preprocessing, images: np.ndarray, batch: int | None
) -> list[np.ndarray]:
    """Return the features (n, d) and, if named, the logits (n, classes) of a batch, as float32."""
    node = session.get_inputs()[0]
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (options.mean, options.std))
    x = (resized(images, options.size) * (float(options.range) / 255) - mean) / std
    x = x.expand(-1, options.channels, -1, -1)
    if batch and len(images) < batch:  # fill up the last batch
        x = torch.cat([x, x[-1:].expand(batch - len(images), -1, -1, -1)])
    x = x if options.layout == "nchw" else x.permute(0, 2, 3, 1)
    names = [options.output or session.get_outputs()[0].name]
    names += [options.logits] if options.logits else []
    try:
        found = session.run(names, {node.name: np.ascontiguousarray(x.numpy(), FLOATS[node.type])})
    except Exception as error:  # see _open
        message = f"the ONNX network fails on an input of shape {tuple(x.shape)} ({_line(error)})."
        raise InputError("onnx_run_failed", f"{message} Check size and layout.") from None
    for name, output in zip(names, found, strict=True):
        if output.ndim == 0 or len(output) != len(x) or not output.size:
            message = f"output {name} for {len(x)} images has shape {output.shape}"
            raise InputError("onnx_output_invalid", f"{message}, expected one row per image.")
    return [output[: len(images)].reshape(len(images), -1).astype(np.float32) for output in found]


def _digest(path: Path) -> str:
    """Return a SHA-256 of the file and of every external weight file that it names."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            names = {
                content[match.end() : match.end() + _varint(match[1])]
                for match in EXTERNAL.finditer(content)
            }
    for name in sorted(names):
        beside = path.parent / name.decode(errors="replace")
        if name and b"\0" not in name and beside.is_file():
            with beside.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _varint(content: bytes) -> int:
    return sum((byte & 0x7F) << 7 * index for index, byte in enumerate(content))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
