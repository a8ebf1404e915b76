"""Files below a folder: links, loops, system files, folders without permission."""

import os
from pathlib import Path

import pytest

from fewray.data.layout.tree import Tree
from fewray.data.loading import load_dataset
from tests.helpers import refused, save_noise


def names(tree: Tree) -> list[str]:
    return sorted(path.relative_to(tree.root).as_posix() for path in tree.below(tree.root))


def test_linked_folders_and_files_are_followed(tmp_path: Path):
    save_noise(tmp_path / "archive/p1/a.png"), save_noise(tmp_path / "archive/b.png", 1)
    (tmp_path / "set/normal").mkdir(parents=True)
    (tmp_path / "set/normal/p1").symlink_to(tmp_path / "archive/p1")
    (tmp_path / "set/normal/b.png").symlink_to(tmp_path / "archive/b.png")
    (tmp_path / "set/other").symlink_to("normal/../../archive", target_is_directory=True)
    tree = Tree.of(tmp_path / "set")
    assert names(tree) == ["normal/b.png", "normal/p1/a.png", "other/b.png", "other/p1/a.png"]
    assert not tree.circular


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("set/a/self", "set/a/self/.."),
        ("set/a/up", "set"),
        ("set/up", "."),
        ("set/a/again", "set/b"),
        ("set/a/p/deep", "set/a"),
        ("set/a/root", "/"),
    ],
)
def test_links_that_lead_back_are_named_and_not_followed(tmp_path: Path, link: str, target: str):
    for index, name in enumerate(("a/1.png", "b/2.png", "a/p/3.png")):
        save_noise(tmp_path / "set" / name, index)
    place = "set/a" if target.endswith("..") else target
    (tmp_path / link).symlink_to(tmp_path / place)
    data = load_dataset(tmp_path / "set")
    assert len(data) == 3
    (warning,) = [found for found in data.warnings if found.code == "links_skipped"]
    assert warning.items == (Path(link).relative_to("set").as_posix(),)


def test_links_between_two_folders_end(tmp_path: Path):
    save_noise(tmp_path / "x/1.png"), save_noise(tmp_path / "y/2.png", 1)
    (tmp_path / "x/y").symlink_to(tmp_path / "y")
    (tmp_path / "y/x").symlink_to(tmp_path / "x")
    (tmp_path / "set").mkdir()
    (tmp_path / "set/x").symlink_to(tmp_path / "x")
    tree = Tree.of(tmp_path / "set")
    assert names(tree) == ["x/1.png", "x/y/2.png"]
    assert [path.name for path in tree.circular] == ["x"]


def test_a_link_into_a_hidden_store_below_the_data_is_followed(tmp_path: Path):
    save_noise(tmp_path / ".store/7f/1.png")
    (tmp_path / "a").symlink_to(tmp_path / ".store/7f")
    assert names(Tree.of(tmp_path)) == ["a/1.png"]


def test_files_of_operating_systems_are_passed_over(tmp_path: Path):
    save_noise(tmp_path / "a/1.png")
    for name in (
        "a/Thumbs.db",
        "a/.DS_Store",
        "a/desktop.ini",
        "a/~$list.xlsx",
        "a/@eaDir/1.png/SYNOFILE_THUMB_M.jpg",
        "__MACOSX/a/1.png",
        "a/__MACOSX/1.png",
        "$RECYCLE.BIN/1.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert names(Tree.of(tmp_path)) == ["a/1.png"]
    assert [warning.code for warning in load_dataset(tmp_path).warnings] == ["patients_unknown"]


def test_broken_links_pipes_and_link_loops_are_named(tmp_path: Path):
    save_noise(tmp_path / "a/1.png")
    (tmp_path / "a/gone").symlink_to("nowhere")
    os.mkfifo(tmp_path / "a/pipe")  # opening it would wait for ever
    (tmp_path / "a/loop").symlink_to("loop")
    (warning,) = [w for w in load_dataset(tmp_path).warnings if w.code == "unusable_files"]
    assert warning.items == ("a/gone", "a/loop", "a/pipe")
    (tmp_path / "a/2.png").symlink_to("2.png")
    with refused("invalid_data") as caught:
        load_dataset(tmp_path)
    assert caught.value.fields["faults"] == ["unreadable_file"]


def test_a_folder_without_permission_is_an_error_and_an_audit_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for index, name in enumerate(("a/1.png", "a/p2/2.png", "b/3.png")):
        save_noise(tmp_path / name, index)
    whole = os.scandir

    def scandir(path: Path):
        if Path(path).name == "p2":  # root may read everything, so that modes would not do
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with refused("invalid_data", "a/p2: this folder cannot be read") as caught:
        load_dataset(tmp_path)
    assert caught.value.fields["faults"] == ["unreadable_folder"]
    assert len(load_dataset(tmp_path, strict=False)) == 2
    (tmp_path / "a/1.png").unlink()
    with refused("empty_class", r"cannot be read \(p2\)"):
        load_dataset(tmp_path)
    (tmp_path / "a").rename(tmp_path / "p2")
    with refused("unreadable_folder"):
        load_dataset(tmp_path / "p2")


def test_a_class_of_circular_links_alone_says_so(tmp_path: Path):
    save_noise(tmp_path / "a/1.png"), (tmp_path / "b").mkdir()
    (tmp_path / "b/all").symlink_to(tmp_path / "a")
    with refused("empty_class", r"b: .*1 linked folder leading back \(all\)"):
        load_dataset(tmp_path)
