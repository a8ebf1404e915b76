"""A dry run lists all that a run does, and refuses what a run would refuse."""

from pathlib import Path

import pytest

from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.study.crossval.cohort import assemble_cohort
from fewray.study.crossval.inner_selection import inner_splits
from fewray.study.crossval.plan import plan_crossval
from tests.helpers import OPTIONS, SERIAL, noise_dataset, refused

ARMS = OPTIONS.with_(arms=("classic", "classic+synthetic"), seeds=2)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Sixteen films of one class, eight of the other: twelve and four, six and two inside the folds."""
    return load_dataset(noise_dataset(tmp_path_factory.mktemp("films") / "set", {"a": 16, "b": 8}))


@pytest.fixture(autouse=True)
def _a_second_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("classifier_step_seconds", "gan_step_seconds"):
        monkeypatch.setattr(f"fewray.study.crossval.plan.{name}", lambda *_: 1.0)


def test_choices_have_their_own_generators_and_classifiers_on_the_inner_rows(films: Manifest):
    plan = {
        row["job"]: row
        for row in plan_crossval(
            films, ARMS.with_(select="ratio", candidates=("1", "2")), machine=SERIAL
        )
    }
    classic = 2 * OPTIONS.gan.classic_images
    assert plan["generators, repeat-0-fold-0"]["images"] == 8 + 4 + classic
    assert plan["generators, repeat-0-fold-0 candidate"]["images"] == 6 + 3 + classic
    for choice, images in (("1", 2 * 9), ("2", 3 * 9)):
        row = plan[f"candidate {choice}, repeat-0-fold-1, 2 seeds"]
        assert (row["images"], row["steps"]) == (images, 2 * OPTIONS.classifier.steps)
    assert plan["synthetic images, copies replaced, repeat-0-fold-0"]["images"] == 2 * 12


def test_sets_of_larger_ratios_and_of_replicates_are_planned(films: Manifest):
    options = ARMS.with_(ratios=(0.5, 2.0), generator_repeats=2)
    plan = {row["job"]: row for row in plan_crossval(films, options, machine=SERIAL)}
    assert plan["synthetic images, copies replaced, repeat-0-fold-0"]["images"] == 12 + 2 * 12 + 12


def test_each_recipe_is_planned(films: Manifest, monkeypatch: pytest.MonkeyPatch):
    recipes = {"short": OPTIONS.gan.with_(epochs=1), "long": OPTIONS.gan.with_(epochs=5)}
    monkeypatch.setattr(
        "fewray.study.crossval.design.recipe", lambda name, size: recipes[name].at_size(size)
    )
    options = ARMS.with_(select="recipe", candidates=("short", "long"))
    plan = {row["job"]: row for row in plan_crossval(films, options, machine=SERIAL)}
    steps = {
        name: plan[f"generators, repeat-0-fold-0 candidate {name}"]["steps"] for name in recipes
    }
    assert steps["long"] == 5 * steps["short"]
    assert plan["generators, repeat-0-fold-0"]["steps"] >= steps["long"]


def test_what_is_not_timed_has_no_minutes_and_is_not_in_the_sum(films: Manifest):
    plan = plan_crossval(films, ARMS.with_(linear=True), machine=SERIAL)
    untimed = [row["job"] for row in plan if row["minutes"] is None]
    copies = [f"synthetic images, copies replaced, repeat-0-fold-{fold}" for fold in (0, 1)]
    assert untimed == [*copies, "pretrained features", "shortcut audit"]
    assert plan[-1]["job"] == "all with minutes, 1 in parallel"
    assert plan[-1]["steps"] == sum(row["steps"] for row in plan[:-1])
    assert plan[-1]["minutes"] == round(plan[-1]["steps"] / 60, 1)


def test_folds_too_small_to_choose_in_are_refused_before_anything_is_trained(tmp_path: Path):
    data = load_dataset(noise_dataset(tmp_path / "set", {"a": 12, "b": 6}))
    options = ARMS.with_(select="ratio", candidates=("1", "2"))
    message = (
        "--select ratio, .* repeat-0-fold-0 .*: each class needs at least 4 patients, but b has 3"
    )
    with refused("too_few_patients", message):
        plan_crossval(data, options, machine=SERIAL)
    with refused("too_few_patients", message):
        inner_splits(assemble_cohort(data, options), options)
