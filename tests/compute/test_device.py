"""Device and precision follow the hardware; a full GPU is recognised."""

import warnings

import pytest
import torch

from fewray.compute.device import autocast, choose_device, choose_precision, explain_full_memory
from fewray.compute.process import fixed_threads
from fewray.errors import InputError, RunFailed


def test_devices_and_precisions():
    cpu = choose_device("cpu")
    assert choose_precision(cpu, "fp32") == "fp32"
    assert choose_precision(cpu) in ("bf16", "fp32")
    for bad in ("gpu", "tpu"):
        with pytest.raises(InputError, match="--device") as caught:
            choose_device(bad)
        assert caught.value.code == "unknown_device"
    with pytest.raises(InputError, match="--precision") as caught:
        choose_precision(cpu, "fp16")
    assert caught.value.code == "unknown_precision"


def test_a_missing_device_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="--device cuda") as caught:
        choose_device("cuda")
    assert caught.value.code == "device_not_available"


def test_rounding_does_not_depend_on_other_threads():
    """PyTorch keeps the casts of all threads in one cache, and each thread empties it."""
    with autocast(torch.device("cpu"), "bf16"):  # training runs are processes there
        assert torch.is_autocast_cache_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no GPU
        with autocast(torch.device("cuda"), "bf16"):
            assert not torch.is_autocast_cache_enabled()
    assert torch.is_autocast_cache_enabled()


@pytest.mark.parametrize(
    ("amx", "avx512", "vendor", "expected"),
    [
        (True, True, "GenuineIntel", "bf16"),
        (False, True, "GenuineIntel", "fp32"),
        (False, True, "AuthenticAMD", "bf16"),
        (False, False, "AuthenticAMD", "fp32"),
    ],
)
def test_bf16_is_chosen_where_it_is_faster(
    monkeypatch: pytest.MonkeyPatch, amx: bool, avx512: bool, vendor: str, expected: str
):
    monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr("fewray.compute.device._cpu_vendor", lambda: vendor)
    assert choose_precision(choose_device("cpu")) == expected


def test_the_number_of_threads_is_restored():
    before = torch.get_num_threads()
    with fixed_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    "message",
    [
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_a_full_gpu_is_recognised_by_its_libraries_messages(message: str):
    with pytest.raises(RunFailed, match="--processes") as caught, explain_full_memory():
        raise RuntimeError(message)
    assert caught.value.code == "gpu_out_of_memory"
    assert caught.value.fields["reason"] == message.split("\n")[0]


def test_other_errors_of_a_gpu_pass_unchanged():
    error = RuntimeError("CUDA error: device-side assert triggered")
    with pytest.raises(RuntimeError, match=r"^CUDA error: device-side"), explain_full_memory():
        raise error
