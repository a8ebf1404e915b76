"""What a trial cannot say, in sentences, from its own fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fewray.report.fields import (
    cohort,
    counted,
    detectable,
    earlier,
    kept_split,
    patients_known,
    shape,
)
from fewray.report.text import listed

NOT_NAMED = {
    "all": "",
    "some": "Images that name no patient count as patients of their own",
    "none": "No patient is known: every image counts as a patient of its own",
}

RESTLESS, SWAYED = 0.25, 0.3
"""Share of images that two seeds disagree on, and mean share of the variance that is the trainings', from which the rule was
measured to err more often than it says (31 % and 0.35 to 0.42; 14 % and 0.15 where it holds)."""


def limits(study: Mapping[str, Any]) -> list[str]:
    """Return the limits of ``study`` (schema 3), the gravest first."""
    data, (_, repeats), found = study["data"], shape(study), []
    audit = study.get("audit") or {}
    if data.get("origin") == "phantom":
        found.append(
            "The images are drawings of chest films (phantoms): this shows the method, not a finding."
        )
    if study.get("preset") == "quick":
        found.append("Preset quick is too short and too small to decide anything.")
    if told := audit.get("told_apart"):
        found.append(
            f"{listed(told)} can be told by a shortcut (see the audit): accuracy may measure where an image comes from, not what it shows."
        )
    found.append(
        f"{cohort(data)}: the smallest difference seen with 80 % power is {detectable(study)}. A smaller one may be there "
        "unseen."
    )
    if said := NOT_NAMED[patients_known(data)]:
        found.append(
            f"{said}; if patients share images, two of one may be in train and test: accuracies are then too high and intervals "
            "too narrow."
        )
    found.append(
        "Copies were looked for as byte-equal, resized or re-encoded images: one that is mirrored, turned, cropped or inverted "
        f"counts as another {counted(data)[1].removeprefix('one ')}."
    )
    if study.get("generators"):
        found.append(
            "Intervals and p are conditional on the generators trained: others, of other seeds, may do better or worse."
        )
    if len(study["seeds"]) == 1:
        found.append("One classifier seed: what training by chance adds is not seen.")
    else:
        found.append(
            "Seeds on the same folds are not new patients: more of them do not narrow the sampling error."
        )
    found += _restless(study)
    found += [f"{said}." for said in earlier(study)]
    if repeats == 1:
        found.append(
            "One repeat: other folds may give other figures; the corrected t test needs several."
        )
    if study.get("sensitivity") or study.get("subsets"):
        found.append(
            "Sensitivity analyses and subsets are not corrected for their number: they lead to no verdict."
        )
    kept = " (the test split that was kept is of the same set)" if kept_split(study) else ""
    if kept or study.get("external") is None:
        found.append(
            f"No external test set{kept}: how the classifiers do on images from elsewhere is not known."
        )
    found.append(
        "The networks are small and the images reduced: this compares arms, it is no diagnostic system."
    )
    return found


def _restless(study: Mapping[str, Any]) -> list[str]:
    comparisons = (study.get("comparisons") or {}).values()
    apart = max((c.get("seeds_disagree") or 0.0 for c in comparisons), default=0.0)
    shares = [share for c in comparisons if (share := c.get("training_share")) is not None]
    swayed = sum(shares) / len(shares) if shares else 0.0
    signs = (
        [f"two seeds disagree on up to {100 * apart:.0f} % of the images"]
        if apart > RESTLESS
        else []
    )
    if swayed > SWAYED:
        signs.append(
            f"{100 * swayed:.0f} % of the comparisons' variance is the trainings', mean over arms"
        )
    if not signs:
        return []
    said = " and ".join(signs)
    return [
        f"{said[0].upper()}{said[1:]}: with trainings so restless the rule called up to 7.3 % of differences real that were "
        "none, where 5 were meant (docs/crossval.md of fewray)."
    ]
