"""docs/results.md from a study's committed files: every figure with its n, seeds, hardware, date and command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fewray.report.reading import read_run, read_study, read_timing
from fewray.report.text import commands, number, table
from fewray.report.training_markdown import pictures, render_quality, training_tables
from fewray.report.trial_markdown import render_trial
from fewray.storage.files import read_json


def render_results(folder: Path, place: Path | None = None) -> str:
    """Return the page for the study in ``folder``: ``study.json``, ``timing.json`` and, where they are, three more.

    ``run.json`` holds ``commands``, ``hardware``, ``date`` and ``notes``: what a study cannot know of itself. Of a published
    study, ``training.json`` holds the :func:`training_facts` of its generators, ``quality.json`` the court's word on their
    images. ``place`` is the page's own folder, where its pictures lie; without it the one above ``folder``. InputError for
    files that this version of fewray does not write.
    """
    study, timing, run = read_study(folder), read_timing(folder), read_run(folder)
    if study["protocol"] == "crossval":
        return render_trial(study, timing, run, _trial_pictures(place or folder.parent))
    parts = [
        f"# Results on {study['data']['name']}\n\n"
        f"{'Made by `make docs` from `docs/results/*.json`; not' if run else 'Not'} for clinical use.\n",
        f"**In short.** {study['answer']}\n",
        *(f"- {note}\n" for note in run.get("notes", [])),
        commands(run, timing),
        _accuracy(study),
        _mixtures(study),
        _table4(study),
        *(
            training_tables(read_json(folder / "training.json"))
            if (folder / "training.json").exists()
            else []
        ),
        _generators(study, folder),
        *pictures(folder),
    ]
    return "\n".join(part for part in parts if part)


def _accuracy(study: Mapping[str, Any]) -> str:
    rows = []
    for name, arm in study["arms"].items():
        a = arm["accuracy"]
        images = sum(sum(counts.values()) for counts in arm["train_counts"].values())
        paper = study["paper"].get(name)
        rows.append(
            (
                name,
                images,
                arm["steps"],
                len(arm["runs"]),
                number(a["mean"]),
                f"{a['wilson'][0]:.2f} to {a['wilson'][1]:.2f}",
                "one seed" if a["sd"] is None else number(a["sd"]),
                number(arm["table4"]["published_accuracy"]),
                number(paper) if isinstance(paper, float) else "",
            )
        )
    n = max((arm["accuracy"]["n_test"] for arm in study["arms"].values()), default=0)
    header = (
        "arm",
        "images",
        "steps",
        "seeds",
        "accuracy",
        "95 % interval",
        "sd",
        "as the paper computes it",
        "paper",
    )
    placed = "".join(
        f"\nArm {a}: {p['rank_text']}.\n" for a, p in study["paper"]["placement"].items()
    )
    return f"## Accuracy on {n} test images\n\n{table(header, rows)}\nInterval: Wilson at n = {n}.\n{placed}"


def _mixtures(study: Mapping[str, Any]) -> str:
    cells = {(cell["classic"], cell["synthetic"]): cell for cell in study.get("mixtures") or []}
    if not cells:
        return ""
    classic, synthetic = (sorted({counts[axis] for counts in cells}) for axis in (0, 1))

    def shown(cell: Mapping[str, Any]) -> str:
        return number(cell["accuracy_mean"]) + (
            "" if cell["accuracy_sd"] is None else f" ± {number(cell['accuracy_sd'])}"
        )

    rows = [
        (f"{c} classic", *(shown(cells[c, s]) if (c, s) in cells else "" for s in synthetic))
        for c in classic
    ]
    seeds = max(cell["seeds"] for cell in cells.values())
    return (
        f"## Images added a class\n\nAccuracy in evaluation mode, mean ± standard deviation over seeds ({seeds}).\n\n"
        f"{table(('', *(f'{s} synthetic' for s in synthetic)), rows)}"
    )


def _table4(study: Mapping[str, Any]) -> str:
    parts = [
        "## Table 4\n\nColumns with * are computed as the paper computed them (passes in training mode; F1Score is the "
        "harmonic mean of sensitivity and specificity), the others in evaluation mode, over all seeds; ± the standard "
        "deviation over seeds.\n"
    ]
    header_keys = ("accuracy", "sensitivity", "specificity", "f1_published")
    header_keys += ("accuracy", "sensitivity", "specificity", "ppv", "f1")
    header = (
        "class",
        "acc.*",
        "sens.*",
        "spec.*",
        "F1Score*",
        "accuracy",
        "sensitivity",
        "specificity",
        "PPV",
        "F1",
    )
    for name, arm in study["arms"].items():
        rows = []
        for label in study["data"]["classes"]:
            found = arm["table4"]
            left = [_with_spread(found, "published", label, k) for k in header_keys[:4]]
            right = [_with_spread(found, "correct", label, k) for k in header_keys[4:]]
            rows.append((label, *left, *right))
        parts.append(f"### {name}\n\n{table(header, rows)}")
    return "\n".join(parts)


def _with_spread(table4: Mapping[str, Any], version: str, label: str, figure: str) -> str:
    spread = table4.get(f"{version}_sd", {}).get(label, {}).get(figure)
    return number(table4[version][label][figure]) + (
        f" ± {number(spread)}" if spread is not None else ""
    )


TRIAL_PICTURES = {
    "forest.svg": "Differences in accuracy with 95 % intervals; shaded: too small for this design to see with 80 % power"
}
"""As PICTURES, of a trial: what `fewray.report.forest.forest_plot` drew."""


def _trial_pictures(place: Path) -> list[str]:
    there = [(name, text) for name, text in TRIAL_PICTURES.items() if (place / name).is_file()]
    return [f"![{text}]({name})\n\n*{text}.*\n" for name, text in there]


def _generators(study: Mapping[str, Any], folder: Path) -> str:
    if not study.get("generators"):
        return ""
    rows = [
        (
            label,
            g["recipe"],
            g["epochs"],
            g["steps"],
            g["num_train"],
            *(number(g["final"][k]) for k in ("loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2")),
        )
        for label, g in study["generators"].items()
    ]
    header = (
        "class",
        "recipe",
        "epochs",
        "steps",
        "originals",
        "Loss_D",
        "Loss_G",
        "D(x)",
        "D(G(z)) before",
        "after",
    )
    text = f"## Generators\n\n{table(header, rows)}"
    measured = folder / "quality.json"
    quality = read_json(measured) if measured.exists() else study.get("quality")
    if not quality:
        return text
    return f"{text}\n{render_quality(quality)}"
