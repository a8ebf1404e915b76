"""Errors carry a code and fields, also through a process boundary."""

import pickle
from pathlib import Path

import pytest

from fewray.errors import InputError, RunFailed


@pytest.mark.parametrize("kind", [InputError, RunFailed])
def test_errors_survive_pickling_with_paths_as_text(kind: type[InputError | RunFailed]):
    error = pickle.loads(pickle.dumps(kind("gone", "x: gone", path=Path("a/b"), found=3)))
    assert (type(error), error.code, str(error)) == (kind, "gone", "x: gone")
    assert error.fields == {"path": "a/b", "found": 3}
