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
    "error",
    [InputError("a", "b", c=1), RunFailed("d", "e"), Unreadable(Path("f"), "g")],
    ids=lambda error: error.code,
)
def test_errors_can_be_pickled(error: InputError | RunFailed):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (again.code, again.fields, str(again)) == (error.code, error.fields, str(error))


def square(*, x: int, report) -> int:
    report(x)
    if x < 0:
        raise InputError("negative", f"{x}: negative", x=x)
    return x * x + 0 * torch.get_num_threads()


def die(*, x: int, report) -> None:
    os.kill(os.getpid(), 9)


def run(function, tasks, *, streams: int = 1, **named):
    named = {"on_message": lambda _: None, "processes": 2, "threads": 1} | named
    return run_parallel(function, tasks, streams=streams, **named)


def test_results_come_in_order_with_every_message():
    messages: list[int] = []
    done: dict[int, int] = {}
    tasks = [{"x": x} for x in range(7)]
    found = run(square, tasks, on_message=messages.append, on_done=done.__setitem__)
    assert found == [x * x for x in range(7)]
    assert sorted(messages) == list(range(7))
    assert done == dict(enumerate(found))
    assert run(square, []) == []


def test_a_worker_s_error_and_death_reach_the_caller():
    with pytest.raises(InputError, match="-1: negative") as caught:
        run(square, [{"x": -1}, {"x": 2}])
    assert (caught.value.code, caught.value.fields) == ("negative", {"x": -1})
    with pytest.raises(RunFailed) as failed:
        run(die, [{"x": 1}])
    assert failed.value.code == "worker_killed"


meeting = threading.Barrier(3, timeout=60)


def meet(*, x: int, report) -> tuple[int, int, int]:
    """Return only when two others are at work in this very process."""
    meeting.wait()
    report(x)
    return x, os.getpid(), torch.get_num_threads()


def fail_among_others(*, x: int, report) -> None:
    if x == 0:
        raise InputError("planted", "planted")
    while True:
        report("still at work")


def full(*, x: int, report) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has")


def test_streams_work_at_the_same_time_in_one_process():
    messages: list[int] = []
    done: dict[int, object] = {}
    named = {"on_message": messages.append, "on_done": done.__setitem__}
    found = run(meet, [{"x": x} for x in range(6)], threads=2, streams=3, **named)
    assert [x for x, _, _ in found] == list(range(6))
    assert len({pid for _, pid, _ in found} - {os.getpid()}) == 1
    assert {threads for _, _, threads in found} == {2}
    assert sorted(messages) == list(range(6))
    assert done == dict(enumerate(found))


def test_an_error_in_one_stream_stops_the_others():
    with pytest.raises(InputError, match="planted"):
        run(fail_among_others, [{"x": x} for x in range(3)], streams=2)
    with pytest.raises(RunFailed) as failed:
        run(die, [{"x": 1}, {"x": 2}], streams=2)
    assert failed.value.code == "worker_killed"


def test_a_full_gpu_is_an_error_with_a_remedy():
    with pytest.raises(RunFailed, match="--processes") as failed:
        run(full, [{"x": 1}, {"x": 2}], streams=2)
    assert failed.value.code == "gpu_out_of_memory"
    assert failed.value.fields == {"reason": "CUDA out of memory"}


def unreadable(*, path: Path, report) -> None:
    raise Unreadable(path, "not found")


def test_a_worker_names_an_unreadable_image():
    with pytest.raises(Unreadable, match=r"^a\.png: ") as caught:
        run(unreadable, [{"path": Path("a.png")}])
    assert caught.value.reason == "not found"
