"""Requirements: what is parsed, what is refused, and that nothing unmeasured ever passes."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewray.errors import InputError
from fewray.quality.requirements import NAMES, OPERATORS, Asked, judged, parse_requirements
from fewray.results.quality import QualityReport, Requirement
from tests.helpers import refused
from tests.report.test_published_page import CLASSES, quality_report

FIRST, SECOND = CLASSES
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def report(**changes: Any) -> QualityReport:
    """Return an invented report; a change is the values of a metric in both classes."""
    found = quality_report()
    for index, label in enumerate(CLASSES):
        own = {name: values[index] for name, values in changes.items()}
        found["classes"][label] = found["classes"][label] | own
    return msgspec.convert(found, QualityReport)


def judge(text: str, **changes: Any) -> Requirement:
    (found,) = judged(report(**changes), parse_requirements(text))
    return found


@given(
    st.dictionaries(st.sampled_from(list(NAMES)), st.tuples(st.sampled_from(list(OPERATORS)), NUMBERS),
                    min_size=1),
    st.text(" ", max_size=2),
)  # fmt: skip
def test_what_is_written_is_read_back(found: dict[str, tuple[Any, float]], blank: str):
    text = ",".join(
        f"{blank}{name}{blank}{sign}{blank}{bound!r}" for name, (sign, bound) in found.items()
    )
    expected = tuple(Asked(name, sign, bound) for name, (sign, bound) in found.items())
    assert parse_requirements(text) == expected


@given(st.text())
def test_any_other_text_is_an_input_error(text: str):
    code, parsed = "", ()
    try:
        parsed = parse_requirements(text)
    except InputError as error:
        code = error.code
    assert bool(parsed) != code.startswith("requirement_")
    assert all(each.metric in NAMES and math.isfinite(each.bound) for each in parsed)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", "requirement_empty", "empty"),
        ("kid<0.3,", "requirement_empty", "empty"),
        ("kid", "requirement_operator", "expected one of <"),
        ("kid=0.3", "requirement_operator", "expected one of <"),
        ("copies<=0,01", "requirement_operator", "'01'"),
        ("kdi<0.3", "requirement_metric", "Did you mean kid?"),
        ("KID<0.3", "requirement_metric", "Did you mean kid?"),
        ("<0.3", "requirement_metric", "Known: fid, kid"),
        ("kid<", "requirement_bound", "''"),
        ("kid<nan", "requirement_bound", "finite"),
        ("kid<inf", "requirement_bound", "finite"),
        ("kid<<3", "requirement_bound", "'<3'"),
        ("copies<=1%", "requirement_bound", "0.01 for 1%"),
        ("kid<0.3,kid<=0.5", "requirement_repeated", "two bounds"),
    ],
)
def test_each_mistake_is_explained(text: str, code: str, words: str):
    with refused(code, words.replace("?", r"\?")):
        parse_requirements(text)


def test_a_range_is_two_requirements_on_one_metric():
    assert len(parse_requirements("kid>=-0.1,kid<0.3")) == 2
    assert parse_requirements(None) == ()


@given(st.sampled_from(list(OPERATORS)), NUMBERS, NUMBERS, NUMBERS)
def test_every_class_must_meet_it(sign: Any, bound: float, first: float, second: float):
    found = judge(f"kid{sign}{bound!r}", kid=(first, second))
    meets = [OPERATORS[sign](value, bound) for value in (first, second)]
    assert found.passed == all(meets)
    assert found.failed == tuple(c for c, yes in zip(CLASSES, meets, strict=True) if not yes)
    assert found.values == {FIRST: first, SECOND: second}
    worst = (max if sign[0] == "<" else min)(first, second)
    assert f"{worst:.6g}" in found.reason


@pytest.mark.parametrize(
    ("text", "value", "passed"),
    [("kid_ci<0.3", 0.2, True), ("kid_ci<0.2", 0.2, False), ("kid_ci>=-0.1", -0.1, True),
     ("kid_ci>0", -0.1, False)],
)  # fmt: skip
def test_an_interval_is_judged_by_its_worse_end(text: str, value: float, passed: bool):
    found = judge(text, kid_ci=([-0.1, 0.2], [-0.05, 0.1]))
    assert found.values[FIRST] == value
    assert found.passed == passed


@pytest.mark.parametrize("name", NAMES)
def test_what_was_not_measured_fails_with_its_reason(name: str):
    missing = {"kid_ci": (None, None), "copies": ([], []), "vendi": (None, None)}
    quality = report(**missing, kid=(math.nan, 0.1))
    absent = {"kid_ci", "vendi", "ms_ssim", "is_mean", "fid_inf", "kid"}
    asked = [each for sign in OPERATORS for each in parse_requirements(f"{name}{sign}0.5")]
    for found in judged(quality, asked):
        unknown = {label for label, value in found.values.items() if value is None}
        assert unknown == set(found.undefined) <= set(found.failed)
        assert all(why in found.reason for why in found.undefined.values())
        if name in absent or "." in name:
            assert FIRST in found.failed


def test_shares_are_of_the_synthetic_images():
    copy = {"synthetic": "s", "nearest": "r", "distance": 0.1, "nearest_by_features": "r",
            "feature_distance": 1.0, "detected_by": "pixels"}  # fmt: skip
    found = judge("copies<=0.1", copies=([copy] * 3, []))
    assert found.values == {FIRST: 3 / 9, SECOND: 0}
    assert found.failed == (FIRST,)
    owed = {"synthetic": "s", "nearest": "r", "owed": 0.4, "area": 0.5, "windows": 0.6,
            "flagged": True}  # fmt: skip
    areas = {"num_images": 8, "copied_windows": 0.2, "real_windows": 0.0, "ratio": None,
             "num_flagged": 2, "worst": [owed]}  # fmt: skip
    assert judge("areas.flagged<0.3", areas=(areas, areas)).values == {FIRST: 0.25, SECOND: 0.25}
    assert judge("areas.copied_windows<0.3", areas=(areas, areas)).passed
    assert "no window" in judge("areas.ratio<9", areas=(areas, areas)).reason


def test_held_out_images_are_judged_too():
    unseen = {"num_held_out": 9, "kid": 0.2, "kid_ci": [0.1, 0.3], "c_t": -4.0, "c_t_sd": 2.0,
              "copies": []}  # fmt: skip
    found = quality_report()
    found["held_out"] = {FIRST: unseen, SECOND: unseen | {"kid": None, "c_t": None}}
    quality = msgspec.convert(found, QualityReport)
    asked = "held_out.kid<0.3,held_out.kid_ci<0.3,held_out.c_t>-3,held_out.copies<=0"
    kid, interval, c_t, copies = judged(quality, parse_requirements(asked))
    assert (kid.values[FIRST], kid.failed) == (0.2, (SECOND,))
    assert interval.failed == (FIRST, SECOND)  # 0.3 is not below 0.3
    assert (c_t.values[FIRST], c_t.failed) == (-2.0, (SECOND,))
    assert copies.passed


def test_a_report_with_requirements_is_read_back_equal_and_an_old_one_too():
    quality = report()
    asked = judged(quality, parse_requirements("kid<0.3,fid_inf<5"))
    quality = msgspec.structs.replace(quality, requirements=asked)
    assert msgspec.json.decode(msgspec.json.encode(quality), type=QualityReport) == quality
    assert report().requirements == ()
