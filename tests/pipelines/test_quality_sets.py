"""Sets of synthetic images side by side: equal numbers, equal baselines, refusals, requirements."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

import fewray
from fewray.data.loading import load_dataset
from fewray.imaging.arrays import save_png
from fewray.pipelines.quality_sets import equal_numbers, named_sets
from fewray.report.render import write_report
from fewray.results.quality import METRICS, QualityReport
from fewray.results.quality_sets import QualityComparison, read_quality_sets
from tests.helpers import not_recognised, refused, run_cli, smooth_images
from tests.report.html_page import HtmlPage, assert_stands_alone

OPTIONS = {"extractor": "pixels", "image_size": 32, "device": "cpu"}
REQUIRE = "kid<0.5,copies<=0.01"


def write(folder: Path, label: str, images: np.ndarray) -> None:
    for index, image in enumerate(images):
        save_png(image, folder / label / f"{folder.name}{label}{index}.png")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real images, and sets of copies, of noise and of other images; ``noise`` has more."""
    base = tmp_path_factory.mktemp("sets")
    for seed, label in enumerate("ab"):
        images = smooth_images(8, 32, seed)
        noise = np.random.default_rng(seed).integers(192, 256, (6, 32, 32), np.uint8)
        write(base / "real", label, images)
        write(base / "copies", label, images[:4])
        write(base / "noise", label, noise)
        write(base / "fresh", label, smooth_images(4, 32, seed + 10))
    return base


@pytest.fixture(scope="module")
def out(folders: Path) -> Path:
    return folders / "out"


@pytest.fixture(scope="module")
def found(folders: Path, out: Path) -> QualityComparison:
    sets = {name: folders / name for name in ("copies", "noise", "fresh")}
    real = folders / "real"
    compared = fewray.compare_quality(real, sets, out=out, require=REQUIRE, **OPTIONS)
    write_report(out)
    return compared


def test_closed_forms(found: QualityComparison):
    copies, noise, fresh = found.sets.values()
    for label in "ab":
        assert len(copies.classes[label].copies) == copies.classes[label].num_fake == 4
        assert copies.classes[label].auth_pct == 0
        assert not noise.classes[label].copies
        assert noise.classes[label].kid > fresh.classes[label].kid
    met = {name: [each.passed for each in of.requirements] for name, of in found.sets.items()}
    assert met["copies"] == [True, False]
    assert met["noise"] == [False, True]
    assert met["fresh"][0]
    assert noise.requirements[0].failed == ("a", "b")


def test_a_set_scores_the_same_alone_and_beside_others(found: QualityComparison, folders: Path):
    alone = fewray.measure_quality(folders / "real", folders / "copies", require=REQUIRE, **OPTIONS)
    beside = found.sets["copies"]
    assert msgspec.structs.replace(beside, notes=alone.notes) == alone


def test_all_sets_have_equal_numbers_and_baselines(found: QualityComparison):
    for label in "ab":
        sets = [report.classes[label] for report in found.sets.values()]
        assert {each.num_fake for each in sets} == {4}
        for key in sets[0].baselines:
            scales = [each.baselines[key] for each in sets]
            scales = [(b.m, b.real_vs_real, b.real_vs_real_sd, b.noise) for b in scales]
            assert scales == scales[:1] * 3, key
    assert any("noise: a 6, b 6" in note for note in found.first.notes)
    thresholds = [report.copy_threshold for report in found.sets.values()]
    assert thresholds == thresholds[:1] * 3


def test_images_of_a_larger_set_are_drawn_by_the_seed(folders: Path):
    sets = {name: load_dataset(folders / name) for name in ("noise", "fresh")}
    drawn = [equal_numbers(sets, ["a", "b"], seed)[0] for seed in (0, 0, 1)]
    names = [[row.path.name for row in each["noise"].rows] for each in drawn]
    assert names[0] == names[1] != names[2]
    assert len(set(names[0])) == len(drawn[0]["fresh"]) == 8
    assert drawn[0]["fresh"].rows == sets["fresh"].rows


