"""The key file of patient IDs on a full disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fewray.data.dicom.patient_key import patient_key
from tests.helpers import refused


def test_a_full_disk_leaves_no_unfinished_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(size: int) -> bytes:
        if size == 32:
            raise OSError(28, "No space left on device")
        return bytes(size)

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(os, "urandom", full)
    with refused("patient_key"):
        patient_key(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
