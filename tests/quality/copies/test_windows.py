"""The nearest training window: the definition, what does not matter to it, and flat windows."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from fewray.quality.copies import windows as module
from fewray.quality.copies.windows import FLAT, LEAST, OFFSETS, SHIFT, SIZE, WINDOW, nearest_windows


def textured(n: int, seed: int, size: int = SIZE) -> np.ndarray:
    """Unrelated images with coarse and fine structure."""
    rng = np.random.default_rng(seed)
    x = sum(
        gaussian_filter(rng.normal(size=(n, size, size)), (0, width, width)) * width
        for width in (1, 2, 8)
    )
    return np.clip(128 + 50 * x / np.std(x), 0, 255).astype(np.uint8)[:, None]


def by_definition(query: np.ndarray, reference: np.ndarray, top: int, left: int) -> float:
    def detail(image: np.ndarray) -> np.ndarray:
        x = image.astype(float)
        x = x - gaussian_filter(x, 1.0, mode="mirror")
        windows = np.lib.stride_tricks.sliding_window_view(x, (WINDOW, WINDOW))
        deviations = windows.std((2, 3)).ravel()
        deviations = np.sort(deviations[deviations > FLAT])
        return x / deviations[(len(deviations) - 1) // 2]

    u = detail(query)[top : top + WINDOW, left : left + WINDOW]
    best = -1.0
    for side in (detail(reference), detail(reference)[:, ::-1]):
        for y in range(max(0, top - SHIFT), min(SIZE - WINDOW, top + SHIFT) + 1):
            for x in range(max(0, left - SHIFT), min(SIZE - WINDOW, left + SHIFT) + 1):
                v = side[y : y + WINDOW, x : x + WINDOW]
                covariance = ((u - u.mean()) * (v - v.mean())).mean()
                best = max(best, covariance / (max(u.std(), LEAST) * max(v.std(), LEAST)))
    return 1 - best


def test_the_grid_reaches_both_edges_in_steps_of_three():
    assert (OFFSETS[0], OFFSETS[-1] + WINDOW) == (0, SIZE)
    assert set(np.diff(OFFSETS)) <= {3, 4}


def test_the_distance_is_that_of_the_definition():
    queries, references = textured(2, 0), textured(3, 1)
    queries[0, 0, :30] //= 8  # windows below the least deviation
    near = nearest_windows(queries, references)
    for i in range(2):
        for a, b in ((0, 0), (0, 13), (5, 6), (13, 2)):
            found = [by_definition(queries[i, 0], r[0], OFFSETS[a], OFFSETS[b]) for r in references]
            assert near.distance[i, a, b] == pytest.approx(min(found), abs=1e-4)
            assert near.index[i, a, b] == np.argmin(found)


def test_an_image_is_identical_to_itself_also_mirrored():
    images = textured(4, 2)
    for given in (images, images[..., ::-1].copy()):
        near = nearest_windows(given, images)
        assert (near.index == np.arange(4)[:, None, None]).all()
        assert near.distance.max() < 1e-4


def test_brightness_and_contrast_do_not_matter():
    images = textured(4, 3)
    changed = np.round(40 + 0.6 * images).astype(np.uint8)
    near = nearest_windows(changed, images)
    assert (near.index == np.arange(4)[:, None, None]).all()
    assert near.distance.max() < 0.01


@pytest.mark.parametrize(("down", "right"), [(2, 0), (-2, 2), (3, -3)])
def test_a_shift_of_up_to_three_pixels_is_found(down: int, right: int):
    images = textured(4, 4)
    near = nearest_windows(np.roll(images, (down, right), (2, 3)), images)
    inner = (slice(None), slice(2, -2), slice(2, -2))  # without what was rolled in
    assert (near.index[inner] == np.arange(4)[:, None, None]).all()
    assert near.distance[inner].max() < 0.001


@pytest.mark.parametrize("size", [32, 48, 100])
def test_other_sizes_are_compared_at_64_px(size: int):
    images = textured(4, 5, size)
    near = nearest_windows(images, images)
    assert near.distance.shape == (4, 14, 14)
    assert near.distance.max() < 1e-4


def test_flat_windows_are_near_to_nothing():
    flat = np.stack([np.full((1, SIZE, SIZE), level, np.uint8) for level in (0, 90, 255)])
    near = nearest_windows(flat, np.concatenate([flat, textured(2, 6)]))
    assert near.distance.tolist() == np.ones((3, 14, 14)).tolist()
    bordered = textured(3, 7)
    bordered[:, :, :30] = np.random.default_rng(0).integers(0, 2, (3, 1, 30, SIZE))  # rounding
    assert nearest_windows(bordered[:1], bordered[1:]).distance[0, 0].min() > 0.9
    assert nearest_windows(bordered[:1], bordered[:1]).distance[0, 0].min() > 0.9


def test_excluded_pairs_and_empty_sides():
    images = textured(3, 8)
    others = ~np.eye(3, dtype=bool)
    near = nearest_windows(images, images, others)
    assert (near.index != np.arange(3)[:, None, None]).all()
    none = nearest_windows(images, images, np.zeros((3, 3), bool))
    for found in (none, nearest_windows(images, images[:0])):
        assert (found.index == -1).all()
        assert np.isinf(found.distance).all()
    assert nearest_windows(images[:0], images).index.shape == (0, 14, 14)


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch):
    queries, references = textured(5, 9), textured(7, 10)
    allowed = np.random.default_rng(0).random((5, 7)) < 0.7
    whole = nearest_windows(queries, references, allowed)
    monkeypatch.setattr(module, "BLOCK", 2 * 49 * WINDOW**2 * 3)
    parts = nearest_windows(queries, references, allowed)
    monkeypatch.setattr(module, "BLOCK", 1)
    single = nearest_windows(queries, references, allowed)
    for found in (parts, single):
        assert found.index.tolist() == whole.index.tolist()
        assert np.allclose(found.distance, whole.distance, atol=1e-5)
