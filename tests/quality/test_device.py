"""Metrics are computed where the features lie: nothing is made on a device of its own choice."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from fewray.quality import evaluate
from fewray.quality.baselines import take
from fewray.quality.copies.alignment import nearest_aligned
from fewray.quality.copies.windows import nearest_windows
from fewray.quality.features.cache import Cached
from fewray.quality.features.extractor import Features, PixelExtractor, metrics_device
from fewray.quality.image_set import ImageSet, measured, pooled
from fewray.quality.metrics.data_copying import data_copying
from fewray.quality.metrics.fid import fid_infinity, frechet_distance
from fewray.quality.metrics.kid import kernel_distance, mmd2
from fewray.quality.metrics.ms_ssim import diversity
from fewray.quality.metrics.prdc import neighbour_metrics
from fewray.quality.metrics.vendi import vendi_score


@pytest.fixture
def elsewhere() -> Iterator[None]:
    """Tensors whose maker names no device land on one where they cannot be mixed with features on the CPU."""
    with torch.device("meta"):
        yield


def rows(n: int, shift: float = 0.0, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(shift, 1, (n, 6)))


def films(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 1, 64, 64), dtype=np.uint8)


GROUPS = np.arange(40) // 2
METRICS = {
    "fid": frechet_distance,
    "fid, few": lambda x, y: frechet_distance(x[:4], y[:5]),
    "fid_inf": lambda x, y: fid_infinity(x, y, seed=0),
    "kid": mmd2,
    "kid of patients": lambda x, y: mmd2(x, y, groups=GROUPS),
    "kid and its interval": lambda x, y: kernel_distance(x, y, seed=0, groups=GROUPS).interval,
    "neighbours": neighbour_metrics,
    "c_t": lambda x, y: data_copying(x[:30], x[30:], y),
    "vendi": lambda x, y: vendi_score(y),
}


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_of_tensors_stays_where_they_are(name: str, request: pytest.FixtureRequest):
    x, y = rows(40), rows(30, 0.5, 1)
    of_arrays = METRICS[name](x.numpy(), y.numpy())
    request.getfixturevalue("elsewhere")
    assert METRICS[name](x, y) == of_arrays


def test_the_stand_in_would_tell(elsewhere: None):
    with pytest.raises((RuntimeError, NotImplementedError)):
        float((rows(3) + torch.zeros(())).sum() + torch.ones(3).sum())


def test_copies_are_looked_for_on_the_device_given(elsewhere: None):
    known = films(4, 0)
    assert nearest_aligned(known[2:], known, device="cpu").index.tolist() == [2, 3]
    windows = nearest_windows(known[2:], known, np.ones((2, 4), bool), device="cpu")
    assert set(windows.index[0].ravel()) == {2}
    assert diversity(known, seed=0, device="cpu") is not None


class Asked(Exception):
    """Raised by what stands in for a metric, with the devices of both sides."""


def test_a_class_is_measured_on_the_device_of_its_features(monkeypatch: pytest.MonkeyPatch):
    def ask(real: torch.Tensor, fake: torch.Tensor, **_options: object) -> None:
        raise Asked(real.device.type, fake.device.type)

    def there(images: np.ndarray) -> Features:
        return replace(PixelExtractor()(images), device=torch.device("meta"))

    real, fake = (measured(ImageSet.of(films(12, seed)), there, mirrored=True) for seed in (0, 1))  # pyright: ignore[reportArgumentType]
    assert pooled({"a": real, "b": fake}).features.device.type == "meta"
    assert take(real.features, np.arange(3)).device.type == "meta"
    monkeypatch.setattr(evaluate, "fid_infinity", ask)
    monkeypatch.setattr(evaluate, "neighbour_metrics", ask)
    for measure in (
        lambda: evaluate.class_quality(real, fake),
        lambda: evaluate._comparison(5)(real.features, fake.features),
    ):
        with pytest.raises(Asked, match=r"\('meta', 'meta'\)"):
            measure()


def test_features_out_of_the_cache_have_their_extractors_device(tmp_path):
    extractor = PixelExtractor()
    cached = Cached(extractor, tmp_path)
    fresh, kept = cached(films(3, 0)), cached(films(3, 0))
    assert fresh.device == kept.device == cached.device == torch.device("cpu")
    assert [metrics_device(torch.device(name)).type for name in ("cuda", "mps", "cpu")] == [
        "cuda",
        "cpu",
        "cpu",
    ]
