"""Make the rows of a data set of what a release lists and of the files that are there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from fewray.data.dicom.files import DicomFiles, DicomOptions
from fewray.data.dicom.warnings import skipped_dicom
from fewray.data.findings import FindingOptions, LabelChooser
from fewray.data.manifest import DataWarning, Manifest
from fewray.data.releases.layout.listing import ListedImage, Listing, Release
from fewray.data.rows import RowCollector
from fewray.data.skipped_files import plural
from fewray.errors import InputError

Kept = list[tuple[ListedImage, str, str]]
"""Images with their path and their label."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user asks of a release."""

    source: str
    """The release as given to ``--data``, for messages."""
    read: FindingOptions
    dicom: DicomOptions
    group_regex: str | None = None
    strict: bool = True


def collect(release: Release, listing: Listing, request: Request) -> Manifest:
    """Return the images that are there, have the view, and show exactly one of the labels.

    The others are counted by warnings. Raises InputError if no image is left, for a class or at
    all, and for what :class:`RowCollector` refuses.
    """
    present, warnings = _present(release, listing, request)
    present, other_views = _with_view(release, listing, present, request)
    kept, chooser = _labelled(listing, present, request)
    if listing.prepare is not None:
        listing.prepare([image for image, _, _ in kept])
    root = listing.files.root
    scan = DicomFiles()
    if release.is_dicom:
        labels = {label for _, _, label in kept}
        scan = DicomFiles.scan(root, (Path(path) for _, path, _ in kept), request.dicom, labels)
    collector = RowCollector(request.group_regex, request.strict, dicom=scan)
    for image, path, label in kept:
        file, name = Path(path), listing.files.shown(path)
        if release.is_dicom and not scan.has_view(file):
            other_views.append(scan.mask.shown_name(name))
            continue
        collector.add(file, class_name(label), image.split, name=name, group=image.patient)
    if not collector.rows and not collector.faults:
        raise _no_view(request, Counter(header.view for header in scan.headers.values()))
    views = skipped_dicom([], other_views, ",".join(request.dicom.views))
    found = collector.manifest(
        release.name, request.source, [*listing.warnings, *warnings, *chooser.warnings(), *views]
    )
    names = {class_name(label): label for _, _, label in kept if class_name(label) != label}
    return replace(found, display_names=names)


def class_name(label: str) -> str:
    """Return a label as the name of a class, which names folders: without slashes."""
    return label.replace("/", "-").strip()


def _present(
    release: Release, listing: Listing, request: Request
) -> tuple[list[tuple[ListedImage, str]], list[DataWarning]]:
    """Return the listed images that are there, and warnings about the others."""
    find = listing.files.find
    present = [(image, path) for image in listing.images if (path := find(image.file)) is not None]
    total, ends = len(listing.images), {image.file for image in listing.images}
    if not present:
        raise InputError(
            "release_no_images",
            f"{request.source}: none of the {total:,} images listed in {listing.tables} is in "
            f"this folder, which has {len(listing.files):,} images. Expected {release.unpack}.",
            listed=total,
            files=len(listing.files),
        )
    missing = [image.file for image in listing.images if find(image.file) is None]
    strange = [end for end in listing.files.places if end not in ends]
    doubles = [listing.files.shown(path) for path in listing.files.doubles]
    warnings = []
    for code, names, before, after in (
        ("release_files_missing", missing, "missing:", f"of {total:,} listed in {listing.tables}"),
        ("release_not_listed", strange, "skipped", f"that {listing.tables} does not list"),
        ("release_doubles", doubles, "skipped", "that another folder holds too"),
    ):
        if names:
            example = "" if release.is_dicom else f", such as {names[0]}"
            text = f"{before} {plural(names, 'image')} {after}{example}"
            warnings.append(DataWarning(code, text, (str(len(names)),)))
    if repeated := total - len(ends):
        text = f"skipped {repeated:,} repeated rows of {listing.tables}"
        warnings.append(DataWarning("release_rows_repeated", text, (str(repeated),)))
        present = list({image.file: (image, path) for image, path in reversed(present)}.values())
    return present, warnings


def _with_view(
    release: Release, listing: Listing, present: list[tuple[ListedImage, str]], request: Request
) -> tuple[list[tuple[ListedImage, str]], list[str]]:
    """Return the images with one of the views, by the tables, and the names of the others."""
    views = request.dicom.views
    if not views or release.is_dicom:
        return present, []
    if not listing.has_views:
        raise _no_view(request, Counter())
    asked = {view.replace("_", " ") for view in views}
    chosen = [pair for pair in present if _view(pair[0]) in asked]
    if not chosen:
        raise _no_view(request, Counter(_view(image) for image, _ in present))
    return chosen, [image.file for image, _ in present if _view(image) not in asked]


def _view(image: ListedImage) -> str:
    return image.view.replace("_", " ").strip().upper()


def _no_view(request: Request, known: Counter[str]) -> InputError:
    shown = ", ".join(f"{view} ({count:,})" for view, count in known.most_common() if view)
    return InputError(
        "release_no_view",
        f"{request.source}: no image of view {', '.join(request.dicom.views)}; the views are "
        f"{shown or 'not given by this release'}",
        views=sorted(filter(None, known)),
    )


def _labelled(
    listing: Listing, present: list[tuple[ListedImage, str]], request: Request
) -> tuple[Kept, LabelChooser]:
    """Return the images with exactly one of the labels, and the chooser that counted the others."""
    chooser, labels = LabelChooser(request.read), request.read.labels
    if not labels:
        if listing.several:
            for image, _ in present:
                chooser.found.update({*image.positive, *image.uncertain})
            raise chooser.needs_labels(request.source)
        return [(image, path, image.positive[0]) for image, path in present], chooser
    kept = [
        (image, path, label)
        for image, path in present
        if (label := chooser.label(image.positive, image.uncertain)) is not None
    ]
    chooser.check(request.source)
    if empty := [label for label in labels if label not in {label for _, _, label in kept}]:
        reasons = "; ".join(warning.text for warning in chooser.warnings())
        raise InputError(
            "empty_class",
            f"{request.source}: no image is left for the label {', '.join(empty)}: {reasons}",
            labels=empty,
        )
    return kept, chooser
