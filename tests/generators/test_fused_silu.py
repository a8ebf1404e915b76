"""The fused SiLU of a U-Net: values and derivatives are those of PyTorch's separate operations."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fewray.generators.models.fused_silu import NormSilu, affine_silu

TOLERANCE = {torch.float32: 1e-6, torch.bfloat16: 8e-3}
"""Of the largest value; bfloat16 has eight digits."""


@pytest.fixture(params=[1, 2], autouse=True)
def threads(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compiled loops with one thread, separate operations with two."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return 2 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) + 0.5


def agree(found: Tensor, expected: Tensor, kind: torch.dtype) -> None:
    error = (found.double() - expected.double()).abs().max()
    assert error <= TOLERANCE[kind] * expected.abs().max(), float(error)


@pytest.mark.parametrize("kind", TOLERANCE)
@pytest.mark.parametrize("channels_last", [True, False])
def test_group_norm_then_silu(kind: torch.dtype, channels_last: bool):
    x, grad = drawn(3, 16, 6, 4).to(kind), drawn(3, 16, 6, 4, seed=1).to(kind)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    layer = NormSilu(8, 16)
    for parameter, seed in ((layer.weight, 2), (layer.bias, 3)):
        parameter.data.copy_(drawn(16, seed=seed))
    with torch.autocast("cpu", torch.bfloat16, enabled=kind == torch.bfloat16):
        made = layer(x)
    made.backward(grad.to(made.dtype))
    exact = [t.detach().double().requires_grad_() for t in (x, layer.weight, layer.bias)]
    expected = functional.silu(functional.group_norm(exact[0], 8, exact[1], exact[2]))
    expected.backward(grad.double())
    agree(made, expected, kind)
    for mine, its in zip((x, layer.weight, layer.bias), exact, strict=True):
        assert mine.grad is not None
        assert its.grad is not None
        assert mine.grad.dtype == mine.dtype
        agree(mine.grad, its.grad, kind)


@pytest.mark.parametrize("kind", TOLERANCE)
def test_silu_of_an_affine_function_of_each_channel(kind: torch.dtype):
    x, grad = drawn(2, 8, 4, 4).to(kind).requires_grad_(), drawn(2, 8, 4, 4, seed=1).to(kind)
    factors, offsets = (drawn(2, 8, 1, 1, seed=s).to(kind).requires_grad_() for s in (2, 3))
    affine_silu(x, factors, offsets).backward(grad)
    exact = [t.detach().double().requires_grad_() for t in (x, factors, offsets)]
    functional.silu(exact[0] * exact[1] + exact[2]).backward(grad.double())
    for mine, its in zip((x, factors, offsets), exact, strict=True):
        assert mine.grad is not None
        assert its.grad is not None
        agree(mine.grad, its.grad, kind)


def test_extreme_values_are_finite():
    x = torch.tensor([-1e30, -200.0, -90.0, 0.0, 90.0, 200.0, 1e30]).view(1, 1, 1, 7)
    x.requires_grad_()
    one = torch.ones(1, 1, 1, 1)
    made = affine_silu(x, one, 0 * one)
    made.sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad[0, 0, 0, 1:6]).all()
    torch.testing.assert_close(made[0, 0, 0, 1:6], functional.silu(x.detach()[0, 0, 0, 1:6]))
