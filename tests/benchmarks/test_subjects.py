"""Test the subjects of the benchmark: all do the same work, and results must agree."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import classifier, families, features, gan, loading, peak, quality, study, textbook
from benchmarks.pairs import Side, Timed
from benchmarks.table import paired
from fewray.classify.networks import build_network
from fewray.classify.training import train_classifier
from fewray.compute.seeds import child_seed
from fewray.config import AdversarialOptions, ClassifierOptions, DiffusionOptions
from fewray.generators.families.dcgan import Dcgan
from fewray.generators.families.diffusion import CONDITIONS, new_network
from fewray.generators.models.dcgan import BitDropout
from fewray.imaging import arrays
from fewray.presets import RECIPES

CPU = torch.device("cpu")


def without_dropout(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (nn.Dropout, BitDropout):
        monkeypatch.setattr(kind, "forward", lambda self, x: x)


def same_latents(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function after whose call ``torch.rand`` draws the same numbers again."""
    draws, plain = torch.Generator(), torch.rand

    def rand(*shape: int | tuple[int, ...], **_: object) -> torch.Tensor:
        return plain(shape[0] if isinstance(shape[0], tuple) else shape, generator=draws)

    monkeypatch.setattr(torch, "rand", rand)
    return lambda: draws.manual_seed(1) and None


def test_the_textbook_gan_trains_like_the_recipe(monkeypatch: pytest.MonkeyPatch):
    images = np.random.default_rng(0).integers(
        0, 256, (32, 1, 64, 64), dtype=np.uint8
    )  # one batch, in any order
    book = textbook.TextbookGan(images, seed=0, base_channels=4)
    state = Dcgan(RECIPES["paper"].with_(base_channels=4, epochs=4), seed=0, device=CPU)
    for ours, theirs in ((state.G, book.G), (state.D, book.D)):
        for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert own.shape == other.shape
            other.data.copy_(own.data)
    own, other = (
        [m for m in net.modules() if isinstance(m, nn.Dropout | BitDropout)]
        for net in (state.D, book.D)
    )
    assert [m.p for m in other] == [1 - m.keep / 256 for m in own] == [0.5, 0.5, 0.25]

    without_dropout(monkeypatch)
    again = same_latents(monkeypatch)
    again()
    found = [(tick.values["loss_d"], tick.values["loss_g"]) for tick in state.fit(images)]
    again()
    expected = list(itertools.islice(book.steps(), 4))
    assert np.array(found) == pytest.approx(np.array(expected), rel=2e-3)
    for ours, theirs in ((state.G, book.G), (state.D, book.D)):
        for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert ((own - other).norm() / other.norm()).item() < 5e-3


def test_the_textbook_classifier_trains_like_the_recipe(monkeypatch: pytest.MonkeyPatch):
    images = np.random.default_rng(0).integers(
        0, 256, (8, 1, 64, 64), dtype=np.uint8
    )  # one batch, in any order
    labels = np.arange(8) % 4
    options = ClassifierOptions(batch_size=8, steps=4)
    network = build_network(4, options, child_seed(5, "init"))
    book = textbook.Classifier(4)
    for own, other in zip(network.parameters(), book.parameters(), strict=True):
        other.data.copy_(own.data.reshape(other.shape))
    assert (
        [m.p for m in book.modules() if isinstance(m, nn.Dropout)] == [network.dropout.p] == [0.5]
    )

    without_dropout(monkeypatch)
    monkeypatch.setattr("fewray.classify.classifier.SeededDropout.forward", lambda self, x: x)
    monkeypatch.setattr(textbook, "Classifier", lambda classes: book)
    expected = textbook.textbook_classifier(images, labels, classes=4, steps=4, batch=8, seed=0)
    found = train_classifier(
        images, labels, options, n_classes=4, seed=5, device="cpu", precision="fp32"
    ).losses
    assert found == pytest.approx(np.array(expected), rel=1e-3)


@contextmanager
def counted_updates() -> Iterator[list[int]]:
    """Count the steps of all optimisers inside the block."""
    count = [0]

    def add(*_: object) -> None:
        count[0] += 1

    handle = register_optimizer_step_post_hook(add)
    try:
        yield count
    finally:
        handle.remove()


def test_both_sides_do_all_of_the_work(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gan, "CLASSES", 2)
    monkeypatch.setattr(gan, "STEPS", 2)
    for name, value in (("RUNS", 2), ("IMAGES", 8), ("BATCH", 4)):
        monkeypatch.setattr(classifier, name, value)
    cpu = {"device": "cpu"}
    for module, updates in ((gan, 2 * 2 * 2), (classifier, 2 * 3)):
        steps = {"steps": 3} if module is classifier else {}
        ours = [
            module.side_by_side(part, processes=2, precision="fp32", **cpu, **steps)
            for part in (0, 1)
        ]
        with counted_updates() as count:
            for work in ours:
                work()
        assert count == [updates]
        reference = module.one_by_one(0, **cpu, **steps)
        with counted_updates() as count:
            reference()
        assert count == [updates]


