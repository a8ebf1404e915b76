"""Where and how the jobs of a trial are done, and how they are named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fewray.compute.machine import Machine
from fewray.storage.jobs import JobStore
from fewray.storage.timing import Clock
from fewray.study.crossval.design import Condition

OnProgress = Callable[[str, Mapping[str, Any]], None]
Job = tuple[Condition, int, int, int]
"""Condition, repeat, fold, seed."""
FoldKey = tuple[int, int, int]
"""Partition, fold, replicate."""


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """Where and how the jobs of a trial are done and told of."""

    store: JobStore
    machine: Machine
    clock: Clock
    on_progress: OnProgress

    def tell(self, kind: str, event: Mapping[str, Any]) -> None:
        """Tell of an event that took time, which is written down now and then."""
        self.clock.keep()
        self.on_progress(kind, event)
