"""Where a run computes and in which precision, and how its seeds are drawn."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fewray.errors import InputError, RunFailed

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cuda", "mps", "cpu")
PRECISIONS = ("auto", "bf16", "fp32")
FULL_MEMORY = (
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
"""How CUDA and its libraries say that a card is full, where PyTorch's own allocator is not asked."""
BUSY = 1.5
_random_state = threading.RLock()
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
"""Parameters of glibc's mallopt(3)."""


def choose_device(name: str = "auto") -> torch.device:
    """Return the device called ``name``; ``auto`` takes cuda, then mps, then cpu.

    Raises InputError for an unknown device or one this machine does not have.
    """
    import torch

    have = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    kind = name.split(":")[0]
    if kind == "auto":
        return torch.device(next(kind for kind, present in have.items() if present))
    if kind not in have:
        raise InputError(f"--device {name}: no such device; one of {', '.join(DEVICES)}")
    if not have[kind]:
        raise InputError(
            f"--device {name}: this machine has none that PyTorch can use; use --device auto"
        )
    return torch.device(name)


def choose_precision(device: torch.device, name: str = "auto") -> str:
    """Return ``bf16`` or ``fp32``; ``auto`` takes bf16 where the hardware multiplies it faster."""
    import torch

    if name not in PRECISIONS:
        raise InputError(f"--precision {name}: no such precision; one of {', '.join(PRECISIONS)}")
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type == "cpu":
        return "bf16" if _cpu_has_bf16() else "fp32"
    return "fp32"


def _cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 faster than fp32: with AMX, and with AMD's AVX512-BF16.

    Intel's AVX512-BF16 without AMX (a virtual machine may hide AMX) reaches 0.5 to 0.7 of fp32's rate.
    """
    import torch

    amx, avx512 = (
        getattr(torch.cpu, name, bool)()
        for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    )
    return amx or (avx512 and _cpu_vendor() == "AuthenticAMD")


def _cpu_vendor() -> str:
    """Return the first processor's vendor as Linux names it; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.split(":")[1].strip() for line in lines if line.startswith("vendor_id")), "")


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Return the context in which networks run: bf16 products with fp32 parameters, or plain fp32.

    Parameters cast once are kept until a thread, any thread, leaves its context. Not so on a GPU, where trainings are
    threads: whether a sum of gradients is taken before or after the cast would depend on what the others do.
    """
    import torch

    keep = None if device.type == "cpu" else False
    return torch.autocast(
        device.type, torch.bfloat16, enabled=precision == "bf16", cache_enabled=keep
    )


def child_seed(seed: int, *names: str | int) -> int:
    """Return the seed of the thing called ``names`` below ``seed``: 63 bits, independent between names.

    Names are hashed, so that adding one stream never shifts another (NumPy's SeedSequence, O'Neill 2015).
    """
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()
    state = np.random.SeedSequence([abs(int(seed)), *words]).generate_state(1, np.uint64)[0]
    return int(state) >> 1


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from ``seed`` wherever PyTorch's global random state of the CPU is drawn from inside the block.

    One thread at a time, which may do so again inside; afterwards the state is as it was.
    """
    import torch

    with _random_state, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def fixed_threads(count: int) -> Iterator[None]:
    """Compute with exactly ``count`` threads inside the block: results on CPU depend on their number."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def out_of_memory(error: RuntimeError) -> bool:
    """Whether ``error`` says that a GPU's memory is full."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or any(
        sign in str(error) for sign in FULL_MEMORY
    )


@contextmanager
def full_memory_told() -> Iterator[None]:
    """Raise RunFailed with the remedy where a GPU's memory is full."""
    try:
        yield
    except RuntimeError as error:  # PyTorch's OutOfMemoryError is one
        if not out_of_memory(error):
            raise
        raise RunFailed(
            f"the GPU's memory is full ({str(error).splitlines()[0].split('. ')[0]}); fewer trainings side by side (--processes, on a cluster "
            "fewer workers a card) need less; run the same command again to go on"
        ) from None


def keep_freed_memory() -> None:
    """Let this process keep the memory it frees (glibc): a training step frees and asks again for the same tens of MB.

    Given back to the system, every page of it would be faulted in anew each time, which takes two fifths of a
    classifier's step. For processes that end with their work: workers, the command line.
    """
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # not glibc
        return
    for parameter, value in (
        (_M_MMAP_MAX, 0),
        (_M_TRIM_THRESHOLD, 2**31 - 1),
        (_M_TOP_PAD, 64 * 2**20),
    ):
        mallopt(parameter, value)


def wait_asleep() -> None:
    """Let threads that wait for each other sleep, unless ``OMP_WAIT_POLICY`` says otherwise; before PyTorch is imported.

    By default they spin (GNU's libgomp). On a core that another process wants as well, that is time taken from the very
    thread they wait for (benchmarks/NOTES.md).
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def busy() -> str:
    """Return in a few words that others are at work on this machine, and how much; empty where not, or where it cannot be told.

    Busy is from ``BUSY`` times as many runnable processes as cores on, in the mean of the last minute.
    """
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):
        return ""
    count = os.cpu_count() or 1
    return f"the machine is busy (load {load:.1f} on {count} cores)" if load >= BUSY * count else ""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
