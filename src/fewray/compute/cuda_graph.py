"""Record a training step as a CUDA graph: one launch instead of some hundreds.

In small networks the launches take most of the time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fewray.compute.device import out_of_memory
from fewray.errors import RunFailed

if TYPE_CHECKING:
    import torch
    from torch import Tensor

WARM_UP = 3
"""Ordinary steps before recording: libraries initialise, and optimisers create their state."""
SWITCH = "FEWRAY_CUDA_GRAPHS"
"""Environment variable; 0 trains without graphs."""
STREAMS = 32
"""Streams per GPU in PyTorch, which hands them out in turn and then starts over."""

_recording = threading.Lock()
"""PyTorch records one graph at a time. Until 2.12, all graphs share the state of its global
generator, so that none may be replayed meanwhile."""
_threads = threading.local()


class StepGraph:
    """Call ``step``; on a GPU, record the fourth call as a CUDA graph and replay it from then on.

    ``step`` takes tensors of fixed shapes and types and returns a tensor, which the next call may
    overwrite. Everything else it uses (data, weights, optimisers) must stay in place. It must not
    wait for the device, nor depend on Python state that changes between calls: only operations on
    the device are recorded (Gray 2019). Random numbers come from ``generators``, are the same as
    without a graph, and may be reseeded between calls. Use a StepGraph in one thread only.
    RunFailed if the step cannot be recorded.
    """

    def __init__(
        self,
        step: Callable[..., Tensor],
        device: torch.device,
        *,
        generators: Sequence[torch.Generator] = (),
    ) -> None:
        self.step, self.device, self.generators = step, device, generators
        self.calls = 0
        self._replay: Callable[..., Tensor] | None = None
        enabled = device.type == "cuda" and os.environ.get(SWITCH) != "0"
        self._stream = _own_stream(device) if enabled else None

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Do one step, as ``step(*inputs)`` does."""
        if self._stream is None:
            return self.step(*inputs)
        import torch

        before = torch.cuda.current_stream(self.device)
        self._stream.wait_stream(before)
        with torch.cuda.stream(self._stream):
            self.calls += 1
            if self._replay is None and self.calls > WARM_UP:
                self._replay = self._record(inputs)
            made = (self._replay or self.step)(*inputs)
        before.wait_stream(self._stream)
        return made

    def _record(self, inputs: Sequence[Tensor]) -> Callable[..., Tensor]:
        import torch

        held = [given.clone() for given in inputs]
        graph = torch.cuda.CUDAGraph()
        for generator in self.generators:
            graph.register_generator_state(generator)
        # thread_local: only this thread is forbidden what would break the recording.
        capture = torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local")
        try:
            with _recording, capture:
                made = self.step(*held)
        except RuntimeError as error:
            # If ending the recording failed too, the cause is the error before.
            first = error.__context__ if isinstance(error.__context__, RuntimeError) else error
            if out_of_memory(first):
                raise first from None
            reason = next(iter(str(first).splitlines()), type(first).__name__)
            raise RunFailed(
                "graph_not_recorded",
                f"the training step could not be recorded as a CUDA graph ({reason}); set "
                f"{SWITCH}=0 in the environment to train without graphs",
                reason=reason,
            ) from error

        def replay(*inputs: Tensor) -> Tensor:
            for place, given in zip(held, inputs, strict=True):
                place.copy_(given, non_blocking=True)
            with _recording:
                graph.replay()
            return made

        return replay


def _own_stream(device: torch.device) -> torch.cuda.Stream:
    """Return the current stream, or this thread's own: the default stream cannot be recorded."""
    import torch

    current = torch.cuda.current_stream(device)
    return _thread_stream(device) if current == torch.cuda.default_stream(device) else current


def _thread_stream(device: torch.device) -> torch.cuda.Stream:
    """Return this thread's stream of ``device``; two threads in one would record each other.

    It is always the same one: PyTorch reuses freed memory only within a stream.
    """
    import torch

    streams = vars(_threads)
    if str(device) not in streams:
        streams[str(device)] = torch.cuda.Stream(device)
    return streams[str(device)]


@contextmanager
def side_stream(device: str) -> Iterator[None]:
    """Compute in this thread's stream inside the block if ``device`` is a GPU.

    Up to ``STREAMS`` threads share a GPU in this way.
    """
    if not device.startswith("cuda"):
        yield
        return
    import torch

    stream = _thread_stream(torch.device(device))
    with torch.cuda.stream(stream):
        yield
        stream.synchronize()
