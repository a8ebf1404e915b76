"""The page of a cross-validation study: its numbers are the study's, it stands alone and escapes names."""

import json
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from fewray.cli.main import app
from fewray.errors import InputError
from fewray.imaging.arrays import save_png
from fewray.report.forest import fold_figure, forest_plot, seed_figure
from fewray.report.pages.crossval_checks import terminal_tables
from fewray.report.pages.crossval_tables import overview_table
from fewray.report.render import render_markdown, render_summary, write_report
from fewray.results.crossval import CrossvalStudy
from fewray.results.files import write_study
from fewray.results.names import arm_name
from fewray.results.scores import Estimate, StudyWarning
from fewray.storage.files import append_jsonl, write_json
from tests.crossval_study import ARMS, CLASSES, changed, crossval_study
from tests.report.html_page import HtmlPage, assert_stands_alone, assert_tables_are_whole
from tests.report.test_published_page import published_study, row

NASTY = '<b>"ill" & | $x1$</b>'


def written(folder: Path, study: CrossvalStudy) -> str:
    write_study(folder, study)
    return write_report(folder).read_text(encoding="utf-8")


def page(folder: Path, study: CrossvalStudy) -> HtmlPage:
    return HtmlPage(written(folder, study))


def markdown(folder: Path, study: CrossvalStudy) -> str:
    write_study(folder, study)
    return render_markdown(folder)


def renamed(study: CrossvalStudy, label: str, name: str) -> CrossvalStudy:
    """Return ``study`` with another name for a class."""
    text = msgspec.json.encode(study).decode().replace(label, json.dumps(name)[1:-1])
    return msgspec.json.decode(text, type=CrossvalStudy)


def without_values(study: CrossvalStudy) -> CrossvalStudy:
    """Return ``study`` with null wherever a score may be undefined."""
    none = Estimate(value=None, ci=None)
    replace = msgspec.structs.replace
    keys = ("balanced_accuracy", "auroc", "brier", "calibration_error")
    arms = {
        name: replace(
            arm,
            **dict.fromkeys(keys, none),
            accuracy=replace(arm.accuracy, value=None, ci=None),
            per_class={
                label: replace(scores, **dict.fromkeys(scores.__struct_fields__, none))
                for label, scores in arm.per_class.items()
            },
        )
        for name, arm in study.arms.items()
    }
    external = study.external
    assert external is not None
    external = replace(external, accuracy=dict.fromkeys(external.accuracy, none))
    return replace(study, arms=arms, external=external, rejected_copies=None)


def bare(study: CrossvalStudy) -> CrossvalStudy:
    """Return ``study`` without all that a study may lack."""
    return msgspec.structs.replace(
        study,
        generators={},
        rejected_copies=None,
        external=None,
        sensitivity={},
        subsets={},
        comparisons={},
        descriptive=(),
        merged_patients=(),
        arms={"classic": study.arms["classic"]},
    )


def test_comparisons_are_those_of_the_study(tmp_path: Path):
    study = crossval_study(3)
    shown = page(tmp_path, study)
    rows = shown.table("arm", "verdict")
    assert list(rows) == [arm_name(name) for name in ARMS if name != "classic"]
    for name, found in study.comparisons.items():
        row = rows[arm_name(name)]
        assert row[1] == found.verdict.replace("_", " ")
        assert float(row[2]) == pytest.approx(100 * found.difference, abs=0.051)
        ends = [float(end) for end in row[3].split(" to ")]
        assert ends == pytest.approx([100 * end for end in found.ci], abs=0.051)
        assert float(row[6]) == pytest.approx(100 * found.minimal_detectable, abs=0.051)
    described = shown.table("arm", "p (exact McNemar)")
    assert float(described["mixup"][1]) == pytest.approx(
        study.comparisons["mixup"].p_mcnemar, abs=0.0005
    )
    assert len(described["mixup"]) == 5  # no column for the corrected t-test with one repeat
    pair = shown.table("arms", "difference (points)")["synthetic images minus PCA samples"]
    assert pair[1:] == ["+2.5", "-1.5 to +6.5"]


def test_one_comparison_has_no_holm_columns(tmp_path: Path):
    study = crossval_study()
    arms = {name: study.arms[name] for name in ("classic", "synthetic")}
    comparisons = {"synthetic": study.comparisons["synthetic"]}
    study = msgspec.structs.replace(study, arms=arms, comparisons=comparisons, descriptive=())
    table = HtmlPage(written(tmp_path, study)).table("arm", "verdict")["synthetic images"]
    assert len(table) == 6
    assert "Holm" not in overview_table(study).columns[-2].name


