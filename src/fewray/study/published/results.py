"""From finished jobs to ``study.json`` and ``predictions.csv`` of the published protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from fewray.classify.scores import confusion_matrix, per_class, wilson
from fewray.compute.machine import Machine
from fewray.config import PublishedOptions
from fewray.data.manifest import Manifest
from fewray.results.names import arm_name, sentence_case
from fewray.results.published import (
    AddedCounts,
    AsPublished,
    Mixture,
    PaperPlacement,
    PaperScores,
    PublishedArm,
    PublishedStudy,
    SeedSummary,
    SplitData,
    StandardScores,
)
from fewray.results.quality import QualityReport
from fewray.results.scores import Conclusion, Provenance, StudyWarning, Verdict
from fewray.storage.versions import package_versions
from fewray.study.predictions import write_predictions
from fewray.study.published.arms import Condition, ImageSets, arm_conditions, mixture_conditions
from fewray.study.published.classifiers import Result, RunKey
from fewray.study.published.generators import (
    copied_pieces,
    generator_summaries,
    unfinished_warnings,
)
from fewray.study.warnings import data_warnings

PAPER_DATA = "covid4"
PAPER = {"classic": 0.780, "synthetic": 0.818}
"""Total accuracies of the paper's Tables 4 (a) and 4 (b), on its data set."""

Results = Mapping[RunKey, Result]
_Scores = TypeVar("_Scores", StandardScores, PaperScores)


def assemble_study(
    train: Manifest,
    test: Manifest,
    options: PublishedOptions,
    sets: ImageSets,
    results: Results,
    quality: QualityReport | None,
    *,
    run: Path | None,
    trained_here: bool,
    machine: Machine,
    warnings: Sequence[StudyWarning] = (),
) -> PublishedStudy:
    """Return what ``study.json`` holds: all results, without clock times."""
    arms = {
        condition.name: _arm(condition, options, sets, results)
        for condition in arm_conditions(options)
    }
    generators = {} if run is None else generator_summaries(run, sets.classes)
    phantom = {row.origin for row in train.rows} == {"phantom"}
    return PublishedStudy(
        preset=options.preset,
        data=SplitData(
            name=train.name,
            origin="phantom" if phantom else "real",
            classes=sets.classes,
            display_names=dict(train.display_names),
            counts={"train": train.counts()["train"], "test": test.counts()["test"]},
            sha256={"train": train.sha256(), "test": test.sha256()},
        ),
        conclusion=conclude(arms),
        warnings=(
            *split_warnings(train, test),
            *data_warnings(train, audited=False),
            *unfinished_warnings(generators),
            *(() if run is None else copied_pieces(run, sets.classes)),
            *warnings,
        ),
        arms=arms,
        paper=placement(arms) if train.name == PAPER_DATA else {},
        mixtures=tuple(
            _mixture(condition, options, sets, results) for condition in mixture_conditions(options)
        ),
        seeds=tuple(range(options.seeds)),
        generators=generators,
        trained_here=trained_here,
        quality=quality,
        options=options,
        provenance=Provenance(
            versions=package_versions(),
            device=machine.device,
            precision=machine.precision,
            threads=machine.threads,
            keys=sets.keys,
        ),
    )


def conclude(arms: Mapping[str, PublishedArm]) -> Conclusion:
    """Return the accuracy of the synthetic arms beside that of an arm without synthetic images.

    The protocol never decides: its test set is one fixed split, and too small.
    """
    reference = next((arm for arm in ("classic", "no_augmentation") if arm in arms), "")
    verdicts = []
    for arm in ("synthetic", "classic+synthetic"):
        if arm not in arms or not reference:
            continue
        ours, theirs = arms[arm].accuracy, arms[reference].accuracy
        difference = ours.mean - theirs.mean
        text = (
            f"{sentence_case(arm_name(arm))}: inconclusive. Accuracy {_with_ci(ours)}, compared "
            f"with {_with_ci(theirs)} for {arm_name(reference)}: {100 * difference:+.1f} points, "
            f"or {difference * ours.images:+.1f} of {ours.images} test images from one fixed split."
        )
        verdicts.append(Verdict(arm=arm, verdict="inconclusive", text=text))
    return Conclusion(reference=reference, verdicts=tuple(verdicts))


def placement(arms: Mapping[str, PublishedArm]) -> dict[str, PaperPlacement]:
    """Return where the paper's accuracies lie among our seeds, computed as published."""
    found = {}
    for arm, accuracy in PAPER.items():
        published = arms[arm].as_published if arm in arms else None
        if published is None:
            continue
        ours = published.by_seed
        below = sum(value < accuracy for value in ours)
        text = (
            f"{sentence_case(arm_name(arm))}: {below} of {len(ours)} seeds lie below the paper's "
            f"{accuracy:.3f}; ours range from {min(ours):.3f} to {max(ours):.3f}, from networks "
            "trained and tested as the paper's were."
        )
        found[arm] = PaperPlacement(
            accuracy=accuracy,
            seeds=len(ours),
            seeds_below=below,
            min=min(ours),
            max=max(ours),
            text=text,
        )
    return found


