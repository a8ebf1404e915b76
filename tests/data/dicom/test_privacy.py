"""Identifiers of DICOM files are in no byte that a run writes, prints or raises."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import pydicom
import pytest

from fewray.data.loading import load_dataset
from fewray.errors import InputError
from tests.dicom_files import pixels_of, secrets_of, write_dicom
from tests.helpers import run_cli

STUDY = shlex.split(
    "--preset quick --folds 2 --seeds 1 --steps 4 --arms classic,synthetic --recipe patches "
    "--ratios= --no-resnet --copy-percentile 0 --device cpu --augmented-copies 1 "
    "--precision fp32 --processes 1"
)


def searched(value: Any) -> list[bytes]:
    """Return what must not be found of the value of an element: whole, and by its words."""
    text = str(value)
    words = text.split("^")
    return [each.lower().encode() for each in {text, *words} if len(each) >= 6]


@pytest.fixture
def export(tmp_path: Path) -> tuple[Path, list[bytes]]:
    """Return a folder of two classes of six patients, and all identifiers in its files.

    Folders are named after patients, and files after patients, accession numbers or UIDs. Each
    patient has two images. One has no PatientID. A real radiograph in four encodings is there too.
    """
    root, found = tmp_path / "export", list[bytes]()
    for index in range(12):
        person = secrets_of()
        if index == 5:
            person |= {"PatientID": ""}
        found += [each for value in person.values() for each in searched(value)]
        name = person["PatientName"].replace("^", "_")
        for image in range(2):
            part = secrets_of()
            ours = person | {k: part[k] for k in ("SOPInstanceUID", "AccessionNumber")}
            found += [
                each for k in ("SOPInstanceUID", "AccessionNumber") for each in searched(part[k])
            ]
            file = (
                ours["SOPInstanceUID"],
                f"IM_{ours['AccessionNumber']}.dcm",
                f"{name}-{image}.dcm",
                f"{ours['PatientBirthDate']}{name}x{image}",
            )[index % 4]
            folder = root / "ab"[index % 2] / (name if index % 3 else f"study {index}")
            write_dicom(folder / file, pixels_of(2 * index + image), ViewPosition="PA", **ours)
    return root, found


def add_radiograph(root: Path) -> list[bytes]:
    """Copy a radiograph of pydicom-data, in its encodings, to class b; return its identifiers."""
    store = pytest.importorskip("data_store", reason="pydicom-data is not installed")
    found = list[bytes]()
    for encoding in ("UNCR", "UNCI", "J2KR", "J2KI"):
        source = Path(store.__file__).parent / "data" / f"RG3_{encoding}.dcm"
        header = pydicom.dcmread(source, stop_before_pixels=True)
        shutil.copy(source, root / "b" / str(header.SOPInstanceUID))
        for keyword in ("PatientID", "PatientName", "SOPInstanceUID", "StudyInstanceUID"):
            found += searched(header.get(keyword, ""))
    return found


def table_of(root: Path, path: Path) -> Path:
    """Write a table that names each image by SOPInstanceUID; its class is its top folder."""
    lines = ["SOPInstanceUID,label"]
    for file in sorted(each for each in root.rglob("*") if each.is_file()):
        header = pydicom.dcmread(file, stop_before_pixels=True)
        lines.append(f"{header.SOPInstanceUID},{file.relative_to(root).parts[0]}")
    path.write_text("\n".join(lines) + "\n")
    return path


def leaks(content: bytes, identifiers: list[bytes]) -> list[bytes]:
    low = content.lower()
    narrow = low.replace(b"\0", b"")  # of texts in UTF-16
    return [each for each in identifiers if each in low or each in narrow]


def leaks_below(folder: Path, identifiers: list[bytes]) -> dict[str, list[bytes]]:
    """Return the files below ``folder`` that contain an identifier, in their name or their bytes."""
    found = {}
    for place, _, names in os.walk(folder):
        for path in (Path(place) / name for name in names):
            written = str(path.relative_to(folder)).encode() + b"\n" + path.read_bytes()
            if here := leaks(written, identifiers):
                found[str(path)] = here
    return found


def test_no_identifier_is_written(
    export: tuple[Path, list[bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
):
    root, identifiers = export
    identifiers += add_radiograph(root)
    table = table_of(root, tmp_path / "labels.csv")
    monkeypatch.setenv("FEWRAY_CACHE", str(tmp_path / "cache"))
    assert leaks_below(root / "a", identifiers)  # the search finds them where they are
    out = tmp_path / "out"
    view = ("--view", "PA,")
    data = ("--data", f"dicom:{root},labels={table}")
    study = ("study", *data, *view, *STUDY, "--out", out / "study")
    assert run_cli(monkeypatch, *study) == 0
    train = ("train", "--data", root, *view, "--recipe", "patches", "--device", "cpu")
    assert run_cli(monkeypatch, *train, "--out", out / "trained") == 0
    made = ("generate", out / "trained", "--per-class", 3, "--device", "cpu", "--out", out / "made")
    assert run_cli(monkeypatch, *made) == 0
    real = ("quality", "--real", root, *view, "--synthetic", out / "made", "--device", "cpu")
    assert run_cli(monkeypatch, *real, "--extractor", "pixels", "--out", out / "quality") == 0
    assert run_cli(monkeypatch, "report", out / "study") == 0
    assert run_cli(monkeypatch, "data", "check", root) == 0
    assert run_cli(monkeypatch, "data", "check", root, "--json") == 0
    written = [path for path in out.rglob("*") if path.is_file()]
    assert {"predictions.csv", "study.json", "report.html", "quality.json"} <= {
        path.name for path in written
    }
    assert not leaks_below(out, identifiers)
    assert not leaks_below(tmp_path / "cache", identifiers)
    printed = capfd.readouterr()
    assert not leaks((printed.out + printed.err + caplog.text).encode(), identifiers)


def test_no_identifier_is_in_errors(
    export: tuple[Path, list[bytes]], monkeypatch: pytest.MonkeyPatch, capfd
):
    root, identifiers = export
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name[0] != ".")
    files[0].write_bytes(files[0].read_bytes()[:-100])  # truncated
    (files[3].parent / "copy").write_bytes(files[3].read_bytes())
    with pytest.raises(InputError) as caught:
        load_dataset(root)
    error = caught.value
    assert not leaks(f"{error} {error.fields} {error!r}".encode(), identifiers)
    assert error.fields["faults"] == ["dicom_damaged"]
    assert run_cli(monkeypatch, "study", "--data", root, "--out", root.parent / "out") == 2
    assert run_cli(monkeypatch, "data", "check", root, "--json") == 0
    printed = capfd.readouterr()
    assert not leaks((printed.out + printed.err).encode(), identifiers)
    assert run_cli(monkeypatch, "data", "check", root, "--show-names") == 0
    assert files[0].name in capfd.readouterr().out


def test_the_key_belongs_to_the_data(export: tuple[Path, list[bytes]], tmp_path: Path, monkeypatch):
    root, _ = export
    first = load_dataset(root)
    key = root / ".fewray-patient-key"
    assert key.stat().st_mode & 0o777 == 0o600
    groups = {row.group for row in first.rows}
    assert len(groups) == 11 + 2  # the two images without a PatientID are patients of their own
    assert sum(group.startswith("patient-") for group in groups) == 11
    assert [row.group for row in load_dataset(root).rows] == [row.group for row in first.rows]
    key.rename(tmp_path / "key")
    other = load_dataset(root)
    hashed = {group for group in groups if group.startswith("patient-")}
    assert not hashed & {row.group for row in other.rows}
    monkeypatch.setenv("FEWRAY_PATIENT_KEY", str(tmp_path / "key"))
    assert hashed <= {row.group for row in load_dataset(root).rows}
    (tmp_path / "key").write_text("short")
    with pytest.raises(InputError) as caught:
        load_dataset(root)
    assert caught.value.code == "patient_key"
