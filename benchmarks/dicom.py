"""Time DICOM: headers of many files, and decoding to 64 px against pydicom with NumPy and Pillow.

Processor time counts, not clock time, so that other work on the machine disturbs little.
Run as ``python -m benchmarks.dicom [--files 10000] [--rounds 3]``; it prints JSON.
"""

from __future__ import annotations

import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

SIDE, BITS, SIZE = 1024, 12, 64
DRAWN = 8
"""Images decoded in each round."""
ENCODINGS = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90")
"""Uncompressed, RLE and JPEG 2000."""


def main(
    files: Annotated[int, typer.Option(help="Files of 2 MB for the header pass.")] = 10_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of decoding.")] = 3,
) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        show("headers", headers(Path(folder) / "headers", files))
        for syntax in ENCODINGS:
            name = f"decoding {syntax}"
            show(name, decoding(Path(folder) / syntax, syntax, rounds))


def show(name: str, found: dict[str, Any]) -> None:
    """Print one result."""
    print(json.dumps({name: found}, indent=1), flush=True)


def headers(folder: Path, count: int) -> dict[str, Any]:
    """Return files per second of the header pass, and how much memory it adds.

    The files share their pixels, which are a hole in each of them: the pass never reads them.
    """
    from fewray.data.dicom.files import ALL, DicomFiles

    paths = list(_sparse(folder, count))
    DicomFiles.scan(folder, paths[:10], ALL)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, processor = time.perf_counter(), time.process_time()
    found = DicomFiles.scan(folder, paths, ALL)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    added = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert len(found.headers) == count
    assert not any(header.refusal for header in found.headers.values())
    return {
        "files": count,
        "mebibytes": round(paths[0].stat().st_size / 2**20, 2),
        "files_per_processor_second": round(count / processor),
        "files_per_second": round(count / wall),
        "kibibytes_added_per_file": round(added / count, 1),
    }


def decoding(folder: Path, syntax: str, rounds: int) -> dict[str, Any]:
    """Return images per processor second of both ways, and the median ratio."""
    from fewray.imaging.arrays import load_images
    from fewray.imaging.depth import PixelScale

    paths = [_write(folder / f"{i}", _pixels(i), syntax) for i in range(DRAWN)]
    scale = PixelScale(dicom_window=True)
    ways: tuple[Callable[[], np.ndarray], ...] = (
        lambda: load_images(paths, SIZE, scale=scale, cache=False),
        lambda: np.stack([_plain(path) for path in paths])[:, None],
    )
    ours, theirs = (way() for way in ways)
    seconds: list[list[float]] = [[], []]
    for turn in range(rounds):
        for index in (0, 1)[:: -1 if turn % 2 else 1]:
            start = time.process_time()
            ways[index]()
            seconds[index].append(time.process_time() - start)
    ratios = [slow / fast for fast, slow in zip(*seconds, strict=True)]
    return {
        "images": len(paths),
        "fewray_per_processor_second": round(DRAWN / statistics.median(seconds[0]), 1),
        "plain_per_processor_second": round(DRAWN / statistics.median(seconds[1]), 1),
        "ratio": round(statistics.median(ratios), 2),
        "ratios": [round(ratio, 2) for ratio in ratios],
        "largest_difference": int(np.abs(ours.astype(int) - theirs.astype(int)).max()),
    }


def _plain(path: Path) -> np.ndarray:
    """Return uint8 (64, 64) by pydicom, NumPy and Pillow, as one would write it."""
    import pydicom
    from PIL import Image
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

    data = pydicom.dcmread(path)
    values = apply_voi_lut(apply_modality_lut(data.pixel_array, data), data)
    grey = np.clip(np.round(values * (255 / (2**data.BitsStored - 1))), 0, 255).astype(np.uint8)
    return np.asarray(Image.fromarray(grey).resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def _pixels(seed: int) -> np.ndarray:
    """Return smooth pixels with noise, uint16 (SIDE, SIDE)."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.random((16, 16), np.float32)).resize((SIDE, SIDE))
    noisy = np.asarray(coarse) * 3600 + rng.normal(200, 20, (SIDE, SIDE))
    return np.clip(noisy, 0, 2**BITS - 1).astype(np.uint16)


def _write(path: Path, pixels: np.ndarray, syntax: str) -> Path:
    import pydicom
    from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

    data = pydicom.Dataset()
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", generate_uid()
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.StudyDate, data.StudyTime, data.ViewPosition = "20200101", "101500", "PA"
    data.Modality, data.PatientID, data.PatientName = "CR", path.name, f"Bench^{path.name}"
    data.AccessionNumber, data.InstitutionName = f"A{path.name}", "Benchmark"
    data.Manufacturer, data.BodyPartExamined, data.KVP = "None", "CHEST", 110
    data.ImagerPixelSpacing = [0.15, 0.15]
    data.WindowCenter, data.WindowWidth = 2048, 4096
    data.RescaleSlope, data.RescaleIntercept = 1, 0
    data.PhotometricInterpretation, data.SamplesPerPixel = "MONOCHROME2", 1
    data.Rows, data.Columns = pixels.shape
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, BITS, BITS - 1
    data.PixelRepresentation = 0
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.PixelData = pixels.tobytes()
    data["PixelData"].VR = "OW"
    if UID(syntax).is_compressed:
        data.compress(UID(syntax), generate_instance_uid=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def _sparse(folder: Path, count: int) -> Iterator[Path]:
    """Write one file, and copies of its header with a hole for the pixels."""
    first = _write(folder / "first", np.zeros((SIDE, SIDE), np.uint16), ENCODINGS[0])
    content = first.read_bytes()
    head = content[: len(content) - 2 * SIDE**2]
    for index in range(count):
        path = folder / f"{index // 1000}" / f"IM{index:05}"
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as stream:
            stream.write(head)
            stream.truncate(len(content))
        yield path


if __name__ == "__main__":
    typer.run(main)
