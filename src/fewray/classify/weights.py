"""A trained classifier as one file: safetensors with its weights and, as JSON in the header, all that rebuilds it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from fewray.classify.classifier import Classifier
from fewray.classify.networks import build_network
from fewray.config import ClassifierOptions
from fewray.errors import InputError
from fewray.storage.files import write_bytes

FORMAT = "fewray-classifier-1"
CLASSIFIER = "classifier.safetensors"
"""The file in the folder of a study with the weights of one of its classifiers."""


def save_classifier(
    model: Classifier,
    options: ClassifierOptions,
    path: Path,
    *,
    classes: tuple[str, ...],
    about: dict[str, Any],
) -> None:
    """Write ``model`` to ``path`` atomically; equal weights make equal bytes. ``about`` must be JSON."""
    header = {
        "format": FORMAT,
        "classes": list(classes),
        "options": options.to_json(),
        "about": about,
    }
    plain = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    write_bytes(path, save(plain, metadata={"classifier": json.dumps(header, sort_keys=True)}))


def read_classifier_header(path: Path) -> dict[str, Any]:
    """Return ``classes``, ``options`` and ``about``; InputError when ``path`` is no whole classifier."""
    try:
        with safe_open(path, framework="pt") as stream:
            header = json.loads((stream.metadata() or {}).get("classifier", "{}"))
    except FileNotFoundError:
        raise InputError(
            f"{path}: not found; run `fewray study --protocol published` with the same options to make it"
        ) from None
    except (OSError, SafetensorError, ValueError) as error:
        raise InputError(
            f"{path}: not a readable classifier ({error}); remove it and run the study again"
        ) from None
    if header.get("format") != FORMAT:
        raise InputError(
            f"{path}: format {header.get('format')}; {FORMAT} is wanted; run the study again"
        )
    return header


def load_classifier(path: Path) -> tuple[Classifier, dict[str, Any]]:
    """Return the network, in evaluation mode on the CPU, and its header; InputError as for the header."""
    header = read_classifier_header(path)
    network = build_network(
        len(header["classes"]), ClassifierOptions.from_json(header["options"]), seed=0
    )
    with safe_open(path, framework="pt") as stream:
        network.load_state_dict({name: stream.get_tensor(name) for name in stream.keys()})  # noqa: SIM118 (not a dict)
    return network.eval().requires_grad_(False), header
