"""The tables of a cross-validation study's arms, folds and generators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from fewray.report.pages.generators import FINAL_LOSSES, logged, losses_caption
from fewray.report.phrases import cohort, folds_and_repeats, recipe_name, splits, units
from fewray.report.tables import Column, Field, Table, fields_table
from fewray.report.text import (
    class_name,
    count,
    estimate,
    listed,
    named_class,
    number,
    p_value,
    points,
    points_interval,
    verdict_name,
)
from fewray.report.traced import Name, Number, named_arm, pointer
from fewray.results.crossval import CrossvalStudy, PairDifference
from fewray.results.names import arm_name, sentence_case
from fewray.results.scores import SplitCounts

unsigned = partial(points, signed=False)
VERDICT: Field = (Column("verdict", bold=True), "verdict", verdict_name)
DIFFERENCE: tuple[Field, ...] = (
    (Column("difference", "points", "right"), "difference", points),
    (
        Column("95% CI", "points", "right", point="difference", baseline=0.0),
        *("ci", points_interval),
    ),
)
P: Field = ("p", "p", p_value)
ONE_COMPARISON: tuple[Field, ...] = (
    P,
    (Column("detectable", "points"), "minimal_detectable", unsigned),
)
SEVERAL_COMPARISONS: tuple[Field, ...] = (
    ("p (Holm)", "p_holm", p_value),
    *ONE_COMPARISON,
    (Column("detectable, Holm", "points"), "minimal_detectable_holm", unsigned),
)
DESCRIPTIVE: tuple[Field, ...] = (
    ("p (exact McNemar)", "p_mcnemar", p_value),
    ("p (corrected resampled t-test)", "p_corrected_t", p_value),
    ("discordance", "discordance", number),
    (Column("standard error", "points"), "standard_error", partial(unsigned, digits=2)),
    ("degrees of freedom", "df", partial(number, digits=0)),
)
ARM: tuple[Field, ...] = (
    ("training images", "train_images", str),
    ("optimiser steps", "steps", str),
    (Column("description", wrap=True), "description", str),
)
ACCURACY: Field = (
    Column("accuracy", align="right", point="accuracy.value"),
    *("accuracy", estimate),
)
AUROC: Field = (Column("AUROC", align="right"), "auroc", estimate)
ARM_SCORES: tuple[Field, ...] = (
    ACCURACY,
    (Column("balanced accuracy", align="right"), "balanced_accuracy", estimate),
    AUROC,
    (Column("Brier score", align="right"), "brier", estimate),
    (Column("calibration error", align="right"), "calibration_error", estimate),
)
CLASS_SCORES: tuple[Field, ...] = (
    (Column("sensitivity", align="right"), "sensitivity", estimate),
    (Column("specificity", align="right"), "specificity", estimate),
    (Column("PPV", align="right"), "ppv", estimate),
    (Column("F1", align="right"), "f1", estimate),
    AUROC,
)
GENERATOR: tuple[Field, ...] = (
    ("recipe", "recipe", str),
    ("epochs", "epochs", str),
    ("steps", "steps", str),
    ("images seen", "images_seen", str),
    *FINAL_LOSSES,
)
Each = TypeVar("Each")


def overview_table(study: CrossvalStudy) -> Table:
    """Return every arm's accuracy and its comparison with the reference."""
    tested = _tested(study)
    fields, accuracy = (*DIFFERENCE, tested[0], tested[-1], VERDICT), _beside_reference(study)
    scores = fields_table("", "arm", by_name(study.arms), (ARM[0], accuracy, AUROC), source="/arms")
    compared = fields_table("", "arm", by_name(study.comparisons), fields, source="/comparisons")
    cells = {row[0]: row[1:] for row in compared.rows}
    rows = [(*row, *cells.get(row[0], ("reference", "", "", "", ""))) for row in scores.rows]
    seeds = count(len(study.seeds), "classifier seed")
    caption = f"{cohort(study.data)}; {splits(study)}; {seeds} per arm."
    caption += _no_evidence(study)
    title = f"Arms compared with {arm_name(study.reference)}"
    return Table.of(title, (*scores.columns, *compared.columns[1:]), rows, caption)


