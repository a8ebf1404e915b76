"""The report stands alone, tells the study's numbers, escapes what users name, and survives missing pieces."""

import copy
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fewray.errors import InputError
from fewray.imaging.arrays import save_png
from fewray.report import figures
from fewray.report.markdown import render_results
from fewray.report.render import render_report, render_train_report
from fewray.report.training_markdown import render_training, training_facts
from fewray.storage.files import append_jsonl, write_json

CLASSES = ("normal", "<b>ill</b>")


class Page(HTMLParser):
    """Collects text, tags with their attributes, and whether tags close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def arm(seed: int) -> dict:
    figures = {
        "accuracy": 0.111 + seed / 1000,
        "sensitivity": 0.222,
        "specificity": 0.333,
        "f1_published": 0.444,
    }
    correct = {
        "accuracy": 0.555 + seed / 1000,
        "sensitivity": 0.666,
        "specificity": 0.777,
        "ppv": None,
        "f1": 0.888,
    }
    runs = [
        {
            "seed": s,
            "accuracy": 0.5,
            "confusion": [[1, 1], [1, 1]],
            "published": {"accuracy": 0.6, "per_class": {}},
        }
        for s in range(2)
    ]
    return {
        "train_counts": {c: {"real": 10, "classic": 5, "synthetic": 0} for c in CLASSES},
        "steps": 7,
        "runs": runs,
        "accuracy": {
            "mean": 0.512,
            "sd": None,
            "min": 0.5,
            "max": 0.52,
            "wilson": [0.31, 0.69],
            "n_test": 36,
        },
        "confusion_mean": [[1.5, 0.5], [1.0, 1.0]],
        "table4": {
            "published": dict.fromkeys(CLASSES, figures),
            "published_accuracy": 0.613,
            "correct": dict.fromkeys(CLASSES, correct),
        },
    }


def study() -> dict:
    final = {"loss_d": 1.25, "loss_g": 3.5, "d_x": 0.78, "d_g_z1": 0.58, "d_g_z2": 0.06}
    generator = {"recipe": "paper", "epochs": 2, "steps": 68, "images_seen": 2176, "num_train": 10}
    generator |= {"classic_images": 5, "seed": 1, "sha256": "abcdef0123456789", "final": final}
    return {
        "schema": 2,
        "protocol": "published",
        "preset": "test",
        "data": {
            "name": "films & co",
            "origin": "real",
            "classes": list(CLASSES),
            "counts": {"train": dict.fromkeys(CLASSES, 10), "test": dict.fromkeys(CLASSES, 18)},
            "warnings": ["the split leaks: p<1> has images on both sides"],
        },
        "options": {"published_passes": 5, "seed": 0},
        "seeds": [0, 1],
        "generators": {c: {**generator, "folder": f"class{i}"} for i, c in enumerate(CLASSES)},
        "quality": None,
        "arms": {"no_augmentation": arm(1), "classic": arm(2)},
        "paper": {"classic": 0.78, "synthetic": 0.818, "placement": {}},
        "mixtures": None,
        "answer": "Too small to decide.",
        "provenance": {
            "versions": {"torch": "2"},
            "device": "cpu",
            "precision": "bf16",
            "threads": 1,
        },
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_json(tmp_path / "study.json", study())
    write_json(
        tmp_path / "timing.json",
        {"seconds": 90.0, "host": "Linux", "started": "2026-01-01", "jobs": []},
    )
    for index in range(2):
        run = tmp_path / "generators" / f"class{index}"
        run.mkdir(parents=True)
        for name in ("reals.png", "fakes-000001.png", "fakes-000002.png"):
            save_png(np.full((8, 8), 10 * index, np.uint8), run / name)
        for epoch in (1, 2):
            row = {
                "epoch": epoch,
                "loss_d": 1.0,
                "loss_g": 2.0,
                "d_x": 0.6,
                "d_g_z1": 0.4,
                "d_g_z2": 0.3,
            }
            append_jsonl(
                run / "stats.jsonl",
                {**row, "fid": 9.0, "kid": 1.0, "extractor": "lite0@128", "num_fake": 50},
            )
    return tmp_path


def page(folder: Path) -> Page:
    return Page(render_report(folder).read_text(encoding="utf-8"))


def test_it_needs_nothing_from_outside(folder: Path):
    found = page(folder)
    for tag, attributes in found.tags:
        for name in ("src", "href"):
            assert not (attributes.get(name) or "").startswith(("http", "//", "file")), tag
    assert not [tag for tag, _ in found.tags if tag in ("script", "link", "iframe")]
    assert "Not for clinical use" in found.text


def test_every_picture_has_words(folder: Path):
    found = page(folder)
    pictures = [attributes for tag, attributes in found.tags if tag == "img"]
    assert len(pictures) == 4
    assert all(attributes.get("alt") for attributes in pictures)
    drawings = [
        attributes
        for tag, attributes in found.tags
        if tag == "figure" and attributes.get("role") == "img"
    ]
    assert drawings
    assert all(attributes.get("aria-label") for attributes in drawings)


def test_the_numbers_are_the_study_s(folder: Path):
    text = page(folder).text
    for number in (
        "0.512",
        "0.31 to 0.69",
        "0.613",
        "0.112",
        "0.113",
        "0.556",
        "0.557",
        "0.888",
        "undefined",
        "0.780",
    ):
        assert number in text, number
    assert "Too small to decide." in text
    assert "lite0@128" in text
    assert "synthetic, epoch 2" in text


def test_what_users_name_is_escaped(folder: Path):
    raw = render_report(folder).read_text(encoding="utf-8")
    assert "<b>ill</b>" not in raw
    assert "&lt;b&gt;ill&lt;/b&gt;" in raw
    assert "films &amp; co" in raw


def test_same_study_same_bytes(folder: Path):
    assert render_report(folder).read_bytes() == render_report(folder).read_bytes()


@pytest.mark.parametrize(
    "lost", ["generators/class0/reals.png", "generators/class0/stats.jsonl", "timing.json"]
)
def test_missing_pieces_are_tolerated(folder: Path, lost: str):
    (folder / lost).unlink()
    assert "Results" in page(folder).text


def test_a_study_without_generators_says_so(folder: Path):
    bare = copy.deepcopy(study()) | {"generators": {}}
    write_json(folder / "study.json", bare)
    assert "used no generators" in page(folder).text


def test_phantoms_are_called_drawings(folder: Path):
    drawn = study()
    drawn["data"]["origin"] = "phantom"
    write_json(folder / "study.json", drawn)
    text = page(folder).text
    assert "drawings of chest films" in text
    assert "drawn phantoms the generator saw" in text


def test_mixtures_are_drawn(folder: Path):
    cells = [
        {"classic": c, "synthetic": s, "accuracy_mean": 0.5 + c / 40 + s / 100, "accuracy_sd": 0.01 * s or None, "seeds": 2}
        for c in (0, 5) for s in (0, 3) if c or s
    ]  # fmt: skip
    write_json(folder / "study.json", study() | {"mixtures": cells})
    assert "Mixtures" in page(folder).text
    rows = [
        line
        for line in render_results(folder).splitlines()
        if line.startswith(("| 0 classic", "| 5 classic"))
    ]
    assert rows == ["| 0 classic |  | 0.530 ± 0.030 |", "| 5 classic | 0.625 | 0.655 ± 0.030 |"]


def test_generators_alone_have_a_report(folder: Path):
    text = Page(render_train_report(folder / "generators").read_text(encoding="utf-8")).text
    assert "Generators trained" in text
    with pytest.raises(InputError, match="holds no"):
        render_train_report(folder / "generators" / "class0")


def test_a_training_that_stopped_on_no_number_has_a_report(folder: Path):
    run = folder / "generators"
    write_json(
        run / "options.json",
        {"data": "films", "gan": {"recipe": "paper"}, "precision": "fp32"} | NAMED,
    )
    last = {"epoch": 3, "epochs": 3, "step": 9, "images_seen": 90, "seconds": 60.0, "finite": False}
    losses = ("loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2")
    (run / "class1" / "stats.jsonl").unlink()
    (run / "class0" / "stats.jsonl").unlink()
    for row in (
        last | {"epoch": 2, "finite": True} | dict.fromkeys(losses, 0.5),
        last | dict.fromkeys(losses),
    ):
        append_jsonl(run / "class0" / "stats.jsonl", row)
    text = Page(render_train_report(run).read_text(encoding="utf-8")).text
    assert "class0 : divergence, epoch 3 to now" in text
    table = render_training(training_facts(run))
    assert "**Not finished**: class0" in table
    assert "3 of 3, not finite" in table


NAMED = {"classes": ["class0"], "threads": 1, "seed": 0}


def test_a_negative_distance_is_inside_the_picture(monkeypatch: pytest.MonkeyPatch):
    drawn: list[Any] = []
    monkeypatch.setattr(figures, "to_svg", lambda figure: drawn.append(figure) or "")
    for kids in ([0.2, -0.05, 0.1], [0.2, 0.3, 0.1]):
        figures.quality_curves(
            {"a": [{"epoch": e, "kid": kid} for e, kid in enumerate(kids)]}, "kid", "KID"
        )
    below, above = (figure.axes[0].get_ylim() for figure in drawn)
    assert below[0] < -0.05
    assert below[1] > 0.2
    assert above[0] == 0


def test_other_schemas_are_refused(folder: Path):
    write_json(folder / "study.json", study() | {"schema": 3})
    with pytest.raises(InputError, match="schema 3"):
        render_report(folder)


def test_markdown_holds_the_same_numbers(folder: Path):
    text = render_results(folder)
    for number in ("0.512", "0.31 to 0.69", "0.613", "0.557", "undefined", "0.780", "1.250"):
        assert number in text, number
    write_json(
        folder / "run.json",
        {"commands": ["fewray x"], "hardware": "2 cores", "date": "2026", "notes": ["n"]},
    )
    text = render_results(folder)
    assert "fewray x" in text
    assert "## Training" not in text
    row = {"epoch": 200, "epochs": 200, "step": 6800, "images_seen": 217600, "seconds": 3720.0, "fid": 301.25, "kid": 0.5,
           "is": 2.0, "num_real": 9, "num_fake": 8, "extractor": "pixels", "loss_d": 0.1, "loss_g": 0.2, "d_x": 0.3,
           "d_g_z1": 0.4, "d_g_z2": 0.5}  # fmt: skip
    facts = {"options": {"gan": {"recipe": "paper"}, "precision": "fp32", "threads": 1, "seed": 0, "classes": ["a"]},
             "classes": {"a": {"last": row, "measured": [row]}}}  # fmt: skip
    write_json(folder / "training.json", facts)
    text = render_results(folder)
    assert "| a | 200 of 200 | 6800 | 217600 | 0.100 | 0.200 | 0.300 | 0.400 | 0.500 | 62 |" in text
    assert "| a | 200 | 9 | 8 | 301.2 | 0.500 | 2.00 | pixels |" in text
    json.dumps(study(), allow_nan=False)


def test_the_quality_of_images_is_told_as_measured(folder: Path):
    from fewray.quality.evaluate import measure_quality
    from fewray.quality.features.extractor import load_extractor
    from fewray.quality.image_set import ImageSet

    rng = np.random.default_rng(0)
    real, fake = (
        {c: ImageSet.of(rng.integers(0, 256, (n, 1, 32, 32), np.uint8)) for c in CLASSES}
        for n in (12, 9)
    )
    fake[CLASSES[0]] = ImageSet.of(real[CLASSES[0]].images[:9])
    measured = measure_quality(real, fake, load_extractor("pixels")).to_json()
    write_json(folder / "study.json", study() | {"quality": measured})
    text, table = page(folder).text, render_results(folder)
    for label in (*CLASSES, None):
        found = measured["pooled"] if label is None else measured["classes"][label]
        for number in (
            f"{found['fid']:.1f}",
            f"{found['coverage']:.2f}",
            f"{found['ms_ssim']:.3f}",
        ):
            assert number in text
            assert number in table
    assert len(measured["classes"][CLASSES[0]]["copies"]) == 9
    assert measured["sentences"][1] in text
    assert measured["sentences"][1] in table
    assert measured["classes"][CLASSES[1]]["floor"]["fid"]["verdict"] in text
    parts = {**measured["classes"], "all": measured["pooled"]}
    assert [part["k"] for part in parts.values()] == [5, 5, 5]
    assert "k (nearest neighbours) 5<" in render_report(folder).read_text(encoding="utf-8")
    written = f"{CLASSES[1]}, all: k lowered from 5 to 3."
    parts[CLASSES[1]]["k"] = 3
    for label in (CLASSES[1], "all"):
        parts[label]["warnings"].append("k lowered from 5 to 3")
    write_json(
        folder / "study.json",
        study() | {"quality": measured | {"notes": ["no held-out films of x"]}},
    )
    text, table = page(folder).text, render_results(folder)
    for shown in (text, table):
        assert f"5 ({CLASSES[1]} 3)" in shown
        assert written in shown
        assert "no held-out films of x." in shown
        assert f"{CLASSES[0]}, {CLASSES[1]}: covariance singular" in shown
    write_json(folder / "quality.json", measured | {"sentences": ["measured apart"]})
    assert "measured apart" in render_results(folder)
