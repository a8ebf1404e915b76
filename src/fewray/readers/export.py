"""Exports: one CSV row per answer, and the input file of the FDA's iMRMC software."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from fewray.errors import InputError
from fewray.readers.reading_table import ReadingTable
from fewray.storage.files import write_bytes

CSV, IMRMC = "readings.csv", "readings.imrmc"
COLUMNS = (
    *("reader", "grade", "case", "image", "kind", "class", "generator", "modality", "source"),
    *("showing", "called", "confidence", "rating", "named_class", "x", "y", "ms", "at"),
)


def export_readings(table: ReadingTable, generators: tuple[str, ...], folder: Path) -> list[Path]:
    """Write ``readings.csv`` and ``readings.imrmc`` into ``folder`` and return their paths."""
    if not table.readers:
        raise InputError("no_reader_finished", f"{folder}: no reader has finished")
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / CSV, readings_csv(table, generators).encode())
    write_bytes(folder / IMRMC, imrmc_text(table, generators).encode())
    return [folder / CSV, folder / IMRMC]


def readings_csv(table: ReadingTable, generators: tuple[str, ...]) -> str:
    """Return one row per answer; ``case`` and ``modality`` are the numbers in the iMRMC file."""
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(COLUMNS)
    numbers = {name: i for i, name in enumerate(generators, start=1)}
    sides = (("first", table.first), ("again", table.again))
    for i, reader in enumerate(table.readers):
        for showing, answers in sides:
            for case, item in enumerate(table.items, start=1):
                if (each := answers[i].get(item.id)) is None:
                    continue
                called = "synthetic" if each.synthetic else "real"
                rows.writerow(
                    [
                        *(reader.id, reader.grade or "", case, item.id, item.kind, item.label),
                        *(item.generator or "", numbers.get(item.generator or "", "")),
                        *(item.source, showing, called, each.confidence, each.rating),
                        *(each.label or "", each.x, each.y, each.ms, each.at),
                    ]
                )
    return stream.getvalue()


def imrmc_text(table: ReadingTable, generators: tuple[str, ...]) -> str:
    """Return the first readings in the input format of iMRMC (Gallas et al. 2009).

    A header with the numbers of readers, of cases without (real) and with (synthetic) the signal
    and of modalities, then one line per truth, ``-1,case,0,truth``, and one per reading,
    ``reader,case,modality,score``. Real images are read once and stand in every modality.
    """
    n0, n1 = int((~table.synthetic).sum()), int(table.synthetic.sum())
    lines = [
        "fewray reader study: 0 is real, 1 is synthetic",
        f"NR: {len(table.readers)}",
        f"N0: {n0}",
        f"N1: {n1}",
        f"NM: {len(generators)}",
        "",
        "BEGIN DATA:",
    ]
    cases = range(1, len(table.items) + 1)
    lines += [f"-1,{case},0,{int(table.synthetic[case - 1])}" for case in cases]
    for modality, name in enumerate(generators, start=1):
        shown = table.of_generator(name) | ~table.synthetic
        for reader in range(len(table.readers)):
            lines += [
                f"{reader + 1},{case},{modality},{table.ratings[reader, case - 1]}"
                for case in cases
                if shown[case - 1]
            ]
    return "\n".join(lines) + "\n"


def read_imrmc(text: str) -> tuple[np.ndarray, dict[tuple[str, str], dict[str, float]]]:
    """Return the truth (cases, 2: number, truth) and the scores by reader and modality, by case.

    InputError ``imrmc_invalid`` for text that is not in the format.
    """
    _, found, data = text.partition("BEGIN DATA:")
    truth, scores = [], {}
    for number, line in enumerate(data.strip().splitlines(), start=1):
        cells = [cell.strip() for cell in line.split(",")]
        try:
            reader, case, modality, score = cells
            value = float(score)
        except ValueError:
            message = f"data line {number}: {line!r}; expected reader,case,modality,score"
            raise InputError("imrmc_invalid", message, line=number) from None
        if reader in ("-1", "truth"):
            truth.append((float(case), value))
        else:
            scores.setdefault((reader, modality), {})[case] = value
    if not found or not truth:
        raise InputError("imrmc_invalid", "no line `BEGIN DATA:` with truth lines after it")
    return np.array(truth), scores
