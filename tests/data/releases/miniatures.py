"""Small copies of the public releases: their folders and tables, with noise as images."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from fewray.data.findings import LeftOut
from fewray.data.releases.chexpert import FINDINGS
from tests.dicom_files import pixels_of, write_dicom


@dataclass(frozen=True, kw_only=True)
class Miniature:
    """One release: how it is named, and what must be read."""

    source: str
    labels: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    patients: int
    codes: frozenset[str]
    """The warnings of the release; those of every data set are not among them."""


def save(path: Path, seed: int) -> Path:
    """Write a noise image, JPEG or PNG by its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (24, 20), np.uint8)
    Image.fromarray(noise).save(path)
    return path


def table(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    """Write a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)
    return path


NIH = (
    *("Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age"),
    *("Patient Gender", "View Position", "OriginalImage[Width", "Height]"),
    *("OriginalImagePixelSpacing[x", "y]", ""),
)


def nih(root: Path) -> Miniature:
    """Return 8 patients with two images each; one image is not unpacked, one is not listed."""
    rows, names = [NIH], []
    findings = ["Pneumonia", "No Finding", "Pneumonia|Edema", "Edema"]
    for i in range(16):
        name = f"{i // 2 + 1:08d}_{i % 2:03d}.png"
        names.append(name)
        view = "AP" if i == 1 else "PA"
        rows.append((name, findings[i % 4], i % 2, i // 2 + 1, 58, "M", view, 1, 1, 1, 1, ""))
        if i != 13:
            save(root / f"images_{i // 8 + 1:03d}" / "images" / name, i)
    save(root / "images_001" / "images" / "00009999_000.png", 99)
    table(root / "Data_Entry_2017.csv", rows)
    (root / "train_val_list.txt").write_text("\n".join(names[:12]))
    (root / "test_list.txt").write_text("\n".join(names[12:]))
    counts = {"train": {"No Finding": 3, "Pneumonia": 6}, "test": {"No Finding": 0, "Pneumonia": 2}}
    codes = frozenset({"release_files_missing", "release_not_listed", LeftOut.NONE.value})
    labels = ("Pneumonia", "No Finding")
    return Miniature(source=f"nih:{root}", labels=labels, counts=counts, patients=8, codes=codes)


def chexpert(root: Path) -> Miniature:
    """Return the small version, with a finding, none, an uncertain one and two at once."""
    findings = [{"Pneumonia": "1.0"}, {"No Finding": "1.0"}, {"Pneumonia": "-1.0"}]
    findings.append({"Pneumonia": "1.0", "No Finding": "1.0"})
    head = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *FINDINGS)
    seed = 0
    for split, first, n in (("train", 1, 12), ("valid", 64541, 8)):
        rows: list[Sequence[object]] = [head]
        for i in range(n):
            side = "lateral" if i == 4 else "frontal"
            end = f"{split}/patient{first + i // 4:05d}/study{i % 4 + 1}/view1_{side}.jpg"
            cells = [findings[i % 4].get(name, "") for name in FINDINGS]
            view = "" if side == "lateral" else "AP"
            where = f"CheXpert-v1.0-small/{end}"
            rows.append((where, "Female", 60, side.capitalize(), view, *cells))
            save(root / "CheXpert-v1.0-small" / end, seed := seed + 1)
        table(root / "CheXpert-v1.0-small" / f"{split}.csv", rows)
    counts = {"train": {"No Finding": 3, "Pneumonia": 3}, "test": {"No Finding": 2, "Pneumonia": 2}}
    return Miniature(
        source=f"chexpert:{root}",
        labels=("Pneumonia", "No Finding"),
        counts=counts,
        patients=5,
        codes=frozenset({LeftOut.UNCERTAIN.value, LeftOut.SEVERAL.value}),
    )


def rsna_pneumonia(root: Path) -> Miniature:
    """Return images in three classes; two boxes of an image are two rows. Test images are there."""
    classes = ["Lung Opacity", "No Lung Opacity / Not Normal", "Normal"]
    rows: list[Sequence[str]] = [("patientId", "class")]
    mapping = []
    for i in range(12):
        name = f"0004cfab-14fd-4e49-80ba-{i:012d}"
        rows += [(name, classes[i % 3])] * (2 if i % 3 == 0 else 1)
        path = root / "stage_2_train_images" / f"{name}.dcm"
        write_dicom(path, pixels_of(i, 24), PatientID=name, ViewPosition="PA")
        mapping.append({"subset_img_id": name, "img_id": f"{i // 3 + 1:08d}_{i % 3:03d}.png"})
    write_dicom(root / "stage_2_test_images" / "x.dcm", pixels_of(99, 24))
    table(root / "stage_2_detailed_class_info.csv", rows)
    (root / "pneumonia-challenge-dataset-mappings_2018.json").write_text(json.dumps(mapping))
    counts = {"": {"Lung Opacity": 4, "No Lung Opacity - Not Normal": 4, "Normal": 4}}
    return Miniature(
        source=f"rsna-pneumonia:{root}", labels=(), counts=counts, patients=4, codes=frozenset()
    )


def vindr_cxr(root: Path) -> Miniature:
    """Return training images read by three: agreed, disputed; and test images with one row."""
    names = ("Pneumonia", "Nodule/Mass", "No finding")
    train: list[Sequence[object]] = [("image_id", "rad_id", *names, "Other diseases")]
    test: list[Sequence[object]] = [("image_id", *names, "Other disease")]
    agreed = [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)]
    for i in range(12):
        image = f"{i:032x}"
        cells = agreed[i % 3]
        for reader in range(3):
            disputed = i == 3 and reader == 2  # the third reader of one image sees nothing
            train.append((image, f"R{reader + 1}", *((0, 0, 1, 0) if disputed else cells)))
        write_dicom(root / "train" / f"{image}.dicom", pixels_of(i, 24), PatientID=None)
    for i in range(12, 18):
        image = f"{i:032x}"
        test.append((image, *agreed[i % 3]))
        write_dicom(root / "test" / f"{image}.dicom", pixels_of(i, 24), PatientID=None)
    table(root / "annotations" / "image_labels_train.csv", train)
    table(root / "annotations" / "image_labels_test.csv", test)
    counts = {
        "train": {"No finding": 4, "Nodule-Mass": 4, "Pneumonia": 3},
        "test": {"No finding": 2, "Nodule-Mass": 2, "Pneumonia": 2},
    }
    return Miniature(
        source=f"vindr-cxr:{root}",
        labels=("Pneumonia", "Nodule/Mass", "No finding"),
        counts=counts,
        patients=17,
        codes=frozenset({LeftOut.UNCERTAIN.value, "patients_unknown"}),
    )


def padchest(root: Path) -> Miniature:
    """Return images in numbered folders, of two patients of each finding, one of them lateral."""
    rows: list[Sequence[object]] = [
        ("", "ImageID", "ImageDir", "PatientID", "Projection", "Labels")
    ]
    cells = ["['normal']", "['pneumonia', ' pleural effusion']", "", "['pneumonia', 'normal']"]
    for i in range(16):
        name = f"2168401113669640129{i:04d}_00-000-{i:03d}.png"
        view = "L" if i == 4 else "PA"
        rows.append((i, name, i % 3, f"{100 + i // 2}", view, cells[i % 4]))
        save(root / str(i % 3) / name, i)
    table(root / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv", rows)
    return Miniature(
        source=f"padchest:{root}",
        labels=("pneumonia", "normal"),
        counts={"": {"normal": 4, "pneumonia": 4}},
        patients=4,
        codes=frozenset({LeftOut.NONE.value, LeftOut.SEVERAL.value}),
    )


def siim(root: Path) -> Miniature:
    """Return nested DICOM files; an image with two masks has two rows."""
    rows: list[Sequence[str]] = [("ImageId", " EncodedPixels")]
    for i in range(8):
        name = f"1.2.276.0.7230010.3.1.4.8323329.{i}.1517875161.9"
        rows += [(name, " 1 2 3 4")] * 2 if i % 2 else [(name, " -1")]
        path = root / "dicom-images-train" / f"study{i}" / f"series{i}" / f"{name}.dcm"
        write_dicom(path, pixels_of(i, 24), PatientID=f"ZQ-{i // 2}", SOPInstanceUID=name)
    table(root / "train-rle.csv", rows)
    return Miniature(
        source=f"siim:{root}",
        labels=(),
        counts={"": {"No Pneumothorax": 4, "Pneumothorax": 4}},
        patients=4,
        codes=frozenset({"release_patients_by_image"}),
    )


def kermany(root: Path) -> Miniature:
    """Return the Kaggle folder, which repeats its name and holds files of macOS."""
    base = root / "chest_xray"
    for i in range(6):
        save(base / "train" / "NORMAL" / f"IM-{115 + i // 2:04d}-0001-{i:04d}.jpeg", i)
        save(base / "train" / "PNEUMONIA" / f"person{i // 2 + 1}_bacteria_{i}.jpeg", 10 + i)
    for i in range(2):
        save(base / "val" / "NORMAL" / f"NORMAL2-IM-{1427 + i}-0001.jpeg", 20 + i)
        save(base / "val" / "PNEUMONIA" / f"person{1946 + i}_bacteria_487{i}.jpeg", 30 + i)
        save(base / "test" / "NORMAL" / f"NORMAL2-IM-{13 + i:04d}-0001.jpeg", 40 + i)
        save(base / "test" / "PNEUMONIA" / f"person1{i}_virus_{i}.jpeg", 50 + i)
    save(root / "__MACOSX" / "chest_xray" / "train" / "NORMAL" / "._IM-0115-0001.jpeg", 60)
    (base / "train" / "NORMAL" / ".DS_Store").write_bytes(b"x")
    counts = {"train": {"NORMAL": 8, "PNEUMONIA": 8}, "test": {"NORMAL": 2, "PNEUMONIA": 2}}
    return Miniature(
        source=f"kermany:{root}", labels=(), counts=counts, patients=14, codes=frozenset()
    )


def covidx(root: Path) -> Miniature:
    """Return lists with and without a source, and a name with blanks."""
    for split, n in (("train", 8), ("test", 4)):
        lines = []
        for i in range(n):
            name = f"COVID 19 ({i}).png" if i == 0 else f"{split}-{i}.png"
            label, source = (("positive", "cohen"), ("negative", "rsna"))[i % 2]
            lines.append(f"{split}{i // 4} {name} {label} {source}")
            save(root / split / name, i + 100 * n)
        (root / f"{split}.txt").write_text("\n".join(lines) + "\n")
    counts = {"train": {"negative": 4, "positive": 4}, "test": {"negative": 2, "positive": 2}}
    codes = frozenset({"confounded_source"})
    return Miniature(source=f"covidx:{root}", labels=(), counts=counts, patients=6, codes=codes)


def covid_radiography(root: Path) -> Miniature:
    """Return the four class folders, each with images and masks of the same names."""
    base = root / "COVID-19_Radiography_Dataset"
    for place, label in enumerate(("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")):
        for i in range(4):
            save(base / label / "images" / f"{label}-{i + 1}.png", 10 * place + i)
            save(base / label / "masks" / f"{label}-{i + 1}.png", 100 + 10 * place + i)
        (base / f"{label}.metadata.xlsx").write_bytes(b"not read")
    counts = {"": {"COVID": 4, "Lung_Opacity": 4, "Normal": 4, "Viral Pneumonia": 4}}
    codes = frozenset({"confounded_source", "release_no_patients", "patients_unknown"})
    return Miniature(
        source=f"covid-radiography:{root}", labels=(), counts=counts, patients=16, codes=codes
    )


def ieee8023(root: Path) -> Miniature:
    """Return radiographs in the hierarchy of findings, a CT slice, and annotations."""
    head = ("patientid", "offset", "finding", "view", "modality", "folder", "filename")
    rows: list[Sequence[object]] = [head]
    findings = ["Pneumonia/Viral/COVID-19", "No Finding", "Pneumonia/Bacterial", "todo"]
    for i in range(12):
        name = f"case-{i}.{'png' if i % 2 else 'jpg'}"
        view = "L" if i == 5 else "AP Supine"
        rows.append((i // 4, 0, findings[i % 4], view, "X-ray", "images", name))
        save(root / "images" / name, i)
    rows.append((9, 0, findings[0], "Axial", "CT", "images", "slice.png"))
    save(root / "images" / "slice.png", 99)
    save(root / "annotations" / "lungVAE-masks" / "case-0_mask.png", 98)
    table(root / "metadata.csv", rows)
    return Miniature(
        source=f"ieee8023:{root}",
        labels=("COVID-19", "No Finding"),
        counts={"": {"COVID-19": 3, "No Finding": 3}},
        patients=3,
        codes=frozenset({"confounded_source", "release_not_radiographs", LeftOut.NONE.value}),
    )


def medmnist(root: Path) -> Miniature:
    """Return a file of PneumoniaMNIST+ with 16 images."""
    rng, arrays = np.random.default_rng(1), {}
    for split, n in (("train", 8), ("val", 4), ("test", 4)):
        arrays[f"{split}_images"] = rng.integers(0, 256, (n, 64, 64), np.uint8)
        arrays[f"{split}_labels"] = (np.arange(n) % 2).astype(np.uint8)[:, None]
    file = root / "pneumoniamnist_64.npz"
    root.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, allow_pickle=False, **arrays)
    counts = {"train": {"normal": 6, "pneumonia": 6}, "test": {"normal": 2, "pneumonia": 2}}
    codes = frozenset({"release_no_patients", "patients_unknown"})
    return Miniature(source=f"medmnist:{file}", labels=(), counts=counts, patients=16, codes=codes)


BUILDERS: dict[str, Callable[[Path], Miniature]] = {
    "nih": nih,
    "chexpert": chexpert,
    "padchest": padchest,
    "rsna-pneumonia": rsna_pneumonia,
    "vindr-cxr": vindr_cxr,
    "siim": siim,
    "kermany": kermany,
    "covidx": covidx,
    "covid-radiography": covid_radiography,
    "ieee8023": ieee8023,
    "medmnist": medmnist,
}
