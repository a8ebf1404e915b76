"""Independent pieces of work side by side: on all cores a process each, on a GPU a thread each with a stream of its own."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import queue
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from fewray.compute.cuda_graph import side_stream
from fewray.compute.dask.cluster import connected, connection
from fewray.compute.dask.executors import LOCAL
from fewray.compute.device import explain_full_memory
from fewray.compute.process import keep_freed_memory
from fewray.errors import RunFailed

Report = Callable[[Any], None]
"""What a piece of work calls to tell of its progress."""

_messages: Any = None
_DONE = "\0done"
"""The first of a message (_DONE, index of the task, its pickled result)."""


def run_parallel(
    function: Callable[..., Any],
    tasks: Sequence[dict[str, Any]],
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

    ``function`` must be importable and its arguments picklable. Each process computes with ``threads`` threads, so a
    result does not depend on how many run side by side. The first error stops the rest; Ctrl-C stops all at once.
    With ``streams`` above 1 one process does so many tasks at a time, each in a thread and a stream of ``device``: processes
    take turns on a GPU, streams of one process share it.
    ``executor`` may be a Dask cluster (:mod:`fewray.compute.dask.cluster`), which has its own number of processes and tries the tasks
    of a lost worker again; there, work on the ``device`` cuda goes to workers with the resource GPU.
    """
    if not tasks:
        return []
    if executor != LOCAL:
        with connected(executor):
            return connection(executor).run(
                function,
                tasks,
                threads=threads,
                device=device,
                on_message=on_message,
                on_done=on_done,
            )
    context = multiprocessing.get_context("spawn")
    messages = context.Queue()
    shares = (
        [dict(enumerate(tasks))]
        if streams > 1
        else [{index: task} for index, task in enumerate(tasks)]
    )
    pool = ProcessPoolExecutor(
        min(processes, len(shares)),
        mp_context=context,
        initializer=_prepare,
        initargs=(messages, threads),
    )
    results: dict[int, Any] = {}

    def hear(message: Any) -> None:
        if isinstance(message, tuple) and message[:1] == (_DONE,):
            _, index, packed = message
            results[index] = pickle.loads(packed)
            on_done(index, results[index])
        else:
            on_message(message)

    try:
        pending: set[Future[Any]] = {
            pool.submit(_work, function, share, streams, device) for share in shares
        }
        while len(results) < len(tasks):
            finished, pending = wait(pending, timeout=0.1, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()  # raises what went wrong
            _drain(messages, hear)
            if not pending and len(results) < len(
                tasks
            ):  # are they on their way, or did their worker die with them?
                pending = {pool.submit(int)}
        return [results[index] for index in range(len(tasks))]
    except BrokenProcessPool:
        raise RunFailed(
            "a worker process was killed (out of memory?); run the same command again to go on"
        ) from None
    finally:
        _stop(pool)
        messages.close()


def _work(
    function: Callable[..., Any], tasks: Mapping[int, dict[str, Any]], streams: int, device: str
) -> None:
    """Do the tasks of this worker; results go the way of the messages, each after all that its task told."""
    import torch

    def do(index: int) -> None:
        with explain_full_memory(), side_stream(device):
            result = function(**tasks[index], report=_messages.put)
        _messages.put((_DONE, index, pickle.dumps(result)))

    if streams == 1:
        for index in tasks:
            do(index)
        return
    pool = ThreadPoolExecutor(
        streams, initializer=torch.set_num_threads, initargs=(torch.get_num_threads(),)
    )
    try:
        for future in as_completed([pool.submit(do, index) for index in tasks]):
            future.result()
    finally:
        pool.shutdown(
            wait=False, cancel_futures=True
        )  # after an error those that run end with this process


def _prepare(messages: Any, threads: int) -> None:
    global _messages
    _messages = messages
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and stops its workers
    end_with_parent()
    keep_freed_memory()
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    threadpool_limits(threads)  # NumPy's products as well: bits depend on how they are shared out


def end_with_parent() -> None:
    """From now on end this process when its parent is gone, kill -9 included: an orphan must not write on."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _drain(messages: Any, hear: Report) -> None:
    """Hand on the messages that have come; not for ever, where they come all the time."""
    for _ in range(1000):
        try:
            message = messages.get(timeout=0.05)
        except queue.Empty:
            return
        hear(message)


def _stop(pool: ProcessPoolExecutor) -> None:
    workers = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join()
