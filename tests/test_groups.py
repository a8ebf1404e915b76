"""The tests of a file share a process, so that its fixtures are made once."""

from __future__ import annotations

import os

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="needs `pytest -n`")
def test_a_file_stays_in_one_process(request: pytest.FixtureRequest):
    assert request.node.nodeid.endswith("@test_groups.py")
