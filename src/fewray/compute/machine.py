"""Where trainings run: device, precision, how many side by side, and who does them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fewray.compute.cuda_graph import STREAMS
from fewray.compute.dask.cluster import connected, connection
from fewray.compute.dask.executors import LOCAL
from fewray.compute.device import choose_device, choose_precision, cores
from fewray.compute.workers import run_parallel
from fewray.errors import InputError

GPU_LANES = 8
"""Trainings side by side on a GPU: small networks fill a part of it only."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where generators and classifiers train: device, precision, trainings side by side and threads in each."""

    device: str = "auto"
    precision: str = "auto"
    processes: int = 0
    """Trainings side by side; 0: one a core on a CPU, ``GPU_LANES`` on a GPU, where they are threads of one process, 32 at most."""
    threads: int = 0
    """0: the cores shared out among the processes."""
    executor: str = LOCAL
    """Who does the work: ``local`` processes, ``dask:N``, or a cluster's scheduler at ``tcp://host:port``."""

    def settled(self, tasks: int) -> Machine:
        """Return the machine with every choice made, for ``tasks`` independent pieces of work.

        A cluster's workers choose, each as if it worked alone on its machine; InputError when they disagree.
        """
        if self.executor != LOCAL:
            return self._settled_by_workers(tasks)
        device = choose_device(self.device)
        available = cores() if device.type == "cpu" else 1
        most = {"cpu": available, "cuda": GPU_LANES}.get(device.type, 1)
        asked = self.processes or most
        processes = max(1, min(asked, tasks, STREAMS if device.type == "cuda" else asked))
        return Machine(
            device=str(device),
            precision=choose_precision(device, self.precision),
            processes=processes,
            threads=self.threads or max(1, available // processes),
        )

    def _settled_by_workers(self, tasks: int) -> Machine:
        with connected(self.executor):
            asked = replace(self, executor=LOCAL, processes=0)
            answers = connection(self.executor).ask(
                Machine.settled, asked, tasks, device=self.device
            )
        by_choice = {(found.device, found.precision): worker for worker, found in answers.items()}
        if len(by_choice) > 1:
            differ = "; ".join(
                f"{worker} {device} {precision}"
                for (device, precision), worker in by_choice.items()
            )
            raise InputError(
                f"--executor {self.executor}: workers choose differently ({differ}); give --device and --precision"
            )
        found = min(answers.values(), key=lambda machine: machine.threads)
        return replace(found, executor=self.executor, processes=len(answers))

    def run(
        self, function: Callable[..., Any], tasks: Sequence[dict[str, Any]], **told: Any
    ) -> list[Any]:
        """Do the tasks side by side on this settled machine: :func:`fewray.compute.workers.run_parallel`, which see."""
        on_gpu = self.device.startswith("cuda")
        return run_parallel(
            function,
            tasks,
            processes=1 if on_gpu else self.processes,
            streams=self.processes if on_gpu else 1,
            threads=self.threads,
            executor=self.executor,
            device=self.device,
            **told,
        )
