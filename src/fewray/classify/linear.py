"""A linear head on frozen features: the answer "just use a pretrained network" that a trained classifier is held against."""

from __future__ import annotations

import numpy as np

from fewray.errors import InputError

INVERSE_STRENGTH = 1.0
"""scikit-learn's ``C``: the summed cross-entropy is multiplied by it and half the squared norm of the weights is added.

It is the library's default on standardised features, fixed before any data were seen: nothing is chosen on test rows. The
intercepts are not penalised.
"""
MOST_ITERATIONS = 10_000


def linear_head(
    train_features: np.ndarray,
    labels: np.ndarray,
    test_features: np.ndarray,
    *,
    seed: int,
    n_classes: int | None = None,
) -> np.ndarray:
    """Fit multinomial logistic regression to ``train_features`` (n, d) and int ``labels`` (n,).

    Returns the probabilities float64 (m, k) of ``test_features`` (m, d); k is ``n_classes``, or one more than the largest
    label. Classes without a training row have probability 0. Features are standardised by the training rows' mean and
    standard deviation, in float64; those that are constant there become 0 in training. Strength of the L2 penalty:
    :data:`INVERSE_STRENGTH`. The solver (L-BFGS) is deterministic: ``seed`` is there for solvers that draw. With more
    features than rows the training rows are mostly separable, and probabilities are surer than they should be.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    train, test = (np.asarray(features, np.float64) for features in (train_features, test_features))
    k = _check(train, labels, test, n_classes)
    scaler = StandardScaler().fit(train)
    model = LogisticRegression(
        C=INVERSE_STRENGTH, max_iter=MOST_ITERATIONS, random_state=seed % 2**32
    )
    model.fit(scaler.transform(train), labels)
    probabilities = np.zeros((len(test), k))
    if len(test):
        probabilities[:, model.classes_] = model.predict_proba(scaler.transform(test))
    return probabilities


def _check(train: np.ndarray, labels: np.ndarray, test: np.ndarray, n_classes: int | None) -> int:
    """Return the number of classes."""
    if (
        train.ndim != 2
        or test.ndim != 2
        or train.shape[1] != test.shape[1]
        or labels.shape != train.shape[:1]
    ):
        raise InputError(
            f"linear head: features {train.shape} and {test.shape}, labels {labels.shape}; (n, d), (m, d) and (n,) are wanted"
        )
    if len(np.unique(labels)) < 2:
        raise InputError(
            f"linear head: {len(labels)} training rows of fewer than 2 classes; at least 2 are wanted"
        )
    k = int(labels.max()) + 1 if n_classes is None else n_classes
    if labels.min() < 0 or labels.max() >= k:
        raise InputError(f"labels: {labels.min()} to {labels.max()}; 0 to {k - 1} is wanted")
    if not (np.isfinite(train).all() and np.isfinite(test).all()):
        raise InputError("linear head: features that are no numbers; extract them in fp32")
    return k
