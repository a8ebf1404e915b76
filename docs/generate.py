"""Make the generated pages from the command tree and docs/results/*.json; ``--check`` compares only."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))


def command_reference() -> str:
    """Return docs/cli.md: the help text of every command."""
    from fewray.cli.main import app

    parts = ["# Commands\n\nMade by `make docs` from the commands themselves.\n"]

    def add(command: Any, path: str) -> None:
        context = command.make_context(path, [], resilient_parsing=True)
        context.max_content_width = context.terminal_width = 100
        parts.append(f"\n## `{path}`\n\n```\n{command.get_help(context).strip()}\n```\n")
        for name, child in sorted(getattr(command, "commands", {}).items()):
            add(child, f"{path} {name}")

    add(typer.main.get_command(app), "fewray")
    return "".join(parts)


def results() -> str:
    """Return docs/results.md from the committed studies: the trial in ``results/crossval``, the published protocol in ``results``.

    Until there is one of the latter, the page shows the committed state of training.
    """
    from fewray.report.markdown import render_results
    from fewray.report.training_markdown import render_training
    from fewray.storage.files import read_json

    folder = DOCS / "results"
    pages = (
        [render_results(folder / "crossval", DOCS)]
        if (folder / "crossval" / "study.json").exists()
        else []
    )
    if (folder / "study.json").exists():
        pages.append(render_results(folder))
    else:
        pages.append(
            render_training(
                read_json(folder / "training.json"), read_json(folder / "run.json"), folder
            )
        )
    return "\n".join(pages)


def metrics() -> str:
    """Return docs/metrics.md with its table of planted defects made from docs/results/defects.json."""
    from experiments.defects import render

    return _filled("metrics.md", "defects", render())


def trial() -> str:
    """Return docs/crossval.md with its tables made from docs/results/calibration.json."""
    from experiments.calibration import render

    return _filled("crossval.md", "calibration", render())


def _filled(name: str, block: str, text: str) -> str:
    """Return a page with ``text`` between ``<!-- block -->`` and ``<!-- end of block -->``."""
    before, start, rest = (DOCS / name).read_text(encoding="utf-8").partition(f"<!-- {block} -->\n")
    _, end, after = rest.partition(f"<!-- end of {block} -->\n")
    return f"{before}{start}{text}{end}{after}"


def main() -> None:
    """Write the pages, or exit 1 naming those that are not what would be written."""
    check = "--check" in sys.argv[1:]
    drifted = []
    pages = {
        "cli.md": command_reference(),
        "results.md": results(),
        "metrics.md": metrics(),
        "crossval.md": trial(),
    }
    for name, text in pages.items():
        path = DOCS / name
        if check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            drifted.append(name)
        elif not check:
            path.write_text(text, encoding="utf-8")
    if drifted:
        sys.exit(f"docs/{', docs/'.join(drifted)}: not what the code makes; run `make docs`")
    if check:
        print("docs: as generated")


if __name__ == "__main__":
    main()
