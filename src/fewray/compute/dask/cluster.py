"""The pieces of work of :mod:`fewray.compute.workers` on a Dask cluster: one of this machine's, or any that is running.

A connection is opened once a command. Everything that comes back (messages, outcomes) goes through one queue, which the
calling thread empties, so that callers see what they would see of local processes.
"""

from __future__ import annotations

import hashlib
import queue
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from fewray.compute.dask.executors import LOCAL, await_worker, check_executor, open_client
from fewray.compute.dask.parcels import Task, bring_home, files_read, pack, sees, unpack
from fewray.compute.dask.remote import (
    Order,
    Outcome,
    about_worker,
    carry_out,
    other_version,
    several_threads,
)
from fewray.compute.dask.tokens import Tokens
from fewray.errors import InputError, RunFailed
from fewray.storage.files import sha256_of

MESSAGE_SECONDS = 30.0
"""How long messages are awaited after the last task's end; a bar that stays short is no reason to fail."""
ANSWER_SECONDS = 300.0
"""How long workers may take to answer, imports from a slow disk included; Dask drops a silent worker after as long."""
ASKED_TIMES, ASKED_AGAIN_SECONDS = 20, 0.5
"""How often workers are asked while all that were asked are lost."""

_open: dict[str, Connection] = {}


@contextmanager
def connected(executor: str, *folders: Path) -> Iterator[None]:
    """Keep a connection open for all that is done inside the block; the outermost block opens and closes it.

    ``folders`` are those the tasks write in. A worker that reads a token in each of them shares them.
    """
    if check_executor(executor) == LOCAL:
        yield
        return
    if executor in _open:
        _open[executor].share(folders)
        yield
        return
    connection = Connection(executor)
    try:
        _open[executor] = connection
        connection.share(folders)
        yield
    finally:
        _open.pop(executor, None)
        connection.close()


def connection(executor: str) -> Connection:
    """Return what :func:`connected` keeps open."""
    return _open[executor]


