"""The page of a study by the published protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from fewray.report import figures
from fewray.report.files import Timing
from fewray.report.methods import machine
from fewray.report.page import Block, Code, Details, Drawing, Group, Matrix, Page, Section, Text
from fewray.report.pages.generators import (
    FINAL_LOSSES,
    generator_blocks,
    logged,
    losses_caption,
    page_warnings,
    took,
)
from fewray.report.pages.quality import quality_sections
from fewray.report.tables import Column, Field, Table, fields_table
from fewray.report.text import (
    class_name,
    count,
    interval,
    listed,
    named_class,
    number,
    sentence,
    spelled,
)
from fewray.report.traced import named_arm
from fewray.results.names import arm_name, sentence_case
from fewray.results.published import PublishedArm, PublishedStudy

PRINTED = {
    "classic": {
        "covid": (0.988, 0.962, 0.997, 0.978),
        "normal": (0.898, 0.635, 0.985, 0.767),
        "pneumonia_bac": (0.82, 0.716, 0.855, 0.776),
        "pneumonia_vir": (0.855, 0.808, 0.87, 0.835),
    },
    "synthetic": {
        "covid": (1.0, 1.0, 1.0, 1.0),
        "normal": (0.948, 0.802, 0.997, 0.888),
        "pneumonia_bac": (0.82, 0.636, 0.882, 0.733),
        "pneumonia_vir": (0.867, 0.833, 0.878, 0.852),
    },
}
"""Accuracy, sensitivity, specificity and "F1Score" printed in the paper's Tables 4 (a) and (b)."""
ACCURACY: tuple[Field, ...] = (
    ("steps", "steps", str),
    ("accuracy", "accuracy.mean", number),
    (Column("95% CI", align="right"), "accuracy.ci", interval),
    ("SD over seeds", "accuracy.sd", number),
    ("lowest seed", "accuracy.min", number),
    ("highest seed", "accuracy.max", number),
)
GENERATOR: tuple[Field, ...] = (
    ("recipe", "recipe", str),
    ("epochs", "epochs", str),
    ("epochs planned", "epochs_planned", str),
    ("steps", "steps", str),
    ("images seen", "images_seen", str),
    ("real images", "num_train", str),
    ("augmented images", "classic_images", str),
    *FINAL_LOSSES,
)
STANDARD = {"accuracy": "accuracy", "sensitivity": "sensitivity", "specificity": "specificity",
            "ppv": "PPV", "f1": "F1"}  # fmt: skip
PAPER = {"accuracy": "accuracy", "sensitivity": "sensitivity", "specificity": "specificity",
         "f1": "F1Score"}  # fmt: skip
"""By field: name in tables."""


def published_page(study: PublishedStudy, timing: Timing, folder: Path) -> Page:
    """Return the whole page of ``study``; ``folder`` holds its generators' logs and pictures."""
    spread = Drawing(
        figures.seed_spread(study),
        "Accuracy of every seed by arm, with intervals",
        "Dots: one per seed, evaluation mode. Bar: 95% Wilson interval of their mean. Crosses: "
        "networks trained and tested as in the paper. Diamond: the paper's value.",
    )
    classes = [named_class(study.data, label) for label in study.data.classes]
    placements = [Text(sentence(place.text), "soft") for place in study.paper.values()]
    return Page.of(
        f"Does synthetic augmentation help on the {study.data.name} data set?",
        f"The paper's own train/test split; {spelled(len(study.seeds), 'classifier seed')} per arm "
        f"({study.preset} preset).",
        [sentence(verdict.text) for verdict in study.conclusion.verdicts],
        page_warnings(study.data.origin, study.warnings),
        [
            Section("data", "Data", (_data_table(study),)),
            Section("accuracy", "Accuracy", (accuracy_table(study), spread, *placements)),
            Section("mixtures", "Mixtures of classic and synthetic images", _mixtures(study)),
            Section("table4", "Table 4 of the paper, by arm", _table4_blocks(study)),
            Section("generators", "Generators", _generators(study, timing, folder)),
            *quality_sections(study.quality, {name.label: name for name in classes}),
            Section("reproducibility", "Reproducibility", _reproducibility(study, timing)),
        ],
        names=(*map(named_arm, study.arms), *classes),
    )


def published_tables(study: PublishedStudy) -> list[Table]:
    """Return the tables that ``fewray study --protocol published`` prints."""
    return [accuracy_table(study), *(table for arm in study.arms for table in table4(study, arm))]


def _data_table(study: PublishedStudy) -> Table:
    splits = study.data.counts
    rows = [
        (class_name(study.data, label), *(counts.get(label, 0) for counts in splits.values()))
        for label in study.data.classes
    ]
    return Table.of("", ("class", *splits), rows, "Images per class and split.")


def accuracy_table(study: PublishedStudy) -> Table:
    """Return the accuracy of each arm, by the standard definition and as the paper computed it."""
    arms: dict[str, PublishedArm] = {named_arm(name): arm for name, arm in study.arms.items()}
    scores = fields_table("", "arm", arms, ACCURACY)
    rows = []
    for row, (name, arm) in zip(scores.rows, study.arms.items(), strict=True):
        place, paper = study.paper.get(name), arm.as_published
        total = sum(n.real + n.classic + n.synthetic for n in arm.train_counts.values())
        printed = (number(each.accuracy) if each else None for each in (paper, place))
        rows.append((row[0], total, *row[1:], *printed))
    columns = (scores.columns[0], "training images", *scores.columns[1:])
    n = max((arm.accuracy.images for arm in study.arms.values()), default=0)
    caption = (
        f"{n} test images, {count(len(study.seeds), 'classifier seed')}. The interval is Wilson's "
        f"for {n} images; more seeds do not narrow it."
    )
    columns = (*columns, "as the paper computed it", "printed in the paper")
    return Table.of("Accuracy", columns, rows, caption)


