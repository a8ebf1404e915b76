"""Independent pieces of work on all cores: one process each, a fixed number of threads in each."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from fewray.cluster import connected, connection
from fewray.device import keep_freed_memory
from fewray.errors import RunFailed
from fewray.executors import LOCAL

Report = Callable[[Any], None]
"""What a piece of work calls to tell of its progress."""

_messages: Any = None
_TOLD = "\0told"


def run_parallel(
    function: Callable[..., Any],
    tasks: Sequence[dict[str, Any]],
    *,
    processes: int,
    threads: int,
    on_message: Report,
    on_done: Callable[[int, Any], None] = lambda index, result: None,
    executor: str = LOCAL,
    device: str = "cpu",
) -> list[Any]:
    """Call ``function(**task, report=...)`` for every task and return the results in order.

    ``function`` must be importable and its arguments picklable. Each process computes with ``threads`` threads, so a
    result does not depend on how many run side by side. The first error stops the rest; Ctrl-C stops all at once.
    ``executor`` may be a Dask cluster (:mod:`fewray.cluster`), which has its own number of processes and tries the tasks
    of a lost worker again; there, work on the ``device`` cuda goes to workers with the resource GPU.
    """
    if not tasks:
        return []
    if executor != LOCAL:
        with connected(executor):
            return connection(executor).run(
                function, tasks, threads=threads, device=device, on_message=on_message, on_done=on_done
            )
    context = multiprocessing.get_context("spawn")
    messages = context.Queue()
    pool = ProcessPoolExecutor(
        min(processes, len(tasks)), mp_context=context, initializer=_prepare, initargs=(messages, threads)
    )
    futures: dict[Future[Any], int] = {}
    try:
        for index, task in enumerate(tasks):
            futures[pool.submit(_work, function, task)] = index
        results: dict[int, Any] = {}
        pending, told = set(futures), 0
        while pending or told < len(tasks):
            finished, pending = wait(pending, timeout=0.1, return_when=FIRST_COMPLETED)
            for future in finished:
                results[futures[future]] = future.result()
                on_done(futures[future], future.result())
            told += _drain(messages, on_message)
        return [results[index] for index in range(len(tasks))]
    except BrokenProcessPool:
        raise RunFailed("a worker process was killed (out of memory?); run the same command again to go on") from None
    finally:
        _stop(pool)
        messages.close()


def _work(function: Callable[..., Any], task: dict[str, Any]) -> Any:
    result = function(**task, report=_messages.put)
    _messages.put(_TOLD)  # messages arrive in order: after this one, none of this task's is still under way
    return result


def _prepare(messages: Any, threads: int) -> None:
    global _messages
    _messages = messages
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and stops its workers
    threading.Thread(target=_die_with_parent, daemon=True).start()
    keep_freed_memory()
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    threadpool_limits(threads)  # NumPy's products as well: bits depend on how they are shared out


def _die_with_parent() -> None:
    """End this worker when its parent is gone, kill -9 included: an orphan must not write on."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _drain(messages: Any, on_message: Report) -> int:
    """Hand on the messages that have come; return how many tasks have told all theirs."""
    told = 0
    while True:
        try:
            message = messages.get(timeout=0.05)
        except queue.Empty:
            return told
        if message == _TOLD:
            told += 1
        else:
            on_message(message)


def _stop(pool: ProcessPoolExecutor) -> None:
    workers = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join()
