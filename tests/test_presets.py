"""Options survive JSON; recipe `paper` has the paper's values."""

import json
import math

import pytest

from fewray.config import (
    MOST_POOLED_CLASSES,
    ClassicAugmentation,
    DiffusionOptions,
    GanOptions,
    Options,
    PublishedOptions,
)
from fewray.errors import InputError
from fewray.generators.checkpoint import batches_per_epoch
from fewray.pipelines.train_generators import recipe_for
from fewray.presets import (
    PUBLISHED_PRESETS,
    RECIPES,
    check_recipe,
    choose_recipe,
    recipe,
    recipe_scores,
    recipe_text,
)
from fewray.study.crossval.design import candidates
from fewray.study.options import preset_options, with_auto_recipe
from tests.helpers import manifest_of, refused


@pytest.mark.parametrize(
    "options", [*RECIPES.values(), *PUBLISHED_PRESETS.values()], ids=lambda o: type(o).__name__
)
def test_options_survive_json(options: GanOptions | PublishedOptions):
    plain = json.loads(json.dumps(options.to_json()))
    assert plain == options.to_json()
    assert type(options).from_json(plain) == options


def test_unknown_options_and_recipes_are_errors():
    with pytest.raises(InputError, match="ratio"):
        ClassicAugmentation.from_json({"ratio": 1})
    with pytest.raises(InputError, match="paper, small, quick"):
        recipe("papre")


def test_recipe_paper_has_the_paper_s_values():
    paper = recipe("paper")
    assert (paper.batch_size, paper.epochs) == (32, 200)
    assert (paper.latent_dim, paper.latent) == (100, "uniform")
    assert (paper.learning_rate, paper.beta1, paper.beta2) == (2e-4, 0.5, 0.999)
    assert paper.init_std == 0.02
    assert (paper.classic_images, paper.fit, paper.ema_half_life) == (1000, "squash", 0.0)
    assert paper.augmentation.flip_repeats == 2
    assert {batches_per_epoch(n + 1000, paper) for n in (60, 70)} == {34}


def test_auto_chooses_by_the_number_of_classes_and_warns():
    four = {"a": 60, "b": 70, "c": 70, "d": 70}
    options, why = choose_recipe(four)
    assert options == recipe("diffusion")
    assert "diffusion" in why
    assert choose_recipe(four, image_size=128)[0] == recipe("diffusion", 128)
    assert choose_recipe(four, 64)[1] != choose_recipe(four, 128)[1]
    many = dict.fromkeys(map(str, range(MOST_POOLED_CLASSES + 1)), 60)
    assert not choose_recipe(many)[0].pooled
    del many["0"]
    assert choose_recipe(many)[0].pooled
    assert "b (5)" in choose_recipe({"a": 60, "b": 5})[1]


@pytest.mark.parametrize(
    ("size", "levels", "side"),
    [(16, 1, 8), (64, 1, 32), (96, 1, 48), (128, 2, 32), (192, 2, 48), (1024, 5, 32)],
)
def test_the_network_of_a_diffusion_model_hardly_grows_with_the_images(
    size: int, levels: int, side: int
):
    options = recipe("diffusion", size)
    assert (options.image_size, options.diffusion.haar_levels) == (size, levels)
    assert size / 2**levels == side
    assert options.diffusion.noise_scale == max(1, size / 64)
    assert options.at_size(64) == recipe("diffusion")
    assert recipe_text(options) == ("diffusion" if size == 64 else f"diffusion: {size} px images")


def test_a_run_without_haar_levels_in_its_options_had_one():
    stored = recipe("diffusion").with_(image_size=128).to_json()
    del stored["diffusion"]["haar_levels"], stored["diffusion"]["noise_scale"]
    read = GanOptions.from_json(stored)
    assert (read.diffusion.haar_levels, read.diffusion.noise_scale) == (1, 1.0)
    assert "haar_levels 1" in recipe_text(read)


def test_the_recipe_may_be_auto_in_a_study_and_in_training():
    rows = manifest_of("a", "b", "b")
    options, why = with_auto_recipe(preset_options(image_size=128), rows)
    assert (options.gan.recipe, options.gan.image_size, options.gan.fit) == (
        "diffusion",
        128,
        "pad",
    )
    assert "a (1), b (2)" in why
    assert recipe_for(rows, "paper") == (recipe("paper"), "")
    check_recipe("auto")
    with pytest.raises(InputError) as raised:
        check_recipe("automatic")
    assert raised.value.code == "unknown_value"


def test_the_image_size_holds_for_generators_and_classifiers():
    options = preset_options(image_size=128)
    assert options.gan.image_size == options.classifier.image_size == 128
    chosen = preset_options(image_size=128, select="recipe", candidates=("diffusion", "patches"))
    assert {each.gan.image_size for each in candidates(chosen).values()} == {128}
    with pytest.raises(InputError) as raised:
        preset_options(protocol="published", image_size=128)
    assert raised.value.code == "option_of_other_protocol"


def test_what_was_measured_is_of_known_recipes():
    scores = recipe_scores()
    assert {"diffusion", "patches"} <= scores.keys() <= RECIPES.keys()
    assert all(0 <= each["accuracy"] <= 1 and each["seeds"] for each in scores.values())


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (GanOptions, {"learning_rate": math.inf}),
        (GanOptions, {"beta1": 2.0}),
        (GanOptions, {"beta2": math.nan}),
        (GanOptions, {"init_std": math.nan}),
        (GanOptions, {"dropout": (2.0, 0.0, 0.0)}),
        (GanOptions, {"image_size": 100_000}),
        (DiffusionOptions, {"muon_rate": math.inf}),
        (DiffusionOptions, {"noise_mean": math.nan}),
    ],
)
def test_options_outside_their_range_are_refused(kind: type[Options], changes: dict[str, object]):
    with refused("out_of_range"):
        kind(**changes)
