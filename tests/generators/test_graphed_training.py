"""The GAN's step, recorded once and replayed operation by operation, trains the very same networks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

from fewray.compute.cuda_graph import WARM_UP, StepGraph
from fewray.config import GanOptions
from fewray.generators.families import dcgan
from fewray.generators.families.dcgan import Dcgan
from tests.fake_cuda import CUDA

SMALL = GanOptions(base_channels=4, epochs=3, batch_size=8, classic_images=0)


def tensors(state: Dcgan) -> list[torch.Tensor]:
    networks = [network for network in (state.G, state.D, state.G_ema) if network is not None]
    moments = [
        m for optimiser in (state.optimiser_g, state.optimiser_d) for m in optimiser.state.values()
    ]
    return [t for network in networks for t in network.state_dict().values()] + [
        t for m in moments for t in m.values()
    ]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    "options", [SMALL, SMALL.with_(ema_half_life=50.0, latent="normal")], ids=["paper", "averaged"]
)
def test_replayed_steps_train_the_same_networks(
    fake_cuda: Callable[..., list],
    monkeypatch: pytest.MonkeyPatch,
    options: GanOptions,
    precision: str,
):
    images = np.random.default_rng(0).integers(0, 256, (20, 1, 64, 64), np.uint8)
    plain = Dcgan(options, seed=0, device=torch.device("cpu"))
    expected = list(plain.fit(images, precision=precision))

    state = Dcgan(options, seed=0, device=torch.device("cpu"))
    graphs = fake_cuda(partial(tensors, state))
    monkeypatch.setattr(
        dcgan, "StepGraph", lambda step, device, **more: StepGraph(step, CUDA, **more)
    )
    assert list(state.fit(images, precision=precision)) == expected
    assert [graph.replays for graph in graphs] == [9 - WARM_UP]
    assert all(torch.equal(a, b) for a, b in zip(tensors(state), tensors(plain), strict=True))
    assert all(p.requires_grad for p in state.D.parameters())
