"""Settings of a process: threads, memory allocation, cores, load."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

BUSY = 1.5
"""Runnable processes per core, averaged over a minute, from which a machine counts as busy."""
_MALLOPT = {-4: 0, -1: 2**31 - 1, -2: 64 * 2**20}
"""Settings of glibc's mallopt(3): M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD."""


@contextmanager
def fixed_threads(count: int) -> Iterator[None]:
    """Use exactly ``count`` PyTorch threads inside the block: CPU results depend on the number."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def keep_freed_memory() -> None:
    """Keep freed memory in this process (glibc) instead of returning it to the system.

    A training step frees and allocates the same tens of MB. Page faults for memory that was
    returned would take two fifths of a classifier's step. Meant for workers and the command line.
    """
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # not glibc
        return
    for parameter, value in _MALLOPT.items():
        mallopt(parameter, value)


def wait_asleep() -> None:
    """Let waiting OpenMP threads sleep unless ``OMP_WAIT_POLICY`` is set; call before PyTorch.

    By default they spin (GNU's libgomp), which on a shared core takes time from the very thread
    they wait for (benchmarks/NOTES.md).
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def end_with_parent() -> None:
    """End this process as soon as its parent is gone, even killed: it must not go on writing."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def busy() -> str:
    """Return a short warning if other processes keep this machine busy, else an empty string."""
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):
        return ""
    count = os.cpu_count() or 1
    return f"the machine is busy (load {load:.1f} on {count} cores)" if load >= BUSY * count else ""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
