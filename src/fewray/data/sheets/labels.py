"""Read the label of each row: one word, several findings in a cell, or a column per finding."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from fewray.config.reading import ReadOptions, spelling
from fewray.data.findings import LabelChooser
from fewray.data.manifest import DataWarning
from fewray.data.patients import MISSING, NOTHING
from fewray.data.skipped_files import listed
from fewray.errors import InputError

JOINTS = re.compile(r"\s*[|;,]\s*")
STRONG_JOINTS = re.compile(r"\s*[|;]\s*")
"""Signs between findings. A comma may also stand in the name of a single one."""
POSITIVE = ("1", "true", "yes", "y", "x", "positive", "present")
NEGATIVE = ("0", "false", "no", "n", "negative", "absent", *NOTHING)
UNCERTAIN = ("-1", "u", "uncertain", "unsure", "equivocal", "unknown", "possible", "?")
"""Cells of a column per finding, in lower case, that say whether an image shows it."""
DOUBT = re.compile(r"\?|\b(uncertain|unsure|unclear|equivocal|indeterminate)\b", re.IGNORECASE)
IS, NEXT = "\x1e", "\x1f"
"""Signs in the text of a row with a column per finding, which no name of a column has."""
WHOLE = re.compile(r"([+-]?\d+)[.,]0+")


@dataclass
class LabelReader:
    """Reads the labels of one table. Without ``options.labels``, a cell is a label."""

    options: ReadOptions
    columns: Mapping[str, int] = field(default_factory=dict)
    """The column of each finding, for a table without a column of labels."""
    cells: dict[str, int] = field(default_factory=dict)
    """The number of images by label, as written."""

    def __post_init__(self) -> None:
        self.chooser = LabelChooser(self.options)
        self._chosen = {spelling(_plain_number(label)) for label in self.options.labels}

    def raw(self, cells: Sequence[str], index: int | None) -> str:
        """Return what a row says of its findings, as one text."""
        if index is not None:
            return cells[index]
        return NEXT.join(f"{name}{IS}{cells[i].strip()}" for name, i in self.columns.items())

    def label(self, text: str, path: str) -> str | None:
        """Return the label in a text of :meth:`raw`, "" if there is none, None if it is left out.

        Raises ValueError for a cell of a finding's column that is neither yes, no nor uncertain.
        """
        if not self.options.labels:
            label = cell_label(text, path)
            self.cells[label] = self.cells.get(label, 0) + 1
            return label
        if self.columns:
            return self.chooser.label(*_from_columns(text))
        return self.chooser.label(*self._from_cell(text))

    def _from_cell(self, text: str) -> tuple[set[str], set[str]]:
        whole = _plain_number(text.strip())
        if spelling(whole) in self._chosen:
            return {self._as_chosen(whole)}, set()
        if whole == "-1" and "1" in self._chosen:  # 1 yes, 0 no, -1 uncertain
            yes, no = self._as_chosen("1"), self._as_chosen("0")
            if "0" in self._chosen and self.options.uncertain == "negative":
                return {no}, set()
            return set(), {yes}
        parts = [part.strip(" []{}'\"") for part in JOINTS.split(text)]
        named = [part for part in parts if part.lower() not in MISSING]
        sure = {self._as_chosen(part) for part in named if not DOUBT.search(part)}
        doubtful = {DOUBT.sub("", part).strip(" ()-:") for part in named if DOUBT.search(part)}
        return sure, {self._as_chosen(part) for part in doubtful if part}

    def _as_chosen(self, part: str) -> str:
        """Return a finding as the user spells it, where a number may have decimals."""
        plain = _plain_number(part)
        return next((w for w in self.options.labels if _plain_number(w) == plain), part)

    def check(self, source: str, *, strict: bool) -> list[DataWarning]:
        """Return what is strange about the labels, and how many images were left out.

        Raises InputError ``unknown_label``, and if ``strict``, ``labels_needed`` for labels that
        join findings and ``uncertain_labels`` for marks of doubt.
        """
        if self.options.labels:
            self.chooser.check(source)
            return self.chooser.warnings()
        found = []
        if combined := joined_labels(self.cells):
            if strict:
                raise self._needs_labels(source, combined)
            text = f"labels join several findings: {listed(combined)}; choose some with --labels"
            found.append(DataWarning("joined_labels", text, tuple(combined)))
        if doubt := doubtful_labels(self.cells):
            text = f"label {', '.join(doubt)} marks doubt, and is no class"
            if strict:
                known = [name for name in self.cells if name not in doubt]
                remedy = f'--labels "{",".join(known)}" --uncertain drop leaves these images out'
                raise InputError("uncertain_labels", f"{source}: {text}. {remedy}.", labels=doubt)
            found.append(DataWarning("label_doubt", text, tuple(doubt)))
        numbers = [name for name in self.cells if _is_number(name) and name not in doubt]
        if numbers:
            text = f"classes are numbers: {listed(numbers)}; write the names of the findings"
            found.append(DataWarning("label_numbers", text, tuple(numbers)))
        return found

    def _needs_labels(self, source: str, combined: Sequence[str]) -> InputError:
        counts: dict[str, int] = {}
        for name, count in self.cells.items():
            for part in JOINTS.split(name) if name in combined else [name]:
                counts[part] = counts.get(part, 0) + count
        shown = [f"{name} ({n})" for name, n in sorted(counts.items(), key=lambda item: -item[1])]
        return InputError(
            "labels_needed",
            f"{source}: labels join several findings, such as {combined[0]!r}, but each class "
            'needs a single one: name those to compare, as in --labels "Pneumonia,No Finding"; '
            f"images by finding: {listed(shown, 20)}",
            labels=list(combined),
            known=sorted(counts),
        )


def cell_label(cell: str, path: str) -> str:
    """Return the class that a cell names, or "" for nan, NA, None, null and an empty cell.

    An image in a folder of that very name is of that class: somebody named it so.
    """
    label = cell.strip()
    folder = PurePath(path.replace("\\", "/")).parent.name
    return "" if label.lower() in MISSING and folder != label else label


def joined_labels(labels: Collection[str]) -> list[str]:
    """Return the labels that join several findings.

    Those with | or ; between words, and those with commas between other labels.
    """
    known = {spelling(label) for label in labels}
    strong = [label for label in labels if _parts(STRONG_JOINTS, label) > 1]
    for label in strong:
        known |= {spelling(part) for part in STRONG_JOINTS.split(label)}
    weak = [
        label
        for label in labels
        if _parts(JOINTS, label) > 1
        and not known.isdisjoint(spelling(part) for part in JOINTS.split(label))
    ]
    return sorted({*strong, *weak})


def doubtful_labels(labels: Collection[str]) -> list[str]:
    """Return the labels that mark doubt: words such as "uncertain", ?, and -1 beside 0 or 1."""
    numbers = {_plain_number(label) for label in labels}
    minus = numbers <= {"-1", "0", "1"} and len(numbers & {"0", "1"}) > 0
    return sorted(
        label
        for label in labels
        if (
            DOUBT.search(label) if not _is_number(label) else minus and _plain_number(label) == "-1"
        )
    )


def _from_columns(text: str) -> tuple[set[str], set[str]]:
    positive, uncertain = set(), set()
    for part in text.split(NEXT):
        name, _, cell = part.partition(IS)
        value = _plain_number(cell).lower()
        if value in POSITIVE:
            positive.add(name)
        elif value in UNCERTAIN:
            uncertain.add(name)
        elif value not in NEGATIVE:
            raise ValueError(
                f"{name} {cell!r}: expected 1 (yes), 0 (no), -1 (uncertain) or nothing"
            )
    return positive, uncertain


def _parts(joint: re.Pattern[str], label: str) -> int:
    return len([part for part in joint.split(label) if part])


def _plain_number(text: str) -> str:
    found = WHOLE.fullmatch(text.strip())
    return found.group(1) if found else text.strip()


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+([.,]\d+)?", text) is not None
