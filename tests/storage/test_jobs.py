"""Stored results: a damaged result counts as missing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fewray.errors import InputError
from fewray.storage.jobs import JobStore
from fewray.study.crossval.classifiers import KIND, Prediction, stored_prediction

WHOLE: dict[str, Any] = {
    "train_images": 1,
    "probabilities": [[0.25, 0.75], [1.0, 0.0]],
    "external": [[0.5, 0.5]],
}


def kept(store: JobStore, external: int = 1):
    return stored_prediction(store, "k", rows=2, external=external, classes=2)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"a"', '{"probabilities": [[1]]}'])
def test_an_incomplete_result_is_missing(tmp_path: Path, text: str):
    store = JobStore(tmp_path)
    store.result_path(KIND, "k").write_text(text)
    assert kept(store) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"probabilities": [[0.25, 0.75]]},
        {"probabilities": None},
        {"probabilities": [[0.25, 0.75], [float("nan"), 0.0]]},
        {"probabilities": [[0.25, 0.75], [None, 0.0]]},
        {"probabilities": [[0.25, 0.75], [1.0]]},
        {"probabilities": [[0.25, 0.75], [1.5, -0.5]]},
        {"probabilities": [["0.25", "0.75"], ["1", "0"]]},
        {"external": None},
        {"external": [[0.5, 0.25]]},
        {"train_images": "many"},
        {"train_images": None},
    ],
)
def test_a_result_with_invalid_fields_is_missing(tmp_path: Path, changes: dict):
    store = JobStore(tmp_path)
    store.result_path(KIND, "k").write_text(json.dumps(WHOLE | changes))
    assert kept(store) is None


def test_a_complete_result_is_found(tmp_path: Path):
    store = JobStore(tmp_path)
    store.save(KIND, "k", WHOLE)
    assert kept(store) == Prediction(**WHOLE)
    assert kept(store, external=0) is None
    store.save(KIND, "k", WHOLE | {"external": None})
    assert kept(store, external=0) is not None


def test_an_array_with_a_changed_byte_is_missing(tmp_path: Path):
    store, array = JobStore(tmp_path), np.arange(1000, dtype=np.uint8)
    path = store.save_array("rows", "k", array)
    found = store.load_array("rows", "k")
    assert found is not None
    assert (found == array).all()
    changed = bytearray(path.read_bytes())
    changed[-10] ^= 255
    path.write_bytes(changed)
    assert store.load_array("rows", "k") is None
    store.save_array("rows", "k", array)
    assert store.load_array("rows", "k") is not None


def test_an_array_without_a_checksum_is_missing(tmp_path: Path):
    store = JobStore(tmp_path)
    path = store.save_array("rows", "k", np.arange(3))
    Path(f"{path}.sha256").unlink()
    assert store.load_array("rows", "k") is None
    assert store.load_array("rows", "k", check=False) is not None
    assert store.load_array("rows", "other") is None


def test_an_array_stored_under_another_key_is_missing(tmp_path: Path):
    store = JobStore(tmp_path)
    path = store.save_array("pca", "one", np.arange(3))
    for ending in ("", ".sha256"):
        Path(f"{path}{ending}").rename(f"{store.array_path('pca', 'two')}{ending}")
    assert store.load_array("pca", "two") is None


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path):
    store = JobStore(tmp_path / "jobs")
    store.check_folder()
    store.folder.write_text("x")
    with pytest.raises(InputError) as caught:
        store.check_folder()
    assert caught.value.code == "not_a_folder"
