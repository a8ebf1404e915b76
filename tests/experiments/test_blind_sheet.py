"""The sheet of unlabelled images, and the count of those sorted right."""

from pathlib import Path

import numpy as np
import pytest

from experiments import blind_sheet


def test_the_count_of_images_sorted_right(tmp_path: Path):
    (tmp_path / "key.txt").write_text("6 1,3,6\n")
    assert blind_sheet.right(tmp_path, "1,3,6") == (6, 6)
    assert blind_sheet.right(tmp_path, "2,4,5") == (0, 6)
    assert blind_sheet.right(tmp_path, "1,3") == (5, 6)
    assert blind_sheet.right(tmp_path, "1,2,6") == (4, 6)
    for wrong in ("1,7", "0", ""):
        with pytest.raises(ValueError):  # noqa: PT011 (the code does not matter)
            blind_sheet.right(tmp_path, wrong)


def test_every_image_is_on_the_sheet_once():
    images = np.repeat(np.arange(10, dtype=np.uint8) * 20, 16).reshape(10, 4, 4)
    page = np.asarray(blind_sheet.sheet(images))
    for value in range(1, 10):
        shown = np.isin(page, [value * 20])
        assert shown.sum() >= blind_sheet.SIDE**2
    assert (page[:, -1] == 255).all()
