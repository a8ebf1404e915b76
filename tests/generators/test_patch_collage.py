"""The patch collage: its search against brute force, its layout, its exactness, small classes."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fewray.config import GanOptions, PatchesOptions
from fewray.errors import InputError
from fewray.generators.families import patches
from fewray.generators.families.patches import Patches
from fewray.generators.models.patch_collage import (
    amplify,
    assemble,
    detail_gains,
    details,
    enlarge,
    halve,
    nearest,
    patch_weights,
    places,
    pyramid,
    rearrange,
)
from tests.helpers import noise_images

CPU = torch.device("cpu")
FAST = PatchesOptions(passes=1, window=1)
QUICK = PatchesOptions(passes=2, window=2)


@pytest.fixture(autouse=True)
def few_calibration_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "CALIBRATION", 4)
    monkeypatch.setattr(patches, "PART", 4)


def grey(n: int, size: int, seed: int = 0) -> Tensor:
    """Return whole grey values float (n, size, size)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, size, size), generator=generator).float()


def smooth(n: int, size: int = 64) -> np.ndarray:
    """Return images without grain, uint8 (n, 1, size, size): noise of 8 pixels, enlarged."""
    coarse = grey(n, 8, seed=3)[:, None]
    large = functional.interpolate(coarse, size=(size, size), mode="bicubic").clamp(0, 255)
    return large.round().byte().numpy()


def fitted(images: np.ndarray, search: PatchesOptions = QUICK) -> Patches:
    options = GanOptions(
        recipe="test", family="patches", epochs=1, image_size=images.shape[2], patches=search
    )
    found = Patches(options, seed=0, device=CPU)
    (tick,) = found.fit(images)
    assert (tick.epoch, tick.images_seen, dict(tick.values)) == (1, len(images), {})
    return found


