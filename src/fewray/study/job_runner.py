"""Run the classifier jobs of a study whose results are missing."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from fewray.compute.machine import Machine
from fewray.storage.jobs import JobStore
from fewray.storage.timing import Clock

OnProgress = Callable[[str, Mapping[str, Any]], None]


class Job(Protocol):
    """A job with the hash of its inputs and a name for progress messages."""

    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102


_Run = TypeVar("_Run", bound=Hashable)
_Job = TypeVar("_Job", bound=Job)
_Result = TypeVar("_Result")


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """Where the jobs of a study run, where their results go, and who receives progress."""

    store: JobStore
    machine: Machine
    clock: Clock
    on_progress: OnProgress
    prefix: str = ""
    """Put before the names of jobs."""

    def stage(self, text: str) -> None:
        """Report the beginning of a stage."""
        self.on_progress("stage", {"text": f"{self.prefix}{text}"})

    def report(self, kind: str, event: Mapping[str, Any]) -> None:
        """Report an event, and write the times down now and then."""
        self.clock.keep()
        self.on_progress(kind, event)

    def report_training(self, label: str, row: Mapping[str, Any]) -> None:
        """Report an epoch or a batch of a generator."""
        self.report("batch" if "batch" in row else "epoch", {"label": label, **row})


def run_classifiers(
    jobs: Mapping[_Run, _Job],
    function: Callable[..., Any],
    context: RunContext,
    stored: Callable[[_Job], _Result | None],
    *,
    again: Callable[[_Job], bool] = lambda job: False,
    **arguments: Any,
) -> dict[_Run, _Result]:
    """Run the jobs that have no stored result, or are to run ``again``; return all results.

    ``function`` is called with ``job``, ``machine``, ``store`` and ``arguments``. Runs whose jobs
    have the same key share a job.
    """
    distinct: dict[str, _Job] = {}
    for job in jobs.values():
        distinct.setdefault(job.key, job)
    missing = [job for job in distinct.values() if again(job) or stored(job) is None]
    left = len(missing)
    context.on_progress("classifiers", {"done": len(distinct) - left, "total": len(distinct)})

    def on_done(index: int, result: Mapping[str, Any]) -> None:
        nonlocal left
        left -= 1
        name = missing[index].name
        context.clock.add(f"classifier {name}", result["seconds"])
        context.on_progress("classifier", {"run": name, "left": left, **result})

    shared = {"machine": context.machine, "store": context.store, **arguments}
    context.machine.run(
        function,
        [{"job": job, **shared} for job in missing],
        on_message=lambda message: context.report("step", message),
        on_done=on_done,
    )
    results: dict[_Run, _Result] = {}
    for run, job in jobs.items():
        result = stored(job)
        assert result is not None, job.key
        results[run] = result
    return results
