"""The whole measurement: planted faults are detected, real images score near the baseline, small n."""

import msgspec
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from fewray.data.loading import load_dataset
from fewray.errors import InputError
from fewray.imaging.arrays import load_images
from fewray.quality.evaluate import class_quality, measure_quality
from fewray.quality.features.extractor import Features
from fewray.quality.features.load import load_extractor
from fewray.quality.image_set import ImageSet, MeasuredSet
from fewray.quality.metrics.kid import mmd2
from fewray.quality.probe import QualityProbe
from fewray.results.quality import ClassQuality, QualityReport

FIGURES = ("fid", "kid", "precision", "recall", "density", "coverage", "vendi", "auth_pct")


@pytest.fixture(scope="module")
def films() -> np.ndarray:
    rows = load_dataset("phantom:size=64,train=40,test=1").where(split="train", label="normal")
    return load_images(rows.paths(), 64)


def measure(
    real: dict[str, np.ndarray], fake: dict[str, np.ndarray], extractor: str = "pixels", **options
) -> QualityReport:
    sets = ({label: ImageSet.of(images) for label, images in side.items()} for side in (real, fake))
    return measure_quality(*sets, load_extractor(extractor), **options)[0]


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
        assert found.fid > 1.5 * clean.fid, name
        assert found.kid > clean.kid + 0.1, name
    assert clean.extractor == "lite0@128"
    assert (clean.num_real, clean.num_fake) == (20, 20)


def read_back(model: object) -> object:
    """Return ``model`` after JSON, in which NaN would be null and fail to decode."""
    return msgspec.json.decode(msgspec.json.encode(model), type=type(model))


def test_every_metric_is_present_and_survives_json(films: np.ndarray):
    found = measure({"a": films[:20], "b": films[20:]}, {"a": films[20:], "b": films[:20]})
    assert read_back(found) == found
    assert (found.extractor, found.dim) == ("pixels@32", 1024)
    for part in found.rows.values():
        for name in (*FIGURES, "ms_ssim"):
            assert isinstance(getattr(part, name), float), name
        assert part.kid_ci is not None
        assert part.kid_ci[0] < part.kid < part.kid_ci[1]
        assert part.fid_inf is None
        assert part.is_mean is None
        assert {"fid_inf", "is_mean"} <= set(part.undefined)
        assert part.k == 5
        assert set(part.baselines) == {*FIGURES, "ms_ssim"}
        assert "covariance_singular" in [warning.code for warning in part.warnings]
    for label, part in found.classes.items():
        assert len(part.copies) <= 4  # a few unseen images may be flagged
        pooled = {copy.synthetic for copy in found.pooled.copies}
        assert {f"{label}/{copy.synthetic}" for copy in part.copies} <= pooled
    assert len(found.pooled.copies) == 40  # each is a training image of the other class
    assert found.classes["a"].num_real == found.classes["a"].num_fake == 20
    assert found.classes["a"].baselines["fid"].m == 10
    assert found.classes["a"].baselines["fid"].splits == 20
    assert found.pooled.num_fake == 40


def test_kid_of_all_images_is_what_the_baseline_is_compared_with(films: np.ndarray):
    """One definition of ``kid``; the mean over subsets has a name of its own (B12)."""
    first, second = films[:20], films[20:]
    found = measure({"a": first}, {"a": second}, seed=3).classes["a"]
    compute = load_extractor("pixels")
    assert found.kid == pytest.approx(mmd2(compute(first).matrix, compute(second).matrix))
    assert found.kid_subset_mean != found.kid
    assert found.kid_subset_size == 10
    assert found.baselines["kid"].m == 10


@pytest.mark.parametrize(("n", "m"), [(2, 2), (2, 9), (9, 2), (3, 3), (4, 5), (5, 4), (17, 40)])
def test_small_sets_give_metrics_or_a_reason(n: int, m: int, films: np.ndarray):
    found = measure({"a": films[:n]}, {"a": films[-m:]}, "lite0").classes["a"]
    assert read_back(found) == found
    for name, value in msgspec.structs.asdict(found).items():
        # Textures are described by one extractor only.
        assert value is not None or name in {*found.undefined, "texture"}, name
    assert found.k == min(5, n - 1, m - 1)
    if min(n // 2, m) < 2:
        assert set(found.baselines) == {"ms_ssim"}
        assert "baselines" in found.undefined
        assert "no_baseline" in [warning.code for warning in found.warnings]


def test_an_image_of_another_class_is_a_copy_in_the_pool_and_the_nearest_come_first(
    films: np.ndarray,
):
    fake = {"a": films[[21, 0, 1]], "b": films[[22, 23]]}
    found = measure({"a": films[:20], "b": films[20:]}, fake)
    across = [copy for copy in found.pooled.copies if copy.synthetic[0] != copy.nearest[0]]
    assert [(copy.synthetic, copy.nearest, copy.detected_by) for copy in across] == [
        ("a/0", "b/1", "identical")
    ]
    assert len(found.pooled.copies) == 5
    distances = [copy.distance for copy in found.pooled.copies]
    assert distances == sorted(distances)
    for remark in found.remarks:
        assert remark.partition(": ")[0] in ("a, b", "a", "b", "all", "a, b, all")


def test_metrics_do_not_depend_on_the_order_of_images(films: np.ndarray):
    first, second = films[:18], films[18:]
    found = measure({"a": first}, {"a": second}).classes["a"]
    turned = measure({"a": first[::-1].copy()}, {"a": second[::-1].copy()}).classes["a"]
    for name in FIGURES:
        expected = pytest.approx(getattr(found, name), rel=1e-9, abs=1e-9)
        assert getattr(turned, name) == expected, name


@pytest.mark.parametrize("fault", ["blur", pytest.param("noise", marks=pytest.mark.long)])
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


def test_five_thousand_rows_give_every_metric():
    rng = np.random.default_rng(0)
    sides = []
    for shift in (0.0, 0.5):
        rows = rng.normal(shift, 1, (5000, 16)).astype(np.float32)
        images = np.zeros((5000, 1, 16, 16), np.uint8)
        names = tuple(map(str, range(5000)))
        sides.append(MeasuredSet(images, names, names, Features(rows, None)))
    found = class_quality(*sides)
    assert isinstance(read_back(found), ClassQuality)
    assert found.fid == pytest.approx(16 * 0.25, rel=0.05)
    assert found.fid_inf == pytest.approx(16 * 0.25, rel=0.05)
    assert found.baselines["fid"].splits < 20
    assert found.baselines["fid"].real_vs_real < 0.2 < found.baselines["fid"].synthetic


def test_real_images_score_near_the_real_vs_real_baseline(covid4):
    rows = load_dataset("covid4")
    for label in rows.classes:
        sides = [
            {label: load_images(rows.where(split=split, label=label).paths(), 64, "squash")}
            for split in ("train", "test")
        ]
        found = measure(*sides, "lite0").classes[label]
        for name in ("kid", "coverage", "precision", "recall", "density"):
            found_at = found.baselines[name]
            away = abs(found_at.synthetic - found_at.real_vs_real)
            spread = np.hypot(found_at.real_vs_real_sd, found_at.synthetic_sd)
            assert away <= 4 * spread, (label, name)
