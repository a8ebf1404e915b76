"""The page of a folder of generators, and the blocks that study pages share with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from operator import attrgetter
from pathlib import Path

from fewray.errors import InputError
from fewray.generators.health import findings
from fewray.generators.log import LOG, read_log, read_options
from fewray.report import figures
from fewray.report.files import Timing
from fewray.report.page import Block, Drawing, Group, Page, Picture, Section, Text
from fewray.report.pages.first_screen import PHANTOM, warned
from fewray.report.pages.generator_folders import filmstrip
from fewray.report.tables import Field, Table, fields_table
from fewray.report.text import listed, number, sentence, spelled
from fewray.report.traced import Name
from fewray.results.scores import StudyWarning
from fewray.results.training import (
    EpochRow,
    RunOptions,
    TrainedClass,
    TrainingReport,
    generator_names,
    piece_warnings,
    read_run_options,
)

LOSSES: tuple[Field, ...] = (
    ("loss", "loss", number),
    ("Loss_D", "loss_d", number),
    ("Loss_G", "loss_g", number),
    ("D(x)", "d_x", number),
    ("D(G(z)) before D update", "d_g_z1", number),
    ("D(G(z)) after D update", "d_g_z2", number),
)
FINAL_LOSSES = tuple((name, f"final.{key}", show) for name, key, show in LOSSES)
MEASURED: tuple[Field, ...] = (
    ("epoch", "epoch", str),
    ("real", "num_real", str),
    ("synthetic", "num_fake", str),
    ("FID", "fid", partial(number, digits=1)),
    ("KID", "kid", number),
    ("IS", "inception_score", partial(number, digits=2)),
    ("extractor", "extractor", str),
)


def read_training(run_dir: Path) -> TrainingReport:
    """Return how far the generators in ``run_dir`` have been trained; InputError without any."""
    logs = {path.parent.name: read_log(path.parent) for path in sorted(run_dir.glob(f"*/{LOG}"))}
    if not any(logs.values()):
        raise InputError(
            "no_run",
            f"{run_dir}: contains no study.json and no <class>/{LOG}. Give a folder made by "
            "`fewray study` or `fewray train`.",
            path=run_dir,
        )
    options = read_run_options(run_dir / "options.json")
    trained = {
        label: _trained(run_dir / label, rows, options) for label, rows in logs.items() if rows
    }
    return TrainingReport(options=options, classes=trained)


def _trained(folder: Path, rows: Sequence[EpochRow], options: RunOptions) -> TrainedClass:
    own = read_options(folder) or options
    return TrainedClass(
        last=rows[-1],
        measured=tuple(row for row in rows if row.fid is not None),
        precision=own.precision,
        threads=own.threads,
        device=own.device,
    )


def logged(fields: Sequence[Field], rows: Iterable[object]) -> tuple[Field, ...]:
    """Return the fields that some row has: which losses are logged depends on the family."""
    found = list(rows)
    return tuple(f for f in fields if any(attrgetter(f[1])(row) is not None for row in found))


def losses_caption(rows: Iterable[object], key: str = "loss_d") -> str:
    """Return what the losses in a table are; ``key`` is where a row has a discriminator's loss."""
    with_d = any(attrgetter(key)(row) is not None for row in rows)
    what = "Losses and discriminator outputs" if with_d else "Losses"
    return f"{what} are means over the last epoch."


def training_page(
    training: TrainingReport, folders: Mapping[str, Path], quality: Sequence[Section] = ()
) -> Page:
    """Return the page of generators alone; it says which are unfinished."""
    options, unfinished = training.options, []
    for label in generator_names(options.classes, options.gan):
        trained = training.classes.get(label)
        if trained is None or not _finished(trained.last):
            unfinished.append(label)
    warnings = [f"Training is not finished: {listed(unfinished)}."] if unfinished else []
    pieces = piece_warnings(dict.fromkeys(options.classes, options.gan))
    warnings += [warning.text for warning in pieces]
    return Page.of(
        f"Generators trained on {options.data}",
        f"Recipe {options.gan.recipe}, seed {options.seed}.",
        ["Generators only: no classifier was trained, so nothing is known about augmentation."],
        warnings,
        [
            Section("training", "Training", training_tables(training)),
            *quality,
            Section("images", "Images and training curves", generator_blocks(folders)),
        ],
    )


def _finished(last: EpochRow) -> bool:
    return last.finite and last.epoch >= last.epochs


