"""Mistakes of a user: one line on stderr, exit 2, and nothing is written."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import run_cli, save_noise

QUICK = ["--recipe", "quick", "--quality-every", "0", "--processes", "1", "--threads", "1"]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Return a folder with three images of each of two classes."""
    for label, first in (("a", 0), ("b", 10)):
        for index in range(3):
            save_noise(tmp_path / "images" / label / f"{index}.png", first + index)
    return tmp_path / "images"


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """Return a folder with training and test images of two classes."""
    for place, first in (("train/a", 0), ("train/b", 10), ("test/a", 20), ("test/b", 30)):
        for index in range(3):
            save_noise(tmp_path / "split" / place / f"{index}.png", first + index)
    return tmp_path / "split"


def refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object
) -> str:
    """Run a command that must fail with one line on stderr and exit 2; return the line."""
    assert run_cli(monkeypatch, *words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.strip().splitlines()
    assert len([line for line in lines if not line.endswith("so some are repeated")]) == 1
    assert lines[-1].startswith("fewray: ")
    return lines[-1]


def nothing_in(folder: Path) -> bool:
    return not [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]


def test_a_command_line_that_cannot_be_parsed_is_reported_in_one_line(
    tmp_path, images, monkeypatch, capsys
):
    (tmp_path / "file").write_text("")
    assert "epochs" in refused(
        monkeypatch, capsys, "train", "--data", images, "--out", tmp_path / "o", "--epochs", "0"
    )
    assert "magic" in refused(monkeypatch, capsys, "magic")
    assert "--bogus" in refused(monkeypatch, capsys, "study", "--bogus")
    refused(
        monkeypatch,
        capsys,
        "train",
        "--data",
        images,
        *QUICK,
        "--epochs",
        "1",
        "--out",
        tmp_path / "file",
    )
    assert nothing_in(tmp_path / "o")


def test_a_damaged_training_image_is_reported_before_anything_is_written(
    tmp_path, images, monkeypatch, capsys
):
    bad = images / "b" / "1.png"
    bad.write_bytes(bad.read_bytes()[:300])
    words = ["train", "--data", images, *QUICK, "--epochs", "1", "--out", tmp_path / "o"]
    assert str(bad) in refused(monkeypatch, capsys, *words)
    assert nothing_in(tmp_path / "o")


def test_group_regex_applies_to_the_external_set(tmp_path, images, monkeypatch, capsys):
    save_noise(tmp_path / "elsewhere" / "a" / "0-later.png", 99)
    words = [
        "study",
        "--data",
        images,
        "--group-regex",
        r"(\d+)",
        "--preset",
        "quick",
        "--out",
        tmp_path / "o",
    ]
    line = refused(monkeypatch, capsys, *words, "--external", tmp_path / "elsewhere", "--dry-run")
    assert "b/0.png" in line
    assert "a/0-later.png" in line


def test_an_unknown_extractor_is_reported_before_anything_is_written(
    tmp_path, images, monkeypatch, capsys
):
    words = [
        "train",
        "--data",
        images,
        "--recipe",
        "quick",
        "--epochs",
        "1",
        "--extractor",
        "bogus",
        "--out",
        tmp_path / "o",
    ]
    assert "bogus" in refused(monkeypatch, capsys, *words)
    assert nothing_in(tmp_path / "o")


def published(data: Path, out: Path) -> list[object]:
    return [
        "study",
        "--protocol",
        "published",
        "--preset",
        "quick",
        "--data",
        data,
        "--out",
        out,
        "--arms",
        "no_augmentation",
    ]


def test_the_published_protocol_checks_its_data_first(tmp_path, images, split, monkeypatch, capsys):
    out = tmp_path / "o"
    line = refused(monkeypatch, capsys, *published(images, out))
    assert "--data images: 6 images without a split" in line
    (images / "generators.json").write_text('{"a": {}}')
    save_noise(images / "a" / "seed000000.png", 40)
    assert "1 synthetic image" in refused(monkeypatch, capsys, *published(images, out))
    twin = split / "test" / "a" / "twin.png"
    twin.write_bytes((split / "train" / "a" / "0.png").read_bytes())
    assert "twin.png" in refused(monkeypatch, capsys, *published(split, out))
    twin.write_bytes(save_noise(split / "test/a/twin.png", 99).read_bytes()[:200])
    assert "twin.png" in refused(monkeypatch, capsys, *published(split, out))
    twin.unlink()
    for label in ("train/b", "test/b"):
        for path in (split / label).iterdir():
            path.unlink()
        (split / label).rmdir()
    assert "at least 2" in refused(monkeypatch, capsys, *published(split, out))
    assert nothing_in(out)


def test_the_test_split_is_never_trained_on(tmp_path, images, monkeypatch, capsys):
    rows = [(path, path.parent.name) for path in sorted(images.rglob("*.png"))]
    table = tmp_path / "rows.csv"
    table.write_text(
        "path,label,split\n"
        + "".join(f"{path},{label},{'test' if path.stem == '2' else ''}\n" for path, label in rows)
    )
    out = tmp_path / "o"
    assert (
        run_cli(monkeypatch, "train", "--data", table, *QUICK, "--epochs", "1", "--out", out) == 0
    )
    from fewray.storage.files import sha256_of

    for label in ("a", "b"):
        seen = json.loads((out / label / "options.json").read_text())["training_set"][
            "training_hashes"
        ]
        assert set(seen) == {sha256_of(images / label / f"{index}.png") for index in (0, 1)}
    capsys.readouterr()
    (images.parent / "only").mkdir()
    images.rename(images.parent / "only" / "test")
    words = ["train", "--data", images.parent / "only", *QUICK, "--out", tmp_path / "p"]
    assert "split" in refused(monkeypatch, capsys, *words)


def test_a_run_resumed_with_other_images_before_its_first_checkpoint_trains_on_them(
    tmp_path, images, monkeypatch
):
    from fewray import load_dataset, train_generator
    from fewray.generators.run import CHECKPOINT
    from fewray.presets import recipe

    out, other = tmp_path / "o", tmp_path / "other"
    for index in range(3):
        save_noise(other / "a" / f"{index}.png", 50 + index)
    options = recipe("quick").with_(epochs=1, classic_images=8)
    train_generator(
        load_dataset(images), out, options=options, classes=["a"], probe_every=0, threads=1
    )
    (out / "a" / CHECKPOINT).unlink()
    (out / "a" / "stats.jsonl").unlink()
    train_generator(
        load_dataset(other),
        out,
        options=options,
        classes=["a"],
        probe_every=0,
        threads=1,
        resume=True,
    )
    (kept,) = (out / "a").glob("training-*.npy")
    from fewray.imaging.arrays import load_images

    wanted = load_images([other / "a" / f"{index}.png" for index in range(3)], 64, options.fit)
    assert np.array_equal(np.load(kept)[:3], wanted)


def test_a_refused_resume_leaves_the_run_as_it_was(tmp_path, images, monkeypatch, capsys):
    words = ["train", "--data", images, "--classes", "a,a", *QUICK, "--out", tmp_path / "o"]
    assert run_cli(monkeypatch, *words, "--epochs", "1") == 0
    capsys.readouterr()
    before = (tmp_path / "o" / "options.json").read_bytes()
    assert "seed" in refused(
        monkeypatch, capsys, *words, "--epochs", "2", "--seed", "9", "--resume"
    )
    assert (tmp_path / "o" / "options.json").read_bytes() == before


@pytest.mark.parametrize("label", ["../out", "a/b", ".hidden", "a\tb"])
def test_labels_that_are_not_folder_names_are_refused(label, tmp_path, images, monkeypatch, capsys):
    table = tmp_path / "rows.csv"
    table.write_text(f'path,label\nimages/a/0.png,a\nimages/b/0.png,"{label}"\n')
    words = ["train", "--data", table, *QUICK, "--epochs", "1", "--out", tmp_path / "o"]
    assert "class '" in refused(monkeypatch, capsys, *words)
    assert nothing_in(tmp_path / "o")


@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX only")
def test_file_names_that_are_not_utf8_are_refused(tmp_path, images, monkeypatch, capsys):
    os.rename(os.fsencode(images / "a" / "0.png"), os.fsencode(images / "a") + b"/f\xff.png")  # noqa: PTH104
    words = ["train", "--data", images, *QUICK, "--epochs", "1", "--out", tmp_path / "o"]
    assert "UTF-8" in refused(monkeypatch, capsys, *words)


def test_characters_that_the_terminal_lacks_do_not_stop_a_command(tmp_path, images, monkeypatch):
    (images / "a").rename(images / "größe–α")
    for words in ((), ("--json",)):
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
        assert run_cli(monkeypatch, "data", "check", images, *words) == 0
        sys.stdout.flush()
        text = written.getvalue().decode("ascii")
        if words:
            assert set(json.loads(text)["classes"]) == {"größe–α", "b"}
        else:
            assert "gr??e" in text


def test_markdown_and_json_exclude_each_other(monkeypatch, capsys, tmp_path):
    assert "exclude each other" in refused(
        monkeypatch, capsys, "report", tmp_path, "--markdown", "--json"
    )


def handle_signals() -> None:
    """Handle SIGINT and SIGTERM: a background shell ignores one, and its children would too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_ends_a_command_that_says_how_to_resume(
    tmp_path, images, number: signal.Signals, status: int, word: str
):
    words = [
        "train",
        "--data",
        images,
        *QUICK,
        "--classes",
        "a",
        "--epochs",
        "10000",
        "--out",
        tmp_path / "o",
    ]
    command = [sys.executable, "-c", "from fewray.cli import main; main()", *map(str, words)]
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=handle_signals,
    ) as process:
        assert process.stderr is not None
        while "Loss_D" not in process.stderr.readline():
            assert process.poll() is None
        send = os.killpg if number == signal.SIGINT else os.kill  # the terminal's go to all
        send(process.pid, number)
        rest = process.stderr.read()
    assert process.returncode == status
    assert rest.splitlines()[-1].startswith(f"fewray: {word}; ")
    assert (tmp_path / "o" / "a" / "stats.jsonl").stat().st_size
    assert "Traceback" not in rest
