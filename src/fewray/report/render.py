"""report.html and the tables of docs/results.md from a study's files. Nothing is computed here but means to show."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fewray.errors import InputError
from fewray.quality.names import METRICS
from fewray.quality.remarks import k_of, remarks_of
from fewray.report import figures
from fewray.report.page import generator_pictures, template
from fewray.report.pages.crossval import trial_page
from fewray.report.reading import read_study, read_timing
from fewray.storage.files import read_object, write_bytes

PAPER_TABLE4 = {
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


def render_report(study_dir: Path) -> Path:
    """Write ``study_dir/report.html``, one file that needs nothing else, and return its path.

    InputError for a study.json that this version of fewray does not write, or a damaged timing.json.
    """
    study, timing = read_study(study_dir), read_timing(study_dir)
    path = study_dir / "report.html"
    make = trial_page if study["protocol"] == "crossval" else _published_page
    write_bytes(path, make(study_dir, study, timing).encode())
    return path


def _published_page(study_dir: Path, study: Mapping[str, Any], timing: Mapping[str, Any]) -> str:
    folders = _generator_folders(study_dir, study, timing)
    sources = {
        label: f"checkpoint {facts['sha256'][:12]}"
        for label, facts in (study.get("generators") or {}).items()
    }
    return template("report.html.j2").render(
        study=study,
        timing=timing,
        **generator_pictures(folders, sources),
        spread=figures.seed_spread(study["arms"], study["paper"]) if study.get("arms") else None,
        mixtures=figures.mixture_curves(study["mixtures"]) if study.get("mixtures") else None,
        printed=PAPER_TABLE4,
        quality_metrics=METRICS,
        quality_rows={**quality["classes"], "all": quality["pooled"]}
        if (quality := study.get("quality"))
        else {},
        quality_k=k_of(quality) if quality else "",
        quality_remarks=remarks_of(quality) if quality else [],
        version=version("fewray"),
    )


def render_train_report(run_dir: Path) -> Path:
    """Write ``run_dir/report.html`` for a folder of generators alone and return its path."""
    folders = {path.parent.name: path.parent for path in sorted(run_dir.glob("*/stats.jsonl"))}
    if not folders:
        raise InputError(
            f"{run_dir}: holds no study.json and no <class>/stats.jsonl; a folder made by fewray is wanted"
        )
    options = read_object(run_dir / "options.json") if (run_dir / "options.json").exists() else {}
    page = template("report.html.j2").render(
        study=None,
        options=options,
        timing={},
        **generator_pictures(folders),
        version=version("fewray"),
    )
    path = run_dir / "report.html"
    write_bytes(path, page.encode())
    return path


def _generator_folders(
    study_dir: Path, study: Mapping[str, Any], timing: Mapping[str, Any]
) -> dict[str, Path]:
    base = Path(timing["generators"]) if timing.get("generators") else study_dir / "generators"
    if not base.is_dir():
        base = study_dir / "generators"
    return {
        label: base / facts["folder"] for label, facts in (study.get("generators") or {}).items()
    }
