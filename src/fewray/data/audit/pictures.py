"""Findings on single images: blank, dark, masks, drawings, overlays, enlarged copies.

Each threshold lies far outside what the 270 training images of covid4 show, whose extremes are
given with it; docs/data_check.md has the false alarms and the planted faults that were found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

from fewray.data.audit.appearance import SIDE, Appearance
from fewray.data.audit.inspection import InspectedFile
from fewray.data.skipped_files import listed, plural
from fewray.imaging.levels import FEW_LEVELS
from fewray.results.data_check import Finding

NAMED = 5
"""How many files a finding lists in its text before it counts the rest."""
TRANSPARENT, PARTLY = 0.95, 0.05
"""Shares of transparent pixels of an image that is invisible, or partly so. covid4 has none."""
FLAT = 0.95
"""Share of one grey level (+-2) in a blank image. Largest in covid4: 0.30."""
DARK = 64
"""99% of the pixels of a dark image are below this grey level. Smallest 99th percentile in covid4:
135."""
FAINT = 32
"""Contrast, without 1% at each end, of a faint image, in grey levels. Smallest in covid4: 121."""
MARKED, COLOUR = 0.0005, 0.5
"""Shares of coloured pixels of a grey image with coloured marks, and of a colour picture. In
covid4, two images with coloured text have 0.0026 and 0.0032, all others at most 0.0002."""
SOFT = -2.9
"""Detail of an image that was enlarged to 64 pixels. Smallest in covid4: -2.7."""

Rule = Callable[[InspectedFile, Appearance], bool]
RULES: dict[str, Rule] = {
    "transparent_images": lambda file, seen: seen.transparent >= TRANSPARENT,
    "blank_images": lambda file, seen: seen.flat >= FLAT and not _uses_few_levels(file, seen),
    "unused_bits": lambda file, seen: file.grey_range is not None and _is_narrow(seen),
    "dark_images": lambda file, seen: seen.high < DARK,
    "faint_images": lambda file, seen: seen.contrast < FAINT,
    "few_grey_levels": lambda file, seen: seen.in_three_levels >= FEW_LEVELS,
    "colour_images": lambda file, seen: seen.coloured >= COLOUR,
    "coloured_marks": lambda file, seen: seen.coloured >= MARKED,
    "partly_transparent": lambda file, seen: seen.transparent >= PARTLY,
    "smaller_than_training": lambda file, seen: max(file.facts.width, file.facts.height) < SIDE,
    "little_detail": lambda file, seen: seen.detail < SOFT,
}
"""Which images each finding is about. The first rule that holds counts; the others are skipped."""
INVISIBLE = ("transparent_images", "blank_images", "few_grey_levels", "colour_images")
"""Codes of images that show no radiograph, and are not compared with the others."""
WORDS = {
    "transparent_images": (
        "transparent image",
        "(the pixels are read as black)",
        "Save them without transparency, or remove them.",
    ),
    "blank_images": (
        "blank or nearly blank image",
        f"(one grey level has {FLAT:.0%} of the pixels or more)",
        "Remove them, or export them again.",
    ),
    "unused_bits": (
        "nearly black, white or grey image",
        "(at most a quarter of the bit depth is used)",
        "Correct BitsStored or add a window (DICOM), or rescale all images in the same way.",
    ),
    "dark_images": (
        "nearly black image",
        f"(99% of the pixels are darker than {DARK} of 255)",
        "Export them again with the window that is used for viewing.",
    ),
    "faint_images": (
        "image",
        f"with hardly any contrast (fewer than {FAINT} of 256 grey levels)",
        "Look at them; export them again or remove them.",
    ),
    "few_grey_levels": (
        "image",
        "with two or three grey levels, like masks, drawings or text",
        "Move masks and drawings out of the data folder, or leave them out of the table.",
    ),
    "colour_images": (
        "image",
        "in colour, like photographs and colour maps",
        "Look at them, and remove what is no radiograph.",
    ),
    "coloured_marks": (
        "grey image",
        "with coloured marks or text",
        "Use the originals without marks: a classifier may learn the marks.",
    ),
    "partly_transparent": (
        "image",
        f"with transparent areas ({PARTLY:.0%} of the pixels or more), which are read as black",
        "Save them without transparency if these areas belong to the radiograph.",
    ),
    "smaller_than_training": (
        "image",
        f"smaller than {SIDE} x {SIDE} pixels, enlarged to fit",
        "Use the originals.",
    ),
    "little_detail": (
        "image",
        f"without fine detail, as after enlarging to {SIDE} x {SIDE} pixels",
        "Use the originals: a classifier or generator may learn the blur.",
    ),
}
"""By code: what the images are, and what to do."""


def _is_narrow(seen: Appearance) -> bool:
    """Whether an image uses at most a quarter of the grey levels that its scale has."""
    return seen.contrast < DARK


def _uses_few_levels(file: InspectedFile, seen: Appearance) -> bool:
    """Whether an image of more than 8 bits looks flat only because its scale is too wide."""
    found = file.grey_range
    return found is not None and _is_narrow(seen) and found.high - found.low > 2 * SIDE


def image_findings(files: Mapping[str, InspectedFile]) -> list[Finding]:
    """Return what stands out in single images. ``files`` are the readable ones by name."""
    found = defaultdict[str, list[str]](list)
    for name, file in files.items():
        if (seen := file.appearance) is None:
            continue
        for code, holds in RULES.items():
            if holds(file, seen):
                found[code].append(name)
                break
    findings = []
    for code, (noun, what, advice) in WORDS.items():
        if names := found[code]:
            who = f"all {len(files)} images:" if len(names) == len(files) > 1 else ""
            which = f"{plural(names, noun)} {what}: {listed(names, NAMED)}"
            text = " ".join((who, which)).strip() + _stored(code, names[0], files)
            findings.append(Finding(code=code, text=text, advice=advice, items=tuple(names)))
    return findings


def _stored(code: str, name: str, files: Mapping[str, InspectedFile]) -> str:
    """Return which stored values the first image has, if these explain the finding."""
    grey = files[name].grey_range
    if code != "unused_bits" or grey is None:
        return ""
    bits = f" of {files[name].facts.mode}" if grey.dicom_window is not None else ""
    return f" (the first has stored values {grey.minimum:g} to {grey.maximum:g}{bits})"
