"""The cache of features: a hit is what it spares, anything else is a miss, and its failures are silent."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from fewray.quality import feature_cache
from fewray.quality.feature_cache import Cached, features_folder
from fewray.quality.features import Features, PixelExtractor


class Counting:
    """An extractor that counts its calls."""

    def __init__(self, name: str = "counting", *, probabilities: bool = True) -> None:
        self.name, self.dim, self.calls, self.classifies = name, 4, 0, probabilities

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


def test_other_images_and_other_extractors_are_misses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plain = Counting()
    cached = Cached(plain, tmp_path)
    for images in (pictures(), pictures(1), pictures(n=2), pictures()[::-1], pictures().reshape(3, 1, 4, 16)):
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
    "damage",
    [lambda b: b[:-1], lambda b: b"", lambda b: b"x" * 99, lambda b: b.replace(b"features", b"featurex"),
     lambda b: b[: len(b) // 2] + bytes([b[len(b) // 2] ^ 1]) + b[len(b) // 2 + 1 :]],
)  # fmt: skip
def test_a_damaged_copy_is_made_again(damage, tmp_path: Path):
    plain = Counting()
    cached = Cached(plain, tmp_path)
    first = cached(pictures())
    (copy,) = tmp_path.iterdir()
    copy.write_bytes(damage(copy.read_bytes()))
    assert equal(cached(pictures()), first)
    assert equal(cached(pictures()), first)
    assert plain.calls == 2


def test_every_byte_of_a_copy_may_be_damaged(tmp_path: Path):
    plain = Counting()
    cached = Cached(plain, tmp_path)
    first = cached(pictures())
    (copy,) = tmp_path.iterdir()
    whole = copy.read_bytes()
    for place in range(len(whole)):
        copy.write_bytes(whole[:place] + bytes([whole[place] ^ 9]) + whole[place + 1 :])
        found = feature_cache._recall(copy)
        assert found is None or equal(found, first), place


def test_what_killed_processes_left_is_removed(tmp_path: Path):
    cached = Cached(Counting(), tmp_path)
    old, new = tmp_path / "old.part", tmp_path / "new.part"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    cached(pictures())
    assert not old.exists()
    assert new.exists()


def test_changed_numbers_are_seen_by_their_check_sum(tmp_path: Path):
    plain = Counting()
    cached = Cached(plain, tmp_path)
    first = cached(pictures())
    (copy,) = tmp_path.iterdir()
    with np.load(copy) as kept:
        arrays = dict(kept)
    np.savez(copy, **(arrays | {"features": arrays["features"] + 1}))
    assert equal(cached(pictures()), first)


def test_where_nothing_can_be_written_work_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "file").write_text("")
    assert equal(Cached(Counting(), tmp_path / "file")(pictures()), Counting()(pictures()))
    monkeypatch.setattr(Path, "replace", full)
    assert equal(Cached(Counting(), tmp_path / "new")(pictures()), Counting()(pictures()))
    assert not list((tmp_path / "new").iterdir())


def test_the_folder_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FEWRAY_CACHE", str(tmp_path))
    assert features_folder() == tmp_path / "features"
    Cached(PixelExtractor())(pictures())
    assert len(list((tmp_path / "features").iterdir())) == 1
    monkeypatch.setenv("FEWRAY_CACHE", "off")
    assert features_folder() is None
    assert equal(Cached(Counting())(pictures()), Counting()(pictures()))
    assert not Path("off").exists()


def test_the_unused_are_removed_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plain = Counting()
    cached = Cached(plain, tmp_path)
    for seed in range(4):
        cached(pictures(seed))
    copies = {seed: tmp_path / f"{cached.key(pictures(seed))}.npz" for seed in range(5)}
    for seed in range(4):
        os.utime(copies[seed], (seed + 1, seed + 1))
    cached(pictures(0))  # a hit: 0 is now the one used last
    monkeypatch.setattr(feature_cache, "MOST_BYTES", 3 * copies[0].stat().st_size)
    cached(pictures(4))
    assert {seed for seed, copy in copies.items() if copy.exists()} == {0, 3, 4}
    assert plain.calls == 5


def test_no_images_are_no_copy(tmp_path: Path):
    assert Cached(Counting(), tmp_path)(pictures(n=0)).features.shape == (0, 4)
    assert not list(tmp_path.iterdir())
