"""A page as PDF, printed by a Chromium of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from fewray.errors import InputError, RunFailed

NAMES = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    *("microsoft-edge", "msedge"),
)
VARIABLE = "FEWRAY_CHROMIUM"
"""Environment variable with the path of a Chromium."""
SECONDS = 120


def find_chromium() -> str:
    """Return the path of a Chromium; InputError ``chromium_not_found`` if there is none."""
    named = os.environ.get(VARIABLE, "")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        tried = named or ", ".join(NAMES)
        raise InputError(
            "chromium_not_found",
            f"--pdf: no Chromium found ({tried}). Install Chromium or Chrome, set {VARIABLE} to "
            "its path, or print report.html from a browser.",
            tried=tried,
        )
    return found


def write_pdf(page: Path) -> Path:
    """Print the HTML file ``page`` as a PDF beside it and return its path.

    InputError without a Chromium; RunFailed ``pdf_failed`` if it writes no file.
    """
    chromium, path = find_chromium(), page.with_suffix(".pdf").absolute()
    path.unlink(missing_ok=True)
    # A container runs as root, where Chromium's sandbox refuses to start; the page is our own.
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as profile:
        command = [
            chromium,
            "--headless",
            *sandbox,
            "--disable-gpu",
            "--no-first-run",
            "--no-pdf-header-footer",
            f"--user-data-dir={profile}",
            f"--print-to-pdf={path}",
            page.absolute().as_uri(),
        ]
        try:
            subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _failed(chromium, str(error)) from None
    if not path.is_file():
        raise _failed(chromium, "it wrote no file")
    return path


def _failed(chromium: str, why: str) -> RunFailed:
    return RunFailed(
        "pdf_failed",
        f"{chromium} could not print the report: {why}. Print report.html from a browser instead.",
        chromium=chromium,
    )
