"""RunContext on a Dask cluster: what comes back is what local processes would give, workers killed or not."""

import gc
import os
import queue
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from distributed.comm import CommClosedError

import fewray.compute.dask.cluster
import fewray.compute.dask.executors
from fewray.compute.dask import remote
from fewray.compute.dask.cluster import Connection, connected, connection
from fewray.compute.dask.executors import check_executor
from fewray.compute.dask.parcels import (
    at_home,
    bring_home,
    changed_files,
    files_read,
    lay_out,
    pack,
    sees,
    travels,
    unpack,
)
from fewray.compute.dask.remote import Outcome, about_worker
from fewray.compute.machine import Machine
from fewray.compute.workers import run_parallel
from fewray.errors import InputError, RunFailed
from fewray.imaging.decode import Unreadable
from fewray.storage import files
from fewray.storage.files import sha256_of

TWO = "dask:2"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cluster of two workers for the tests that do no harm to it; the folder it shares."""
    folder = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(
            "MALLOC_TRIM_THRESHOLD_", raising=False
        )  # other tests' clusters set it in this process
        with connected(TWO, folder):
            yield folder


def square(*, x: int, report) -> int:
    for part in range(3):
        report((x, part))
    if x < 0:
        raise InputError(f"{x}: negative")
    return x * x


def fail(*, x: int, report) -> None:
    raise RunFailed("no luck") if x else ZeroDivisionError("a fault")


def full(*, report) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")


def die(*, report) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@travels(lambda task: [], again=lambda task: {**task, "again": True})
def die_once(*, folder: Path, again: bool = False, report) -> tuple[bool, int]:
    (folder / "half").write_text("half")
    if not again:
        die(report=report)
    return again, os.getpid()


@travels(lambda task: [task["source"], task["missing"]])
def copy(*, source: Path, missing: Path, target: Path, report) -> tuple[Path, str, bool]:
    if missing.exists():
        raise InputError(f"{missing}: should not be here")
    text = source.read_text()
    target.mkdir(parents=True)
    (target / "b.npy").write_text(text * 2)
    (target / ".lock").touch()
    (target / "a.json").write_text("{}")
    return target, str(source), source == target


@travels(lambda task: [task["log"]])
def grow(*, log: Path, report) -> str:
    log.write_text(log.read_text() + "more")
    return log.read_text()


def refuse(*, path: Path, report) -> None:
    raise InputError(f"{path}: not to my liking")


def threads(*, report) -> tuple[int, list[int]]:
    import torch
    from threadpoolctl import threadpool_info

    return torch.get_num_threads(), [
        pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"
    ]


def do(function, tasks, executor: str = TWO, **named):
    return run_parallel(function, tasks, processes=2, threads=1, on_message=named.pop("told", lambda _: None),
                        executor=executor, **named)  # fmt: skip


def endless(*, report) -> None:
    while True:
        report(sum(range(100_000)))


def leave(*, folder: Path, report) -> None:
    folder.mkdir(parents=True)
    (folder / "checkpoint").write_text("half")
    raise RunFailed(f"{folder}: stopped; its checkpoint is kept")


def unreadable(*, path: Path, report) -> None:
    raise Unreadable(path, "not found")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "dask",
            "dask:0",
            "dask:x",
            "dask:1000",
            "dask:9999999999",
            "dask:-1",
            "dask:²",
            "dask:" + 5000 * "9",
        ),
        *("tcp://host", "slurm", "", "tcp://a:b", "tcp://a:0", "tcp://a:65536", "udp://a:1"),
    ],
)
def test_an_unknown_executor_is_refused_in_one_line(name: str):
    with pytest.raises(InputError, match=r"--executor .*local, dask:N .* or tcp://host:port"):
        check_executor(name)
    assert [
        check_executor(name)
        for name in ("local", "dask:12", "tcp://10.0.0.1:8786", "tls://[::1]:1")
    ]


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(
        InputError,
        match=r"--executor dask:3: needs the package distributed; pip install fewray\[clust",
    ):
        Machine(executor="dask:3").settled()


def test_results_in_order_and_every_message(cluster: Path):
    told: list[tuple[int, int]] = []
    done: dict[int, int] = {}
    found = do(square, [{"x": x} for x in range(9)], told=told.append, on_done=done.__setitem__)
    assert found == [x * x for x in range(9)]
    assert done == dict(enumerate(found))
    for x in range(9):
        assert [message for message in told if message[0] == x] == [(x, 0), (x, 1), (x, 2)]
    assert do(square, []) == []


def test_errors_arrive_as_they_would_locally(cluster: Path):
    with pytest.raises(InputError, match="-1: negative"):
        do(square, [{"x": -1}, {"x": 2}])
    with pytest.raises(RunFailed, match="no luck"):
        do(fail, [{"x": 1}])
    with pytest.raises(ZeroDivisionError, match="a fault"):
        do(fail, [{"x": 0}])
    with pytest.raises(InputError, match=r"^/a/b.png: not found\. Repair or remove the file\.$"):
        do(unreadable, [{"path": Path("/a/b.png")}])
    with pytest.raises(
        RunFailed,
        match=r"is full \(CUDA out of memory\); use fewer training runs .* fewer workers per GPU",
    ):
        do(full, [{}])
    assert do(square, [{"x": 3}]) == [9]


def test_ctrl_c_stops_what_runs_and_the_cluster_is_free_again(cluster: Path):
    def interrupt(message) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        do(endless, [{} for _ in range(5)], told=interrupt)
    assert do(square, [{"x": x} for x in range(4)]) == [
        0,
        1,
        4,
        9,
    ]  # both workers had an endless task


def test_each_task_has_its_threads(cluster: Path):
    for count in (1, 2):
        found = run_parallel(
            threads, [{}], processes=1, threads=count, on_message=print, executor=TWO
        )
        assert found[0][0] == count
        assert set(found[0][1]) <= {count}


def test_the_workers_settle_the_machine(cluster: Path):
    settled = Machine(executor=TWO).settled()
    here = Machine().settled()
    assert (settled.device, settled.precision, settled.threads) == (
        here.device,
        here.precision,
        here.threads,
    )
    assert (settled.processes, settled.executor) == (2, TWO)


def test_workers_that_choose_differently_are_named(cluster: Path, monkeypatch: pytest.MonkeyPatch):
    answers = {
        "tcp://a:1": Machine(precision="bf16", device="cpu"),
        "tcp://b:1": Machine(precision="fp32", device="cpu"),
    }
    monkeypatch.setattr(connection(TWO), "ask", lambda *_, **__: answers)
    with pytest.raises(
        InputError, match=r"tcp://a:1 cpu bf16; tcp://b:1 cpu fp32\); give --device and --precision"
    ):
        Machine(executor=TWO).settled()


def test_the_least_threads_of_all_workers_count(cluster: Path, monkeypatch: pytest.MonkeyPatch):
    answers = {
        f"tcp://{name}:1": Machine(precision="fp32", threads=count)
        for name, count in (("a", 4), ("b", 2))
    }
    monkeypatch.setattr(connection(TWO), "ask", lambda *_, **__: answers)
    assert Machine(executor=TWO).settled().threads == 2


def test_a_worker_with_another_version_is_named(cluster: Path, monkeypatch: pytest.MonkeyPatch):
    here = connection(TWO)
    for package in ("fewray", "torch", "numpy", "scipy", "scikit-learn", "pillow", "Python"):
        monkeypatch.setattr(here, "versions", {**about_worker(), package: "0.0.1"})
        refused = rf"worker tcp://\S+ has {package} .*, this machine 0.0.1; install the same"
        with pytest.raises(InputError, match=refused):
            here._check_workers()
        with pytest.raises(InputError, match=refused):  # one that came after that
            do(square, [{"x": 1}])


def test_a_worker_without_fewray_is_told_to_install_it(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
):
    told = {
        "tcp://a:1": Exception("ModuleNotFoundError(\"No module named 'fewray'\")")
    }  # as Dask hands it on
    for answers in (told, {"tcp://a:1": ModuleNotFoundError("No module named 'torch'")}):
        monkeypatch.setattr(
            connection(TWO).client, "run", lambda *_, answers=answers, **__: answers
        )
        with pytest.raises(
            InputError,
            match=r"worker tcp://a:1: .*No module named .*; install there what this machine",
        ):
            connection(TWO).ask(about_worker)


def test_a_frozen_worker_is_not_waited_for_for_ever(cluster: Path, monkeypatch: pytest.MonkeyPatch):
    pid = next(iter(connection(TWO).ask(os.getpid).values()))
    with monkeypatch.context() as patch:
        patch.setattr(fewray.compute.dask.cluster, "ANSWER_SECONDS", 1)
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(
                RunFailed, match=r"a worker gives no answer in 1 s .*run the same command again"
            ):
                Machine(executor=TWO).settled()
        finally:
            os.kill(pid, signal.SIGCONT)
    assert do(square, [{"x": 2}]) == [4]


def test_workers_that_are_all_gone_are_waited_for():
    with cluster_by_hand(1) as there, connected(there.scheduler_address):
        address, client = there.scheduler_address, connection(there.scheduler_address).client
        client.retire_workers(list(client.scheduler_info()["workers"]))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fewray.compute.dask.executors, "WORKER_SECONDS", 1)
            with pytest.raises(
                RunFailed, match=r"no worker in 1 s; start some with .* and run again$"
            ):
                Machine(executor=address).settled()
        there.scale(2)
        assert Machine(executor=address).settled().threads > 0
        assert do(square, [{"x": 2}], address) == [4]


def about_process(*, report) -> tuple[float, bool, bool, bool]:
    """How long this worker waits for folders, whether Ctrl-C passes it by, what Dask has set: environment, profile."""
    from dask import config

    passes = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    profile = config.get("distributed.worker.profile.enabled")
    return files.LOCK_SECONDS, passes, "MALLOC_TRIM_THRESHOLD_" in os.environ, profile


def test_workers_are_prepared_as_local_processes_are(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
):
    assert do(about_process, [{}]) == [(150, True, False, False)]
    kept = []
    monkeypatch.setattr(remote, "keep_freed_memory", lambda: kept.append(True))
    monkeypatch.setattr(files, "LOCK_SECONDS", 5.0)
    remote._prepare_process.__wrapped__()
    assert kept == [True]


def test_ctrl_c_is_not_lost_in_a_garbage_collection(cluster: Path):
    hooks = [
        hook
        for hook in gc.callbacks
        if "distributed" in type(getattr(hook, "__self__", hook)).__module__
    ]
    assert not hooks  # an exception raised in one is printed and dropped


def test_work_for_cuda_goes_to_workers_with_gpus(cluster: Path, monkeypatch: pytest.MonkeyPatch):
    facts = {"a": {"resources": {}}, "b": {"resources": {"GPU": 1.0}}}
    here, asked = connection(TWO), []

    def submit(*_: object, resources: object, **__: object) -> None:
        asked.append(resources)
        raise RunFailed("enough")

    monkeypatch.setattr(here.client, "scheduler_info", lambda n_workers: {"workers": facts})
    monkeypatch.setattr(here.client, "submit", submit)
    monkeypatch.setattr(here, "_seen_files", lambda reads: {})
    assert list(here.workers("cuda:0")) == ["b"]
    assert list(here.workers("cpu")) == ["a", "b"]
    for device in ("cuda", "cpu"):
        with pytest.raises(RunFailed, match="enough"):
            do(square, [{"x": 1}], device=device)
    assert asked == [{"GPU": 1}, None]


def test_messages_that_come_after_the_end_are_awaited():
    here = object.__new__(Connection)
    here._inbox = queue.SimpleQueue()
    outcome = Outcome(attempt="a", told=1, value=pack(7))
    for event in (
        ("done", ("run", 0)),
        ("message", ("old", "b", pack("x"))),
        ("message", ("run", "a", pack("late"))),
    ):
        here._inbox.put(event)
    told = []
    assert here._collect(
        "run", [SimpleNamespace(result=lambda: outcome)], told.append, lambda *_: None
    ) == [7]
    assert told == ["late"]


def test_paths_move_below_a_folder_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    away = tmp_path / "away"
    task = {"x": [Path("a") / "b.png", np.arange(3)], "y": "a/b.png"}
    there = unpack(pack(task), away)
    assert there["x"][0] == away / tmp_path.relative_to("/") / "a" / "b.png"
    assert there["y"] == "a/b.png"
    assert unpack(pack(there, away))["x"][0] == tmp_path / "a" / "b.png"
    assert at_home(f"{there['x'][0]}: bad", away) == f"{tmp_path / 'a' / 'b.png'}: bad"


def test_only_what_changed_comes_home_and_results_last(tmp_path: Path):
    away, home = tmp_path / "away", tmp_path / "home"
    names = [str(home / name) for name in ("same", "grown")]
    before = lay_out(away, names, [b"1", b"2"])
    there = away / home.relative_to("/")
    with (there / "grown").open("ab") as stream:
        stream.write(b"3")
    (there / ".half.part").touch()
    for name, tick in (("z.npy", 1), ("a.json", 2), ("b.npy", 2)):
        (there / name).write_bytes(b"4")
        os.utime(there / name, ns=(tick, tick))
    found = changed_files(away, before)
    assert [Path(name).name for name, _ in found] == ["z.npy", "b.npy", "a.json", "grown"]
    bring_home(found)
    assert sorted(path.name for path in home.iterdir()) == ["a.json", "b.npy", "grown", "z.npy"]
    assert (home / "grown").read_bytes() == b"23"


def test_without_a_shared_folder_files_travel(
    cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection(TWO), "_seen_files", lambda reads: None)
    (tmp_path / "source").write_text("film")
    tasks = [
        {
            "source": tmp_path / "source",
            "missing": tmp_path / "missing",
            "target": tmp_path / f"out{i}",
        }
        for i in range(3)
    ]
    assert files_read(copy, tasks[0]) == [tmp_path / "source"]
    found = do(copy, tasks)
    for task, (target, seen, same) in zip(tasks, found, strict=True):
        assert (target, same) == (task["target"], False)
        assert seen.endswith(str(tmp_path / "source"))
        assert seen != str(tmp_path / "source")
        assert sorted(path.name for path in target.iterdir()) == ["a.json", "b.npy"]
        assert (target / "b.npy").read_text() == "filmfilm"
    with pytest.raises(InputError, match=f"^{tmp_path}/x: not to my liking"):
        do(refuse, [{"path": tmp_path / "x"}])


def test_what_a_failed_task_wrote_comes_home(
    cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection(TWO), "_seen_files", lambda reads: None)
    with pytest.raises(RunFailed, match=f"^{tmp_path}/run: stopped; its checkpoint is kept$"):
        do(leave, [{"folder": tmp_path / "run"}])
    assert (tmp_path / "run" / "checkpoint").read_text() == "half"


def test_the_same_file_is_sent_once(cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    here, sent = connection(TWO), []
    plain = here.client.submit
    monkeypatch.setattr(here, "_seen_files", lambda reads: None)
    monkeypatch.setattr(
        here.client, "submit", lambda f, *a, **k: (sent.append(f), plain(f, *a, **k))[1]
    )
    for name in ("film", "again"):
        (tmp_path / name).write_text("once")
    tasks = [
        {"source": tmp_path / name, "missing": tmp_path / "none", "target": tmp_path / f"{name}{i}"}
        for name in ("film", "again")
        for i in range(2)
    ]
    do(copy, tasks)
    assert sent.count(bytes) == 1


def test_a_folder_the_workers_cannot_read_is_noticed(cluster: Path, tmp_path: Path):
    (tmp_path / "film").write_text("film")
    here, film = connection(TWO), str(tmp_path / "film")
    assert here._seen_files([[tmp_path / "film"]]) == {film: sha256_of(tmp_path / "film")}
    assert not sees({}, {film: sha256_of(Path(__file__))})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            here, "_seen_files", lambda reads: {film: sha256_of(Path(__file__))}
        )  # another file of this name
        with pytest.raises(
            InputError, match=r"does not share \S+, \S+ as the others do; stop it and run again"
        ):
            do(square, [{"x": 1}])
        patch.setitem(here._tokens.texts, str(tmp_path / "nowhere" / "token"), here.id)
        patch.setattr(here, "_seen_files", lambda reads: {})
        with pytest.raises(
            InputError,
            match=rf"does not share \S+, {tmp_path} as the others do; stop it and run again",
        ):
            do(square, [{"x": 1}])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(here._tokens.texts, str(tmp_path / "nowhere" / "token"), here.id)
        assert here._seen_files([]) is None


def test_what_tasks_change_in_a_shared_folder_is_no_other_file(tmp_path: Path):
    logs = [tmp_path / str(index) / "stats.jsonl" for index in range(4)]
    for log in logs:
        log.parent.mkdir()
        log.write_text("begun, ")
    with connected(
        TWO, tmp_path
    ):  # a training that goes on, for one: others begin when its log has grown
        assert do(grow, [{"log": log} for log in logs]) == ["begun, more"] * 4


def test_a_folder_that_is_only_read_needs_no_token(
    cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out, generators = tmp_path / "out", tmp_path / "generators"
    generators.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != generators)
    with connected(TWO, out, generators):
        assert [path.name for path in out.iterdir()] == [f".cluster-{connection(TWO).id}"]
        assert not list(generators.iterdir())
        assert do(square, [{"x": 3}]) == [9]


def test_a_worker_lost_while_it_is_asked_is_left_out(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
):
    here, asked = connection(TWO), []
    rounds = [
        {"tcp://a:1": CommClosedError("gone")},
        {"tcp://a:1": CommClosedError("gone"), "tcp://b:1": 7},
    ]

    def run(*_: object, **__: object) -> dict[str, object]:
        asked.append(1)
        return rounds[min(len(asked), 2) - 1]

    monkeypatch.setattr(here.client, "run", run)
    monkeypatch.setattr(fewray.compute.dask.cluster, "ASKED_AGAIN_SECONDS", 0)
    assert here.ask(os.getpid) == {"tcp://b:1": 7}
    rounds[1] = rounds[0]
    with pytest.raises(RunFailed, match="no worker answers; run the same command again to go on"):
        here.ask(os.getpid)
    assert len(asked) == 2 + fewray.compute.dask.cluster.ASKED_TIMES


def test_a_worker_killed_between_stages_is_done_without(tmp_path: Path):
    with connected("dask:1", tmp_path):
        for _ in range(2):
            os.kill(next(iter(connection("dask:1").ask(os.getpid).values())), signal.SIGKILL)
            assert Machine(executor="dask:1").settled().processes == 1
        assert do(square, [{"x": 2}], "dask:1") == [4]


def test_tls_without_certificates_is_refused_in_one_line():
    with pytest.raises(
        InputError, match=r"--executor tls://a:1: Dask's configuration names no certificates"
    ):
        do(square, [{"x": 2}], "tls://a:1")


def test_a_lost_worker_s_task_is_tried_again_and_knows_it(tmp_path: Path):
    with connected("dask:1", tmp_path):
        found = do(die_once, [{"folder": tmp_path}], "dask:1")
        assert found[0][0] is True
        assert (tmp_path / "half").exists()
        with pytest.raises(
            RunFailed,
            match=r"die-.*: 4 workers died of it, last tcp://.*run the same command again",
        ):
            do(die, [{}], "dask:1")
    assert [path.name for path in tmp_path.iterdir()] == ["half"]  # token and marks are gone


def cluster_by_hand(threads: int) -> Any:
    """Return a cluster of one worker that runs so many tasks in its process."""
    from distributed import LocalCluster

    port = {"dashboard_address": "127.0.0.1:0"}
    return LocalCluster(n_workers=1, threads_per_worker=threads, memory_limit=None, dashboard_address=None,
                        scheduler_kwargs=port)  # fmt: skip


def test_any_running_cluster_with_one_task_a_worker():
    with cluster_by_hand(1) as there:
        address = there.scheduler_address
        assert do(square, [{"x": 2}], address) == [4]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fewray.compute.dask.executors, "CONNECT_SECONDS", 1)
        with pytest.raises(InputError, match=f"{address}: no scheduler answers there"):
            do(square, [{"x": 2}], address)


def test_a_worker_of_two_threads_is_refused():
    refused = r"worker tcp://\S+: does 2 tasks in one process.*--nthreads 1"
    with cluster_by_hand(2) as there, pytest.raises(InputError, match=refused):
        do(square, [{"x": 2}], there.scheduler_address)