def by_name(by_arm: Mapping[str, Each]) -> dict[str, Each]:
    """Return ``by_arm`` with the display names of the arms."""
    return {named_arm(arm): each for arm, each in by_arm.items()}


def _tested(study: CrossvalStudy) -> tuple[Field, ...]:
    return SEVERAL_COMPARISONS if len(study.comparisons) > 1 else ONE_COMPARISON


def comparison_table(study: CrossvalStudy) -> Table:
    """Return the comparisons that the verdicts are based on."""
    several, unit = len(study.comparisons) > 1, units(study.data)
    caption = (
        f"Accuracy of each arm minus that of {arm_name(study.reference)}, in percentage points. "
        f"Results are averaged over seeds, then compared {unit} by {unit}. Detectable: the "
        "smallest difference the study had 80% power to detect"
    )
    caption += (
        ", without and with Holm correction. Verdicts allow for the number of comparisons "
        "(Holm); intervals do not."
        if several
        else "."
    )
    caption += _no_evidence(study)
    fields = (VERDICT, *DIFFERENCE, *_tested(study))
    return _comparisons(study, fields, caption)


def _comparisons(study: CrossvalStudy, fields: Sequence[Field], caption: str) -> Table:
    found = by_name(study.comparisons)
    return fields_table("", "arm", found, fields, caption, source="/comparisons")


def _beside_reference(study: CrossvalStudy, field: Field = ACCURACY) -> Field:
    """Return a field of the arms whose bars have a tick at the reference arm's value."""
    column, name, show = field
    value = getattr(study.arms[study.reference], name).value
    assert isinstance(column, Column)
    return replace(column, point=f"{name}.value", baseline=value), name, show


def summary_table(study: CrossvalStudy) -> Table:
    """Return difference, interval and verdict of each arm."""
    caption = _no_evidence(study).strip()
    return _comparisons(study, (*DIFFERENCE, VERDICT), caption)


def _no_evidence(study: CrossvalStudy) -> str:
    """Return what "no evidence" in the table is short for, if the table has that verdict."""
    found = any(each.verdict == "no_evidence" for each in study.comparisons.values())
    return ' "No evidence" is short for "no evidence of benefit".' if found else ""


def descriptive_table(study: CrossvalStudy) -> Table:
    """Return the statistics that no verdict depends on."""
    caption = (
        "For information only; not used for the verdict. Discordance: proportion of images "
        "classified correctly by only one of the two arms."
    )
    several = folds_and_repeats(study)[1] > 1  # the corrected t-test needs several repeats
    fields = [field for field in DESCRIPTIVE if several or field[1] != "p_corrected_t"]
    return _comparisons(study, fields, caption)


def pair_tables(study: CrossvalStudy) -> list[Table]:
    """Return the comparisons of two arms other than the reference, if any."""
    pairs: dict[str, PairDifference] = {
        Name.of(f"{arm_name(p.arm)} minus {arm_name(p.other)}", "pair", str(index)): p
        for index, p in enumerate(study.descriptive)
    }
    caption = (
        "Comparison of two arms other than the reference. Descriptive only: no test or verdict."
    )
    table = fields_table("", "arms", pairs, DIFFERENCE, caption, source="/descriptive")
    return [table] if pairs else []


def arm_table(study: CrossvalStudy) -> Table:
    """Return what each arm was trained on."""
    caption = (
        "Training images: mean over folds; an image and its augmented copies count as one."
        if any("classic" in arm for arm in study.arms)
        else "Training images: mean over folds."
    )
    return fields_table("", "arm", by_name(study.arms), ARM, caption, source="/arms")


def score_table(study: CrossvalStudy) -> Table:
    """Return the out-of-fold scores of each arm."""
    caption = (
        "Out-of-fold scores with 95% confidence intervals. To judge whether an arm helps, use the "
        "paired comparisons above; do not compare these intervals with one another."
    )
    fields = [_beside_reference(study, field) for field in ARM_SCORES]
    return fields_table("", "arm", by_name(study.arms), fields, caption, source="/arms")


