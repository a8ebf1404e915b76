"""Extractors by name: those of the quality metrics, and the classifiers of finished studies."""

from __future__ import annotations

import hashlib
from pathlib import Path

from torch import Tensor, nn

from fewray.classify.classifier import Classifier
from fewray.classify.weights import CLASSIFIER, load_classifier, read_classifier_header
from fewray.compute.device import choose_device
from fewray.config import ClassifierOptions
from fewray.errors import InputError
from fewray.quality.features.cache import Cached
from fewray.quality.features.extractor import (
    Extractor,
    NetworkExtractor,
    PixelExtractor,
    load_extractor,
)

PREFIX = "study:"


def holds_classifier(path: Path, key: str) -> bool:
    """Whether ``path`` is the whole file of the classifier whose result is kept under ``key``."""
    try:
        return read_classifier_header(path)["about"]["key"] == key
    except InputError:
        return False


def open_extractor(
    name: str, *, weights: Path | None = None, device: str = "auto", cache: bool = True
) -> Extractor:
    """Return the extractor called ``name``, as :func:`fewray.quality.features.extractor.load_extractor`, or ``study:RUN``.

    With ``cache``, features are kept in the user's cache folder. InputError lists the extractors there are.
    """
    if name.startswith(PREFIX) and weights is None:
        found = study_extractor(Path(name.removeprefix(PREFIX)), device=device)
    else:
        found = load_extractor(name, weights=weights, device=device)
    return Cached(found) if cache and not isinstance(found, PixelExtractor) else found


def study_extractor(run: Path, *, device: str = "auto") -> NetworkExtractor:
    """Return the classifier kept in the study ``run``: its hidden activations and its class probabilities.

    It is named by arm, seed, size and the hash of its file, not by the folder. InputError when the folder has none.
    """
    path = run / CLASSIFIER
    if not run.is_dir():
        raise InputError(
            f"--extractor {PREFIX}{run}: not found; a folder written by `fewray study --protocol published` is wanted"
        )
    network, header = load_classifier(path)
    options, about = ClassifierOptions.from_json(header["options"]), header["about"]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    where = choose_device(device)
    return NetworkExtractor(
        name=f"{PREFIX}{about['arm']}-{about['seed']}@{options.image_size}#{digest}",
        dim=options.hidden,
        size=options.image_size,
        network=_Hidden(network).to(where),
        mean=127.5,
        scale=127.5,
        device=where,
        channels=1,
    )


class _Hidden(nn.Module):
    """The classifier without dropout: hidden activations (n, hidden) and logits (n, classes)."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.classifier.embed(x)
        return hidden, self.classifier.output(hidden)


def identity(name: str) -> str:
    """Return what a result made with the extractor ``name`` depends on; for a file, its hash and not only its path."""
    return open_extractor(name, device="cpu", cache=False).name if ":" in name else name
