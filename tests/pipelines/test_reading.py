"""The data of a generator are read again with the labels and columns of its training."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from fewray.config import AS_IT_IS, ReadOptions
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.generators.output_folder import read_sources
from fewray.imaging.arrays import save_png
from fewray.pipelines.provenance import generator_sources, read_options, real_images
from fewray.pipelines.train_one import training_set_of
from fewray.presets import RECIPES
from fewray.results.training import GeneratorSource

READ = ReadOptions(
    labels=("Mass", "No Finding"), uncertain="positive", path_column="film", group_column="who"
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    lines = ["film,label,who"]
    for index, label in enumerate(["Mass", "Mass|Edema", "Edema", "No Finding", "Mass?"]):
        save_png(np.full((20, 20), 40 * index, np.uint8), tmp_path / f"{index}.png")
        lines.append(f"{index}.png,{label},p{index}")
    (tmp_path / "films.csv").write_text("\n".join(lines))
    return tmp_path / "films.csv"


def written(folder: Path, data: Manifest) -> Manifest:
    """Return synthetic images whose generators.json says that they were made from ``data``."""
    options = RECIPES["quick"]
    sources = {}
    for label in data.classes:
        mine = data.where(label=label)
        sources[label] = GeneratorSource(
            checkpoint_sha256="x",
            epoch=1,
            seed=0,
            options=options,
            training_set=training_set_of(mine, data.where(label=""), label, options),
        )
        save_png(np.full((64, 64), 99, np.uint8), folder / label / "seed000000.png")
    (folder / "generators.json").write_bytes(msgspec.json.encode(sources))
    return load_dataset(folder, strict=False)


def test_real_images_are_read_as_in_training(table: Path, tmp_path: Path):
    data = load_dataset(table, read=READ)
    assert data.counts()[""] == {"Mass": 3, "No Finding": 1}
    sources = generator_sources(written(tmp_path / "made", data), None)
    assert read_options(read_sources(tmp_path / "made")) == READ
    images, held_out = real_images(table, table, sources, group_regex=None, read=None)
    assert held_out is not None
    assert images.sha256() == held_out.sha256() == data.sha256()


def test_other_options_come_before_those_of_the_training(table: Path, tmp_path: Path):
    made = written(tmp_path / "made", load_dataset(table, read=READ))
    sources = generator_sources(made, None)
    two = READ.with_(labels=("Edema", "No Finding"))
    images, _ = real_images(table, None, sources, group_regex=None, read=two)
    assert images.counts()[""] == {"Edema": 2, "No Finding": 1}
    with pytest.raises(InputError) as caught:
        real_images(table, None, sources, group_regex=None, read=AS_IT_IS)
    assert caught.value.code == "csv_columns"


def test_options_survive_json():
    assert ReadOptions.from_json(READ.to_json()) == READ
    assert msgspec.json.decode(msgspec.json.encode(READ), type=ReadOptions) == READ
    with pytest.raises(InputError):
        ReadOptions.from_json({"label": "x"})
