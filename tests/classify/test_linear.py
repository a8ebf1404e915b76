"""The linear head: the optimum of what it says it minimises, and what is refused."""

import numpy as np
import pytest
from scipy.optimize import check_grad, minimize
from scipy.special import log_softmax

from fewray.classify.linear import INVERSE_STRENGTH, linear_head
from fewray.errors import InputError


def drawn(n: int, seed: int = 0, k: int = 3, d: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % k
    centres = np.random.default_rng(99).normal(size=(k, d))
    return centres[labels] * 3 + rng.normal(size=(n, d)) * [1, 2, 5, 0.1] + 7, labels


def test_it_is_the_minimum_of_penalised_cross_entropy_on_standardised_features():
    train, labels = drawn(45)
    test, _ = drawn(9, seed=1)
    mean, std = train.mean(0), train.std(0)
    x, one_hot = (train - mean) / std, np.eye(3)[labels]

    def objective(flat: np.ndarray) -> float:
        w = flat.reshape(5, 3)
        return (
            0.5 * (w[:4] ** 2).sum()
            - INVERSE_STRENGTH * (log_softmax(x @ w[:4] + w[4], axis=1) * one_hot).sum()
        )

    def slope(flat: np.ndarray) -> np.ndarray:
        w = flat.reshape(5, 3)
        wrong = np.exp(log_softmax(x @ w[:4] + w[4], axis=1)) - one_hot
        return np.concatenate(
            [w[:4] + INVERSE_STRENGTH * x.T @ wrong, INVERSE_STRENGTH * wrong.sum(0)[None]]
        ).ravel()

    assert check_grad(objective, slope, np.linspace(-1, 1, 15)) < 1e-4
    w = minimize(objective, np.zeros(15), jac=slope, options={"gtol": 1e-8}).x.reshape(5, 3)
    wanted = np.exp(log_softmax((test - mean) / std @ w[:4] + w[4], axis=1))
    found = linear_head(train, labels, test, seed=0)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, wanted, atol=2e-3)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-12)


def test_scale_shift_and_constant_features_do_not_matter_and_the_seed_draws_nothing():
    train, labels = drawn(30)
    test, _ = drawn(8, seed=1)
    found = linear_head(train, labels, test, seed=0)
    scaled = [np.c_[x * [10, 0.1, 3, 1e4] - 5, np.full(len(x), 4.2)] for x in (train, test)]
    np.testing.assert_allclose(linear_head(scaled[0], labels, scaled[1], seed=0), found, atol=1e-3)
    assert np.array_equal(linear_head(train, labels, test, seed=3), found)
    single = linear_head(train.astype(np.float32), labels, test.astype(np.float32), seed=0)
    np.testing.assert_allclose(single, found, atol=1e-3)


def test_it_learns_and_shuffled_labels_do_not_help():
    train, labels = drawn(90)
    test, truth = drawn(90, seed=1)
    assert (linear_head(train, labels, test, seed=0).argmax(1) == truth).mean() > 0.9
    shuffled = np.random.default_rng(0).permutation(labels)
    assert (linear_head(train, shuffled, test, seed=0).argmax(1) == truth).mean() < 0.7


def test_classes_without_rows_have_probability_0():
    train, labels = drawn(30)
    rows = labels != 1
    found = linear_head(train[rows], labels[rows], train, seed=0, n_classes=5)
    assert found.shape == (30, 5)
    assert (found[:, [1, 3, 4]] == 0).all()
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-12)
    assert linear_head(train, labels, train[:0], seed=0).shape == (0, 3)


def test_more_features_than_rows_converge():
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(20, 300)), rng.normal(size=(5, 300))
    found = linear_head(train, np.arange(20) % 4, test, seed=0)
    assert np.isfinite(found).all()
    assert (
        linear_head(train, np.arange(20) % 4, train, seed=0).argmax(1) == np.arange(20) % 4
    ).all()


@pytest.mark.parametrize(
    ("train", "labels", "test", "classes", "code"),
    [
        (np.zeros((4, 2)), np.array([0, 1, 0]), np.zeros((1, 2)), None, "wrong_feature_shapes"),
        (np.zeros((4, 2)), np.array([0, 1, 0, 1]), np.zeros((1, 3)), None, "wrong_feature_shapes"),
        (np.zeros((4, 2)), np.array([1, 1, 1, 1]), np.zeros((1, 2)), None, "too_few_classes"),
        (np.zeros((4, 2)), np.array([0, 1, 2, 1]), np.zeros((1, 2)), 2, "label_out_of_range"),
        (
            np.full((4, 2), np.nan),
            np.array([0, 1, 0, 1]),
            np.zeros((1, 2)),
            None,
            "features_not_finite",
        ),
    ],
)
def test_invalid_input_is_rejected(train, labels, test, classes, code):
    with pytest.raises(InputError) as caught:
        linear_head(train, labels, test, seed=0, n_classes=classes)
    assert caught.value.code == code
