"""``fewray readers new``, ``invite``, ``analyse`` and ``export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import msgspec
import typer

from fewray.cli.output import print_json, print_table
from fewray.cli.params import SOURCES, AsJson, GroupRegex, Sectioned, folder, listed, option, path
from fewray.config.readers import ReaderStudyOptions

app = typer.Typer(
    help="Reader studies (visual Turing tests): can people tell synthetic from real images?",
    no_args_is_help=True,
)
DEFAULTS = ReaderStudyOptions()

Study = Annotated[
    Path, typer.Argument(metavar="STUDY", help="Folder made by `fewray readers new`.", parser=path)
]


@app.command("new", cls=Sectioned)
def new(
    study: Annotated[
        Path, typer.Argument(metavar="STUDY", help="Folder to create.", parser=folder)
    ],
    real: str = option(..., f"Real images. {SOURCES}"),
    synthetic: list[str] = option(
        ...,
        "Synthetic images: [NAME=]FOLDER with one subfolder per class, or a CSV file. Repeat it to "
        "compare generators.",
    ),
    classes: str = option("", "Comma-separated classes to use.", shown="all shared classes"),
    num_real: int = option(DEFAULTS.num_real, "Number of real images."),
    num_synthetic: int = option(
        DEFAULTS.num_synthetic, "Number of synthetic images per generator."
    ),
    practice: int = option(
        DEFAULTS.num_practice, "Number of practice images, whose truth is shown afterwards."
    ),
    repeats: int = option(DEFAULTS.num_repeats, "Number of images shown twice."),
    size: int = option(DEFAULTS.image_size, "Pixels per side at which all images are shown."),
    fit: str | None = option(
        None,
        "How images are made square: pad or squash.",
        shown="as the generators were trained, else pad",
    ),
    seconds: float = option(DEFAULTS.seconds, "Time limit per image in seconds; 0 for none."),
    ask_class: bool = option(False, "Ask for the class, too.", "--ask-class"),
    no_click: bool = option(
        False, "Do not offer a click on what gave the image away.", "--no-click"
    ),
    seed: int = option(DEFAULTS.seed, "Seed of the random choice of images and of their order."),
    group_regex: GroupRegex = None,
    as_json: AsJson = False,
) -> None:
    """Draw images at random for a reader study and write its folder."""
    from fewray import api

    options = ReaderStudyOptions(
        classes=listed(classes) or (),
        num_real=num_real,
        num_synthetic=num_synthetic,
        num_practice=practice,
        num_repeats=repeats,
        image_size=size,
        fit=cast("Any", fit),
        seconds=seconds,
        ask_class=ask_class,
        ask_click=not no_click,
        seed=seed,
    )
    made = api.new_reader_study(study, real, synthetic, options=options, group_regex=group_regex)
    counts = {
        "practice": sum(item.practice for item in made.file.items),
        "real": sum(not item.practice and not item.synthetic for item in made.file.items),
        "synthetic": sum(not item.practice and item.synthetic for item in made.file.items),
    }
    if as_json:
        facts = {"study": str(study), "classes": made.file.classes, "images": counts}
        names = {"generators": made.file.generators}
        print_json({**facts, **names, "warnings": msgspec.to_builtins(made.file.warnings)})
        return
    what = ", ".join(f"{number} {kind}" for kind, number in counts.items())
    print(f"{study}: {what} images of {', '.join(made.file.classes)}")
    for warning in made.file.warnings:
        print(f"note: {warning.text}")
    print(f"Next: fewray readers invite {study}")


@app.command("invite", cls=Sectioned)
def invite(
    study: Study,
    number: int = option(1, "Number of readers to invite."),
    grade: str | None = option(
        None,
        "Grade of these readers: student, resident, consultant, radiographer, physicist, "
        "researcher or other.",
        shown="asked in the study",
    ),
    renew: str | None = option(None, "Give this reader, such as reader03, a new token instead."),
    as_json: AsJson = False,
) -> None:
    """Invite readers and print their secret tokens and addresses, which are stored nowhere.

    Whoever has a token can read as this reader, while `fewray serve` shows the study.
    """
    from fewray.cli.serve import PORT
    from fewray.errors import check_range
    from fewray.readers.invitations import invite_reader, renew_token
    from fewray.readers.study import open_study

    check_range("--number", number, 1, 200)
    where = open_study(study).folder
    if renew is not None:
        made = [renew_token(where, renew)]
    else:
        made = [invite_reader(where, cast("Any", grade)) for _ in range(number)]
    rows = [
        (each.reader.id, each.reader.grade or "", each.token, f"/read/{each.token}")
        for each in made
    ]
    if as_json:
        names = ("reader", "grade", "token", "path")
        print_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    for reader, _, token, address in rows:
        print(f"{reader}  {token}  http://127.0.0.1:{PORT}{address}")
    print(f"The addresses are those of `fewray serve {study.parent}` on this machine.")
    print("For readers elsewhere, start it with --host and use the host and port that it prints.")


@app.command("analyse", cls=Sectioned)
def analyse(study: Study, as_json: AsJson = False) -> None:
    """Analyse the answers of the readers who have finished; write reader-results.json."""
    from fewray import api
    from fewray.report.pages.readers.page import reader_tables
    from fewray.report.tables import print_table as print_typed
    from fewray.results.readers.text import limits, methods, sentences

    found = api.analyse_reader_study(study)
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    for line in sentences(found):
        print(line)
    for table in reader_tables(found):
        print_typed(table)
    for limit in limits(found):
        print(f"note: {limit.text}")
    print(f"Methods: {methods(found)}")


@app.command("export", cls=Sectioned)
def export(
    study: Study,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Folder for the files.", parser=folder, metavar="<dir>"),
    ],
    as_json: AsJson = False,
) -> None:
    """Export all answers as readings.csv, and as input of the FDA's iMRMC software."""
    from fewray.readers.export import export_readings
    from fewray.readers.reading_table import reading_table
    from fewray.readers.study import open_study

    opened = open_study(study)
    written = export_readings(reading_table(opened), opened.file.generators, out)
    if as_json:
        print_json({"files": [str(each) for each in written]})
        return
    for each in written:
        print(each)


@app.command("status", cls=Sectioned)
def status(study: Study, as_json: AsJson = False) -> None:
    """Show how far each reader is."""
    from fewray.readers.session import ReadingSession
    from fewray.readers.study import open_study

    opened = open_study(study)
    rows = []
    for reader in opened.readers:
        progress = ReadingSession(opened, reader.id).progress()
        rows.append((reader.id, reader.grade or "", progress.test_done, progress.test_total))
    header = ("reader", "grade", "answered", "of")
    if as_json:
        print_json([dict(zip(header, row, strict=True)) for row in rows])
    else:
        print_table("Readers", header, rows)
