"""Loading many files, the two number formats, grids."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewray.errors import InputError
from fewray.imaging import arrays
from fewray.imaging.arrays import check_images, grid, load_images, save_png, to_float, to_uint8
from fewray.imaging.decode import decode

RAMP = np.arange(0, 240, dtype=np.uint8).reshape(12, 20)


def test_all_bad_files_are_named(tmp_path: Path):
    Image.fromarray(RAMP).save(tmp_path / "good.png")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("no image")
    names = ["cut.png", "empty.png", "text.png", "absent.png"]
    with pytest.raises(InputError) as caught:
        load_images([tmp_path / name for name in ["good.png", *names]], 8)
    assert all(name in str(caught.value) for name in names)
    assert "good.png" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_paths_may_be_an_iterator_or_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(arrays, "BLOCK", 2)
    for level in range(5):
        save_png(np.full((8, 8), level, np.uint8), tmp_path / f"{level}.png")
    found = load_images((path for path in sorted(tmp_path.iterdir())), 8, cache=False)
    assert (found == np.arange(5).reshape(5, 1, 1, 1)).all()
    assert load_images([], 8).shape == (0, 1, 8, 8)


def test_errors_count_the_files_that_they_do_not_name(tmp_path: Path):
    with pytest.raises(InputError, match=r"14 of 14 images: .*and 4 more\. Repair"):
        load_images([tmp_path / f"{i}.png" for i in range(14)], 8)


def test_real_images_fill_their_squares(covid4: Path):
    paths = sorted(covid4.glob("test/*/*"))[::4]
    padded, squashed = (load_images(paths, 64, fit, cache=False) for fit in ("pad", "squash"))
    assert padded.shape == squashed.shape == (9, 1, 64, 64)
    for path, image, whole in zip(paths, padded, squashed, strict=True):
        grey = decode(path)
        assert whole.mean() == pytest.approx(grey.mean(), abs=1)
        share = min(grey.shape) / max(grey.shape)
        assert image.mean() == pytest.approx(grey.mean() * share, abs=2.5)


def test_to_uint8_inverts_to_float():
    images = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    floats = to_float(images)
    assert (floats.min().item(), floats.max().item()) == (-1, 1)
    assert np.array_equal(to_uint8(floats), images)
    for bad in (floats * 2, floats * float("nan")):
        with pytest.raises(InputError, match="-1 to 1"):
            to_uint8(bad)


@pytest.mark.parametrize(
    "bad",
    [np.zeros((2, 8, 8), np.uint8), np.zeros((2, 3, 8, 8), np.uint8), np.zeros((1, 1, 8, 8)), None],
)
def test_other_arrays_are_refused(bad: object):
    with pytest.raises(InputError, match="uint8"):
        check_images(bad)


def test_grid_and_png(tmp_path: Path):
    images = np.stack([np.full((1, 4, 4), 10 * i, np.uint8) for i in range(1, 6)])
    sheet = grid(images, 3, pad=1)
    assert sheet.shape == (11, 16)
    assert sheet[1, 1] == 10
    assert sheet[6, 6] == 50
    assert sheet[6, 11] == 0
    save_png(sheet, tmp_path / "grid.png")
    assert np.array_equal(decode(tmp_path / "grid.png"), sheet)
