"""Paths in tables from other computers."""

import unicodedata
from pathlib import Path

import pytest

from fewray.data.sheets.paths import PathFinder

NAME = "Röntgen/Fïlm 1.png"


def made(tmp_path: Path, *names: str) -> PathFinder:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return PathFinder(tmp_path)


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("written", ["NFC", "NFD"])
def test_unicode_normal_forms(tmp_path: Path, stored, written):
    name = unicodedata.normalize(stored, NAME)
    finder = made(tmp_path, name)
    assert finder.find(unicodedata.normalize(written, NAME)) == tmp_path / name
    assert not finder.warnings(str)


@pytest.mark.parametrize(
    "cell",
    [
        "train\\a\\1.png",
        ".\\train\\a\\1.png",
        "train/a/1.png",
        "./train//a/1.png",
        "train/a\\1.png",
    ],
)
def test_separators_of_folders(tmp_path: Path, cell: str):
    finder = made(tmp_path, "train/a/1.png")
    found = finder.find(cell)
    assert found is not None
    assert found.resolve() == (tmp_path / "train/a/1.png").resolve()
    assert not finder.warnings(str)


@pytest.mark.parametrize(
    ("cell", "count"),
    [
        ("C:\\Users\\me\\data\\train\\1.png", 4),
        ("d:/data/train/1.png", 2),
        ("\\\\server\\share\\train\\1.png", 2),
        ("/home/other/train/1.png", 2),
        ("~/data/train/1.png", 2),
    ],
)
def test_absolute_paths_of_another_computer(tmp_path: Path, cell: str, count: int):
    finder = made(tmp_path, "train/1.png", "1.png")
    assert finder.find(cell) == tmp_path / "train/1.png"  # the longest end of the path
    (warning,) = finder.warnings(lambda name: "hidden")
    assert (warning.code, warning.items) == ("paths_moved", ("hidden",))
    assert f"first {count} " in warning.text


MOVED = {
    "the same folder": (["/x/1.png", "/x/2.png"], ["1.png", "2.png"], [True, True]),
    "folders kept": (["/x/a/1.png", "/x/b/1.png"], ["a/1.png", "b/1.png"], [True, True]),
    "two disks": (["D:/x/a/1.png", "E:/y/b/1.png"], ["a/1.png", "b/1.png"], [True, True]),
    "another folder": (["/x/a/1.png", "/x/b/2.png", "/x/b/3.png"], ["b/2.png", "b/3.png", "1.png"],
                       [False, True, True]),
    "a name twice": (["/x/a/1.png"], ["1.png", "b/1.png"], [False]),
    "one file for two": (["/x/a/1.png", "/x/b/1.png"], ["1.png"], [False, False]),
    "folders left out": (["/x/a/1.png", "/x/b/2.png"], ["1.png", "2.png"], [False, False]),
    "one for two, deeper": (["/x/p/a/1.png", "/x/q/a/1.png"], ["a/1.png"], [False, False]),
    "one too short": (["/x/d/a/1.png", "/x/d/b/2.png", "/x/d.png"], ["a/1.png", "b/2.png", "d.png"],
                      [True, True, False]),
    "spelled twice": (["C:/X/1.png", "c:\\x\\1.png"], ["1.png"], [True, True]),
}  # fmt: skip


@pytest.mark.parametrize("case", MOVED)
def test_another_file_of_the_same_name_is_not_taken(tmp_path: Path, case: str):
    cells, files, found = MOVED[case]
    finder = made(tmp_path, *files)
    paths = finder.find_all(dict(enumerate(cells)))
    assert [paths[i] is not None for i in range(len(cells))] == found
    refused = {cell for cell, taken in zip(cells, found, strict=True) if not taken}
    assert finder.doubtful == refused
    kept = {item for warning in finder.warnings(str) for item in warning.items}
    assert kept == {*cells} - refused


def test_another_case_is_found_and_said_if_only_one_file_fits(tmp_path: Path):
    finder = made(tmp_path, "Train/A.PNG", "b.png", "B.png")
    assert finder.find("train/a.png") == tmp_path / "Train/A.PNG"
    assert finder.find("b.png") == tmp_path / "b.png"
    assert finder.find("B.PNG") is None
    (warning,) = finder.warnings(str)
    assert (warning.code, warning.items) == ("path_case", ("train/a.png",))


@pytest.mark.parametrize(
    "cell", ["", ".", "train", "deep/train/1.png", "x\0.png", "2.png", "/", "C:\\"]
)
def test_what_is_no_file_here(tmp_path: Path, cell: str):
    assert made(tmp_path, "train/1.png").find(cell) is None


def test_an_absolute_path_that_exists_is_taken_as_it_is(tmp_path: Path):
    finder = made(tmp_path / "here", "1.png")
    made(tmp_path, "1.png")
    assert finder.find(str(tmp_path / "1.png")) == tmp_path / "1.png"
    assert not finder.warnings(str)
