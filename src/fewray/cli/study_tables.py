"""The tables that ``fewray study`` prints, from ``study.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fewray.report.fields import cohort, external_title, folding
from fewray.report.methods import unseen
from fewray.report.text import count, p_value

Table = tuple[str, Sequence[str], Sequence[Sequence[Any]]]
"""Title, header, rows."""


def trial_tables(found: Mapping[str, Any]) -> list[Table]:
    """Return the arms with their differences from the reference, the sensitivity analyses and the shortcuts."""
    reference = found["reference"]
    rows = []
    for arm, figures in found["arms"].items():
        first = (
            arm,
            figures["train_images"],
            _share(figures["accuracy"]),
            _share(figures["auroc"]),
        )
        if arm == reference:
            rows.append((*first, "reference", "", "", ""))
            continue
        compared = found["comparisons"][arm]
        seen = f"{100 * compared['minimal_detectable_holm']:.1f}"
        rows.append(
            (*first, _points(compared), p_value(compared["p_holm"]), seen, compared["verdict"])
        )
    data = found["data"]
    tables: list[Table] = [
        (
            f"{cohort(data)}; {folding(found)}, {count(len(found['seeds']), 'seed')}; 95 % intervals; differences from "
            f"'{reference}' in points",
            (
                "arm",
                "trained on",
                "accuracy",
                "AUROC",
                "difference",
                "p (Holm)",
                "80 % power at",
                "verdict",
            ),
            rows,
        )
    ]
    if pairs := found.get("descriptive"):
        rows = [(pair, _points(compared)) for pair, compared in pairs.items()]
        tables.append(("Described only, no verdict", ("arms", "difference"), rows))
    for title, part in (
        ("Sensitivity analyses", found["sensitivity"]),
        ("Some classes only", found["subsets"]),
    ):
        rows = [
            (name, arm, _share(figures["accuracy"]), *_against(made, arm, reference))
            for name, made in part.items()
            for arm, figures in made["arms"].items()
        ]
        if rows:
            tables.append((title, ("analysis", "arm", "accuracy", "difference", "from"), rows))
    if found["external"]:
        rows = [
            (arm, _share(figures["accuracy"])) for arm, figures in found["external"]["arms"].items()
        ]
        title = f"{external_title(found)}: {found['external']['name']}, {count(found['external']['rows'], 'image')}"
        tables.append((title, ("arm", "accuracy"), rows))
    audit = found["audit"]
    classes = data["classes"]
    rows = [
        (
            name,
            f"{model['accuracy']:.3f}",
            *(_figure(model["auroc"].get(label)) for label in classes),
        )
        for name, model in audit["models"].items()
    ]
    header = ("model", "accuracy", *(f"AUROC {label}" for label in classes))
    tables.append(
        (f"Shortcuts: models that see {unseen(found)} (chance {audit['chance']:.3f})", header, rows)
    )
    return tables


def published_tables(found: Mapping[str, Any]) -> list[Table]:
    """Return the accuracies of the published protocol and Table 4 of every arm."""
    rows = []
    for name, arm in found["arms"].items():
        accuracy = arm["accuracy"]
        low, high = accuracy["wilson"]
        images = sum(sum(counts.values()) for counts in arm["train_counts"].values())
        spread = "" if accuracy["sd"] is None else f"{accuracy['sd']:.3f}"
        published = f"{arm['table4']['published_accuracy']:.3f}"
        rows.append(
            (name, images, f"{accuracy['mean']:.3f}", f"[{low:.2f}, {high:.2f}]", spread, published)
        )
    seeds, n = len(found["seeds"]), next(iter(found["arms"].values()))["accuracy"]["n_test"]
    tables: list[Table] = [
        (
            f"Accuracy on {n} test images, {count(seeds, 'seed')} (95 % interval: Wilson at n = {n})",
            (
                "arm",
                "training images",
                "accuracy",
                "95 % interval",
                "sd over seeds",
                "as the paper computes it",
            ),
            rows,
        )
    ]
    for name, arm in found["arms"].items():
        table = []
        for label, correct in arm["table4"]["correct"].items():
            printed = arm["table4"]["published"][label]
            left = (
                f"{printed[key]:.3f}"
                for key in ("accuracy", "sensitivity", "specificity", "f1_published")
            )
            right = (
                _figure(correct[key])
                for key in ("accuracy", "sensitivity", "specificity", "ppv", "f1")
            )
            table.append((label, *left, *right))
        header = (
            *("class", "acc.*", "sens.*", "spec.*", "F1Score*"),
            *("accuracy", "sensitivity", "specificity", "PPV", "F1"),
        )
        title = (
            f"Table 4, arm {name} (* as the paper computes it; the rest: evaluation mode, true F1)"
        )
        tables.append((title, header, table))
    return tables


def _figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _share(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "undefined"
    return f"{figure['value']:.3f}" + (
        f" [{figure['ci'][0]:.2f}, {figure['ci'][1]:.2f}]" if figure["ci"] else ""
    )


def _against(analysis: Mapping[str, Any], arm: str, reference: str) -> tuple[str, str]:
    compared = analysis["comparisons"].get(arm)
    return (_points(compared), analysis.get("reference", reference)) if compared else ("", "")


def _points(compared: Mapping[str, Any]) -> str:
    low, high = (100 * value for value in compared["ci"])
    return f"{100 * compared['difference']:+.1f} [{low:+.1f}, {high:+.1f}]"
