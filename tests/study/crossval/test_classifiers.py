"""Training sets of the arms: what is in them, how often it is drawn, under which label; arms that must help or not."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.storage.jobs import JobStore
from fewray.study.crossval.classifiers import ClassifierJob, training_set
from fewray.study.crossval.design import ARMS, Condition, SelectedConfig, analyses
from fewray.study.crossval.image_sets import ArraysRead
from fewray.study.crossval.run import run_crossval
from tests.helpers import OPTIONS, SERIAL

LABELS = np.array([0, 0, 0, 1, 1, 0, 1])
TRAIN = np.array([0, 1, 2, 3, 4])


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    """Rows are 0..6, their versions 10 more, added images 100 and up, theirs 10 more."""
    made = JobStore(tmp_path)

    def flat(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(
            values.reshape(*values.shape, 1, 1, 1), (*values.shape, 1, 2, 2)
        ).astype(np.uint8)

    rows, added = np.arange(7), 100 + np.arange(8)
    made.save_array("rows", "r", flat(rows))
    made.save_array("augmented", "v", flat(np.stack([rows + 10] * 2, 1)))
    made.save_array("synthetic", "s", flat(added))
    made.save_array("pca", "p", flat(added + 50))
    made.save_array("synthetic-augmented", "s", flat(np.stack([added + 10] * 2, 1)))
    return made


def made_of(store: JobStore, arm: str, ratio: float = 1.0):
    condition = Condition(arm=arm, ratio=ratio)
    recipe = condition.recipe
    arrays = ArraysRead(
        rows="r",
        augmented="v" if recipe.classic else None,
        added={"pca": "p", "synthetic": "s"}.get(recipe.added),
        counts=(5, 3),
    )
    job = ClassifierJob(
        key="",
        condition=condition,
        train=TRAIN,
        test=TRAIN,
        labels=LABELS,
        arrays=arrays,
        classifier=OPTIONS.classifier,
        seed=0,
        name="",
    )
    found = training_set(job, store)
    return found, found.images[:, 0, 0, 0]


def test_real_rows_are_those_of_the_fold_and_count_once(store: JobStore):
    found, values = made_of(store, "no_augmentation")
    assert values.tolist() == TRAIN.tolist()
    assert found.labels.tolist() == [0, 0, 0, 1, 1]
    assert found.weights.tolist() == [1] * 5
    assert made_of(store, "mixup")[1].tolist() == TRAIN.tolist()


def test_versions_share_their_film_s_weight(store: JobStore):
    found, values = made_of(store, "classic")
    assert sorted(values.tolist()) == sorted([*TRAIN, *(TRAIN + 10), *(TRAIN + 10)])
    for row in TRAIN:
        mine = (values == row) | (values == row + 10)
        assert found.weights[mine].sum() == pytest.approx(1)
        assert set(found.labels[mine]) == {LABELS[row]}
    assert found.effective == 5


@pytest.mark.parametrize(("ratio", "counts"), [(1.0, (3, 2)), (0.5, (2, 1)), (1.5, (4, 3))])
def test_added_images_are_the_first_of_their_class(
    store: JobStore, ratio: float, counts: tuple[int, int]
):
    found, values = made_of(store, "synthetic", ratio)
    added = values >= 100
    assert values[added].tolist() == [*range(100, 100 + counts[0]), *range(105, 105 + counts[1])]
    assert found.labels[added].tolist() == [0] * counts[0] + [1] * counts[1]


def test_classic_and_synthetic_both_have_versions(store: JobStore):
    found, values = made_of(store, "classic+synthetic")
    assert found.weights.sum() == pytest.approx(10)
    assert found.weights[values >= 100].sum() == pytest.approx(5)
    assert ((values >= 110) & (found.labels == 0)).sum() == 2 * 3


def test_shuffled_labels_are_a_permutation_of_the_added_ones_only(store: JobStore):
    found, values = made_of(store, "shuffled")
    plain, _ = made_of(store, "synthetic")
    assert found.labels[values < 100].tolist() == plain.labels[values < 100].tolist()
    assert sorted(found.labels[values >= 100]) == sorted(plain.labels[values >= 100])


def test_oversampling_makes_classes_as_frequent(store: JobStore):
    found, _ = made_of(store, "oversample")
    weight = [found.weights[found.labels == k].sum() for k in (0, 1)]
    assert weight[0] == pytest.approx(weight[1])
    assert found.effective == 5


def test_pca_images_stand_in_for_synthetic_ones(store: JobStore):
    assert set(made_of(store, "pca")[1]) == {*TRAIN, 150, 151, 152, 155, 156}


def test_every_arm_is_described_and_compared_once():
    options = OPTIONS.with_(paper_classic=True, ratios=(0.5, 2.0), resnet=True, generator_repeats=2)
    made = analyses(options)
    assert [condition.arm for condition in made[0].conditions] == list(ARMS)
    assert made[0].reference.arm == "classic"
    names = [analysis.name for analysis in made]
    assert names == ["primary", "paper-classic", "ratio 0.5", "ratio 2", "resnet", "replicate 1"]
    assert len({c for a in made for c in a.conditions}) == sum(len(a.conditions) for a in made)


@pytest.mark.long
def test_an_arm_that_adds_information_is_found_and_shuffled_labels_know_nothing(tmp_path: Path):
    data = load_dataset("phantom:size=64,train=40,test=10,seed=1")
    easy = OPTIONS.classifier.with_(channels=(8, 16, 16), hidden=32, batch_size=32, steps=150)
    options = OPTIONS.with_(
        arms=("no_augmentation", "classic", "oversample"),
        reference="no_augmentation",
        classifier=easy,
        folds=4,
        seeds=3,
    )
    study = run_crossval(data, options, tmp_path / "honest", machine=SERIAL)
    assert (study.arms["no_augmentation"].auroc.value or 0) > 0.6
    rows = np.random.default_rng(0).permutation(len(data))
    labels = [data.rows[i].label for i in rows]
    shuffled = tuple(
        dataclasses.replace(row, label=label, group=str(i))
        for i, (row, label) in enumerate(zip(data.rows, labels, strict=True))
    )
    broken: Manifest = dataclasses.replace(data, rows=shuffled)
    found = run_crossval(broken, options, tmp_path / "broken", machine=SERIAL)
    for figures in found.arms.values():
        low, high = figures.auroc.ci
        assert low <= 0.5 <= high


def test_a_chosen_ratio_leaves_analyses_of_fixed_ratios_alone():
    options = OPTIONS.with_(select="ratio", candidates=("1", "3"), ratios=(1.0, 2.0))
    setting = SelectedConfig(ratio=3.0, gan=options.gan, name="3")
    by_name = {
        (c.analysis, c.arm): setting.applied_to(c, options).ratio
        for a in analyses(options)
        for c in a.conditions
    }
    assert by_name["primary", "synthetic"] == 3
    assert by_name["primary", "pca"] == 1
    assert by_name["ratio 1", "synthetic"] == 1
    assert by_name["ratio 2", "classic+synthetic"] == 2
