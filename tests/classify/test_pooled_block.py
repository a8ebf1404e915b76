"""ReLU, BatchNorm and pooling in one pass: the three layers' values and derivatives."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from fewray.classify.fused.grey_block import GreyFeatures
from fewray.classify.fused.grey_conv import GreyConv2d
from fewray.classify.fused.pooled_block import ReluNormPool


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
    grads = [
        torch.autograd.grad(y.square().sum(), list(ours.parameters())) for y in (ours(x), wanted)
    ]
    for mine, book in zip(*grads, strict=True):
        torch.testing.assert_close(mine, book, rtol=1e-4, atol=1e-4)


def first_blocks(channels: int) -> tuple[GreyFeatures, nn.Sequential]:
    norm, book = pair(channels)
    ours = GreyFeatures(GreyConv2d(channels), norm)
    convolution = nn.Conv2d(1, channels, 3, padding=1).double()
    convolution.load_state_dict(ours[0].state_dict())
    return ours, nn.Sequential(convolution, nn.ReLU(), book, nn.MaxPool2d(2))


def never(*_: object) -> Tensor:
    raise AssertionError("the layers themselves were asked")


@pytest.mark.parametrize("shape", [(5, 32, 16, 12), (2, 7, 8, 8), (3, 16, 2, 2), (1, 4, 4, 6)])
def test_the_first_block_in_one_pass_has_the_layers_values_and_derivatives(
    shape, monkeypatch: pytest.MonkeyPatch
):
    torch.manual_seed(5)
    ours, theirs = first_blocks(shape[1])
    x = torch.randn(shape[0], 1, *shape[2:])
    monkeypatch.setattr(GreyConv2d, "forward", never)
    made, wanted = ours(x), theirs(x.double())
    grad = torch.randn_like(made)
    made.backward(grad)
    wanted.backward(grad.double())
    close = {"rtol": 1e-4, "atol": 2e-5, "check_dtype": False}
    torch.testing.assert_close(made, wanted, **close)
    for mine, book in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, book.grad, **close)
    for mine, book in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(mine, book, **close)


def test_in_the_first_block_too_the_first_of_equal_values_takes_the_gradient():
    torch.manual_seed(8)
    ours, theirs = first_blocks(4)
    for convolution in (ours[0], theirs[0]):
        nn.init.zeros_(convolution.weight)
        nn.init.constant_(convolution.bias, 0.5)
    x = torch.randn(2, 1, 6, 8)
    grad = torch.randn(2, 4, 3, 4)
    ours(x).backward(grad)
    theirs(x.double()).backward(grad.double())
    close = {
        "rtol": 1e-4,
        "atol": 1e-3,
        "check_dtype": False,
    }  # BatchNorm divides by the root of its epsilon here
    for mine, book in zip(ours[0].parameters(), theirs[0].parameters(), strict=True):
        torch.testing.assert_close(mine.grad, book.grad, **close)


def test_the_first_block_under_autocast_is_close_to_exact():
    torch.manual_seed(6)
    ours, theirs = first_blocks(16)
    x = torch.randn(4, 1, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        made = ours(x)
    wanted = theirs(x.double())
    grad = torch.randn_like(made)
    made.backward(grad)
    wanted.backward(grad.double())
    assert made.dtype == torch.bfloat16
    assert (made - wanted).abs().max() < 0.01 * wanted.abs().max()
    for mine, book in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert mine.grad.dtype == torch.float32
        assert (mine.grad - book.grad).abs().max() < 0.02 * book.grad.abs().max()


@pytest.mark.parametrize("why", ["odd sides", "evaluation", "a gradient for the image"])
def test_where_one_pass_is_not_possible_the_layers_do_it(why: str):
    torch.manual_seed(7)
    ours, theirs = first_blocks(3)
    x = torch.randn(
        2, 1, 7 if why == "odd sides" else 8, 8, requires_grad=why == "a gradient for the image"
    )
    if why == "evaluation":
        ours.eval()
        theirs.eval()
    made = ours(x)
    torch.testing.assert_close(made, theirs(x.double()).float(), rtol=1e-4, atol=1e-5)
    if x.requires_grad:
        made.sum().backward()
        assert x.grad is not None
