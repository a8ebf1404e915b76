"""Pages of generators: how their trainings ended, what the quality court says of their images, the pictures of both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fewray.errors import InputError
from fewray.generators.log import LOG, read_log, trained_with
from fewray.quality.names import METRICS
from fewray.quality.remarks import k_of, remarks_of
from fewray.report.schemas import LAST_ROW, TRAINING
from fewray.report.shape import fault
from fewray.report.text import commands, number, table
from fewray.storage.files import read_json, read_object


def training_facts(run_dir: Path) -> dict[str, Any]:
    """Return where the training in ``run_dir`` stands: its options, each class's last row and every measured row."""
    logs = {path.parent.name: read_log(path.parent) for path in sorted(run_dir.glob(f"*/{LOG}"))}
    if not any(logs.values()):
        raise InputError(
            f"{run_dir}: holds no study.json and no <class>/stats.jsonl; a folder made by fewray is wanted"
        )
    path = run_dir / "options.json"
    options = read_object(path)
    if found := fault(options, TRAINING):
        raise InputError(f"{path}: {found}; make the run again")
    for label, rows in logs.items():
        if rows and (found := fault(rows[-1], LAST_ROW)):
            raise InputError(
                f"{run_dir / label / LOG}, last line: {found}; remove the line, or train again"
            )
    return {
        "options": options,
        "classes": {
            label: {
                "last": rows[-1],
                "measured": [row for row in rows if row.get("fid") is not None],
                "trained": trained_with(run_dir / label),
            }
            for label, rows in logs.items()
            if rows
        },
    }


def render_training(
    facts: Mapping[str, Any], run: Mapping[str, Any] | None = None, folder: Path | None = None
) -> str:
    """Return the page of generators alone; ``run`` is as in :func:`render_results`. An unfinished training says so.

    ``folder`` may hold a ``quality.json`` of their images, and pictures beside it.
    """
    run = run or {}
    options = facts["options"]
    ends = {label: f["last"] for label, f in facts["classes"].items()}
    unfinished = [
        label for label, e in ends.items() if e["epoch"] < e["epochs"] or not e.get("finite", True)
    ]
    unfinished += [label for label in options["classes"] if label not in facts["classes"]]
    state = (
        f"**Not finished**: {', '.join(unfinished)}. No classifier has been trained on these images: there is no answer "
        "here to whether they help.\n"
        if unfinished
        else "Generators only: whether their images help is not asked here.\n"
    )
    parts = [
        f"# Generators trained on {options['data']}\n\nNot for clinical use.\n",
        state,
        *(f"- {note}\n" for note in run.get("notes", [])),
        commands(run, {}),
        *training_tables(facts),
    ]
    if folder is not None:
        if (folder / "quality.json").exists():
            parts.append(
                f"## The quality court\n\n{render_quality(read_json(folder / 'quality.json'))}"
            )
        parts += pictures(folder)
    return "\n".join(part for part in parts if part)


def training_tables(facts: Mapping[str, Any]) -> list[str]:
    """Return how the trainings ended, class by class, and the figures measured on the way."""
    options, rows, measured = facts["options"], [], []
    for label, found in facts["classes"].items():
        last = found["last"]
        done = f"{last['epoch']} of {last['epochs']}{'' if last.get('finite', True) else ', not finite'}"
        losses = (number(last[k]) for k in ("loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2"))
        rows.append(
            (label, done, last["step"], last["images_seen"], *losses, f"{last['seconds'] / 60:.0f}")
        )
        measured += [
            (label, m["epoch"], m["num_real"], m["num_fake"], number(m["fid"], 1), number(m["kid"]), number(m["is"], 2),
             m["extractor"])
            for m in found["measured"]
        ]  # fmt: skip
    ends = (
        "class",
        "epochs",
        "steps",
        "images seen",
        "Loss_D",
        "Loss_G",
        "D(x)",
        "D(G(z)) before",
        "after",
        "minutes",
    )
    parts = [
        f"## Training\n\nRecipe {options['gan']['recipe']}, precision {_each(facts, 'precision')}, threads a training "
        f"{_each(facts, 'threads')}, seed {options['seed']}. Means over the last epoch.\n\n{table(ends, rows)}"
    ]
    if measured:
        header = ("class", "epoch", "real", "synthetic", "FID", "KID", "IS", "extractor")
        parts.append(
            f"## Against the real training images\n\nKID is unbiased (all images); FID is far above its large-n value at "
            f"this n.\n\n{table(header, measured)}"
        )
    return parts


