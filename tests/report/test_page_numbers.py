"""Every number in the page equals study.json: cells name their place, prose is searched for others."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from fewray.report.render import write_report
from fewray.report.traced import pointer, resolve
from fewray.results.files import write_study
from fewray.results.names import VERDICT_NAMES
from tests.crossval_study import CLASSES, crossval_study

NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
FREE = ("checklist", "references")
"""Sections whose tables have numbers of other origin: items of guidelines, years."""
CONSTANTS = {
    "95",
    "80",
    "0",
    "1",
    "2",
    "3",
    "5",
    "0.05",
    "0.5",
    "0.001",
    "2011",
    "2024",
    "256",
    "19",
    "16",
    "6",
    "7.3",
}
"""Of the method and of guidelines: levels, years, SHA-256, COVID-19, the published calibration."""


class Cells(HTMLParser):
    """Cells of tables with their attributes, and texts outside tables, by section."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.section = ""
        self.cells: list[tuple[str, dict[str, str | None], str]] = []
        self.texts: list[tuple[str, str]] = []
        self.stack: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "section":
            self.section = found.get("id") or ""
        if tag in ("td", "th"):
            self.cells.append((self.section, found | {"tag": tag}, ""))
        if tag in (
            "td",
            "th",
            "p",
            "li",
            "caption",
            "figcaption",
            "pre",
            "style",
            "script",
            "text",
            "a",
        ):
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.stack and self.stack[-1] == tag:
            self.stack.pop()

    def handle_data(self, data: str) -> None:
        inside = self.stack[-1] if self.stack else ""
        if inside in ("td", "th"):
            section, attributes, text = self.cells[-1]
            self.cells[-1] = section, attributes, text + data
        elif inside in ("p", "li", "caption", "figcaption"):
            self.texts.append((self.section, data))


def flat(value: Any) -> list[float]:
    """Return the numbers of a value of study.json in the order in which a cell shows them."""
    if isinstance(value, dict) and {"value", "ci"} <= value.keys():
        return flat([value["value"], value["ci"]])
    if isinstance(value, dict):
        return flat(list(value.values()))
    if isinstance(value, list):
        return [number for part in value for number in flat(part)]
    return [] if value is None else [value]


def agrees(text: str, value: Any, scale: float) -> bool:
    """Return whether a cell shows ``value``: each number of it, rounded to the digits shown."""
    if isinstance(value, str):
        return text in (value, VERDICT_NAMES.get(value))
    if value is None:
        return text == "undefined"
    if text.startswith("< "):
        return isinstance(value, float) and 0 <= value < float(text[2:])
    shown, expected = NUMBER.findall(text), flat(value)
    return len(shown) == len(expected) and all(
        abs(float(number) - scale * each) <= 0.5 * 10.0 ** -len(number.partition(".")[2]) + 1e-9
        for number, each in zip(shown, expected, strict=True)
    )


@pytest.fixture(scope="module", params=[1, 2], ids=["one repeat", "two repeats"])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """Return the cells and texts of a page, and its study.json."""
    folder: Path = tmp_path_factory.mktemp("numbers")
    write_study(folder, crossval_study(7, repeats=request.param))
    page = write_report(folder).read_text(encoding="utf-8")
    return Cells(page), json.loads((folder / "study.json").read_text())


def test_every_cell_equals_its_place_in_study_json(found: tuple[Cells, Any]):
    page, study = found
    traced = [(attributes, text) for _, attributes, text in page.cells if "data-path" in attributes]
    assert len(traced) > 400
    for attributes, text in traced:
        value = resolve(study, str(attributes["data-path"]))
        scale = float(attributes.get("data-scale") or 1)
        assert agrees(text, value, scale), (attributes["data-path"], text, value)


def test_every_number_in_a_table_names_its_place(found: tuple[Cells, Any]):
    untraced = [
        (section, text)
        for section, attributes, text in found[0].cells
        if attributes["tag"] == "td" and "data-path" not in attributes and NUMBER.search(text)
        if section not in FREE
    ]
    assert untraced == []


def test_every_result_of_the_study_is_in_the_page(found: tuple[Cells, Any]):
    page, study = found
    paths = {attributes.get("data-path") for _, attributes, _ in page.cells}
    for arm in study["arms"]:
        for key in ("accuracy", "balanced_accuracy", "auroc", "brier", "calibration_error"):
            assert pointer("arms", arm, key) in paths
        for label in CLASSES:
            assert pointer("arms", arm, "per_class", label, "sensitivity") in paths
    for arm in study["comparisons"]:
        for key in ("difference", "ci", "p", "p_holm", "minimal_detectable_holm", "discordance"):
            assert pointer("comparisons", arm, key) in paths
        assert pointer("external", "comparisons", arm, "ci") in paths
    for name, block in (*study["sensitivity"].items(), *study["subsets"].items()):
        kind = "subsets" if name in study["subsets"] else "sensitivity"
        for arm in block["comparisons"]:
            assert pointer(kind, name, "comparisons", arm, "difference") in paths


def numbers_of(value: Any) -> set[str]:
    """Return every way in which a page may write the numbers of study.json, without signs."""
    if isinstance(value, dict):
        parts = [*value.values(), *map(str, value), len(value)]
        return set().union(*map(numbers_of, parts)) if parts else set()
    if isinstance(value, list):
        return set().union({str(len(value))}, *map(numbers_of, value))
    if isinstance(value, str):
        return {number.lstrip("+-") for number in NUMBER.findall(value)}
    if isinstance(value, bool) or value is None:
        return set()
    shown = {f"{abs(v):.{d}f}" for v in (value, 100 * value) for d in range(5)}
    return shown | {f"{abs(value):g}", f"{100 * abs(value):g}"}


def test_every_number_in_prose_is_of_the_study(found: tuple[Cells, Any]):
    page, study = found
    copies = study["rejected_copies"].values()
    sums = {sum(each.values()) for each in copies}  # "memorised: 3 of 243"
    sums |= {sum(each[key] for each in copies) for key in ("kept", "rejected")}
    sums.add(sum(sum(each.values()) for each in copies))
    folds = {fold["fold"] for fold in study["folds"]}
    counts = {len(folds), len(study["arms"])}
    known = numbers_of(study) | CONSTANTS | set(map(str, sums | counts))
    wrong = [
        (number, text)
        for section, text in page.texts
        if section not in FREE
        for number in re.findall(r"\d+(?:\.\d+)?", text)
        if number not in known
    ]
    print(wrong)
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "value", "scale", "same"),
    [
        ("0.767 [0.72, 0.81]", {"value": 0.7671, "ci": [0.7151, 0.8149], "by_seed": [1]}, 1, True),
        ("0.768 [0.72, 0.81]", {"value": 0.7671, "ci": [0.7151, 0.8149]}, 1, False),
        ("-2.1 to +4.3", [-0.0212, 0.0431], 100, True),
        ("-2.1 to +4.3", [-0.0212, 0.0441], 100, False),
        ("+2.1", -0.021, 100, False),
        ("< 0.001", 0.0004, 1, True),
        ("< 0.001", 0.002, 1, False),
        ("undefined", None, 1, True),
        ("no evidence", "no_evidence", 1, True),
        ("helps", "no_evidence", 1, False),
        ("228 / 78", {"train": 228, "test": 78}, 1, True),
    ],
)
def test_a_wrong_number_is_found(text: str, value: Any, scale: float, same: bool):
    assert agrees(text, value, scale) is same
