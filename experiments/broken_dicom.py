"""Are 30 broken files named among 1,000 DICOM files, and does the run go on if asked to: a check.

Run as ``python -m experiments.broken_dicom [--files 1000] [--broken 30]``. It prints JSON: how many
of them an error, the data check and ``--skip-unreadable`` name, what they name in error, and the
processor time of each.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from tests.broken_dicom import BROKEN, write_broken
from tests.dicom_files import pixels_of, write_dicom


def main(
    files: Annotated[int, typer.Option(help="All files.")] = 1000,
    broken: Annotated[int, typer.Option(help="Broken files among them.")] = 30,
) -> None:
    """Measure and print."""
    from fewray.config import ReadOptions
    from fewray.data.audit.check import audit
    from fewray.data.loading import load_dataset
    from fewray.errors import InputError

    with tempfile.TemporaryDirectory() as folder:
        bad = set(_write(Path(folder), files, broken))

        def stopped() -> set[str]:
            try:
                load_dataset(folder)
            except InputError as error:
                return {_name(text.partition(": ")[0]) for text in error.fields["texts"]}
            return set()

        def checked() -> set[str]:
            return {_name(name) for name in audit(load_dataset(folder, strict=False)).unreadable}

        def skipped() -> set[str]:
            data = load_dataset(folder, read=ReadOptions(skip_unreadable=True))
            (warning,) = (each for each in data.warnings if each.code == "skipped_unreadable")
            assert len(data) == files - len(warning.items)
            return {_name(name) for name in warning.items}

        ways = {"error": stopped, "data check": checked, "--skip-unreadable": skipped}
        found = {name: _timed(way, bad) for name, way in ways.items()}
    print(json.dumps({"files": files, "broken": len(bad), **found}, indent=1))


def _timed(way: Callable[[], set[str]], bad: set[str]) -> dict[str, Any]:
    start = time.process_time()
    named = way()
    return {
        "named": len(named & bad),
        "not named": sorted(bad - named),
        "named in error": sorted(named - bad),
        "processor seconds": round(time.process_time() - start, 1),
    }


def _name(path: str) -> str:
    return Path(path).name


def _write(folder: Path, files: int, broken: int) -> list[str]:
    """Write the files to two classes; return the names of the broken ones."""
    kinds = [list(BROKEN)[index % len(BROKEN)] for index in range(broken)]
    every = files // broken
    names = []
    for index in range(files):
        path = folder / "ab"[index % 2] / f"st{index // 20}" / f"IM{index:04}.dcm"
        if index % every == 0 and index // every < broken:
            names.append(write_broken(path, kinds[index // every]).name)
        else:
            write_dicom(path, pixels_of(index, size=32), PatientID=str(index // 2))
    return names


if __name__ == "__main__":
    typer.run(main)
