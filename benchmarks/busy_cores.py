"""Measure how busy cores slow metrics, with and without ``OMP_WAIT_POLICY=passive``."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PER_CLASS, LIMIT = 30, 150
DATA = "phantom:train=60,test=0"


def quality(folder: Path) -> None:
    """Print the seconds that measuring mirrored images takes, with cached features."""
    from fewray import load_dataset, measure_quality
    from fewray.imaging.arrays import load_images, save_png

    rows = load_dataset(DATA)
    for label in rows.classes:
        for index, image in enumerate(load_images(rows.where(label=label).paths()[:PER_CLASS], 64)):
            (folder / label).mkdir(exist_ok=True)
            save_png(np.ascontiguousarray(image[0, :, ::-1]), folder / label / f"{index}.png")
    measure_quality(rows, folder)
    began = time.perf_counter()
    measure_quality(rows, folder)
    print(f"{time.perf_counter() - began:.1f} s")


def textbook() -> None:
    """Print the seconds of the textbook's GAN loop on all cores, the minimum of three."""
    from benchmarks.gan import one_by_one

    work, took = one_by_one(0, device="cpu"), []
    for _ in range(4):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    print(f"{min(took[1:]):.2f} s")


def timed(what: str, policy: str) -> str:
    """Return what a new process printed under one policy, or its time limit if it took longer."""
    environment = {**os.environ, "OMP_WAIT_POLICY": policy}
    if not policy:
        del environment["OMP_WAIT_POLICY"]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, what, folder]
        try:
            return (
                subprocess.run(
                    command, env=environment, capture_output=True, timeout=LIMIT, check=True
                )
                .stdout.decode()
                .strip()
            )
        except subprocess.TimeoutExpired:
            return f"more than {LIMIT} s"


def main() -> None:
    """Print the times on idle cores, and with one endless loop per core."""
    for name, loops in (("idle", 0), ("busy", os.cpu_count() or 1)):
        others = [
            subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)
        ]
        try:
            for policy in ("", "passive", "", "passive"):
                found = [f"quality {timed('quality', policy)}"]
                if name == "idle":
                    found.append(f"textbook {timed('textbook', policy)}")
                print(f"{name}, {policy or 'not set'}: {', '.join(found)}", flush=True)
        finally:
            for other in others:
                other.kill()


if __name__ == "__main__":
    {"quality": lambda: quality(Path(sys.argv[2])), "textbook": textbook}.get(
        " ".join(sys.argv[1:2]), main
    )()
