"""Interpolation between latents keeps their distribution."""

import numpy as np
import pytest
import torch
from scipy import stats

from fewray.generators.sampling import between


def test_ends_are_kept_and_the_length_does_not_shrink():
    ends = torch.randn(2, 100, generator=torch.Generator().manual_seed(0))
    found = between(ends, [0.0, 0.25, 0.5, 0.75, 1.0])
    assert torch.equal(found[[0, 4]], ends)
    a, b = (float(end.norm()) for end in ends)
    angle = float(torch.acos((ends[0] * ends[1]).sum() / (a * b)))
    for t, row in zip((0.25, 0.5, 0.75), found[1:4], strict=True):
        u, v = np.sin((1 - t) * angle) / np.sin(angle), np.sin(t * angle) / np.sin(angle)
        squared = (u * a) ** 2 + (v * b) ** 2 + 2 * u * v * a * b * np.cos(angle)
        assert float(row.norm()) == pytest.approx(np.sqrt(squared), rel=1e-5)
    assert float(found[2].norm()) > 0.95 * float(((ends[0] + ends[1]) / 2).norm()) * 1.3


def test_uniform_latents_stay_uniform_and_inside():
    draw = torch.Generator().manual_seed(0)
    middles = torch.cat(
        [between(torch.rand(2, 64, generator=draw) * 2 - 1, [0.5], "uniform") for _ in range(40)]
    )
    assert float(middles.abs().max()) < 1
    assert stats.kstest(middles.flatten().numpy(), stats.uniform(-1, 2).cdf).pvalue > 0.001
    straight = torch.rand(2, 2560, generator=draw).mean(0) * 2 - 1
    assert stats.kstest(straight.numpy(), stats.uniform(-1, 2).cdf).pvalue < 0.001


def test_equal_ends_give_the_same_point():
    end = torch.linspace(-1, 1, 7)[None].repeat(2, 1)
    assert torch.allclose(between(end, [0.3]), end[:1])
    assert torch.allclose(between(end, [0.3], "uniform"), end[:1], atol=1e-5)
