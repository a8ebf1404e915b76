"""Time decoding to 64 px against plain Pillow, cold and cached, and the cost of more files."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.pairs import Side, Task, Timed, alternate
from benchmarks.table import TableRow, paired
from fewray.compute.process import cores

SIZE = 64
TARGET, CACHED_SECONDS = 3.0, 0.3
DRAWN = 60
LEVELS = 1
"""Allowed difference from plain Pillow in grey levels; one side rounds once more."""
FEW, SOME, MANY, FLAT = 100, 10_000, 100_000, 0.10
"""Image counts at which the cost per image should be the same, within this share of the fastest."""
FILES = 1_000
"""Distinct files, each read as often as needed: writing 100,000 would take minutes."""


def measure(peak: dict[str, float], *, rounds: int, device: str = "auto") -> list[TableRow]:
    """Return the rows: cold and cached decoding, and images per second from FEW to MANY files."""
    with tempfile.TemporaryDirectory() as folder:
        paths, name = _originals(Path(folder))
        options = {"paths": paths}
        with_cache = {**options, "cache": folder}
        sides = [
            Side(name="loading", make=cold, options=options, threads=cores()),
            Side(name="cached loading", make=cached, options=with_cache, threads=cores()),
            Side(name="plain loading", make=plain, options=options),
        ]
        fast, again, slow = alternate(sides, min(rounds, 3))
        difference = int(np.abs(np.int16(fast.results[0]) - np.int16(slow.results[0])).max())
        first = paired(
            "loading",
            f"{name} to {SIZE} px, cold",
            fast,
            slow,
            work=len(paths),
            unit="images/s",
            target=TARGET,
            note="files in the operating system's cache; grey levels differ from plain Pillow's by "
            f"at most {difference}",
        )
        first = replace(first, reached=bool(first.reached) and difference <= LEVELS)
        same = np.array_equal(again.results[0], fast.results[0])
        second = TableRow(
            subject="loading",
            what=f"{name} to {SIZE} px, cached",
            unit="s",
            ours=again.median,
            memory_mib=again.peak_mib,
            rounds=len(again.seconds),
            target=f"{CACHED_SECONDS:g} s",
            reached=again.median <= CACHED_SECONDS and same,
            note=f"pixels {'equal to' if same else 'DIFFERENT FROM'} the decoded ones",
        )
        return [first, second, growth(Path(folder), rounds=min(rounds, 3))]


def growth(folder: Path, *, rounds: int) -> TableRow:
    """Return the row that compares the cost per image of MANY small images with that of fewer.

    Reached if, by medians, an image among MANY takes at most FLAT longer than with the fastest
    smaller count. Small counts are read many times over, so that their rounds are not shorter.
    """
    _write_noise(folder / "small")
    paths = sorted((folder / "small").iterdir()) * (MANY // FILES)
    calls = {FEW: SOME // FEW, SOME: 1, MANY: 1}
    sides = [
        Side(
            name=f"{n} images",
            make=counted,
            options={"paths": paths[:n], "calls": calls[n]},
            threads=cores(),
        )
        for n in calls
    ]
    timed = dict(zip(calls, alternate(sides, rounds, warm_up=False), strict=True))
    each = {n: timed[n].median / (calls[n] * n) for n in calls}
    fewer = min((FEW, SOME), key=each.__getitem__)
    scale = MANY / (calls[fewer] * fewer)
    scaled = Timed(
        seconds=[seconds * scale for seconds in timed[fewer].seconds],
        results=[],
        peak_mib=timed[FEW].peak_mib,
    )
    memory = (timed[MANY].peak_mib - timed[FEW].peak_mib) * 1024 / (MANY - FEW)
    rates = ", ".join(f"{n:,}: {1 / each[n]:,.0f} images/s" for n in calls)
    row = paired(
        "loading",
        f"{MANY:,} small images against the faster of {FEW} and {SOME:,}",
        timed[MANY],
        scaled,
        work=MANY,
        unit="images/s",
        target=1 - FLAT,
        note=f"{FILES:,} files read repeatedly; {rates}; {memory:.1f} KiB more per image, of which "
        f"{SIZE**2 / 1024:.0f} are its pixels",
    )
    reached = each[MANY] <= each[fewer] * (1 + FLAT)
    return replace(row, target=f"constant within {100 * FLAT:.0f}%", reached=reached)


def _write_noise(folder: Path) -> None:
    from PIL import Image

    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(FILES):
        noise = rng.integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{index:06d}.png", compress_level=1)


def cold(part: int, *, paths: list[Path]) -> Task:
    """Prepare decoding without the cache of decoded images."""
    from fewray.imaging.arrays import load_images

    return lambda: load_images(paths, SIZE, cache=False)


def counted(part: int, *, paths: list[Path], calls: int) -> Task:
    """Prepare the work of :func:`cold`, ``calls`` times; it returns the number of images only."""
    work = cold(part, paths=paths)
    return lambda: sum(len(work()) for _ in range(calls))


def cached(part: int, *, paths: list[Path], cache: str) -> Task:
    """Prepare decoding with a cache in its own folder, which the warm-up fills."""
    from fewray.imaging.arrays import load_images

    os.environ["FEWRAY_CACHE"] = str(Path(cache) / "cache")
    return lambda: load_images(paths, SIZE)


def plain(part: int, *, paths: list[Path]) -> Task:
    """Prepare Pillow on one core: open, convert to grey, reduce, paste into a square."""
    from PIL import Image

    def one(path: Path) -> np.ndarray:
        image = Image.open(path).convert("L")
        scale = SIZE / max(image.size)
        image = image.resize(
            (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        )
        square = Image.new("L", (SIZE, SIZE))
        square.paste(image, ((SIZE - image.width) // 2, (SIZE - image.height) // 2))
        return np.asarray(square)

    return lambda: np.stack([one(path) for path in paths])[:, None]


def _originals(folder: Path) -> tuple[list[Path], str]:
    """Return the images of covid4 if present, else random ones of about their size."""
    from fewray.data.loading import load_dataset
    from fewray.errors import InputError

    try:
        paths = load_dataset("covid4").paths()
        return list(paths), f"the {len(paths)} originals of covid4"
    except InputError:
        from PIL import Image

        drawn = folder / "drawn"
        drawn.mkdir()
        for seed in range(DRAWN):
            coarse = np.random.default_rng(seed).integers(0, 256, (96, 128), dtype=np.uint8)
            Image.fromarray(coarse).resize((1600, 1200)).save(drawn / f"{seed:03d}.jpg", quality=90)
        return sorted(drawn.iterdir()), f"{DRAWN} drawn JPEGs of 1600 x 1200"
