"""Time ways of doing the same work in turn, each in its own processes."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fewray.errors import RunFailed

Task = Callable[[], Any]
"""A piece of prepared work; calling it is what is timed."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One way of doing the work; ``make(part, **options)`` prepares the task of a process."""

    name: str
    make: Callable[..., Task]
    options: dict[str, Any] = field(default_factory=dict)
    processes: int = 1
    threads: int = 1


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Seconds per round, results of the last round by process, and peak MiB of all processes."""

    seconds: list[float]
    results: list[Any]
    peak_mib: float

    @property
    def median(self) -> float:
        """Return the median of the rounds."""
        return statistics.median(self.seconds)


def alternate(sides: Sequence[Side], rounds: int, *, warm_up: bool = True) -> list[Timed]:
    """Time ``sides`` in turn for ``rounds`` rounds, every second round in reverse order.

    A round ends when the slowest process has finished its part. Before the first round all
    processes are prepared and, with ``warm_up``, have done the work once. RunFailed if a process
    fails or ends.
    """
    teams = [_Team(side, warm_up) for side in sides]
    try:
        for team in teams:
            team.ready()
        seconds: list[list[float]] = [[] for _ in sides]
        results: list[list[Any]] = [[] for _ in sides]
        for turn in range(rounds):
            for index in range(len(sides))[:: -1 if turn % 2 else 1]:
                took, results[index] = teams[index].go()
                seconds[index].append(took)
        return [
            Timed(seconds=seconds[i], results=results[i], peak_mib=round(team.peak(), 1))
            for i, team in enumerate(teams)
        ]
    finally:
        for team in teams:
            team.stop()


def ratios(reference: Timed, ours: Timed) -> tuple[float, float, float]:
    """Return how many times faster ``ours`` was per round: median, minimum, maximum."""
    found = [slow / fast for slow, fast in zip(reference.seconds, ours.seconds, strict=True)]
    return statistics.median(found), min(found), max(found)


class _Team:
    def __init__(self, side: Side, warm_up: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self.name, self.pipes, self.processes = side.name, [], []
        for part in range(side.processes):
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, side, part, warm_up))
            process.start()
            there.close()
            self.pipes.append(here)
            self.processes.append(process)

    def ready(self) -> None:
        for pipe in self.pipes:
            self._receive(pipe)

    def go(self) -> tuple[float, list[Any]]:
        started = time.perf_counter()
        for pipe in self.pipes:
            pipe.send("go")
        results = [self._receive(pipe) for pipe in self.pipes]
        return time.perf_counter() - started, results

    def peak(self) -> float:
        for pipe in self.pipes:
            pipe.send("peak")
        return sum(self._receive(pipe) for pipe in self.pipes)

    def stop(self) -> None:
        for pipe, process in zip(self.pipes, self.processes, strict=True):
            pipe.close()
            process.terminate()
            process.join()

    def _receive(self, pipe: Any) -> Any:
        try:
            kind, value = pipe.recv()
        except EOFError:
            raise RunFailed(
                "benchmark_process_ended",
                f"benchmark {self.name}: a process ended unexpectedly (out of memory?)",
                name=self.name,
            ) from None
        if kind == "error":
            raise RunFailed("benchmark_failed", f"benchmark {self.name}: {value}", name=self.name)
        return value


def _serve(pipe: Any, side: Side, part: int, warm_up: bool) -> None:
    from fewray.compute.process import end_with_parent, keep_freed_memory

    end_with_parent()
    keep_freed_memory()
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(side.threads)
    with threadpool_limits(side.threads), suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        try:
            work = side.make(part, **side.options)
            if warm_up:
                work()
            pipe.send(("ready", None))
            while True:
                command = pipe.recv()
                pipe.send(("done", work() if command == "go" else _peak_mib()))
        except EOFError:
            return
        except Exception as error:
            pipe.send(("error", f"{type(error).__name__}: {error}"))


def _peak_mib() -> float:
    """Return the peak memory of this process in MiB, without that of its parent."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
