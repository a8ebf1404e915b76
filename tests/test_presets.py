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


def test_auto_chooses_by_size_device_and_number_of_classes():
    four = {"a": 60, "b": 70, "c": 70, "d": 70}
    options, why = choose_recipe(four)
    assert options == recipe("diffusion")
    assert "diffusion" in why
    assert choose_recipe(four, image_size=128)[0] == recipe("diffusion").with_(image_size=128)
    assert choose_recipe(four, image_size=512)[0].recipe == "diffusion"
    assert choose_recipe(four, image_size=264)[0].recipe == "diffusion_quick"  # 8 x 33
    assert choose_recipe(four, image_size=264, on_gpu=True)[0].recipe == "diffusion"
    many = dict.fromkeys(map(str, range(MOST_POOLED_CLASSES + 1)), 60)
    assert not choose_recipe(many)[0].pooled
    del many["0"]
    assert choose_recipe(many)[0].pooled
    assert "b (5)" in choose_recipe({"a": 60, "b": 5})[1]


@pytest.mark.parametrize(
    ("size", "levels"), [(16, 1), (64, 1), (96, 1), (128, 2), (200, 1), (192, 2), (512, 4)]
)
def test_large_images_are_transformed_down_to_32_pixels(size: int, levels: int):
    assert DiffusionOptions().levels(size) == levels
    assert DiffusionOptions(haar_levels=3).levels(size) == 3


def test_the_recipe_may_be_auto_in_a_study_and_in_training():
    rows = manifest_of("a", "b", "b")
    options, why = with_auto_recipe(preset_options(image_size=128), rows, "cpu")
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
