"""Estimates of a dry run."""

from types import SimpleNamespace

import pytest

from fewray.compute.machine import Machine
from fewray.config import ClassifierOptions
from fewray.pipelines import estimate as plan


@pytest.mark.parametrize("once", [0.0, 0.5])
def test_a_costly_first_call_hides_no_step(monkeypatch: pytest.MonkeyPatch, once: float):
    now, calls = [0.0], [0]

    def train(images: object, labels: object, options: ClassifierOptions, **_: object) -> None:
        calls[0] += 1
        now[0] += (30.0 if calls[0] == 1 else once) + 0.2 * options.steps

    monkeypatch.setattr(plan, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr("fewray.classify.training.train_classifier", train)
    machine = Machine(device="cpu", precision="fp32", processes=1, threads=1)
    options = ClassifierOptions(batch_size=4, image_size=8)
    assert plan.classifier_step_seconds(options, 2, machine) == pytest.approx(0.2)


def test_the_total_on_a_gpu_is_an_upper_limit():
    def rows() -> list[dict]:
        return [{"job": name, "images": 1, "steps": 1, "seconds": 60.0} for name in "ab"]

    last = [
        plan.with_total(rows(), Machine(device=device, processes=2), 2)[-1]
        for device in ("cpu", "cuda:0")
    ]
    assert [(row["job"], row["minutes"]) for row in last] == [
        ("all, 2 in parallel", 1.0),
        ("all, 2 in parallel, at most", 2.0),
    ]
