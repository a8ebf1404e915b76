"""The job runner skips stored results, shares equal jobs and counts what is left."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fewray.compute.machine import Machine
from fewray.storage.jobs import JobStore
from fewray.storage.timing import Clock
from fewray.study.job_runner import RunContext, run_classifiers


@dataclass(frozen=True)
class Job:
    key: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Recorder(Machine):
    """A machine whose tasks store their job's name."""

    results: dict[str, str] = field(default_factory=dict)

    def run(
        self, function: Callable[..., Any], tasks: Sequence[dict[str, Any]], **more: Any
    ) -> list[Any]:
        for index, task in enumerate(tasks):
            self.results[task["job"].key] = task["job"].name
            more["on_done"](index, {"accuracy": 1.0, "seconds": 0.1})
        return []


def run(machine: Recorder, folder: Path, **options: Any) -> tuple[dict[str, str], list[Any]]:
    events: list[Any] = []
    context = RunContext(
        store=JobStore(folder),
        machine=machine,
        clock=Clock(folder / "timing.json"),
        on_progress=lambda kind, event: events.append((kind, dict(event))),
    )
    jobs = {"a": Job("1", "first"), "b": Job("2", "second"), "c": Job("1", "same as first")}
    found = run_classifiers(
        jobs, print, context, lambda job: machine.results.get(job.key), **options
    )
    return found, events


def test_equal_jobs_run_once_and_the_number_left_decreases(tmp_path: Path):
    found, events = run(Recorder(), tmp_path)
    assert found == {"a": "first", "b": "second", "c": "first"}
    assert events[0] == ("classifiers", {"done": 0, "total": 2})
    assert [(event["run"], event["left"]) for _, event in events[1:]] == [
        ("first", 1),
        ("second", 0),
    ]


def test_stored_results_are_not_computed_again_unless_asked_for(tmp_path: Path):
    machine = Recorder(results={"1": "stored"})
    found, events = run(machine, tmp_path)
    assert found == {"a": "stored", "b": "second", "c": "stored"}
    assert events[0] == ("classifiers", {"done": 1, "total": 2})
    found, events = run(machine, tmp_path, again=lambda job: job.key == "1")
    assert found["a"] == "first"
    assert events[0] == ("classifiers", {"done": 1, "total": 2})
