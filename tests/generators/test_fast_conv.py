"""The convolutions as matrix products: PyTorch's own values and derivatives, at every size and in both types."""

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck, gradgradcheck

from fewray.generators.models import fast_conv as strided_conv
from fewray.generators.models.fast_conv import DownConv2d, FromGrid, ToGrid, UpConv2d


def pair(kind: str, channels: tuple[int, int], dtype: torch.dtype) -> tuple[nn.Module, nn.Module]:
    i, o = channels
    ours, theirs = {
        "down": (DownConv2d(i, o), nn.Conv2d(i, o, 4, 2, 1, bias=False)),
        "up": (UpConv2d(i, o), nn.ConvTranspose2d(i, o, 4, 2, 1, bias=False)),
        "to grid": (ToGrid(i, o), nn.ConvTranspose2d(i, o, 4, bias=False)),
        "from grid": (FromGrid(i), nn.Conv2d(i, 1, 4, bias=False)),
    }[kind]
    theirs.load_state_dict(ours.state_dict())
    return tuple(m.to(dtype=dtype, memory_format=torch.channels_last) for m in (ours, theirs))  # pyright: ignore


@pytest.mark.parametrize(
    ("kind", "channels", "shape"),
    [
        ("down", (5, 7), (8, 8)),
        ("down", (5, 7), (16, 12)),
        ("down", (5, 7), (64, 64)),
        ("down", (1, 6), (64, 64)),
        ("up", (5, 7), (4, 4)),
        ("up", (5, 7), (8, 6)),
        ("up", (5, 1), (32, 32)),
        ("to grid", (9, 5), (1, 1)),
        ("from grid", (9, 1), (4, 4)),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("channels_last", [False, True])
def test_values_and_derivatives_are_pytorch_s(kind, channels, shape, dtype, channels_last):
    torch.manual_seed(0)
    ours, theirs = pair(kind, channels, dtype)
    x = torch.randn(3, channels[0], *shape, dtype=dtype)
    x = x.contiguous(memory_format=torch.channels_last) if channels_last else x
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    made, wanted = ours(a), theirs(b)
    assert made.dtype == wanted.dtype
    grad = torch.randn_like(wanted)
    made.backward(grad)
    wanted.backward(grad)
    close = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {"rtol": 0.02, "atol": 0.05}
    torch.testing.assert_close(made, wanted, **close)
    torch.testing.assert_close(a.grad, b.grad, **close)
    weights = [next(m.parameters()).grad for m in (ours, theirs)]
    scale = weights[1].abs().max()
    torch.testing.assert_close(weights[0] / scale, weights[1] / scale, **close)


@pytest.mark.parametrize("by_product", [False, True])
@pytest.mark.parametrize(("kind", "shape"), [("down", (4, 6)), ("up", (2, 3))])
def test_derivatives_of_both_orders_are_numerically_right(kind, shape, by_product, monkeypatch):
    monkeypatch.setitem(strided_conv.SMALL, torch.float64, 10**6 if by_product else 0)
    torch.manual_seed(0)
    layer, _ = pair(kind, (2, 3), torch.float64)
    x = torch.randn(2, 2, *shape, dtype=torch.float64, requires_grad=True)
    weight = next(layer.parameters())

    def call(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(layer, {"weight": weight}, (x,))

    assert gradcheck(call, (x, weight))
    assert gradgradcheck(call, (x, weight))


def test_autocast_computes_in_bfloat16_and_keeps_the_weight_s_type():
    layer = DownConv2d(3, 4)
    with torch.autocast("cpu", torch.bfloat16):
        made = layer(torch.randn(2, 3, 8, 8))
    made.float().sum().backward()
    assert made.dtype == torch.bfloat16
    assert layer.weight.grad.dtype == torch.float32


def test_the_output_may_be_changed_in_place():
    layer = DownConv2d(1, 4)
    x = torch.randn(2, 1, 8, 8)
    made = nn.functional.leaky_relu(layer(x), 0.2, inplace=True)
    made.sum().backward()
    assert layer.weight.grad.abs().sum() > 0
