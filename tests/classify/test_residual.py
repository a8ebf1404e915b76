"""The resnet network: its size, its blocks, and that all that serves the paper's network serves it."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from fewray.classify.networks import PaperCNN, build_network
from fewray.classify.residual import ResidualBlock, ResidualCNN
from fewray.classify.training import predict, train_classifier
from fewray.classify.weights import About, load_classifier, save_classifier
from fewray.config import ClassifierOptions
from fewray.errors import InputError
from fewray.imaging.arrays import to_float
from fewray.study.published.scores import scores_as_published

ABOUT = About(arm="no_augmentation", seed=0, key="k", train_images=3)
SMALL = ClassifierOptions(
    network="resnet",
    image_size=16,
    channels=(4, 8, 8),
    hidden=16,
    batch_size=32,
    steps=80,
    learning_rate=0.05,
)


def problem(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return noise with as many bright bars as the class says, at random places: position tells nothing."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    images = rng.integers(0, 60, (n, 1, 16, 16)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[0, rng.choice(8, label, replace=False) * 2] += 150
    return images, labels


def fitted(options: ClassifierOptions = SMALL, seed: int = 0):
    images, labels = problem()
    return train_classifier(
        images, labels, options, n_classes=3, seed=seed, device="cpu", precision="fp32"
    )


def test_its_size_and_its_shapes():
    network = ResidualCNN(4)
    assert sum(p.numel() for p in network.parameters()) == 341_124
    for size in (64, 50):
        x = torch.randn(2, 1, size, size)
        assert network.embed(x).shape == (2, 256)
        assert network(x).shape == (2, 4)


@pytest.mark.parametrize(
    ("channels", "wider", "stride", "side"),
    [(4, 4, 1, 6), (4, 8, 2, 6), (4, 8, 2, 5), (4, 6, 1, 5)],
)
def test_a_new_block_is_its_shortcut_and_a_taught_one_adds_its_branch(
    channels, wider, stride, side
):
    torch.manual_seed(0)
    block, x = ResidualBlock(channels, wider, stride).eval(), torch.randn(2, channels, side, side)
    torch.testing.assert_close(block(x), functional.relu(block.shortcut(x)))
    assert block(x).shape == (2, wider, -(-side // stride), -(-side // stride))
    nn.init.ones_(block.branch[-1].weight)
    torch.testing.assert_close(block(x), functional.relu(block.shortcut(x) + block.branch(x)))
    assert not torch.allclose(block(x), functional.relu(block.shortcut(x)))


def test_the_options_choose_the_network():
    assert isinstance(build_network(3, ClassifierOptions(), 0), PaperCNN)
    assert isinstance(build_network(3, SMALL, 0), ResidualCNN)
    with pytest.raises(InputError, match="paper, resnet"):
        build_network(3, SMALL.with_(network="vgg"), 0)


def test_it_learns_deterministically():
    images, labels = problem(seed=9)
    one, two, other = fitted(), fitted(), fitted(seed=1)
    assert (predict(one.model, images).argmax(1) == labels).mean() > 0.9
    assert np.array_equal(one.losses, two.losses)
    assert not np.array_equal(one.losses, other.losses)


def test_prediction_does_not_depend_on_the_batch():
    model, (images, _) = fitted(SMALL.with_(steps=5)).model, problem(37, seed=3)
    np.testing.assert_allclose(predict(model, images, batch=1), predict(model, images), atol=1e-6)


def test_it_is_kept_and_read_back(tmp_path):
    model, (images, _) = fitted(SMALL.with_(steps=3)).model, problem(9, seed=3)
    save_classifier(model, SMALL, tmp_path / "c", classes=("a", "b", "c"), about=ABOUT)
    network, header = load_classifier(tmp_path / "c")
    assert isinstance(network, ResidualCNN)
    assert header.options == SMALL
    assert np.array_equal(predict(network, images), predict(model, images))


def test_the_published_figures_without_dropout_are_one_pass_in_training_mode():
    import copy

    model, (images, labels) = fitted(SMALL.with_(steps=6, dropout=0.0)).model, problem(30, seed=4)
    found = scores_as_published(model, images, labels, passes=3, seed=0)
    with torch.inference_mode():
        predicted = copy.deepcopy(model).train()(to_float(images)).argmax(1).numpy()
    assert found.accuracy == pytest.approx((predicted == labels).mean())
