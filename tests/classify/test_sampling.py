"""How the batches of a classifier's training are made: sampling weights and mixup."""

import numpy as np
import pytest
import torch

from fewray.classify.networks import build_network
from fewray.classify.training import draw_mixup, train_classifier
from fewray.compute.seeds import child_seed
from fewray.config import ClassifierOptions
from fewray.errors import InputError
from fewray.imaging.arrays import to_float

TINY = ClassifierOptions(
    image_size=8, channels=(2, 4, 4), hidden=4, batch_size=16, steps=1, dropout=0.0
)


def rows(n: int = 24) -> tuple[np.ndarray, np.ndarray]:
    return np.random.default_rng(0).integers(0, 256, (n, 1, 8, 8)).astype(np.uint8), np.arange(
        n
    ) % 3


def losses(
    options: ClassifierOptions = TINY, weights: np.ndarray | None = None, n: int = 24, seed: int = 5
):
    images, labels = rows(n)
    return train_classifier(
        images,
        labels,
        options,
        n_classes=3,
        seed=seed,
        weights=weights,
        device="cpu",
        precision="fp32",
    ).losses


def first_loss(chosen: np.ndarray, *, mixup: float = 0.0) -> float:
    """Return the loss of the first step on the rows ``chosen``, by the book."""
    images, labels = rows()
    network = build_network(3, TINY, child_seed(5, "init"))
    batch, targets = (
        to_float(images)[chosen],
        torch.nn.functional.one_hot(torch.from_numpy(labels)[chosen], 3).float(),
    )
    if mixup:
        share, partners = draw_mixup(
            mixup, len(chosen), np.random.default_rng(child_seed(5, "mixup"))
        )
        batch, targets = (share * x + (1 - share) * x[partners] for x in (batch, targets))
    return torch.nn.functional.cross_entropy(network(batch), targets).item()


def test_without_weights_batches_are_drawn_without_replacement():
    chosen = np.random.default_rng(child_seed(5, "batches")).choice(24, 16, replace=False)
    assert losses()[0] == pytest.approx(first_loss(chosen), rel=1e-5)


def test_with_weights_batches_are_drawn_with_replacement_and_in_proportion():
    weights = np.arange(24.0)
    chosen = np.random.default_rng(child_seed(5, "batches")).choice(
        24, 16, replace=True, p=weights / weights.sum()
    )
    assert losses(weights=weights)[0] == pytest.approx(first_loss(chosen), rel=1e-5)
    options = TINY.with_(steps=3)
    assert np.array_equal(
        losses(options, weights=weights), losses(options, weights=weights * 2.0**1019)
    )  # only ratios count, and no sum overflows


def test_rows_of_weight_0_are_never_seen():
    images, labels = rows()
    weights = (np.arange(24) < 12).astype(int)
    spoilt = images.copy()
    spoilt[12:] = 0
    found = [
        train_classifier(
            x, labels, TINY.with_(steps=4), n_classes=3, seed=1, weights=weights, device="cpu"
        ).losses
        for x in (images, spoilt)
    ]
    assert np.array_equal(*found)


@pytest.mark.parametrize(
    "weights",
    [np.ones(23), np.ones((24, 1)), np.r_[-1.0, np.ones(23)], np.zeros(24), np.r_[np.nan, np.ones(23)],
     np.r_[np.inf, np.ones(23)]],
)  # fmt: skip
def test_weights_that_are_not_probabilities_are_rejected(weights: np.ndarray):
    with pytest.raises(InputError) as caught:
        losses(weights=weights)
    assert caught.value.code in ("wrong_weight_count", "invalid_weights")


def test_the_loss_of_mixup_is_the_cross_entropy_to_mixed_labels():
    chosen = np.random.default_rng(child_seed(5, "batches")).choice(24, 16, replace=False)
    assert losses(TINY.with_(mixup=0.4))[0] == pytest.approx(
        first_loss(chosen, mixup=0.4), rel=1e-5
    )


def test_mixup_is_deterministic_and_draws_the_same_batches():
    options = TINY.with_(steps=4)
    assert np.array_equal(losses(options.with_(mixup=0.2)), losses(options.with_(mixup=0.2)))
    assert not np.array_equal(losses(options.with_(mixup=0.2)), losses(options))
    # Beta(alpha, alpha) of a minute alpha is 0 or 1: whole images, each with its own label, as a set those of no mixup.
    assert losses(options.with_(mixup=1e-6)) == pytest.approx(losses(options), rel=1e-4)


def test_mixup_s_draws():
    rng = np.random.default_rng(0)
    shares, partners = zip(*(draw_mixup(0.4, 7, rng) for _ in range(4000)), strict=True)
    assert all(sorted(each.tolist()) == list(range(7)) for each in partners)
    assert np.mean(shares) == pytest.approx(0.5, abs=0.03)
    assert np.var(shares) == pytest.approx(1 / (4 * (2 * 0.4 + 1)), abs=0.01)  # of Beta(a, a)


@pytest.mark.parametrize("alpha", [-0.1, float("nan"), float("inf")])
def test_mixup_below_0_is_refused(alpha: float):
    with pytest.raises(InputError, match="mixup"):
        losses(TINY.with_(mixup=alpha))


def test_options_of_earlier_versions_are_read():
    old = {name: value for name, value in ClassifierOptions().to_json().items() if name != "mixup"}
    assert ClassifierOptions.from_json(old) == ClassifierOptions()