def test_other_tables_are_those_of_the_study(tmp_path: Path):
    study = crossval_study(4)
    shown = page(tmp_path, study)
    arm = study.arms["pca"]
    scores = shown.table("arm", "accuracy", "balanced accuracy")["PCA samples"]
    keys = ("accuracy", "balanced_accuracy", "auroc", "brier", "calibration_error")
    for cell, key in zip(scores[1:], keys, strict=True):
        value, low, high = (float(n) for n in re.findall(r"[\d.]+", cell))
        assert value == pytest.approx(getattr(arm, key).value, abs=0.0006)
        assert [low, high] == pytest.approx(getattr(arm, key).ci, abs=0.0051)
    classes = [t for t in shown.tables if t[0][1:3] == ["sensitivity", "specificity"]]
    assert len(classes) == len(CLASSES)
    ppv = arm.per_class["normal"].ppv.value
    assert classes[1][1 + list(ARMS).index("pca")][3].startswith(f"{ppv:.3f} [")
    trained = shown.table("arm", "training images")[arm_name("classic+synthetic")]
    assert trained[1:3] == ["690", "300"]
    audit = shown.table("what the model sees", "accuracy")
    assert audit["invented view: metadata"][1:3] == ["0.768", "0.980"]
    assert shown.table("fold", "training images")["0"][1:5] == ["228", "216", "78", "72"]
    made = shown.table("class", "epochs")["COVID-19"]
    assert study.rejected_copies is not None
    assert made[-1] == str(study.rejected_copies["covid"].rejected)
    loss = study.generators["covid"].final.loss_d
    assert float(made[4]) == pytest.approx(loss, abs=0.0006)
    matrices = [t for t in shown.tables if t[0][0] == "" and "COVID-19" in t[0]]
    assert len(matrices) == len(ARMS)
    confusion = study.arms["no_augmentation"].confusion
    assert float(matrices[0][2][1]) == pytest.approx(confusion[1][0], abs=0.051)


def test_recipes_are_a_column_only_if_classes_differ(tmp_path: Path):
    study = crossval_study()
    assert "recipe" not in page(tmp_path, study).table("class", "epochs")
    slow = msgspec.structs.replace(study.generators["normal"], recipe="slow")
    other = msgspec.structs.replace(study, generators=study.generators | {"normal": slow})
    table = page(tmp_path, other).table("class", "recipe")
    assert [table[label][1] for label in ("COVID-19", "normal")] == ["fast", "slow"]


def test_verdict_external_result_and_main_caveat_come_first_and_once(tmp_path: Path):
    study = crossval_study()
    text = page(tmp_path, study).text
    first_table = text.index("Accuracy of each arm minus")
    lines = [each.text for each in (*study.conclusion.verdicts, study.warnings[0])]
    for line in (*lines, "Accuracy on the external test set", "Not for clinical use"):
        assert text.index(line) < first_table
    for line in (*lines, *(each.text for each in study.warnings)):
        assert text.count(line) == 1, line
    compared = study.external.comparisons["synthetic"]
    ends = [f"{100 * end:+.1f}" for end in compared.ci]
    paired = (
        f"synthetic images {100 * compared.difference:+.1f} points (95% CI {ends[0]} to {ends[1]})"
    )
    assert text.index(paired) < first_table


def test_further_warnings_are_chips_that_lead_to_their_evidence(tmp_path: Path):
    warning = StudyWarning(code="simple_models_near_best_arm", text="A thumbnail comes close.")
    study = crossval_study()
    raw = written(tmp_path, msgspec.structs.replace(study, warnings=(study.warnings[0], warning)))
    assert (
        '<a href="#audit" title="A thumbnail comes close.">simple models come close to the best arm</a>'
        in raw
    )
    evidence = raw[raw.index('<section id="audit"') : raw.index('<section id="folds"')]
    assert '<p class="note">A thumbnail comes close.</p>' in evidence
    without = msgspec.structs.replace(study.audit, models={})
    raw = written(
        tmp_path,
        msgspec.structs.replace(study, warnings=(study.warnings[0], warning), audit=without),
    )
    assert '<p class="caveat">A thumbnail comes close.</p>' in raw  # no section to link to


