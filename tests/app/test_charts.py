"""Charts, interval bars and heat maps: what is drawn is what was given."""

from fewray.app.pages import signed
from fewray.app.runs.charts import Line, line_chart, span_of, ticks


def test_charts_hold_their_values():
    chart = line_chart("loss", [Line("a", [(1, 2.0), (2, None), (3, 1.0)]), Line("b", [(1, None)])])
    assert chart is not None
    assert chart.names == ("a",)
    assert "Last: a 1." in chart.svg
    assert chart.svg.count("<polyline") == 1
    assert line_chart("none", [Line("a", [(1, None)])]) is None
    assert line_chart("flat", [Line("a", [(1, 0.0), (2, 0.0)])]) is not None
    long = line_chart("long", [Line("a", [(i, float(i)) for i in range(10_000)])])
    assert long is not None
    assert long.svg.count(",") < 1000


def test_ticks_are_round_and_inside():
    for low, high in ((0, 1), (0.013, 0.029), (-3, 250), (1, 2)):
        found = ticks(low, high)
        assert 3 <= len(found) <= 7
        assert low <= found[0] < found[-1] <= high


def test_intervals_share_one_scale_with_zero():
    assert span_of([(-5.0, -1.0), None, (-2.0, 3.0)]) == (-5.0, 3.0)
    assert span_of([(1.0, 2.0)]) == (0.0, 2.0)
    assert span_of([]) == (0.0, 1.0)


def test_zero_has_no_sign():
    shown = [signed(value, 1) for value in (1.0, -1.0, 0.0, -0.04, None)]
    assert shown == ["+1.0", "−1.0", "0.0", "0.0", "–"]
