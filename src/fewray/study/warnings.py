"""What a reader must know before believing a study, as coded warnings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from fewray.data.audit.shortcuts import SOURCES, ShortcutAudit
from fewray.data.manifest import CONFOUNDED, PATIENTS, UNREAD, Manifest
from fewray.data.patients import unnamed
from fewray.results.names import arm_name, sentence_case
from fewray.results.scores import StudyWarning
from fewray.study.folds import merged_text


def patients_known(manifest: Manifest) -> Literal["all", "some", "none"]:
    """Return of how many images the patient is known."""
    unknown = sum(unnamed(manifest.rows))
    return "all" if not unknown else "none" if unknown == len(manifest) else "some"


def data_warnings(manifest: Manifest, *, audited: bool = True) -> list[StudyWarning]:
    """Return what was found when the data set was read, and whether its patients are known.

    If the study is ``audited``, :func:`audit_warnings` covers classes that differ in source.
    """
    elsewhere = {PATIENTS, UNREAD, *([CONFOUNDED] if audited else [])}
    noted = [w for w in manifest.warnings if w.code not in elsewhere]
    return [
        *patient_warnings(manifest),
        *(StudyWarning(code=warning.code, text=warning.text) for warning in noted),
    ]


def patient_warnings(manifest: Manifest) -> list[StudyWarning]:
    """Return a warning if some patients are unknown, and those about columns that may name them."""
    unknown = sum(unnamed(manifest.rows))
    found = [w for w in manifest.warnings if w.code == UNREAD]
    unread = [StudyWarning(code=w.code, text=w.text) for w in found]
    if not unknown:
        return unread
    who = "No image has a patient ID"
    if unknown < len(manifest):
        who = f"{unknown} of {len(manifest)} images have no patient ID"
    text = (
        f"{who}. Each of these images is counted as a separate patient, so one patient may be in "
        "both training and test, which inflates the accuracy of every arm. Give patient IDs in a "
        "CSV column `group` or with --group-regex."
    )
    return [StudyWarning(code="patients_unknown", text=text), *unread]


def external_warnings(
    manifest: Manifest, external: Manifest, merged: Mapping[tuple[str, str], float]
) -> list[StudyWarning]:
    """Return what limits the external set: unknown patients, and the patients that were merged."""
    found = []
    unknown = sum(unnamed(external.rows))
    if unknown and not all(unnamed(manifest.rows)):
        reasons = [w.text for w in external.warnings if w.code == "group_regex_no_match"]
        why = f" ({reasons[0]})" if reasons else ""
        text = (
            f"External set {external.name}: {unknown} of {len(external)} images have no patient "
            f"ID{why}. A patient who is also in {manifest.name} would not be found, and each of "
            "these images is counted as a separate patient."
        )
        found.append(StudyWarning(code="external_patients_unknown", text=text))
    if merged:
        text = (
            f"External set {external.name}: its intervals are computed after {merged_text(merged)}."
        )
        found.append(StudyWarning(code="external_patients_merged", text=text))
    return found


def audit_warnings(
    audit: ShortcutAudit, accuracies: Mapping[str, float | None], manifest: Manifest
) -> list[StudyWarning]:
    """Return what the shortcut audit means for the arms, given the accuracy of each arm.

    One warning covers all classes that some model identifies. Another says that such models come
    within 5 points, or twice their standard error, of the best arm, or that they beat the
    majority-class rate although no arm does.
    """
    causes = [w.text.rstrip(".") for w in manifest.warnings if w.code == CONFOUNDED]
    found = []
    if audit.identified:
        identifying = [name for name, labels in audit.identified_by.items() if labels]
        best = max(identifying, key=lambda name: audit.accuracy[name])
        share = f"a model reaches {100 * audit.accuracy[best]:.0f}% accuracy from {SOURCES[best]}"
        how = "without seeing the lungs"
        if identifying == ["thumbnail"]:
            how = "by coarse brightness or framing"
        if identifying == ["metadata"]:
            how = "by how their files were saved"
        names = " and ".join(manifest.display_names.get(k, k) for k in audit.identified)
        cause = "; ".join(causes) or f"{names} can be identified {how}"
        text = f"{sentence_case(cause)}; {share}."
        found.append(
            StudyWarning(
                code="identified_without_lungs", text=text, classes=tuple(audit.identified)
            )
        )
    else:
        found += [StudyWarning(code=CONFOUNDED, text=f"{cause}.") for cause in causes]
    known = {arm: value for arm, value in accuracies.items() if value is not None}
    if not known:
        return found
    arm = max(known, key=lambda name: known[name])
    near = [name for name in audit.accuracy if audit.comes_near(name, known[arm])]
    if not near:
        return found
    shown = ", ".join(f"{100 * audit.accuracy[name]:.0f}% from {SOURCES[name]}" for name in near)
    majority = f"majority-class rate {100 * audit.majority_class_rate:.0f}%"
    best_arm = f"{arm_name(arm)}, {100 * known[arm]:.0f}%"
    if audit.beats_majority(known[arm]):
        code = "simple_models_near_best_arm"
        crop = "" if near == ["metadata"] else "Crop to the lungs. "
        text = (
            f"Models that see little or nothing of the lungs come close to the best arm "
            f"({best_arm}; {majority}): {shown}. {crop}Test on images from another hospital "
            "(--external)."
        )
    else:
        code = "only_simple_models_beat_majority"
        text = (
            f"No arm beats the {majority} by two standard errors ({best_arm}), but models that see "
            f"little or nothing of the lungs do: {shown}."
        )
    return [*found, StudyWarning(code=code, text=text)]
