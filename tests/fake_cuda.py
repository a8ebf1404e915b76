"""Replace CUDA graphs on a CPU: record the operations of a step and replay them one by one.

Like a CUDA graph it knows nothing of the Python that led to the operations, works on the tensors it
was recorded with, leaves everything as it was while it records, and refuses what would wait for the
device. It tells whether a step may be recorded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from fewray.compute import cuda_graph

CUDA: Any = SimpleNamespace(type="cuda")
"""The device of a StepGraph under test; its tensors lie on the CPU."""

WAITS = {
    torch.ops.aten._local_scalar_dense.default: "a value read by the host",
    torch.ops.aten.nonzero.default: "a shape that depends on values",
    torch.ops.aten.lift_fresh.default: "a constant copied from the host",
}


class Graph(TorchDispatchMode):
    """Also the context in which it records, as ``torch.cuda.graph(graph)``."""

    def __init__(self) -> None:
        super().__init__()
        self.tape: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []
        self.generators: list[torch.Generator] = []
        self.replays = 0

    def register_generator_state(self, generator: torch.Generator) -> None:
        self.generators.append(generator)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in WAITS:
            raise RuntimeError(
                f"operation not permitted when stream is capturing: {func}, {WAITS[func]}"
            )
        if func is torch.ops.aten.index.Tensor and any(
            index.dtype == torch.bool for index in args[1]
        ):
            raise RuntimeError(
                "operation not permitted when stream is capturing: a shape that depends on values"
            )
        given = (kwargs or {}).get("generator")
        if given is not None and given._cdata not in [one._cdata for one in self.generators]:
            raise RuntimeError("a generator that is not registered with the graph")
        made = func(*args, **(kwargs or {}))
        self.tape.append((func, args, kwargs or {}, made))
        return made

    def replay(self) -> None:
        self.replays += 1
        with torch._C._AutoDispatchBelowAutograd():
            for func, args, kwargs, made in self.tape:
                for old, new in zip(
                    tree_leaves(made), tree_leaves(func(*args, **kwargs)), strict=True
                ):
                    if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                        old.copy_(new)


@pytest.fixture
def fake_cuda(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Graph]]:
    """Return a function that installs the fakes and returns the list of graphs to come.

    ``kept`` returns the tensors that a step changes: recording must leave them alone.
    """

    def install(kept: Callable[[], Sequence[torch.Tensor]] = list) -> list[Graph]:
        graphs: list[Graph] = []

        def made() -> Graph:
            graphs.append(Graph())
            return graphs[-1]

        @contextmanager
        def graph(one: Graph, *, stream: Any, capture_error_mode: str) -> Iterator[None]:
            assert stream is not DEFAULT, "the default stream cannot be recorded"
            assert capture_error_mode == "thread_local"
            tensors = kept()
            before = [tensor.detach().clone() for tensor in tensors]
            states = [generator.get_state() for generator in one.generators]
            with one:
                yield
            with torch.no_grad():
                for tensor, value in zip(tensors, before, strict=True):
                    tensor.copy_(value)
            for generator, state in zip(one.generators, states, strict=True):
                generator.set_state(state)

        for name, fake in {
            "current_stream": lambda device: DEFAULT,
            "default_stream": lambda device: DEFAULT,
            "Stream": lambda device: _Stream(),
            "stream": lambda stream: nullcontext(),
            "CUDAGraph": made,
            "graph": graph,
        }.items():
            monkeypatch.setattr(torch.cuda, name, fake)
        monkeypatch.setattr(cuda_graph, "_threads", threading.local())
        return graphs

    return install


class _Stream:
    def wait_stream(self, other: _Stream) -> None:
        assert isinstance(other, _Stream)

    def synchronize(self) -> None:
        pass


DEFAULT = _Stream()
