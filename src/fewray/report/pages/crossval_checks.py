"""The tables that question a cross-validation study: other analyses, an external set, shortcuts."""

from __future__ import annotations

from collections.abc import Mapping

from fewray.report.pages.crossval_tables import (
    ACCURACY,
    DIFFERENCE,
    P,
    by_name,
    overview_table,
    pair_tables,
)
from fewray.report.phrases import audit_view, external_kind, subset_name
from fewray.report.tables import Column, Table, fields_table
from fewray.report.text import class_name, count, estimate, number, sentence
from fewray.results.crossval import Analysis, CrossvalStudy
from fewray.results.names import arm_name, sentence_case


def terminal_tables(study: CrossvalStudy) -> list[Table]:
    """Return the tables that ``fewray study`` prints."""
    return [
        overview_table(study),
        *pair_tables(study),
        *analysis_tables(study, study.sensitivity),
        *analysis_tables(study, study.subsets),
        *external_tables(study),
        *audit_tables(study),
    ]


def analysis_tables(study: CrossvalStudy, found: Mapping[str, Analysis]) -> list[Table]:
    """Return one table per sensitivity analysis or subset."""
    tables = []
    for name, analysis in found.items():
        compared = fields_table("", "arm", by_name(analysis.comparisons), (*DIFFERENCE, P))
        cells = {row[0]: row[1:] for row in compared.rows}
        rows = [
            (arm, estimate(accuracy), *cells.get(arm, ("reference", "", "")))
            for arm, accuracy in by_name(analysis.accuracy).items()
        ]
        reference, _, source = analysis.reference.rstrip(")").partition(" (")
        where = "main" if source in ("", "primary") else "same"
        compared_with = f"compared with {arm_name(reference)} in the {where} analysis"
        images = count(analysis.images, "image")
        caption = "; ".join(filter(None, (analysis.description, images, compared_with)))
        title = subset_name(study, name) if name in study.subsets else name
        columns = ("arm", ACCURACY[0], *compared.columns[1:])
        tables.append(Table.of(title, columns, rows, sentence(caption)))
    return tables


def external_tables(study: CrossvalStudy) -> list[Table]:
    """Return the accuracy of each arm on the external set, if there is one."""
    if (found := study.external) is None:
        return []
    rows = [(name, estimate(accuracy)) for name, accuracy in by_name(found.accuracy).items()]
    images = f"{count(found.images, 'image')}, never used for training"
    caption = (
        f"{found.name}: {images}. Each prediction averages the networks of all {found.networks} "
        "folds. The cross-validated accuracies come from single networks, so the two are not "
        "strictly comparable."
    )
    columns = ("arm", ACCURACY[0])
    return [Table.of(sentence_case(external_kind(found)), columns, rows, caption)]


def audit_tables(study: CrossvalStudy) -> list[Table]:
    """Return what models reach that see little or nothing of the lungs, beside the reference."""
    classes, reference = study.data.classes, study.arms[study.reference]
    if not study.audit.models:
        return []
    rows = [
        (model.description, number(model.accuracy), *(number(model.auroc[c]) for c in classes))
        for model in study.audit.models.values()
    ]
    own = (estimate(reference.per_class[label].auroc) for label in classes)
    rows.append(
        (
            f"for comparison: the whole image ({arm_name(study.reference)} arm)",
            estimate(reference.accuracy),
            *own,
        )
    )
    names = (Column(f"AUROC, {class_name(study.data, c)}", align="right") for c in classes)
    columns = (Column("what the model sees", wrap=True), ACCURACY[0], *names)
    caption = (
        f"How well can a model do with {audit_view(study.data)}? These models used the same folds "
        "as the study. AUROC: each class versus all others. Always guessing the most common class "
        f"gives an accuracy of {number(study.audit.majority_class_rate)}."
    )
    return [Table.of("Shortcut audit", columns, rows, caption)]
