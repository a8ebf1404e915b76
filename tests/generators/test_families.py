"""What every family of generators promises, whatever its networks."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fewray.compute.device import choose_precision
from fewray.config import (
    MOST_POOLED_CLASSES,
    AdversarialOptions,
    DiffusionOptions,
    GanOptions,
    PatchesOptions,
)
from fewray.errors import InputError
from fewray.generators import epochs
from fewray.generators.checkpoint import load_checkpoint, new_generator, save_checkpoint
from fewray.generators.families import diffusion, patches
from fewray.generators.family import Family
from fewray.generators.summary import summarise_recipe
from fewray.presets import RECIPES
from tests.helpers import noise_images, one_image_seen, refused

CPU = torch.device("cpu")
SMALL = {
    "dcgan": GanOptions(recipe="test", base_channels=4, epochs=2, batch_size=4, classic_images=0),
    "diffusion": GanOptions(
        recipe="test",
        family="diffusion",
        epochs=2,
        batch_size=16,
        classic_images=0,
        learning_rate=1e-3,
        ema_half_life=2000.0,
        diffusion=DiffusionOptions(channels=(8, 16), blocks=1, sampling_steps=3, muon_rate=6e-3),
    ),
    "diffusion, ambient, from a layout": GanOptions(
        recipe="test",
        family="diffusion",
        epochs=2,
        batch_size=16,
        classic_images=0,
        diffusion=DiffusionOptions(
            channels=(8, 16), blocks=1, ambient_sigma=0.7, sampling_steps=3, layout_sigma=2.0
        ),
    ),
    "gan": GanOptions(
        recipe="test",
        family="gan",
        epochs=2,
        batch_size=16,
        classic_images=0,
        latent="normal",
        latent_dim=8,
        learning_rate=1e-3,
        ema_half_life=200.0,
        adversarial=AdversarialOptions(channels=(8, 16)),
    ),
    "patches": GanOptions(
        recipe="test",
        family="patches",
        epochs=2,
        classic_images=0,
        patches=PatchesOptions(patch=7, window=1, passes=1),
    ),
}
KNOWN = one_image_seen()


@pytest.fixture(autouse=True)
def short_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epochs, "EPOCH_IMAGES", 32)
    monkeypatch.setattr(patches, "CALIBRATION", 4)
    monkeypatch.setattr(patches, "PART", 2)


@pytest.fixture(params=SMALL)
def options(request: pytest.FixtureRequest) -> GanOptions:
    return SMALL[request.param]


def new(options: GanOptions, seed: int = 0) -> Family:
    return new_generator(options, seed=seed, device=CPU)


def fitted(options: GanOptions, images: np.ndarray, *, seed: int = 0, precision: str = "fp32"):
    found = new(options, seed)
    ticks = list(found.fit(images, precision=precision))
    assert [tick.epoch for tick in ticks] == [1, 2]
    assert all(tick.finite for tick in ticks)
    assert found.is_finite()
    return found


def same(one: Family, other: Family) -> bool:
    left, right = one.tensors(), other.tensors()
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_seed_decides_the_weights(options: GanOptions, precision: str):
    images = noise_images(5)
    one, again = (fitted(options, images, precision=precision) for _ in range(2))
    assert same(one, again)
    assert not same(one, fitted(options, images, seed=1, precision=precision))


def test_training_leaves_the_global_random_state_alone(options: GanOptions):
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    fitted(options, noise_images(2)).sample([1])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_loaded_checkpoint_continues_to_the_same_bits(options: GanOptions, tmp_path: Path):
    images = noise_images(5)
    begun = new(options)
    next(iter(begun.fit(images)))
    save_checkpoint(begun, tmp_path / "c.safetensors", KNOWN)
    resumed = load_checkpoint(tmp_path / "c.safetensors", CPU)
    assert same(resumed, begun)
    assert resumed.epoch == 1
    assert len(list(resumed.fit(images))) == 1
    assert same(resumed, fitted(options, images))


@pytest.mark.parametrize("count", [1, 5])
def test_few_images_train_and_an_image_is_a_function_of_its_seed(options: GanOptions, count: int):
    found = fitted(options, noise_images(count))
    images = found.sample([3, 4, 5])
    assert (images.shape, images.dtype) == ((3, 1, 64, 64), np.uint8)
    copies = count == 1 and options.made_of_training_images
    assert len({image.tobytes() for image in images}) == (1 if copies else 3)
    alone = found.sample([4])[0].astype(int)
    in_bf16 = options.family == "diffusion" and choose_precision(CPU) == "bf16"
    assert np.abs(alone - images[1]).max() <= (3 if in_bf16 else 1)
    assert found.sample([]).shape == (0, 1, 64, 64)


@pytest.mark.parametrize(
    "bad", [noise_images(0), noise_images(2, 32), noise_images(2).astype(float)]
)
def test_images_of_another_form_are_refused(options: GanOptions, bad: np.ndarray):
    with pytest.raises(InputError) as raised:
        next(iter(new(options).fit(bad)))
    assert raised.value.code == "images_shape"


def test_a_size_that_the_network_cannot_make_is_refused():
    for options, size in ((SMALL["dcgan"], 128), (SMALL["diffusion"], 66), (SMALL["patches"], 66)):
        with pytest.raises(InputError) as raised:
            new(options.with_(image_size=size))
        assert raised.value.code == "image_size_unsupported"


def test_in_fp32_an_image_hardly_depends_on_its_batch(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(diffusion, "choose_precision", lambda device, name: "fp32")
    found = fitted(SMALL["diffusion"], noise_images(5))
    together, alone = found.sample([3, 4, 5])[1].astype(int), found.sample([4])[0]
    assert np.abs(together - alone).max() <= 1


def test_a_pooled_generator_refuses_too_many_classes():
    count = MOST_POOLED_CLASSES + 1
    with pytest.raises(InputError) as raised:
        next(iter(new(SMALL["diffusion"]).fit(noise_images(count), np.arange(count))))
    assert raised.value.code == "too_many_classes"


@pytest.mark.parametrize("name", ["diffusion", "diffusion_quick"])
def test_the_table_of_layers_has_every_parameter(name: str):
    options = RECIPES[name]
    (table,) = summarise_recipe(options).values()
    network = diffusion.new_network(options)
    assert table.params == sum(p.numel() for p in network.parameters())


def test_classes_do_not_share_their_noise():
    found = fitted(SMALL["diffusion"], noise_images(5))
    first = found.sample([1, 2]).astype(float)
    found.class_index = 1
    second = found.sample([1, 2]).astype(float)
    across = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(first, second, strict=True)]
    assert max(np.abs(across)) < 0.2, across


@pytest.mark.parametrize(("size", "levels"), [(128, 2), (128, 1), (256, 3)])
@pytest.mark.parametrize("more", [{"layout_sigma": 2.0}, {"ambient_sigma": 0.7}])
def test_larger_images_are_transformed_more_often(size: int, levels: int, more: dict[str, float]):
    options = SMALL["diffusion"].at_size(size).with_(epochs=1)
    options = options.with_(diffusion=options.diffusion.with_(haar_levels=levels, **more))
    found = new(options)
    assert found.network.first.in_channels == 4**levels
    (tick,) = found.fit(noise_images(3, size))
    assert tick.values["loss"] > 0
    images = found.sample([1])
    assert images.shape == (1, 1, size, size)
    assert np.isfinite(found.recognition(images)).all()
    again = new(options)
    again.load_tensors(found.tensors())
    assert np.array_equal(again.sample([1]), images)


def test_noise_levels_have_a_scale(monkeypatch: pytest.MonkeyPatch):
    """Images of twice the noise and no network to tell them apart: all levels are twice as high."""
    seen: list[np.ndarray] = []

    def loss(network: object, clean: torch.Tensor, sigma: torch.Tensor, *_: object, **more: float):
        seen.append(np.append(sigma.numpy(), more.get("ambient_sigma", 0)))
        return sum(p.sum() for p in found.network.parameters()) * torch.zeros(len(clean))

    def solved(network: object, noisy: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        seen.append(levels.numpy())
        return noisy

    monkeypatch.setattr(diffusion, "denoising_loss", loss)
    monkeypatch.setattr(diffusion, "solve", solved)
    calls = []
    for scale in (1.0, 2.0):
        options = SMALL["diffusion"].with_(epochs=1)
        own = options.diffusion.with_(noise_scale=scale, ambient_sigma=0.7, layout_sigma=0.0)
        found = new(options.with_(diffusion=own))
        list(found.fit(noise_images(3)))
        found.sample([1])
        found.recognition(noise_images(1))
        calls.append(np.concatenate(seen))
        seen.clear()
    assert len(calls[0]) > 32
    assert calls[1] == pytest.approx(2 * calls[0], rel=1e-5)


def test_a_transform_that_does_not_fit_is_refused():
    options = SMALL["diffusion"].with_(image_size=96)
    with pytest.raises(InputError) as raised:
        new(options.with_(diffusion=options.diffusion.with_(haar_levels=5)))
    assert raised.value.code == "image_size_unsupported"


def test_diffusion_learns_two_flat_images(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(epochs, "WARM_UP", 10)
    images = np.repeat(np.array([40, 210], np.uint8), 16 * 16).reshape(2, 1, 16, 16)
    options = SMALL["diffusion"].with_(
        image_size=16,
        epochs=150,
        learning_rate=4e-3,
        diffusion=DiffusionOptions(channels=(8, 16), blocks=1, dropout=0.0, sampling_steps=12),
    )
    found = new(options)
    losses = [tick.values["loss"] for tick in found.fit(images)]
    assert losses[-1] < 0.3 * losses[0]
    means = found.sample(list(range(12))).mean((1, 2, 3))
    assert (np.abs(means[:, None] - [40, 210]).min(1) < 30).all(), means


def test_a_walk_begins_and_ends_at_the_images_of_its_seeds(options: GanOptions):
    if options.family == "patches":
        pytest.skip("patches have no latents")
    found = fitted(options, noise_images(8))
    walked = found.walk(3, 4, [0.0, 0.5, 1.0]).astype(int)
    ends = found.sample([3, 4]).astype(int)
    assert walked.shape == (3, *ends.shape[1:])
    assert np.abs(walked[[0, 2]] - ends).max() <= 2
    assert (walked[1] != walked[0]).any()
    assert (found.walk(3, 3, [0.5]) == found.walk(3, 3, [0.0])).mean() > 0.99


def test_collages_have_nothing_in_between():
    with refused("no_interpolation"):
        new(SMALL["patches"]).walk(0, 1, [0.5])