def _mixtures(study: PublishedStudy) -> tuple[Block, ...]:
    if not study.mixtures:
        return ()
    cells = {(found.classic, found.synthetic): found for found in study.mixtures}
    classic, synthetic = (sorted({counts[axis] for counts in cells}) for axis in (0, 1))
    rows = [
        (f"{c} classic", *(_mean_sd(cells[c, s].accuracy, cells[c, s].sd) if (c, s) in cells else
                           None for s in synthetic))
        for c in classic
    ]  # fmt: skip
    seeds = max(found.seeds for found in study.mixtures)
    over = f"mean ± standard deviation over {count(seeds, 'seed')}"
    columns = ("", *(Column(f"{s} synthetic", align="right") for s in synthetic))
    table = Table.of("", columns, rows, f"Accuracy by images added per class; {over}.")
    caption = "Choosing the best of these by their test accuracy would amount to choosing noise."
    drawn = figures.mixture_curves(study.mixtures)
    return (table, Drawing(drawn, "Accuracy against the number of images added", caption))


def _mean_sd(mean: float | None, sd: float | None) -> str:
    return number(mean) if sd is None else f"{number(mean)} ± {number(sd)}"


def table4(study: PublishedStudy, arm: str) -> list[Table]:
    """Return Table 4 for one arm: by standard definitions, and as the paper computed it."""
    found, name, paper = study.arms[arm], arm_name(arm), study.arms[arm].as_published
    caption = "Evaluation mode, means over seeds; ± standard deviation over seeds."
    if found.double_softmax:
        caption += " These networks were trained with softmax applied twice."
    title = f"{name}: standard definitions"
    tables = [_by_class(study, title, STANDARD, found.per_class, found.per_class_sd, caption)]
    if paper is not None:
        twice = "twice, as in the paper" if paper.double_softmax else "once, unlike in the paper"
        caption = (
            f"Networks trained with softmax applied {twice}; {paper.passes} passes over the test "
            "images in training mode. F1Score is the harmonic mean of sensitivity and specificity."
        )
        title = f"{name}: as the paper computed it"
        tables.append(_by_class(study, title, PAPER, paper.per_class, paper.per_class_sd, caption))
    return tables


def _by_class(
    study: PublishedStudy,
    title: str,
    keys: Mapping[str, str],
    means: Mapping[str, object],
    spread: Mapping[str, object],
    caption: str,
) -> Table:
    rows = []
    for label in study.data.classes:
        cells = (_mean_sd(*(getattr(each[label], key) for each in (means, spread))) for key in keys)
        rows.append((class_name(study.data, label), *cells))
    columns = ("class", *(Column(name, align="right") for name in keys.values()))
    return Table.of(sentence_case(title), columns, rows, caption)


def _table4_blocks(study: PublishedStudy) -> tuple[Block, ...]:
    blocks: list[Block] = []
    labels = tuple(class_name(study.data, label) for label in study.data.classes)
    for name, arm in study.arms.items():
        blocks += table4(study, name)
        side: list[Block] = [
            Matrix(
                "Mean over seeds (rows: true class, columns: predicted class)",
                labels,
                arm.confusion,
            )
        ]
        if study.data.name == "covid4" and name in PRINTED:
            rows = [
                (class_name(study.data, label), *map(number, values))
                for label, values in PRINTED[name].items()
            ]
            side.append(Table.of("", ("class", *PAPER.values()), rows, "Printed in the paper."))
        blocks.append(Group(tuple(side), "pair matrices"))
    return tuple(blocks)


def _generators(study: PublishedStudy, timing: Timing, folder: Path) -> tuple[Block, ...]:
    if not study.generators:
        return ()
    found = {class_name(study.data, label): each for label, each in study.generators.items()}
    caption = losses_caption(found.values(), "final.loss_d")
    if any(each.selected_best for each in found.values()):
        caption += " Classes whose best checkpoint by KID to held-out images was used: "
        caption += f"{listed([name for name, each in found.items() if each.selected_best])}."
    home = Path(timing.generators) if timing.generators else folder / "generators"
    home = home if home.is_dir() else folder / "generators"
    shown = {class_name(study.data, each.folder): each for each in found.values()}
    folders = {name: home / each.folder for name, each in shown.items()}
    sources = {name: f"checkpoint {each.sha256[:12]}" for name, each in shown.items()}
    return (
        fields_table("", "class", found, logged(GENERATOR, found.values()), caption),
        *generator_blocks(folders, sources, phantom=study.data.origin == "phantom"),
    )


def _reproducibility(study: PublishedStudy, timing: Timing) -> tuple[Block, ...]:
    about = study.provenance
    packages = ", ".join(f"{name} {version}" for name, version in about.versions.items())
    seeds = listed(list(map(str, study.seeds)))
    where = f"Run {machine(about.device, about.precision, about.threads)}"
    noun = "seed" if len(study.seeds) == 1 else "seeds"
    text = f"{where}; classifier {noun}: {seeds}; base seed: {study.options.seed}. "
    text += f"Versions: {packages}."
    options = json.dumps(study.options.to_json(), indent=1)
    return (Text(text), *took(timing), Details("All options", (Code(options),)))
