"""ReLU, BatchNorm and pooling in one pass: the three layers' values and derivatives."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from fewray.classify.networks import GreyConv2d
from fewray.classify.pooled_block import ReluNormPool


def plain(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    return functional.max_pool2d(norm(functional.relu(x)), 2)


def pair(channels: int) -> tuple[ReluNormPool, nn.BatchNorm2d]:
    ours, theirs = ReluNormPool(channels), nn.BatchNorm2d(channels)
    nn.init.normal_(ours.weight)
    nn.init.normal_(ours.bias)
    ours.weight.data[0] = -0.7  # the smallest of four is then the largest
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs.double()


@pytest.mark.parametrize("shape", [(5, 8, 16, 12), (2, 32, 8, 8), (3, 5, 2, 2)])
@pytest.mark.parametrize("channels_last", [False, True])
def test_values_derivatives_and_running_statistics_are_those_of_the_layers(shape, channels_last):
    torch.manual_seed(1)
    ours, theirs = pair(shape[1])
    x = torch.randn(shape)
    x = x.contiguous(memory_format=torch.channels_last) if channels_last else x
    a, b = x.clone().requires_grad_(), x.double().requires_grad_()
    made, wanted = ours(a), plain(theirs, b)
    grad = torch.randn_like(made)
    made.backward(grad)
    wanted.backward(grad.double())
    close = {"rtol": 1e-4, "atol": 1e-5, "check_dtype": False}
    torch.testing.assert_close(made, wanted, **close)
    torch.testing.assert_close(a.grad, b.grad, **close)
    for mine, book in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, book.grad, **close)
    for mine, book in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(mine, book, **close)


def test_of_equal_values_the_first_takes_the_gradient_and_none_below_zero_does():
    ours, theirs = ReluNormPool(1), nn.BatchNorm2d(1).double()
    x = torch.tensor([[3.0, 3.0, -1.0, -1.0], [3.0, 1.0, -1.0, -2.0]])[None, None]
    a, b = x.clone().requires_grad_(), x.double().requires_grad_()
    grad = torch.tensor([[[[1.0, 2.0]]]])
    ours(a).backward(grad)
    plain(theirs, b).backward(grad.double())
    torch.testing.assert_close(a.grad, b.grad.float(), rtol=1e-4, atol=1e-6)


def test_bfloat16_is_close_to_exact():
    torch.manual_seed(2)
    ours, theirs = pair(16)
    x = torch.randn(4, 16, 16, 16).bfloat16().contiguous(memory_format=torch.channels_last)
    a, b = x.clone().requires_grad_(), x.double().requires_grad_()
    made, wanted = ours(a), plain(theirs, b)
    grad = torch.randn_like(made)
    made.backward(grad)
    wanted.backward(grad.double())
    assert made.dtype == a.grad.dtype == torch.bfloat16
    assert (made - wanted).abs().max() < 0.01 * wanted.abs().max()
    assert (a.grad - b.grad).abs().mean() < 0.01 * b.grad.abs().mean()


@pytest.mark.parametrize("shape", [(2, 3, 7, 8), (2, 3, 8, 8)])
def test_odd_sides_and_evaluation_are_the_layers_own(shape):
    torch.manual_seed(3)
    ours, theirs = pair(3)
    x = torch.randn(shape)
    if shape[2] % 2 == 0:
        ours.eval()
        theirs.eval()
    torch.testing.assert_close(ours(x), plain(theirs, x.double()).float(), rtol=1e-4, atol=1e-5)


def test_the_grey_convolution_is_a_convolution():
    torch.manual_seed(4)
    ours = GreyConv2d(6)
    x = torch.randn(3, 1, 9, 8)
    wanted = functional.conv2d(x, ours.weight, ours.bias, padding=1)
    torch.testing.assert_close(ours(x), wanted, rtol=1e-4, atol=1e-5)
    grads = [torch.autograd.grad(y.square().sum(), list(ours.parameters())) for y in (ours(x), wanted)]
    for mine, book in zip(*grads, strict=True):
        torch.testing.assert_close(mine, book, rtol=1e-4, atol=1e-4)
