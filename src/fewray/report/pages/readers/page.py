"""A reader study: its tables on the terminal, its sections, and its page."""

from __future__ import annotations

from pathlib import Path

from fewray.report.page import Bullets, Page, Section, Text
from fewray.report.pages.readers.plots import auc_plot, click_maps, image_pictures
from fewray.report.tables import Column, Table
from fewray.report.text import estimate, interval, number, p_value, sentence
from fewray.results.readers.scores import (
    RESULTS,
    ImageReadings,
    ReaderResults,
    ReaderScores,
    read_results,
)
from fewray.results.readers.text import limits, methods, sentences

SHOWN = 10
"""Images in the table of those most often taken for real."""
NONE_TAKEN = "No reader called a synthetic image real."


def reader_tables(results: ReaderResults) -> tuple[Table, ...]:
    """Return averages, comparisons of generators, single readers and the hardest images."""
    tables = [_averages(results)]
    if results.comparisons:
        tables.append(_comparisons(results))
    return (*tables, _readers(results), _images(results))


def reader_page(folder: Path) -> Page:
    """Return the page of the reader study in ``folder``; InputError without its results."""
    results = read_results(folder)
    first, *rest = _sections(results, folder)
    return Page.of(
        f"Can readers tell synthetic from real images of {results.real}?",
        f"Reader study {results.name} (visual Turing test).",
        _verdict(results),
        [sentence(limit.text) for limit in limits(results)],
        [first, *rest],
    )


def reader_sections(folder: Path) -> list[Section]:
    """Return one section on the reader study in ``folder``, for a larger page; none without."""
    if not (folder / RESULTS).is_file():
        return []
    results = read_results(folder)
    blocks = [block for section in _sections(results, folder) for block in section.blocks]
    return [Section("readers", "Reader study", (Bullets(tuple(_verdict(results))), *blocks))]


def _verdict(results: ReaderResults) -> list[str]:
    """Return the sentences about AUCs, those of single generators first."""
    return sentences(results)[: len(results.averaged) + len(results.comparisons)]


def _sections(results: ReaderResults, folder: Path) -> list[Section]:
    """Return the sections of the page."""
    averages, *others, readers, images = reader_tables(results)
    notes = Bullets(tuple(sentence(limit.text) for limit in limits(results)))
    convincing = image_pictures(most_convincing(results), results, folder)
    hardest = (images, *convincing) if images.rows else (Text(NONE_TAKEN, "soft"),)
    agreement = sentences(results)[len(results.averaged) + len(results.comparisons) :]
    found = (auc_plot(results), averages, *others, Bullets(tuple(agreement)))
    return [
        Section("findings", "Findings", found),
        Section("single-readers", "Readers", (readers,)),
        Section("convincing", "Images taken for real", hardest),
        Section("clicks", "What readers clicked on", click_maps(results)),
        Section(
            "reader-methods", "Methods of the reader study", (Text(methods(results), "paste"),)
        ),
        Section("reader-limits", "Limits of the reader study", (notes,)),
    ]


def _averages(results: ReaderResults) -> Table:
    header = ("generator", "AUC", "95% CI", "p against 0.5", "df", "note")
    rows = [
        (
            each.generator,
            number(each.auc, 3),
            each.ci and interval(each.ci, 3),
            None if each.p is None else p_value(each.p),
            None if each.df is None else f"{each.df:.1f}",
            each.undefined,
        )
        for each in results.averaged
    ]
    caption = "0.5: readers cannot tell. Readers and images are random (Obuchowski-Rockette)."
    return Table.of("AUC averaged over readers", header, rows, caption)


def _comparisons(results: ReaderResults) -> Table:
    header = ("generators", "difference", "95% CI", "F", "df", "p", "p (Holm)", "note")
    several = len(results.comparisons) > 1
    rows = [
        (
            f"{each.first} - {each.second}",
            f"{round(each.difference, 3) + 0.0:+.3f}",
            each.ci and interval(each.ci, 3),
            None if each.f is None else f"{each.f:.2f}",
            None if each.df is None else f"1, {each.df:.1f}",
            None if each.p is None else p_value(each.p),
            None if each.p_holm is None or not several else p_value(each.p_holm),
            each.undefined,
        )
        for each in results.comparisons
    ]
    caption = "Difference in AUC. Positive: the images of the first are easier to recognise."
    return Table.of("Generators compared", header, rows, caption)


def _readers(results: ReaderResults) -> Table:
    header = [
        *("reader", "grade", "accuracy", "sensitivity", "specificity"),
        *(f"AUC {name}" for name in results.generators),
        *("class right", "repeats same", Column("time", "s", align="right"), "late"),
    ]
    late = any(reader.late for reader in results.readers)
    rows = [_reader(each, results, late=late) for each in results.readers]
    caption = (
        "Sensitivity: share of synthetic images called synthetic. Specificity: share of real "
        "images called real. Time: median per image."
    )
    return Table.of("Readers", header, rows, caption)


def _reader(each: ReaderScores, results: ReaderResults, *, late: bool) -> list[object]:
    return [
        *(each.reader, each.grade, estimate(each.accuracy)),
        *(estimate(each.sensitivity), estimate(each.specificity)),
        *(estimate(each.auc[name]) for name in results.generators),
        None if each.class_accuracy is None else estimate(each.class_accuracy),
        f"{each.repeats_same} of {each.repeats}" if each.repeats else None,
        f"{each.median_seconds:.1f}",
        each.late if late else None,
    ]


def _images(results: ReaderResults) -> Table:
    header = ("image", "class", "called real", "mean rating")
    rows = [
        (
            _name(each, results),
            results.display_names.get(each.label, each.label),
            f"{each.called_real} of {each.readers}",
            number(each.mean_rating, 1),
        )
        for each in most_convincing(results)
    ]
    caption = (
        "By the number of readers who called an image real, then by the mean rating: 1, certainly "
        "real, to 10, certainly synthetic."
    )
    return Table.of("Synthetic images most often taken for real", header, rows, caption)


def _name(image: ImageReadings, results: ReaderResults) -> str:
    """Return the file of an image, and its generator if there are several."""
    name = "/".join(Path(image.source).parts[-3:])
    return f"{image.generator}: {name}" if len(results.generators) > 1 else name


def most_convincing(results: ReaderResults) -> list[ImageReadings]:
    """Return up to ten synthetic images that readers called real, the most often so first."""
    synthetic = (image for image in results.images if image.kind == "synthetic")
    return [image for image in synthetic if image.called_real][:SHOWN]