def test_a_study_without_generators_says_so_in_the_verdict(tmp_path: Path):
    assert "No generator was trained" in page(tmp_path, bare(crossval_study())).text
    assert "No generator was trained" not in page(tmp_path, crossval_study()).text


def test_no_sentence_stands_twice_on_the_page(tmp_path: Path):
    study = crossval_study(repeats=2)
    raw = written(tmp_path, study)
    texts = re.findall(r"<(?:p|li|caption|figcaption)(?: [^>]*)?>([^<]+)<", raw)
    sentences = [s for text in texts for s in re.split(r"(?<=[.?!]) (?=[A-Z])", text.strip())]
    long = [s for s in sentences if len(s) > 40]
    assert sorted(long) == sorted(set(long))


def test_it_needs_nothing_from_outside(tmp_path: Path):
    assert_stands_alone(page(tmp_path, crossval_study(repeats=2)))


def test_names_are_escaped(tmp_path: Path):
    study = renamed(crossval_study(), "pneumonia_vir", NASTY)
    arms = study.arms | {NASTY: study.arms["pca"]}
    compared = study.comparisons | {NASTY: study.comparisons["pca"]}
    study = msgspec.structs.replace(study, arms=arms, comparisons=compared)
    raw = written(tmp_path, study)
    assert "<b>" not in raw
    assert "&lt;b&gt;" in raw
    text = markdown(tmp_path, study)
    assert_tables_are_whole(text)
    assert "<b>" not in text


@pytest.mark.parametrize("change", [without_values, bare])
def test_undefined_and_missing_results_are_shown(tmp_path: Path, change):
    study = change(crossval_study())
    shown, text = page(tmp_path, study), markdown(tmp_path, study)
    assert "None" not in text
    assert not [cell for table in shown.tables for row in table for cell in row if "None" in cell]
    for each in (shown.text, text):
        assert "Limitations" in each
        assert "nan" not in each.split()
    assert_tables_are_whole(text)
    if change is without_values:
        assert "undefined" in text


def test_sections_without_content_are_left_out(tmp_path: Path):
    text = markdown(tmp_path, bare(crossval_study()))
    for title in ("Sensitivity analyses", "Subsets", "External evaluation", "Generators"):
        assert f"## {title}" not in text
        assert f"## {title}" in markdown(tmp_path, crossval_study())


def test_the_same_study_gives_the_same_bytes(tmp_path: Path):
    assert written(tmp_path, crossval_study()) == written(tmp_path, crossval_study())
    assert forest_plot(crossval_study()) == forest_plot(crossval_study())


def test_figures_say_what_they_show():
    study = crossval_study()
    forest = forest_plot(study) or ""
    for name, found in study.comparisons.items():
        assert f"{arm_name(name)}: {found.verdict.replace('_', ' ')}" in forest
        assert f"({100 * found.ci[0]:+.1f} to" in forest
    assert "favour the arm over classic augmentation" in forest
    wider = {
        name: msgspec.structs.replace(c, minimal_detectable_holm=2 * c.minimal_detectable_holm)
        for name, c in study.comparisons.items()
    }
    assert forest_plot(msgspec.structs.replace(study, comparisons=wider)) != forest
    assert "one dot per seed" in (seed_figure(study) or "")
    dots = [fold_figure(crossval_study(repeats=repeats)) or "" for repeats in (1, 2)]
    assert [dot.count("#c4ccd3") for dot in dots] == [4, 8]  # one thin line per fold
    assert forest_plot(bare(study)) is None


def test_pictures_of_generators_are_shown_by_class(tmp_path: Path):
    for fold in range(2):
        for index, label in enumerate(CLASSES[:2]):
            run = tmp_path / "work" / f"key{fold}{index}"
            run.mkdir(parents=True)
            write_json(run / "options.json", {"label": label})
            for name in ("reals.png", "fakes-000002.png"):
                save_png(np.full((8, 8), 10 * fold, np.uint8), run / name)
            for epoch in (1, 2):
                append_jsonl(run / "stats.jsonl", row(epoch=epoch))
    shown = page(tmp_path, crossval_study())
    assert len([a for tag, a in shown.tags if tag == "img" and a.get("alt")]) == 4
    assert "COVID-19: synthetic images, epoch 2, fixed seeds." in shown.text
    assert "one generator per class" in shown.text


def test_every_analysis_names_its_reference(tmp_path: Path):
    text = markdown(tmp_path, crossval_study())
    assert "compared with classic augmentation in the same analysis." in text
    assert "compared with classic augmentation in the main analysis." in text


