"""The HTML file: content security policy, size, hostile names, data files, PDF."""

import base64
import hashlib
import re
import tomllib
from pathlib import Path

import msgspec
import pytest

import fewray.report
from fewray.config import ReadOptions
from fewray.report.commands import study_command
from fewray.report.html import pdf
from fewray.report.html.document import SCRIPTS, STYLES, page_html
from fewray.report.html.drawings import click_map, interval_bar
from fewray.report.html.references import REFERENCES
from fewray.report.html.svg import themed_svg
from fewray.report.page import Page, Section, Text
from fewray.report.render import LAST, ordered, write_report
from fewray.results.crossval import CrossvalStudy
from fewray.results.files import write_study
from tests.crossval_study import CLASSES, changed, crossval_study
from tests.helpers import refused, run_cli
from tests.report.html_page import HtmlPage

ROOT = Path(fewray.report.__file__).parent
HOSTILE = (
    '"><script>alert(1)</script>',
    "' onload='x",
    'x id="y',
    "]]><b>",
    "</style>",
    "{{ 7*7 }}",
)


def written(folder: Path, study: CrossvalStudy) -> str:
    write_study(folder, study)
    return write_report(folder).read_text(encoding="utf-8")


def test_the_policy_allows_the_one_script_and_nothing_from_elsewhere(tmp_path: Path):
    raw = written(tmp_path, crossval_study())
    (script,) = re.findall(r"<script>(.*?)</script>", raw, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', raw)
    policy = policy.replace("&#39;", "'")
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"https?:", policy)
    assert len(raw.encode()) < 10_000_000
    outside = set(re.findall(r'(?:src|href)="(https?://[^"]*)"', raw))
    assert outside <= {reference.address for reference in REFERENCES.values()}
    assert not re.search(r"@import|url\(\s*['\"]?http", raw)


def test_hostile_names_stay_text(tmp_path: Path):
    study = crossval_study()
    text = msgspec.json.encode(study).decode()
    for label, name in zip(CLASSES, HOSTILE, strict=False):
        text = text.replace(f'"{label}"', msgspec.json.encode(name).decode())
    study = msgspec.json.decode(text, type=CrossvalStudy)
    arms = study.arms | dict.fromkeys(HOSTILE, study.arms["pca"])
    compared = study.comparisons | dict.fromkeys(HOSTILE, study.comparisons["pca"])
    raw = written(tmp_path, msgspec.structs.replace(study, arms=arms, comparisons=compared))
    plain = written(tmp_path, crossval_study())
    page, other = HtmlPage(raw), HtmlPage(plain)
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in other.tags}
    attributes = [{key for _, found in each.tags for key in found} for each in (page, other)]
    assert attributes[0] == attributes[1]
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    keys = {found.get("data-key") for _, found in page.tags}
    assert {f"arm:{name}" for name in HOSTILE} <= keys
    assert ">49<" not in raw


def test_svg_gets_theme_colours_unique_ids_and_keys():
    svg = '<svg ><g id="key-arm%3A%22x"/><path id="a" style="fill: #000000"/><use href="#a"/><text>#000000 id="q"</text><g id="unused"/></svg>'
    shown = themed_svg(svg, "f7")
    assert 'data-key="arm:&quot;x"' in shown
    assert 'id="f7-a"' in shown
    assert 'href="#f7-a"' in shown
    assert "fill: var(--ink, #000000)" in shown
    assert '<text>#000000 id="q"</text>' in shown  # text is left as it is
    assert "unused" not in shown


def test_a_bar_marks_interval_point_and_baseline():
    bar = interval_bar((0.2, 0.4), 0.3, (0.0, 1.0), 0.5)
    assert '<path d="M21.6 6H39.2"/>' in bar
    assert 'cx="30.4"' in bar
    assert 'd="M48.0 0V12"' in bar
    assert "circle" not in interval_bar((0.2, 0.4), None, (0.0, 1.0), None)
    assert 'cx="4.0"' in interval_bar((0.0, 0.0), 0.0, (0.0, 0.0), 0.0)  # a scale without width


def test_a_map_of_clicks_is_darker_where_there_are_more():
    drawn = click_map(((0.0, 3.0), (1.0, 0.0)))
    assert drawn.count("<rect") == 3
    assert '<rect x="1" y="0" width="1" height="1" fill-opacity="1.00"/>' in drawn
    assert '<rect x="0" y="1" width="1" height="1" fill-opacity="0.43"/>' in drawn
    assert themed_svg(drawn, "f1").count("var(--") == 2  # ground and clicks follow the theme


def test_templates_style_sheets_and_scripts_are_shipped():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    shipped = project["tool"]["setuptools"]["package-data"]["fewray"]
    for folder, names in (
        ("templates", ("page.html.j2", "blocks.html.j2", "toolbox.html.j2", "methods.txt.j2")),
        ("static", (*STYLES, *SCRIPTS)),
    ):
        assert f"report/{folder}/*" in shipped
        assert {path.name for path in (ROOT / folder).iterdir()} == set(names)


def test_sections_stand_in_reading_order():
    names = ("limits", "own", "audit", "arms", "methods", "quality")
    found = [each.name for each in ordered([Section(name, name, ()) for name in names])]
    assert found == ["own", "arms", "quality", "audit", "methods", "limits"]
    assert len(set(LAST)) == len(LAST)


def test_a_page_of_a_few_words_has_no_empty_parts():
    raw = page_html(
        Page.of(
            "A title",
            "",
            ["One."],
            [],
            [Section("a", "A", (Text("words"),)), Section("b", "B", ())],
        )
    )
    assert 'id="h-b"' not in raw
    for absent in ("<nav", 'class="chips"', 'class="caveat"', 'class="strips"', 'id="references"'):
        assert absent not in raw


def test_the_command_names_what_differs_from_the_preset():
    study = changed(crossval_study(seeds=3), options={"folds": 7, "seeds": 9, "keep_test": True})
    command = study_command(study)
    assert command.startswith("fewray study --data 'invented test data, seed 0' --preset standard")
    for words in ("--folds 7", "--seeds 9", "--keep-test", "--out RUN\nfewray report RUN"):
        assert words in command
    assert "--repeats" not in command


def test_the_command_says_how_the_data_were_read():
    data = {
        "source": "dicom:DIR,labels=TABLE",
        "read": ReadOptions(path_column="Accession No.", labels=("a", "b"), views=("PA",)),
        "group_regex": "p(.*)",
    }
    command = study_command(changed(crossval_study(), data=data))
    assert command.startswith(
        "fewray study --data dicom:DIR,labels=TABLE --group-regex 'p(.*)' --labels a,b "
        "--path-column 'Accession No.' --view PA --preset standard"
    )


def test_pdf_without_a_browser_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv(pdf.VARIABLE, str(tmp_path / "nothing"))
    with refused("chromium_not_found"):
        pdf.find_chromium()
    write_study(tmp_path, crossval_study())
    assert run_cli(monkeypatch, "report", tmp_path, "--pdf") == 2
    assert not (tmp_path / "report.html").exists()  # found out before any work
    assert run_cli(monkeypatch, "report", tmp_path, "--pdf", "--markdown") == 2
    assert "exclude each other" in capsys.readouterr().err
    fails = tmp_path / "fails"
    fails.write_text("#!/bin/sh\nexit 3\n")
    fails.chmod(0o755)
    monkeypatch.setenv(pdf.VARIABLE, str(fails))
    assert run_cli(monkeypatch, "report", tmp_path, "--pdf") == 1
