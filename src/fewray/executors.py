"""Who does the work, by name: local processes, a Dask cluster of this machine, or one that is running elsewhere."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from fewray.errors import InputError, RunFailed

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

LOCAL = "local"
CONNECT_SECONDS, WORKER_SECONDS = 20, 60
"""How long a scheduler, and its first worker, are waited for."""
RETRIES = 3
"""A local cluster's task is given up when so many workers and one more died of it (Dask's own default)."""


def check_executor(name: str) -> str:
    """Return ``name`` if it is ``local``, ``dask:N`` or ``tcp://host:port``, else raise InputError."""
    if name == LOCAL or re.fullmatch(r"dask:[1-9]\d*|tcp://[^\s/]+:\d+", name):
        return name
    raise InputError(f"--executor {name}: local, dask:N (N workers here) or tcp://host:port (a scheduler) is wanted")


def open_client(executor: str) -> tuple[Client, LocalCluster | None]:
    """Return a client of the cluster, which has a worker by then, and the cluster itself where it was started here.

    InputError without the package or a scheduler at the address, RunFailed when no worker comes.
    """
    try:
        from dask import config
        from distributed import Client, LocalCluster
    except ImportError:
        raise InputError(f"--executor {executor}: needs the package distributed; pip install fewray[cluster]") from None
    if executor.startswith("dask:"):
        # Workers compute in the environment that local processes would have: Dask's own would fix numbers of threads.
        # Nobody looks at the statistical profile of their threads, which samples all frames every 10 ms.
        with config.set({"distributed.nanny.pre-spawn-environ": {}, "distributed.worker.profile.enabled": False}):
            cluster = LocalCluster(
                n_workers=int(executor.removeprefix("dask:")),
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                memory_limit=None,
                silence_logs=logging.CRITICAL,
                scheduler_kwargs={"allowed_failures": RETRIES, "dashboard": False},
                preload=["fewray.remote"],
            )
        return Client(cluster, set_as_default=False, name="fewray"), cluster
    try:
        client = Client(executor, timeout=CONNECT_SECONDS, set_as_default=False, name="fewray")
    except OSError:
        raise InputError(
            f"--executor {executor}: no scheduler answers there; start one with `dask scheduler`"
        ) from None
    try:
        client.wait_for_workers(1, timeout=WORKER_SECONDS)
    except TimeoutError:
        client.close()
        raise RunFailed(
            f"--executor {executor}: no worker in {WORKER_SECONDS} s; start some with "
            f"`dask worker {executor} --nthreads 1` and run again"
        ) from None
    return client, None
