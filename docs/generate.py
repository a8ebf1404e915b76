"""Generate pages of docs/ from the commands, the typed results and the committed results.

``--check`` compares without writing and exits 1 if a page differs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))


def command_reference() -> str:
    """Return docs/cli.md: the help of every command."""
    from fewray.cli.main import app

    parts = ["# Commands\n\nGenerated from the commands by `make docs`.\n"]

    def add(command: Any, path: str) -> None:
        context = command.make_context(path, [], resilient_parsing=True)
        context.max_content_width = context.terminal_width = 100
        parts.append(f"\n## `{path}`\n\n```\n{command.get_help(context).strip()}\n```\n")
        for name, child in sorted(getattr(command, "commands", {}).items()):
            add(child, f"{path} {name}")

    add(typer.main.get_command(app), "fewray")
    return "".join(parts)


def results() -> str:
    """Return docs/results.md: the verdict, the forest plot, one table, three caveats and links."""
    from fewray.report.render import render_summary
    from fewray.results.files import read_study

    published = read_study(DOCS / "results" / "published").conclusion.verdicts[0].text
    links = [
        "Full results of this study: [results/crossval.md](results/crossval.md)",
        "The same study with an earlier recipe, `small`: [results/crossval_small.md]"
        "(results/crossval_small.md)",
        f"The paper's own protocol: [results/published.md](results/published.md). {published}",
        "How the results were made: [results/notes.md](results/notes.md)",
    ]
    return render_summary(DOCS / "results" / "crossval", DOCS, links)


def crossval_results() -> str:
    """Return docs/results/crossval.md: all tables of the cross-validation study."""
    from fewray.report.render import render_markdown

    return render_markdown(DOCS / "results" / "crossval")


def small_results() -> str:
    """Return docs/results/crossval_small.md: the study with GANs of recipe `small`."""
    from fewray.report.render import render_markdown

    return render_markdown(DOCS / "results" / "crossval_small")


def published_results() -> str:
    """Return docs/results/published.md: all tables and pictures of the published protocol."""
    from fewray.report.render import render_markdown

    pictures = "".join(f"\n![{text}](../{name})\n\n*{text}.*\n" for name, text in PICTURES.items())
    return render_markdown(DOCS / "results" / "published") + pictures


def metrics() -> str:
    """Return docs/metrics.md with its tables from docs/results/defects.json and mosaics.json."""
    from experiments import defect_detection, mosaic_detection

    page = (DOCS / "metrics.md").read_text(encoding="utf-8")
    page = _filled(page, "defects", defect_detection.render())
    return _filled(page, "mosaics", mosaic_detection.render())


def generators() -> str:
    """Return docs/generators.md with its tables from docs/results/generators/."""
    from experiments import generator_ablation, generator_aims, generator_tables

    page = (DOCS / "generators.md").read_text(encoding="utf-8")
    page = _filled(page, "generators", generator_tables.render())
    page = _filled(page, "aims", generator_aims.render())
    return _filled(page, "ablation", generator_ablation.render())


def data_check() -> str:
    """Return docs/data_check.md with its tables from docs/results/data_check.json."""
    from experiments.data_check_faults import render

    page = (DOCS / "data_check.md").read_text(encoding="utf-8")
    return _filled(page, "faults", render())


def crossval() -> str:
    """Return docs/crossval.md with its tables from docs/results/calibration.json."""
    from experiments.calibration_tables import render

    page = (DOCS / "crossval.md").read_text(encoding="utf-8")
    return _filled(page, "calibration", render())


def reader_study() -> str:
    """Return docs/reader_study.md with its table from docs/results/reader_study.json."""
    from experiments.reader_study_simulation import render

    page = (DOCS / "reader_study.md").read_text(encoding="utf-8")
    return _filled(page, "simulation", render())


def _filled(page: str, block: str, text: str) -> str:
    """Return ``page`` with ``text`` between ``<!-- block -->`` and ``<!-- end of block -->``."""
    before, start, rest = page.partition(f"<!-- {block} -->\n")
    _, end, after = rest.partition(f"<!-- end of {block} -->\n")
    return f"{before}{start}{text}{end}{after}"


def schemas() -> dict[str, str]:
    """Return the JSON Schema of each kind of result, by file name below docs/."""
    from fewray.results.files import json_schemas

    return {
        f"schema/{name}": json.dumps(schema, indent=1) + "\n"
        for name, schema in json_schemas().items()
    }


def recipe_scores() -> str:
    """Return src/fewray/recipe_scores.json: what `fewray recipes` shows, from docs/results/."""
    from experiments import generator_tables

    return json.dumps(generator_tables.recipe_scores(), indent=1) + "\n"


PICTURES = {
    "synthetic.png": "The first twelve seeds of each class, not hand-picked",
    "curves.png": "Losses, discriminator outputs, FID and KID during training",
    "closest.png": "The twelve synthetic images of each class nearest to a training image",
}
"""By file name in docs/; made by experiments/result_pictures.py."""

PAGES: dict[str, Callable[[], str]] = {
    "cli.md": command_reference,
    "results.md": results,
    "results/crossval.md": crossval_results,
    "results/crossval_small.md": small_results,
    "results/published.md": published_results,
    "metrics.md": metrics,
    "crossval.md": crossval,
    "data_check.md": data_check,
    "generators.md": generators,
    "reader_study.md": reader_study,
    "../src/fewray/recipe_scores.json": recipe_scores,
}


def main() -> int:
    """Write or check the pages and return the exit status."""
    from experiments.provenance import stale_results

    check = "--check" in sys.argv[1:]
    drifted = []
    for name, text in {**{name: page() for name, page in PAGES.items()}, **schemas()}.items():
        path = DOCS / name
        if check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            drifted.append(f"docs/{name}")
        elif not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if drifted:
        print(f"{', '.join(drifted)}: out of date; run `make docs`", file=sys.stderr)
    elif check:
        print("docs: up to date")
    for line in stale_results(DOCS / "results"):
        print(f"stale result: {line}")
    return 1 if drifted else 0


if __name__ == "__main__":
    sys.exit(main())
