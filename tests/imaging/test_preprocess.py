"""Resizing to a square."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewray.errors import InputError
from fewray.imaging.arrays import load_images
from fewray.imaging.preprocess import resize

RAMP = np.arange(0, 240, dtype=np.uint8).reshape(12, 20)


@settings(max_examples=40, deadline=None)
@given(
    width=st.integers(1, 90),
    height=st.integers(1, 90),
    size=st.integers(1, 40),
    fit=st.sampled_from(["pad", "squash"]),
)
def test_resize_fills_the_square_and_keeps_the_range(width: int, height: int, size: int, fit: str):
    white = np.full((height, width), 255, np.uint8)
    square = resize(white, size, fit)
    assert square.shape == (size, size)
    if fit == "squash":
        assert square.min() == 255
    else:
        rows, columns = (square > 0).any(1).sum(), (square > 0).any(0).sum()
        assert max(rows, columns) == size
        assert (columns == size) if width >= height else (rows == size)


def test_padding_is_centred_and_black():
    square = resize(np.full((10, 20), 200, np.uint8), 20, "pad")
    assert not square[:5].any()
    assert not square[15:].any()
    assert (square[5:15] == 200).all()


def test_reduction_is_antialiased():
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(resize(stripes, 8, "squash")[:, 1:-1].astype(int) - 127).max() < 20


@pytest.mark.parametrize(("size", "fit"), [(0, "pad"), (8, "stretch")])
def test_invalid_sizes_are_refused(size: int, fit: str):
    with pytest.raises(InputError):
        resize(RAMP, size, fit)
    with pytest.raises(InputError):
        load_images([], size, fit)


@pytest.mark.parametrize("bad", [RAMP.astype(float), RAMP[None], RAMP[:0]])
def test_resize_takes_grey_uint8_images_only(bad: np.ndarray):
    with pytest.raises(InputError, match="uint8"):
        resize(bad, 8)
