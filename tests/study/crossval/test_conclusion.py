"""The conclusion, the warning about the negative control, and pairs described without a verdict."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from fewray.presets import CROSSVAL_PRESETS, RECIPES, recipe_text
from fewray.results.crossval import Comparison, GeneratorSummary, PairDifference
from fewray.storage.files import append_jsonl
from fewray.study.crossval.comparisons import Outcomes, conclude, control_warnings, described_pairs
from fewray.study.crossval.design import analyses
from fewray.study.crossval.fold_generators import FoldGenerators, GeneratorKey, summaries
from tests.helpers import OPTIONS


def compared(**verdicts: str) -> dict[str, Comparison]:
    found = {
        arm: SimpleNamespace(verdict=code, text=f"{arm}: {code}.") for arm, code in verdicts.items()
    }
    return cast(Any, found)


def test_the_conclusion_is_about_synthetic_images_if_they_were_compared():
    found = conclude(compared(no_augmentation="harms", synthetic="helps"), "classic")
    assert found.reference == "classic"
    assert [(verdict.arm, verdict.verdict) for verdict in found.verdicts] == [
        ("synthetic", "helps")
    ]
    assert found.text == "synthetic: helps."
    assert conclude(compared(no_augmentation="harms"), "pca").text == "no_augmentation: harms."


@pytest.mark.parametrize(("code", "count"), [("helps", 1), ("harms", 0), ("no_evidence", 0)])
def test_a_negative_control_that_helps_is_a_warning(code: str, count: int):
    found = control_warnings(compared(synthetic="helps", shuffled=code), "classic")
    assert [warning.code for warning in found] == ["negative_control_helps"] * count
    assert control_warnings(compared(synthetic="helps"), "classic") == []


def test_two_arms_are_described_if_both_ran_and_neither_is_the_reference():
    rng = np.random.default_rng(0)

    def of(*arms: str) -> tuple[PairDifference, ...]:
        primary = analyses(OPTIONS.with_(arms=arms, reference=arms[0]))[0]
        outcomes = Outcomes(
            correct={c: rng.random((1, 2, 40)) < 0.6 for c in primary.conditions},
            folds=np.tile(np.arange(40) % 2, (1, 1)),
            groups=np.arange(40),
        )
        assert described_pairs(primary, outcomes, same_ratio=False) == ()
        found = described_pairs(primary, outcomes, same_ratio=True)
        if found:
            by_arm = {condition.arm: condition for condition in primary.conditions}
            wanted = outcomes.compare(by_arm["synthetic"], by_arm["pca"])
            assert found == (
                PairDifference(
                    arm="synthetic", other="pca", difference=wanted.difference, ci=wanted.ci
                ),
            )
        return found

    assert of("classic", "pca", "synthetic")
    assert not of("classic", "synthetic")
    assert not of("pca", "synthetic", "classic")


def test_a_changed_recipe_is_named_with_its_changes():
    assert {name: recipe_text(options) for name, options in RECIPES.items()} == {
        name: name for name in RECIPES
    }
    assert recipe_text(CROSSVAL_PRESETS["quick"].gan) == "diffusion_quick"
    gan = RECIPES["quick"].with_(fit="pad", epochs=16, classic_images=250)
    assert recipe_text(gan) == "quick: 16 epochs, 250 augmented images added per class"
    assert recipe_text(RECIPES["quick"].with_(fit="pad")) == "quick"
    assert recipe_text(RECIPES["paper"].with_(batch_size=8)) == "paper: batch_size 8"
    diffusion = RECIPES["diffusion"]
    changed = diffusion.with_(diffusion=diffusion.diffusion.with_(blocks=1))
    assert recipe_text(changed) == "diffusion: diffusion.blocks 1"


def test_all_recipes_that_the_folds_selected_are_named(tmp_path: Path):
    losses = dict.fromkeys(("loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2"), 0.5)
    rows = cast(Any, SimpleNamespace(classes=("a",)))

    def summary(*recipes: str) -> GeneratorSummary:
        folds = []
        for fold, name in enumerate(recipes):
            folder, options = tmp_path / "-".join(recipes) / str(fold), RECIPES[name]
            (folder / "a").mkdir(parents=True)
            row = {
                "epoch": options.epochs,
                "epochs": options.epochs,
                "batches": 10,
                "step": 10,
                "images_seen": 80,
                "seconds": 1.0,
                **losses,
            }
            append_jsonl(folder / "a/stats.jsonl", row)
            folds.append(
                FoldGenerators(
                    key=GeneratorKey(0, fold, 0),
                    folder=folder,
                    train=rows,
                    test=rows,
                    options=options,
                    seed=0,
                )
            )
        return summaries(folds)["a"]

    found = summary("quick", "paper", "paper")
    assert (found.recipe, found.recipes, found.epochs) == (
        "paper or quick",
        {"paper": 2, "quick": 1},
        140,
    )
    assert summary("small", "small").recipe == "small"
