"""Feature extractors by name: those of the quality metrics, and the classifiers of studies."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from fewray.classify.classifier import Classifier
from fewray.classify.weights import CLASSIFIER, load_classifier, read_classifier_header
from fewray.compute.device import choose_device
from fewray.errors import InputError
from fewray.quality.features.cache import Cached
from fewray.quality.features.extractor import Extractor, NetworkExtractor, PixelExtractor
from fewray.quality.features.load import load_extractor
from fewray.storage.files import sha256_of

PREFIX = "study:"


def holds_classifier(path: Path, key: str) -> bool:
    """Return whether ``path`` is the complete file of the classifier with the job key ``key``."""
    try:
        return read_classifier_header(path).about.key == key
    except InputError:
        return False


def open_extractor(
    name: str, *, weights: Path | None = None, device: str = "auto", cache: bool = True
) -> Extractor:
    """Return the extractor ``name`` of :func:`load_extractor`, or that of ``study:RUN``.

    With ``cache``, features are kept in the user's cache folder. InputError lists the extractors.
    """
    if name.startswith(PREFIX) and weights is None:
        found = study_extractor(Path(name.removeprefix(PREFIX)), device=device)
    else:
        found = load_extractor(name, weights=weights, device=device)
    return Cached(found) if cache and not isinstance(found, PixelExtractor) else found


def study_extractor(run: Path, *, device: str = "auto") -> NetworkExtractor:
    """Return the classifier kept in the study ``run``: hidden activations and class probabilities.

    Its name holds arm, seed, size and a hash of the file, not the folder. InputError if there is
    none.
    """
    path = run / CLASSIFIER
    network, header = load_classifier(path)
    options, about = header.options, header.about
    where = choose_device(device)
    return NetworkExtractor(
        name=f"{PREFIX}{about.arm}-{about.seed}@{options.image_size}#{sha256_of(path)[:12]}",
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
    """Return what identifies the extractor ``name`` in job keys; for a file, its hash."""
    return open_extractor(name, device="cpu", cache=False).name if ":" in name else name
