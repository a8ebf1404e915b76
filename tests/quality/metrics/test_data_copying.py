"""C_T: closed forms, scipy's U, its distribution without copying, copies, cells and patients."""

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu

from fewray.data.loading import load_dataset
from fewray.imaging.arrays import load_images
from fewray.quality.features.load import load_extractor
from fewray.quality.metrics.data_copying import CellScore, data_copying, weighted


def rows(n: int, seed: int, d: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (n, d))


def score(*sides: np.ndarray, **options) -> float:
    found = data_copying(*sides, **options)
    assert found is not None
    return found.c_t


def nearest(x: np.ndarray, train: np.ndarray) -> np.ndarray:
    return ((x[:, None] - train[None]) ** 2).sum(2).min(1)


def test_one_cell_is_the_z_score_of_scipys_u():
    train, held_out, fake = rows(30, 0), rows(9, 1), rows(70, 2)
    found = data_copying(train, held_out, fake)
    assert found is not None
    u = mannwhitneyu(nearest(fake, train), nearest(held_out, train)).statistic
    expected = (u - 9 * 70 / 2) / np.sqrt(9 * 70 * 80 / 12)
    assert found.c_t == pytest.approx(expected, rel=1e-9)
    assert found.cells == (CellScore(z=found.c_t, held_out=9),)
    assert found.sd == 1


def test_all_nearer_all_farther_and_all_equal():
    """U is 0, n m and n m / 2; with nine held-out images, C_T cannot fall below -5.2."""
    train, held_out = np.zeros((5, 2)), np.tile([[1.0, 0.0]], (9, 1))
    end = (9 * 1000 / 2) / np.sqrt(9 * 1000 * 1010 / 12)
    for distance, expected in ((0.5, -end), (2.0, end), (1.0, 0.0)):
        fake = np.tile([[distance, 0.0]], (1000, 1))
        assert score(train, held_out, fake) == pytest.approx(expected, abs=1e-9)
    assert end == pytest.approx(5.17, abs=0.01)


@pytest.mark.parametrize(("held", "made"), [(4, 30), (9, 100), (14, 60), (200, 300)])
def test_without_copying_the_mean_is_0_and_the_sd_as_stated(held: int, made: int):
    """Over 200 draws; 0 within four standard errors, the SD within four of its own."""
    draws, found = 200, []
    for seed in range(draws):
        every = rows(60 + held + made, (seed, held))
        found.append(data_copying(every[:60], every[60 : 60 + held], every[60 + held :]))
    assert all((len(each.cells) > 1) == (held >= 80) for each in found)
    z = np.array([each.c_t / each.sd for each in found])
    assert abs(z.mean()) < 4 / np.sqrt(draws)
    assert abs(z.std(ddof=1) - 1) < 4 / np.sqrt(2 * draws)


def test_copies_are_strongly_negative_and_far_images_positive():
    train, held_out = rows(60, 0), rows(14, 1)
    rng = np.random.default_rng(2)
    copies = train[rng.integers(0, 60, 200)] + rng.normal(0, 0.05, (200, 4))
    assert score(train, held_out, copies) < -5
    half = np.concatenate([copies[:100], rows(100, 3)])
    assert -5 < score(train, held_out, half) < -1
    assert score(train, held_out, rows(200, 4) + 3) > 4
    assert abs(score(train, held_out, rows(200, 5))) < 3


def test_copies_in_one_part_of_feature_space_are_found_by_cells():
    """One of four clusters is copied, and the others are slightly too far: one cell averages them."""
    rng = np.random.default_rng(0)
    centres = 20 * np.eye(4)

    def cluster(n: int, of: int, spread: float = 1.0) -> np.ndarray:
        return centres[of] + rng.normal(0, spread, (n, 4))

    train, held_out = (np.concatenate([cluster(50, of) for of in range(4)]) for _ in range(2))
    fake = np.concatenate([cluster(50, 0, 0.0), *(cluster(50, of, 1.3) for of in range(1, 4))])
    fake[:50] = train[:50] + 1e-3
    found = data_copying(train, held_out, fake)
    assert found is not None
    assert len(found.cells) >= 4
    assert min(cell.z for cell in found.cells) < -5
    assert found.sd == pytest.approx(1 / np.sqrt(len(found.cells)), rel=0.2)


