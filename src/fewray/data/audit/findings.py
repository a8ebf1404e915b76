"""Findings on files, grey scales, splits and shortcuts, from the rest of a data check."""

from __future__ import annotations

from collections.abc import Sequence

from fewray.data.manifest import DataWarning, Manifest
from fewray.data.skipped_files import listed, plural
from fewray.results.data_check import DataCheck, Finding

NAMED = 5
"""How many files a finding lists in its text before it counts the rest."""
REPEATED = {"byte_equal", "depth_by_class", "dicom_dark", "dicom_excess_bits"}
"""Warnings of the manifest that the check gives itself, with more detail: ``dicom_dark`` is
``unused_bits`` here."""

NEAR = {
    False: "If both images of a pair show one person, give them one patient.",
    True: "Of a pair of one patient, keep one image if it is the same exposure: it counts twice.",
}
"""Advice on near-duplicates, by whether both images are of the same patient."""


def of_warning(warning: DataWarning) -> Finding:
    """Return a warning of the manifest as a finding."""
    return Finding(code=warning.code, text=warning.text, items=warning.items)


def loading_findings(manifest: Manifest) -> list[Finding]:
    """Return what loading the data set has found."""
    own = [of_warning(w) for w in manifest.warnings if w.code not in REPEATED]
    count = len(manifest.where(origin="synthetic"))
    if not count:
        return own
    which = f"{count} of {len(manifest)} images are synthetic"
    which = "all images are synthetic" if count == len(manifest) else which
    text = f"{which}: `train` and `study` refuse them"
    return [Finding(code="synthetic_images", text=text), *own]


def file_findings(found: DataCheck) -> list[Finding]:
    """Return unreadable files, duplicates and near-duplicates."""
    findings = []
    if names := tuple(found.unreadable):
        shown = listed([f"{name} ({why})" for name, why in found.unreadable.items()], NAMED)
        text = f"skipped {plural(names, 'unreadable file')}, which training refuses: {shown}"
        findings.append(Finding(code="unreadable_files", text=text, items=names))
    if two := _equal(found.two_classes):
        text = (
            f"the same file is in two classes: {listed(two, NAMED)}; training refuses this data set"
        )
        findings.append(Finding(code="two_classes", text=text, items=two))
    if same := _equal(found.duplicates):
        sets = plural(same, "set")
        text = f"{sets} of byte-equal files: keep one of each, or they count more than once"
        findings.append(Finding(code="duplicates", text=text, items=same))
    if near := tuple(f"{p.first} ~ {p.second}" for p in found.near_duplicates):
        text = f"{plural(near, 'pair')} of near-duplicates: {listed(near, NAMED)}"
        kinds = {pair.one_patient for pair in found.near_duplicates}
        advice = " ".join(("Inspect them.", *(NEAR[kind] for kind in sorted(kinds))))
        findings.append(Finding(code="near_duplicates", text=text, advice=advice, items=near))
    return findings


def scale_findings(found: DataCheck) -> list[Finding]:
    """Return classes with another grey scale, and images with pixels outside the scale."""
    findings = []
    depths = {label: files.depth for label, files in found.classes.items() if files.depth}
    if len(set(depths.values())) > 1:
        shown = ", ".join(f"{label} ({depth})" for label, depth in depths.items())
        text = f"classes differ in grey scale: {shown}; all are read as {found.pixel_scale}"
        findings.append(Finding(code="depth_by_class", text=text, items=tuple(depths)))
    if outliers := found.outliers:
        first = f"{outliers[0].path} ({outliers[0].minimum:g} to {outliers[0].maximum:g})"
        text = (
            f"{plural(outliers, 'image')} with pixels outside the grey scale "
            f"({found.pixel_scale}), which are clipped; first {first}"
        )
        items = tuple(o.path for o in outliers)
        findings.append(Finding(code="pixel_outliers", text=text, items=items))
    return findings


def split_findings(found: DataCheck) -> list[Finding]:
    """Return the classes without a readable image in one of the splits."""
    if len(found.counts) < 2:
        return []
    empty = [
        (split, label) for split, row in found.counts.items() for label, n in row.items() if not n
    ]
    if not empty:
        return []
    shown = listed([f"{label} in {split}" for split, label in empty], NAMED)
    text = f"a split has no image of a class: {shown}"
    advice = (
        "Move images of whole patients there, or leave the class out; scores of a class without "
        "test images do not exist."
    )
    labels = tuple(dict.fromkeys(label for _, label in empty))
    return [Finding(code="class_missing_in_split", text=text, advice=advice, items=labels)]


def leak_findings(found: DataCheck) -> list[Finding]:
    """Return images and patients in both splits, and classes that metadata gives away."""
    findings = []
    if images := _equal(found.images_across_splits):
        text = f"the split leaks: the same image is in both splits: {listed(images, NAMED)}"
        findings.append(Finding(code="images_across_splits", text=text, items=images))
    if patients := found.groups_across_splits:
        text = f"the split leaks: patients with images in both splits: {listed(patients, NAMED)}"
        findings.append(Finding(code="patients_across_splits", text=text, items=patients))
    if found.shortcut and (labels := found.shortcut.identified):
        rate = found.shortcut.majority_class_rate
        which = ", ".join(found.shortcut.telling) or "several kinds together"
        text = (
            f"a model reaches {found.shortcut.accuracy:.0%} accuracy from file metadata ({which}; "
            f"majority-class rate {rate:.0%}) and identifies {', '.join(labels)}: a classifier "
            "may learn the source of the file, not the lungs"
        )
        advice = (
            "Find out why the files of the classes differ. If they were only saved in other ways, "
            "convert all from the originals in one way. If they come from other sources, take "
            "every class from every source, or test on images from another hospital (--external)."
        )
        findings.append(Finding(code="metadata_shortcut", text=text, advice=advice, items=labels))
    return findings


def _equal(sets: Sequence[Sequence[str]]) -> tuple[str, ...]:
    return tuple(" = ".join(names) for names in sets)
