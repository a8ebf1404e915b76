"""Run independent tasks side by side: in local processes, in streams of a GPU, or on a cluster."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from fewray.compute.dask.cluster import connected, connection
from fewray.compute.dask.executors import LOCAL
from fewray.compute.process import end_with_parent, keep_freed_memory
from fewray.compute.tasks import Done, Outcome, Pool, Report, Task, receive_from, run_tasks
from fewray.errors import RunFailed

MESSAGE_SECONDS = 30.0
"""How long to wait for a finished task's last messages. A progress bar is no reason to fail."""

_messages: Any = None
"""The queue to the parent, in a worker process."""


def run_parallel(
    function: Callable[..., Any],
    tasks: Sequence[Task],
    *,
    processes: int,
    threads: int,
    streams: int = 1,
    on_message: Report,
    on_done: Callable[[int, Any], None] = lambda index, result: None,
    executor: str = LOCAL,
    device: str = "cpu",
) -> list[Any]:
    """Call ``function(**task, report=...)`` for every task and return the results in order.

    ``function`` must be importable and its arguments picklable. Each process computes with
    ``threads`` threads, so results do not depend on how many run at a time. The first error stops
    the rest, and Ctrl-C stops everything. ``streams`` above 1 runs all tasks in one process, so
    many at a time, each in a thread with its own stream of ``device``: processes take turns on a
    GPU, streams share it. ``executor`` may name a Dask cluster (:mod:`fewray.compute.dask`), which
    has its own number of workers and repeats the tasks of a lost one.
    """
    if not tasks:
        return []
    if streams > 1 and executor == LOCAL:
        shares = [dict(enumerate(tasks))]
    else:
        shares = [{index: task} for index, task in enumerate(tasks)]
    results: dict[int, Any] = {}

    def finish(index: int, result: Any) -> None:
        if index not in results:
            results[index] = result
            on_done(index, result)

    def pool() -> AbstractContextManager[Pool]:
        if executor != LOCAL:
            return connection(executor).pool(function, threads=threads, device=device)
        count = min(processes, len(shares))
        return _local_pool(function, count, threads=threads, streams=streams, device=device)

    with connected(executor), pool() as workers:
        pending = {workers.submit(share) for share in shares}
        received: Counter[str] = Counter()
        returned: list[tuple[float, Outcome]] = []
        while pending or returned:
            finished, pending = wait(pending, timeout=0.1, return_when=FIRST_COMPLETED)
            deadline = time.monotonic() + MESSAGE_SECONDS
            returned += [(deadline, future.result()) for future in finished]
            for attempt, message in workers.receive():
                received[attempt] += 1
                if isinstance(message, Done):
                    finish(message.index, message.result)
                else:
                    on_message(message)
            late = []  # a task ends when its last message has arrived
            for deadline, outcome in returned:
                if received[outcome.attempt] < outcome.sent and time.monotonic() < deadline:
                    late.append((deadline, outcome))
                    continue
                for index, result in outcome.results.items():
                    finish(index, result)
            returned = late
    return [results[index] for index in range(len(tasks))]


@contextmanager
def _local_pool(
    function: Callable[..., Any], processes: int, *, threads: int, streams: int, device: str
) -> Iterator[Pool]:
    """Start worker processes, and end them with the block."""
    context = multiprocessing.get_context("spawn")
    inbox = context.Queue()
    executor = ProcessPoolExecutor(
        processes, mp_context=context, initializer=_prepare, initargs=(inbox, threads)
    )
    try:
        yield Pool(
            lambda tasks: executor.submit(_work, function, tasks, streams, device),
            lambda: receive_from(inbox),
        )
    except BrokenProcessPool:
        raise RunFailed(
            "worker_killed",
            "a worker process was killed (out of memory?); run the same command again to resume",
        ) from None
    finally:
        processes_now = list((executor._processes or {}).values())
        executor.shutdown(wait=False, cancel_futures=True)
        for process in processes_now:
            process.terminate()
        for process in processes_now:
            process.join()
        inbox.close()


def _work(
    function: Callable[..., Any], tasks: Mapping[int, Task], streams: int, device: str
) -> Outcome:
    return run_tasks(function, tasks, _messages.put, device=device, streams=streams)


def _prepare(messages: Any, threads: int) -> None:
    global _messages
    _messages = messages
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and ends its workers
    end_with_parent()
    keep_freed_memory()
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    threadpool_limits(threads)  # NumPy too: the bits of its products depend on the threads
