"""Image data: what ``--data`` names, as one type of manifest."""

from __future__ import annotations

from pathlib import Path

from fewray.data.manifest import MANIFEST, Manifest, Row
from fewray.errors import InputError

__all__ = ["Manifest", "Row", "known_datasets", "load_dataset"]

WANTED = "phantom, covid4, a folder of class folders or a CSV file"


def load_dataset(
    source: str | Path,
    *,
    group_regex: str | None = None,
    strict: bool = True,
    option: str = "--data",
) -> Manifest:
    """Return the rows of ``phantom[:key=value,...]``, ``covid4``, a folder of class folders, or a CSV file.

    A folder that holds a ``manifest.csv`` is read by it. ``group_regex`` finds the patient in a file's name (its first
    group in parentheses). InputError says what was found instead; ``strict=False`` lets pass what an audit reports and
    training must not use: empty files, and files that lie in two classes. ``option`` is named where nothing is found.
    """
    from fewray.data.folders import load_csv, load_folder

    text = str(source)
    if not text.strip():
        raise InputError(
            f"{option} is empty, as from a variable that is not set; {WANTED} is wanted"
        )
    name, _, specification = text.partition(":")
    if name == "phantom" and not Path(text).exists():
        from fewray.data.phantom.cohort import load_phantom

        return load_phantom(_pairs(specification))
    if text == "covid4" and not Path(text).exists():
        from fewray.data.covid4 import load_covid4

        return load_covid4()
    path = Path(source)
    if path.is_dir():
        manifest = path / MANIFEST
        if manifest.is_file():
            return load_csv(manifest, group_regex=group_regex, strict=strict)
        return load_folder(path, group_regex=group_regex, strict=strict)
    if path.is_file() and path.suffix.lower() == ".csv":
        return load_csv(path, group_regex=group_regex, strict=strict)
    found = "a file that is no CSV" if path.is_file() else "not found"
    raise InputError(f"{option} {text}: {found}; {WANTED} is wanted")


def known_datasets() -> list[dict[str, str]]:
    """Return the sets known by name: ``name``, ``here`` (where it lies, or empty), ``what``."""
    from fewray.data.covid4 import load_covid4
    from fewray.data.phantom.cohort import PhantomOptions

    try:
        here = str(load_covid4().rows[0].path.parents[2])
    except InputError:
        here = ""
    shown = {
        k: "/".join(map(str, v)) if isinstance(v, tuple) else v
        for k, v in vars(PhantomOptions()).items()
    }
    keys = ", ".join(f"{key}={value}" for key, value in shown.items())
    return [
        {
            "name": "phantom",
            "here": "drawn when used",
            "what": f"chest phantoms: drawings in the four classes of covid4; keys and defaults: {keys}",
        },
        {
            "name": "covid4",
            "here": here,
            "what": "306 chest X-rays in 4 classes (270 train, 36 test); class is confounded with source",
        },
    ]


def _pairs(text: str) -> dict[str, str]:
    pairs = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise InputError(f"phantom option {part!r}: key=value is wanted")
        pairs[key.strip()] = value.strip()
    return pairs