@pytest.mark.parametrize(("held", "made", "most"), [(9, 1000, 1), (79, 500, 1), (90, 500, 2), (500, 79, 1)])  # fmt: skip
def test_few_images_of_either_side_make_one_cell(held: int, made: int, most: int):
    found = data_copying(rows(60, 0), rows(held, 1), rows(made, 2))
    assert found is not None
    assert 1 <= len(found.cells) <= most
    if most == 1:
        assert found.cells[0].held_out == held


def test_cells_without_enough_of_both_are_left_out():
    """Synthetic images of one cluster only: the other cluster's held-out images do not count."""
    rng = np.random.default_rng(0)
    apart = np.array([[0.0] * 4, [50.0] * 4]).repeat(60, 0)
    train, held_out = (apart + rng.normal(0, 1, apart.shape) for _ in range(2))
    found = data_copying(train, held_out, rng.normal(0, 1, (200, 4)))
    assert found is not None
    assert sum(cell.held_out for cell in found.cells) <= 60
    same = data_copying(np.zeros((60, 4)), rows(100, 1), rows(100, 2))  # one centre for all cells
    assert same is not None
    assert len(same.cells) == 1


def test_several_images_of_a_patient_count_as_one():
    """The mean over all draws of one image per patient."""
    train, held_out, fake = rows(30, 0), rows(8, 1), rows(40, 2)
    patients = np.array(list("aabcddde"))
    found = score(train, held_out, fake, groups=(None, patients, None))
    draws = [score(train, held_out[[i, 2, 3, j, 7]], fake) for i in (0, 1) for j in (4, 5, 6)]
    assert found == pytest.approx(np.mean(draws), rel=1e-9)
    repeated = score(
        train, held_out.repeat(5, 0), fake, groups=(None, np.arange(8).repeat(5), None)
    )
    assert repeated == pytest.approx(score(train, held_out, fake), rel=1e-9)


def test_training_images_of_the_same_patient_are_passed_over():
    train, held_out, fake = rows(30, 0), rows(6, 1), rows(40, 2)
    known = np.array([f"t{i}" for i in range(30)])
    plain = score(train, held_out, fake)
    leaky = np.concatenate([train, held_out])
    names = np.array([f"h{i}" for i in range(6)])
    found = score(leaky, held_out, fake, groups=(np.concatenate([known, names]), names, None))
    # Held-out images are as far as before; a few synthetic ones are nearer to the added images.
    assert found <= plain + 1e-9
    assert score(leaky, held_out, fake) > found
    one = np.array(["a"] * 30)
    assert data_copying(train, held_out, fake, groups=(one, np.array(["a"] * 6), None)) is None


def test_with_fewer_than_four_patients_it_is_undefined():
    assert data_copying(rows(30, 0), rows(3, 1), rows(40, 2)) is None
    assert data_copying(rows(30, 0), rows(40, 1), rows(3, 2)) is None
    assert data_copying(rows(30, 0), rows(9, 1), rows(40, 2), groups=(None, np.zeros(9), None)) is None  # fmt: skip


def test_cells_are_weighted_by_their_held_out_patients():
    found = weighted([CellScore(z=-4.0, held_out=30), CellScore(z=0.0, held_out=10)])
    assert found.c_t == pytest.approx(-3)
    assert found.sd == pytest.approx(np.hypot(0.75, 0.25))


def test_tensors_and_float32_give_the_same():
    sides = rows(30, 0), rows(9, 1), rows(40, 2)
    tensors = [torch.from_numpy(side).float() for side in sides]
    assert data_copying(*tensors) == data_copying(*(t.numpy() for t in tensors))


def test_real_images_of_other_patients_score_0_and_their_copies_do_not(covid4):
    """Random splits of 70 radiographs by patient: 40 train, 10 held out, 20 pass for synthetic."""
    part = load_dataset("covid4").where(split="train", label="normal")
    images = load_images(part.paths(), 64, "squash")
    names = np.array([row.group for row in part.rows])
    features = load_extractor("pixels")(images).features
    moved = load_extractor("pixels")(np.roll(images, 1, axis=(2, 3))).features
    unseen, copied = [], []
    for seed in range(100):
        order = np.random.default_rng(seed).permutation(len(images))
        train, held_out, fake = np.split(order, [40, 50])
        groups = names[train], names[held_out], None
        unseen.append(score(*(features[at] for at in (train, held_out, fake)), groups=groups))
        sides = features[train], features[held_out], moved[train]
        copied.append(score(*sides, groups=groups))
    assert abs(np.mean(unseen)) < 4 / np.sqrt(100)
    assert 0.7 < np.std(unseen) < 1.3
    assert np.mean(np.array(copied) < -3) > 0.9
