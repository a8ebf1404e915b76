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
from fewray.report.text import count, estimate, named_class, number, sentence
from fewray.report.traced import Number, key_of, pointer
from fewray.results.crossval import Analysis, CrossvalStudy
from fewray.results.names import arm_name, sentence_case
from fewray.results.scores import Estimate


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
        place = pointer("subsets" if name in study.subsets else "sensitivity", name)
        compared = fields_table(
            "",
            "arm",
            by_name(analysis.comparisons),
            (*DIFFERENCE, P),
            source=f"{place}/comparisons",
        )
        cells = {row[0]: row[1:] for row in compared.rows}
        rows = [
            (arm, _accuracy(arm, accuracy, place), *cells.get(arm, ("reference", "", "")))
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


def _accuracy(arm: str, found: Estimate, place: str) -> Number:
    path = f"{place}/accuracy{pointer(key_of(arm))}"
    return Number.of(estimate(found), path, shown=found)


def external_tables(study: CrossvalStudy) -> list[Table]:
    """Return each arm's accuracy and paired difference on the external set, if there is one."""
    if (found := study.external) is None:
        return []
    compared = fields_table(
        "", "arm", by_name(found.comparisons), (*DIFFERENCE, P), source="/external/comparisons"
    )
    cells = {row[0]: row[1:] for row in compared.rows}
    blank = ("reference", "", "") if cells else ()
    rows = [
        (name, _accuracy(name, accuracy, "/external"), *cells.get(name, blank))
        for name, accuracy in by_name(found.accuracy).items()
    ]
    images = f"{count(found.images, 'image')}, never used for training"
    caption = (
        f"{found.name}: {images}. Each prediction averages the networks of all {found.networks} "
        "folds. The cross-validated accuracies come from single networks, so the two are not "
        "strictly comparable."
    )
    if cells:
        caption += (
            f" Difference: minus {arm_name(study.reference)}, paired by image; p-values are not "
            "corrected."
        )
    columns = ("arm", ACCURACY[0], *(compared.columns[1:] if cells else ()))
    return [Table.of(sentence_case(external_kind(found)), columns, rows, caption)]


def audit_tables(study: CrossvalStudy) -> list[Table]:
    """Return what models reach that see little or nothing of the lungs, beside the reference."""
    classes, reference = study.data.classes, study.arms[study.reference]
    if not study.audit.models:
        return []
    rows = [
        (
            model.description,
            Number.of(number(model.accuracy), pointer("audit", "models", key, "accuracy")),
            *(
                Number.of(number(model.auroc[c]), pointer("audit", "models", key, "auroc", c))
                for c in classes
            ),
        )
        for key, model in study.audit.models.items()
    ]
    arm = ("arms", study.reference)
    own = (
        Number.of(estimate(reference.per_class[c].auroc), pointer(*arm, "per_class", c, "auroc"))
        for c in classes
    )
    rows.append(
        (
            f"for comparison: the whole image ({arm_name(study.reference)} arm)",
            Number.of(estimate(reference.accuracy), pointer(*arm, "accuracy")),
            *own,
        )
    )
    names = (
        Column(f"AUROC, {name}", align="right", key=name.key)
        for name in (named_class(study.data, c) for c in classes)
    )
    columns = (Column("what the model sees", wrap=True), "accuracy", *names)
    caption = (
        f"How well can a model do with {audit_view(study.data)}? These models used the same folds "
        "as the study. AUROC: each class versus all others. Always guessing the most common class "
        f"gives an accuracy of {number(study.audit.majority_class_rate)}."
    )
    return [Table.of("Shortcut audit", columns, rows, caption)]
