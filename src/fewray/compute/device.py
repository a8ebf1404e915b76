"""Choose the device and the precision; recognise a full GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fewray.errors import InputError, RunFailed

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cuda", "mps", "cpu")
PRECISIONS = ("auto", "bf16", "fp32")
FULL_MEMORY = (
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
"""How CUDA and its libraries report a full GPU; PyTorch has no exception type for these."""


def choose_device(name: str = "auto") -> torch.device:
    """Return the device called ``name``; ``auto`` is the first of cuda, mps and cpu that exists.

    InputError for an unknown device or one that this machine does not have.
    """
    import torch

    have = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    kind = name.split(":")[0]
    if kind == "auto":
        return torch.device(next(kind for kind, present in have.items() if present))
    if kind not in have:
        raise InputError(
            "unknown_device",
            f"--device {name}: unknown device; expected one of {', '.join(DEVICES)}",
            device=name,
        )
    if not have[kind]:
        raise InputError(
            "device_not_available",
            f"--device {name}: PyTorch finds no such device on this machine; use --device auto",
            device=name,
        )
    return torch.device(name)


def choose_precision(device: torch.device, name: str = "auto") -> str:
    """Return ``bf16`` or ``fp32``; ``auto`` is bf16 where the hardware multiplies it faster."""
    import torch

    if name not in PRECISIONS:
        raise InputError(
            "unknown_precision",
            f"--precision {name}: unknown precision; expected one of {', '.join(PRECISIONS)}",
            precision=name,
        )
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if device.type == "cpu" and _cpu_has_bf16() else "fp32"


def _cpu_has_bf16() -> bool:
    """Return whether the CPU multiplies bf16 faster than fp32: with AMX or AMD's AVX512-BF16.

    Intel's AVX512-BF16 without AMX (a virtual machine may hide AMX) reaches 0.5 to 0.7 of the
    rate of fp32.
    """
    import torch

    amx, avx512 = (
        getattr(torch.cpu, name, bool)()
        for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    )
    return amx or (avx512 and _cpu_vendor() == "AuthenticAMD")


def _cpu_vendor() -> str:
    """Return the first processor's vendor from /proc/cpuinfo; empty if there is none."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.split(":")[1].strip() for line in lines if line.startswith("vendor_id")), "")


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Return the context in which networks run: bf16 products with fp32 parameters, or fp32.

    On a GPU the cache of cast parameters is off: it is shared between threads, and training runs
    are threads there, so that gradients would depend on what other runs do.
    """
    import torch

    keep = None if device.type == "cpu" else False
    return torch.autocast(
        device.type, torch.bfloat16, enabled=precision == "bf16", cache_enabled=keep
    )


def out_of_memory(error: RuntimeError) -> bool:
    """Return whether ``error`` means that a GPU's memory is full."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or any(
        sign in str(error) for sign in FULL_MEMORY
    )


@contextmanager
def explain_full_memory() -> Iterator[None]:
    """Turn the error of a full GPU into a RunFailed with the remedy."""
    try:
        yield
    except RuntimeError as error:  # PyTorch's OutOfMemoryError is one
        if not out_of_memory(error):
            raise
        reason = str(error).splitlines()[0].split(". ")[0]
        raise RunFailed(
            "gpu_out_of_memory",
            f"the GPU's memory is full ({reason}); use fewer training runs at a time "
            "(--processes; on a cluster, fewer workers per GPU) and run the same command again "
            "to resume",
            reason=reason,
        ) from None
