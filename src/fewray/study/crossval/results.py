"""From finished jobs to ``study.json`` and ``predictions.csv``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from fewray.config import CrossvalOptions
from fewray.data.audit.metadata import file_metadata
from fewray.data.audit.shortcuts import SOURCES, ShortcutAudit, shortcut_audit
from fewray.data.loading import without_paths
from fewray.data.manifest import Manifest
from fewray.results.crossval import (
    Analysis,
    ArmResult,
    Audit,
    AuditModel,
    CopyCounts,
    CrossvalStudy,
    DataSummary,
    FoldSummary,
    Selection,
)
from fewray.results.crossval import External as ExternalResult
from fewray.results.scores import Provenance, SplitCounts
from fewray.storage.versions import package_versions
from fewray.study.crossval.classifiers import Prediction
from fewray.study.crossval.cohort import Cohort, FoldKey
from fewray.study.crossval.comparisons import (
    Outcomes,
    conclude,
    control_warnings,
    described_pairs,
    external_result,
    primary_comparisons,
    sensitivity,
    subset,
)
from fewray.study.crossval.design import Condition, PlannedAnalysis, SelectedConfig, analyses
from fewray.study.crossval.fold_generators import copied_pieces, summaries
from fewray.study.crossval.jobs import RunKey, Trained
from fewray.study.crossval.pretrained import DESCRIPTION, pretrained_correct
from fewray.study.crossval.scores import arm_scores, out_of_fold
from fewray.study.job_runner import RunContext
from fewray.study.predictions import write_predictions
from fewray.study.statistics.patients import DRAWS, PatientBootstrap
from fewray.study.warnings import audit_warnings, data_warnings, patients_known


def assemble_study(
    cohort: Cohort,
    options: CrossvalOptions,
    trained: Trained,
    configs: Mapping[FoldKey, SelectedConfig],
    context: RunContext,
) -> CrossvalStudy:
    """Return what ``study.json`` holds: all results, without clock times or the history."""
    primary, *others = analyses(options)
    draws = PatientBootstrap.of(cohort.groups, options.seed)
    predicted = _predicted(cohort, trained.predictions)
    outcomes = Outcomes(
        correct={c: found.argmax(-1) == cohort.labels for c, found in predicted.items()},
        folds=cohort.fold_of,
        groups=cohort.groups,
    )
    arms = {}
    for condition in primary.conditions:
        scores = arm_scores(
            predicted[condition], cohort.labels, cohort.fold_of, draws, cohort.rows.classes
        )
        sizes = [p.train_images for k, p in trained.predictions.items() if k.condition == condition]
        arms[condition.arm] = ArmResult(
            **msgspec.structs.asdict(scores),
            description=condition.recipe.text,
            train_images=round(float(np.mean(sizes))),
            steps=options.classifier.steps,
        )
    comparisons = primary_comparisons(primary, outcomes, quick=options.preset == "quick")
    analysed = {analysis.name: sensitivity(analysis, outcomes, draws) for analysis in others}
    if options.linear:
        correct = pretrained_correct(cohort, options, context.store)
        analysed["pretrained"] = _pretrained(primary, outcomes, correct, draws)
    audit = shortcut_audit(
        cohort.source.at(options.classifier.image_size, options.classifier.fit),
        file_metadata(cohort.rows.paths(), cohort.rows.shown_paths()),
        cohort.labels,
        cohort.repeats[0].fold_of,
        cohort.rows.classes,
        seed=options.seed,
    )
    accuracies = {arm: result.accuracy.value for arm, result in arms.items()}
    machine = context.machine
    return CrossvalStudy(
        preset=options.preset,
        data=_data(cohort),
        conclusion=conclude(comparisons, options.reference),
        warnings=(
            *control_warnings(comparisons, options.reference),
            *audit_warnings(audit, accuracies, cohort.rows),
            *data_warnings(cohort.rows),
            *copied_pieces(list(trained.generators.values())),
            *cohort.warnings,
        ),
        reference=options.reference,
        comparisons=comparisons,
        descriptive=described_pairs(
            primary,
            outcomes,
            same_ratio=all(config.ratio == options.ratio for config in configs.values()),
        ),
        arms=arms,
        sensitivity=analysed,
        subsets={
            name: subset(name, cohort, primary, predicted, options.seed) for name in options.subsets
        },
        external=_external(cohort, primary, trained.predictions),
        audit=_audit(audit),
        seeds=tuple(range(options.seeds)),
        folds=_folds(cohort),
        merged_patients=tuple(cohort.repeats[0].merged),
        generators=summaries(list(trained.generators.values())),
        selections=tuple(
            Selection(
                repeat=key.repeat,
                fold=key.fold,
                selected=config.name,
                accuracies=dict(config.accuracies),
            )
            for key, config in configs.items()
            if config.name
        ),
        rejected_copies=_rejected(trained) if options.copy_percentile else None,
        bootstrap_draws=DRAWS,
        history=(),
        options=options,
        provenance=Provenance(
            versions=package_versions(),
            device=machine.device,
            precision=machine.precision,
            threads=machine.threads,
            keys=trained.sets.named(),
        ),
    )


def write_crossval_predictions(
    path: Path, cohort: Cohort, predictions: Mapping[RunKey, Prediction], whole: Manifest
) -> None:
    """Write one line per test image, condition, repeat and seed; ``whole`` is the data set."""
    tests = {fold.key: fold.test for fold in cohort.folds()}
    runs = (
        (
            (key.condition.analysis, key.condition.arm, *key.fold, key.seed),
            tests[key.fold].tolist(),
            prediction.probabilities,
        )
        for key, prediction in predictions.items()
    )
    columns = ("analysis", "arm", "repeat", "fold", "seed")
    write_predictions(path, cohort.rows, columns, runs, whole=whole)


def _predicted(
    cohort: Cohort, predictions: Mapping[RunKey, Prediction]
) -> dict[Condition, np.ndarray]:
    """Return the out-of-fold probabilities (repeats, seeds, n, k) of every condition."""
    tests = {fold.key: fold.test for fold in cohort.folds()}
    by_condition: dict[Condition, dict[tuple[FoldKey, int], list[list[float]]]] = defaultdict(dict)
    for key, prediction in predictions.items():
        by_condition[key.condition][key.fold, key.seed] = prediction.probabilities
    return {c: out_of_fold(found, tests, len(cohort.labels)) for c, found in by_condition.items()}


def _pretrained(
    primary: PlannedAnalysis, outcomes: Outcomes, correct: np.ndarray, draws: PatientBootstrap
) -> Analysis:
    head = Condition(analysis="pretrained", arm="no_augmentation", ratio=0, network="linear")
    analysis = PlannedAnalysis(
        name="pretrained", text=DESCRIPTION, conditions=(head,), reference=primary.reference
    )
    both = {head: correct, primary.reference: outcomes.correct[primary.reference]}
    return sensitivity(analysis, replace(outcomes, correct=both), draws)


def _external(
    cohort: Cohort, primary: PlannedAnalysis, predictions: Mapping[RunKey, Prediction]
) -> ExternalResult | None:
    if cohort.external is None:
        return None
    probabilities = {}
    for condition in primary.conditions:
        by_seed: dict[int, list[np.ndarray]] = defaultdict(list)
        for key, prediction in predictions.items():
            if key.condition == condition:
                by_seed[key.seed].append(np.array(prediction.external))
        probabilities[condition.arm] = by_seed
    return external_result(
        cohort.external, cohort.rows.classes, probabilities, primary.reference.arm
    )


def _audit(found: ShortcutAudit) -> Audit:
    return Audit(
        majority_class_rate=found.majority_class_rate,
        models={
            name: AuditModel(
                description=SOURCES[name],
                accuracy=accuracy,
                auroc=found.auroc[name],
                identified=tuple(found.identified_by.get(name, ())),
            )
            for name, accuracy in found.accuracy.items()
        },
    )


def _data(cohort: Cohort) -> DataSummary:
    rows = cohort.rows
    counts = np.bincount(cohort.labels, minlength=len(rows.classes))
    phantom = {row.origin for row in rows.rows} == {"phantom"}
    return DataSummary(
        name=rows.name,
        origin="phantom" if phantom else "real",
        classes=rows.classes,
        display_names=dict(rows.display_names),
        counts=dict(zip(rows.classes, counts.tolist(), strict=True)),
        images=len(rows),
        patients=len(np.unique(cohort.groups)),
        patients_known=patients_known(rows),
        sha256=rows.sha256(),
        source=without_paths(rows.source),
        read=rows.read,
        group_regex=rows.group_regex,
    )


def _folds(cohort: Cohort) -> tuple[FoldSummary, ...]:
    def counts(index: np.ndarray) -> list[int]:
        return np.bincount(cohort.labels[index], minlength=len(cohort.rows.classes)).tolist()

    def patients(index: np.ndarray, groups: np.ndarray) -> int:
        return len(np.unique(groups[index]))

    found = []
    for fold in cohort.folds():
        groups = cohort.repeats[fold.key.repeat].groups
        sides = zip(cohort.rows.classes, counts(fold.train), counts(fold.test), strict=True)
        found.append(
            FoldSummary(
                repeat=fold.key.repeat,
                fold=fold.key.fold,
                train=len(fold.train),
                test=len(fold.test),
                train_patients=patients(fold.train, groups),
                test_patients=patients(fold.test, groups),
                counts={label: SplitCounts(train=a, test=b) for label, a, b in sides},
            )
        )
    return tuple(found)


def _rejected(trained: Trained) -> dict[str, CopyCounts] | None:
    """Return the copies rejected from the largest set of each fold's generators."""
    if not trained.generators:
        return None
    records = []
    for sets in trained.synthetic.values():
        record = max(sets, key=lambda made: sum(made.counts)).record()
        assert record is not None
        records.append(record)
    classes: Sequence[str] = next(iter(trained.generators.values())).train.classes
    return {
        label: CopyCounts(
            kept=sum(record["counts"][index] for record in records),
            rejected=sum(record["rejected"][label] for record in records),
        )
        for index, label in enumerate(classes)
    }
