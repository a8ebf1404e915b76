"""Classic augmentation: closed forms, use of the originals, determinism."""

import numpy as np
import pytest

from fewray.config import ClassicAugmentation
from fewray.errors import InputError
from fewray.imaging import augment
from fewray.imaging.augment import classic_augment, random_maps

STILL = ClassicAugmentation(
    rotation_repeats=0, flip_repeats=0, scale_repeats=0, translation_repeats=0, work_size=32
)


def pictures(n: int = 4, size: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 1, size, size), np.uint8)


def test_nothing_drawn_changes_nothing():
    made = classic_augment(pictures(1), 3, size=32, options=STILL, seed=0)
    assert np.array_equal(made, np.repeat(pictures(1), 3, axis=0))


def test_a_certain_flip_mirrors():
    made = classic_augment(
        pictures(1), 1, size=32, options=STILL.with_(flip_repeats=1, p=1.0), seed=0
    )
    assert np.abs(made.astype(int) - pictures(1)[..., ::-1]).max() <= 1
    twice = classic_augment(
        pictures(1), 1, size=32, options=STILL.with_(flip_repeats=2, p=1.0), seed=0
    )
    assert np.abs(twice.astype(int) - pictures(1)).max() <= 1


def test_a_whole_pixel_shift_moves_pixels_and_fills_with_black(monkeypatch: pytest.MonkeyPatch):
    shift = np.eye(3)[None]
    shift[0, 0, 2], shift[0, 1, 2] = 2 * 3 / 32, -2 * 5 / 32  # 3 to the right, 5 up
    monkeypatch.setattr(augment, "random_maps", lambda *_: shift)
    made = classic_augment(pictures(1), 1, size=32, options=STILL, seed=0)[0, 0]
    assert np.abs(made[:-5, 3:].astype(int) - pictures(1)[0, 0, 5:, :-3]).max() <= 1
    assert not made[:, :3].any()
    assert not made[-5:].any()


def test_drawn_maps_stay_within_their_strengths():
    options = ClassicAugmentation(flip_repeats=0)
    maps = random_maps(2000, options, np.random.default_rng(0))
    angle = np.rad2deg(np.arctan2(maps[:, 1, 0], maps[:, 0, 0]))
    scale = np.hypot(maps[:, 0, 0], maps[:, 1, 0])
    assert np.abs(angle).max() <= 10
    assert angle.std() == pytest.approx(np.sqrt(2 * 0.5 * 25 / 3), rel=0.1)
    assert 0.9**4 <= scale.min() < scale.max() <= 1.1**4
    share = (random_maps(2000, ClassicAugmentation(), np.random.default_rng(1))[:, 0, 0] < 0).mean()
    assert share == pytest.approx(0.5, abs=0.05)


def test_every_original_is_used_equally_often():
    flat = np.arange(1, 8, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 32, 32), np.uint8)
    made = classic_augment(flat, 24, size=32, options=STILL, seed=3)
    counts = np.bincount(made[:, 0, 0, 0], minlength=8)[1:]
    assert sorted(counts) == [3, 3, 3, 3, 4, 4, 4]


def test_seed_and_chunks_decide_and_do_not():
    options = ClassicAugmentation(work_size=32, intensity=0.1)
    one = classic_augment(pictures(), 12, size=16, options=options, seed=1)
    assert np.array_equal(one, classic_augment(pictures(), 12, size=16, options=options, seed=1))
    assert not np.array_equal(
        one, classic_augment(pictures(), 12, size=16, options=options, seed=2)
    )


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch):
    options = ClassicAugmentation(work_size=32)
    whole = classic_augment(pictures(), 12, size=16, options=options, seed=1)
    monkeypatch.setattr(augment, "CHUNK", 5)
    assert np.array_equal(whole, classic_augment(pictures(), 12, size=16, options=options, seed=1))


def test_empty_and_invalid_requests():
    assert classic_augment(pictures(), 0, size=16, options=STILL, seed=0).shape == (0, 1, 16, 16)
    with pytest.raises(InputError) as caught:
        classic_augment(pictures(0), 3, size=16, options=STILL, seed=0)
    assert caught.value.code == "no_images"
    with pytest.raises(InputError, match="-1"):
        classic_augment(pictures(), -1, size=16, options=STILL, seed=0)
    with pytest.raises(InputError, match="uint8"):
        classic_augment(pictures().astype(float), 1, size=16, options=STILL, seed=0)
