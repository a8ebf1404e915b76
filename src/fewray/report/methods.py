"""The methods paragraph of a cross-validation study, ready to paste."""

from __future__ import annotations

from fewray.config import ClassicAugmentation
from fewray.report.phrases import (
    audit_view,
    class_counts,
    cohort,
    detectable,
    earlier,
    external_kind,
    folds_and_repeats,
    image_noun,
    merged,
    prespecified,
    subset_name,
    units,
)
from fewray.report.text import count, listed, number, sentence, spelled
from fewray.results.crossval import CrossvalStudy
from fewray.results.names import arm_name

NETWORKS = {
    "paper": "the three-block CNN of Davoodi & Lo Giudice",
    "resnet": "a small residual network",
}
DUPLICATE = "byte-identical, resized or re-encoded duplicate"
UNSEARCHED = "mirrored, rotated, cropped or inverted"
"""Kinds of duplicates that are searched for, and those that are not."""


def methods_paragraph(study: CrossvalStudy) -> str:
    """Return one paragraph that says how the study was done; only what its fields hold."""
    parts = (
        _data,
        _arms,
        _augmentation,
        _generators,
        _selection,
        _comparison,
        _scores,
        _further,
        _audit,
        _software,
    )
    return " ".join(sentence(text) for part in parts for text in part(study))


def _data(study: CrossvalStudy) -> list[str]:
    data, (k, repeats) = study.data, folds_and_repeats(study)
    grouped = {
        "all": " and grouped by patient",
        "some": " and grouped by patient where the patient was known",
        "none": "",
    }[data.patients_known]
    separate = f"no {DUPLICATE}, appeared in both the training and the test part of any fold"
    disjoint = {
        "all": f"No patient, and {separate}",
        "some": f"No identified patient, and {separate}. Images without a patient ID were treated "
        "as separate patients",
        "none": f"{separate.replace(',', '')}. Because no patient IDs were available, the same "
        "patient may have appeared in both",
    }[data.patients_known]
    times = "" if repeats == 1 else f", repeated {spelled(repeats, 'time')} with new splits"
    return [
        f"We used {cohort(data, image_noun(data))}, in the {data.name} data set "
        f"({class_counts(data)})",
        f"Classifiers were evaluated by {k}-fold cross-validation, stratified by class{grouped} "
        f"(StratifiedGroupKFold){times}",
        disjoint,
        f"We did not search for {UNSEARCHED} duplicates",
        *([merged(study)] if study.merged_patients else []),
    ]


def _arms(study: CrossvalStudy) -> list[str]:
    classifier = study.options.classifier
    network, size = NETWORKS[classifier.network], classifier.image_size
    named = [f"{arm_name(name)} ({arm.description})" for name, arm in study.arms.items()]
    steps = {arm.steps for arm in study.arms.values()}
    optimiser = f"a batch size of {classifier.batch_size}"
    if classifier.network == "paper":
        optimiser += (
            f" (SGD, learning rate {classifier.learning_rate:g}, Nesterov momentum "
            f"{classifier.momentum:g})"
        )
    same = "All arms used the same real training images and the same seeds"
    if len(steps) == 1:
        budget = f"{same}, and were trained for {steps.pop()} optimiser steps with {optimiser}"
    else:
        each = listed([f"{arm_name(name)} {arm.steps}" for name, arm in study.arms.items()])
        budget = f"{same}, with {optimiser}. The number of optimiser steps differed: {each}"
    return [
        f"In each fold, {network} was trained on {size} × {size}-pixel images in "
        f"{spelled(len(named), 'arm')}: {'; '.join(named)}",
        budget,
        f"Each arm was trained with {spelled(len(study.seeds), 'random seed')} per fold, and each "
        "trained network predicted every test image of its fold once",
    ]


def _augmentation(study: CrossvalStudy) -> list[str]:
    options, text = study.options, []
    if any("classic" in arm for arm in study.arms):
        text.append(
            f"For classic augmentation, we generated {options.augmented_copies} variants of each image; "
            "together they were drawn as often as a single image in the other arms"
        )
        text.append(augmentation(options.classic))
    added = [arm_name(a) for a in study.arms if "synthetic" in a or a in ("pca", "shuffled")]
    if added:
        selected = ", unless selected otherwise" if options.select == "ratio" else ""
        text.append(
            f"Images added per real image of the same class: {options.ratio:g}{selected} "
            f"({listed(added)})"
        )
    return text


def augmentation(classic: ClassicAugmentation) -> str:
    """Return the strengths of an augmentation in words, without operations that do nothing."""

    def times(repeats: int) -> str:
        return "" if repeats == 1 else f" ({repeats} times)"

    done = []
    if classic.rotation_repeats and classic.rotation_degrees:
        done.append(
            f"rotation by up to {classic.rotation_degrees:g}°{times(classic.rotation_repeats)}"
        )
    if classic.translation_repeats and classic.translation:
        done.append(
            f"translation by up to {100 * classic.translation:g}%"
            f"{times(classic.translation_repeats)}"
        )
    if classic.scale_repeats:
        done.append(
            f"scaling by {classic.scale_low:g} to {classic.scale_high:g}"
            f"{times(classic.scale_repeats)}"
        )
    if classic.intensity:
        done.append(f"brightness and contrast changes of up to {100 * classic.intensity:g}%")
    if classic.flip_repeats:
        done.append(f"mirroring{times(classic.flip_repeats)}")
    never = "" if classic.flip_repeats else ". Images were never mirrored"
    return (
        f"Each of the following was applied with probability {classic.p:g}: {listed(done)}{never}"
    )


