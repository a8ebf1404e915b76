"""Requirements on synthetic images, such as ``kid<0.3,copies<=0.01``: parse and check them."""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from fewray.errors import InputError
from fewray.results.quality import METRICS, QualityReport, Requirement

Operator = Literal["<", "<=", ">", ">="]
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
NAMES = {
    **{name: shown for name, (shown, _) in METRICS.items()},
    "kid_ci": "95% interval of KID: both ends must meet the requirement",
    "fid_inf": "FID extrapolated to infinitely many images",
    "copies": "share of synthetic images that copy a training image, 0 to 1",
    "areas.copied_windows": "share of windows copied from training images, 0 to 1",
    "areas.ratio": "the same, over that of unseen real images",
    "areas.flagged": "share of images that owe too large an area to one training image, 0 to 1",
    "held_out.kid": "KID to held-out images",
    "held_out.kid_ci": "its 95% interval: both ends must meet the requirement",
    "held_out.c_t": "data-copying test C_T, in its standard deviations",
    "held_out.copies": "share of synthetic images as near to a held-out image as copies are",
    "membership.auc": "AUC of the generator's score, training against held-out images",
}
"""Name of a metric, as in quality.json, to what it is."""
MISSING = {
    "": "too few images",
    "areas": "no window of real images counts as copied",
    "held_out": "no held-out images of this class, or too few",
    "membership": "needs --run and --held-out",
}
"""By the part of quality.json: why it may lack a value."""


@dataclass(frozen=True)
class Asked:
    """One requirement, before it is checked."""

    metric: str
    operator: Operator
    bound: float


def known_names() -> str:
    """Return the names that a requirement may use, one per line with what they are."""
    width = max(map(len, NAMES))
    return "\n".join(f"{name:{width}}  {text}" for name, text in NAMES.items())


def parse_requirements(text: str | None) -> tuple[Asked, ...]:
    """Return the requirements in a comma-separated list; none for None. InputError if invalid."""
    if text is None:
        return ()
    found: dict[tuple[str, str], Asked] = {}
    for part in text.split(","):
        asked = _parse(part.strip())
        key = (asked.metric, asked.operator[0])
        if key in found:
            message = f"--require {text}: {asked.metric} has two bounds on one side; keep one"
            raise InputError("requirement_repeated", message, metric=asked.metric)
        found[key] = asked
    return tuple(found.values())


def _parse(part: str) -> Asked:
    def fault(code: str, what: str, **fields: object) -> InputError:
        message = f"--require {part!r}: {what}. Example: kid<0.3,copies<=0.01"
        return InputError(code, message, requirement=part, **fields)

    if not part:
        raise fault("requirement_empty", "a requirement is empty")
    cut = re.fullmatch(r"([^<>]*)(<=|>=|<|>)(.*)", part)
    if cut is None:
        raise fault("requirement_operator", "expected one of <, <=, > and >= and a number")
    name, sign, number = (each.strip() for each in cut.groups())
    if name not in NAMES:
        near = difflib.get_close_matches(name.lower(), NAMES, n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        what = f"no metric {name!r}.{meant} Known: {', '.join(NAMES)}"
        raise fault("requirement_metric", what, metric=name, near=near, known=list(NAMES))
    try:
        bound = float(number)
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        hint = "; write shares as numbers from 0 to 1, 0.01 for 1%" if "%" in number else ""
        raise fault("requirement_bound", f"{number!r} is not a finite number{hint}", value=number)
    return Asked(name, cast(Operator, sign), bound)


def checked(quality: QualityReport, asked: Sequence[Asked]) -> tuple[Requirement, ...]:
    """Return every requirement with its values: all classes must meet it.

    A value that is missing or not finite does not.
    """
    return tuple(_checked(quality, each) for each in asked)


def _checked(quality: QualityReport, asked: Asked) -> Requirement:
    values: dict[str, float | None] = {}
    undefined: dict[str, str] = {}
    meets = OPERATORS[asked.operator]
    worse = max if asked.operator[0] == "<" else min
    for label in quality.classes:
        found = _values(quality, label, asked.metric)
        if isinstance(found, str) or not all(map(math.isfinite, found)):
            values[label] = None
            undefined[label] = found if isinstance(found, str) else "not a finite number"
        else:
            values[label] = worse(found)
    failed = [c for c, value in values.items() if value is None or not meets(value, asked.bound)]
    return Requirement(
        metric=asked.metric,
        operator=asked.operator,
        bound=asked.bound,
        values=values,
        undefined=undefined,
        failed=tuple(failed),
    )


def _values(quality: QualityReport, label: str, metric: str) -> tuple[float, ...] | str:
    """Return the value, both ends of an interval, or why there is none."""
    own = quality.classes[label]
    part, _, name = metric.rpartition(".")
    held_out = quality.held_out.get(label)
    found = {"": own, "areas": own.areas, "held_out": held_out,
             "membership": quality.membership.get(label)}[part]  # fmt: skip
    if found is None:
        return own.undefined.get(part, MISSING[part])
    if metric == "areas.flagged" and own.areas is not None:
        return (own.areas.num_flagged / own.areas.num_images,)
    if name == "copies":
        return (len(getattr(found, name)) / own.num_fake,)
    value = held_out.copying_sds if held_out and metric == "held_out.c_t" else getattr(found, name)
    if value is None:
        return own.undefined.get(name, MISSING[part]) if not part else MISSING[part]
    return tuple(value) if isinstance(value, tuple) else (value,)
