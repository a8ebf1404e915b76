"""Choose one label per image where a radiograph may show several findings, or uncertain ones.

Public data sets and reports name all findings of an image. A classifier of this package learns one
label per image, so the user names the labels to compare, and the images that show exactly one of
them are kept. The others are counted by reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from fewray.config.reading import FindingOptions, spelling
from fewray.data.manifest import DataWarning, Manifest
from fewray.errors import InputError

ANY = FindingOptions()
"""Each image has one label."""


class LeftOut(StrEnum):
    """Why an image is left out. The values are the codes of the warnings."""

    NONE = "no_chosen_label"
    SEVERAL = "several_chosen_labels"
    UNCERTAIN = "uncertain_label"


TEXTS = {
    LeftOut.NONE: "with none of the labels {labels}",
    LeftOut.SEVERAL: "with more than one of the labels {labels}",
    LeftOut.UNCERTAIN: "uncertain for one of the labels {labels}; --uncertain positive or negative "
    "keeps them",
}
NAMED = 20
"""How many findings an error lists before it counts the rest."""


@dataclass
class LabelChooser:
    """Chooses the label of each image of one data set, and counts those left out by reason."""

    options: FindingOptions
    excluded: Counter[LeftOut] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    """The number of images with each finding, positive or uncertain, chosen or not."""

    def __post_init__(self) -> None:
        self._chosen = {spelling(label): label for label in self.options.labels}

    def label(self, positive: Collection[str], uncertain: Collection[str] = ()) -> str | None:
        """Return the label of an image, spelled as the user does, or None if it is left out.

        ``positive`` and ``uncertain`` name its findings. "No Finding" is a finding like any other.
        """
        chosen = choose_label(positive, uncertain, self.options)
        self.found.update({*positive, *uncertain})
        if isinstance(chosen, LeftOut):
            self.excluded[chosen] += 1
            return None
        return chosen

    def check(self, source: str) -> None:
        """Raise InputError ``unknown_label`` if no image of ``source`` has one of the labels."""
        known = {spelling(name) for name in self.found}
        if missing := [label for key, label in self._chosen.items() if key not in known]:
            message = f"{source}: no image has the label {', '.join(missing)}; {self._listed()}"
            raise InputError("unknown_label", message, labels=missing, known=sorted(self.found))

    def needs_labels(self, source: str) -> InputError:
        """Return the error ``labels_needed``, for a source with several findings per image."""
        message = (
            f"{source}: images may have several findings: name the labels to compare, as in "
            f'--labels "Pneumonia,No Finding"; {self._listed()}'
        )
        return InputError("labels_needed", message, known=sorted(self.found))

    def warnings(self) -> list[DataWarning]:
        """Return a warning for each reason: its code, and the count as its only item."""
        labels = ", ".join(self.options.labels)
        return [
            DataWarning(
                reason.value,
                f"left out {_images(self.excluded[reason])} {text.format(labels=labels)}",
                (str(self.excluded[reason]),),
            )
            for reason, text in TEXTS.items()
            if self.excluded[reason]
        ]

    def _listed(self) -> str:
        names = [f"{name} ({count})" for name, count in self.found.most_common(NAMED)]
        more = f" and {len(self.found) - NAMED} more" if len(self.found) > NAMED else ""
        return f"images by finding: {', '.join(names) or 'none'}{more}"


def with_labels(data: Manifest, options: FindingOptions) -> Manifest:
    """Return the images of ``data`` that have one of the labels; each image has one label.

    Without ``options.labels``, all are kept. Raises InputError ``unknown_label``.
    """
    if not options.labels:
        return data
    chooser = LabelChooser(options)
    labels = [chooser.label([row.label]) for row in data.rows]
    chooser.check(data.name)
    rows = tuple(
        replace(row, label=label)
        for row, label in zip(data.rows, labels, strict=True)
        if label is not None
    )
    names = {
        label: data.display_names.get(row.label)
        for row, label in zip(data.rows, labels, strict=True)
    }
    return replace(
        data,
        rows=rows,
        classes=tuple(sorted({row.label for row in rows})),
        display_names={label: name for label, name in names.items() if label and name},
        warnings=(*data.warnings, *chooser.warnings()),
    )


def choose_label(
    positive: Iterable[str], uncertain: Iterable[str], options: FindingOptions
) -> str | LeftOut:
    """Return the one label of ``options.labels`` that an image shows, or why there is none.

    An image whose findings among the labels are not all certain is left out with ``drop``, even
    if it certainly shows another one: it may show both.
    """
    known = {spelling(label): label for label in options.labels}
    shown = {spelling(name) for name in positive} & known.keys()
    doubtful = ({spelling(name) for name in uncertain} & known.keys()) - shown
    if options.uncertain == "positive":
        shown |= doubtful
    elif options.uncertain == "drop" and doubtful:
        return LeftOut.SEVERAL if len(shown) > 1 else LeftOut.UNCERTAIN
    if len(shown) == 1:
        return known[shown.pop()]
    return LeftOut.SEVERAL if shown else LeftOut.NONE


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
