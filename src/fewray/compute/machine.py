"""Where training runs are done: device, precision, threads, how many at a time, and by whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack

from fewray.compute.cuda_graph import STREAMS
from fewray.compute.dask.cluster import connected, connection
from fewray.compute.dask.executors import LOCAL, check_executor
from fewray.compute.device import choose_device, choose_precision
from fewray.compute.process import cores
from fewray.compute.tasks import Report, Task
from fewray.compute.workers import run_parallel
from fewray.errors import InputError, check_range

GPU_STREAMS = 8
"""Default number of training runs at a time on a GPU: a small network uses only a part of it."""
THREADS = 1
"""Default number of threads per training run.

Results on a CPU depend on the number of threads, and the keys of jobs contain it. So the default
is a constant: it must not depend on the machine or on how many jobs there are.
"""


class MachineOptions(TypedDict, total=False):
    """Where models are trained; the options of :class:`Machine` as keywords."""

    device: str
    """``auto``, ``cuda``, ``mps`` or ``cpu``."""
    precision: str
    """``auto``, ``bf16`` or ``fp32``."""
    processes: int
    """Models trained in parallel; 0: one per core, or eight on a GPU."""
    threads: int
    """Threads per training run; 0: one. Results on a CPU depend on it."""
    executor: str
    """``local``, ``dask:N`` or a scheduler's ``tcp://host:port`` (docs/cluster.md)."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where generators and classifiers train."""

    device: str = "auto"
    precision: str = "auto"
    processes: int = 0
    """Training runs at a time. 0: one per core on a CPU, ``GPU_STREAMS`` on a GPU (at most 32)."""
    threads: int = 0
    """Threads per training run. 0: ``THREADS``."""
    executor: str = LOCAL
    """``local`` processes, ``dask:N``, or the scheduler of a cluster at ``tcp://host:port``."""

    def __post_init__(self) -> None:
        check_executor(self.executor)
        check_range("--processes", self.processes, 0)
        check_range("--threads", self.threads, 0)

    @classmethod
    def from_options(cls, **options: Unpack[MachineOptions]) -> Machine:
        """Return the machine a user asked for; InputError for ``processes`` on a cluster."""
        found = cls(**options)
        if found.executor != LOCAL and found.processes:
            raise InputError(
                "processes_with_cluster",
                f"--processes {found.processes}: leave it out with --executor {found.executor}.",
                executor=found.executor,
            )
        return found

    def settled(self) -> Machine:
        """Return the machine with every default replaced by its value here.

        On a cluster its workers choose device and precision; InputError if they disagree.
        """
        if self.executor != LOCAL:
            return self._settled_by_workers()
        device = choose_device(self.device)
        most = {"cpu": cores(), "cuda": GPU_STREAMS}.get(device.type, 1)
        processes = max(1, self.processes or most)
        return replace(
            self,
            device=str(device),
            precision=choose_precision(device, self.precision),
            processes=min(processes, STREAMS) if device.type == "cuda" else processes,
            threads=self.threads or THREADS,
        )

    def _settled_by_workers(self) -> Machine:
        with connected(self.executor):
            asked = replace(self, executor=LOCAL, processes=0)
            replies = connection(self.executor).ask(Machine.settled, asked, device=self.device)
        by_choice = {(found.device, found.precision): worker for worker, found in replies.items()}
        if len(by_choice) > 1:
            differ = "; ".join(
                f"{worker} {device} {precision}"
                for (device, precision), worker in by_choice.items()
            )
            raise InputError(
                "workers_disagree",
                f"--executor {self.executor}: workers choose different devices or precisions "
                f"({differ}); set --device and --precision",
                workers=sorted(by_choice.values()),
            )
        found = next(iter(replies.values()))
        return replace(found, executor=self.executor, processes=len(replies))

    def run(
        self,
        function: Callable[..., Any],
        tasks: Sequence[Task],
        *,
        on_message: Report,
        on_done: Callable[[int, Any], None] = lambda index, result: None,
    ) -> list[Any]:
        """Run tasks on this settled machine; see :func:`fewray.compute.workers.run_parallel`."""
        on_gpu = self.device.startswith("cuda")
        return run_parallel(
            function,
            tasks,
            processes=1 if on_gpu else self.processes,
            streams=self.processes if on_gpu else 1,
            threads=self.threads,
            executor=self.executor,
            device=self.device,
            on_message=on_message,
            on_done=on_done,
        )
