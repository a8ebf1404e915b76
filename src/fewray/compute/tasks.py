"""Run tasks in this worker process and report their progress; used by every executor."""

from __future__ import annotations

import itertools
import queue
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from fewray.compute.cuda_graph import side_stream
from fewray.compute.device import explain_full_memory

Report = Callable[[Any], None]
"""A task calls this with a message about its progress."""
Task = dict[str, Any]
"""Keyword arguments of one call."""
MESSAGES_AT_ONCE = 1000
"""Messages handled before finished tasks are looked at again."""


@dataclass(frozen=True)
class Done:
    """A message: this task, one of several in its process, has its result."""

    index: int
    result: Any


@dataclass(frozen=True)
class Outcome:
    """What a worker returns: results by task index, and how many messages it sent before."""

    attempt: str
    sent: int
    results: dict[int, Any]


@dataclass(frozen=True)
class Pool:
    """Workers of one kind: give one of them tasks; iterate over messages, each with its attempt."""

    submit: Callable[[Mapping[int, Task]], Future[Outcome]]
    receive: Callable[[], Iterator[tuple[str, Any]]]


def run_tasks(
    function: Callable[..., Any],
    tasks: Mapping[int, Task],
    send: Callable[[tuple[str, Any]], None],
    *,
    device: str,
    streams: int = 1,
) -> Outcome:
    """Call ``function(**task, report=...)`` for each task; ``streams`` at a time, each in a thread.

    The first error is raised; tasks that have not started are dropped.
    """
    attempt, counter = uuid.uuid4().hex, itertools.count()

    def report(message: Any) -> None:
        send((attempt, message))
        next(counter)

    def run(index: int) -> Any:
        with explain_full_memory(), side_stream(device):
            result = function(**tasks[index], report=report)
        if len(tasks) > 1:
            report(Done(index, result))
        return result

    if streams == 1:
        results = {index: run(index) for index in tasks}
    else:
        results = _in_threads(run, tasks, streams)
    return Outcome(attempt, next(counter), results)


def _in_threads(
    run: Callable[[int], Any], tasks: Mapping[int, Task], streams: int
) -> dict[int, Any]:
    import torch

    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(streams, initializer=torch.set_num_threads, initargs=(threads,))
    try:
        futures = {pool.submit(run, index): index for index in tasks}
        return {futures[future]: future.result() for future in as_completed(futures)}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # after an error, the process is ended


def receive_from(inbox: Any) -> Iterator[Any]:
    """Yield what is in a queue, and stop when it stays empty for a moment."""
    for _ in range(MESSAGES_AT_ONCE):
        try:
            yield inbox.get(timeout=0.05)
        except queue.Empty:
            return
