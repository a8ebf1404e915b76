"""The whole measurement: planted faults are seen, real against real lies near the floor, small n is handled."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from fewray.data.loading import load_dataset
from fewray.errors import InputError
from fewray.imaging.arrays import load_images
from fewray.quality.evaluate import class_quality, measure_quality
from fewray.quality.features.extractor import Features, load_extractor
from fewray.quality.image_set import ImageSet, MeasuredSet
from fewray.quality.probe import QualityProbe
from fewray.quality.result import Quality

FIGURES = ("fid", "kid", "kid_mean", "precision", "recall", "density", "coverage", "auth_pct")


@pytest.fixture(scope="module")
def films() -> np.ndarray:
    rows = load_dataset("phantom:size=64,train=40,test=1").where(split="train", label="normal")
    return load_images(rows.paths(), 64)


def measure(
    real: dict[str, np.ndarray], fake: dict[str, np.ndarray], extractor: str = "pixels", **options
) -> Quality:
    sets = ({label: ImageSet.of(images) for label, images in side.items()} for side in (real, fake))
    return measure_quality(*sets, load_extractor(extractor), **options)


def test_blur_and_noise_raise_fid_and_kid(films: np.ndarray):
    first, second = films[::2], films[1::2]
    rng = np.random.default_rng(0)
    worse = {
        "blurred": gaussian_filter(second, (0, 0, 3, 3)),
        "noisy": np.clip(second + rng.normal(0, 40, second.shape), 0, 255).astype(np.uint8),
    }
    probe = QualityProbe(first, load_extractor("lite0"))
    clean = probe(second)
    for name, images in worse.items():
        found = probe(images)
        assert found["fid"] > 1.5 * clean["fid"], name
        assert found["kid"] > clean["kid"] + 0.1, name
    assert clean["extractor"] == "lite0@128"
    assert (clean["num_real"], clean["num_fake"]) == (20, 20)


def test_every_figure_is_there_and_is_json(films: np.ndarray):
    found = measure({"a": films[:20], "b": films[20:]}, {"a": films[20:], "b": films[:20]})
    whole = json.loads(json.dumps(found.to_json(), allow_nan=False))
    for part in (*whole["classes"].values(), whole["pooled"]):
        for name in (*FIGURES, "ms_ssim"):
            assert isinstance(part[name], float), name
        assert part["kid_ci"][0] < part["kid"] < part["kid_ci"][1]
        assert part["fid_inf"] is None
        assert "1/n regime" in part["reasons"]["fid_inf"]
        assert part["is_mean"] is None
        assert "probabilities" in part["reasons"]["is_mean"]
        assert part["extractor"] == "pixels@32"
        assert part["k"] == 5
        assert set(part["floor"]) == {*FIGURES, "ms_ssim"} - {"kid"}
    for part in whole["classes"].values():
        assert len(part["copies"]) <= 4  # of unseen films a few may be called copies
    assert len(whole["pooled"]["copies"]) == 40  # each is a training film of the other class
    assert whole["classes"]["a"]["num_real"] == whole["classes"]["a"]["num_fake"] == 20
    assert whole["classes"]["a"]["floor"]["fid"]["m"] == 10
    assert whole["classes"]["a"]["floor"]["fid"]["splits"] == 20
    assert whole["pooled"]["num_fake"] == 40
    for label, part in whole["classes"].items():
        for copy in part["copies"]:
            assert f"{label}/{copy['synthetic']}" in {
                each["synthetic"] for each in whole["pooled"]["copies"]
            }
    assert any("n < d" in warning for warning in found.warnings)
    figures, scale = found.tables()
    assert [row[0] for row in figures[2]] == ["a", "b", "all"]
    assert len(scale[2]) == 3 * 8


@pytest.mark.parametrize(("n", "m"), [(2, 2), (2, 9), (9, 2), (3, 3), (4, 5), (5, 4), (17, 40)])
def test_small_sets_give_figures_or_a_reason(n: int, m: int, films: np.ndarray):
    found = measure({"a": films[:n]}, {"a": films[-m:]}, "lite0").classes["a"]
    plain = json.loads(json.dumps(found.to_json(), allow_nan=False))
    for name, value in plain.items():
        assert value is not None or name in found.reasons, name
    assert found.k == min(5, n - 1, m - 1)
    if min(n // 2, m) < 2:
        assert set(found.floor) == {"ms_ssim"}
        assert "halves" in found.reasons["floor"]


def test_a_film_of_another_class_is_a_copy_among_all_and_the_nearest_come_first(films: np.ndarray):
    fake = {"a": films[[21, 0, 1]], "b": films[[22, 23]]}
    found = measure({"a": films[:20], "b": films[20:]}, fake)
    across = [copy for copy in found.pooled.copies if copy.synthetic[0] != copy.nearest[0]]
    assert [(copy.synthetic, copy.nearest, copy.by) for copy in across] == [
        ("a/0", "b/1", "identical")
    ]
    assert len(found.pooled.copies) == 5
    distances = [copy.distance for copy in found.pooled.copies]
    assert distances == sorted(distances)
    assert "training image of its class" in found.bar.sentence()
    notes = [note for note in found.warnings if "n < d" in note]
    assert notes
    assert all(note.partition(": ")[0] in ("a, b", "a", "b", "all", "a, b, all") for note in notes)


def test_figures_do_not_depend_on_the_order_of_images(films: np.ndarray):
    first, second = films[:18], films[18:]
    found = measure({"a": first}, {"a": second}).classes["a"]
    turned = measure({"a": first[::-1].copy()}, {"a": second[::-1].copy()}).classes["a"]
    for name in FIGURES:
        if name != "kid_mean":  # over random subsets
            assert getattr(turned, name) == pytest.approx(
                getattr(found, name), rel=1e-9, abs=1e-9
            ), name


@pytest.mark.parametrize("fault", ["blur", "noise"])
def test_distances_grow_with_the_severity_of_a_fault(fault: str, films: np.ndarray):
    first, second = films[::2], films[1::2].astype(float)
    rng = np.random.default_rng(0)
    noise = rng.normal(size=second.shape)
    series = []
    for severity in (0.0, 1.0, 2.0, 4.0):
        changed = (
            gaussian_filter(second, (0, 0, severity, severity))
            if fault == "blur"
            else second + 12 * severity * noise
        )
        series.append(
            measure(
                {"a": first}, {"a": np.clip(changed, 0, 255).astype(np.uint8)}, "lite0"
            ).classes["a"]
        )
    for name in ("fid", "kid"):
        values = [getattr(found, name) for found in series]
        assert values == sorted(values), name
    for name in ("coverage",):
        values = [getattr(found, name) for found in series]
        assert values == sorted(values, reverse=True), name


def test_classes_must_match_and_hold_two_images(films: np.ndarray):
    with pytest.raises(InputError, match="classes"):
        measure({"a": films}, {"b": films})
    with pytest.raises(InputError, match="class a: 1 synthetic"):
        measure({"a": films}, {"a": films[:1]})
    with pytest.raises(InputError, match="held-out b"):
        measure({"a": films[:20]}, {"a": films[20:]}, held_out={"b": ImageSet.of(films[:2])})


def test_five_thousand_rows_give_every_figure():
    rng = np.random.default_rng(0)
    sides = []
    for shift in (0.0, 0.5):
        rows = rng.normal(shift, 1, (5000, 16)).astype(np.float32)
        images = np.zeros((5000, 1, 16, 16), np.uint8)
        names = tuple(map(str, range(5000)))
        sides.append(MeasuredSet(images, names, names, Features(rows, None)))
    found = class_quality(*sides, extractor="planted")
    json.dumps(found.to_json(), allow_nan=False)
    assert found.fid == pytest.approx(16 * 0.25, rel=0.05)
    assert found.fid_inf == pytest.approx(16 * 0.25, rel=0.05)
    assert found.floor["fid"].splits < 20
    assert found.floor["fid"].mean < 0.2 < found.floor["fid"].value_mean


def test_real_against_real_lies_near_the_floor(covid4):
    rows = load_dataset("covid4")
    for label in rows.classes:
        sides = [
            {label: load_images(rows.where(split=split, label=label).paths(), 64, "squash")}
            for split in ("train", "test")
        ]
        found = measure(*sides, "lite0").classes[label]
        for name in ("kid_mean", "coverage", "precision", "recall", "density"):
            floor = found.floor[name]
            assert abs(floor.value_mean - floor.mean) <= 4 * np.hypot(floor.std, floor.value_std), (
                label,
                name,
            )
