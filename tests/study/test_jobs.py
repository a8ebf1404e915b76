"""Kept results: what is damaged counts as not there."""

from pathlib import Path

import numpy as np
import pytest

from fewray.study.jobs import JobStore
from fewray.study.trial.fitting import _result


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"a"', '{"probabilities": [[1]]}'])
def test_a_result_that_is_not_whole_is_not_there(tmp_path: Path, text: str):
    store = JobStore(tmp_path)
    store.result_path("trial-classifier", "k").write_text(text)
    assert _result(store, "k") is None


def test_a_whole_result_is_there(tmp_path: Path):
    store, result = JobStore(tmp_path), {"train_images": 1, "probabilities": [[1.0]], "external": None}
    store.save("trial-classifier", "k", result)
    assert _result(store, "k") == result


def test_an_array_of_which_a_byte_changed_is_not_there(tmp_path: Path):
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


def test_an_array_without_a_checksum_is_taken(tmp_path: Path):
    np.save(tmp_path / "rows-k.npy", np.arange(3))
    assert JobStore(tmp_path).load_array("rows", "k") is not None
    assert JobStore(tmp_path).load_array("rows", "other") is None
