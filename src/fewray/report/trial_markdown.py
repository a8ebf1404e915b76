"""The trial in docs/results.md: verdict, comparisons, arms, classes, sensitivity, subsets, audit, folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fewray.report.fields import (
    accuracies,
    cohort,
    counted,
    external_title,
    folding,
    kept_split,
    rejected,
    units,
)
from fewray.report.limits import limits
from fewray.report.methods import averaged, methods_paragraph, unseen
from fewray.report.text import (
    commands,
    count,
    escaped,
    listed,
    number,
    p_value,
    points,
    points_interval,
    score,
    sentence,
    table,
)

CLASS_SCORES = {
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "ppv": "PPV",
    "f1": "F1",
    "auroc": "AUROC",
}
ARM_SCORES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "auroc": "AUROC",
    "brier": "Brier",
    "calibration_error": "calibration error",
}
LOSSES = {
    "loss_d": "Loss_D",
    "loss_g": "Loss_G",
    "d_x": "D(x)",
    "d_g_z1": "D(G(z)) before",
    "d_g_z2": "after",
}
"""By key of study.json: name in tables."""


def render_trial(
    study: Mapping[str, Any],
    timing: Mapping[str, Any],
    run: Mapping[str, Any],
    pictures: Sequence[str] = (),
) -> str:
    """Return the page of a trial. ``timing`` and ``run`` may be empty; ``pictures`` are lines put below the verdict.

    ``run`` holds ``commands``, ``hardware``, ``date`` and ``notes``: what a study cannot know of itself.
    """
    data = study["data"]
    warnings = [
        w for w in (study.get("audit") or {}).get("warnings") or [] if w not in study["answer"]
    ]
    notes = [
        *warnings,
        *(w for w in data.get("warnings") or [] if w not in study["answer"]),
        *run.get("notes", []),
    ]
    parts = [
        f"# The trial on {escaped(data['name'])}\n\n"
        f"{'Made by `make docs` from `docs/results/*.json`; not' if run else 'Not'} for clinical use.\n",
        "**Verdict.**\n\n"
        + "".join(f"- {escaped(line)}\n" for line in study["answer"].splitlines()),
        f"{cohort(data)}, {folding(study)}, {count(len(study['seeds']), 'classifier seed')}, preset {study['preset']}.\n",
        "".join(f"- {sentence(escaped(note))}\n" for note in notes),
        commands(run, timing),
        _comparisons(study),
        *pictures,
        _arms(study),
        _classes(study),
        _analyses("Sensitivity analyses", study.get("sensitivity") or {}, study["reference"]),
        _analyses("Subsets", study.get("subsets") or {}, study["reference"]),
        _external(study),
        _audit(study),
        _folds(study),
        _generators(study),
        "## Limits\n\n" + "".join(f"- {escaped(limit)}\n" for limit in limits(study)),
        f"## Methods\n\n{escaped(study.get('methods') or methods_paragraph(study))}\n",
    ]
    return "\n".join(part for part in parts if part)


def _comparisons(study: Mapping[str, Any]) -> str:
    found = study.get("comparisons") or {}
    if not found:
        return "## Comparisons\n\nNo arm was compared with another.\n"
    decided, described = [], []
    for name, c in found.items():
        arm = escaped(name)
        smallest, holm = (
            points(c.get(key), signed=False)
            for key in ("minimal_detectable", "minimal_detectable_holm")
        )
        ps = (p_value(c.get("p_holm")), p_value(c.get("p")))
        verdict = f"**{c['verdict']}**"
        decided.append(
            (
                arm,
                verdict,
                points(c.get("difference")),
                points_interval(c.get("ci")),
                *ps,
                smallest,
                holm,
            )
        )
        spread = (
            number(c.get("discordance")),
            points(c.get("standard_error"), 2, signed=False),
            number(c.get("df"), 0),
        )
        described.append(
            (arm, p_value(c.get("p_mcnemar")), p_value(c.get("p_corrected_t")), *spread)
        )
    header = (
        "arm",
        "verdict",
        "difference",
        "95 % interval",
        "p (Holm)",
        "p",
        "detectable",
        "detectable (Holm)",
    )
    texts = "".join(
        f"- {escaped(name)}: {sentence(escaped(c['text']))}\n"
        for name, c in found.items()
        if c.get("text")
    )
    return (
        f"## Comparisons with {escaped(study['reference'])}\n\nPoints of accuracy, arm less reference, paired over "
        f"{units(study['data'])}, seeds averaged first. Detectable: the smallest difference seen with 80 % power, alone and as "
        f"the first in Holm's order. Intervals are not corrected for the number of arms.\n\n{table(header, decided)}\n{texts}\nDescriptive only, no part of the verdict:\n\n"
        + table(
            ("arm", "p exact McNemar", "p corrected t", "discordance", "standard error", "df"),
            described,
        )
        + _described(study)
    )


def _described(study: Mapping[str, Any]) -> str:
    pairs = study.get("descriptive") or {}
    rows = [
        (escaped(name), points(c.get("difference")), points_interval(c.get("ci")))
        for name, c in pairs.items()
    ]
    words = "Two other arms, described: not in Holm's correction, no verdict."
    return f"\n{words}\n\n{table(('arms', 'difference', '95 % interval'), rows)}" if rows else ""


def _arms(study: Mapping[str, Any]) -> str:
    rows = []
    for name, arm in study["arms"].items():
        scores = (score(arm.get(key)) for key in ARM_SCORES)
        rows.append(
            (
                escaped(name),
                arm.get("train_images"),
                arm.get("steps"),
                *scores,
                escaped(arm["description"]),
            )
        )
    header = ("arm", "training images", "steps", *ARM_SCORES.values(), "what it is")
    spread = [
        (
            escaped(name),
            *(
                ", ".join(number(v) for v in accuracies(arm, key)) or "none"
                for key in ("by_seed", "by_fold")
            ),
        )
        for name, arm in study["arms"].items()
    ]
    return (
        "## Arms\n\nScores of out-of-fold predictions [95 % interval]. Whether an arm helps is read from the paired "
        f"comparisons, not from two of these intervals.\n\n{table(header, rows)}\nAccuracy over seeds and folds:\n\n"
        + table(("arm", "by seed", "by fold"), spread)
    )


def _classes(study: Mapping[str, Any]) -> str:
    rows = [
        (
            escaped(label),
            escaped(name),
            *(score(arm["per_class"][label].get(key)) for key in CLASS_SCORES),
        )
        for label in study["data"]["classes"]
        for name, arm in study["arms"].items()
        if label in (arm.get("per_class") or {})
    ]
    return f"## Classes\n\n{table(('class', 'arm', *CLASS_SCORES.values()), rows)}" if rows else ""


def _analyses(title: str, found: Mapping[str, Any], reference: str) -> str:
    rows = []
    for analysis, block in found.items():
        for name, arm in block["arms"].items():
            c = (block.get("comparisons") or {}).get(name)
            compared = (
                ("reference" if name == reference else "", "", "")
                if c is None
                else (
                    points(c.get("difference")),
                    points_interval(c.get("ci")),
                    p_value(c.get("p")),
                )
            )
            own = escaped(block.get("reference") or reference)
            shown = (
                escaped(analysis),
                block.get("rows", ""),
                escaped(name),
                score(arm["accuracy"]),
            )
            rows.append((*shown, *compared[:1], own if c else "", *compared[1:]))
    if not rows:
        return ""
    words = "".join(
        f"- {escaped(k)}: {sentence(escaped(b['description']))}\n"
        for k, b in found.items()
        if b.get("description")
    )
    header = ("analysis", "images", "arm", "accuracy", "difference", "from", "95 % interval", "p")
    if not any(block.get("rows") for block in found.values()):
        header, rows = (header[0], *header[2:]), [(row[0], *row[2:]) for row in rows]
    return f"## {title}\n\nNot corrected for their number; no verdicts.\n\n{words and words + chr(10)}{table(header, rows)}"


def _external(study: Mapping[str, Any]) -> str:
    found = study.get("external")
    if found is None:
        return ""
    rows = [(escaped(name), score(arm["accuracy"])) for name, arm in found["arms"].items()]
    title = f"## {external_title(study)}: {escaped(found['name'])}, {count(found['rows'], 'image')}"
    own = (
        " It is the data set's own test split, no set from elsewhere." if kept_split(study) else ""
    )
    return f"{title}\n\nOnly predicted: {sentence(averaged(found))}{own}\n\n{table(('arm', 'accuracy'), rows)}"


def _audit(study: Mapping[str, Any]) -> str:
    audit = study.get("audit") or {}
    if not audit.get("models"):
        return ""
    classes, reference = study["data"]["classes"], study["arms"].get(study["reference"]) or {}
    rows = [
        (
            escaped(n),
            number(m.get("accuracy")),
            *(number((m.get("auroc") or {}).get(c)) for c in classes),
        )
        for n, m in audit["models"].items()
    ]
    own = (((reference.get("per_class") or {}).get(c) or {}).get("auroc") for c in classes)
    rows.append(
        (
            f"arm {escaped(study['reference'])}",
            score(reference.get("accuracy")),
            *(score(found) for found in own),
        )
    )
    header = ("model", "accuracy", *(f"AUROC {escaped(c)}" for c in classes))
    told = f"Told apart by one of them: {escaped(listed(audit.get('told_apart') or []))}."
    return (
        "## Shortcut audit\n\nModels that see " + unseen(study) + f", in the same folds; chance is "
        f"{number(audit.get('chance'))}. {told}\n\n{table(header, rows)}"
    )


def _folds(study: Mapping[str, Any]) -> str:
    classes = study["data"]["classes"]
    rows = [
        (f["repeat"], f["fold"], f["train"], f["train_groups"], f["test"], f["test_groups"],
         *(f"{f['counts'][c]['train']} / {f['counts'][c]['test']}" if c in f["counts"] else "" for c in classes))
        for f in study.get("folds") or []
    ]  # fmt: skip
    groups, one = counted(study["data"])
    header = ("repeat", "fold", "train", groups, "test", groups, *map(escaped, classes))
    joined = count(len(study.get("joined_groups") or []), "pair")
    alike = f"{joined} counted as {one}, since images of theirs are alike."
    return f"## Folds\n\nClasses: train / test. {alike}\n\n{table(header, rows)}"


def _generators(study: Mapping[str, Any]) -> str:
    found, copies_of = study.get("generators"), rejected(study) or {}
    if not found:
        return ""
    rows = []
    for label, g in found.items():
        length = (number(g.get(key), 0) for key in ("epochs", "steps", "images_seen"))
        final = (number((g.get("final") or {}).get(key)) for key in LOSSES)
        copies = (number((copies_of.get(label) or {}).get(key), 0) for key in ("kept", "rejected"))
        rows.append((escaped(label), escaped(g.get("recipe")), *length, *final, *copies))
    header = (
        "class",
        "recipe",
        "epochs",
        "steps",
        "images seen",
        *LOSSES.values(),
        "kept",
        "copies rejected",
    )
    searched = "" if copies_of else " Images were not searched for copies."
    return f"## Generators\n\nMeans over folds; each saw its fold's training rows only.{searched}\n\n{table(header, rows)}"
