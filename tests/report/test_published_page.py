"""The pages of a published-protocol study and of generators alone show their numbers and survive missing files."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from fewray.config import GanOptions
from fewray.errors import InputError
from fewray.imaging.arrays import save_png
from fewray.report import figures
from fewray.report.pages.generators import read_training
from fewray.report.render import render_markdown, write_report
from fewray.results.files import write_study
from fewray.results.published import Mixture, PublishedStudy
from fewray.results.training import EpochRow, RunOptions
from fewray.storage.files import append_jsonl, write_json
from tests.report.html_page import HtmlPage, assert_stands_alone, assert_tables_are_whole

CLASSES = ("normal", "<b>ill</b>")
FINAL = {"loss_d": 1.25, "loss_g": 3.5, "d_x": 0.78, "d_g_z1": 0.58, "d_g_z2": 0.06}


def _arm(seed: int) -> dict[str, Any]:
    paper = {
        "accuracy": 0.111 + seed / 1000,
        "sensitivity": 0.222,
        "specificity": 0.333,
        "f1": 0.444,
    }
    standard = {"accuracy": 0.555 + seed / 1000, "sensitivity": 0.666, "specificity": 0.777,
                "ppv": None, "f1": 0.888}  # fmt: skip
    published = {
        "double_softmax": True,
        "passes": 5,
        "accuracy": 0.613,
        "by_seed": [0.6, 0.6],
        "per_class": dict.fromkeys(CLASSES, paper),
        "per_class_sd": dict.fromkeys(CLASSES, dict.fromkeys(paper, 0.011)),
    }
    accuracy = {
        "mean": 0.512,
        "sd": 0.01,
        "min": 0.5,
        "max": 0.52,
        "ci": [0.31, 0.69],
        "images": 36,
        "by_seed": [0.5, 0.52],
    }
    return {
        "train_counts": {c: {"real": 10, "classic": 5, "synthetic": 0} for c in CLASSES},
        "steps": 7,
        "double_softmax": False,
        "accuracy": accuracy,
        "confusion": [[1.5, 0.5], [1.0, 1.0]],
        "per_class": dict.fromkeys(CLASSES, standard),
        "per_class_sd": dict.fromkeys(CLASSES, dict.fromkeys(standard, 0.012)),
        "as_published": published,
    }


def row(**changes: Any) -> dict[str, Any]:
    """Return the JSON of one epoch of a training log."""
    counts = {"epoch": 3, "epochs": 3, "batches": 5, "step": 9, "images_seen": 90, "seconds": 60.0}
    return counts | FINAL | changes


def published_study(**changes: Any) -> PublishedStudy:
    """Return an invented study with ``changes`` to its fields."""
    generator = {
        "recipe": "paper",
        "epochs": 2,
        "epochs_planned": 2,
        "selected_best": False,
        "steps": 68,
        "images_seen": 2176,
        "num_train": 10,
        "classic_images": 5,
        "seed": 1,
        "sha256": "abcdef0123456789",
        "final": FINAL,
    }
    study = {
        "protocol": "published",
        "preset": "test",
        "data": {
            "name": "images & co",
            "origin": "real",
            "classes": CLASSES,
            "display_names": {},
            "counts": {"train": dict.fromkeys(CLASSES, 10), "test": dict.fromkeys(CLASSES, 18)},
            "sha256": {"train": "0", "test": "1"},
        },
        "conclusion": {
            "reference": "classic",
            "verdicts": [{"arm": "synthetic", "verdict": "inconclusive", "text": "Inconclusive."}],
        },
        "warnings": [{"code": "split_leak", "text": "Patient p<1> is on both sides of the split."}],
        "arms": {"no_augmentation": _arm(1), "classic": _arm(2)},
        "paper": {},
        "mixtures": [],
        "seeds": [0, 1],
        "generators": {c: {**generator, "folder": f"class{i}"} for i, c in enumerate(CLASSES)},
        "trained_here": True,
        "quality": None,
        "options": {},
        "provenance": {
            "versions": {"torch": "2"},
            "device": "cpu",
            "precision": "bf16",
            "threads": 1,
            "keys": {},
        },
    }
    return msgspec.convert(msgspec.to_builtins(study | changes), PublishedStudy)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_study(tmp_path, published_study())
    timing = {"seconds": 90.0, "host": "Linux", "started": "2026-01-01T10:00:00+0000", "jobs": []}
    write_json(tmp_path / "timing.json", timing)
    for index in range(2):
        run = tmp_path / "generators" / f"class{index}"
        run.mkdir(parents=True)
        for name in ("reals.png", "fakes-000001.png", "fakes-000002.png"):
            save_png(np.full((8, 8), 10 * index, np.uint8), run / name)
        for epoch in (1, 2):
            quality = {"fid": 9.0, "kid": 1.0, "num_fake": 50, "extractor": "lite0@128"}
            append_jsonl(run / "stats.jsonl", row(epoch=epoch, epochs=2) | quality)
    return tmp_path


def page(folder: Path) -> HtmlPage:
    return HtmlPage(write_report(folder).read_text(encoding="utf-8"))


def test_it_needs_nothing_from_outside_and_pictures_have_words(folder: Path):
    found = page(folder)
    assert_stands_alone(found)
    assert len([tag for tag, _ in found.tags if tag == "img"]) == 4
    assert "Not for clinical use" in found.text


def test_the_numbers_are_those_of_the_study(folder: Path):
    text, table = page(folder).text, render_markdown(folder)
    for number in ("0.512", "0.31 to 0.69", "0.613", "0.112", "0.113", "0.556 ± 0.012", "0.557",
                   "0.444 ± 0.011", "0.888", "undefined", "0.780", "1.250"):  # fmt: skip
        assert number in text, number
        assert number in table, number
    assert text.count("Inconclusive.") == 1
    assert "lite0@128" in text
    assert "synthetic images, epoch 2" in text
    assert "Started 1 January 2026, 10:00 UTC; took two minutes on Linux." in text
    assert_tables_are_whole(table)


def test_names_are_escaped(folder: Path):
    raw = write_report(folder).read_text(encoding="utf-8")
    assert "<b>ill</b>" not in raw
    assert "&lt;b&gt;ill&lt;/b&gt;" in raw
    assert "images &amp; co" in raw


def test_the_same_study_gives_the_same_bytes(folder: Path):
    assert write_report(folder).read_bytes() == write_report(folder).read_bytes()


@pytest.mark.parametrize(
    "lost", ["generators/class0/reals.png", "generators/class0/stats.jsonl", "timing.json"]
)
def test_missing_files_are_tolerated(folder: Path, lost: str):
    (folder / lost).unlink()
    assert "Accuracy" in page(folder).text


def test_a_study_without_generators_has_no_section_on_them(folder: Path):
    assert "Generators" in page(folder).text
    write_study(folder, published_study(generators={}))
    assert "Generators" not in page(folder).text


def test_pictures_of_phantoms_are_called_phantoms(folder: Path):
    study = published_study()
    data = msgspec.structs.replace(study.data, origin="phantom")
    write_study(folder, msgspec.structs.replace(study, data=data))
    assert "used to train the generator (computer-generated phantoms)" in page(folder).text


def test_captions_say_how_the_networks_were_trained(folder: Path):
    assert "softmax applied twice, as in the paper" in render_markdown(folder)
    assert "These networks were trained with softmax" not in render_markdown(folder)
    study = published_study()
    arm = study.arms["classic"]
    assert arm.as_published is not None
    once = msgspec.structs.replace(arm.as_published, double_softmax=False)
    arm = msgspec.structs.replace(arm, as_published=once, double_softmax=True)
    write_study(folder, msgspec.structs.replace(study, arms={"classic": arm}))
    assert "softmax applied once, unlike in the paper" in render_markdown(folder)
    assert "These networks were trained with softmax applied twice." in render_markdown(folder)


def test_mixtures_are_a_table_and_a_figure(folder: Path):
    mixtures = tuple(
        Mixture(
            classic=c, synthetic=s, accuracy=0.5 + c / 40 + s / 100, sd=0.01 * s or None, seeds=2
        )
        for c in (0, 5)
        for s in (0, 3)
        if c or s
    )
    write_study(folder, msgspec.structs.replace(published_study(), mixtures=mixtures))
    assert "Accuracy against the number of images added" in str(page(folder).tags)
    rows = [
        line
        for line in render_markdown(folder).splitlines()
        if line.startswith(("| 0 classic", "| 5 classic"))
    ]
    assert rows == ["| 0 classic |  | 0.530 ± 0.030 |", "| 5 classic | 0.625 | 0.655 ± 0.030 |"]


def _options(run: Path) -> None:
    options = RunOptions(
        gan=GanOptions(),
        data="images",
        data_sha256="0",
        group_regex=None,
        seed=0,
        hold_out=0.0,
        patience=0,
        classes=("class0",),
        device="cpu",
        precision="fp32",
        threads=1,
    )
    write_json(run / "options.json", msgspec.to_builtins(options))


def test_generators_alone_have_a_page(folder: Path):
    run = folder / "generators"
    _options(run)
    text = HtmlPage(write_report(run).read_text(encoding="utf-8")).text
    assert "Generators trained on images" in text
    write_json(run / "options.json", {"data": 5})
    with pytest.raises(InputError) as found:
        write_report(run)
    assert found.value.code == "run_damaged"
    with pytest.raises(InputError) as found:
        write_report(run / "class0")
    assert found.value.code == "no_run"


def test_training_that_stopped_at_a_non_finite_loss_is_unfinished(folder: Path):
    run = folder / "generators"
    _options(run)
    for name in ("class0", "class1"):
        (run / name / "stats.jsonl").unlink()
    append_jsonl(run / "class0" / "stats.jsonl", row(epoch=2))
    append_jsonl(run / "class0" / "stats.jsonl", row(finite=False) | dict.fromkeys(FINAL))
    last = read_training(run).classes["class0"].last
    assert (last.epoch, last.finite, last.loss_d) == (3, False, None)
    text = HtmlPage(write_report(run).read_text(encoding="utf-8")).text
    assert "Generators trained on images" in text
    assert "Training is not finished: class0." in text
    assert "class0: divergence" in text
    assert "3 of 3, not finite" in render_markdown(run)


def test_training_json_beside_a_study_is_shown(folder: Path):
    run = folder / "generators"
    _options(run)
    for name in ("class0", "class1"):
        (run / name / "stats.jsonl").unlink()
    last = row(step=6800, images_seen=217600, seconds=3720.0, fid=301.25, kid=0.5)
    measured = {"inception_score": 2.0, "num_real": 9, "num_fake": 8, "extractor": "pixels"}
    append_jsonl(run / "class0" / "stats.jsonl", last | measured)
    (folder / "training.json").write_bytes(msgspec.json.encode(read_training(run)))
    text = render_markdown(folder)
    assert (
        "| class0 | 3 of 3 | 6800 | 217600 | 1.250 | 3.500 | 0.780 | 0.580 | 0.060 | 62 |" in text
    )
    assert "| class0, 3 | 3 | 9 | 8 | 301.2 | 0.500 | 2.00 | pixels |" in text


def test_a_negative_distance_lies_inside_the_figure(monkeypatch: pytest.MonkeyPatch):
    drawn: list[Any] = []
    monkeypatch.setattr(figures, "to_svg", lambda figure: drawn.append(figure) or "")
    for kids in ([0.2, -0.05, 0.1], [0.2, 0.3, 0.1]):
        rows = [msgspec.convert(row(epoch=e, kid=kid), EpochRow) for e, kid in enumerate(kids)]
        figures.quality_curves({"a": rows}, "kid", "KID")
    below, above = (figure.axes[0].get_ylim() for figure in drawn)
    assert below[0] < -0.05
    assert below[1] > 0.2
    assert above[0] == 0


def test_the_quality_of_images_is_shown_as_measured(folder: Path):
    quality = quality_report()
    write_study(folder, published_study(quality=quality))
    text, table = page(folder).text, render_markdown(folder)
    for shown in ("512.3", "0.125", "-0.012 to 0.250", "0.37", "k = 5 (normal 3)", "Few images."):
        assert shown in text, shown
        assert shown in table, shown
    assert "31% of the way to noise" in text
    write_json(folder / "quality.json", quality | {"notes": ["Measured again."]})
    assert "Measured again." in render_markdown(folder)
    write_json(folder / "quality.json", quality | {"notes": 5})
    with pytest.raises(InputError) as found:
        render_markdown(folder)
    assert found.value.code == "quality_report_invalid"


def quality_report() -> dict[str, Any]:
    """Return the JSON of an invented quality report."""
    base = {"m": 4, "splits": 20, "real_vs_real": 9.0, "real_vs_real_sd": 1.0, "synthetic": 20.0,
            "synthetic_sd": 2.0, "noise": 45.0, "position": 0.31, "verdict": "towards_noise"}  # fmt: skip
    numbers = dict.fromkeys(("kid_subset_mean", "kid_subset_sd", "precision", "recall"), 0.5)
    numbers |= dict.fromkeys(("density", "auth_pct"), 0.5)
    none = (
        "fid_inf",
        "is_mean",
        "is_sd",
        "is_splits",
        "ms_ssim",
        "ms_ssim_pairs",
        "ms_ssim_scales",
    )
    found: dict[str, Any] = {**numbers, **dict.fromkeys(none)}
    found |= {"num_real": 12, "num_fake": 9, "k": 5, "fid": 512.34, "kid": 0.125, "coverage": 0.37}
    found |= {"kid_ci": [-0.012, 0.25], "kid_subset_size": 5, "copies": [], "undefined": {}}
    warning = {"code": "few_images", "text": "Few images."}
    found |= {"baselines": {"fid": base}, "warnings": [warning]}
    threshold = {"pixels": 0.5, "features": 0.5, "usual": {c: [0.2, 9.0] for c in CLASSES},
                 "percentile": 2.0, "num_held_out": 9, "grouped": True, "real_flagged": 0,
                 "false_alarms": 0.02}  # fmt: skip
    return {
        "schema": 2,
        "extractor": "pixels",
        "dim": 64,
        "image_size": 64,
        "fit": None,
        "classes": {CLASSES[0]: found | {"k": 3}, CLASSES[1]: found},
        "pooled": found,
        "copy_threshold": threshold,
        "held_out": {},
        "membership": {},
        "tstr": None,
        "notes": [],
    }
