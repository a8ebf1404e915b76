"""Options survive JSON; recipe `paper` has the paper's values."""

import json

import pytest

from fewray.config import ClassicAugmentation, GanOptions, PublishedOptions
from fewray.errors import InputError
from fewray.generators.checkpoint import batches_per_epoch
from fewray.presets import PUBLISHED_PRESETS, RECIPES, recipe


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
