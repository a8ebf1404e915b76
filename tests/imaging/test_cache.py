"""The cache of resized images: it saves work, changes no pixel, and its failures are silent."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewray.imaging import arrays
from fewray.imaging.arrays import load_images


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return three images large enough for the cache in ``tmp_path / "cache"``."""
    monkeypatch.setenv("FEWRAY_CACHE", str(tmp_path / "cache"))
    paths = [tmp_path / f"{i}.bmp" for i in range(3)]
    for seed, path in enumerate(paths):
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (260, 300), np.uint8)).save(
            path
        )
    return paths


def count_decoding(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    seen: list[Path] = []
    plain = arrays.read_image
    monkeypatch.setattr(
        arrays, "read_image", lambda content, path: (seen.append(path), plain(content, path))[1]
    )
    return seen


def test_the_cache_saves_decoding_and_changes_nothing(
    large: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    plain = load_images(large, 16, cache=False)
    assert not (tmp_path / "cache").exists()
    assert np.array_equal(load_images(large, 16), plain)
    seen = count_decoding(monkeypatch)
    assert np.array_equal(load_images(large[::-1], 16), plain[::-1])
    assert not seen
    assert not np.array_equal(load_images(large, 16, "squash"), plain)
    large[0].write_bytes(large[1].read_bytes())
    assert np.array_equal(load_images(large[:1], 16)[0], plain[1])
    seen.clear()
    monkeypatch.setattr(arrays, "DECODER", "another")
    load_images(large[1:], 16)
    assert sorted(seen) == large[1:]  # threads may finish in any order


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b"", lambda b: bytes([b[0] ^ 1]) + b[1:]]
)
def test_a_damaged_copy_is_replaced(large: list[Path], tmp_path: Path, damage):
    plain = load_images(large, 16)
    for copy in (tmp_path / "cache" / "images").iterdir():
        copy.write_bytes(damage(copy.read_bytes()))
    assert np.array_equal(load_images(large, 16), plain)


def test_a_full_disk_or_a_blocked_cache_folder_is_no_error(
    large: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    plain = load_images(large, 16, cache=False)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        assert np.array_equal(load_images(large, 16), plain)
    assert not list((tmp_path / "cache" / "images").iterdir())
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FEWRAY_CACHE", str(tmp_path / "file"))
    assert np.array_equal(load_images(large, 16), plain)


def test_processes_share_the_cache(large: list[Path], tmp_path: Path):
    plain = load_images(large, 16, cache=False)
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        results = list(pool.map(load_images, [large] * 4, [16] * 4))
    assert all(np.array_equal(result, plain) for result in results)
    assert len(list((tmp_path / "cache" / "images").iterdir())) == 3


def test_small_files_are_not_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FEWRAY_CACHE", str(tmp_path / "cache"))
    Image.fromarray(np.zeros((12, 20), np.uint8)).save(tmp_path / "image.png")
    load_images([tmp_path / "image.png"], 8)
    assert not (tmp_path / "cache").exists()
