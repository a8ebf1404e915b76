"""From finished jobs to ``study.json``, ``predictions.csv`` and the sentence that answers the question."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fewray.classify.scores import confusion_matrix, per_class, wilson
from fewray.config import PublishedOptions
from fewray.data.manifest import Manifest
from fewray.storage.files import write_bytes
from fewray.study.published.arms import ArmSet, Counts

PAPER = {"classic": 0.780, "synthetic": 0.818}
"""Total accuracies of the paper's Tables 4 (a) and 4 (b)."""

Results = Mapping[tuple[str, int], Mapping[str, Any]]


def arm_summary(
    cell: Counts, sets: ArmSet, runs: Sequence[Mapping[str, Any]], steps: int
) -> dict[str, Any]:
    """Return one arm's figures: every seed, mean and spread, both versions of Table 4.

    The interval is Wilson's for the mean accuracy at n = test images: more seeds are not more patients.
    """
    classes, truth = sets.classes, sets.test_labels
    n, k = len(truth), len(classes)
    confusions = [
        confusion_matrix(truth, np.array(run["probabilities"]).argmax(axis=1), k) for run in runs
    ]
    accuracies = [float(np.trace(c)) / n for c in confusions]
    mean = float(np.mean(accuracies))
    low, high = wilson(mean * n, n)
    total = np.sum(confusions, axis=0)
    correct = per_class(total)
    published = [run["published"] for run in runs]
    return {
        "train_counts": {
            label: {
                "real": int((sets.real_labels == index).sum()),
                "classic": cell.classic,
                "synthetic": cell.synthetic,
            }
            for index, label in enumerate(classes)
        },
        "steps": steps,
        "runs": [
            {
                "seed": run["seed"],
                "accuracy": a,
                "confusion": c.tolist(),
                "published": run["published"],
            }
            for run, a, c in zip(runs, accuracies, confusions, strict=True)
        ],
        "accuracy": {
            "mean": mean,
            "sd": float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else None,
            "min": min(accuracies),
            "max": max(accuracies),
            "wilson": [low, high],
            "n_test": n,
        },
        "confusion_mean": (total / len(runs)).tolist(),
        "table4": {
            "published": {
                label: {
                    figure: float(np.mean([run["per_class"][label][figure] for run in published]))
                    for figure in PRINTED
                }
                for label in classes
            },
            "published_accuracy": float(np.mean([run["accuracy"] for run in published])),
            "correct": {label: correct[index] for index, label in enumerate(classes)},
            "published_sd": {
                label: _spread([run["per_class"][label] for run in published], PRINTED)
                for label in classes
            },
            "correct_sd": {
                label: _spread([per_class(c)[index] for c in confusions], CORRECT)
                for index, label in enumerate(classes)
            },
        },
    }


PRINTED = ("accuracy", "sensitivity", "specificity", "f1_published")
CORRECT = ("accuracy", "sensitivity", "specificity", "ppv", "f1")
"""Figures of Table 4, as the paper computed them and as they should be."""


def _spread(seeds: Sequence[Mapping[str, Any]], figures: Sequence[str]) -> dict[str, float | None]:
    """Return each figure's standard deviation over seeds; None with fewer than two that have it."""
    found = {
        figure: [seed[figure] for seed in seeds if seed[figure] is not None] for figure in figures
    }
    return {figure: float(np.std(v, ddof=1)) if len(v) > 1 else None for figure, v in found.items()}


def placement(arms: Mapping[str, Any]) -> dict[str, Any]:
    """Say where the paper's two accuracies fall among the seeds of the arm they were published for."""
    placed = {}
    for arm, figure in PAPER.items():
        if arm not in arms:
            continue
        ours = [run["published"]["accuracy"] for run in arms[arm]["runs"]]
        below = sum(value < figure for value in ours)
        placed[arm] = {
            "published": figure,
            "ours": ours,
            "rank_text": f"{below} of {len(ours)} seeds lie below the published {figure:.3f}; ours range from "
            f"{min(ours):.3f} to {max(ours):.3f}, computed as the paper computed it",
        }
    return placed


def answer(arms: Mapping[str, Any]) -> str:
    """Return what the study found, in words. The published protocol cannot decide: its test set is too small."""
    reference = arms.get("classic") or arms.get("no_augmentation")
    parts = []
    for arm in ("synthetic", "classic+synthetic"):
        if arm in arms and reference is not None:
            ours, theirs = arms[arm]["accuracy"], reference["accuracy"]
            n = ours["n_test"]
            difference = ours["mean"] - theirs["mean"]
            parts.append(
                f"'{arm}' reached {ours['mean']:.3f} [{ours['wilson'][0]:.2f}, {ours['wilson'][1]:.2f}] and "
                f"'{'classic' if 'classic' in arms else 'no_augmentation'}' {theirs['mean']:.3f} [{theirs['wilson'][0]:.2f}, "
                f"{theirs['wilson'][1]:.2f}], a difference of {100 * difference:+.1f} points, or "
                f"{difference * n:+.1f} of {n} test images"
            )
    if not parts:
        return "No arm with synthetic images was compared with one without."
    n = reference["accuracy"]["n_test"] if reference else 0
    return (
        f"Too small to decide: on {n} test images from one fixed split this protocol cannot tell help from harm, whatever "
        "the number of seeds. " + "; ".join(parts) + "."
    )


