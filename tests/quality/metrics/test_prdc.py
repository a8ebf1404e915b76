"""Precision, recall, density, coverage, authenticity: by hand, against plain loops, at the edges."""

import numpy as np
import pytest
import torch

from fewray.errors import InputError
from fewray.quality.metrics.prdc import neighbour_metrics, squared_distances


def by_loops(x: np.ndarray, y: np.ndarray, k: int) -> dict[str, float]:
    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.linalg.norm(a - b))

    def radius(points: np.ndarray, i: int, k: int) -> float:
        return sorted(distance(points[i], points[j]) for j in range(len(points)) if j != i)[k - 1]

    n, m = len(x), len(y)
    rx, ry = [radius(x, i, k) for i in range(n)], [radius(y, j, k) for j in range(m)]
    d = np.array([[distance(a, b) for b in y] for a in x])
    authentic = 0
    for j in range(m):
        i = int(d[:, j].argmin())
        authentic += d[i, j] > radius(x, i, 1)
    inside = d <= np.array(rx)[:, None]
    return {
        "precision": float(inside.any(0).mean()),
        "recall": float((d <= np.array(ry)).any(1).mean()),
        "density": float(inside.sum() / (k * m)),
        "coverage": float(inside.any(1).mean()),
        "auth_pct": 100 * authentic / m,
    }


@pytest.mark.parametrize(
    ("n", "m", "d", "k"),
    [(30, 40, 3, 5), (41, 17, 8, 3), (9, 60, 2, 1), (6, 6, 4, 5), (200, 150, 4, 40)],
)
def test_agrees_with_plain_loops(n: int, m: int, d: int, k: int):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(n, d)), rng.normal(0.4, 1.1, size=(m, d))
    found = neighbour_metrics(x, y, k=k)
    for name, value in by_loops(x, y, k).items():
        assert getattr(found, name) == pytest.approx(value, abs=1e-12), name


def test_blocks_do_not_change_the_figures(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(100, 5)), rng.normal(size=(130, 5))
    whole = neighbour_metrics(x, y)
    monkeypatch.setattr("fewray.quality.metrics.prdc.BLOCK", 7)
    assert neighbour_metrics(x, y) == whole


def test_by_hand_on_a_line():
    x, y = np.array([[0.0], [1.0], [2.0], [10.0]]), np.array([[0.5], [30.0]])
    found = neighbour_metrics(x, y, k=1)  # radii of x: 1, 1, 1, 8; of y: 29.5
    assert (found.precision, found.recall, found.density, found.coverage) == (0.5, 1.0, 1.0, 0.5)
    assert found.auth_pct == 50.0  # 0.5 is nearer to 0 than 1 is; 30 is farther from 10 than 2 is


def test_copies_are_never_authentic_and_far_points_always():
    x = np.random.default_rng(0).normal(size=(50, 10))
    assert neighbour_metrics(x, x.copy()).auth_pct == 0
    far = neighbour_metrics(x, x + 100)
    assert (far.auth_pct, far.precision, far.recall, far.coverage) == (100, 0, 0, 0)


def test_one_image_repeated_has_no_recall():
    x = np.random.default_rng(0).normal(size=(50, 10))
    found = neighbour_metrics(x, np.repeat(x[:1], 40, 0))
    assert found.precision == 1
    assert found.recall == 1 / 50
    assert found.auth_pct == 0


@pytest.mark.parametrize(("n", "m", "k"), [(2, 2, 1), (2, 50, 1), (50, 3, 2), (50, 50, 5)])
def test_k_is_lowered_to_fit(n: int, m: int, k: int):
    rng = np.random.default_rng(0)
    assert neighbour_metrics(rng.normal(size=(n, 4)), rng.normal(size=(m, 4))).k == k


@pytest.mark.parametrize(("n", "d"), [(30, 64), (60, 256)])
def test_the_edge_of_a_ball_belongs_to_it_whatever_the_rounding(n: int, d: int):
    """Of a set against itself each point lies in its own ball and, as the k-th neighbour, on the edge of others."""
    x = np.random.default_rng(0).standard_normal((n, d))
    assert neighbour_metrics(x, x, k=5).density == pytest.approx(1.2, abs=1e-12)


def test_equal_rows_are_at_distance_nought_whatever_their_length():
    x = torch.from_numpy(np.random.default_rng(0).normal(1e3, 1, size=(20, 1280)))
    assert (squared_distances(x, x.clone()).diag() == 0).all()


def test_too_few_rows_are_refused():
    with pytest.raises(InputError, match="real features"):
        neighbour_metrics(np.zeros((1, 4)), np.zeros((5, 4)))
    with pytest.raises(InputError, match="same extractor"):
        neighbour_metrics(np.zeros((5, 4)), np.zeros((5, 3)))