def test_phantoms_are_not_presented_as_a_finding(tmp_path: Path):
    study = changed(crossval_study(), data={"origin": "phantom"})
    assert "not findings" in page(tmp_path, study).text
    assert "not findings" not in page(tmp_path, crossval_study()).text


def test_the_own_test_split_is_not_called_external(tmp_path: Path):
    study = changed(crossval_study(), external={"own_test_split": True})
    for text in (page(tmp_path, study).text, markdown(tmp_path, study)):
        assert "Test split of the same data set" in text
        assert "external test set" not in text.lower()


def test_unknown_patients_are_not_counted(tmp_path: Path):
    study = changed(crossval_study(), data={"patients_known": "none"})
    for text in (page(tmp_path, study).text, markdown(tmp_path, study)):
        assert "288" not in text
        assert "grouped by patient" not in text
    assert "test patients" not in page(tmp_path, study).text
    assert page(tmp_path, crossval_study()).table("fold", "training images", "training patients")
    assert "288 patients" in terminal_tables(crossval_study())[0].caption
    assert "288" not in terminal_tables(study)[0].caption


@pytest.mark.parametrize(
    "name", ["[x](javascript:1)", "\\[x](javascript:1)", "![x](y)", "[x][y]", "<javascript:1>"]
)
def test_a_name_makes_no_link(name: str, tmp_path: Path):
    text = markdown(tmp_path, renamed(crossval_study(), "pneumonia_vir", name))
    for opening in re.finditer(r"\\*\[(?=x\\*\])", text):
        around = text[opening.start() - 20 : opening.end() + 20]
        assert len(opening[0]) % 2 == 0, around  # the bracket has its own backslash
    assert "<javascript" not in text
    assert_tables_are_whole(text)


def test_generators_without_copy_detection_are_named(tmp_path: Path):
    text = markdown(tmp_path, crossval_study(rejected_copies=None))
    assert "not checked for copies" in text
    assert "copies rejected" not in text


def test_terminal_tables_name_references_and_pairs():
    tables = {table.title: table for table in terminal_tables(crossval_study())}
    assert "in the same analysis" in tables["paper-classic"].caption
    assert tables["without COVID-19"].caption.startswith("237 images")
    assert tables["External test set"].rows[0][0] == "no augmentation"
    assert tables["Arms compared with classic augmentation"].rows[1][4] == "reference"


def test_markdown_has_the_tables(tmp_path: Path):
    study = crossval_study(repeats=2)
    run = {"commands": ["fewray study --data x"], "hardware": "2 cores", "date": "2026"}
    write_json(tmp_path / "run.json", run | {"caveats": ["a note"]})
    text = markdown(tmp_path, study)
    assert_tables_are_whole(text)
    for words in ("fewray study --data x", "2 cores; 2026", "- a note", "Not corrected"):
        assert words in text
    difference = study.comparisons["shuffled"].difference
    row = f"| {arm_name('shuffled')} | **harms** | {100 * difference:+.1f} |"
    assert row in text
    assert "| 1 | 3 | 232 | 216 | 74 | 72 | 52 / 17 |" in text


def test_the_summary_has_verdict_plot_one_table_and_three_caveats(tmp_path: Path):
    folder = tmp_path / "results"
    study = crossval_study()
    write_study(folder, study)
    assert "![" not in render_summary(folder, tmp_path, [])
    (tmp_path / "forest.svg").write_text(forest_plot(study) or "")
    text = render_summary(folder, tmp_path, ["[more](more.md)"])
    assert "](forest.svg)" in text
    assert study.conclusion.verdicts[0].text in text
    assert len(re.findall(r"^\| ---", text, re.M)) == 1
    assert len(re.findall("^- ", text, re.M)) == 4
    assert text.endswith("- [more](more.md)\n")


def test_the_summary_is_of_a_crossval_study(tmp_path: Path):
    write_study(tmp_path, published_study())
    with pytest.raises(InputError) as found:
        render_summary(tmp_path, tmp_path, [])
    assert found.value.code == "not_crossval"


def test_the_command_prints_and_writes(tmp_path: Path):
    write_study(tmp_path, crossval_study())
    printed = CliRunner().invoke(app, ["report", str(tmp_path), "--markdown"])
    assert printed.exit_code == 0
    assert printed.stdout == render_markdown(tmp_path)
    made = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert made.exit_code == 0
    assert (tmp_path / "report.html").is_file()