class Connection:
    """A client of a cluster whose workers were found fit: one task at a time each, the same versions as here."""

    def __init__(self, executor: str) -> None:
        self.executor, self.id = executor, uuid.uuid4().hex[:12]
        self.topic = f"fewray-{self.id}"
        self.versions = about_worker()
        self._tokens = Tokens(self.id)
        self._contents: dict[str, Any] = {}
        self._inbox: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._runs = 0
        self.client, self.cluster = open_client(executor)
        try:
            self.client.subscribe_topic(
                self.topic, lambda event: self._inbox.put(("message", event[1]))
            )
            self._check_workers()
        except BaseException:
            self.close()
            raise

    def workers(self, device: str = "cpu") -> dict[str, dict[str, Any]]:
        """Return Dask's facts of each worker that may be given work for ``device``, by address."""
        found = dict(self.client.scheduler_info(n_workers=-1)["workers"])
        having = {
            address: facts for address, facts in found.items() if facts["resources"].get("GPU")
        }
        return having if device.startswith("cuda") and having else found

    def _check_workers(self) -> None:
        """InputError for a worker that does several tasks in one process, lacks fewray or has other versions."""
        for address, facts in self.workers().items():
            if facts["nthreads"] > 1:
                raise InputError(
                    f"--executor {self.executor}: {several_threads(address, facts['nthreads'])}"
                )
        for address, found in self.ask(about_worker).items():
            if why := other_version(address, found, self.versions):
                raise InputError(f"--executor {self.executor}: {why}")

    def ask(
        self, function: Callable[..., Any], *arguments: Any, device: str = "cpu"
    ) -> dict[str, Any]:
        """Call ``function`` on every worker at once, outside its tasks; return the answers by worker.

        Workers that are lost meanwhile are left out; where all are, those that come in their place are asked.
        """
        for _ in range(ASKED_TIMES):
            if not self.workers(device):
                await_worker(
                    self.client, self.executor
                )  # Dask, or the cluster's owner, starts others
            answers = self._answers(function, arguments, list(self.workers(device)))
            for address, answer in answers.items():
                if isinstance(answer, ImportError) or "ModuleNotFoundError" in str(
                    answer
                ):  # as Dask hands it on
                    raise InputError(
                        f"worker {address}: {answer}; install there what this machine has"
                    ) from None
                if isinstance(answer, Exception):
                    raise answer
            if answers:
                return answers
            time.sleep(ASKED_AGAIN_SECONDS)
        raise RunFailed(
            f"--executor {self.executor}: no worker answers; run the same command again to go on"
        )

    def _answers(
        self, function: Callable[..., Any], arguments: Sequence[Any], workers: list[str]
    ) -> dict[str, Any]:
        try:
            answers = self.client.run(
                function,
                *arguments,
                workers=workers,
                on_error="return",
                callback_timeout=ANSWER_SECONDS,
            )
        except TimeoutError:
            raise RunFailed(
                f"--executor {self.executor}: a worker gives no answer in {ANSWER_SECONDS:g} s (frozen?); see their logs, and "
                "run the same command again to go on"
            ) from None
        found = cast("dict[str, Any]", answers)
        return {
            address: answer for address, answer in found.items() if not isinstance(answer, OSError)
        }

    def share(self, folders: Sequence[Path]) -> None:
        """Lay a token into each folder, by which workers show that they read what this machine writes."""
        self._tokens.lay(folders)

    def _seen_files(self, reads: Sequence[Sequence[Path]]) -> dict[str, str] | None:
        """Return the hashes of files by which a late worker shows that it shares folders without a token; None where not all do.

        Now one file of every folder that the tasks read must be the same everywhere; those below a token may change
        while the tasks run.
        """
        one_each = {path.parent: path for paths in reads for path in paths}.values()
        files = {str(path): sha256_of(path) for path in one_each}
        if not all(self.ask(sees, self._tokens.texts, files).values()):
            return None
        return {
            path: digest for path, digest in files.items() if not self._tokens.covers(Path(path))
        }

    def run(
        self,
        function: Callable[..., Any],
        tasks: Sequence[Task],
        *,
        threads: int,
        device: str,
        on_message: Callable[[Any], None],
        on_done: Callable[[int, Any], None],
    ) -> list[Any]:
        """Do all tasks, as :func:`fewray.compute.workers.run_parallel`; RunFailed when workers keep dying or the scheduler is gone."""
        self._runs += 1
        run = f"{self.id}-{self._runs}"
        reads = [files_read(function, task) for task in tasks]
        files = self._seen_files(reads)
        shared = files is not None
        gpu = any(facts["resources"].get("GPU") for facts in self.workers().values())
        resources = {"GPU": 1} if gpu and device.startswith("cuda") else None
        futures: list[Any] = []
        try:
            for index, task in enumerate(tasks):
                order = Order(
                    content=pack((function, task)),
                    run=run,
                    topic=self.topic,
                    threads=threads,
                    travels=not shared,
                    names=() if shared else tuple(map(str, reads[index])),
                    tokens=self._tokens.texts,
                    files=files or {},
                    versions=self.versions,
                    marker=self._tokens.mark(f"{run}-{index}") if shared else "",
                )
                contents = [] if shared else [self._sent(path) for path in reads[index]]
                key = f"{function.__name__}-{run}-{index}"
                future = self.client.submit(
                    carry_out, order, *contents, key=key, pure=False, resources=resources
                )
                future.add_done_callback(
                    lambda _, index=index: self._inbox.put(("done", (run, index)))
                )
                futures.append(future)
            return self._collect(run, futures, on_message, on_done)
        finally:
            with suppress(Exception):  # a scheduler that is gone has nothing left to cancel
                self.client.cancel(futures, force=True)

    def _collect(
        self,
        run: str,
        futures: list[Any],
        on_message: Callable[[Any], None],
        on_done: Callable[[int, Any], None],
    ) -> list[Any]:
        results: dict[int, Any] = {}
        owed: Counter[str] = Counter()  # messages still to come, by attempt
        while len(results) < len(futures) or any(count > 0 for count in owed.values()):
            try:
                kind, what = self._inbox.get(timeout=MESSAGE_SECONDS)
            except queue.Empty:
                if len(results) == len(futures):
                    break
                continue
            if what[0] != run:  # of work that was given up before
                continue
            if kind == "done":
                index = what[1]
                outcome = self._outcome(futures[index])
                owed[outcome.attempt] += outcome.told
                bring_home(outcome.files)
                results[index] = unpack(outcome.value)
                on_done(index, results[index])
            else:
                owed[what[1]] -= 1
                on_message(unpack(what[2]))
        return [results[index] for index in range(len(futures))]

    def _outcome(self, future: Any) -> Outcome:
        from distributed.scheduler import KilledWorker

        try:
            outcome = future.result()
        except KilledWorker as error:
            raise RunFailed(
                f"{error.task}: {error.allowed_failures + 1} workers died of it, last {error.last_worker.address} (out of "
                "memory?); give workers more, see their logs, and run the same command again to go on"
            ) from None
        except CancelledError as error:
            raise RunFailed(
                f"--executor {self.executor}: the scheduler is gone or dropped the work; run the same command again to go on"
            ) from error
        if outcome.error:
            kind, text = outcome.error
            bring_home(outcome.files)  # the stand of a training that failed
            raise kind(text)
        return outcome

    def _sent(self, path: Path) -> Any:
        """Return the future of a file's bytes: sent once, kept by the scheduler, fetched at most once by a worker."""
        content = path.read_bytes()
        key = f"file-{hashlib.sha256(content).hexdigest()}"
        if key not in self._contents:
            self._contents[key] = self.client.submit(bytes, content, key=key, pure=True)
        return self._contents[key]

    def close(self) -> None:
        """Close what was opened here; a foreign cluster goes on without us."""
        self._tokens.clear()
        with suppress(Exception):
            self.client.close()
        if self.cluster is not None:
            with suppress(Exception):
                self.cluster.close()
