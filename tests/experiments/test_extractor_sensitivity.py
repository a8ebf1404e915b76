"""Halves of one set are near each other, altered images are not, and the table has a row per class."""

from pathlib import Path

import numpy as np
import pytest

from experiments.extractor_sensitivity import CHANGES, halves_kid, main, measure
from fewray.imaging.arrays import save_png
from fewray.quality.features.load import load_extractor
from tests.helpers import smooth_images


def test_halves_are_near_and_alterations_far():
    images = {label: smooth_images(24, seed=seed)[:, None] for seed, label in enumerate("ab")}
    groups = {label: np.arange(24) // 2 for label in images}
    found = measure(images, groups, load_extractor("texture"))
    for row in found.values():
        assert set(row) == {"halves", "SD", *CHANGES}
        assert abs(row["halves"]) < 3 * row["SD"]
        for change in ("blur, sd 0.8 px", "noise, sd 5"):
            assert row[change] > row["halves"] + 5 * row["SD"]


def test_patients_are_not_split():
    """Copies of one image per patient would make halves far from each other if patients were split."""
    rng = np.random.default_rng(0)
    features = np.repeat(rng.normal(size=(12, 5)), 3, axis=0)
    together = halves_kid(features, np.repeat(np.arange(12), 3), np.random.default_rng(0))
    alone = halves_kid(features, np.arange(36), np.random.default_rng(0))
    assert abs(np.mean(together)) < np.std(together)
    assert np.std(alone) < np.std(together)


def test_the_table_has_a_row_per_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for seed, label in enumerate("ab"):
        for index, image in enumerate(smooth_images(5, seed=seed)):
            save_png(image, tmp_path / "train" / label / f"p{index}.png")
    main([str(tmp_path), "pixels"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert [line.split(" | ")[1] for line in lines[2:]] == ["a", "b"]
