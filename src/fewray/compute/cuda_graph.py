"""A training step as one CUDA graph: one launch in place of some hundreds, which on small networks are most of the time."""

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
"""Steps before the graph is recorded: PyTorch's libraries set themselves up, optimisers make their state."""

SWITCH = "FEWRAY_CUDA_GRAPHS"
"""Environment variable: 0 trains without graphs."""

STREAMS = 32
"""How many streams of a GPU PyTorch has; it deals them in turn, the first again after the last."""

_launching = threading.Lock()
"""PyTorch records one graph at a time. Until 2.12 all graphs share the state of its global generator, so that none may be
replayed meanwhile."""
_threads = threading.local()


class StepGraph:
    """``step`` called as it is; on a GPU recorded at the fourth call as a CUDA graph (Gray 2019) and from then on replayed.

    ``step`` takes tensors whose shapes and types never change and returns a tensor, which the next call may overwrite. What
    it reads and writes besides (data, weights, optimisers) stays where it is. It must neither wait for the device nor
    depend on anything in Python that changes between calls: only its operations on the device are recorded. Random numbers
    come from ``generators``; they are those of calls that were never recorded, and may be seeded anew between calls.
    RunFailed where the driver cannot record it, with the remedy. A graph is used in the thread that makes it.
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
        wanted = device.type == "cuda" and os.environ.get(SWITCH) != "0"
        self._stream = _own_stream(device) if wanted else None

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Do one step; as ``step(*inputs)``."""
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
        try:
            # Other threads go on meanwhile: thread_local forbids the unsafe calls to this one alone.
            with (
                _launching,
                torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"),
            ):
                made = self.step(*held)
        except RuntimeError as error:
            # The one before, where the recording could not even be ended after it.
            first = error.__context__ if isinstance(error.__context__, RuntimeError) else error
            if out_of_memory(first):
                raise first from None
            reason = next(iter(str(first).splitlines()), type(first).__name__)
            raise RunFailed(
                f"the training step could not be recorded as a CUDA graph ({reason}); set {SWITCH}=0 in the environment to "
                "train without"
            ) from error

        def replay(*inputs: Tensor) -> Tensor:
            for place, given in zip(held, inputs, strict=True):
                place.copy_(given, non_blocking=True)
            with _launching:
                graph.replay()
            return made

        return replay


def _own_stream(device: torch.device) -> torch.cuda.Stream:
    """Return the current stream, or where it is the default one, which cannot be recorded, the thread's."""
    import torch

    current = torch.cuda.current_stream(device)
    return _thread_stream(device) if current == torch.cuda.default_stream(device) else current


def _thread_stream(device: torch.device) -> torch.cuda.Stream:
    """Return this thread's stream of ``device``, always the same: two threads in one would record each other's work.

    Memory is kept by stream as well, so that what one training frees serves the next.
    """
    import torch

    streams = vars(_threads)
    if str(device) not in streams:
        streams[str(device)] = torch.cuda.Stream(device)
    return streams[str(device)]


@contextmanager
def side_stream(device: str) -> Iterator[None]:
    """Compute in the thread's own stream inside the block where ``device`` is a GPU; others go on beside it, up to STREAMS."""
    if not device.startswith("cuda"):
        yield
        return
    import torch

    stream = _thread_stream(torch.device(device))
    with torch.cuda.stream(stream):
        yield
        stream.synchronize()
