"""The classifier's step, recorded once and replayed operation by operation, trains the very same network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from fewray.classify import training
from fewray.classify.classifier import SeededDropout
from fewray.classify.fused import grey_block
from fewray.classify.fused.pooled_block import ReluNormPool
from fewray.classify.networks import build_network
from fewray.classify.training import Trained, train_classifier
from fewray.compute.cuda_graph import WARM_UP, StepGraph
from fewray.config import ClassifierOptions
from tests.fake_cuda import CUDA

SMALL = ClassifierOptions(image_size=16, channels=(4, 8, 8), hidden=16, batch_size=12, steps=8)


def as_on_a_gpu(layer: ReluNormPool, x: Tensor) -> Tensor:
    return functional.max_pool2d(nn.BatchNorm2d.forward(layer, functional.relu(x)), 2)


def trained(options: ClassifierOptions, precision: str, weights: np.ndarray | None) -> Trained:
    images = np.random.default_rng(0).integers(0, 256, (40, 1, 16, 16), np.uint8)
    return train_classifier(images, np.arange(40) % 4, options, n_classes=4, seed=3, device="cpu",
                            precision=precision, weights=weights)  # fmt: skip


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    ("options", "weights"),
    [
        (SMALL, None),
        (SMALL.with_(mixup=0.3), None),
        (SMALL.with_(network="resnet"), np.arange(1.0, 41.0)),
    ],
    ids=["paper", "mixup", "residual"],
)
def test_replayed_steps_train_the_same_network(
    fake_cuda: Callable[..., list],
    monkeypatch: pytest.MonkeyPatch,
    options: ClassifierOptions,
    weights: np.ndarray | None,
    precision: str,
):
    monkeypatch.setattr(ReluNormPool, "forward", as_on_a_gpu)
    monkeypatch.setattr(grey_block, "grey_block", lambda convolution, norm, x: norm(convolution(x)))
    monkeypatch.setattr(
        training, "_own_generator", lambda where, seed: torch.Generator().manual_seed(seed)
    )
    expected = trained(options, precision, weights)

    made: list[nn.Module] = []
    monkeypatch.setattr(
        training, "build_network", lambda *given: made.append(build_network(*given)) or made[-1]
    )
    optimisers: list[torch.optim.Optimizer] = []

    def noted(*given: object, **more: object) -> torch.optim.Optimizer:
        optimisers.append(sgd(*given, **more))
        return optimisers[-1]

    sgd = torch.optim.SGD
    monkeypatch.setattr(torch.optim, "SGD", noted)

    def kept() -> list[Tensor]:
        moments = [value["momentum_buffer"] for value in optimisers[0].state.values()]
        return [*made[0].state_dict().values(), *moments]

    graphs = fake_cuda(kept)
    monkeypatch.setattr(
        training, "StepGraph", lambda step, device, **more: StepGraph(step, CUDA, **more)
    )
    found = trained(options, precision, weights)
    assert [graph.replays for graph in graphs] == [options.steps - WARM_UP]
    assert np.array_equal(found.losses, expected.losses)
    pairs = zip(
        found.model.state_dict().values(), expected.model.state_dict().values(), strict=True
    )
    assert all(torch.equal(a, b) for a, b in pairs)


def test_dropout_with_its_own_generator_is_dropout_and_leaves_the_global_state_alone():
    layer = SeededDropout(0.25).train()
    layer.generator = torch.Generator().manual_seed(0)
    before = torch.get_rng_state()
    x = torch.ones(400, 100, requires_grad=True)
    made = layer(x)
    assert torch.equal(torch.get_rng_state(), before)
    assert made.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert float((made > 0).float().mean()) == pytest.approx(
        0.75, abs=5 * (0.75 * 0.25 / 40_000) ** 0.5
    )
    made.sum().backward()
    assert torch.equal(x.grad, made.detach())
    assert layer.eval()(x) is x
    everything = SeededDropout(1.0).train()
    everything.generator = layer.generator
    assert not everything(x).any()
