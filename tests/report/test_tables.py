"""One table model, three back ends: what each shows, how cells are aligned and escaped."""

import pytest

from fewray.report.html.tables import to_html
from fewray.report.tables import Column, Table, print_table, to_markdown

TABLE = Table.of(
    "Arms [x]",
    ("arm", Column("difference", "points"), Column("verdict", bold=True), "empty"),
    [("<b>|", -2.1, "no evidence", None), ("mixup", "+3.0", "helps", "")],
    caption="Arm minus reference.",
    footnotes=("Paired by patient.",),
)


def test_columns_of_numbers_are_aligned_right_and_empty_ones_are_left_out():
    assert [column.align for column in TABLE.columns] == ["left", "right", "left"]
    assert [column.heading for column in TABLE.columns] == ["arm", "difference (points)", "verdict"]
    assert TABLE.rows == (("<b>|", "-2.1", "no evidence"), ("mixup", "+3.0", "helps"))


def test_a_table_without_rows_keeps_its_columns():
    assert len(Table.of("t", ("a", "b"), []).columns) == 2


def test_markdown():
    assert to_markdown(TABLE, level=3) == (
        "### Arms \\[x\\]\n\nArm minus reference.\n\n"
        "| arm | difference (points) | verdict |\n| --- | ---: | --- |\n"
        "| &lt;b&gt;\\| | -2.1 | **no evidence** |\n| mixup | +3.0 | **helps** |\n\n"
        "- Paired by patient.\n"
    )


def test_html_escapes_and_marks_columns():
    html = to_html(TABLE)
    assert "<b>|" not in html
    assert (
        '<th scope="row" class="text">&lt;b&gt;|</th><td data-label="difference (points)">' in html
    )
    assert '<td class="text bold" data-label="verdict">no evidence</td>' in html
    assert "<caption>Arm minus reference.</caption>" in html


def test_terminal_shows_every_cell_in_full(capsys: pytest.CaptureFixture[str]):
    wide = Table.of("t [b]", ("a",), [("x" * 300,), ("[red]",)], footnotes=("note",))
    print_table(wide)
    out = capsys.readouterr().out
    assert "x" * 300 in out
    assert out.startswith("t [b]\n")
    assert "[red]" in out
    assert out.endswith("note\n")
