"""Shared fixtures."""

import os
from pathlib import Path

import pytest

from tests.fake_cuda import fake_cuda  # noqa: F401 (a fixture)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep drawn phantoms and decoded films of the tests out of the user's cache."""
    os.environ["FEWRAY_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def covid4() -> Path:
    """Return the folder of the real data set; skip with the reason where it is not present."""
    named = os.environ.get("FEWRAY_COVID4", "")
    if named and (Path(named) / "train").is_dir():
        return Path(named)
    from fewray.data.covid4 import data_folder

    kept = data_folder("covid4")
    if (kept / "train").is_dir():
        return kept
    pytest.skip("covid4 is not here: set FEWRAY_COVID4 or run `fewray data fetch covid4`")
