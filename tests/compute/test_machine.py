"""A machine's defaults: threads are constant, the rest follows from the hardware."""

import pytest

from fewray.compute import machine
from fewray.compute.machine import Machine


@pytest.mark.parametrize("count", [1, 2, 64])
def test_default_threads_do_not_depend_on_cores(monkeypatch: pytest.MonkeyPatch, count: int):
    monkeypatch.setattr(machine, "cores", lambda: count)
    found = Machine(device="cpu").settled()
    assert (found.threads, found.processes) == (1, count)
    assert Machine(device="cpu", threads=3, processes=2).settled().threads == 3


def test_settling_twice_changes_nothing():
    found = Machine(device="cpu").settled()
    assert found.settled() == found
