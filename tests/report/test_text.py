"""Numbers, lists and names are written one way everywhere."""

import pytest

from fewray.report.tables import markdown_text
from fewray.report.text import (
    class_name,
    count,
    estimate,
    interval,
    listed,
    number,
    ordinal,
    p_value,
    percent,
    points,
    points_interval,
    sentence,
    spelled,
)
from fewray.results.scores import Estimate
from tests.crossval_study import crossval_study


def test_undefined_values():
    none = Estimate(value=None, ci=None)
    assert number(None) == interval(None) == estimate(none) == "undefined"
    assert estimate(Estimate(value=0.7666, ci=None)) == "0.767 [undefined]"


def test_differences_are_in_signed_percentage_points():
    shown = (points(0.0214), points(-0.0004), points(-0.021), points(0.06, signed=False))
    assert shown == ("+2.1", "0.0", "-2.1", "6.0")
    assert points_interval([-0.021, 0.043]) == "-2.1 to +4.3"


def test_estimates_and_percentages():
    assert estimate(Estimate(value=0.7666, ci=(0.7161, 0.811))) == "0.767 [0.72, 0.81]"
    assert percent(0.766) == "77%"
    assert (number(-0.0), number(-0.0004), number(-0.0006)) == ("0.000", "0.000", "-0.001")


@pytest.mark.parametrize(
    ("p", "text"), [(0.0496, "0.0496"), (0.0504, "0.0504"), (0.0004, "< 0.001"), (1, "1.000")]
)
def test_p_values_show_on_which_side_of_the_level_they_lie(p: float, text: str):
    assert p_value(p) == text


def test_counts_and_lists():
    assert (count(1, "seed"), spelled(2, "seed"), spelled(11, "seed")) == (
        "1 seed",
        "two seeds",
        "11 seeds",
    )
    assert [listed(x) for x in ([], ["a"], ["a", "b", "c"])] == ["none", "a", "a, b and c"]
    assert sentence("one pair.") == "One pair."


def test_class_names_are_those_of_the_data_or_the_label_with_spaces():
    data = crossval_study().data
    assert class_name(data, "covid") == "COVID-19"
    assert class_name(data, "pneumonia_vir") == "pneumonia vir"


def test_markdown_is_escaped():
    assert markdown_text("a|b <c>\n& d") == "a\\|b &lt;c&gt; &amp; d"


def test_ordinals():
    assert [ordinal(value) for value in (1, 2, 3, 4, 11, 12, 22, 2.5)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "22nd", "2.5th",
    ]  # fmt: skip
