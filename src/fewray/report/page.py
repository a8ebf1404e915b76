"""The HTML side of a report: templates, how they show numbers, the pictures of generators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fewray.generators.health import findings
from fewray.generators.log import read_log
from fewray.report import figures, text


def template(name: str) -> Any:
    """Return a page of ``templates/``; what it prints is escaped, but for SVG through the filter ``svg``."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fewray.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    figures_of = {
        "number": text.number,
        "points": text.points,
        "interval": text.interval,
        "score": text.score,
    }
    figures_of |= {"points_interval": text.points_interval, "p": text.p_value}
    for called, shown in figures_of.items():
        environment.filters[called] = _absent_as_null(shown)
    environment.filters["svg"] = _inline
    environment.filters["breakable"] = _breakable
    environment.filters["sentence"] = text.sentence
    environment.filters["listed"] = text.listed
    environment.globals["count"] = text.count
    return environment.get_template(name)


def generator_pictures(
    folders: Mapping[str, Path], sources: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return ``grids`` and ``logs`` of the generator in each class's folder for ``_generator_pictures.html.j2``.

    ``sources`` says by class, in words, which generator it is.
    """
    return {"logs": _log_figures(folders), "grids": _grids(folders, sources or {})}


def _absent_as_null(shown: Callable[..., str]) -> Callable[..., str]:
    """Let a filter show a figure that a file does not hold as one that is null there."""
    from jinja2 import Undefined

    return lambda value, *options, **named: shown(
        None if isinstance(value, Undefined) else value, *options, **named
    )


def _inline(drawn: str) -> Any:
    """Pass on SVG that the figures' code made; the text inside it was escaped by matplotlib."""
    from markupsafe import Markup

    return Markup(drawn)


def _breakable(name: str) -> Any:
    """Let a name break after its underscores."""
    from markupsafe import Markup, escape

    return Markup(str(escape(name)).replace("_", "_<wbr>"))


def _log_figures(folders: Mapping[str, Path]) -> dict[str, Any]:
    logs = {label: read_log(folder) for label, folder in folders.items()}
    extractors = {
        row["extractor"] for rows in logs.values() for row in rows if row.get("extractor")
    }
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


def _grids(folders: Mapping[str, Path], sources: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    grids = {}
    for label, folder in folders.items():
        fakes = sorted(folder.glob("fakes-*.png"))
        grids[label] = {
            "real": figures.picture(folder / "reals.png"),
            "fake": figures.picture(fakes[-1]) if fakes else None,
            "source": sources.get(label),
            "epoch": int(fakes[-1].stem.removeprefix("fakes-")) if fakes else None,
        }
    return grids
