"""Findings on the names of classes: labels in doubt, several findings, folders that are no class.

Tables are checked for the first two when they are loaded; here, so are all other data sets.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from fewray.data.manifest import Manifest
from fewray.data.sheets.labels import doubtful_labels, joined_labels
from fewray.data.skipped_files import listed
from fewray.results.data_check import Finding

NAMED = 5
NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
DOUBT = re.compile(
    r"^(nan|n/?a|null|todo|tbd|unlabell?ed|-1(\.0)?)$|"
    r"\b(unknown|not sure|possibl[ey]|probabl[ey]|suspected|maybe|doubtful|rule out)\b"
)
"""Labels, in lower case with blanks for underscores, that say that nobody knows, and that
:func:`fewray.data.sheets.labels.doubtful_labels` lets pass."""
JOINED_WORDS = re.compile(r"\s*[+&]\s*|\s+and\s+|_and_")
"""Words and signs that join findings, if one of these is a class."""
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
    """Return what the names of classes suggest, but for what loading has said."""
    said = {warning.code for warning in manifest.warnings}
    found = [*_labels(manifest.classes), *_folders(manifest)]
    return [each for each in found if each.code not in said]


def _labels(classes: Sequence[str]) -> list[Finding]:
    doubtful = {*doubtful_labels(classes)}
    doubtful |= {name for name in classes if DOUBT.search(name.lower().replace("_", " "))}
    numbers = [name for name in classes if NUMBER.fullmatch(name) and name not in doubtful]
    several = {
        *joined_labels(classes),
        *(name for name in classes if _names_several(name, classes)),
    }
    return [
        *_finding(
            "label_numbers",
            numbers,
            "named by a number",
            "Write the name of the finding instead, so that results can be read.",
        ),
        *_finding(
            "label_doubt",
            sorted(doubtful),
            "whose name says that the label is not known",
            "Leave these images out, or decide on a class for each.",
        ),
        *_finding(
            "joined_labels",
            sorted(several),
            "of several findings",
            "Keep the images with a single finding, or choose one finding for each image.",
        ),
    ]


def _names_several(name: str, classes: Iterable[str]) -> bool:
    parts = [part.casefold() for part in JOINED_WORDS.split(name) if part]
    known = {each.casefold() for each in classes if each != name}
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
    shown = listed([repr(name) for name in names], NAMED)
    text = f"class {what}: {shown}" if len(names) == 1 else f"{len(names)} classes {what}: {shown}"
    return [Finding(code=code, text=text, advice=advice, items=tuple(names))]
