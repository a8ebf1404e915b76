"""A trained classifier as one safetensors file whose JSON header holds what rebuilds it."""

from __future__ import annotations

from pathlib import Path

import msgspec
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from fewray.classify.classifier import Classifier
from fewray.classify.networks import build_network
from fewray.config import ClassifierOptions
from fewray.errors import InputError
from fewray.storage.files import write_bytes

FORMAT = "fewray-classifier-1"
CLASSIFIER = "classifier.safetensors"
"""The file in the folder of a published study with the weights of one of its classifiers."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """Which classifier of a study it is: ``key`` is that of its job."""

    arm: str
    seed: int
    key: str
    train_images: int


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a file of weights says of itself."""

    format: str
    classes: tuple[str, ...]
    options: ClassifierOptions
    about: About


def save_classifier(
    model: Classifier,
    options: ClassifierOptions,
    path: Path,
    *,
    classes: tuple[str, ...],
    about: About,
) -> None:
    """Write ``model`` to ``path`` atomically; equal weights give equal bytes."""
    header = Header(format=FORMAT, classes=classes, options=options, about=about)
    text = msgspec.json.encode(header, order="sorted").decode()
    plain = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    write_bytes(path, save(plain, metadata={"classifier": text}))


def read_classifier_header(path: Path) -> Header:
    """Return the header; InputError if ``path`` is not a complete classifier of this format."""
    remedy = "Run `fewray study --protocol published` with the same options to write it."
    if not path.is_file():
        raise InputError("classifier_not_found", f"{path}: not found. {remedy}", path=str(path))
    try:
        with safe_open(path, framework="pt") as stream:
            text = (stream.metadata() or {}).get("classifier", "{}")
        header = msgspec.json.decode(text, type=Header)
    except (OSError, SafetensorError, msgspec.DecodeError) as error:
        message = f"{path}: not a readable classifier ({error}). Remove it. {remedy}"
        raise InputError("classifier_damaged", message, path=str(path)) from None
    if header.format != FORMAT:
        message = f"{path}: format {header.format}, expected {FORMAT}. Remove it. {remedy}"
        raise InputError("classifier_format", message, path=str(path), found=header.format)
    return header


def load_classifier(path: Path) -> tuple[Classifier, Header]:
    """Return the network, in evaluation mode on the CPU, and its header; InputError as above."""
    header = read_classifier_header(path)
    network = build_network(len(header.classes), header.options, seed=0)
    with safe_open(path, framework="pt") as stream:
        network.load_state_dict({name: stream.get_tensor(name) for name in stream.keys()})  # noqa: SIM118 (not a dict)
    return network.eval().requires_grad_(False), header
