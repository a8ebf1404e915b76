"""report.html and the tables of docs/results.md from a study's files. Nothing is computed here but means to show."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fewray.errors import InputError
from fewray.gan.health import findings
from fewray.quality.names import METRICS
from fewray.report import figures
from fewray.runs import read_json, read_jsonl, write_bytes

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


SCHEMA = 2
"""Of study.json."""


def render_report(study_dir: Path) -> Path:
    """Write ``study_dir/report.html``, one file that needs nothing else, and return its path."""
    study = read_json(study_dir / "study.json")
    if study.get("schema") != SCHEMA:
        raise InputError(
            f"{study_dir}/study.json: schema {study.get('schema')}; {SCHEMA} is wanted; run the study again"
        )
    timing = read_json(study_dir / "timing.json") if (study_dir / "timing.json").exists() else {}
    folders = _generator_folders(study_dir, study, timing)
    page = _template().render(
        study=study,
        timing=timing,
        logs=_log_figures(folders),
        grids=_grids(folders),
        spread=figures.seed_spread(study["arms"], study["paper"]) if study.get("arms") else None,
        mixtures=figures.mixture_curves(study["mixtures"]) if study.get("mixtures") else None,
        printed=PAPER_TABLE4,
        quality_metrics=METRICS,
        quality_rows={**quality["classes"], "all": quality["pooled"]} if (quality := study.get("quality")) else {},
        version=version("fewray"),
    )
    path = study_dir / "report.html"
    write_bytes(path, page.encode())
    return path


def render_train_report(run_dir: Path) -> Path:
    """Write ``run_dir/report.html`` for a folder of generators alone and return its path."""
    folders = {path.parent.name: path.parent for path in sorted(run_dir.glob("*/stats.jsonl"))}
    if not folders:
        raise InputError(
            f"{run_dir}: holds no study.json and no <class>/stats.jsonl; a folder made by fewray is wanted"
        )
    options = read_json(run_dir / "options.json") if (run_dir / "options.json").exists() else {}
    page = _template().render(
        study=None,
        options=options,
        timing={},
        logs=_log_figures(folders),
        grids=_grids(folders),
        version=version("fewray"),
    )
    path = run_dir / "report.html"
    write_bytes(path, page.encode())
    return path


def _template() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fewray.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = _number
    environment.filters["svg"] = _inline
    return environment.get_template("report.html.j2")


def _inline(text: str) -> Any:
    """Pass on SVG that figures.py made; the text inside it was escaped by matplotlib."""
    from markupsafe import Markup

    return Markup(text)


def _number(value: Any, digits: int = 3) -> str:
    return "undefined" if value is None else f"{value:.{digits}f}"


def _generator_folders(study_dir: Path, study: Mapping[str, Any], timing: Mapping[str, Any]) -> dict[str, Path]:
    base = Path(timing["generators"]) if timing.get("generators") else study_dir / "generators"
    if not base.is_dir():
        base = study_dir / "generators"
    return {label: base / facts["folder"] for label, facts in (study.get("generators") or {}).items()}


def _log_figures(folders: Mapping[str, Path]) -> dict[str, Any]:
    logs = {label: read_jsonl(folder / "stats.jsonl") for label, folder in folders.items()}
    extractors = {row["extractor"] for rows in logs.values() for row in rows if row.get("extractor")}
    named = ", ".join(sorted(extractors)) or "not measured"
    counts = {row["num_fake"] for rows in logs.values() for row in rows if row.get("num_fake")}
    fakes = "/".join(map(str, sorted(counts)))
    return {
        "health": {label: [str(found) for found in findings(rows)] for label, rows in logs.items()},
        "held_out": figures.quality_curves(
            logs, "kid_held_out", f"KID to held-out films ({named}, {fakes} synthetic images)"
        ),
        "losses": {label: figures.loss_curves(rows, label) for label, rows in logs.items()},
        "fid": figures.quality_curves(logs, "fid", f"FID ({named}, {fakes} synthetic images)"),
        "kid": figures.quality_curves(logs, "kid", f"KID ({named}, {fakes} synthetic images)"),
    }


def _grids(folders: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    grids = {}
    for label, folder in folders.items():
        fakes = sorted(folder.glob("fakes-*.png"))
        grids[label] = {
            "real": figures.picture(folder / "reals.png"),
            "fake": figures.picture(fakes[-1]) if fakes else None,
            "epoch": int(fakes[-1].stem.removeprefix("fakes-")) if fakes else None,
        }
    return grids
