"""Findings on names: classes that are no classes, labels in doubt, patients spelled differently."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from fewray.data.manifest import Manifest, Row
from fewray.data.patients import unnamed
from fewray.data.skipped_files import listed
from fewray.results.data_check import Finding

NAMED = 5
NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
DOUBT = re.compile(
    r"\?|^-1(\.0)?$|^(nan|n/?a|null|todo|tbd|unlabell?ed)$|"
    r"\b(uncertain|unclear|unknown|unsure|not sure|possibl[ey]|probabl[ey]|suspected|maybe|"
    r"equivocal|indeterminate|doubtful|rule out)\b"
)
"""Labels, in lower case with blanks for underscores, that say that nobody knows."""
SEPARATORS = re.compile(r"\s*[|;]\s*")
SOFT_SEPARATORS = re.compile(r"\s*[,+&]\s*|\s+and\s+|_and_")
"""Separators of findings. The second kind is common in names of one finding, and counts only
between names of classes."""
WRAPPERS = re.compile(
    r"archive|data|datasets?|dicom|dcm|downloads?|exports?|files?|images?|imgs?|jpe?g|masks?|"
    r"originals?|outputs?|pictures?|png|radiographs?|raw|results?|segmentations?|stud(y|ies)|x-?rays?"
)
"""Names, in lower case, of folders that hold classes or files, and are no class."""
PATIENT = re.compile(
    r"(patients?|pat|pid|pt|p|cases?|subjects?|subj?|s|study|series|mrn|id)[ _-]*\d+"
)
"""Names of classes, in lower case, that are likely to be patients."""
LEAST_CLASSES = 5
FEWEST_PER_CLASS = 2
"""A data set of at least this many classes, whose median class has at most this many images, has
folders of patients or files."""


def name_findings(manifest: Manifest) -> list[Finding]:
    """Return what the names of classes and patients suggest."""
    return [*_labels(manifest.classes), *_folders(manifest), *_patients(manifest.rows)]


def _labels(classes: Sequence[str]) -> list[Finding]:
    doubtful = [name for name in classes if DOUBT.search(name.lower().replace("_", " "))]
    numbers = [name for name in classes if NUMBER.fullmatch(name) and name not in doubtful]
    joined = [name for name in classes if _is_joined(name, classes)]
    return [
        *_finding(
            "label_numbers",
            numbers,
            "named by a number",
            "Write the name of the finding instead, so that results can be read.",
        ),
        *_finding(
            "label_doubt",
            doubtful,
            "whose name says that the label is not known",
            "Leave these images out, or decide on a class for each.",
        ),
        *_finding(
            "joined_labels",
            joined,
            "that join several findings",
            "Keep the images with a single finding, or choose one finding for each image.",
        ),
    ]


def _is_joined(name: str, classes: Iterable[str]) -> bool:
    parts = [part for part in SEPARATORS.split(name) if part]
    if len(parts) > 1:
        return True
    known = {each.casefold() for each in classes if each != name}
    parts = [part.casefold() for part in SOFT_SEPARATORS.split(name) if part]
    return len(parts) > 1 and not known.isdisjoint(parts)


def _folders(manifest: Manifest) -> list[Finding]:
    counts = Counter(row.label for row in manifest.rows)
    classes = list(manifest.classes)
    wrappers = [name for name in classes if WRAPPERS.fullmatch(name.lower())]
    found = _finding(
        "wrapper_class",
        wrappers,
        "named like a folder of files rather than a finding",
        "Give the folder that holds one folder per class, or a table with the labels.",
    )
    people = [name for name in classes if PATIENT.fullmatch(name.lower())]
    per_class = sorted(counts.values())
    few = len(classes) >= LEAST_CLASSES and per_class[len(per_class) // 2] <= FEWEST_PER_CLASS
    if few or (len(people) > 1 and 2 * len(people) > len(classes)):
        text = (
            f"{len(classes)} classes with {len(manifest)} images: {listed(classes, NAMED)}; these "
            "look like patients or files, not like findings"
        )
        advice = "Put the images into one folder per class, or give a table with the labels."
        code = "classes_like_patients"
        found.append(Finding(code=code, text=text, advice=advice, items=tuple(classes)))
    if len(classes) == 1 and not wrappers:
        text = f"all images are of one class, {classes[0]}: a classifier needs at least two"
        advice = "Give the folder that holds one folder per class."
        code = "one_class"
        found.append(Finding(code=code, text=text, advice=advice, items=tuple(classes)))
    return found


def _finding(code: str, names: Sequence[str], what: str, advice: str) -> list[Finding]:
    if not names:
        return []
    who = f"class {names[0]!r}" if len(names) == 1 else f"{len(names)} classes"
    text = f"{who} {what}"
    text += "" if len(names) == 1 else f": {listed([repr(name) for name in names], NAMED)}"
    return [Finding(code=code, text=text, advice=advice, items=tuple(names))]


def _patients(rows: Sequence[Row]) -> list[Finding]:
    """Return the patients whose names differ only in case, blanks or leading zeros."""
    alike = defaultdict[str, set[str]](set)
    for row, unknown in zip(rows, unnamed(rows), strict=True):
        if not unknown:
            alike[_plain(row.group)].add(row.group)
    sets = [" = ".join(sorted(names)) for _, names in sorted(alike.items()) if len(names) > 1]
    if not sets:
        return []
    text = (
        f"patients whose names differ only in case, blanks or leading zeros: {listed(sets, NAMED)}"
    )
    advice = "Spell each patient in one way, or one person is in both training and test data."
    return [Finding(code="similar_patients", text=text, advice=advice, items=tuple(sets))]


def _plain(name: str) -> str:
    """Return a patient without case, blanks, leading zeros, and the ``.0`` of spreadsheets."""
    text = "".join(name.casefold().split())
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"^(\d+)\.0+$", r"\1", text))
