"""Analyse a reader study: scores of each reader, averages, comparisons, agreement, images."""

from __future__ import annotations

import numpy as np
from scipy.stats import binomtest

from fewray.errors import InputError
from fewray.readers.averages import averages, placed
from fewray.readers.reading_table import ReadingTable, reading_table
from fewray.readers.statistics.auc import auc_interval, delong_variance
from fewray.readers.statistics.kappa import Kappa, cohen_kappa, fleiss_kappa
from fewray.readers.study import ReaderStudy
from fewray.results.readers.scores import (
    Agreement,
    Clicks,
    ImageReadings,
    ReaderResults,
    ReaderScores,
)
from fewray.results.scores import Estimate, Matrix, StudyWarning

BINS = 16
"""Cells per side of the click grids."""
FEW_READERS = 5


def analyse_study(study: ReaderStudy) -> ReaderResults:
    """Return the results of all readers who have finished; InputError ``no_reader_finished``."""
    table = reading_table(study)
    if not table.readers:
        progress = ", ".join(f"{r.reader} {r.done} of {r.total}" for r in table.left_out)
        message = f"{study.folder}: no reader has finished ({progress or 'none invited'})"
        raise InputError("no_reader_finished", message, folder=study.folder)
    generators = study.file.generators
    averaged, comparisons = averages(table, generators)
    return ReaderResults(
        name=study.file.name,
        options=study.file.options,
        classes=study.file.classes,
        display_names=study.file.display_names,
        generators=generators,
        real=study.file.real,
        phantom=study.file.phantom,
        simulated=any(reader.simulated for reader in table.readers),
        readers=tuple(_scores(table, i, study) for i in range(len(table.readers))),
        left_out=table.left_out,
        averaged=averaged,
        comparisons=comparisons,
        between_readers=_between(table),
        within_readers=_within(table),
        images=_images(table),
        clicks=_clicks(table),
        warnings=(*study.file.warnings, *_warnings(table)),
    )


def _scores(table: ReadingTable, i: int, study: ReaderStudy) -> ReaderScores:
    called = table.ratings[i] > 5
    right = called == table.synthetic
    answers = [*table.first[i].values(), *table.again[i].values()]
    first, again = table.repeated(i)
    kappa = cohen_kappa(first, again)
    limit = study.options.seconds
    named = None
    if study.options.ask_class:
        pairs = [(table.first[i][item.id].label, item.label) for item in table.items]
        named = _share(np.array([a == b for a, b in pairs if a is not None], dtype=bool))
    return ReaderScores(
        reader=table.readers[i].id,
        grade=table.readers[i].grade,
        num_real=int((~table.synthetic).sum()),
        num_synthetic=int(table.synthetic.sum()),
        accuracy=_share(right),
        sensitivity=_share(right[table.synthetic]),
        specificity=_share(right[~table.synthetic]),
        auc={name: _auc(table, i, name) for name in study.file.generators},
        class_accuracy=named,
        repeats=len(first),
        repeats_same=int((first == again).sum()),
        within_kappa=None if kappa is None else kappa[0],
        median_seconds=float(np.median([each.ms for each in answers])) / 1000,
        late=sum(each.ms > 1000 * limit for each in answers) if limit else 0,
    )


def _auc(table: ReadingTable, i: int, generator: str) -> Estimate:
    of_real, of_synthetic = (each[i] for each in placed(table, generator))
    value, variance = float(of_real.mean()), float(delong_variance(of_real, of_synthetic))
    return Estimate(value=value, ci=auc_interval(value, variance, len(of_real), len(of_synthetic)))


def _share(right: np.ndarray) -> Estimate:
    """Return the share of True and Wilson's interval."""
    if not len(right):
        return Estimate(value=None, ci=None)
    found = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    return Estimate(value=float(right.mean()), ci=(float(found.low), float(found.high)))


def _between(table: ReadingTable) -> Agreement:
    called = (table.ratings > 5).sum(0)
    counts = np.c_[called, len(table.readers) - called]
    return _agreement(fleiss_kappa(counts), len(table.items), len(table.readers))


def _within(table: ReadingTable) -> Agreement:
    pairs = [table.repeated(i) for i in range(len(table.readers))]
    first, again = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    return _agreement(cohen_kappa(first, again), len(first), len(table.readers))


def _agreement(kappa: Kappa | None, images: int, readers: int) -> Agreement:
    value, ci = kappa or (None, None)
    return Agreement(kappa=value, ci=ci, images=images, readers=readers)


def _images(table: ReadingTable) -> tuple[ImageReadings, ...]:
    found = []
    for k, item in enumerate(table.items):
        column = table.ratings[:, k]
        found.append(
            ImageReadings(
                id=item.id,
                source=item.source,
                kind=item.kind,
                label=item.label,
                generator=item.generator,
                readers=len(column),
                called_real=int((column <= 5).sum()),
                mean_rating=float(column.mean()),
            )
        )

    def order(image: ImageReadings) -> tuple[bool, int, float, str]:
        """Synthetic images first, those most often called real on top; real ones reversed."""
        sign = 1 if image.kind == "synthetic" else -1
        called, rating = -sign * image.called_real, sign * image.mean_rating
        return image.kind == "real", called, rating, image.source

    return tuple(sorted(found, key=order))


def _clicks(table: ReadingTable) -> Clicks:
    kinds = {item.id: item.synthetic for item in table.items}
    points: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for answers in (*table.first, *table.again):
        for image, each in answers.items():
            if each.x is not None and each.y is not None:
                points[kinds[image]].append((each.y, each.x))
    return Clicks(synthetic=_grid(points[True]), real=_grid(points[False]))


def _grid(points: list[tuple[float, float]]) -> Matrix:
    places = np.array(points, dtype=np.float64).reshape(-1, 2)
    counts, _, _ = np.histogram2d(*places.T, bins=BINS, range=[(0, 1), (0, 1)])
    return tuple(tuple(map(float, row)) for row in counts)


def _warnings(table: ReadingTable) -> list[StudyWarning]:
    found = []
    if len(table.readers) < FEW_READERS:
        text = (
            f"few readers ({len(table.readers)}): the interval for new readers is wide and covers "
            "less often than it should"
        )
        found.append(StudyWarning(code="few_readers", text=text))
    if table.left_out:
        names = ", ".join(f"{r.reader} ({r.done} of {r.total})" for r in table.left_out)
        text = f"not finished and not analysed: {names}"
        found.append(StudyWarning(code="readers_left_out", text=text))
    return found