def spread_table(study: CrossvalStudy) -> Table:
    """Return the accuracy of each arm by seed and by fold."""
    fields: list[Field] = [
        (Column("by seed", align="left"), "by_seed", _numbers),
        (Column("by fold", align="left"), "by_fold", lambda found: ", ".join(map(_numbers, found))),
    ]
    accuracies = {name: arm.accuracy for name, arm in by_name(study.arms).items()}
    caption = "Accuracy by seed and by fold."
    return fields_table("", "arm", accuracies, fields, caption, source="/arms/*/accuracy")


def _numbers(found: Sequence[float]) -> str:
    return ", ".join(map(number, found))


def class_tables(study: CrossvalStudy) -> list[Table]:
    """Return the scores of each class against all others, one table per class."""
    arms = by_name(study.arms).items()
    return [
        fields_table(
            sentence_case(class_name(study.data, label)),
            "arm",
            {name: arm.per_class[label] for name, arm in arms},
            CLASS_SCORES,
            source=f"/arms/*/per_class{pointer(label)}",
        )
        for label in study.data.classes
    ]


def fold_table(study: CrossvalStudy) -> Table:
    """Return the images and patients of each fold."""
    data, several = study.data, folds_and_repeats(study)[1] > 1
    fields: list[Field] = [("repeat", "repeat", str)] if several else []
    fields += [("fold", "fold", str)]
    for part in ("train", "test"):
        name = f"{part}ing" if part == "train" else part
        fields.append((f"{name} images", part, str))
        if data.patients_known != "none":
            fields.append((f"{name} patients", f"{part}_patients", str))
    for label in data.classes:
        name = named_class(data, label)
        column = Column(name, align="right", key=name.key)
        fields.append((column, "counts", partial(_train_test, label)))
    rows = {str(index): fold for index, fold in enumerate(study.folds)}
    caption = "The class columns show training / test images."
    table = fields_table("", "", rows, fields, caption, source="/folds")
    shown = tuple(
        tuple(_of_class(column, cell) for column, cell in zip(table.columns, row, strict=True))[1:]
        for row in table.rows
    )
    return replace(table, columns=table.columns[1:], rows=shown)


def _of_class(column: Column, cell: str) -> str:
    """Return the cell of a class with its own place, below that of all classes."""
    if not column.key or not isinstance(cell, Number):
        return cell
    return Number.of(cell, cell.path + pointer(column.key.removeprefix("class:")))


def _train_test(label: str, counts: Mapping[str, SplitCounts]) -> str | None:
    return f"{counts[label].train} / {counts[label].test}" if label in counts else None


def generator_table(study: CrossvalStudy) -> Table:
    """Return the length, the last losses and the rejected copies of each class's generators."""
    found = {class_name(study.data, label): each for label, each in study.generators.items()}
    recipes, copies = {each.recipe for each in found.values()}, study.rejected_copies
    fields = logged(GENERATOR[len(recipes) == 1 :], found.values())
    table = fields_table("", "class", found, fields, source="/generators")
    counts = [
        tuple(
            Number.of(str(getattr(copies[c], key)), pointer("rejected_copies", c, key))
            for key in ("kept", "rejected")
        )
        if copies
        else ("", "")
        for c in study.generators
    ]
    rows = [(*row, *extra) for row, extra in zip(table.rows, counts, strict=True)]
    used = list({name: None for each in found.values() for name in each.recipes})
    noun = "Recipe" if len(used) == 1 else "Recipes"
    caption = f"{noun} {listed(list(map(recipe_name, used)))}. " if len(recipes) == 1 else ""
    caption += (
        "Values are means over folds. Each generator saw only the training images of its own fold. "
        + losses_caption(found.values(), "final.loss_d")
    )
    caption += " Synthetic images kept and copies rejected are totals over folds." if copies else ""
    notes = () if copies else ("Synthetic images were not checked for copies of training images.",)
    columns = (*table.columns, "synthetic images kept", "copies rejected")
    return Table.of("", columns, rows, caption, notes)
