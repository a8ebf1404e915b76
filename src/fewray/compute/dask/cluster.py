"""Connect to a Dask cluster, check its workers, and give them tasks.

The cluster shares a folder with this machine: workers read the data and write results there.
"""

from __future__ import annotations

import importlib.metadata
import os
import pickle
import queue
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from fewray.compute.dask.executors import LOCAL, await_worker, check_executor, open_client
from fewray.compute.dask.worker import check_worker, pack, read_probe, run_on_worker, versions
from fewray.compute.tasks import Pool, receive_from
from fewray.errors import InputError, RunFailed
from fewray.storage.files import write_bytes

REPLY_SECONDS = 300.0
"""How long workers may take to reply, including imports from a slow disk."""
ATTEMPTS, PAUSE_SECONDS = 20, 0.5
"""How often to ask again when every worker that was asked is lost."""

_open: dict[str, Connection] = {}


@contextmanager
def connected(executor: str, *folders: Path) -> Iterator[None]:
    """Keep a connection to the cluster open inside the block; nested blocks share it.

    InputError if a worker does not see one of ``folders``, where the tasks write.
    """
    if check_executor(executor) == LOCAL:
        yield
        return
    if executor in _open:
        _open[executor].check_folders(*folders)
        yield
        return
    connection = _open[executor] = Connection(executor)
    try:
        connection.check_workers()
        connection.check_folders(*folders)
        yield
    finally:
        del _open[executor]
        connection.close()


def connection(executor: str) -> Connection:
    """Return the connection that :func:`connected` keeps open."""
    return _open[executor]


class Connection:
    """A client of a cluster."""

    def __init__(self, executor: str) -> None:
        self.executor = executor
        self.versions = versions()
        self.client, self.cluster = open_client(executor)

    def workers(self, device: str = "cpu") -> dict[str, dict[str, Any]]:
        """Return Dask's facts of the workers for ``device``: those with a GPU if any has one."""
        found = dict(self.client.scheduler_info(n_workers=-1)["workers"])
        having = {
            address: facts for address, facts in found.items() if facts["resources"].get("GPU")
        }
        return having if device.startswith("cuda") and having else found

    def check_workers(self) -> None:
        """Raise InputError unless every worker is fit (:func:`check_worker`)."""
        self.ask(importlib.metadata.version, "fewray")  # needs nothing of fewray on the worker
        facts = self.workers()
        for address, found in self.ask(versions).items():
            nthreads = facts.get(address, {"nthreads": 1})["nthreads"]
            check_worker(address, nthreads, found, self.versions)

    def check_folders(self, *folders: Path) -> None:
        """Raise InputError unless every worker reads a file that this machine writes there."""
        for folder in map(Path.resolve, folders):
            if folder.is_dir() and not os.access(folder, os.W_OK):
                continue  # tasks only read it, and name a file that is missing
            text = uuid.uuid4().hex
            probe = folder / f".shared-{text}"
            write_bytes(probe, text.encode())
            try:
                found = self.ask(read_probe, probe)
            finally:
                probe.unlink(missing_ok=True)
            for address, reply in found.items():
                if reply != text:
                    raise InputError(
                        "folder_not_shared",
                        f"worker {address}: does not see {folder}; use a folder that all "
                        "machines share under this path",
                        worker=address,
                        folder=str(folder),
                    )

    def ask(
        self, function: Callable[..., Any], *arguments: Any, device: str = "cpu"
    ) -> dict[str, Any]:
        """Call ``function`` on every worker, beside its tasks; return the values by address.

        Workers that are lost meanwhile are left out. If all are, their replacements are asked.
        """
        for _ in range(ATTEMPTS):
            if not self.workers(device):
                await_worker(self.client, self.executor)
            try:
                replies = self.client.run(
                    function,
                    *arguments,
                    workers=list(self.workers(device)),
                    on_error="return",
                    callback_timeout=REPLY_SECONDS,
                )
            except TimeoutError:
                raise RunFailed(
                    "worker_silent",
                    f"--executor {self.executor}: a worker did not reply in {REPLY_SECONDS:g} s "
                    "(frozen?); see the workers' logs and run the same command again to resume",
                ) from None
            values: dict[str, Any] = {}
            for address, reply in cast("dict[str, Any]", replies).items():
                if isinstance(reply, ImportError):
                    raise _not_installed(address, reply) from None
                if not isinstance(reply, Exception):
                    values[address] = reply
                elif not isinstance(reply, OSError):  # OSError: the worker is lost
                    raise reply
            if values:
                return values
            time.sleep(PAUSE_SECONDS)
        raise RunFailed(
            "no_worker_replies",
            f"--executor {self.executor}: no worker replies; run the same command again to resume",
        )

    @contextmanager
    def pool(self, function: Callable[..., Any], *, threads: int, device: str) -> Iterator[Pool]:
        """Let the workers run ``function``; whatever still runs at the end is cancelled."""
        from distributed.scheduler import KilledWorker

        gpu = any(facts["resources"].get("GPU") for facts in self.workers().values())
        resources = {"GPU": 1} if gpu and device.startswith("cuda") else None
        executor = self.client.get_executor(pure=False, resources=resources)
        topic, inbox = f"fewray-{uuid.uuid4().hex}", queue.SimpleQueue()
        self.client.subscribe_topic(topic, lambda event: inbox.put(event[1]))
        try:
            yield Pool(
                lambda tasks: executor.submit(
                    run_on_worker, pack((function, tasks)), topic, threads, device, self.versions
                ),
                lambda: map(pickle.loads, receive_from(inbox)),
            )
        except KilledWorker as error:
            address = error.last_worker.address
            raise RunFailed(
                "workers_killed",
                f"{function.__name__}: {error.allowed_failures + 1} workers died while running "
                f"it, the last at {address} (out of memory?); give workers more memory, see "
                "their logs, and run the same command again to resume",
                worker=address,
            ) from None
        except CancelledError as error:
            raise RunFailed(
                "scheduler_lost",
                f"--executor {self.executor}: the scheduler is gone or dropped the work; run the "
                "same command again to resume",
            ) from error
        except ImportError as error:
            raise _not_installed("that came later", error) from None
        finally:
            with suppress(Exception):  # the scheduler may be gone
                executor.shutdown(wait=False)
                self.client.unsubscribe_topic(topic)

    def close(self) -> None:
        """Close the client, and the cluster if it was started here."""
        for opened in (self.client, self.cluster):
            with suppress(Exception):
                if opened is not None:
                    opened.close()


def _not_installed(worker: str, error: ImportError) -> InputError:
    return InputError(
        "worker_lacks_package",
        f"worker {worker}: {error}; install the packages that this machine has",
        worker=worker,
    )
