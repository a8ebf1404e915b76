"""Findings on images that differ from the rest of the data set: size, shape, depth, polarity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from fewray.data.audit.inspection import InspectedFile
from fewray.data.audit.pictures import FLAT, NAMED
from fewray.data.audit.polarity import opposite_classes, polarity
from fewray.data.skipped_files import listed, plural
from fewray.errors import InputError
from fewray.imaging.depth import GreyRange, choose_scale
from fewray.results.data_check import Finding

LEAST_FILES = 5
"""With fewer images, none is called unlike the rest."""
DEVIATIONS = 5.0
"""Distance from the median of an odd size or shape, in standard deviations, estimated from the
median absolute deviation (Hampel 1974). Largest in covid4: 4.5 for size, 2.5 for shape."""
LEAST_FACTOR = 2.0
"""Smaller ratios to the median size or shape are never odd."""
FEW = 0.1
"""Largest share of the images that set the grey scale of all others, for a finding."""


def size_findings(files: Mapping[str, InspectedFile]) -> list[Finding]:
    """Return the images whose area, or width / height, is far from that of most others."""
    names, facts = list(files), [file.facts for file in files.values()]
    if len(facts) < LEAST_FILES:
        return []
    common, count = Counter(f"{f.width}x{f.height}" for f in facts).most_common(1)[0]
    middle = int(np.median([np.sqrt(f.width * f.height) for f in facts]))
    usual = f"most are {common}" if 2 * count > len(facts) else f"the median side is {middle}"
    odd = _far(np.log2([f.width * f.height for f in facts]))
    shapes = [i for i in _far(np.log2([f.width / f.height for f in facts])) if i not in odd]
    found = []
    for code, which, what, advice in (
        ("odd_sizes", odd, f"size ({usual})", "contact sheets, thumbnails and screenshots"),
        ("odd_shapes", shapes, "width / height", "strips, crops and pictures of several views"),
    ):
        if which:
            items = tuple(names[i] for i in which)
            shown = [f"{names[i]} ({facts[i].width}x{facts[i].height})" for i in which]
            text = f"{plural(items, 'image')} of unusual {what}: {listed(shown, NAMED)}"
            advice = f"Look for {advice} among them."
            found.append(Finding(code=code, text=text, advice=advice, items=items))
    return found


def _far(values: np.ndarray) -> list[int]:
    """Return the indices of outliers among log2 values."""
    distance = np.abs(values - np.median(values))
    spread = 1.4826 * float(np.median(distance))
    return np.flatnonzero(distance > max(np.log2(LEAST_FACTOR), DEVIATIONS * spread)).tolist()


def depth_findings(files: Mapping[str, InspectedFile]) -> list[Finding]:
    """Return mixtures of bit depths, and the few files that set the scale of all others."""
    found = []
    kinds = Counter(file.kind for file in files.values())
    if len(kinds) > 1:
        usual = kinds.most_common(1)[0][0]
        names = [name for name, file in files.items() if file.kind != usual]
        counts = ", ".join(f"{kind}: {count}" for kind, count in kinds.most_common())
        text = f"images of different bit depth ({counts}), which are scaled in different ways"
        found.append(
            Finding(
                code="mixed_depths",
                text=f"{text}: {listed(names, NAMED)}",
                advice="Export all images with the same depth and grey scale.",
                items=tuple(names),
            )
        )
    deep = {name: grey for name, file in files.items() if (grey := _undeclared(file))}
    if len(deep) < LEAST_FILES:
        return found
    tops = {name: _top(grey) for name, grey in deep.items()}
    highest = max(tops.values())
    setters = [name for name, top in tops.items() if top == highest]
    others = [grey for name, grey in deep.items() if tops[name] < highest]
    if others and len(setters) <= FEW * len(deep):
        scale = choose_scale(others).describe()
        text = (
            f"{plural(setters, 'image')} of {len(deep)} set the grey scale of all: "
            f"{listed(setters, NAMED)}; without them it would be {scale}"
        )
        advice = "Rescale or remove them, or all other images stay dark."
        found.append(Finding(code="scale_outliers", text=text, advice=advice, items=tuple(setters)))
    return found


def _undeclared(file: InspectedFile) -> GreyRange | None:
    """Return the range of an integer image whose depth the data set decides."""
    grey = file.grey_range
    if grey is None or grey.floating or grey.dicom_window is not None or grey.declared_bits:
        return None
    return grey


def _top(grey: GreyRange) -> float:
    try:
        bounds = choose_scale([grey]).integers
    except InputError:
        return 0.0
    return bounds[1] - bounds[0] if bounds else 0.0


def polarity_findings(
    files: Mapping[str, InspectedFile], label_of: Mapping[str, str], classes: Sequence[str]
) -> list[Finding]:
    """Return the images of opposite polarity within a class, and classes that differ in it."""
    axes, inverted = {}, list[str]()
    for label in classes:
        names = [name for name in files if label_of[name] == label and _shows(files[name])]
        thumbnails = [files[name].thumbnail for name in names]
        found = polarity(np.stack([t for t in thumbnails if t is not None])) if names else None
        if found is not None:
            axes[label] = found
            inverted += [names[i] for i in found.opposite]
    findings = []
    if inverted:
        text = (
            f"{plural(inverted, 'image')} of opposite polarity (black and white swapped) to most "
            f"of their class: {listed(inverted, NAMED)}"
        )
        advice = (
            "Look at them: they may be inverted (bone is bright in radiographs) or another view."
        )
        findings.append(
            Finding(code="opposite_polarity", text=text, advice=advice, items=tuple(inverted))
        )
    if others := opposite_classes(axes):
        first = next(iter(axes))
        text = f"classes differ in polarity: {', '.join(others)} is the inverse of {first}"
        advice = "Invert one of them: a classifier would learn nothing else."
        findings.append(
            Finding(code="polarity_by_class", text=text, advice=advice, items=(first, *others))
        )
    return findings


def _shows(file: InspectedFile) -> bool:
    seen = file.appearance
    return file.thumbnail is not None and seen is not None and seen.flat < FLAT
