"""Files of a study that were damaged by hand: one line that names the file and the place, never a traceback."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from fewray.cli import main
from fewray.errors import InputError
from fewray.report.reading import read_run, read_study, read_timing
from fewray.report.shape import ANY, ENDS, NUMBER, PAIR, TEXT, Each, Maybe, fault
from fewray.storage.files import write_json
from tests.crossval_study import trial_study
from tests.report import test_report

MADE = {"crossval": trial_study, "published": test_report.study}
GONE = object()


def damaged(study: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """Return the study with ``value`` at ``place``, or without it."""
    study = copy.deepcopy(study)
    *above, last = place.split(".")
    part = study
    for name in above:
        part = part[name]
    if value is GONE:
        del part[last]
    else:
        part[last] = value
    return study


@pytest.mark.parametrize("protocol", MADE)
def test_whole_studies_are_read_as_they_are(protocol: str, tmp_path: Path):
    write_json(tmp_path / "study.json", MADE[protocol]())
    assert read_study(tmp_path) == json.loads((tmp_path / "study.json").read_text())
    assert read_timing(tmp_path) == read_run(tmp_path) == {}


@pytest.mark.parametrize(
    ("protocol", "place", "value", "said"),
    [
        ("crossval", "arms", GONE, "no arms"),
        ("crossval", "data", GONE, "no data"),
        ("crossval", "data", [], "data: []; an object is wanted"),
        ("crossval", "comparisons.pca.verdict", GONE, "comparisons.pca: no verdict"),
        ("crossval", "arms.no_augmentation.accuracy", GONE, "arms.no_augmentation: no accuracy"),
        (
            "crossval",
            "arms.no_augmentation.accuracy.ci",
            "0.7 to 0.8",
            "arms.no_augmentation.accuracy.ci: '0.7 to 0.8'; two numbers or nulls",
        ),
        (
            "crossval",
            "comparisons.pca.ci",
            [0.1],
            "comparisons.pca.ci: [0.1]; two numbers or nulls",
        ),
        ("crossval", "comparisons.pca.p", "small", "comparisons.pca.p: 'small'; a number"),
        (
            "crossval",
            "data.patients_known",
            "most",
            "data.patients_known: 'most'; all or none or some",
        ),
        ("crossval", "folds", [{}], "folds[0]: no repeat, fold, train"),
        ("crossval", "sensitivity.ratio 2.arms", None, "sensitivity.ratio 2.arms: null; an object"),
        (
            "crossval",
            "sensitivity.ratio 2.arms.classic",
            {},
            "sensitivity.ratio 2.arms.classic: no accuracy",
        ),
        (
            "crossval",
            "external.arms.no_augmentation",
            {},
            "external.arms.no_augmentation: no accuracy",
        ),
        ("crossval", "schema", 2, "schema 2 of protocol crossval"),
        ("crossval", "protocol", [], "schema 3 of protocol []"),
        (
            "published",
            "arms.no_augmentation.accuracy.wilson",
            "x",
            "arms.no_augmentation.accuracy.wilson: 'x'; two numbers",
        ),
        (
            "published",
            "arms.no_augmentation.table4.correct.normal",
            GONE,
            "arms.no_augmentation.table4.correct: no normal",
        ),
        ("published", "generators.normal.final.loss_d", GONE, "generators.normal.final: no loss_d"),
    ],
)
@pytest.mark.parametrize("words", [(), ("--markdown",), ("--json",)])
def test_a_damaged_study_is_one_line(
    protocol: str,
    place: str,
    value: Any,
    said: str,
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    write_json(tmp_path / "study.json", damaged(MADE[protocol](), place, value))
    refused(tmp_path, words, f"{tmp_path}/study.json: {said}", monkeypatch, capsys)


def refused(
    folder: Path,
    words: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Expect that the report is refused with one line that has ``said`` in it."""
    monkeypatch.setattr("sys.argv", ["fewray", "report", str(folder), *words])
    with pytest.raises(SystemExit) as left:
        main()
    found = capsys.readouterr()
    assert (left.value.code, found.out) == (2, "")
    assert said in found.err
    assert len(found.err.splitlines()) == 1


@pytest.mark.parametrize("text", ["[]", "null", "3", '"x"', "{}", '{"schema": 3}', "{"])
@pytest.mark.parametrize("words", [(), ("--markdown",)])
def test_what_is_no_study_is_one_line(
    text: str,
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    (tmp_path / "study.json").write_text(text)
    refused(tmp_path, words, f"{tmp_path}/study.json: ", monkeypatch, capsys)


@pytest.mark.parametrize(
    "text", ["[1]", '{"seconds": "x"}', '{"generators": 5}', "{", "null", '{"host": 1}']
)
@pytest.mark.parametrize("words", [(), ("--markdown",)])
def test_damaged_times_are_one_line_with_the_remedy(
    text: str,
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    write_json(tmp_path / "study.json", trial_study())
    (tmp_path / "timing.json").write_text(text)
    refused(tmp_path, words, "remove the file for a report without times", monkeypatch, capsys)


def test_a_damaged_run_file_is_named(tmp_path: Path):
    write_json(tmp_path / "run.json", {"commands": "fewray study", "hardware": "", "date": ""})
    with pytest.raises(InputError, match=r"run\.json: commands: 'fewray study'; a list is wanted"):
        read_run(tmp_path)


def test_shapes():
    shape = {"a": TEXT, "b": Maybe([NUMBER]), "c": Maybe(Each(PAIR), there=True), "d": Maybe(ANY)}
    assert fault({"a": "", "c": None, "more": 1}, shape) is None
    assert fault({"a": "x", "b": [1, 2.5], "c": {"k": [0, 1]}, "d": []}, shape) is None
    assert fault({"a": "x"}, shape) == "no c"
    assert fault({"a": "x", "b": [1, True], "c": None}, shape) == "b[1]: True; a number is wanted"
    assert fault({"a": 1, "c": None}, shape) == "a: 1; text is wanted"
    assert (
        fault({"a": "x", "c": {"k": [0, None]}}, shape) == "c.k: [0, None]; two numbers is wanted"
    )
    assert fault([0, None], ENDS) is None
    assert fault("\n", NUMBER) == "'\\n'; a number is wanted"
    assert fault(list(range(40)), TEXT) == "a list; text is wanted"
