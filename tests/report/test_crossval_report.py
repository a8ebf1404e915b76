"""The page of a trial: its numbers are the study's, it stands alone, escapes names, survives nulls. Markdown as well."""

import copy
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from fewray.cli.main import app
from fewray.cli.study_tables import trial_tables
from fewray.errors import InputError
from fewray.imaging.arrays import save_png
from fewray.report.forest import fold_figure, forest_plot, seed_figure
from fewray.report.markdown import render_results
from fewray.report.render import render_report
from fewray.report.trial_markdown import render_trial
from fewray.storage.files import append_jsonl, write_json
from tests.crossval_study import ARMS, CLASSES, trial_study

NASTY = '<b>"ill" & | $x_1$</b>'


class Page(HTMLParser):
    """Tags with their attributes, visible words, and tables as lists of rows of cells by their caption or heading."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self.inside:
            self.inside = ""

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self.inside:
            self.tables[-1][-1][-1] += data

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def table(self, *header: str) -> dict[str, list[str]]:
        """Return the rows, by their first cell, of the first table whose header begins so."""
        found = next(t for t in self.tables if tuple(t[0][: len(header)]) == header)
        return {row[0]: row for row in found[1:]}


def written(folder: Path, study: dict[str, Any]) -> str:
    write_json(folder / "study.json", study)
    return render_report(folder).read_text(encoding="utf-8")


def undefined_everywhere(study: dict[str, Any]) -> dict[str, Any]:
    """Put null wherever a trial may have no figure."""
    for arm in study["arms"].values():
        for key in ("balanced_accuracy", "auroc", "brier", "calibration_error"):
            arm[key] = {"value": None, "ci": None}
        arm["accuracy"] |= {"ci": None, "by_seed": [None], "by_fold": [[None]]}
        arm["per_class"] = {
            label: dict.fromkeys(found) for label, found in arm["per_class"].items()
        }
        arm["confusion"] = [[None] * len(CLASSES)] * len(CLASSES)
    for found in study["comparisons"].values():
        found |= dict.fromkeys(set(found) - {"verdict", "text"}) | {
            "verdict": "too small to decide",
            "text": None,
        }
    for block in (*study["sensitivity"].values(), *study["subsets"].values()):
        block["comparisons"] = {name: dict.fromkeys(c) for name, c in block["comparisons"].items()}
    for g in study["generators"].values():
        g |= {"steps": None, "images_seen": None, "final": None}
    study["audit"] = {"chance": None, "models": {"metadata": {"accuracy": None, "auroc": {}}}, "told_apart": [],
                      "warnings": []}  # fmt: skip
    study["provenance"] = {
        "versions": {},
        "device": None,
        "precision": None,
        "threads": None,
        "keys": {},
    }
    study["data"]["sha256"] = None
    return study | {"external": None, "rejected": None, "joined_groups": [], "options": {}}


def bare(study: dict[str, Any]) -> dict[str, Any]:
    """Take away all that a trial may do without."""
    return study | {
        "generators": None, "rejected": None, "external": None, "audit": None, "sensitivity": {}, "subsets": {},
        "comparisons": {}, "joined_groups": [], "arms": {"classic": study["arms"]["classic"]},
    }  # fmt: skip


def test_the_comparisons_are_the_study_s(tmp_path: Path):
    study = trial_study(3)
    page = Page(written(tmp_path, study))
    rows = page.table("arm", "verdict")
    assert list(rows) == [name for name in ARMS if name != "classic"]
    for name, c in study["comparisons"].items():
        assert float(rows[name][2]) == pytest.approx(100 * c["difference"], abs=0.051)
        assert [float(end) for end in rows[name][3].split(" to ")] == pytest.approx(
            [100 * end for end in c["ci"]], abs=0.051
        )
        assert rows[name][1] == c["verdict"]
        assert float(rows[name][6]) == pytest.approx(100 * c["minimal_detectable"], abs=0.051)
    described = page.table("arm", "p, exact McNemar")
    pair = page.table("arms", "difference")["synthetic - pca"]
    assert pair[1:] == ["+2.5", "-1.5 to +6.5"]
    assert float(described["mixup"][1]) == pytest.approx(
        study["comparisons"]["mixup"]["p_mcnemar"], abs=0.0005
    )
    assert described["mixup"][2] == "undefined"
    assert "Descriptive only, no part of the verdict" in page.text


def test_the_other_tables_are_the_study_s(tmp_path: Path):
    study = trial_study(4)
    page = Page(written(tmp_path, study))
    arm = study["arms"]["pca"]
    scores = page.table("arm", "accuracy", "balanced accuracy")["pca"]
    for cell, key in zip(
        scores[1:],
        ("accuracy", "balanced_accuracy", "auroc", "brier", "calibration_error"),
        strict=True,
    ):
        value, low, high = (float(n) for n in re.findall(r"[\d.]+", cell))
        assert value == pytest.approx(arm[key]["value"], abs=0.0006)
        assert [low, high] == pytest.approx(arm[key]["ci"], abs=0.0051)
    classes = [t for t in page.tables if t[0][1:3] == ["sensitivity", "specificity"]]
    assert len(classes) == len(CLASSES)
    ppv = arm["per_class"]["normal"]["ppv"]["value"]
    assert classes[1][1 + list(ARMS).index("pca")][3].startswith(f"{ppv:.3f} [")
    assert page.table("arm", "training images")["classic+synthetic"][1:3] == ["690", "300"]
    assert page.table("model", "accuracy")["metadata"][1:3] == ["0.768", "0.980"]
    assert page.table("fold", "training images")["0"][1:5] == ["228", "216", "78", "72"]
    made = page.table("class", "epochs")["covid"]
    assert made[-1] == str(study["rejected"]["covid"]["rejected"])
    assert float(made[4]) == pytest.approx(
        study["generators"]["covid"]["final"]["loss_d"], abs=0.0006
    )
    shown = [t for t in page.tables if t[0] == ["", *CLASSES]]
    assert len(shown) == len(ARMS)
    assert float(shown[0][2][1]) == pytest.approx(
        study["arms"]["no_augmentation"]["confusion"][1][0], abs=0.051
    )


def test_a_recipe_is_told_once_or_in_every_row_where_classes_differ(tmp_path: Path):
    study = trial_study()
    assert "Recipe fast. Means over folds" in Page(written(tmp_path, study)).text
    study["generators"]["normal"]["recipe"] = "slow"
    page = Page(written(tmp_path, study))
    assert [page.table("class", "recipe")[label][1] for label in ("covid", "normal")] == [
        "fast",
        "slow",
    ]
    assert "Recipe fast" not in page.text


def test_verdict_and_warning_come_first(tmp_path: Path):
    study = trial_study()
    text = Page(written(tmp_path, study)).text
    first_table = text.index("Accuracy of the arm less that of classic")
    for words in (study["answer"], study["audit"]["warnings"][0], "Not for clinical use"):
        assert text.index(words) < first_table
    study["answer"] += f"\nWarning: {study['audit']['warnings'][0]}"
    assert "Shortcut audit. " not in Page(written(tmp_path, study)).text


def test_each_line_of_the_answer_stands_alone_and_warnings_are_marked(tmp_path: Path):
    study = trial_study()
    study["answer"] = (
        "pca against classic: helps.\nsynthetic against classic: harms.\nWarning: <two> hospitals."
    )
    page = written(tmp_path, study)
    assert '<p class="lead">pca against classic: helps.</p>' in page
    assert '<p class="lead">synthetic against classic: harms.</p>' in page
    assert '<p class="lead caution">Warning: &lt;two&gt; hospitals.</p>' in page
    text = render_trial(study, {}, {})
    assert (
        "- pca against classic: helps.\n- synthetic against classic: harms.\n- Warning: &lt;two&gt; hospitals.\n"
        in text
    )


def test_it_needs_nothing_from_outside(tmp_path: Path):
    page = Page(written(tmp_path, trial_study(repeats=2)))
    ids = {attributes["id"] for _, attributes in page.tags if attributes.get("id")}
    for tag, attributes in page.tags:
        for name in ("src", "href", "xlink:href", "data", "action"):
            address = attributes.get(name) or ""
            assert address.startswith(("#", "data:image/")) or not address, (tag, address)
            assert not address.startswith("#") or address[1:] in ids, address
    assert not [tag for tag, _ in page.tags if tag in ("script", "link", "iframe")]
    assert all(
        a.get("aria-label") for tag, a in page.tags if tag == "figure" and a.get("role") == "img"
    )


def test_names_are_escaped(tmp_path: Path):
    study = trial_study()
    text = re.sub("pneumonia_vir", lambda _: NASTY.replace('"', '\\"'), json.dumps(study))
    named = json.loads(text)
    named["arms"][NASTY] = copy.deepcopy(study["arms"]["pca"])
    named["arms"][NASTY]["per_class"] = named["arms"]["no_augmentation"]["per_class"]
    named["comparisons"][NASTY] = copy.deepcopy(study["comparisons"]["pca"])
    raw = written(tmp_path, named)
    assert "<b>" not in raw
    assert "&lt;b&gt;&#34;ill&#34; &amp; | $x_1$&lt;/b&gt;" in raw
    columns_agree(render_trial(named, {}, {}))
    assert "<b>" not in render_trial(named, {}, {})


@pytest.mark.parametrize("change", [undefined_everywhere, bare])
def test_nulls_are_survived(tmp_path: Path, change: Any):
    study = change(trial_study())
    page, markdown = Page(written(tmp_path, study)), render_trial(study, {}, {})
    assert "None" not in markdown
    assert not [cell for table in page.tables for row in table for cell in row if "None" in cell]
    for text in (page.text, markdown):
        assert "Limits" in text
        assert "nan" not in text.split()
    columns_agree(markdown)
    if change is undefined_everywhere:
        assert page.table("arm", "verdict")["pca"][1:] == [
            "too small to decide",
            *["undefined"] * 6,
        ]
        assert "undefined" in markdown


def test_same_study_same_bytes(tmp_path: Path):
    assert written(tmp_path, trial_study()) == written(tmp_path, trial_study())
    study = trial_study()
    assert forest_plot(study) == forest_plot(copy.deepcopy(study))


def test_figures_say_what_they_show():
    study = trial_study()
    forest = forest_plot(study) or ""
    for name, c in study["comparisons"].items():
        assert f"{name}: {c['verdict']}" in forest
        assert f"({100 * c['ci'][0]:+.1f} to" in forest
    assert "better than classic" in forest
    wider = copy.deepcopy(study)
    for c in wider["comparisons"].values():
        c["minimal_detectable_holm"] *= 2
    assert forest_plot(wider) != forest
    assert "a dot a seed" in (seed_figure(study) or "")
    assert "a dot a fold" in (fold_figure(study) or "")
    dots = [fold_figure(trial_study(repeats=repeats)) or "" for repeats in (1, 2)]
    assert [dot.count("#c4ccd3") for dot in dots] == [
        4,
        8,
    ]  # a line through the arms for every fold
    assert forest_plot(bare(study)) is None
    assert fold_figure(undefined_everywhere(study)) is None


def test_pictures_of_generators_are_shown_by_class(tmp_path: Path):
    for fold in range(2):
        for index, label in enumerate(CLASSES[:2]):
            run = tmp_path / "work" / f"key{fold}{index}"
            run.mkdir(parents=True)
            write_json(run / "options.json", {"label": label})
            for name in ("reals.png", "fakes-000002.png"):
                save_png(np.full((8, 8), 10 * fold, np.uint8), run / name)
            for epoch in (1, 2):
                row = {
                    "epoch": epoch,
                    "loss_d": 1.0,
                    "loss_g": 2.0,
                    "d_x": 0.6,
                    "d_g_z1": 0.4,
                    "d_g_z2": 0.3,
                }
                append_jsonl(run / "stats.jsonl", row)
    page = Page(written(tmp_path, trial_study()))
    assert len([a for tag, a in page.tags if tag == "img" and a.get("alt")]) == 4
    assert "covid: synthetic, epoch 2, seeds fixed, generator work/key00." in page.text
    assert "of covid 2, normal 2." in page.text


def test_every_analysis_names_its_reference(tmp_path: Path):
    text, markdown = (
        Page(written(tmp_path, trial_study())).text,
        render_trial(trial_study(), {}, {}),
    )
    assert "augmentation. Differences from classic (paper classic)." in text
    assert "Differences from classic (primary)." in text
    assert "| classic (paper classic) |" in markdown
    assert "| classic |" in markdown  # of the subsets


def test_a_kept_split_and_unknown_patients_are_called_so(tmp_path: Path):
    study = trial_study()
    study["external"]["kept_split"] = True
    study["data"]["patients_known"] = "none"
    for text in (Page(written(tmp_path, study)).text, render_trial(study, {}, {})):
        assert "Kept test split" in text
        assert "no set from elsewhere" in text
        assert "each counted as a patient of its own (none is known), 4 folds, 1 repeat" in text
        assert "288 patients" not in text
        assert "grouped by patient" not in text
    title = trial_tables(study)[0][0]
    assert title.startswith(
        "306 images, each counted as a patient of its own (none is known); 4 folds, 1 repeat, 3 seeds"
    )
    assert trial_tables(trial_study())[0][0].startswith(
        "306 images of 288 patients; 4 folds grouped by patient"
    )


def test_pages_of_unknown_patients_have_no_columns_of_patients(tmp_path: Path):
    study = trial_study()
    page = Page(written(tmp_path, study))
    assert page.table("fold", "training images", "patients")
    assert "1 pair counted as one patient" in page.text
    study["data"]["patients_known"] = "none"
    page, markdown = Page(written(tmp_path, study)), render_trial(study, {}, {})
    groups = "images without copies"
    assert page.table("fold", "training images", groups, "test images", groups)["0"][1:5] == [
        "228",
        "216",
        "78",
        "72",
    ]
    assert f"| repeat | fold | train | {groups} | test | {groups} | covid |" in markdown
    for text in (page.text, markdown):
        assert "1 pair counted as one image" in text
        assert "one patient," not in text


@pytest.mark.parametrize(
    "name", ["[x](javascript:1)", "\\[x](javascript:1)", "![x](y)", "[x][y]", "<javascript:1>"]
)
def test_a_name_makes_no_link(name: str):
    study = json.loads(json.dumps(trial_study()).replace("pneumonia_vir", json.dumps(name)[1:-1]))
    text = render_trial(study, {}, {})
    for opening in re.finditer(r"\\*\[(?=x\\*\])", text):
        assert len(opening[0]) % 2 == 0, text[
            opening.start() - 20 : opening.end() + 20
        ]  # the bracket has its own backslash
    assert "<javascript" not in text
    columns_agree(text)


def test_images_that_were_not_searched_for_copies_are_not_counted(tmp_path: Path):
    study = trial_study() | {"rejected": None}
    for text in (Page(written(tmp_path, study)).text, render_trial(study, {}, {})):
        assert "Images were not searched for copies." in text


def test_the_printed_tables_name_references_and_pairs():
    tables = {title: rows for title, _, rows in trial_tables(trial_study())}
    assert ("paper classic", "synthetic", "classic (paper classic)") in [
        (r[0], r[1], r[4]) for r in tables["Sensitivity analyses"]
    ]
    assert [row[0] for row in tables["Described only, no verdict"]] == ["synthetic - pca"]
    assert "External test set: invented other hospital, 120 images" in tables


def test_phantoms_and_small_presets_are_called_so(tmp_path: Path):
    study = trial_study() | {"preset": "quick"}
    study["data"]["origin"] = "phantom"
    text = Page(written(tmp_path, study)).text
    assert "drawings of chest films" in text
    assert "too small to decide anything" in text


@pytest.mark.parametrize(
    "found", [{"schema": 2}, {"protocol": "published"}, {"protocol": None, "schema": None}]
)
def test_other_schemas_are_refused(tmp_path: Path, found: dict[str, Any]):
    with pytest.raises(InputError, match="is wanted; run the study again"):
        written(tmp_path, trial_study() | found)


def columns_agree(markdown: str) -> None:
    """Every row of a Markdown table has its header's columns, and a table stands between empty lines."""
    lines, tables = markdown.split("\n"), 0
    for index, line in enumerate(lines):
        if re.fullmatch(r"\|( --- \|)+", line):
            tables += 1
            wanted = line.count("|")
            assert lines[index - 2] == ""
            block = [lines[index - 1]]
            for row in lines[index + 1 :]:
                if not row.startswith("|"):
                    assert row == ""
                    break
                block.append(row)
            for row in block:
                assert len(re.findall(r"(?<!\\)\|", row)) == wanted, row
    assert tables