def test_files_are_read_back_equal(found: QualityComparison, out: Path):
    assert read_quality_sets(out / "quality.json") == found
    for name, report in found.sets.items():
        assert read_quality_sets(out / name / "quality.json") == report
        assert (out / name / "closest-pairs-a.png").is_file()
    assert not_recognised(out) == []
    old = json.loads((out / "copies" / "quality.json").read_text())
    del old["requirements"]  # as before there were any
    (out.parent / "old.json").write_text(json.dumps(old))
    assert isinstance(read_quality_sets(out.parent / "old.json"), QualityReport)
    (out.parent / "bad.json").write_text('{"sets": {"a": 1}}')
    with refused("quality_report_invalid"):
        read_quality_sets(out.parent / "bad.json")


def test_the_page_has_every_number(found: QualityComparison, out: Path):
    html = (out / "report.html").read_text()
    page = HtmlPage(html)
    assert_stands_alone(page)
    cells = {cell for table in page.tables for row in table for cell in row}
    for name, report in found.sets.items():
        assert name in cells
        for label, own in report.rows.items():
            for key, (_, digits) in METRICS.items():
                value = getattr(own, key)
                assert value is None or f"{value:.{digits}f}" in cells, (name, label, key)
        for each in report.requirements:
            assert f"{'pass' if each.passed else 'fail'}: {name} {each.text}" in page.text
            assert each.reason in cells
    assert html.count("every score of each set between real images and noise") == 2


def test_names_are_the_parts_of_paths_that_differ(tmp_path: Path):
    a, b = str(tmp_path / "a" / "made"), str(tmp_path / "b" / "made")
    assert named_sets([a, b]) == {"a/made": a, "b/made": b}
    assert named_sets([a, f"other={b}"]) == {"made": a, "other": b}
    assert list(named_sets([a, str(tmp_path / "a" / "x" / ".." / "y")])) == ["made", "y"]
    for first, again in ((a, a), (a, f"{a}/../made"), (f"x={a}", f"x={b}")):
        with refused("set_repeated"):
            named_sets([first, again])


def test_sets_that_cannot_be_compared_are_refused(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        "fewray.pipelines.quality_report.measure_sets", lambda *_, **__: pytest.fail("measured")
    )
    real, fresh = folders / "real", folders / "fresh"
    write(tmp_path / "one", "a", smooth_images(3, 32))
    (tmp_path / "empty").mkdir()
    for code, words, sets in (
        ("set_is_real", "real-vs-real", {"fresh": fresh, "real": real}),
        ("set_repeated", "again: has files of fresh", {"fresh": fresh, "again": fresh}),
        ("classes_differ", "one a", {"fresh": fresh, "one": tmp_path / "one"}),
        ("set_name", "folder", {"fresh": fresh, "../x": folders / "noise"}),
        ("too_few_sets", "at least 2", {"fresh": fresh}),
    ):
        with refused(code, words):
            fewray.compare_quality(real, sets, **OPTIONS)
    with pytest.raises(ValueError, match="empty"):
        fewray.compare_quality(real, {"a": fresh, "b": tmp_path / "empty"}, **OPTIONS)
    with refused("out_among_images"):
        sets = {"fresh": fresh, "noise": folders / "noise"}
        fewray.compare_quality(real, sets, out=folders, **OPTIONS)


def test_the_command_ends_with_its_own_status(
    folders: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    words = ("quality", folders / "copies", folders / "noise", "--real", folders / "real",
             "--extractor", "pixels", "--image-size", 32, "--device", "cpu")  # fmt: skip
    assert run_cli(monkeypatch, *words, "--require", REQUIRE, "--out", tmp_path / "out") == 3
    said = capsys.readouterr().out
    for line in (
        "pass  copies kid<0.5",
        "FAIL  copies copies<=0.01: a 1; b 1",
        "FAIL  noise kid<0.5",
    ):
        assert line in said
    assert max(len(line) for line in said.splitlines() if "──" in line) <= 100
    assert (tmp_path / "out" / "report.html").is_file()
    assert run_cli(monkeypatch, *words, "--run", tmp_path) == 2
    assert run_cli(monkeypatch, *words, "--require", "kdi<1") == 2
    assert "Did you mean kid?" in capsys.readouterr().err
    assert run_cli(monkeypatch, "quality", "--real", folders / "real") == 2
    assert run_cli(monkeypatch, "quality", "--require", "help") == 0
    assert "held_out.kid_ci" in capsys.readouterr().out
