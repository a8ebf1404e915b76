"""The ground floor: options in JSON, atomic files, locks, seeds, workers."""

import json
import os
import pickle
import queue
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from fewray.compute import workers
from fewray.compute.device import (
    autocast,
    child_seed,
    choose_device,
    choose_precision,
    fixed_threads,
    full_memory_told,
    seeded,
)
from fewray.compute.workers import run_parallel
from fewray.config import ClassicAugmentation, GanOptions, PublishedOptions
from fewray.errors import InputError, RunFailed
from fewray.imaging.decode import Unreadable
from fewray.presets import PUBLISHED_PRESETS, RECIPES, recipe


@pytest.mark.parametrize(
    "options", [*RECIPES.values(), *PUBLISHED_PRESETS.values()], ids=lambda o: type(o).__name__
)
def test_options_survive_json(options: GanOptions | PublishedOptions):
    plain = json.loads(json.dumps(options.to_json()))
    assert plain == options.to_json()
    assert type(options).from_json(plain) == options


def test_unknown_options_and_recipes_are_refused():
    with pytest.raises(InputError, match="ratio"):
        ClassicAugmentation.from_json({"ratio": 1})
    with pytest.raises(InputError, match="paper, trial, quick"):
        recipe("papre")


def test_the_paper_s_recipe_is_the_paper_s():
    paper = recipe("paper")
    assert (paper.batch_size, paper.epochs, paper.latent_dim, paper.latent) == (
        32,
        200,
        100,
        "uniform",
    )
    assert (paper.learning_rate, paper.beta1, paper.beta2, paper.init_std) == (
        2e-4,
        0.5,
        0.999,
        0.02,
    )
    assert (paper.classic_images, paper.fit, paper.ema_half_life) == (1000, "squash", 0.0)
    assert paper.augmentation.flip_repeats == 2
    from fewray.generators.training import batches_per_epoch

    assert {batches_per_epoch(n + 1000, paper) for n in (60, 70)} == {34}


@pytest.mark.parametrize(
    "error", [InputError("a"), RunFailed("b"), Unreadable(Path("c"), "d")], ids=repr
)
def test_errors_travel_between_processes(error: Exception):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)


def test_seeds_are_stable_and_apart():
    assert child_seed(0, "generator", "covid") == child_seed(0, "generator", "covid")
    drawn = {child_seed(seed, name) for seed in range(20) for name in ("a", "b", "ab")}
    assert len(drawn) == 60
    assert all(0 <= seed < 2**63 for seed in drawn)


def test_a_seed_inside_a_seed_leaves_the_outer_one_where_it_was():
    def draw(*, inside: bool) -> None:
        with seeded(1):
            torch.rand(1)
            if inside:
                with seeded(2):
                    torch.rand(1)
            drawn.append(torch.rand(1).item())

    drawn: list[float] = []
    for inside in (False, True):
        thread = threading.Thread(target=draw, kwargs={"inside": inside}, daemon=True)
        thread.start()
        thread.join(timeout=30)
    assert len(drawn) == 2
    assert drawn[0] == drawn[1]


def test_devices_and_precisions():
    cpu = choose_device("cpu")
    assert choose_precision(cpu, "fp32") == "fp32"
    assert choose_precision(cpu) in ("bf16", "fp32")
    for bad in ("gpu", "tpu"):
        with pytest.raises(InputError, match="--device"):
            choose_device(bad)
    with pytest.raises(InputError, match="--precision"):
        choose_precision(cpu, "fp16")


def test_what_a_training_rounds_does_not_depend_on_other_threads():
    """PyTorch keeps the casts of all threads in one place, and each empties it."""
    with autocast(torch.device("cpu"), "bf16"):  # a process each
        assert torch.is_autocast_cache_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no GPU
        with autocast(torch.device("cuda"), "bf16"):
            assert not torch.is_autocast_cache_enabled()
    assert torch.is_autocast_cache_enabled()


@pytest.mark.parametrize(
    ("amx", "avx512", "vendor", "wanted"),
    [
        (True, True, "GenuineIntel", "bf16"),
        (False, True, "GenuineIntel", "fp32"),
        (False, True, "AuthenticAMD", "bf16"),
        (False, False, "AuthenticAMD", "fp32"),
    ],
)
def test_bf16_is_taken_where_it_is_faster(monkeypatch, amx, avx512, vendor, wanted):
    monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr("fewray.compute.device._cpu_vendor", lambda: vendor)
    assert choose_precision(choose_device("cpu")) == wanted


def test_threads_are_put_back():
    before = torch.get_num_threads()
    with fixed_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def square(*, x: int, report) -> int:
    report(x)
    if x < 0:
        raise InputError(f"{x}: negative")
    return x * x + 0 * torch.get_num_threads()


def die(*, x: int, report) -> None:
    os.kill(os.getpid(), 9)


def die_with_the_result(*, x: int, report) -> None:
    workers._messages = queue.Queue()
    threading.Timer(0.5, os.kill, (os.getpid(), 9)).start()


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
    with pytest.raises(RunFailed, match="killed"):
        run_parallel(
            die_with_the_result, [{"x": 1}], processes=1, threads=1, on_message=lambda _: None
        )


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
        match=r"is full \(CUDA out of memory\); fewer trainings side by side \(--processes, on a cluster ",
    ):
        run_parallel(
            full, [{"x": 1}, {"x": 2}], processes=1, threads=1, streams=2, on_message=lambda _: None
        )


@pytest.mark.parametrize(
    "told",
    [
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_a_full_gpu_is_known_by_what_its_libraries_say(told: str):
    with (
        pytest.raises(RunFailed, match=r"^the GPU's memory is full \(\S.*\); fewer trainings"),
        full_memory_told(),
    ):
        raise RuntimeError(told)


def test_other_errors_of_a_gpu_are_left_as_they_are():
    with pytest.raises(RuntimeError, match=r"^CUDA error: device-side assert"), full_memory_told():
        raise RuntimeError("CUDA error: device-side assert triggered")


def unreadable(*, path: Path, report) -> None:
    raise Unreadable(path, "no film")


def test_an_unreadable_film_is_named_by_a_worker():
    with pytest.raises(Unreadable, match=r"^a.png: no film; mend or remove the file$"):
        run_parallel(
            unreadable, [{"path": Path("a.png")}], processes=1, threads=1, on_message=lambda _: None
        )


def test_numpy_is_not_seeded_by_anything():
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    child_seed(3, "x")
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002
