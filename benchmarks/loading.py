"""Decoding large films to 64 px, cold and from the cache, against plain Pillow; and what more files cost."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.pairs import RunContext, Side, Timed, alternate
from benchmarks.rows import Row, paired
from fewray.compute.process import cores

SIZE = 64
TARGET, CACHED_SECONDS = 3.0, 0.3
DRAWN = 60
LEVELS = 1
"""Grey levels by which a film may differ from plain Pillow's: both round once more or less."""
FEW, SOME, MANY, FLAT = 100, 10_000, 100_000, 0.10
"""Films along the line that should be flat, within this share of the fastest point."""
FILES = 1_000
"""Different files of the many, each read as often as it takes: a hundred thousand of them would be minutes of disk."""


def measure(limits: dict[str, float], *, rounds: int, device: str = "auto") -> list[Row]:
    """Return the rows: cold and cached decoding, and images a second from FEW to MANY files."""
    with tempfile.TemporaryDirectory() as folder:
        paths, name = _originals(Path(folder))
        options = {"paths": paths}
        sides = [
            Side(name="loading", make=cold, options=options, threads=cores()),
            Side(
                name="cached loading",
                make=cached,
                options={**options, "cache": folder},
                threads=cores(),
            ),
            Side(name="plain loading", make=plain, options=options),
        ]
        fast, again, slow = alternate(sides, min(rounds, 3))
        apart = int(np.abs(np.int16(fast.results[0]) - np.int16(slow.results[0])).max())
        first = paired(
            "loading",
            f"{name} to {SIZE} px, cold",
            fast,
            slow,
            work=len(paths),
            unit="films/s",
            target=TARGET,
            note=f"files in the system's cache; grey levels differ by at most {apart} from plain Pillow's",
        )
        first = replace(first, reached=bool(first.reached) and apart <= LEVELS)
        kept = np.array_equal(again.results[0], fast.results[0])
        second = Row(
            subject="loading",
            what=f"{name} to {SIZE} px, cached",
            unit="s",
            ours=again.median,
            peak_mib=again.peak_mib,
            rounds=len(again.seconds),
            target=f"{CACHED_SECONDS:g} s",
            reached=again.median <= CACHED_SECONDS and kept,
            note=f"pixels {'the same as' if kept else 'OTHER THAN'} those decoded",
        )
        return [first, second, growth(Path(folder), rounds=min(rounds, 3))]


def growth(folder: Path, *, rounds: int) -> Row:
    """Return the row of MANY small films against fewer: the cost of an image along the line, and the memory it takes.

    Reached where, by medians, an image of the many takes at most FLAT longer than at the fastest of the other points;
    few films are read many times over, so that a round of them is as long as others'.
    """
    from PIL import Image

    small = folder / "small"
    small.mkdir()
    rng = np.random.default_rng(0)
    for index in range(FILES):
        noise = rng.integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
        Image.fromarray(noise).save(small / f"{index:06d}.png", compress_level=1)
    paths = sorted(small.iterdir()) * (MANY // FILES)
    calls = {FEW: SOME // FEW, SOME: 1, MANY: 1}
    sides = [
        Side(
            name=f"{n} films",
            make=counted,
            options={"paths": paths[:n], "calls": calls[n]},
            threads=cores(),
        )
        for n in calls
    ]
    timed = dict(zip(calls, alternate(sides, rounds, warm_up=False), strict=True))
    each = {n: timed[n].median / (calls[n] * n) for n in calls}
    fewer = min((FEW, SOME), key=each.__getitem__)
    scaled = Timed(
        seconds=[s * MANY / (calls[fewer] * fewer) for s in timed[fewer].seconds],
        results=[],
        peak_mib=timed[FEW].peak_mib,
    )
    more = (timed[MANY].peak_mib - timed[FEW].peak_mib) * 1024 / (MANY - FEW)
    row = paired(
        "loading",
        f"{MANY:,} small films against the faster of {FEW} and {SOME:,}",
        timed[MANY],
        scaled,
        work=MANY,
        unit="films/s",
        target=1 - FLAT,
        note=f"{FILES:,} files, over and over; {', '.join(f'{n:,}: {1 / each[n]:,.0f} films/s' for n in calls)}; "
        f"{more:.1f} KiB an image more, of which {SIZE**2 / 1024:.0f} are its pixels",
    )
    return replace(
        row,
        target=f"flat within {100 * FLAT:.0f} %",
        reached=each[MANY] <= each[fewer] * (1 + FLAT),
    )


def cold(part: int, *, paths: list[Path]) -> RunContext:
    """Prepare decoding without the cache of squared films."""
    from fewray.imaging.arrays import load_images

    return lambda: load_images(paths, SIZE, cache=False)


def counted(part: int, *, paths: list[Path], calls: int) -> RunContext:
    """Prepare what :func:`cold` does, so many times; only the number of films goes back through the pipe."""
    work = cold(part, paths=paths)
    return lambda: sum(len(work()) for _ in range(calls))


def cached(part: int, *, paths: list[Path], cache: str) -> RunContext:
    """Prepare decoding with the cache in a folder of its own; the warm-up fills it."""
    from fewray.imaging.arrays import load_images

    os.environ["FEWRAY_CACHE"] = str(Path(cache) / "cache")
    return lambda: load_images(paths, SIZE)


def plain(part: int, *, paths: list[Path]) -> RunContext:
    """Prepare Pillow on one core: open, grey, reduce, paste into a square."""
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
    """Return the films of covid4 where they are, else drawn ones of about their size."""
    from fewray.data.loading import load_dataset
    from fewray.errors import InputError

    try:
        paths = load_dataset("covid4").paths()
        return list(paths), f"covid4's {len(paths)} originals"
    except InputError:
        from PIL import Image

        films = folder / "films"
        films.mkdir()
        for seed in range(DRAWN):
            coarse = np.random.default_rng(seed).integers(0, 256, (96, 128), dtype=np.uint8)
            Image.fromarray(coarse).resize((1600, 1200)).save(films / f"{seed:03d}.jpg", quality=90)
        return sorted(films.iterdir()), f"{DRAWN} drawn JPEGs of 1600 x 1200"
