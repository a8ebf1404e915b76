"""Tasks on a Dask cluster give what local processes give, even when workers are killed."""

import gc
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from distributed.comm import CommClosedError

import fewray.compute.dask.cluster
import fewray.compute.dask.executors
from fewray.compute.dask import worker
from fewray.compute.dask.cluster import connected, connection
from fewray.compute.dask.executors import check_executor
from fewray.compute.dask.worker import pack, versions
from fewray.compute.machine import Machine
from fewray.compute.workers import run_parallel
from fewray.errors import InputError, RunFailed
from fewray.imaging.decode import Unreadable
from fewray.storage import files

TWO = "dask:2"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cluster of two workers for tests that do not harm it; the folder it shares."""
    folder = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        # clusters of other tests set it in this process
        patch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
        with connected(TWO, folder):
            yield folder


def square(*, x: int, report) -> int:
    for part in range(3):
        report((x, part))
    if x < 0:
        raise InputError("negative", f"{x}: negative", x=x)
    return x * x


def fail(*, x: int, report) -> None:
    raise RunFailed("no_luck", "no luck", x=x) if x else ZeroDivisionError("a fault")


def full(*, report) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")


def die(*, report) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(*, folder: Path, report) -> int:
    if not (folder / "half").exists():
        (folder / "half").write_text("half")
        die(report=report)
    return os.getpid()


def where(*, path: Path, report) -> Path:
    report(path)
    return path


def missing(*, report) -> None:
    raise ModuleNotFoundError("No module named 'torch'")


def threads(*, report) -> tuple[int, list[int]]:
    from threadpoolctl import threadpool_info

    return torch.get_num_threads(), [
        pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"
    ]


def do(function, tasks, executor: str = TWO, **named):
    on_message = named.pop("on_message", lambda _: None)
    return run_parallel(
        function, tasks, processes=2, threads=1, on_message=on_message, executor=executor, **named
    )


def endless(*, report) -> None:
    while True:
        report(sum(range(100_000)))


def unreadable(*, path: Path, report) -> None:
    raise Unreadable(path, "no film")


@pytest.mark.parametrize(
    "name",
    [
        *("dask", "dask:0", "dask:x", "dask:1000", "dask:9999999999", "dask:-1", "dask:²"),
        *("tcp://host", "slurm", "", "tcp://a:b", "tcp://a:0", "tcp://a:65536", "udp://a:1"),
        "dask:" + 5000 * "9",
    ],
)
def test_an_unknown_executor_is_an_error(name: str):
    with pytest.raises(InputError, match="--executor") as caught:
        check_executor(name)
    assert caught.value.code == "unknown_executor"


@pytest.mark.parametrize("name", ["local", "dask:12", "tcp://10.0.0.1:8786", "tls://[::1]:1"])
def test_known_executors_are_accepted(name: str):
    assert check_executor(name) == name


def test_without_dask_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install fewray\[cluster\]") as caught:
        Machine(executor="dask:3").settled()
    assert caught.value.code == "dask_not_installed"


def test_results_come_in_order_with_every_message(cluster: Path):
    messages: list[tuple[int, int]] = []
    done: dict[int, int] = {}
    tasks = [{"x": x} for x in range(9)]
    found = do(square, tasks, on_message=messages.append, on_done=done.__setitem__)
    assert found == [x * x for x in range(9)]
    assert done == dict(enumerate(found))
    for x in range(9):
        assert [message for message in messages if message[0] == x] == [(x, 0), (x, 1), (x, 2)]
    assert do(square, []) == []


def test_errors_arrive_with_type_code_and_fields(cluster: Path):
    with pytest.raises(InputError, match="-1: negative") as caught:
        do(square, [{"x": -1}, {"x": 2}])
    assert (caught.value.code, caught.value.fields) == ("negative", {"x": -1})
    with pytest.raises(RunFailed, match="no luck") as failed:
        do(fail, [{"x": 1}])
    assert (failed.value.code, failed.value.fields) == ("no_luck", {"x": 1})
    with pytest.raises(ZeroDivisionError, match="a fault"):
        do(fail, [{"x": 0}])
    with pytest.raises(Unreadable, match=r"^/a/b.png: "):
        do(unreadable, [{"path": Path("/a/b.png")}])
    with pytest.raises(RunFailed, match="fewer workers per GPU") as failed:
        do(full, [{}])
    assert failed.value.code == "gpu_out_of_memory"
    assert do(square, [{"x": 3}]) == [9]


def test_relative_paths_are_the_client_s(
    cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    messages: list[Path] = []
    tasks = [{"path": Path("a/../b.png")}, {"path": Path("/c.png")}]
    expected = [tmp_path / "b.png", Path("/c.png")]
    assert do(where, tasks, on_message=messages.append) == expected
    assert sorted(messages) == sorted(expected)


def test_ctrl_c_stops_running_tasks_and_frees_the_cluster(cluster: Path):
    def interrupt(message) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        do(endless, [{} for _ in range(5)], on_message=interrupt)
    # both workers had an endless task
    assert do(square, [{"x": x} for x in range(4)]) == [0, 1, 4, 9]


def test_each_task_has_its_threads(cluster: Path):
    for count in (1, 2):
        found = run_parallel(
            threads, [{}], processes=1, threads=count, on_message=print, executor=TWO
        )
        assert found[0][0] == count
        assert set(found[0][1]) <= {count}


def test_the_workers_settle_the_machine(cluster: Path):
    here = Machine().settled()
    settled = Machine(executor=TWO).settled()
    assert (settled.device, settled.precision) == (here.device, here.precision)
    assert (settled.threads, settled.processes, settled.executor) == (1, 2, TWO)


def test_workers_that_choose_differently_are_named(cluster: Path, monkeypatch: pytest.MonkeyPatch):
    answers = {
        "tcp://a:1": Machine(precision="bf16", device="cpu"),
        "tcp://b:1": Machine(precision="fp32", device="cpu"),
    }
    monkeypatch.setattr(connection(TWO), "ask", lambda *_, **__: answers)
    with pytest.raises(InputError, match="tcp://a:1 cpu bf16; tcp://b:1 cpu fp32") as caught:
        Machine(executor=TWO).settled()
    assert caught.value.code == "workers_disagree"


@pytest.mark.parametrize("package", ["fewray", "torch", "numpy", "pillow", "Python"])
def test_a_worker_with_another_version_is_named(
    cluster: Path, monkeypatch: pytest.MonkeyPatch, package: str
):
    here = connection(TWO)
    monkeypatch.setattr(here, "versions", {**versions(), package: "0.0.1"})
    for check in (here.check_workers, lambda: do(square, [{"x": 1}])):  # now, or joined later
        with pytest.raises(InputError, match=r"worker tcp://\S+ has") as caught:
            check()
        assert caught.value.code == "worker_version_differs"
        assert caught.value.fields["package"] == package


def test_a_worker_without_fewray_is_named(cluster: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(InputError, match="install the packages") as caught:
        do(missing, [{}])
    assert caught.value.code == "worker_lacks_package"
    answers = {"tcp://a:1": ModuleNotFoundError("No module named 'fewray'")}
    monkeypatch.setattr(connection(TWO).client, "run", lambda *_, **__: answers)
    with pytest.raises(InputError, match=r"worker tcp://a:1: .*'fewray'") as caught:
        connection(TWO).check_workers()
    assert caught.value.code == "worker_lacks_package"


def test_a_frozen_worker_ends_the_command(cluster: Path, monkeypatch: pytest.MonkeyPatch):
    pid = next(iter(connection(TWO).ask(os.getpid).values()))
    with monkeypatch.context() as patch:
        patch.setattr(fewray.compute.dask.cluster, "REPLY_SECONDS", 1)
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(RunFailed, match="run the same command again") as caught:
                Machine(executor=TWO).settled()
        finally:
            os.kill(pid, signal.SIGCONT)
    assert caught.value.code == "worker_silent"
    assert do(square, [{"x": 2}]) == [4]


def test_a_cluster_without_workers_is_given_a_minute():
    with cluster_by_hand(1) as there, connected(there.scheduler_address):
        address, client = there.scheduler_address, connection(there.scheduler_address).client
        client.retire_workers(list(client.scheduler_info()["workers"]))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fewray.compute.dask.executors, "WORKER_SECONDS", 1)
            with pytest.raises(RunFailed, match="no worker in 1 s; start some with") as caught:
                Machine(executor=address).settled()
        assert caught.value.code == "no_worker"
        there.scale(2)
        assert Machine(executor=address).settled().threads > 0
        assert do(square, [{"x": 2}], address) == [4]


def about_process(*, report) -> tuple[float, bool, bool, bool]:
    """Return the lock time, whether Ctrl-C is ignored, and two settings of Dask."""
    from dask import config

    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    profile = config.get("distributed.worker.profile.enabled")
    return files.LOCK_SECONDS, ignored, "MALLOC_TRIM_THRESHOLD_" in os.environ, profile


def test_workers_are_prepared_as_local_processes_are(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
):
    assert do(about_process, [{}]) == [(150, True, False, False)]
    kept = []
    monkeypatch.setattr(worker, "keep_freed_memory", lambda: kept.append(True))
    monkeypatch.setattr(files, "LOCK_SECONDS", 5.0)
    worker._prepare_process.__wrapped__()
    assert kept == [True]


def test_ctrl_c_is_not_lost_in_a_garbage_collection(cluster: Path):
    hooks = [
        hook
        for hook in gc.callbacks
        if "distributed" in type(getattr(hook, "__self__", hook)).__module__
    ]
    assert not hooks  # an exception raised in one is printed and dropped


def test_cuda_tasks_go_to_workers_with_gpus(cluster: Path, monkeypatch: pytest.MonkeyPatch):
    facts = {"a": {"resources": {}}, "b": {"resources": {"GPU": 1.0}}}
    here, asked = connection(TWO), []

    def get_executor(*, resources: object, pure: bool) -> None:
        asked.append(resources)
        raise RunFailed("enough", "enough")

    monkeypatch.setattr(here.client, "scheduler_info", lambda n_workers: {"workers": facts})
    monkeypatch.setattr(here.client, "get_executor", get_executor)
    assert list(here.workers("cuda:0")) == ["b"]
    assert list(here.workers("cpu")) == ["a", "b"]
    for device in ("cuda", "cpu"):
        with pytest.raises(RunFailed, match="enough"):
            do(square, [{"x": 1}], device=device)
    assert asked == [{"GPU": 1}, None]


def test_every_worker_must_see_the_folder(
    cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    here = connection(TWO)
    here.check_folders(tmp_path / "new", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]  # the probes are gone
    assert not list((tmp_path / "new").iterdir())
    monkeypatch.setattr(here, "ask", lambda *_: {"tcp://a:1": ""})
    with pytest.raises(InputError, match=f"worker tcp://a:1: does not see {tmp_path}") as caught:
        here.check_folders(tmp_path)
    assert caught.value.code == "folder_not_shared"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_a_folder_without_write_permission_is_not_checked(
    cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with connected(TWO, tmp_path):
        assert do(square, [{"x": 3}]) == [9]
    assert not list(tmp_path.iterdir())


def test_a_worker_lost_while_it_is_asked_is_left_out(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
):
    here, asked = connection(TWO), []
    gone = CommClosedError("gone")
    rounds: list[dict[str, Any]] = [{"tcp://a:1": gone}, {"tcp://a:1": gone, "tcp://b:1": 7}]

    def run(*_: object, **__: object) -> dict[str, Any]:
        asked.append(1)
        return rounds[min(len(asked), 2) - 1]

    monkeypatch.setattr(here.client, "run", run)
    monkeypatch.setattr(fewray.compute.dask.cluster, "PAUSE_SECONDS", 0)
    assert here.ask(os.getpid) == {"tcp://b:1": 7}
    rounds[1] = rounds[0]
    with pytest.raises(RunFailed, match="no worker replies") as caught:
        here.ask(os.getpid)
    assert caught.value.code == "no_worker_replies"
    assert len(asked) == 2 + fewray.compute.dask.cluster.ATTEMPTS


def test_a_worker_killed_between_stages_is_replaced(tmp_path: Path):
    with connected("dask:1", tmp_path):
        for _ in range(2):
            os.kill(next(iter(connection("dask:1").ask(os.getpid).values())), signal.SIGKILL)
            assert Machine(executor="dask:1").settled().processes == 1
        assert do(square, [{"x": 2}], "dask:1") == [4]


def test_tls_without_certificates_is_an_error():
    with pytest.raises(InputError, match="--executor tls://a:1") as caught:
        do(square, [{"x": 2}], "tls://a:1")
    assert caught.value.code == "no_scheduler"


@pytest.mark.long
def test_a_lost_worker_s_task_is_repeated_but_not_for_ever(tmp_path: Path):
    with connected("dask:1", tmp_path):
        assert do(die_once, [{"folder": tmp_path}], "dask:1") != [os.getpid()]
        with pytest.raises(RunFailed, match="die: 4 workers died while running it") as caught:
            do(die, [{}], "dask:1")
    assert caught.value.code == "workers_killed"
    assert [path.name for path in tmp_path.iterdir()] == ["half"]


def test_late_messages_are_awaited(cluster: Path, monkeypatch: pytest.MonkeyPatch):
    """The result of a task may overtake its messages, which come by another way."""
    here, subscribe = connection(TWO), connection(TWO).client.subscribe_topic

    def slowly(topic: str, handler: Any) -> None:
        def handle(event: Any) -> None:
            time.sleep(0.1)
            handler(event)

        subscribe(topic, handle)

    monkeypatch.setattr(here.client, "subscribe_topic", slowly)
    messages: list[Any] = []
    assert do(square, [{"x": 2}], on_message=messages.append) == [4]
    assert messages == [(2, 0), (2, 1), (2, 2)]


def test_packed_values_survive(tmp_path: Path):
    import pickle

    task = {"x": [Path("/a") / "b.png", torch.arange(3)], "y": "a/b.png"}
    found = pickle.loads(pack(task))
    assert found["x"][0] == Path("/a/b.png")
    assert found["y"] == "a/b.png"
    assert found["x"][1].tolist() == [0, 1, 2]


def cluster_by_hand(threads: int) -> Any:
    """Return a cluster of one worker that runs this many tasks in its process."""
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=1,
        threads_per_worker=threads,
        memory_limit=None,
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
    )


def test_any_running_cluster_can_be_used():
    with cluster_by_hand(1) as there:
        address = there.scheduler_address
        assert do(square, [{"x": 2}], address) == [4]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fewray.compute.dask.executors, "CONNECT_SECONDS", 1)
        with pytest.raises(InputError, match=address) as caught:
            do(square, [{"x": 2}], address)
    assert caught.value.code == "no_scheduler"


def test_a_worker_with_two_threads_is_an_error():
    with cluster_by_hand(2) as there, pytest.raises(InputError, match="--nthreads 1") as caught:
        do(square, [{"x": 2}], there.scheduler_address)
    assert caught.value.code == "worker_has_threads"