def training_tables(training: TrainingReport) -> tuple[Table, ...]:
    """Return how each training run ended, and the scores that were measured on the way."""
    last = {c: t.last for c, t in training.classes.items()}
    losses = fields_table("", "class", last, logged(LOSSES, last.values()))
    rows = []
    for trained, row in zip(training.classes.values(), losses.rows, strict=True):
        last = trained.last
        epochs = f"{last.epoch} of {last.epochs}{'' if last.finite else ', not finite'}"
        machine = (number(last.seconds / 60, 0), trained.precision, trained.threads)
        rows.append((row[0], epochs, last.step, last.images_seen, *row[1:], *machine))
    columns = ("class", "epochs", "steps", "images seen", *losses.columns[1:])
    columns = (*columns, "minutes", "precision", "threads")
    caption = losses_caption(trained.last for trained in training.classes.values())
    measured = {(c, row.epoch): row for c, t in training.classes.items() for row in t.measured}
    scores = fields_table(
        "",
        "class",
        {f"{label}, {epoch}": row for (label, epoch), row in measured.items()},
        MEASURED,
        "Against the real training images. KID is unbiased. At these sample sizes FID is far above "
        "its large-sample value.",
    )
    return (Table.of("", columns, rows, caption), *([scores] if measured else []))


def generator_blocks(
    folders: Mapping[str, Path],
    sources: Mapping[str, str] | None = None,
    *,
    phantom: bool = False,
    command: str = "",
) -> tuple[Block, ...]:
    """Return sample grids, training curves, filmstrips and health of the generator of each class.

    ``folders`` is by display name of the class; ``sources`` says which generator it is;
    ``command`` is shown under the figures.
    """
    logs = {label: read_log(folder) for label, folder in folders.items()}
    pictures: list[Block] = []
    for label, folder in folders.items():
        pictures += _grids(label, folder, (sources or {}).get(label, ""), phantom=phantom)
    curves: list[Block] = [
        Drawing(drawn, f"Losses of {label}", command=command, key=_key(label))
        if drawn
        else Text(f"{label}: no {'losses in the ' if found else ''}training log.", "soft")
        for label, found in logs.items()
        for drawn in [figures.loss_curves(found, label)]
    ]
    health: list[Block] = [
        Text(f"{label}: {finding}", "warn")
        for label, found in logs.items()
        for finding in findings(found)
    ]
    grids = [Group(tuple(pictures), "grids")] if pictures else []
    made = [shown for label, folder in folders.items() if (shown := filmstrip(label, folder))]
    filmstrips: list[Block] = [
        *(
            [Text("Images of the same seeds over training.", "soft", html_only=True)]
            if made
            else []
        ),
        *made,
    ]
    return (*health, *_scores(logs, command), *curves, *filmstrips, *grids)


def _key(label: str) -> str:
    return label.key if isinstance(label, Name) else ""


def _grids(label: str, folder: Path, source: str, *, phantom: bool) -> list[Block]:
    found: list[Block] = []
    if real := figures.picture(folder / "reals.png"):
        kind = " (computer-generated phantoms)" if phantom else ""
        caption = f"{label}: images used to train the generator{kind}."
        found.append(Picture(real, f"Training images of {label}", caption, _key(label)))
    fakes = sorted(folder.glob("fakes-*.png"))
    if fakes and (fake := figures.picture(fakes[-1])):
        epoch = int(fakes[-1].stem.removeprefix("fakes-"))
        caption = f"{label}: synthetic images, epoch {epoch}, fixed seeds"
        caption += f", {source}." if source else "."
        found.append(Picture(fake, f"Synthetic images of {label}", caption, _key(label)))
    return found


def _scores(logs: Mapping[str, Sequence[EpochRow]], command: str) -> list[Block]:
    rows = [row for log in logs.values() for row in log]
    extractors = ", ".join(sorted({row.extractor for row in rows if row.extractor}))
    fakes = "/".join(map(str, sorted({row.num_fake for row in rows if row.num_fake})))
    shown = {"fid": "FID", "kid": "KID", "kid_held_out": "KID to held-out images"}
    found = []
    for key, name in shown.items():
        title = f"{name} ({extractors}, {fakes} synthetic images)"
        if drawn := figures.quality_curves(logs, key, title):
            cites = ("heusel2017",) if key == "fid" else ("binkowski2018",)
            label = f"{name} over training"
            found.append(Drawing(drawn, label, command=command, cites=cites))
    return found


def page_warnings(origin: str, warnings: Sequence[StudyWarning]) -> list[str]:
    """Return a study's warnings; for phantoms, the first says what the report is worth."""
    phantom = StudyWarning(code="phantom_data", text=PHANTOM)
    others = [warned(warning) for warning in warnings if warning.code != "phantom_data"]
    return [*([warned(phantom)] if origin == "phantom" else []), *others]


def took(timing: Timing) -> tuple[Block, ...]:
    """Return when a study was run and how long it took, if known."""
    if timing.seconds is None:
        return ()
    where = f" on {timing.host}" if timing.host else ""
    text = f"took {spelled(max(1, round(timing.seconds / 60)), 'minute')}{where}"
    if timing.started:
        text = f"started {_date(timing.started)}; {text}"
    return (Text(sentence(text)),)


def _date(started: str) -> str:
    try:
        found = datetime.fromisoformat(started)
    except ValueError:
        return started
    return f"{found.day} {found:%B %Y, %H:%M %Z}".strip()
