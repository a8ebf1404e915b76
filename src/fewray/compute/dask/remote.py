"""A task on a Dask worker: prepared as a local worker process is, told of by events, its outcome sent back as a value."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import signal
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fewray.compute.dask.parcels import (
    Stamps,
    at_home,
    changed_files,
    lay_out,
    pack,
    second_try,
    sees,
    unpack,
)
from fewray.compute.device import explain_full_memory
from fewray.compute.process import fixed_threads, keep_freed_memory
from fewray.errors import InputError, RunFailed
from fewray.storage import files

LOCK_SECONDS = 150.0
"""How long a worker waits for a folder: a network file system frees a dead machine's lock after some 90 s."""
SAME = ("fewray", "torch", "numpy", "scipy", "scikit-learn", "pillow")
"""Packages that must have the same version everywhere, as Python must: results depend on them."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """One task on its way to a worker."""

    content: bytes
    """The packed function and its arguments."""
    run: str
    """The call of :func:`fewray.compute.workers.run_parallel` it belongs to."""
    topic: str
    threads: int
    travels: bool
    """Whether its files come and go with it; otherwise they lie in a shared folder."""
    names: tuple[str, ...] = ()
    """Paths of the files that come along, at home."""
    tokens: Mapping[str, str]
    """Files in the shared folders and their texts: a worker that cannot read them must not write there."""
    files: Mapping[str, str]
    """SHA-256 of one file of every shared folder that has no token: nobody writes there."""
    versions: Mapping[str, str]
    """What :func:`about_worker` says at home."""
    marker: str = ""
    """File in a shared folder that a first try makes and a second one finds."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What comes back: a packed value or the error a user should see, messages to await, files to write."""

    attempt: str
    told: int
    value: bytes = b""
    error: tuple[type[Exception], str] | None = None
    files: tuple[tuple[str, bytes], ...] = ()


class Stopped(Exception):
    """The task was cancelled; raised where it next reports."""


def carry_out(order: Order, *contents: bytes) -> Outcome:
    """Do one task in this worker's only task thread. Errors of bad input and of runs come back as values."""
    from distributed import get_worker

    worker = get_worker()
    _prepare_process()
    attempt, told = uuid.uuid4().hex, 0
    key = worker.get_current_task()

    def report(message: Any) -> None:
        nonlocal told
        state = worker.state.tasks.get(key)
        if state is None or state.state == "cancelled":
            raise Stopped
        worker.log_event(order.topic, (order.run, attempt, pack(message)))
        told += 1

    with tempfile.TemporaryDirectory(dir=worker.local_directory, prefix="task-") as name:
        folder = Path(name) if order.travels else None
        before: Stamps | None = None
        try:
            _refuse(worker.address, worker.state.nthreads, order)
            before = lay_out(folder, order.names, contents) if folder else None
            function, task = unpack(order.content, folder)
            if order.marker and _tried_before(Path(order.marker)):
                task = second_try(function, task)
            value = pack(_call(function, task, report, order.threads), folder)
            return Outcome(attempt=attempt, told=told, value=value, files=_changed(folder, before))
        except (InputError, RunFailed) as error:
            kind = InputError if isinstance(error, InputError) else RunFailed
            text = at_home(str(error), folder) if folder else str(error)
            return Outcome(
                attempt=attempt, told=told, error=(kind, text), files=_changed(folder, before)
            )


def about_worker() -> dict[str, str]:
    """Return what must be known of a worker before it is given work: its versions, Python's first two numbers."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {name: importlib.metadata.version(name) for name in SAME} | {"Python": python}


def other_version(worker: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """Return why a worker with versions ``found`` is refused; empty where they are those wanted."""
    for name, version in wanted.items():
        if found.get(name) != version:
            return f"worker {worker} has {name} {found.get(name)}, this machine {version}; install the same"
    return ""


def _changed(folder: Path | None, before: Stamps | None) -> tuple[tuple[str, bytes], ...]:
    """Return the files that must go home: those written since ``before``, when what the task reads had been laid out."""
    return tuple(changed_files(folder, before)) if folder and before is not None else ()


def several_threads(worker: str, nthreads: int) -> str:
    """Return why a worker with several task threads is refused."""
    return (
        f"worker {worker}: does {nthreads} tasks in one process, and the threads of each count for its result; "
        "start it with --nthreads 1 (and --nworkers for more processes)"
    )


def _refuse(address: str, nthreads: int, order: Order) -> None:
    """Raise InputError where this worker, which may have come late, must not do the task."""
    if nthreads > 1:
        raise InputError(several_threads(address, nthreads))
    if why := other_version(address, about_worker(), order.versions):
        raise InputError(why)
    if not order.travels and not sees(order.tokens, order.files):
        folders = [
            *(Path(path).parent.parent for path in order.tokens),
            *(Path(path).parent for path in order.files),
        ]
        raise InputError(
            f"worker {address}: does not share {', '.join(map(str, dict.fromkeys(folders)))} as the others do; stop it and "
            "run again"
        )


def _call(function: Any, task: dict[str, Any], report: Any, threads: int) -> Any:
    from threadpoolctl import threadpool_limits

    with fixed_threads(threads), threadpool_limits(threads), explain_full_memory():
        return function(**task, report=report)


def _tried_before(marker: Path) -> bool:
    """Whether an earlier try left its mark; if not, leave this one's."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return True
    return False


@functools.cache
def _prepare_process() -> None:
    keep_freed_memory()
    files.LOCK_SECONDS = LOCK_SECONDS


def dask_setup(worker: Any) -> None:
    """Let a worker of a local cluster pass over Ctrl-C, which every process of a terminal hears: the client ends it.

    Dask calls this where the module is preloaded, in the main thread of the worker.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
