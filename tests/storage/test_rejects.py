"""The reject list: marks are kept, removed and matched to the generator that made the image."""

from pathlib import Path

import pytest

from fewray.storage.rejects import LONGEST, REJECTS, Reject, mark, read_rejects, rejected_seeds
from tests.helpers import refused


def image(seed: int, label: str = "a", checkpoint: str = "x", reason: str = "") -> Reject:
    return Reject(label=label, seed=seed, checkpoint_sha256=checkpoint, reason=reason)


def test_marks_are_sorted_changed_and_removed(tmp_path: Path):
    assert read_rejects(tmp_path) == ()
    for each in (image(7), image(3, "b"), image(3), image(7, reason="y" * 999)):
        mark(tmp_path, each)
    found = read_rejects(tmp_path)
    assert [(each.label, each.seed) for each in found] == [("a", 3), ("a", 7), ("b", 3)]
    assert found[1].reason == "y" * LONGEST
    mark(tmp_path, image(7), marked=False)
    mark(tmp_path, image(8), marked=False)  # was never marked
    assert [each.seed for each in read_rejects(tmp_path)] == [3, 3]


def test_only_marks_of_the_same_generator_count(tmp_path: Path):
    one, other = tmp_path / "run", tmp_path / "out"
    mark(one, image(1))
    mark(other, image(2))
    mark(other, image(3, checkpoint="older"))
    mark(other, image(4, label="b"))
    folders = (one, other, tmp_path / "none")
    assert rejected_seeds(folders, {"a": "x", "b": "y"}) == {"a": {1, 2}, "b": set()}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"images": [{"seed": 1}]}', b"\xff"])
def test_a_damaged_list_is_an_error_and_stays(tmp_path: Path, content: bytes):
    (tmp_path / REJECTS).write_bytes(content)
    with refused("rejects_damaged"):
        read_rejects(tmp_path)
    with refused("rejects_damaged"):
        mark(tmp_path, image(1))
    assert (tmp_path / REJECTS).read_bytes() == content