def assemble(
    train: Manifest,
    test: Manifest,
    options: PublishedOptions,
    cells: Sequence[Counts],
    sets: ArmSet,
    results: Results,
    quality: Mapping[str, Any] | None,
    run: Path | None,
    machine: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what ``study.json`` holds: every number of the study and no clock times."""
    arms, mixtures = {}, []
    for cell in cells:
        runs = [results[cell.name, seed] for seed in range(options.seeds)]
        summary = arm_summary(cell, sets, runs, options.classifier.steps)
        if cell.name in options.arms:
            arms[cell.name] = summary
        else:
            mixtures.append(
                {
                    "classic": cell.classic,
                    "synthetic": cell.synthetic,
                    "accuracy_mean": summary["accuracy"]["mean"],
                    "accuracy_sd": summary["accuracy"]["sd"],
                    "published_accuracy_mean": summary["table4"]["published_accuracy"],
                    "seeds": options.seeds,
                }
            )
    origins = {row.origin for row in train.rows}
    generators = generator_facts(run, sets.classes) if run else {}
    unfinished = [
        f"the generator of {label} stopped at epoch {facts['epochs']} of {facts['epochs_planned']}"
        for label, facts in generators.items()
        if facts["epochs"] < facts["epochs_planned"]
    ]
    return {
        "schema": 2,
        "protocol": options.protocol,
        "preset": options.preset,
        "data": {
            "name": train.name,
            "origin": "phantom" if origins == {"phantom"} else "real",
            "classes": list(sets.classes),
            "counts": {"train": train.counts()["train"], "test": test.counts()["test"]},
            "warnings": [*data_warnings(train, test), *unfinished],
            "sha256": {"train": train.sha256(), "test": test.sha256()},
        },
        "options": options.to_json(),
        "seeds": list(range(options.seeds)),
        "generators": generators,
        "quality": quality,
        "arms": arms,
        "paper": {**PAPER, "placement": placement(arms)}
        if train.name == "covid4"
        else {"placement": {}},
        "mixtures": mixtures or None,
        "answer": answer(arms),
        "provenance": {"versions": versions(), "keys": sets.keys, **machine},
    }


def data_warnings(train: Manifest, test: Manifest) -> list[str]:
    """Return what a reader must know of the split: patients on both sides, the data set's own notes."""
    shared = sorted({row.group for row in train.rows} & {row.group for row in test.rows})
    found = []
    if shared:
        found.append(f"the split leaks: {', '.join(shared)} has images in both train and test")
    found += [str(note) for note in train.notes.get("warnings", [])]
    return found


def generator_facts(run: Path, classes: Sequence[str]) -> dict[str, Any]:
    """Return for each class what its generator is and how its training ended."""
    from fewray.generators.generate import provenance, run_classes
    from fewray.generators.log import read_log

    checkpoints, facts = run_classes(run), {}
    for label in classes:
        about = provenance(checkpoints[label])
        log = [row for row in read_log(checkpoints[label].parent) if row["epoch"] <= about["epoch"]]
        last = log[-1] if log else {}
        facts[label] = {
            "recipe": about["options"]["recipe"],
            "epochs": about["epoch"],
            "epochs_planned": about["options"]["epochs"],
            "steps": last.get("step"),
            "images_seen": last.get("images_seen"),
            "num_train": about["num_train"],
            "classic_images": about["classic_images"],
            "seed": about["seed"],
            "sha256": about["checkpoint_sha256"],
            "folder": str(checkpoints[label].parent.name),
            "final": {
                name: last.get(name) for name in ("loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2")
            },
        }
    return facts


def versions() -> dict[str, str]:
    """Return the versions a result depends on."""
    import platform
    from importlib.metadata import version

    packages = ("fewray", "numpy", "pillow", "scikit-learn", "scipy", "torch")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def write_predictions(
    path: Path, test: Manifest, sets: ArmSet, cells: Sequence[Counts], results: Results
) -> None:
    """Write one line a test image, arm and seed: its name, group, label, predicted class and probabilities."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(
        [
            "arm",
            "seed",
            "image",
            "group",
            "label",
            "predicted",
            *(f"p_{label}" for label in sets.classes),
        ]
    )
    for cell in cells:
        for (name, seed), result in results.items():
            if name != cell.name:
                continue
            for row, probabilities in zip(test.rows, result["probabilities"], strict=True):
                predicted = sets.classes[int(np.argmax(probabilities))]
                image = f"{row.label}/{Path(row.path).name}"
                table.writerow([name, seed, image, row.group, row.label, predicted, *probabilities])
    write_bytes(path, stream.getvalue().encode())
