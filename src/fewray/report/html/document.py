"""The page as one HTML file that needs no other: templates, style sheets and scripts inlined."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from importlib.resources import files
from itertools import count
from typing import TYPE_CHECKING

from fewray.report.html.references import REFERENCES, Reference
from fewray.report.html.svg import themed_svg
from fewray.report.html.tables import to_html
from fewray.report.page import Page

if TYPE_CHECKING:
    import jinja2

NOT_CLINICAL = "Not for clinical use."
STYLES = ("colours.css", "page.css", "tables.css", "first_screen.css", "images.css", "toolbox.css",
          "print.css")  # fmt: skip
SCRIPTS = ("keys.js", "lens.js", "zip.js", "export.js", "toolbox.js")


def environment(*, html: bool) -> jinja2.Environment:
    """Return the environment of ``templates/``; an unknown name in a template is an error."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("fewray.report"),
        undefined=jinja2.StrictUndefined,
        autoescape=html,
        trim_blocks=html,  # in text, the line breaks separate words
        lstrip_blocks=html,
    )


def page_html(page: Page) -> str:
    """Return ``page`` as one HTML file that needs no other. All text is escaped.

    Its content security policy allows the inline style sheet, this very script and images in the
    file, and nothing else.
    """
    from markupsafe import Markup, escape

    made, figures = environment(html=True), count(1)
    made.filters["table"] = lambda table: Markup(to_html(table))
    # matplotlib has escaped the text inside
    made.filters["svg"] = lambda svg: Markup(themed_svg(svg, f"f{next(figures)}"))
    made.filters["breakable"] = lambda name: Markup(str(escape(name)).replace("_", "_<wbr>"))
    script = _inlined(SCRIPTS)
    return made.get_template("page.html.j2").render(
        page=page,
        not_clinical=NOT_CLINICAL,
        version=version("fewray"),
        style=Markup(_inlined(STYLES)),
        script=Markup(script),
        policy=content_policy(script),
        references=cited(page),
    )


def content_policy(script: str) -> str:
    """Return the content security policy of a page with one inline script."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _inlined(names: Sequence[str]) -> str:
    folder = files("fewray.report") / "static"
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def cited(page: Page) -> dict[str, Reference]:
    """Return the papers behind the sections, figures and tables of ``page``, in their order."""
    keys: dict[str, None] = {}
    for block in page.blocks():
        keys |= dict.fromkeys(getattr(block, "cites", ()))
    return {key: REFERENCES[key] for key in keys}
