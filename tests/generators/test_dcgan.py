"""The paper's networks: sizes as printed, layers agree with PyTorch's own, dropout has the right law."""

import numpy as np
import pytest
import torch
from torch import nn

from fewray.generators.models.dcgan import BitDropout, Discriminator, Generator, initialise
from fewray.generators.summary import summarise_recipe
from fewray.presets import recipe


def test_parameter_counts_are_the_papers():
    summaries = summarise_recipe(recipe("paper"))
    generator, discriminator = summaries["generator"], summaries["discriminator"]
    assert (generator.params, discriminator.params) == (3_574_656, 2_763_520)
    assert generator.mult_adds == pytest.approx(423.53, abs=0.005)
    assert discriminator.mult_adds == pytest.approx(104.48, abs=0.005)
    printed = [f"{v:.2f}" for s in (generator, discriminator) for v in
               (s.input_mb, s.forward_backward_mb, s.params_mb, s.total_mb)]  # fmt: skip
    assert printed == ["0.00", "1.91", "13.64", "15.54", "0.02", "1.38", "10.54", "11.93"]


def test_layer_rows_are_those_of_tables_1_and_2():
    summaries = summarise_recipe(recipe("paper"))
    rows = [(layer.name, layer.output, layer.params) for layer in summaries["generator"].layers]
    assert len(rows) == 14
    assert rows[0] == ("ConvTranspose2d: 2-1", (512, 4, 4), 819_200)
    assert rows[12] == ("ConvTranspose2d: 2-13", (1, 64, 64), 1_024)
    names = [layer.name.split(":")[0] for layer in summaries["discriminator"].layers]
    assert names == [
        *("Conv2d", "LeakyReLU", "Dropout"),
        *("Conv2d", "BatchNorm2d", "LeakyReLU"),
        *("Conv2d", "BatchNorm2d", "LeakyReLU", "Dropout"),
        *("Conv2d", "BatchNorm2d", "Dropout", "LeakyReLU"),
        *("Conv2d", "Sigmoid"),
    ]


def test_true_mult_adds_of_a_transposed_convolution():
    # Each of the 100 latent values meets 512 x 4 x 4 weights once: no position is counted for inserted zeros.
    first = summarise_recipe(recipe("paper"))["generator"].layers[0]
    assert first.true_mult_adds == 100 * 512 * 16


def test_outputs_have_the_paper_s_form():
    z = torch.rand(3, 100) * 2 - 1
    images = Generator()(z)
    assert images.shape == (3, 1, 64, 64)
    assert images.abs().max() <= 1
    assert Discriminator()(images).shape == (3,)


def test_logits_are_the_sigmoid_tables_probability():
    network = Discriminator(base_channels=8).eval()
    x = torch.randn(4, 1, 64, 64)
    torch.testing.assert_close(network(x).sigmoid(), network.main(x).flatten())


@pytest.mark.parametrize("rate", [0.125, 0.25, 0.5, 0.625])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("way", ["_bits", "_numbers"], ids=["CPU", "other devices"])
def test_bit_dropout_has_dropout_s_law(rate: float, channels_last: bool, way: str):
    layer = BitDropout(rate).train()
    layer._bits = getattr(layer, way)
    layer.generator = torch.Generator().manual_seed(0)
    x = torch.ones(8, 16, 64, 64)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    y = layer(x)
    kept = (y != 0).double()
    n = kept.numel()
    assert abs(kept.mean().item() - (1 - rate)) < 5 * np.sqrt(rate * (1 - rate) / n)
    assert y.unique().tolist() == pytest.approx([0.0, 1 / (1 - rate)])
    flat = kept.flatten().numpy() - (1 - rate)
    for lag in (
        1,
        4,
        64,
        4096,
        4 * -(-n // 60),
    ):  # within and between the places of a 64-bit draw are independent
        correlation = np.mean(flat[:-lag] * flat[lag:]) / (rate * (1 - rate))
        assert abs(correlation) < 5 / np.sqrt(n)


def test_bit_dropout_is_off_in_evaluation_and_at_rate_zero():
    x = torch.randn(2, 3, 5, 5)
    assert torch.equal(BitDropout(0.5).eval()(x), x)
    assert torch.equal(BitDropout(0.0).train()(x), x)


def test_dropout_gradient_is_the_mask():
    layer = BitDropout(0.5).train()
    layer.generator = torch.Generator().manual_seed(1)
    x = torch.ones(2, 3, 5, 5, requires_grad=True)
    y = layer(x)
    y.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, y.detach())


def test_initialisation_has_the_stated_moments():
    network = Generator()
    initialise(network, 0.02, torch.Generator().manual_seed(0))
    weight = network.main[3].weight
    assert isinstance(weight, torch.Tensor)
    assert weight.mean().item() == pytest.approx(0, abs=1e-4)
    assert weight.std().item() == pytest.approx(0.02, rel=0.01)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms[0].weight.mean().item() == pytest.approx(1, abs=0.01)
    assert norms[0].weight.std().item() == pytest.approx(0.02, rel=0.2)
    assert all(not norm.bias.any() for norm in norms)
