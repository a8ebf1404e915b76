"""The methods paragraph of a cross-validation study, from ``templates/methods.txt.j2``."""

from __future__ import annotations

from fewray.config import ClassicAugmentation
from fewray.report import phrases, text
from fewray.report.html.document import environment
from fewray.report.text import count, listed, number, spelled
from fewray.results.crossval import CrossvalStudy
from fewray.results.names import arm_name

NETWORKS = {
    "paper": 'the three-block CNN of Davoodi & Lo Giudice ("Synthetic of Chest X-ray Images")',
    "resnet": "a small residual network",
}
DUPLICATE = "duplicate (byte-identical, resized or re-encoded)"
UNSEARCHED = "mirrored, rotated, cropped or inverted"
"""Kinds of duplicates that are searched for, and those that are not."""
ADDED = ("pca", "shuffled")
"""Arms with added images, beside those with "synthetic" in their name."""


def methods_paragraph(study: CrossvalStudy) -> str:
    """Return one paragraph that says how the study was done; only what its fields hold."""
    options, arms, about = study.options, study.arms, study.provenance
    k, repeats = phrases.folds_and_repeats(study)
    unit, models = phrases.units(study.data), study.audit.models.values()
    packages = [name for name in ("fewray", "torch", "scikit-learn") if name in about.versions]
    shown = environment(html=False).get_template("methods.txt.j2").render(
        vars(phrases) | vars(text),
        study=study,
        data=study.data,
        options=options,
        about=about,
        classifier=options.classifier,
        network=NETWORKS[options.classifier.network],
        duplicate=DUPLICATE,
        unsearched=UNSEARCHED,
        augmentation=augmentation,
        machine=machine,
        k=k,
        repeats=repeats,
        unit=unit,
        steps=sorted({arm.steps for arm in arms.values()}),
        steps_by_arm=[f"{arm_name(name)} {arm.steps}" for name, arm in arms.items()],
        added=[arm_name(a) for a in arms if "synthetic" in a or a in ADDED],
        recipes=_recipes(study),
        selected=_selected(study),
        bootstrap=f"a bootstrap over {unit}s ({study.bootstrap_draws} resamples)",
        subsets=[phrases.subset_name(study, name) for name in study.subsets],
        audit=[f"{number(model.accuracy)} with {model.description}" for model in models],
        software=[f"{name} {about.versions[name]}" for name in packages],
    )  # fmt: skip
    return " ".join(shown.split())


def _recipes(study: CrossvalStudy) -> str:
    found = sorted({name for g in study.generators.values() for name in g.recipes})
    steps = sorted({g.steps for g in study.generators.values()})
    shown = f"{' to '.join(map(str, [*steps[:1], *steps[1:][-1:]]))} steps"
    epochs = {g.epochs for g in study.generators.values()}
    if len(found) == 1 and ": " not in found[0] and len(epochs) == 1:
        shown = f"{count(epochs.pop(), 'epoch')}, {shown}"
    if len(found) == 1:
        return f"recipe {phrases.recipe_name(found[0], shown)}"
    return f"recipes {listed(list(map(phrases.recipe_name, found)))}; {shown}"


def _selected(study: CrossvalStudy) -> list[str]:
    rows = study.selections
    if len({row.selected for row in rows}) == 1:
        return [f"{rows[0].selected} in every fold"]
    several = len({row.repeat for row in rows}) > 1
    return [
        f"{row.selected} in {f'repeat {row.repeat}, ' if several else ''}fold {row.fold}"
        for row in rows
    ]


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
            f"scaling by a factor of {classic.scale_low:g} to {classic.scale_high:g}"
            f"{times(classic.scale_repeats)}"
        )
    if classic.flip_repeats:
        done.append(f"mirroring{times(classic.flip_repeats)}")
    if classic.intensity:
        done.append(f"changes in brightness and contrast of up to {100 * classic.intensity:g}%")
    *others, last = done or ["none"]
    shown = f"{', '.join(others)}{',' if len(others) > 1 else ''} and {last}" if others else last
    never = "" if classic.flip_repeats else ". Images were never mirrored"
    return f"Each of the following was applied with probability {classic.p:g}: {shown}{never}"


PRECISIONS = {"bf16": "bfloat16", "fp32": "single precision"}


def machine(device: str, precision: str, threads: int) -> str:
    """Return "on a CPU in bfloat16, with one thread per training run"."""
    where = "a CPU" if device == "cpu" else "a GPU" if device.startswith("cuda") else device
    return (
        f"on {where} in {PRECISIONS.get(precision, precision)}, with "
        f"{spelled(threads, 'thread')} per training run"
    )