def _generators(study: CrossvalStudy) -> list[str]:
    found = study.generators
    if not found:
        return ["No generator was trained"]
    recipes = listed(sorted({name for each in found.values() for name in each.recipes}))
    steps = sorted({each.steps for each in found.values()})
    length = f"{steps[0]}" if len(steps) == 1 else f"{steps[0]} to {steps[-1]}"
    text = [
        f"Generators (recipe {recipes}; one per class, {length} steps) were trained within each "
        "fold, on its training images only"
    ]
    if study.rejected_copies is None:
        return [*text, "Synthetic images were not checked for memorised training images"]
    rejected = sum(each.rejected for each in study.rejected_copies.values())
    kept = sum(each.kept for each in study.rejected_copies.values())
    return [
        *text,
        "Synthetic images closer to a training image than the closest "
        f"{study.options.copy_percentile:g}% of held-out real images were replaced "
        f"({rejected} rejected, {kept} kept)",
    ]


def _selection(study: CrossvalStudy) -> list[str]:
    rows = study.selections
    if not rows:
        return []
    several = len({row.repeat for row in rows}) > 1
    selected = {row.selected for row in rows}
    where = [
        f"{row.selected} in {f'repeat {row.repeat}, ' if several else ''}fold {row.fold}"
        for row in rows
    ]
    found = f"{selected.pop()} in every fold" if len(selected) == 1 else listed(where)
    return [
        f"The {study.options.select} was selected from {listed(list(rows[0].accuracies))} in each "
        f"fold, by the accuracy of {arm_name('classic+synthetic')} on an inner split of its "
        f"training images: {found}"
    ]


def _comparison(study: CrossvalStudy) -> list[str]:
    if not study.comparisons:
        return ["No arm was compared with another"]
    unit, n = units(study.data), len(study.comparisons)
    reference = f"{'prespecified ' if prespecified(study) else ''}reference"
    clustered = (
        f"two-way cluster-robust variance, clustered by {unit} and by training run"
        if len(study.seeds) > 1
        else f"cluster-robust variance, clustered by {unit} only because one seed was used,"
    )
    correction = (
        "With only one comparison, no multiplicity correction was needed"
        if n == 1
        else f"p-values were corrected by Holm's method for {n} comparisons; intervals were not "
        "corrected"
    )
    conditional = "the trained generators" if study.generators else "the images added"
    return [
        "The primary outcome was the difference in out-of-fold accuracy between each arm and the "
        f"{reference}, {arm_name(study.reference)}, averaged over seeds and paired by {unit}",
        *earlier(study),
        f"The 95% confidence intervals, p-values and verdicts all use {clustered} (Cameron, "
        "Gelbach & Miller 2011), and Student's t with Satterthwaite degrees of freedom",
        f"The significance level was 0.05. {correction}",
        f"Intervals and p-values are conditional on {conditional}",
        f"The smallest difference detectable with 80% power was {detectable(study)}",
        "Exact McNemar tests and Nadeau–Bengio corrected t-tests are reported for information only",
    ]


def _scores(study: CrossvalStudy) -> list[str]:
    _, repeats = folds_and_repeats(study)
    bootstrap = f"a bootstrap over {units(study.data)}s ({study.bootstrap_draws} resamples)"
    variance = (
        f"combines {bootstrap} with the variance between training runs divided by their number"
        if len(study.seeds) * repeats > 1
        else f"comes from {bootstrap} and treats the trained networks as fixed"
    )
    return [
        "Confidence intervals for single scores are Wilson intervals with an effective sample size "
        "derived from the score's variance and a Student's t quantile (symmetric for calibration "
        f"error). The variance {variance}"
    ]


def _further(study: CrossvalStudy) -> list[str]:
    text = []
    if study.descriptive:
        pairs = [f"{arm_name(p.arm)} with {arm_name(p.other)}" for p in study.descriptive]
        text.append(f"We also compared {listed(pairs)}, for information only")
    if study.sensitivity:
        named = "; ".join(f"{n} ({a.description})" for n, a in study.sensitivity.items())
        text.append(f"Sensitivity analyses, without multiplicity correction, were: {named}")
    if study.subsets:
        text.append(
            f"The same predictions were also scored on some classes only: "
            f"{'; '.join(subset_name(study, name) for name in study.subsets)}"
        )
    if external := study.external:
        text.append(
            f"The {external_kind(external)} ({external.name}, {count(external.images, 'image')}) "
            f"was never used for training; each prediction averages {external.networks} networks"
        )
    return text


def _audit(study: CrossvalStudy) -> list[str]:
    models = study.audit.models
    if not models:
        return []
    figures = listed([f"{number(m.accuracy)} ({m.description})" for m in models.values()])
    return [
        f"As a check for shortcuts, we trained models with {audit_view(study.data)} on the same "
        f"folds. Their accuracies were {figures}"
    ]


def _software(study: CrossvalStudy) -> list[str]:
    about = study.provenance
    packages = [name for name in ("fewray", "torch", "scikit-learn") if name in about.versions]
    named = listed([f"{name} {about.versions[name]}" for name in packages])
    return [f"Software: {named}; {machine(about.device, about.precision, about.threads)}"]


PRECISIONS = {"bf16": "bfloat16", "fp32": "single precision"}


def machine(device: str, precision: str, threads: int) -> str:
    """Return "run on a CPU in bfloat16, with one thread per training run"."""
    where = "a CPU" if device == "cpu" else "a GPU" if device.startswith("cuda") else device
    return (
        f"run on {where} in {PRECISIONS.get(precision, precision)}, with "
        f"{spelled(threads, 'thread')} per training run"
    )
