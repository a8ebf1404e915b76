"""The limits of a cross-validation study, in sentences, from its own fields."""

from __future__ import annotations

from fewray.report.phrases import cohort, detectable, earlier, folds_and_repeats, units
from fewray.report.text import class_name, listed, percent
from fewray.results.crossval import CrossvalStudy

SEED_DISAGREEMENT, TRAINING_SHARE = 0.25, 0.3
"""Share of images on which two seeds disagree, and mean share of the variance due to training.

Above either, the rule was measured to err more often than it states (at 31%, and at 0.35 to 0.42);
it holds at 14% and 0.15 (docs/crossval.md).
"""


def limits(study: CrossvalStudy) -> list[str]:
    """Return the limits of ``study``, the most serious first."""
    data, (_, repeats), found = study.data, folds_and_repeats(study), []
    unit = units(data)
    if study.audit.identified:
        named = listed([class_name(data, label) for label in study.audit.identified])
        found.append(
            f"{named} can be recognised by a shortcut (see the audit), so accuracy may reflect "
            "where an image came from rather than what it shows."
        )
    if study.comparisons:
        found.append(
            f"With {cohort(data)}, the smallest difference detectable with 80% power "
            f"{detectable(study, 'is', 'ranges')}. A smaller effect could have been missed."
        )
    if data.patients_known != "all":
        which = "Some" if data.patients_known == "some" else "All"
        found.append(
            f"{which} images lack a patient ID and count as separate patients. If such images "
            "share a patient, accuracies are too high and intervals too narrow."
        )
    found.append(
        "We searched for duplicates that were byte-identical, resized or re-encoded. A mirrored, "
        "rotated, cropped or inverted duplicate would have been missed."
    )
    if study.generators:
        found.append(
            "Intervals and p-values apply only to the particular generators trained here. "
            "Generators trained with other seeds may do better or worse."
        )
    found.append(
        "Only one classifier seed was used, so the variation between training runs is unknown."
        if len(study.seeds) == 1
        else f"Extra seeds on the same folds are not extra {unit}s and do not reduce sampling "
        "error."
    )
    found += _training_variance(study)
    found += earlier(study)
    if repeats == 1:
        found.append(
            "The cross-validation was run once; a different split could give different results."
        )
    if study.sensitivity or study.subsets:
        found.append(
            "Sensitivity and subset analyses are not corrected for multiple comparisons, so no "
            "verdict is based on them."
        )
    if study.external is None or study.external.own_test_split:
        found.append("No external images were tested, so performance at other sites is unknown.")
    found.append(
        "The networks are small and the images low-resolution. This study compares augmentation "
        "methods; it is not a diagnostic system."
    )
    return found


def _training_variance(study: CrossvalStudy) -> list[str]:
    found = study.comparisons.values()
    disagreement = max((c.seed_disagreement or 0.0 for c in found), default=0.0)
    shares = [c.training_share for c in found if c.training_share is not None]
    share = sum(shares) / len(shares) if shares else 0.0
    signs = []
    if disagreement > SEED_DISAGREEMENT:
        signs.append(f"two seeds disagree on up to {percent(disagreement)} of the images")
    if share > TRAINING_SHARE:
        signs.append(f"{percent(share)} of the variance of the comparisons comes from training")
    if not signs:
        return []
    return [
        f"Training runs vary a lot: {' and '.join(signs)}. In simulations with such variation, up "
        "to 7.3% of true null differences were declared significant instead of 5%."
    ]
