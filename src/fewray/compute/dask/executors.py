"""Names of executors, and how to start or reach the cluster that a name means."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from fewray.errors import InputError, RunFailed

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

LOCAL = "local"
CONNECT_SECONDS, WORKER_SECONDS = 10, 60
"""How long to wait for a scheduler, and for its first worker."""
RETRIES = 3
"""A local cluster gives up a task after it has killed one worker more than this (as Dask)."""
MOST_WORKERS, MOST_PORT = 999, 65535
"""The largest numbers in ``dask:N`` and in the address of a scheduler."""


def check_executor(name: str) -> str:
    """Return ``name`` if it is ``local``, ``dask:N``, ``tcp://host:port`` or ``tls://host:port``.

    InputError otherwise.
    """
    number = re.fullmatch(r"dask:(\d{1,5})|(?:tcp|tls)://[^\s/]+:(\d{1,5})", name, re.ASCII)
    if name == LOCAL or (
        number and 1 <= int(number[1] or number[2]) <= (MOST_WORKERS if number[1] else MOST_PORT)
    ):
        return name
    raise InputError(
        "unknown_executor",
        f"--executor {name}: expected local, dask:N (N workers on this machine, 1 to "
        f"{MOST_WORKERS}) or tcp://host:port (a scheduler)",
        executor=name,
    )


def open_client(executor: str) -> tuple[Client, LocalCluster | None]:
    """Return a client of a cluster with at least one worker, and the cluster if started here.

    InputError if Dask is not installed or there is no scheduler; RunFailed if no worker comes.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "dask_not_installed",
            f"--executor {executor}: needs the package distributed; pip install fewray[cluster]",
        ) from None
    if executor.startswith("dask:"):
        cluster = _local_cluster(executor)
        return Client(cluster, set_as_default=False, name="fewray"), cluster
    try:
        client = Client(executor, timeout=CONNECT_SECONDS, set_as_default=False, name="fewray")
    except (OSError, TypeError) as error:  # TypeError: Dask's configuration has no certificates
        raise InputError(
            "no_scheduler",
            f"--executor {executor}: no connection to a scheduler ({error}); start one with "
            "`dask scheduler`, and for tls:// set certificates in Dask's configuration",
        ) from None
    try:
        await_worker(client, executor)
    except RunFailed:
        client.close()
        raise
    return client, None


def _local_cluster(executor: str) -> LocalCluster:
    from dask import config
    from distributed import LocalCluster
    from distributed.gc import disable_gc_diagnosis

    # Workers get the environment of local processes, not Dask's numbers of threads, and no
    # profiler that samples their frames every 10 ms.
    settings = {
        "distributed.nanny.pre-spawn-environ": {},
        "distributed.worker.profile.enabled": False,
    }
    with config.set(settings):
        try:
            cluster = LocalCluster(
                n_workers=int(executor.removeprefix("dask:")),
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                memory_limit=None,
                silence_logs=logging.CRITICAL,
                scheduler_kwargs={"allowed_failures": RETRIES, "dashboard": False},
                preload=["fewray.compute.dask.worker"],
            )
        except (OSError, RuntimeError) as error:
            raise RunFailed(
                "workers_not_started",
                f"--executor {executor}: the workers could not be started ({error}); fewer "
                "workers need less memory and fewer open files (ulimit -n)",
            ) from None
    # Python drops a KeyboardInterrupt that is raised in the scheduler's garbage collection hook.
    disable_gc_diagnosis(force=True)
    return cluster


def await_worker(client: Client, executor: str) -> None:
    """Wait until the cluster has a worker; RunFailed after ``WORKER_SECONDS``."""
    try:
        client.wait_for_workers(1, timeout=WORKER_SECONDS)
    except TimeoutError:
        start = f"start some with `dask worker {executor} --nthreads 1` and "
        raise RunFailed(
            "no_worker",
            f"--executor {executor}: no worker in {WORKER_SECONDS} s; "
            f"{'' if executor.startswith('dask:') else start}run the same command again",
        ) from None
