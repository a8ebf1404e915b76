"""Retired terms stay retired: the search of tests/wording.py finds planted ones."""

from pathlib import Path

import pytest

from tests.wording import search, search_file


@pytest.mark.parametrize(
    ("line", "terms"),
    [
        ("films of one patient", ["film"]),
        ("def noise_films(folder): ...", ["film"]),
        ("one generator a class", ["X a class"]),
        ("a power of 80 % is wanted", ["80 %", "is wanted"]),
        ("held apart from the test rows", []),
        ("kept apart", ["apart"]),
        ("index = np.floor(x)", []),
        ("the floor of KID", ["floor"]),
        ("name.partition('.')", []),
        ("two partitions", ["partitions"]),
        ("each training. Then", ["a training"]),
        ("each training image", []),
        ("`--choose ratio`", ["choose"]),
        ("a filmed trialist", []),
    ],
)
def test_planted_terms_are_found(line: str, terms: list[str], tmp_path: Path):
    path = tmp_path / "page.md"
    path.write_text(f"# Page\n\n{line}\n")
    found = search_file(path, tmp_path)
    assert [(one.line, one.term) for one in found] == [(3, term) for term in terms]


def test_file_names_and_seed_labels(tmp_path: Path):
    path = tmp_path / "src" / "parcels.py"
    path.parent.mkdir()
    path.write_text('"""Text."""\n\nseed = child_seed(0, "films")\nshare = 5 % 3  # 80 %\n')
    found = search(["src"], tmp_path)
    assert [(one.path, one.line, one.term) for one in found] == [
        ("src/parcels.py", 0, "parcels"),
        ("src/parcels.py", 4, "80 %"),
    ]
