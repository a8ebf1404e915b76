"""What fewray writes is never read back as data, wherever it lies and whenever it was stopped."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from fewray import api
from fewray.data.audit.check import audit
from fewray.data.layout.outputs import check_out_folder
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.imaging.arrays import load_images
from fewray.pipelines.train_generators import train_generators
from fewray.report.render import write_report
from fewray.storage import files
from tests.helpers import (
    GAN,
    SERIAL,
    noise_dataset,
    not_recognised,
    refused,
    run_cli,
    save_noise,
    visible_files,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return noise_dataset(tmp_path / "data", {"normal": 6, "pneumonia": 6})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a training run, generated images and their quality report, and a cache."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("made")
        patch.setenv("FEWRAY_CACHE", str(folder / "cache"))
        data = noise_dataset(folder / "data", {"normal": 6, "pneumonia": 6})
        rows = load_dataset(data)
        train_generators(rows, GAN, folder / "runs", machine=SERIAL, probe_every=0)
        write_report(folder / "runs")
        api.generate(folder / "runs", folder / "synthetic", per_class=4)
        api.measure_quality(
            rows,
            folder / "synthetic",
            out=folder / "quality",
            extractor="pixels",
            k=2,
            classes=["normal"],
        )
        load_dataset("phantom:size=64,train=2,test=1")
        save_noise(folder / "large.png", 1, (400, 400))
        load_images([folder / "large.png"], 64)
        (folder / "cache/ranges").mkdir(exist_ok=True)
    return folder


OUTPUTS = ("runs", "synthetic", "quality", "cache")


def test_every_file_of_every_command_is_recognised(made: Path):
    for name in OUTPUTS:
        assert visible_files(made / name)
        assert not_recognised(made / name) == []
    assert len(not_recognised(made / "data")) == 12


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("place", ["", "normal", "normal/deep", "pneumonia"])
def test_outputs_inside_the_data_change_nothing(data: Path, made: Path, name: str, place: str):
    before = load_dataset(data)
    shutil.copytree(made / name, data / place / f"my {name}")
    after = load_dataset(data)
    assert after.sha256() == before.sha256()
    assert after.classes == ("normal", "pneumonia")
    (warning,) = [found for found in after.warnings if found.code == "outputs_skipped"]
    assert all(f"my {name}" in item for item in warning.items)
    assert len(warning.items) == len(visible_files(made / name))
    (told,) = [each for each in audit(after).findings if each.code == warning.code]
    assert told.items == warning.items


def test_outputs_among_the_images_change_nothing(data: Path, made: Path):
    before = load_dataset(data)
    for name in ("runs", "quality"):
        shutil.copytree(made / name, data, dirs_exist_ok=True)
    assert load_dataset(data).sha256() == before.sha256()


def test_outputs_beside_splits_are_no_split(tmp_path: Path, made: Path):
    noise_dataset(tmp_path / "train", {"a": 2, "b": 2})
    shutil.copytree(made / "runs", tmp_path / "runs")
    assert load_dataset(tmp_path).classes == ("a", "b")


def test_images_that_users_keep_beside_outputs_stay(data: Path, made: Path):
    shutil.copytree(made / "runs", data / "third")
    save_noise(data / "third/normal/mine.png", 77)
    loaded = load_dataset(data)
    assert [row.path.name for row in loaded.where(label="third").rows] == ["mine.png"]
    for name in ("reals.png", "fakes-000001.png", "seed000001.png", "closest-pairs-a.png"):
        save_noise(data / "normal" / name, len(name))  # without a marker they are anybody's
    assert len(load_dataset(data).where(label="normal")) == 10


@pytest.mark.parametrize("name", ["runs", "quality", "cache"])
def test_a_folder_of_outputs_alone_is_refused(made: Path, name: str):
    with refused("only_outputs"):
        load_dataset(made / name)


def test_generated_images_are_read_where_they_are_asked_for(made: Path):
    (made / "synthetic/manifest.csv").rename(made / "kept.csv")
    try:
        assert len(load_dataset(made / "synthetic").where(origin="synthetic")) == 8
    finally:
        (made / "kept.csv").rename(made / "synthetic/manifest.csv")
    assert len(load_dataset(made / "synthetic").where(origin="synthetic")) == 8


def test_a_table_may_not_list_outputs_as_real(made: Path):
    table = made / "own.csv"
    table.write_text("path,label\ndata/normal/normal0.png,normal\nruns/normal/reals.png,normal\n")
    with refused("invalid_data", "reals.png: fewray wrote this file") as caught:
        load_dataset(table)
    assert caught.value.fields["faults"] == ["own_output"]
    lines = "data/normal/normal0.png,a,real\nsynthetic/normal/seed000000.png,b,real\n"
    table.write_text("path,label,origin\n" + lines)
    assert [row.origin for row in load_dataset(table).rows] == ["real", "synthetic"]


def test_out_among_the_images_is_refused_before_anything_is_written(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    before = sorted(data.rglob("*"))
    (data.parent / "link").symlink_to(data)
    for words in (
        ("train", "--data", data, "--out", data),
        ("train", "--data", data, "--out", data, "--dry-run"),
        ("train", "--data", data, "--out", data.parent / "link"),
        ("study", "--data", data, "--out", data / "normal", "--dry-run"),
        ("study", "--data", data, "--out", data),
        ("quality", "--real", data, "--synthetic", data, "--out", data / "normal"),
    ):
        assert run_cli(monkeypatch, *words) == 2
        assert "Choose another folder" in capsys.readouterr().err
    assert sorted(data.rglob("*")) == before


def test_folders_inside_and_above_the_data_are_safe(data: Path):
    rows = load_dataset(data)
    for out in (data / "runs", data.parent, data / "normal" / "runs", data.parent / "elsewhere"):
        check_out_folder(rows, out, ("generators", "jobs"))
    with refused("out_among_images"):
        check_out_folder(rows, data, rows.classes)
    table = data.parent / "own.csv"
    table.write_text("path,label\ndata/normal/normal0.png,data\n")
    with refused("out_among_images"):
        check_out_folder(load_dataset(table), data / "normal")


def test_a_run_stopped_at_any_write_leaves_the_data_unchanged_and_resumes(
    data: Path, monkeypatch: pytest.MonkeyPatch
):
    rows, writes = load_dataset(data), []
    write = files.replace_file

    def checked(path: Path, content: bytes, **named: Any) -> None:
        write(path, content, **named)
        if data in path.parents:
            writes.append(path.name)
            assert load_dataset(data).sha256() == rows.sha256(), path
            if len(writes) == stop:
                raise KeyboardInterrupt

    def train() -> None:
        again: Manifest = load_dataset(data)
        train_generators(
            again,
            GAN,
            data / "runs",
            machine=SERIAL,
            probe_every=0,
            resume=True,
            classes=["normal"],
        )

    monkeypatch.setattr(files, "replace_file", checked)
    for number in (1, 3, 5):
        stop = number
        writes.clear()
        with pytest.raises(KeyboardInterrupt):
            train()
    stop = 0
    train()
    assert {"checkpoint.safetensors", "reals.png", "fakes-000002.png"} <= {
        path.name for path in (data / "runs/normal").iterdir()
    }


def test_a_folder_that_was_only_locked_is_no_class(data: Path):
    with files.locked(data / "study"):
        assert load_dataset(data).classes == ("normal", "pneumonia")
        (data / "study/generators").mkdir()
    assert load_dataset(data).classes == ("normal", "pneumonia")
    (data / "empty").mkdir()
    with refused("empty_class", "empty"):
        load_dataset(data)