def _each(facts: Mapping[str, Any], name: str) -> str:
    """Return what the classes were trained with: one value, or each with its classes."""
    labels: dict[Any, list[str]] = {}
    for label, found in facts["classes"].items():
        labels.setdefault(found.get("trained", {}).get(name, facts["options"][name]), []).append(
            label
        )
    if len(labels) == 1:
        return str(next(iter(labels)))
    return ", ".join(f"{value} ({', '.join(named)})" for value, named in labels.items())


def render_quality(quality: Mapping[str, Any]) -> str:
    """Return the figures of quality.json by class and pooled, and where each lies between real and noise."""
    everything = {**quality["classes"], "all": quality["pooled"]}
    figures, scale = [], []
    for label, q in everything.items():
        interval = "" if q["kid_ci"] is None else f" [{q['kid_ci'][0]:.3f}, {q['kid_ci'][1]:.3f}]"
        others = [
            number(q[name], digits)
            for name, (_, digits) in METRICS.items()
            if name not in ("fid", "kid_mean")
        ]
        first = (
            label,
            q["num_real"],
            q["num_fake"],
            number(q["fid"], 1),
            f"{number(q['kid'])}{interval}",
        )
        figures.append((*first, *others, len(q["copies"])))
    for name, (shown, digits) in METRICS.items():
        for label, q in everything.items():
            if (floor := q["floor"].get(name)) is not None:
                value, real = (f"{floor[key]:.{digits}f}" for key in ("value_mean", "mean"))
                noise = "" if floor["ceiling"] is None else f"{floor['ceiling']:.{digits}f}"
                spread = f"{floor['std']:.{digits}f}"
                scale.append(
                    (shown, label, floor["m"], value, f"{real} ± {spread}", noise, floor["verdict"])
                )
    names = [shown for name, (shown, _) in METRICS.items() if name not in ("fid", "kid_mean")]
    return (
        f"Against the real training images, extractor {quality['extractor']} ({quality['pooled']['dim']} features), "
        f"k {k_of(quality)}.\n\n"
        f"{table(('class', 'real', 'synthetic', 'FID', 'KID [95 %]', *names, 'copies'), figures)}\n"
        + "".join(f"- {sentence}\n" for sentence in quality["sentences"])
        + "\n"
        "Between real and noise, at m images a side; floor: real half against real half, mean ± sd over random splits "
        "(MS-SSIM: the real images' own, its standard error).\n\n"
        f"{table(('metric', 'class', 'm', 'synthetic', 'real half', 'noise', 'verdict'), scale)}"
        + "\n"
        + "".join(f"- {remark}.\n" for remark in remarks_of(quality))
    )


PICTURES = {
    "synthetic.png": "The first twelve seeds of each class, not chosen",
    "curves.png": "Losses, D(x), D(G(z)), FID and KID over training",
    "closest.png": "The twelve synthetic images of each class nearest to a training image by aligned pixels, nearest first",
}
"""By file name in the page's folder, the folder above the study's; made by docs/picture.py."""


def pictures(folder: Path) -> list[str]:
    """Return the pictures that lie in the folder above ``folder``, each with what it shows."""
    there = [(name, text) for name, text in PICTURES.items() if (folder.parent / name).is_file()]
    return [
        f"![{text}]({name})\n\n*{text}; classes from top to bottom as in the tables.*\n"
        for name, text in there
    ]
