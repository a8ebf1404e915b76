"""What a trial cannot say, in sentences, from its own fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fewray.report.methods import detectable, shape
from fewray.report.text import count, listed


def limits(study: Mapping[str, Any]) -> list[str]:
    """Return the limits of ``study`` (schema 3), the gravest first."""
    data, (_, partitions), found = study["data"], shape(study), []
    audit = study.get("audit") or {}
    if data.get("origin") == "phantom":
        found.append("The images are drawings of chest films (phantoms): this shows the method, not a finding.")
    if study.get("preset") == "quick":
        found.append("Preset quick is too short and too small to decide anything.")
    if told := audit.get("told_apart"):
        found.append(
            f"{listed(told)} can be told by a shortcut (see the audit): accuracy may measure where a film comes from, not the disease."
        )
    found.append(
        f"{count(data['rows'], 'image')} of {count(data['groups'], 'patient')}: the smallest difference seen with 80 % "
        f"power is {detectable(study)}. A smaller one may be there unseen."
    )
    if data["groups"] == data["rows"]:
        found.append("Every image counts as a patient of its own; if patients share images, intervals are too narrow.")
    if study.get("generators"):
        found.append(
            "Intervals and p are conditional on the generators trained: others, of other seeds, may do better or worse."
        )
    if len(study["seeds"]) == 1:
        found.append("One classifier seed: what training by chance adds is not seen.")
    else:
        found.append("Seeds on the same folds are not new patients: more of them do not narrow the sampling error.")
    if partitions == 1:
        found.append("One partition: other folds may give other figures; the corrected t test needs several.")
    if study.get("sensitivity") or study.get("subsets"):
        found.append("Sensitivity analyses and subsets are not corrected for their number: they lead to no verdict.")
    if study.get("external") is None:
        found.append("No external test set: how the classifiers do on films from elsewhere is not known.")
    found.append("The networks are small and the images reduced: this compares arms, it is no diagnostic system.")
    return found
