"""Shared fixtures, and which tests are slow."""

import os
from pathlib import Path

import pytest

from fewray.storage.cache import cache_folder
from tests.chromium import browser  # noqa: F401 (a fixture)
from tests.fake_cuda import fake_cuda  # noqa: F401 (a fixture)

if kernels := cache_folder("kernels"):  # before a module with compiled functions is imported
    os.environ.setdefault("NUMBA_CACHE_DIR", str(kernels))
SLOW = (
    "app/",
    "benchmarks/test_benchmarks.py::test_a_gpu_part",
    "benchmarks/test_benchmarks.py::test_an_error",
    "benchmarks/test_benchmarks.py::test_both",
    "benchmarks/test_benchmarks.py::test_gpu_parts",
    "benchmarks/test_benchmarks.py::test_gpu_script",
    "benchmarks/test_benchmarks.py::test_memory",
    "benchmarks/test_benchmarks.py::test_sides",
    "benchmarks/test_subjects.py::test_a_study",
    "benchmarks/test_subjects.py::test_both",
    "benchmarks/test_subjects.py::test_the_textbook",
    "browser/",
    "classify/test_classifier.py",
    "classify/test_pooled_block.py::test_bfloat16",
    "classify/test_pooled_block.py::test_the_first_block_under_autocast",
    "classify/test_residual.py",
    "cli/test_bad_input.py",
    "cli/test_cli.py",
    "cli/test_readers.py",
    "compute/test_dask.py",
    "compute/test_workers.py",
    "data/audit/",
    "data/dicom/test_broken.py::test_a_run",
    "data/dicom/test_broken.py::test_every",
    "data/dicom/test_files.py::test_every_broken",
    "data/dicom/test_privacy.py::test_no_identifier_is_written",
    "data/layout/test_outputs.py",
    "data/phantom/test_cohort.py",
    "data/releases/test_study.py",
    "data/phantom/test_drawing.py",
    "data/test_covid4.py::test_the_real_set",
    "data/test_table_sets.py::test_columns_and_labels_on",
    "experiments/",
    "generators/test_graphed_training.py",
    "generators/test_health.py",
    "generators/test_membership.py",
    "generators/test_families.py::test_diffusion_learns",
    "generators/test_training.py",
    "pipelines/",
    "quality/copies/",
    "quality/features/test_texture.py::test_figures_of_radiographs",
    "quality/test_area_gallery.py",
    "quality/metrics/test_data_copying.py::test_real",
    "quality/metrics/test_data_copying.py::test_without",
    "quality/metrics/test_kid_interval.py",
    "quality/metrics/test_metrics.py::test_kid_is_unbiased",
    "quality/metrics/test_vendi.py::test_fewer",
    "quality/test_evaluate.py",
    "quality/test_gallery.py",
    "quality/test_held_out.py",
    "quality/test_remarks.py::test_a_k_lowered",
    "quality/test_texture_differences.py::test_radiographs",
    "quality/test_texture_differences.py::test_the_report",
    "quality/test_texture_differences.py::test_too_few",
    "readers/test_analysis.py",
    "readers/test_answers.py",
    "readers/test_statistics.py",
    "report/test_crossval_page.py",
    "report/test_document.py::test_hostile",
    "report/test_document.py::test_pdf",
    "report/test_document.py::test_the_policy",
    "report/test_images.py::test_a_copy",
    "report/test_page_numbers.py",
    "report/test_published_page.py",
    "study/crossval/",
    "study/published/",
    "study/test_folds.py::test_covid4",
    "study/test_resume.py::test_a_later_study",
    "study/statistics/test_power.py",
)
"""Start of the paths of tests that take about a second or more, or use a fixture that does."""
FAST = (
    "app/test_charts.py",
    "pipelines/test_estimate.py",
    "study/crossval/test_conclusion.py",
    "study/crossval/test_external_comparison.py",
    "study/crossval/test_predictions.py",
)
"""Exceptions."""


FIRST = (
    "study/crossval/",
    "study/published/",
    "quality/test_evaluate.py",
    "pipelines/",
    "experiments/",
    "benchmarks/",
)
"""Start of the paths of tests that are begun first, so that no process is left with a long one."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark slow tests: ``make check`` leaves them to ``make test``. Keep files in one process.

    All tests of the fixture ``trial`` share one, which takes a minute to make.
    """
    for item in items:
        name = item.nodeid.removeprefix("tests/")
        if name.startswith(SLOW) and not name.startswith(FAST):
            item.add_marker(pytest.mark.slow)
        with_trial = "trial" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("trial" if with_trial else name.partition("::")[0]))
    places = [
        next((i for i, p in enumerate(FIRST) if f"tests/{p}" in item.nodeid), 99) for item in items
    ]
    items[:] = [
        item for _, item in sorted(zip(places, items, strict=True), key=lambda pair: pair[0])
    ]


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Give the tests their own cache folder; compiled kernels outlive them."""
    os.environ["FEWRAY_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def covid4() -> Path:
    """Return the folder of the real data set, or skip the test if it is not present."""
    named = os.environ.get("FEWRAY_COVID4", "")
    if named and (Path(named) / "train").is_dir():
        return Path(named)
    from fewray.data.covid4 import data_folder

    kept = data_folder("covid4")
    if (kept / "train").is_dir():
        return kept
    pytest.skip("covid4 not found: set FEWRAY_COVID4 or run `fewray data fetch covid4`")
