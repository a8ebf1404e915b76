"""``fewray data list``, ``fewray data fetch``, ``fewray data check``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fewray.cli.output import print_json, print_table
from fewray.cli.params import SOURCES, AsJson, GroupRegex, Sectioned, option, path_option
from fewray.cli.progress import ProgressBars, log
from fewray.cli.reading import reads_data
from fewray.config import AS_IT_IS, ReadOptions
from fewray.errors import InputError

if TYPE_CHECKING:
    from fewray.data.manifest import Manifest
    from fewray.results.data_check import DataCheck

app = typer.Typer(help="List, download and check image data.", no_args_is_help=True)


@app.command("list", cls=Sectioned)
def list_(as_json: AsJson = False) -> None:
    """List the data sets that --data accepts by name."""
    from fewray.data.loading import known_datasets

    known = known_datasets()
    if as_json:
        print_json(known)
        return
    rows = [
        (d["name"], d["here"] or f"not here: fewray data fetch {d['name']}", d["what"])
        for d in known
        if "source" not in d
    ]
    print_table("Data sets", ("name", "location", "description"), rows)
    print("Public releases (read from your disk; fewray does not download them)\n")
    for found in known:
        if "source" in found:
            print(f"  {found['source']:<22} {found['what']}")
            print(f"{'':<24} {found['licence']}\n{'':<24} {found['address']}")
    for found in known:
        if found["keys"]:
            print(f"Keys of {found['name']} and their defaults: {found['keys']}")


@app.command("fetch", cls=Sectioned)
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the data set: covid4.")],
    source: Path | None = path_option(
        "Copy from this folder instead of downloading; the files are verified too.", "--from"
    ),
    as_json: AsJson = False,
) -> None:
    """Download a data set, or copy it from a folder, and verify it."""
    from fewray.data.covid4 import fetch_dataset

    with ProgressBars() as bars:
        manifest = fetch_dataset(
            name, source, progress=lambda done, total: bars.advance(name, done, total or done + 1)
        )
    if as_json:
        facts = {
            "files": len(manifest),
            "counts": manifest.counts(),
            "warnings": [asdict(w) for w in manifest.warnings],
        }
        print_json({"name": name, **facts})
        return
    print(f"{name}: {len(manifest)} files verified")
    for warning in manifest.warnings:
        log(f"note: {warning}")


@app.command("check", cls=Sectioned)
@reads_data
def check(
    source: Annotated[str, typer.Argument(metavar="DATA", help=SOURCES)],
    group_regex: GroupRegex = None,
    read: ReadOptions = AS_IT_IS,
    show_names: bool = option(
        False,
        "DICOM: show the names of files and folders as they are. They may identify patients.",
        "--show-names",
    ),
    out: Path | None = path_option(
        "Also write an HTML page with pictures of what was found.", "--out", "-o"
    ),
    as_json: AsJson = False,
) -> None:
    """Check for damaged and unusual images, duplicates, leaks and shortcuts.

    Leaks are images or patients in more than one split. A shortcut lets a model identify a class
    from file metadata alone, such as image size or file format. The number, size and bit depth
    of the images are also reported.
    """
    if out is not None and (out.is_dir() or out.suffix.lower() not in (".html", ".htm")):
        message = f"--out {out}: expected the name of an HTML file, such as check.html"
        raise InputError("page_name", message, path=out)
    from fewray.data.audit.check import audit
    from fewray.data.audit.tables import check_tables
    from fewray.data.dicom.files import DicomOptions
    from fewray.data.loading import load_dataset

    dicom = DicomOptions(show_names=show_names)
    rows = load_dataset(
        source, group_regex=group_regex, strict=False, option="data check", dicom=dicom, read=read
    )
    found = audit(rows)
    if out is not None:
        _write_page(found, rows, out)
    if as_json:
        print_json(found.to_json())
        return
    for title, header, rows in check_tables(found):
        print_table(title, header, rows)
    for warning in found.warnings:
        print(f"warning: {warning}")
    if not found.warnings:
        print("no warnings")


def _write_page(found: DataCheck, rows: Manifest, out: Path) -> None:
    """Write the page of a data check, and say where."""
    from fewray.data.audit.thumbnails import thumbnails
    from fewray.report.html.document import page_html
    from fewray.report.pages.data_check import data_check_page
    from fewray.storage.files import write_bytes

    page = data_check_page(found, thumbnails(rows, found.findings))
    write_bytes(out, page_html(page).encode())
    log(f"written to {out}")