def test_markdown_has_the_tables(tmp_path: Path):
    study = trial_study(repeats=2)
    run = {
        "commands": ["fewray study --data x"],
        "hardware": "2 cores",
        "date": "2026",
        "notes": ["a note"],
    }
    write_json(tmp_path / "study.json", study)
    write_json(tmp_path / "timing.json", {"seconds": 600.0})
    write_json(tmp_path / "run.json", run)
    text = render_results(tmp_path)
    assert text == render_trial(study, {"seconds": 600.0}, run)
    columns_agree(text)
    folds = [value for part in study["arms"]["mixup"]["accuracy"]["by_fold"] for value in part]
    assert f"| {', '.join(f'{value:.3f}' for value in folds)} |" in text
    assert len(folds) == 8
    for words in (study["answer"], "fewray study --data x", "2 cores, 2026", "took 10 minutes", "- a note.",
                  "Not corrected for their number"):  # fmt: skip
        assert words in text
    difference = study["comparisons"]["shuffled"]["difference"]
    assert f"| shuffled | **harms** | {100 * difference:+.1f} |" in text
    assert f"| {study['arms']['mixup']['accuracy']['value']:.3f} [" in text
    assert "| 1 | 3 | 232 | 216 | 74 | 72 | 52 / 17 |" in text
    assert "## Shortcut audit" in text
    assert "| without covid | 237 | no_augmentation |" in text


def test_markdown_shows_the_forest_plot_and_no_picture_of_another_study(tmp_path: Path):
    folder = tmp_path / "results"
    write_json(folder / "study.json", trial_study())
    (tmp_path / "synthetic.png").write_bytes(b"of the published protocol")
    assert "![" not in render_results(folder)
    (tmp_path / "forest.svg").write_text(forest_plot(trial_study()) or "")
    text = render_results(folder)
    assert "](forest.svg)" in text
    assert "synthetic.png" not in text
    columns_agree(text)
    assert "![" not in render_results(folder, tmp_path / "elsewhere")


def test_the_command_prints_and_writes(tmp_path: Path):
    write_json(tmp_path / "study.json", trial_study())
    printed = CliRunner().invoke(app, ["report", str(tmp_path), "--markdown"])
    assert printed.exit_code == 0
    assert "# The trial on invented test data" in printed.stdout
    made = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert made.exit_code == 0
    assert (tmp_path / "report.html").is_file()
