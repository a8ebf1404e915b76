"""What the verdict says beside the numbers, and what is described without one."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fewray.presets import CROSSVAL_PRESETS, RECIPES, recipe_text
from fewray.storage.files import append_jsonl
from fewray.study.crossval.comparisons import described
from fewray.study.crossval.conclusion import answer
from fewray.study.crossval.design import analyses
from fewray.study.crossval.fold_generators import FoldGenerators, generator_facts
from fewray.study.statistics.compare import compare
from tests.helpers import OPTIONS


def compared(**verdicts: str) -> dict[str, Any]:
    return {arm: {"verdict": code, "text": f"{arm}: {code}."} for arm, code in verdicts.items()}


def test_the_conclusion_states_the_verdicts_and_the_warnings():
    found = answer(
        compared(none="harms", synthetic="helps"),
        "classic",
        ["no patients are known: all may be wrong"],
    )
    assert found == ("synthetic: helps.\nWarning: no patients are known: all may be wrong.")
    assert answer(compared(none="harms"), "pca", []) == "none: harms."


@pytest.mark.parametrize(
    ("word", "suspect"), [("helps", True), ("harms", False), ("no_evidence", False)]
)
def test_a_negative_control_that_helps_is_a_warning(word: str, suspect: bool):
    found = answer(compared(synthetic="helps", shuffled=word), "classic", [])
    assert ("negative control helps" in found and "suspect" in found) == suspect


def test_two_arms_are_described_where_both_ran_and_neither_is_the_reference():
    rng = np.random.default_rng(0)
    folds, groups = np.tile(np.arange(40) % 2, (1, 1)), np.arange(40)

    def of(*arms: str) -> dict[str, Any]:
        primary = analyses(OPTIONS.with_(arms=arms, reference=arms[0]))[0]
        correct = {c: rng.random((1, 2, 40)) < 0.6 for c in primary.conditions}
        found = described(primary, correct, folds, groups)
        by_arm = {c.arm: values for c, values in correct.items()}
        assert not described(
            primary, correct, folds, groups, same_ratio=False
        )  # unequal doses are not compared
        if found:
            wanted = compare(by_arm["pca"], by_arm["synthetic"], folds, groups)
            assert found == {
                "synthetic - pca": {"difference": wanted.difference, "ci": list(wanted.ci)}
            }
        return found

    assert of("classic", "pca", "synthetic")
    assert not of("classic", "synthetic")
    assert not of("pca", "synthetic", "classic")


def test_a_changed_recipe_is_named_with_its_changes():
    assert {name: recipe_text(options) for name, options in RECIPES.items()} == {
        name: name for name in RECIPES
    }
    gan = CROSSVAL_PRESETS["quick"].gan
    assert recipe_text(gan) == "quick with 16 epochs, 250 augmented images a class"
    assert recipe_text(RECIPES["quick"].with_(fit="pad")) == "quick"
    assert recipe_text(RECIPES["paper"].with_(batch_size=8)) == "paper with batch_size 8"


def test_generators_of_folds_that_chose_differently_are_all_named(tmp_path: Path):
    losses = dict.fromkeys(("loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2"), 0.5)
    rows = SimpleNamespace(classes=("a",))

    def facts(*recipes: str) -> dict[str, Any]:
        folds = []
        for fold, name in enumerate(recipes):
            folder, options = tmp_path / "-".join(recipes) / str(fold), RECIPES[name]
            (folder / "a").mkdir(parents=True)
            row = {"epoch": options.epochs, "step": 10, "images_seen": 80, **losses}
            append_jsonl(folder / "a/stats.jsonl", row)
            folds.append(
                FoldGenerators(folder=folder, train=rows, test=rows, options=options, seed=0)
            )  # pyright: ignore[reportArgumentType]
        return generator_facts(folds)["a"]

    found = facts("quick", "paper", "paper")
    assert (found["recipe"], found["recipes"], found["epochs"]) == (
        "paper or quick",
        {"paper": 2, "quick": 1},
        140,
    )
    assert facts("small", "small")["recipe"] == "small"
