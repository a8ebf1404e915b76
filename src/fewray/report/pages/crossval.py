"""report.html of a trial: what its template needs beside the study itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fewray.errors import InputError
from fewray.generators.health import findings
from fewray.generators.log import read_log
from fewray.report.checklist import AUTHORS, claim_items
from fewray.report.fields import (
    cohort,
    counted,
    external_title,
    folding,
    kept_split,
    rejected,
    shape,
    title,
    units,
)
from fewray.report.forest import fold_figure, forest_plot, seed_figure
from fewray.report.limits import limits
from fewray.report.methods import averaged, methods_paragraph, unseen
from fewray.report.page import generator_pictures, template
from fewray.report.trial_markdown import ARM_SCORES, CLASS_SCORES, LOSSES
from fewray.storage.files import read_json


def trial_page(study_dir: Path, study: Mapping[str, Any], timing: Mapping[str, Any]) -> str:
    """Return the page for the trial in ``study_dir``; pictures of its generators are shown where it holds them."""
    trained = generator_folders(_home(study_dir, timing), study["data"]["classes"])
    shown = {label: folders[0] for label, folders in trained.items()}
    sources = {label: f"generator {_place(folder, study_dir)}" for label, folder in shown.items()}
    pictures = generator_pictures(shown, sources)
    pictures["logs"]["health"] = {
        label: [
            f"{_place(f, study_dir)}: {found}" for f in folders for found in findings(read_log(f))
        ]
        for label, folders in trained.items()
    }
    external = study.get("external")
    warnings = (study.get("audit") or {}).get("warnings") or []
    return template("trial.html.j2").render(
        study=study,
        timing=timing,
        title=title(study),
        cohort=cohort(study["data"]),
        folding=folding(study),
        units=units(study["data"]),
        groups=counted(study["data"])[0],
        one_group=counted(study["data"])[1],
        repeats=shape(study)[1],
        external_title=external_title(study),
        kept_split=kept_split(study),
        rejected=rejected(study),
        averaged=averaged(external) if external else "",
        unseen=unseen(study),
        warnings=[warning for warning in warnings if warning not in study["answer"]],
        forest=forest_plot(study),
        by_seed=seed_figure(study),
        by_fold=fold_figure(study),
        arm_scores=ARM_SCORES,
        class_scores=CLASS_SCORES,
        losses=LOSSES,
        trained={label: len(folders) for label, folders in trained.items()},
        limits=limits(study),
        methods=study.get("methods") or methods_paragraph(study),
        items=claim_items(study),
        authors=AUTHORS,
        version=version("fewray"),
        **pictures,
    )


def generator_folders(home: Path, classes: list[str]) -> dict[str, list[Path]]:
    """Return by class the folders under ``home`` that hold a training's log, in the order of their paths.

    The class is the one in the folder's ``options.json``, else the folder's own name; others are passed over.
    """
    found = defaultdict(list)
    for log in sorted(home.rglob("stats.jsonl")):
        found[_label(log.parent)].append(log.parent)
    return {label: found[label] for label in classes if label in found}


def _home(study_dir: Path, timing: Mapping[str, Any]) -> Path:
    named = Path(timing["generators"]) if timing.get("generators") else study_dir
    return named if named.is_dir() else study_dir


def _label(folder: Path) -> str:
    try:
        said = read_json(folder / "options.json")
    except InputError:
        return folder.name
    label = said.get("label") if isinstance(said, dict) else None
    return label if isinstance(label, str) else folder.name


def _place(folder: Path, study_dir: Path) -> str:
    return str(folder.relative_to(study_dir)) if folder.is_relative_to(study_dir) else folder.name