def split_warnings(train: Manifest, test: Manifest) -> list[StudyWarning]:
    """Return a warning if patients are on both sides of the published split."""
    shared = sorted({row.group for row in train.rows} & {row.group for row in test.rows})
    if not shared:
        return []
    text = f"The published split leaks: {', '.join(shared)} has images in both training and test."
    return [StudyWarning(code="split_leaks", text=text)]


def write_published_predictions(
    path: Path, test: Manifest, results: Results, whole: Manifest
) -> None:
    """Write one line per test image, arm and seed; ``whole`` is the data set."""
    runs = (
        ((run.condition.name, run.seed), range(len(test)), result["probabilities"])
        for run, result in results.items()
        if not run.as_published
    )
    write_predictions(path, test, ("arm", "seed"), runs, whole=whole)


def _arm(
    condition: Condition, options: PublishedOptions, sets: ImageSets, results: Results
) -> PublishedArm:
    classes = sets.classes
    confusions = _confusions(condition, options, sets, results)
    total = np.sum(confusions, axis=0)
    scores, by_seed = per_class(total), [per_class(confusion) for confusion in confusions]
    real = np.bincount(sets.real_labels, minlength=len(classes)).tolist()
    return PublishedArm(
        train_counts={
            label: AddedCounts(real=n, classic=condition.classic, synthetic=condition.synthetic)
            for label, n in zip(classes, real, strict=True)
        },
        steps=options.classifier.steps,
        double_softmax=options.classifier.double_softmax,
        accuracy=_summary(confusions),
        confusion=tuple(map(tuple, (total / options.seeds).tolist())),
        per_class={
            label: _fields(StandardScores, scores[index]) for index, label in enumerate(classes)
        },
        per_class_sd={
            label: _spread(StandardScores, [seed[index] for seed in by_seed])
            for index, label in enumerate(classes)
        },
        as_published=_as_published(condition, options, classes, results),
    )


def _as_published(
    condition: Condition, options: PublishedOptions, classes: Sequence[str], results: Results
) -> AsPublished | None:
    if not options.as_published:
        return None
    found = [
        results[RunKey(condition, seed, as_published=True)]["published"]
        for seed in range(options.seeds)
    ]
    accuracies = [each["accuracy"] for each in found]
    by_class = {label: [each["per_class"][label] for each in found] for label in classes}
    return AsPublished(
        double_softmax=True,
        passes=options.published_passes,
        accuracy=float(np.mean(accuracies)),
        by_seed=tuple(accuracies),
        per_class={
            label: PaperScores(
                **{
                    name: float(np.mean([seed[name] for seed in seeds]))
                    for name in PaperScores.__struct_fields__
                }
            )
            for label, seeds in by_class.items()
        },
        per_class_sd={label: _spread(PaperScores, seeds) for label, seeds in by_class.items()},
    )


def _mixture(
    condition: Condition, options: PublishedOptions, sets: ImageSets, results: Results
) -> Mixture:
    accuracy = _summary(_confusions(condition, options, sets, results))
    return Mixture(
        classic=condition.classic,
        synthetic=condition.synthetic,
        seeds=options.seeds,
        accuracy=accuracy.mean,
        sd=accuracy.sd,
    )


def _confusions(
    condition: Condition, options: PublishedOptions, sets: ImageSets, results: Results
) -> list[np.ndarray]:
    predicted = [
        np.array(results[RunKey(condition, seed)]["probabilities"]).argmax(axis=1)
        for seed in range(options.seeds)
    ]
    return [confusion_matrix(sets.test_labels, each, len(sets.classes)) for each in predicted]


def _summary(confusions: Sequence[np.ndarray]) -> SeedSummary:
    n = int(confusions[0].sum())
    accuracies = [float(np.trace(confusion)) / n for confusion in confusions]
    mean = float(np.mean(accuracies))
    low, high = wilson(mean * n, n)
    return SeedSummary(
        mean=mean,
        sd=float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else None,
        min=min(accuracies),
        max=max(accuracies),
        ci=(low, high),
        images=n,
        by_seed=tuple(accuracies),
    )


def _fields(kind: type[_Scores], scores: Mapping[str, float | None]) -> _Scores:
    return kind(**{name: scores[name] for name in kind.__struct_fields__})


def _spread(kind: type[_Scores], seeds: Sequence[Mapping[str, float | None]]) -> _Scores:
    """Return the standard deviation of each score over the seeds that have it; None below two."""
    found: dict[str, float | None] = {}
    for name in kind.__struct_fields__:
        values = [value for seed in seeds if (value := seed[name]) is not None]
        found[name] = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return kind(**found)


def _with_ci(accuracy: SeedSummary) -> str:
    low, high = accuracy.ci
    return f"{accuracy.mean:.3f} (95% CI {low:.2f} to {high:.2f})"
