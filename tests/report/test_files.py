"""Damaged files of a study give one line with a code that names the file, never a traceback."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fewray.cli import main
from fewray.errors import InputError
from fewray.report.files import RunNotes, Timing, read_run, read_timing, read_training_report
from fewray.report.render import write_report
from fewray.results.files import read_study, write_study
from fewray.storage.files import write_json
from tests.crossval_study import crossval_study
from tests.report.test_published_page import published_study

STUDIES = {"crossval": crossval_study, "published": published_study}
MISSING = object()


def damaged(protocol: str, place: str, value: Any) -> dict[str, Any]:
    """Return the JSON of a study with ``value`` at ``place``, or without that field."""
    study = json.loads(msgspec.json.encode(STUDIES[protocol]()))
    *above, last = place.split(".")
    part = study
    for name in above:
        part = part[name]
    if value is MISSING:
        del part[last]
    else:
        part[last] = value
    return study


@pytest.mark.parametrize("protocol", STUDIES)
def test_whole_studies_are_read_as_they_were_written(protocol: str, tmp_path: Path):
    write_study(tmp_path, STUDIES[protocol]())
    assert read_study(tmp_path) == STUDIES[protocol]()
    assert read_timing(tmp_path) == Timing()
    assert read_run(tmp_path) is None


@pytest.mark.parametrize(
    ("protocol", "place", "value"),
    [
        ("crossval", "arms", MISSING),
        ("crossval", "data", MISSING),
        ("crossval", "data", []),
        ("crossval", "comparisons.pca.verdict", MISSING),
        ("crossval", "arms.no_augmentation.accuracy", MISSING),
        ("crossval", "arms.no_augmentation.accuracy.ci", "0.7 to 0.8"),
        ("crossval", "comparisons.pca.ci", [0.1]),
        ("crossval", "comparisons.pca.p", "small"),
        ("crossval", "data.patients_known", "most"),
        ("crossval", "folds", [{}]),
        ("crossval", "sensitivity.ratio 2.accuracy", None),
        ("crossval", "external.accuracy.no_augmentation", {}),
        ("crossval", "protocol", []),
        ("published", "arms.no_augmentation.accuracy.ci", "x"),
        ("published", "generators.normal.final.loss_d", MISSING),
    ],
)
def test_a_damaged_study_has_a_code(protocol: str, place: str, value: Any, tmp_path: Path):
    write_json(tmp_path / "study.json", damaged(protocol, place, value))
    with pytest.raises(InputError) as found:
        read_study(tmp_path)
    assert found.value.code == "study_damaged"
    assert found.value.fields["path"] == str(tmp_path / "study.json")


@pytest.mark.parametrize("words", [(), ("--markdown",), ("--json",)])
def test_the_command_prints_one_line(
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    write_json(tmp_path / "study.json", damaged("crossval", "comparisons.pca.p", "small"))
    monkeypatch.setattr("sys.argv", ["fewray", "report", str(tmp_path), *words])
    with pytest.raises(SystemExit) as left:
        main()
    printed = capsys.readouterr()
    assert (left.value.code, printed.out) == (2, "")
    assert str(tmp_path / "study.json") in printed.err
    assert len(printed.err.splitlines()) == 1


@pytest.mark.parametrize("text", ["[]", "null", "3", '"x"', "{}", '{"schema": 3}', "{"])
def test_other_json_is_refused(text: str, tmp_path: Path):
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(InputError) as found:
        read_study(tmp_path)
    assert found.value.code in ("study_damaged", "study_schema")


@pytest.mark.parametrize("text", ["[1]", '{"seconds": "x"}', '{"generators": 5}', "{", "null"])
def test_a_damaged_timing_file_is_named(text: str, tmp_path: Path):
    (tmp_path / "timing.json").write_text(text)
    with pytest.raises(InputError) as found:
        read_timing(tmp_path)
    assert found.value.code == "file_damaged"
    assert found.value.fields["path"] == str(tmp_path / "timing.json")


def test_the_run_file_is_read_and_a_damaged_one_is_named(tmp_path: Path):
    run = {"commands": ["fewray study"], "hardware": "2 cores", "date": "2026"}
    write_json(tmp_path / "run.json", run)
    assert read_run(tmp_path) == RunNotes(
        commands=("fewray study",), hardware="2 cores", date="2026"
    )
    write_json(tmp_path / "run.json", run | {"commands": "fewray study"})
    with pytest.raises(InputError) as found:
        read_run(tmp_path)
    assert found.value.code == "file_damaged"


def test_a_damaged_training_report_is_named(tmp_path: Path):
    assert read_training_report(tmp_path) is None
    (tmp_path / "training.json").write_text('{"a"')
    with pytest.raises(InputError) as found:
        read_training_report(tmp_path)
    assert found.value.code == "file_damaged"


def test_a_study_without_its_reference_says_so(tmp_path: Path):
    write_json(tmp_path / "study.json", damaged("crossval", "arms", {}))
    with pytest.raises(InputError) as caught:
        write_report(tmp_path)
    assert caught.value.code == "study_damaged"


@pytest.mark.parametrize(
    ("name", "what"), [("study.json", "found a file"), ("x", "no such folder")]
)
def test_what_is_no_folder_is_named(tmp_path: Path, name: str, what: str):
    write_json(tmp_path / "study.json", {})
    with pytest.raises(InputError, match=what):
        write_report(tmp_path / name)
