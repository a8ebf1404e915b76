"""Read an HTML page in tests: its tags, its visible text and its tables."""

import re
from html.parser import HTMLParser


class HtmlPage(HTMLParser):
    """Tags with their attributes, visible words, and tables as lists of rows of cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.inside = ""
        self.hidden = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.hidden = self.hidden or tag in ("style", "script")
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "script"):
            self.hidden = False
        if tag == self.inside:
            self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.hidden:
            return
        self.words.append(data)
        if self.inside:
            self.tables[-1][-1][-1] += data

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def table(self, *header: str) -> dict[str, list[str]]:
        """Return the rows, by their first cell, of the first table whose header begins so."""
        found = next(t for t in self.tables if tuple(t[0][: len(header)]) == header)
        return {row[0]: row for row in found[1:]}


def assert_stands_alone(page: HtmlPage) -> None:
    """Check that the page loads nothing from elsewhere and that its links lead somewhere."""
    ids = {attributes["id"] for _, attributes in page.tags if attributes.get("id")}
    for tag, attributes in page.tags:
        for name in ("src", "href", "xlink:href", "data", "action"):
            address = attributes.get(name) or ""
            cited = tag == "a" and address.startswith(("https://doi.org/", "https://arxiv.org/"))
            inside = address.startswith(("#", "data:image/"))
            assert cited or inside or not address, (tag, address)
            assert not address.startswith("#") or address[1:] in ids, address
    assert not [tag for tag, _ in page.tags if tag in ("link", "iframe", "object", "embed")]
    assert not [a for tag, a in page.tags if tag == "script" and a]  # inline, without src
    assert all(a.get("alt") for tag, a in page.tags if tag == "img")
    drawings = [a for _, a in page.tags if a.get("role") == "img"]
    assert all(attributes.get("aria-label") for attributes in drawings)


def assert_tables_are_whole(markdown: str) -> None:
    """Check that every row of a Markdown table has as many columns as its header."""
    lines, tables = markdown.split("\n"), 0
    for index, line in enumerate(lines):
        if not re.fullmatch(r"\|( ---:? \|)+", line):
            continue
        tables += 1
        columns = line.count("|")
        assert lines[index - 2] == ""
        block = [lines[index - 1]]
        for row in lines[index + 1 :]:
            if not row.startswith("|"):
                assert row == ""
                break
            block.append(row)
        for row in block:
            assert len(re.findall(r"(?<!\\)\|", row)) == columns, row
    assert tables
