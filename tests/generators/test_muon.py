"""Muon against PyTorch's, which knows matrices only."""

import pytest
import torch
from torch import nn

from fewray.generators.muon import Muon, orthogonalised
from fewray.generators.optimiser_state import below, load_optimiser, optimiser_tensors

SHAPES = [(8, 8), (8, 20), (20, 8), (8, 20)]


def weights(shapes: list[tuple[int, ...]], seed: int = 0) -> list[nn.Parameter]:
    drawn = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(*shape, generator=drawn)) for shape in shapes]


def stepped(optimiser: torch.optim.Optimizer, params: list[nn.Parameter], steps: int) -> None:
    for step in range(steps):
        for gradient, weight in zip(
            weights([p.shape for p in params], step + 1), params, strict=True
        ):
            weight.grad = gradient.detach()
        optimiser.step()


def test_singular_values_become_equal():
    matrices = torch.randn(5, 30, 12, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalised(matrices))
    assert torch.linalg.svdvals(matrices).std() > 1
    assert values.min() > 0.6
    assert values.max() < 1.3
    wide = orthogonalised(matrices.mT)
    torch.testing.assert_close(wide.mT, orthogonalised(matrices))


def test_zero_gradients_change_nothing():
    (weight,) = weights([(8, 8)])
    before = weight.detach().clone()
    weight.grad = torch.zeros(8, 8)
    Muon([weight], 0.1).step()
    assert torch.equal(weight, before)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="PyTorch before 2.9 has no Muon")
def test_steps_equal_those_of_pytorch():
    ours, theirs = weights(SHAPES), weights(SHAPES)
    mine = Muon(ours, 0.1)
    mine.dtype = torch.bfloat16
    stepped(mine, ours, 5)
    reference = torch.optim.Muon(theirs, 0.1, weight_decay=0, adjust_lr_fn="match_rms_adamw")
    stepped(reference, theirs, 5)
    for before, found, expected in zip(weights(SHAPES), ours, theirs, strict=True):
        moved = (expected - before).norm()
        assert moved > 0.1
        assert (found - expected).norm() < 0.02 * moved  # both iterate in bfloat16


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_a_convolution_is_a_matrix_of_its_outputs(memory_format: torch.memory_format):
    (flat,) = weights([(6, 5 * 3 * 3)])
    conv = flat.detach().view(6, 3, 3, 5).permute(0, 3, 1, 2)
    weight = nn.Parameter(conv.contiguous(memory_format=memory_format))
    gradient = torch.randn(6, 45, generator=torch.Generator().manual_seed(1))
    flat.grad = gradient
    weight.grad = (
        gradient.view(6, 3, 3, 5).permute(0, 3, 1, 2).contiguous(memory_format=memory_format)
    )
    for parameter in (flat, weight):
        Muon([parameter], 0.1).step()
    torch.testing.assert_close(weight.detach().permute(0, 2, 3, 1).flatten(1), flat.detach())


def test_a_restored_state_continues_with_the_same_bits():
    params, copies = weights(SHAPES), weights(SHAPES)
    once, first = Muon(params, 0.01), Muon(copies, 0.01)
    stepped(once, params, 3)
    stepped(first, copies, 3)
    stored = optimiser_tensors("muon", first)
    assert len(below(stored, "muon")) == len(SHAPES)
    second = Muon(copies, 0.01)
    load_optimiser("muon", second, stored)
    for optimiser, given in ((once, params), (second, copies)):
        stepped(optimiser, given, 2)
    for found, expected in zip(copies, params, strict=True):
        assert torch.equal(found, expected)


def test_a_rate_in_a_tensor_is_read_at_every_step():
    params, copies = weights(SHAPES), weights(SHAPES)
    rate = torch.zeros(())
    held = Muon(params, rate)
    stepped(held, params, 1)
    assert all(torch.equal(a, b) for a, b in zip(params, copies, strict=True))
    rate.fill_(0.01)
    changed = Muon(params, rate)
    stepped(changed, params, 1)
    plain = Muon(copies, 0.01)
    stepped(plain, copies, 1)
    for found, expected in zip(params, copies, strict=True):
        torch.testing.assert_close(found, expected)
