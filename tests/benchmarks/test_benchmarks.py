"""Test the benchmark itself; no timing is asserted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import equality, features, gan, gpu, gpu_run, pairs, quality
from benchmarks.pairs import Side, Timed, alternate, ratios
from benchmarks.run import SUBJECTS, measure
from benchmarks.table import NOT_MEASURED, TableRow, line, markdown, paired, texts
from benchmarks.textbook import Classifier, Discriminator, Generator
from fewray.classify.networks import build_network
from fewray.config import ClassifierOptions
from fewray.data.loading import load_dataset
from fewray.errors import InputError, RunFailed
from fewray.generators.families.dcgan import Dcgan
from fewray.presets import RECIPES


def noted(part: int, *, folder: str, name: str, fails: bool = False) -> Callable[[], int]:
    """Write a line per round and return the number of threads."""

    def work() -> int:
        if fails:
            raise ValueError("planted")
        with open(f"{folder}/log", "a") as stream:  # noqa: PTH123
            stream.write(f"{name}{part} ")
        return torch.get_num_threads()

    return work


def dying(part: int) -> Callable[[], None]:
    return lambda: os._exit(9)


def hungry(part: int, *, mib: int) -> Callable[[], None]:
    def work() -> None:
        np.ones(mib << 20, np.uint8).sum()

    return work


def test_sides_take_turns_in_separate_processes(tmp_path):
    sides = [
        Side(
            name=name, make=noted, options={"folder": str(tmp_path), "name": name}, threads=threads
        )
        for name, threads in (("a", 1), ("b", 2))
    ]
    found = alternate(sides, 3)
    log = (tmp_path / "log").read_text().split()
    assert sorted(log[:2]) == ["a0", "b0"]  # the warm-up
    assert log[2:] == ["a0", "b0", "b0", "a0", "a0", "b0"]
    assert [timed.results for timed in found] == [[1], [2]]
    assert all(len(timed.seconds) == 3 and min(timed.seconds) > 0 for timed in found)


def test_memory_is_measured_per_side():
    small, large = (Side(name=str(mib), make=hungry, options={"mib": mib}) for mib in (1, 400))
    few, many = alternate([small, large], 1)
    assert 350 < many.peak_mib - few.peak_mib < 450


def test_an_error_in_a_process_is_reported(tmp_path):
    options = {"folder": str(tmp_path), "name": "a", "fails": True}
    with pytest.raises(RunFailed, match="ValueError: planted"):
        alternate([Side(name="bad", make=noted, options=options)], 1)
    with pytest.raises(RunFailed, match="ended unexpectedly"):
        alternate([Side(name="dead", make=dying)], 1)


def timed(*seconds: float) -> Timed:
    return Timed(seconds=list(seconds), results=[], peak_mib=10.0)


def test_ratios_are_computed_per_round():
    assert ratios(timed(4, 9, 8), timed(2, 3, 4)) == (2, 2, 3)
    row = paired("gan", "x", timed(2, 3, 4), timed(4, 9, 8), work=6, unit="images/s", target=2.5)
    assert (row.ours, row.reference, row.ratio, row.reached) == (2, 0.75, 2, False)


def test_the_table_marks_what_was_not_measured():
    rows = [
        paired(
            "gan",
            "x",
            timed(1),
            timed(3),
            work=300,
            unit="images/s",
            target=2.5,
            peak_share=0.5,
            peak_of="it",
        ),
        TableRow(subject="gan", what="y", target="30 s", note="no GPU"),
    ]
    first, second = texts(rows)
    assert first == [
        "x",
        "100 images/s",
        "300 images/s",
        "3.00 (3.00 to 3.00)",
        "50% of it",
        "10",
        "10",
        "2.5 x",
        "reached",
    ]
    assert second == ["y", "", NOT_MEASURED, "", "", "", "", "30 s", ""]
    found = {
        "command": "python -m benchmarks", "date": "2026-01-01", "hardware": "h", "torch": "2",
        "precision": "fp32",
        "peak": {"cores": 2, "gflops_fp32": 1.0, "gflops_bf16": 2.0, "copied_gb_s": 3.0},
        "rows": [json.loads(json.dumps(row.to_json())) for row in rows],
    }  # fmt: skip
    text = markdown(found)
    assert "- y: no GPU" in text
    assert "busy" not in text
    assert "When the run began, it was busy: the timings" in markdown(
        {**found, "busy": "it was busy"}
    )
    assert [line(row) for row in rows] == [
        "x: 300 images/s; reference 100 images/s; ratio 3.00 (3.00 to 3.00); 50% of it; "
        "target 2.5 x; reached",
        f"y: {NOT_MEASURED}; target 30 s; no GPU",
    ]
    assert text.count("\n| ") == 4


def test_textbook_networks_have_the_parameters_of_the_recipe():
    state = Dcgan(RECIPES["paper"], seed=0, device=torch.device("cpu"))
    ours = build_network(4, ClassifierOptions(), seed=0)
    for book, own in ((Generator(), state.G), (Discriminator(), state.D), (Classifier(4), ours)):
        assert sorted(p.numel() for p in book.parameters()) == sorted(
            p.numel() for p in own.parameters()
        )


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_equality_compares_all_ways(precision: str, monkeypatch: pytest.MonkeyPatch):
    bf16, fp32, book = (np.random.default_rng(seed).normal(5, 1, (4, 3)) for seed in range(3))
    sides = []

    def all_ways(asked: list[Side], rounds: int, *, warm_up: bool) -> list[SimpleNamespace]:
        sides.extend(asked)
        return [
            SimpleNamespace(results=[bf16, fp32, book] if precision == "bf16" else [fp32, book])
        ]

    monkeypatch.setattr(equality, "alternate", all_ways)
    monkeypatch.setattr(equality, "choose_precision", lambda device: precision)
    found = equality.equality(range(7, 11), steps=6, real=64, base_channels=4)
    assert "4 base channels, 6 steps, 4 seeds from 7" in found["design"]
    assert sides[0].options["seeds"] == (7, 8, 9, 10)
    row, fast = found["rows"]["loss of G"], bf16 if precision == "bf16" else fp32
    assert len(row) == len(found["columns"]) == (6 if precision == "bf16" else 4)
    low, high = stats.ttest_ind(fast[:, 1], book[:, 1], equal_var=False).confidence_interval()
    welch = f"{fast[:, 1].mean() - book[:, 1].mean():+.3f} ({low:+.3f} to {high:+.3f})"
    assert row[len(sides[0].options["ways"]) :][:2] == ["yes", welch]
    if precision == "bf16":
        low, high = stats.ttest_1samp((bf16 - fp32)[:, 1], 0).confidence_interval()
        assert row[-1] == f"{(bf16 - fp32)[:, 1].mean():+.3f} ({low:+.3f} to {high:+.3f})"


def test_a_mean_outside_the_range_of_the_textbook_is_marked():
    within, outside = (
        equality.compared([np.array(ours), np.array([7.0, 7.4])])
        for ours in ([7.1, 7.2], [5.0, 9.9])
    )
    assert (within[2], outside[2]) == ("yes", "no")


@pytest.mark.long
def test_both_precisions_start_from_the_same_seed():
    images = np.random.default_rng(0).integers(0, 256, (32, 1, 64, 64), dtype=np.uint8)
    found = {way: equality.train(way, images, 1, 5, 4) for way in ("bf16", "fp32", "textbook")}
    for losses, made in found.values():
        assert len(losses) == 1
        assert made.shape == (200, 1, 64, 64)
    first = {way: np.array(losses[0]) for way, (losses, _) in found.items()}
    assert first["bf16"] == pytest.approx(first["fp32"], rel=0.02)
    assert abs(first["textbook"] - first["fp32"]).max() > 0.02
    options = {"seeds": (5,), "steps": 1, "real": 32, "base_channels": 4}
    assert np.shape(equality.trained(1, ways=("bf16", "fp32", "textbook"), **options)()) == (1, 3)


def test_a_round_ends_with_the_slowest_process_and_memory_is_summed(
    monkeypatch: pytest.MonkeyPatch,
):
    heard = []

    def answer(value: float) -> tuple[str, float]:
        heard.append(value)
        return "done", value

    team = object.__new__(pairs._Team)
    team.name = "three"
    team.pipes = [
        SimpleNamespace(send=lambda _: None, recv=lambda value=value: answer(value))
        for value in (1.0, 2.0, 4.0)
    ]
    monkeypatch.setattr(
        pairs.time, "perf_counter", lambda: len(heard)
    )  # a clock that ticks with every answer
    assert team.go() == (3, [1.0, 2.0, 4.0])
    assert team.peak() == 7.0


def test_sides_end_when_the_benchmark_is_killed(tmp_path: Path):
    (tmp_path / "side.py").write_text(
        "def endless(part):\n    def work():\n        print('at work', flush=True)\n"
        "        while True: pass\n    return work\n"
    )
    code = "import side; from benchmarks.pairs import *; "
    code += "alternate([Side(name='s', make=side.endless)], 1, warm_up=False)"
    bench = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert bench.stdout
    assert bench.stdout.readline() == b"at work\n"
    bench.kill()
    assert (
        bench.communicate(timeout=60)[0] == b""
    )  # the stream ends when the last that holds it has


def test_operations_of_a_step_are_counted():
    assert gan.step_flops() / 1e9 == pytest.approx(73, abs=2)


def test_operations_of_the_copy_search_are_counted(monkeypatch):
    counted = []
    for images in (40, 60):
        monkeypatch.setattr(quality, "SYNTHETIC", images)
        monkeypatch.setattr(
            quality, "REAL", 8
        )  # every image is a candidate; blurring the queries adds 1.4%
        with FlopCounterMode(display=False) as counter:
            quality.copies(0)()
        counted.append((counter.get_total_flops(), quality.search_flops()))
    (less, expected_less), (more, expected_more) = counted
    assert more - less == pytest.approx(expected_more - expected_less, rel=0.02)


def test_plain_features_and_whole_metrics_equal_ours():
    found, expected = features.fast(0, images=2)(), features.plain(0, images=2)()
    assert np.linalg.norm(found - expected) < features.TOLERANCE * np.linalg.norm(expected)
    expected = pytest.approx(quality.blocks(0, rows=60, dim=8)(), rel=1e-6)
    assert quality.whole(0, rows=60, dim=8)() == expected
    x, y = (side.astype(np.float64) for side in quality._features(60, 8))
    assert quality._whole_on_gpu(x, y, "cpu")() == expected


def test_gpu_rows_are_marked_without_a_gpu():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    found = gpu.measure({}, rounds=1)
    assert [(row.ours, row.reached, row.note) for row in found] == [
        (None, None, "no GPU on this machine")
    ] * 2


@pytest.mark.long
def test_gpu_parts_do_the_work_they_time(monkeypatch: pytest.MonkeyPatch):
    data = load_dataset("phantom:train=4,test=0")
    assert gpu.generators(0, data=data, options=gpu.SMOKE.gan, device="cpu")() == [2] * 4
    asked = []
    monkeypatch.setattr(
        "fewray.api.run_study",
        lambda data, out, **more: asked.append((out.parent.is_dir(), more)) or out,
    )
    options = gpu.STUDY_OPTIONS
    gpu.study(0, data=data, options=options, device="cpu")()
    assert asked == [(True, {"options": options, "device": "cpu"})]
    assert (options.gan.base_channels, options.gan.epochs, options.folds, options.seeds) == (
        64,
        25,
        2,
        2,
    )
    assert gpu.training_steps(data, options) == (
        2 * 4 * 25 * 32,
        4 * 2 * 2 * options.classifier.steps,
    )
    assert len(gpu.textbook(0, classes=2, steps=3, device="cpu")()) == 6
    assert len(gpu.textbook_classifiers(0, steps=2, batch=4, device="cpu")()) == 2


def test_gpu_rows_compare_with_the_rate_of_the_textbook(monkeypatch: pytest.MonkeyPatch):
    times = {
        "generators": Timed(seconds=[20.0], results=[[100] * 4], peak_mib=1),
        "study": Timed(seconds=[100.0], results=["run"], peak_mib=1),
        "textbook gan": timed(10),
        "textbook classifier": timed(2),
    }
    monkeypatch.setattr(
        gpu, "alternate", lambda sides, rounds, warm_up=True: [times[side.name] for side in sides]
    )
    data, sizes = load_dataset("phantom:train=4,test=0"), gpu.Sizes(textbook_steps=5)
    row = gpu.full_length(data, sizes, device="cpu")
    assert (row.ours, row.reference, row.ratio, row.reached) == (20, 400 * 10 / (4 * 5), 10, True)
    row = gpu.reduced_study(data, sizes, device="cpu")
    gan, classifier = gpu.training_steps(data, sizes.study)
    assert row.reference == pytest.approx(gan * 10 / (4 * 5) + classifier * 2 / 5)
    assert row.ratio == pytest.approx(row.reference / 100)


def test_gpu_script_exits_with_2_without_a_gpu(tmp_path: Path):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    script = Path(gpu.__file__).with_name("gpu.sh")
    done = subprocess.run([script, tmp_path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no GPU" in done.stderr
    assert gpu_run.main([str(tmp_path)]) == 2
    assert not any(tmp_path.iterdir())


@pytest.mark.long
def test_gpu_parts_run_in_small_on_the_cpu(tmp_path: Path):
    assert sum(part.seconds for part in gpu.PARTS.values()) <= 480
    assert gpu_run.TOTAL_SECONDS <= 480
    for name in gpu.PARTS:
        gpu_run.run_part(name, tmp_path, smoke=True)
        (row,) = json.loads((tmp_path / f"{name}.json").read_text())
        assert row["ours"] > 0
        assert "reference" not in row if name == "diffusion" else row["reference"] > 0


def test_gpu_results_are_written_after_every_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen = []

    def attempt(name: str, folder: Path, limit: float, *, smoke: bool) -> str:
        written = folder / "gpu.json"
        if written.exists():
            parts = json.loads(written.read_text())["parts"].values()
            seen.append(sum("seconds" in part for part in parts))
        if name == "metrics":
            return "not measured: planted"
        gpu_run.write(folder / f"{name}.json", [{"subject": name, "ours": 1.0}])
        return "measured"

    monkeypatch.setattr(gpu_run, "attempt", attempt)
    found = gpu_run.run_all(tmp_path, smoke=True, missing=["onnx"])
    assert seen == list(range(1, len(gpu.PARTS)))
    assert json.loads((tmp_path / "gpu.json").read_text()) == found
    assert found["parts"]["metrics"]["status"] == "not measured: planted"
    assert "rows" not in found["parts"]["metrics"]
    assert found["parts"]["study"]["rows"] == [{"subject": "study", "ours": 1.0}]


def test_a_gpu_part_ends_at_its_limit_and_errors_are_kept(tmp_path: Path):
    assert gpu_run.attempt("features", tmp_path, 0.0, smoke=True) == "not measured: out of time"
    assert gpu_run.attempt("features", tmp_path, 0.2, smoke=True) == "not measured: out of time"
    assert (
        gpu_run.attempt("nothing", tmp_path, 60, smoke=True) == "not measured: KeyError: 'nothing'"
    )


def test_unknown_subjects_are_rejected():
    with pytest.raises(InputError, match="gan, families, classifier"):
        measure(["gans"])
    assert "study" in SUBJECTS
