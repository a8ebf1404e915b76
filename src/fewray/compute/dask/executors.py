"""Who does the work, by name: local processes, a Dask cluster of this machine, or one that is running elsewhere."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from fewray.errors import InputError, RunFailed

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

LOCAL = "local"
CONNECT_SECONDS, WORKER_SECONDS = 10, 60
"""How long a scheduler, and its first worker, are waited for."""
RETRIES = 3
"""A local cluster's task is given up when so many workers and one more died of it (Dask's own default)."""


MOST_WORKERS, MOST_PORT = 999, 65535
"""The largest numbers that ``dask:N`` and a scheduler's address may have."""


def check_executor(name: str) -> str:
    """Return ``name`` if it is ``local``, ``dask:N`` or ``tcp://host:port`` (``tls`` as well), else raise InputError."""
    number = re.fullmatch(r"dask:(\d{1,5})|(?:tcp|tls)://[^\s/]+:(\d{1,5})", name, re.ASCII)
    if name == LOCAL or (
        number and 1 <= int(number[1] or number[2]) <= (MOST_WORKERS if number[1] else MOST_PORT)
    ):
        return name
    raise InputError(
        f"--executor {name}: local, dask:N (N workers here, 1 to {MOST_WORKERS}) or tcp://host:port (a scheduler) is wanted"
    )


def open_client(executor: str) -> tuple[Client, LocalCluster | None]:
    """Return a client of the cluster, which has a worker by then, and the cluster itself where it was started here.

    InputError without the package or a scheduler at the address, RunFailed when no worker comes.
    """
    try:
        from distributed import Client, Security
    except ImportError:
        raise InputError(
            f"--executor {executor}: needs the package distributed; pip install fewray[cluster]"
        ) from None
    if executor.startswith("dask:"):
        cluster = _local_cluster(executor)
        return Client(cluster, set_as_default=False, name="fewray"), cluster
    if (
        executor.startswith("tls:")
        and Security().get_connection_args("client").get("ssl_context") is None
    ):
        raise InputError(
            f"--executor {executor}: Dask's configuration names no certificates (distributed.comm.tls.ca-file, ...client.cert, "
            "...client.key)"
        )
    try:
        client = Client(executor, timeout=CONNECT_SECONDS, set_as_default=False, name="fewray")
    except OSError:
        raise InputError(
            f"--executor {executor}: no scheduler answers there; start one with `dask scheduler`"
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

    # Workers compute in the environment that local processes would have: Dask's own would fix numbers of threads.
    # Nobody looks at the statistical profile of their threads, which samples all frames every 10 ms.
    with config.set(
        {"distributed.nanny.pre-spawn-environ": {}, "distributed.worker.profile.enabled": False}
    ):
        try:
            cluster = LocalCluster(
                n_workers=int(executor.removeprefix("dask:")),
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                memory_limit=None,
                silence_logs=logging.CRITICAL,
                scheduler_kwargs={"allowed_failures": RETRIES, "dashboard": False},
                preload=["fewray.compute.dask.remote"],
            )
        except (OSError, RuntimeError) as error:
            raise RunFailed(
                f"--executor {executor}: the workers could not be started ({error}); fewer need less memory and fewer "
                "files (ulimit -n)"
            ) from None
    # A Ctrl-C during a garbage collection would be raised in the scheduler's report on it, where Python drops it.
    disable_gc_diagnosis(force=True)
    return cluster


def await_worker(client: Client, executor: str) -> None:
    """Return when the cluster has a worker; RunFailed where none comes in ``WORKER_SECONDS``."""
    try:
        client.wait_for_workers(1, timeout=WORKER_SECONDS)
    except TimeoutError:
        start = (
            ""
            if executor.startswith("dask:")
            else f"start some with `dask worker {executor} --nthreads 1` and "
        )
        raise RunFailed(
            f"--executor {executor}: no worker in {WORKER_SECONDS} s; {start}run again"
        ) from None