def test_the_nearest_patch_is_that_of_a_search_by_differences(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("fewray.generators.models.patch_collage.CANDIDATES", 20)
    known = (grey(6, 9) - 128).unfold(1, 5, 1).unfold(2, 5, 1)[:, 1:4]
    asked = grey(7, 5, seed=1) - 128
    assert known.shape == (6, 3, 5, 5, 5)
    distance = (asked[:, None, None, None] - known).square().sum((-1, -2)).flatten(1)
    image, row, column = nearest(asked, known, known.square().sum((-1, -2)) / 2)
    assert torch.equal(image * 15 + row * 5 + column, distance.argmin(1))


def test_of_equal_patches_the_first_is_returned(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("fewray.generators.models.patch_collage.CANDIDATES", 8)
    known = grey(1, 4).expand(6, 2, 2, 4, 4)
    found = nearest(grey(1, 4, seed=5), known, known.square().sum((-1, -2)) / 2)
    assert [int(each) for each in found] == [0, 0, 0]


@pytest.mark.parametrize("patch", [13, 18])
def test_the_search_is_exact_for_the_extreme_grey_values(patch: int):
    """Two patches differ from the one asked for by 1 and 2 grey levels in a single pixel."""
    asked = torch.full((1, patch, patch), -128.0)
    known = asked.expand(1, 2, 1, patch, patch).clone()
    known[0, 0, 0, 0, 0], known[0, 1, 0, 0, 0] = -126, -127
    halves = known.square().sum((-1, -2)) / 2
    assert [int(each) for each in nearest(asked, known, halves)] == [0, 1, 0]


@pytest.mark.parametrize("offset", [0, 3])
def test_without_overlap_every_patch_is_one_of_a_training_image(offset: int):
    """Tiles do not overlap where the stride is the patch; each comes from near its place."""
    search = {"patch": 8, "stride": 8, "window": 3}
    images, training = grey(2, 32, seed=1), grey(5, 32)
    made = rearrange(images, training, training, **search)
    windows = training.unfold(1, 8, 1).unfold(2, 8, 1)
    moved = set()
    for top in range(0, 32, 8):
        for left in range(0, 32, 8):
            rows, columns = (slice(max(0, at - 3), at + 4) for at in (top, left))
            part = windows[:, rows, columns]
            for image in made:
                tile = image[top : top + 8, left : left + 8]
                same = (part == tile).all(-1).all(-1)
                assert same.any()
                moved |= {tuple(each) for each in same.nonzero().tolist()}
    assert len(moved) > 10  # of several images and shifts
    assert not torch.equal(rearrange(images, training, training, **search, offset=offset + 1), made)


def test_patches_of_values_are_chosen_by_keys():
    keys, values = grey(3, 8), grey(3, 8, seed=2)
    made = rearrange(keys[[2, 0]], keys, values, patch=4, stride=4, window=0)
    assert torch.equal(made, values[[2, 0]])


@pytest.mark.parametrize(("size", "patch"), [(4, 2), (4, 13), (16, 2), (32, 13), (64, 18)])
def test_training_images_are_fixed_points_at_every_size(size: int, patch: int):
    """Patches that overlap agree, so their average is the image whatever their weights."""
    training = grey(2, size)
    search = {"patch": patch, "stride": min(patch, 6), "window": 1}
    for offset in (0, search["stride"] // 2):
        made = rearrange(training, training, training, **search, offset=offset)
        assert torch.equal(made, training)


@pytest.mark.parametrize(("highest", "stride", "offset"), [(51, 6, 0), (51, 6, 3), (0, 6, 3)])
def test_places_reach_both_borders_without_gaps(highest: int, stride: int, offset: int):
    found = places(highest, stride, offset)
    assert (found[0], found[-1]) == (0, highest)
    assert max(np.diff(found), default=0) <= stride


@pytest.mark.parametrize("patch", [2, 13, 18])
def test_weights_are_positive_whole_numbers_and_symmetric(patch: int):
    weights = patch_weights(patch)
    assert weights.shape == (patch, patch)
    assert (weights >= 1).all()
    assert torch.equal(weights, weights.round())
    assert torch.equal(weights, weights.flip(0))
    assert torch.equal(weights, weights.T)


def test_levels_are_means_of_four_pixels():
    images = grey(2, 64)
    levels = pyramid(images)
    assert [level.shape[1] for level in levels] == [16, 32, 64]
    assert torch.equal(halve(torch.tensor([[[1.0, 2.0], [3.0, 5.0]]])), torch.tensor([[[3.0]]]))
    assert [level.shape[1] for level in pyramid(grey(1, 100))] == [25, 50, 100]
    assert [level.shape[1] for level in pyramid(grey(1, 8))] == [2, 4, 8]


def test_enlarging_is_linear_interpolation():
    images = grey(2, 16)
    book = functional.interpolate(images[:, None], scale_factor=2, mode="bilinear")[:, 0]
    assert (enlarge(images) - book).abs().max() <= 0.5


def test_details_add_up_and_gains_undo_a_loss_of_detail():
    images = grey(3, 32)
    parts = details(images)
    torch.testing.assert_close(torch.stack(parts).sum(0), images)
    assert all(float(part.abs().max()) == 0 for part in details(torch.full((1, 8, 8), 7.0))[:-1])
    real = images / 4 + 90
    fine = details(real)
    duller = fine[0] / 2 + sum(fine[1:])
    gains = detail_gains(real, duller)
    assert gains.shape == (4, 32, 32)
    assert 1.5 < float(gains[0].min()) <= float(gains[0].max()) <= 2.0
    assert (gains[0] > gains[1:]).all()
    assert (amplify(duller, gains) - real).abs().mean() < 0.5 * (duller - real).abs().mean()
    flat = torch.full((2, 16, 16), 9.0)
    assert torch.equal(detail_gains(flat, flat), torch.ones(4, 16, 16))


def test_gains_differ_by_place_and_are_bounded():
    real = grey(4, 64)
    made = real.clone()
    made[:, :, 32:] = 128 + (real[:, :, 32:] - 128) / 2
    finest = detail_gains(real, made)[0]
    assert float(finest[:, :8].mean()) == pytest.approx(1, abs=0.02)
    assert float(finest[:, -8:].mean()) == pytest.approx(2, abs=0.02)
    assert detail_gains(real, real / 100).max() == 3


def test_a_layout_of_a_training_image_becomes_that_image():
    levels = pyramid(torch.from_numpy(smooth(3)[:, 0]).float())
    made = assemble(levels[0], levels, patch=13, stride=4, window=2, passes=2)
    assert torch.equal(made, levels[-1])


@pytest.mark.parametrize("size", [8, 36, 64])
def test_a_single_image_is_reproduced(size: int):
    images = smooth(1, size)
    found = fitted(images)
    assert np.array_equal(found.sample([1, 2]), np.repeat(images, 2, axis=0))
    assert torch.equal(found.gains, torch.ones_like(found.gains))


def test_constant_images_give_constant_images():
    images = np.repeat(np.array([40, 41, 210], np.uint8), 32 * 32).reshape(3, 1, 32, 32)
    made = fitted(images).sample(range(6))
    assert set(np.unique(made)) <= {40, 41, 210}
    assert (made.max((1, 2, 3)) == made.min((1, 2, 3))).all()


def test_an_image_does_not_depend_on_its_batch_at_all(monkeypatch: pytest.MonkeyPatch):
    found = fitted(noise_images(20, 32), PatchesOptions(patch=5, window=2, passes=2))
    images = found.sample(range(9))
    assert np.array_equal(found.sample([7])[0], images[7])
    assert np.array_equal(found.sample([8, 3, 8]), images[[8, 3, 8]])
    monkeypatch.setattr("fewray.generators.families.patches.BATCH", 4)
    assert np.array_equal(found.sample(range(9)), images)
    assert len(np.unique(images, axis=0)) == 9


@pytest.mark.parametrize("size", [36, 128])
def test_images_of_128_pixels_and_of_other_multiples_of_4(size: int):
    made = fitted(noise_images(5, size), FAST).sample([1, 2])
    assert made.shape == (2, 1, size, size)
    assert not np.array_equal(made[0], made[1])


def test_images_have_the_brightness_and_the_grain_of_the_training_images():
    images = noise_images(8, 32)
    made = fitted(images).sample(range(24))
    assert made.mean() == pytest.approx(images.mean(), abs=12)
    grain = [np.diff(each.astype(float), axis=3).std() for each in (made, images)]
    assert grain[0] == pytest.approx(grain[1], rel=0.15)


def test_what_the_family_cannot_do_is_refused():
    options = GanOptions(recipe="test", family="patches")
    assert options.made_of_training_images
    assert not GanOptions().made_of_training_images
    with pytest.raises(InputError) as raised:
        options.with_(pooled=True)
    assert raised.value.code == "options_conflict"
    for changed in ({"patch": 19}, {"stride": 14}, {"window": -1}, {"passes": 0}):
        with pytest.raises(InputError) as raised:
            PatchesOptions(**changed)
        assert raised.value.code == "out_of_range"
    with pytest.raises(InputError) as raised:
        Patches(options, seed=0, device=CPU).sample([1])
    assert raised.value.code == "generator_not_trained"
    with pytest.raises(InputError) as raised:
        Patches(options.with_(image_size=66), seed=0, device=CPU)
    assert raised.value.code == "image_size_unsupported"
