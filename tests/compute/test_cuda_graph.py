"""A replayed step does what the step does; a step that cannot be recorded is an error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import pytest
import torch

from fewray.compute import machine
from fewray.compute.cuda_graph import STREAMS, SWITCH, WARM_UP, StepGraph, side_stream
from fewray.compute.machine import GPU_STREAMS, Machine
from fewray.errors import RunFailed
from tests.fake_cuda import CUDA

Install = Callable[..., list]


def test_a_cpu_calls_the_step_directly():
    calls = []
    stepped = StepGraph(lambda x: calls.append(x) or x + 1, torch.device("cpu"))
    assert [stepped(torch.tensor(float(i))).item() for i in range(6)] == [1, 2, 3, 4, 5, 6]
    assert len(calls) == 6
    with side_stream("cpu"):
        pass


def test_a_replayed_step_reads_new_inputs_and_random_numbers(fake_cuda: Install):
    draws, total = torch.Generator(), torch.zeros(3)
    called = 0

    def step(x: torch.Tensor) -> torch.Tensor:
        nonlocal called
        called += 1
        total.add_(x + torch.rand(3, generator=draws))
        return total * 2

    graphs = fake_cuda(lambda: [total])
    stepped = StepGraph(step, CUDA, generators=[draws])
    draws.manual_seed(4)
    found = [stepped(torch.full((3,), float(i))).clone() for i in range(7)]
    draws.manual_seed(5)  # between replays, as at the start of an epoch
    found.append(stepped(torch.ones(3)).clone())
    assert called == WARM_UP + 1
    assert [graph.replays for graph in graphs] == [8 - WARM_UP]

    total = torch.zeros(3)
    draws.manual_seed(4)
    plain = [step(torch.full((3,), float(i))) for i in range(7)]
    draws.manual_seed(5)
    plain.append(step(torch.ones(3)))
    assert all(torch.equal(a, b) for a, b in zip(found, plain, strict=True))


def test_python_that_changes_between_calls_is_not_recorded(fake_cuda: Install):
    """The fake ignores Python, as CUDA does; otherwise the tests of training could not fail."""
    calls = 0

    def step(x: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return x * calls

    fake_cuda()
    stepped = StepGraph(step, CUDA)
    assert [stepped(torch.tensor(1.0)).item() for _ in range(6)] == [1, 2, 3, 4, 4, 4]


@pytest.mark.parametrize(
    "step",
    [
        lambda x: x * x.sum().item(),
        lambda x: x[x > 0].sum(),
        lambda x: x + torch.tensor([1.0, 2.0]),
        lambda x: x + torch.rand(2, generator=torch.Generator()),
    ],
    ids=["reads a value", "shape by values", "constant of the host", "unregistered generator"],
)
def test_a_step_that_cannot_be_recorded_is_an_error_with_a_remedy(
    fake_cuda: Install, step: Callable, monkeypatch
):
    fake_cuda()
    stepped = StepGraph(step, CUDA)
    for _ in range(WARM_UP):
        stepped(torch.ones(2))
    with pytest.raises(
        RunFailed, match=rf"could not be recorded as a CUDA graph \(.*\); set {SWITCH}=0"
    ):
        stepped(torch.ones(2))
    monkeypatch.setenv(SWITCH, "0")
    stepped = StepGraph(step, CUDA)
    for _ in range(WARM_UP + 2):
        stepped(torch.ones(2))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried"),
            (torch.OutOfMemoryError, "out of memory"),
        ),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), (RuntimeError, "^cuDNN error")),
        (
            RuntimeError("operation not permitted\nsecond line"),
            (RunFailed, r"\(operation not permitted\); set "),
        ),
        (RuntimeError(), (RunFailed, r"\(RuntimeError\); set ")),
    ],
    ids=["memory", "memory of a library", "forbidden", "no message"],
)
@pytest.mark.parametrize("ended", [True, False])
def test_the_error_that_ended_a_recording_is_reported(
    fake_cuda: Install,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    expected: tuple,
    *,
    ended: bool,
):
    @contextmanager
    def recording(graph: object, **more: object) -> Iterator[None]:
        try:
            yield
        except RuntimeError:
            if ended:
                raise
            raise RuntimeError("operation failed due to a previous error during capture")  # noqa: B904 (as PyTorch's)

    def step(x: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls > WARM_UP:
            raise error
        return x

    fake_cuda()
    monkeypatch.setattr(torch.cuda, "graph", recording)
    calls, stepped = 0, StepGraph(step, CUDA)
    for _ in range(WARM_UP):
        stepped(torch.ones(1))
    with pytest.raises(expected[0], match=expected[1]):
        stepped(torch.ones(1))


def test_no_graph_is_replayed_while_another_is_recorded(fake_cuda: Install):
    """Until 2.12 PyTorch refuses it: "Offset increment outside graph capture encountered unexpectedly"."""
    fake_cuda()
    other = StepGraph(lambda x: x + 1, CUDA)
    for _ in range(WARM_UP + 1):
        other(torch.ones(2))
    replaying = threading.Thread(target=other, args=[torch.ones(2)])
    calls, waits = 0, []

    def step(x: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls > WARM_UP:
            replaying.start()
            replaying.join(timeout=0.3)
            waits.append(replaying.is_alive())
        return x * 2

    recorded = StepGraph(step, CUDA)
    for _ in range(WARM_UP + 1):
        recorded(torch.ones(2))
    replaying.join(timeout=10)
    assert (waits, replaying.is_alive()) == ([True], False)


def test_a_thread_keeps_its_stream_and_no_two_share_one(
    fake_cuda: Install, monkeypatch: pytest.MonkeyPatch
):
    """PyTorch hands out 32 streams in turn; one per task would be handed out again while in use."""
    fake_cuda()
    entered: list[tuple[int, object]] = []
    monkeypatch.setattr(
        torch.cuda,
        "stream",
        lambda stream: entered.append((threading.get_ident(), stream)) or nullcontext(),
    )

    def task(_: int) -> None:
        with side_stream("cuda"):
            time.sleep(0.01)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(task, range(2 * STREAMS)))
    assert len(entered) == 2 * STREAMS
    assert (
        len({thread for thread, _ in entered})
        == len({stream for _, stream in entered})
        == len(set(entered))
        == 3
    )


@pytest.mark.parametrize(("asked", "found"), [(0, GPU_STREAMS), (1, 1), (64, STREAMS)])
def test_a_gpu_has_at_most_one_training_run_per_stream(
    monkeypatch: pytest.MonkeyPatch, asked: int, found: int
):
    monkeypatch.setattr(machine, "choose_device", lambda name: torch.device("cuda"))
    assert Machine(precision="bf16", processes=asked).settled().processes == found