@pytest.mark.parametrize("recipe", families.TRAINED)
def test_families_do_all_steps_and_images(recipe: str, monkeypatch: pytest.MonkeyPatch):
    small = RECIPES[recipe].with_(
        diffusion=DiffusionOptions(channels=(8, 8), blocks=1, muon_rate=6e-3, sampling_steps=2),
        adversarial=AdversarialOptions(channels=(8, 8)),
    )
    monkeypatch.setitem(RECIPES, recipe, small)
    work = families.steps(0, recipe=recipe, precision="fp32", count=3)
    for _ in range(2):  # a round begins where the first one began
        with counted_updates() as count:
            assert work() is True
        assert count == [2 * 3]
    assert families.images(0, recipe=recipe, count=5)() is True


def test_the_operations_of_a_diffusion_step_are_those_of_its_products():
    network = new_network(RECIPES["diffusion"])
    x, level, conditions = torch.zeros(32, 4, 32, 32), torch.zeros(32), torch.zeros(32, CONDITIONS)
    with FlopCounterMode(display=False) as counter:
        network(x, level, conditions).sum().backward()
    once = counter.get_total_flops()
    assert once < families.step_flops("diffusion") < 1.1 * once  # Muon multiplies matrices too


def test_double_gradients_are_counted():
    x, weight = (
        torch.ones(1, 2, 4, 4, requires_grad=True),
        torch.ones(3, 2, 3, 3, requires_grad=True),
    )
    once = 2 * 3 * 4 * 4 * 2 * 3 * 3
    with families.Counter() as counter:
        y = torch.nn.functional.conv2d(x, weight, padding=1)
        assert counter.flops == once
        (slope,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        assert counter.flops == 2 * once
        slope.square().sum().backward(inputs=[weight])
    assert counter.flops == (2 + 3) * once  # to y, and twice to the weight


@pytest.mark.parametrize(("seconds", "finite", "reached"), [
    (0.5, True, [True] * 5), (2, True, [False, False, True, True, True]),
    (61, True, [False] * 5), (0.5, False, [False] * 5),
])  # fmt: skip
def test_families_reach_their_targets(
    seconds: float, finite: bool, reached: list[bool], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(families, "step_flops", lambda recipe: 1e9)
    planned(monkeypatch, families, other=took(seconds, finite))
    per_second = families.cores() * families.STEPS  # GFLOP/s if a round takes a second
    peak = {"gflops_fp32": 1.0, "gflops_bf16": float(per_second)}
    found = families.measure(peak, rounds=1)
    assert [row.reached for row in found] == reached
    assert found[0].peak_share == pytest.approx(1 / seconds)


def planned(monkeypatch: pytest.MonkeyPatch, module: object, **given: Timed) -> list[Side]:
    """Replace the timing of a subject by given results; return the sides it asks for."""
    asked: list[Side] = []

    def alternate(sides: list[Side], rounds: int, *, warm_up: bool = True) -> list[Timed]:
        asked.extend(sides)
        return [given.get(side.name.replace(" ", "_"), given["other"]) for side in sides]

    monkeypatch.setattr(module, "alternate", alternate)
    return asked


def took(seconds: float, result: object = None, mib: float = 1) -> Timed:
    return Timed(seconds=[seconds], results=[result], peak_mib=mib)


@pytest.mark.parametrize(("error", "reached"), [(1e-7, True), (1e-2, False)])
def test_speed_with_wrong_results_misses_the_target(
    error: float, reached: bool, monkeypatch: pytest.MonkeyPatch
):
    expected, found = took(100, np.ones((4, 3))), took(1, np.ones((4, 3)) * (1 + error))
    for module in (features, quality):
        planned(monkeypatch, module, other=found, plain_features=expected, plain_quality=expected)
        assert module.measure({"gflops_fp32": 100.0}, rounds=1)[0].reached is reached


@pytest.mark.parametrize(
    ("seconds", "mib", "reached"), [(9, 1, [True, True]), (11, 1, [False, True]), (31, 1, [False, False]),
                                    (1, 3000, [False, True]), (1, 5000, [False, False])]
)  # fmt: skip
def test_time_and_memory_decide(
    seconds: float, mib: float, reached: list[bool], monkeypatch: pytest.MonkeyPatch
):
    planned(monkeypatch, quality, other=took(seconds, np.ones(3), mib))
    assert [row.reached for row in quality.measure({"gflops_fp32": 100.0}, rounds=1)][:2] == reached


@pytest.mark.parametrize(
    ("levels", "kept", "reached"), [(1, True, [True, True]), (2, False, [False, False])]
)
def test_wrong_pixels_miss_the_target(
    levels: int, kept: bool, reached: list[bool], monkeypatch: pytest.MonkeyPatch
):
    images = np.full((2, 1, 4, 4), 100, np.uint8)
    again = images if kept else images + 1
    given = {
        "loading": took(1, images),
        "cached_loading": took(0.1, again),
        "plain_loading": took(9, images + levels),
    }
    planned(monkeypatch, loading, other=took(1), **given)
    assert [row.reached for row in loading.measure({}, rounds=1)[:2]] == reached


@pytest.mark.parametrize(("many", "reached"), [(10.9, True), (11.1, False)])
def test_many_images_are_compared_with_the_fastest_smaller_count(
    many: float, reached: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loading, "FILES", 10)
    given = {"100_images": took(3.0), "10000_images": took(1.0), "100000_images": took(many)}
    asked = planned(monkeypatch, loading, other=took(0), **given)
    row = loading.growth(tmp_path, rounds=1)
    assert [len(side.options["paths"]) * side.options["calls"] for side in asked] == [
        10_000,
        10_000,
        100_000,
    ]
    assert (row.reached, row.ours, row.reference) == (reached, 100_000 / many, 10_000)
    assert row.ratio == pytest.approx(10 / many)


def test_every_image_is_decoded(tmp_path: Path):
    for index in range(5):
        Image.fromarray(np.full((70, 90), 50 * index, np.uint8)).save(tmp_path / f"{index}.png")
    paths = sorted(tmp_path.iterdir())
    assert np.array_equal(loading.cold(0, paths=paths)(), loading.plain(0, paths=paths)())
    assert loading.counted(0, paths=paths, calls=3)() == 15


def test_operations_and_bytes_of_the_peak_are_counted(monkeypatch: pytest.MonkeyPatch):
    n = peak.cores()
    sides = planned(monkeypatch, peak, other=took(0.5))
    found = peak.measure_peak()
    assert [side.processes for side in sides] == [n] * 3
    with FlopCounterMode(display=False) as counter:
        peak.products(0, kind="bf16")()
    assert found["gflops_bf16"] == pytest.approx(
        n * counter.get_total_flops() / 1e9 / 0.5, rel=1e-3
    )
    assert found["gflops_bf16"] == found["gflops_fp32"]
    assert found["copied_gb_s"] == pytest.approx(n * 2 * 2**28 / 1e9 / 0.5, abs=0.01)


def test_the_targets_are_those_that_were_set():
    assert (gan.TARGET, gan.PEAK_TARGET, classifier.TARGET) == (2.5, 0.8, 3)
    assert (features.TARGET, features.TOLERANCE, loading.TARGET, loading.CACHED_SECONDS) == (
        4,
        1e-5,
        3,
        0.3,
    )
    assert (quality.SECONDS, quality.GIB, loading.FEW, loading.MANY, loading.FLAT) == (
        10,
        2,
        100,
        100_000,
        0.1,
    )
    assert (study.HELP_SECONDS, study.IMPORT_SECONDS, study.WORKERS_TARGET) == (0.3, 0.1, 1.8)
    assert quality.AGREE <= 1e-6


def test_losses_that_are_not_finite_miss_the_target():
    for loss, reached in ((1.0, True), (math.nan, False)):
        row = paired("gan", "x", took(1, [1.0, loss]), took(9), work=1, unit="", target=2)
        assert row.reached is reached


def test_the_cold_side_decodes_and_the_cached_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FEWRAY_CACHE", str(tmp_path / "other"))
    paths = [tmp_path / f"{index}.bmp" for index in range(2)]
    for index, path in enumerate(paths):
        Image.fromarray(np.full((300, 300), 9 * index, np.uint8)).save(
            path
        )  # large enough for the cache
    seen, plain = [], arrays.read_image
    monkeypatch.setattr(
        arrays, "read_image", lambda content, path: (seen.append(path), plain(content, path))[1]
    )
    cold, cached = loading.cold(0, paths=paths), loading.cached(0, paths=paths, cache=str(tmp_path))
    for work, decoded in ((cold, 2), (cold, 2), (cached, 2), (cached, 0)):
        seen.clear()
        work()
        assert len(seen) == decoded


@pytest.mark.parametrize(("other", "reached"), [("a", True), ("b", False)])
def test_two_workers_are_compared_with_one_on_the_same_study(
    other: str, reached: bool, monkeypatch: pytest.MonkeyPatch
):
    sides = planned(monkeypatch, study, other=took(3, "a"), **{"dask:2": took(1, other)})
    row = study.clustered(longer=2)
    assert [side.options for side in sides] == [
        {"executor": f"dask:{n}", "longer": 2} for n in (2, 1)
    ]
    assert (row.ratio, row.reached) == (3, reached)


def test_a_study_returns_the_hash_of_its_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def run(rows: object, out: Path, **_: object) -> None:
        out.mkdir()
        (out / "study.json").write_text("{}")

    monkeypatch.setattr("fewray.api.run_study", run)
    assert study.study(0)() == hashlib.sha256(b"{}").hexdigest()
