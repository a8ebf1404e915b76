"""Tasks run side by side in processes or streams; errors and deaths reach the caller."""

import os
import pickle
import threading
from pathlib import Path

import pytest
import torch

from fewray.compute.workers import run_parallel
from fewray.errors import InputError, RunFailed
from fewray.imaging.decode import Unreadable


@pytest.mark.parametrize(
    "error", [InputError("a"), RunFailed("b"), Unreadable(Path("c"), "d")], ids=repr
)
def test_errors_travel_between_processes(error: Exception):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)


def square(*, x: int, report) -> int:
    report(x)
    if x < 0:
        raise InputError(f"{x}: negative")
    return x * x + 0 * torch.get_num_threads()


def die(*, x: int, report) -> None:
    os.kill(os.getpid(), 9)


def test_workers_return_in_order_and_tell_everything():
    told: list[int] = []
    done: dict[int, int] = {}
    found = run_parallel(square, [{"x": x} for x in range(7)], processes=2, threads=1, on_message=told.append,
                         on_done=done.__setitem__)  # fmt: skip
    assert found == [x * x for x in range(7)]
    assert sorted(told) == list(range(7))
    assert done == dict(enumerate(found))
    assert run_parallel(square, [], processes=2, threads=1, on_message=told.append) == []


def test_a_worker_s_error_and_death_reach_the_caller():
    with pytest.raises(InputError, match="-1: negative"):
        run_parallel(
            square, [{"x": -1}, {"x": 2}], processes=2, threads=1, on_message=lambda _: None
        )
    with pytest.raises(RunFailed, match="killed"):
        run_parallel(die, [{"x": 1}], processes=1, threads=1, on_message=lambda _: None)


meeting = threading.Barrier(3, timeout=60)


def meet(*, x: int, report) -> tuple[int, int, int]:
    """Return only when two others are at work in this very process."""
    meeting.wait()
    report(x)
    return x, os.getpid(), torch.get_num_threads()


def fail_among_others(*, x: int, report) -> None:
    if x == 0:
        raise InputError("planted")
    while True:
        report("still at work")


def full(*, x: int, report) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has")


def test_lanes_work_at_the_same_time_in_one_process():
    told: list[int] = []
    done: dict[int, object] = {}
    found = run_parallel(meet, [{"x": x} for x in range(6)], processes=1, threads=2, streams=3, on_message=told.append,
                         on_done=done.__setitem__)  # fmt: skip
    assert [x for x, _, _ in found] == list(range(6))
    assert len({pid for _, pid, _ in found} - {os.getpid()}) == 1
    assert {threads for _, _, threads in found} == {2}
    assert sorted(told) == list(range(6))
    assert done == dict(enumerate(found))


def test_an_error_in_one_lane_stops_the_others():
    with pytest.raises(InputError, match="planted"):
        run_parallel(fail_among_others, [{"x": x} for x in range(3)], processes=1, threads=1, streams=2,
                     on_message=lambda _: None)  # fmt: skip
    with pytest.raises(RunFailed, match="killed"):
        run_parallel(
            die, [{"x": 1}, {"x": 2}], processes=1, threads=1, streams=2, on_message=lambda _: None
        )


def test_a_full_gpu_is_said_with_the_remedy():
    with pytest.raises(
        RunFailed,
        match=r"is full \(CUDA out of memory\); use fewer training runs at a time \(--processes; on a cluster",
    ):
        run_parallel(
            full, [{"x": 1}, {"x": 2}], processes=1, threads=1, streams=2, on_message=lambda _: None
        )


def unreadable(*, path: Path, report) -> None:
    raise Unreadable(path, "not found")


def test_an_unreadable_film_is_named_by_a_worker():
    with pytest.raises(Unreadable, match=r"^a.png: not found\. Repair or remove the file\.$"):
        run_parallel(
            unreadable, [{"path": Path("a.png")}], processes=1, threads=1, on_message=lambda _: None
        )
