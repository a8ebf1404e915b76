"""What runs on a Dask worker: one task at a time, with the threads that local processes have."""

from __future__ import annotations

import functools
import importlib.metadata
import io
import os
import pickle
import platform
import signal
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from fewray.compute.process import fixed_threads, keep_freed_memory
from fewray.compute.tasks import Outcome, run_tasks
from fewray.errors import InputError
from fewray.storage import files

LOCK_SECONDS = 150.0
"""How long to wait for a locked folder: a network file system keeps a dead machine's lock 90 s."""
PACKAGES = ("fewray", "torch", "numpy", "scipy", "scikit-learn", "pillow")
"""Packages whose versions must agree, as Python's must: results depend on them."""


class Stopped(Exception):
    """The task was cancelled; raised at its next report."""


def run_on_worker(
    content: bytes, topic: str, threads: int, device: str, expected: Mapping[str, str]
) -> Outcome:
    """Run the packed tasks on this Dask worker; messages become events of ``topic``.

    InputError if this worker, which may have come late, differs from the client.
    """
    from distributed import get_worker
    from threadpoolctl import threadpool_limits

    worker = get_worker()
    key = worker.get_current_task()
    _prepare_process()
    check_worker(worker.address, worker.state.nthreads, versions(), expected)

    def send(message: tuple[str, Any]) -> None:
        state = worker.state.tasks.get(key)
        if state is None or state.state == "cancelled":
            raise Stopped
        worker.log_event(topic, pack(message))

    function, tasks = pickle.loads(content)
    with fixed_threads(threads), threadpool_limits(threads):
        return run_tasks(function, tasks, send, device=device)


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of Python (major and minor) and of ``PACKAGES``."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"Python": python} | {name: importlib.metadata.version(name) for name in PACKAGES}


def check_worker(
    address: str, nthreads: int, found: Mapping[str, str], expected: Mapping[str, str]
) -> None:
    """Raise InputError unless a worker runs one task at a time with the client's versions."""
    if nthreads > 1:
        raise InputError(
            "worker_has_threads",
            f"worker {address}: runs {nthreads} tasks in one process, which changes their results; "
            "start it with --nthreads 1 (and --nworkers for more processes)",
            worker=address,
            nthreads=nthreads,
        )
    for name, version in expected.items():
        if found.get(name) != version:
            raise InputError(
                "worker_version_differs",
                f"worker {address} has {name} {found.get(name)}, this machine has {version}; "
                "install the same version",
                worker=address,
                package=name,
            )


def read_probe(path: Path) -> str:
    """Return the text of the client's probe file, or an empty string if this worker has none."""
    return path.read_text(encoding="ascii") if path.is_file() else ""


def pack(value: Any) -> bytes:
    """Pickle ``value`` with absolute paths, since a worker has another working directory."""
    stream = io.BytesIO()
    _Pickler(stream, protocol=5).dump(value)
    return stream.getvalue()


class _Pickler(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, PurePath):
            return Path, (os.path.abspath(obj),)  # noqa: PTH100 (keeps links, removes ..)
        return NotImplemented


@functools.cache
def _prepare_process() -> None:
    keep_freed_memory()
    files.LOCK_SECONDS = LOCK_SECONDS


def dask_setup(worker: Any) -> None:
    """Ignore Ctrl-C in the workers of a local cluster; the client ends them.

    Dask calls this in the worker's main thread, because the module is preloaded.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
