"""A linear head on frozen features of a pretrained network, as a baseline for classifiers."""

from __future__ import annotations

import numpy as np

from fewray.errors import InputError

INVERSE_STRENGTH = 1.0
"""scikit-learn's ``C``, which multiplies the summed cross-entropy; intercepts are not penalised.

It is the library's default for standardised features and was fixed before seeing any data.
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

    Returns probabilities float64 (m, k) of ``test_features`` (m, d); k is ``n_classes``, or one
    more than the largest label. Classes without training rows have probability 0. Features are
    standardised, in float64, by mean and standard deviation of the training rows. The L2 penalty is
    :data:`INVERSE_STRENGTH`. The solver (L-BFGS) is deterministic and does not use ``seed``. With
    more features than rows the classes are usually separable, and probabilities are overconfident.
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
            "wrong_feature_shapes",
            "linear head: expected features (n, d) and (m, d) and labels (n,), got "
            f"{train.shape}, {test.shape} and {labels.shape}",
            train=train.shape,
            test=test.shape,
            labels=labels.shape,
        )
    if len(np.unique(labels)) < 2:
        raise InputError(
            "too_few_classes",
            f"linear head: expected at least 2 classes in the {len(labels)} training rows",
            rows=len(labels),
        )
    k = int(labels.max()) + 1 if n_classes is None else n_classes
    if labels.min() < 0 or labels.max() >= k:
        raise InputError(
            "label_out_of_range",
            f"labels: expected 0 to {k - 1}, got {labels.min()} to {labels.max()}",
            low=int(labels.min()),
            high=int(labels.max()),
        )
    if not (np.isfinite(train).all() and np.isfinite(test).all()):
        raise InputError(
            "features_not_finite", "linear head: NaN or infinite features; extract them in fp32"
        )
    return k
