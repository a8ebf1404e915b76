"""The pages of a trial that was really run: every field has the shape that the pages read."""

import json
from pathlib import Path

from fewray.report.markdown import render_results
from fewray.report.render import render_report


def test_the_pages_of_a_trial_that_was_run(trial: Path):
    study = json.loads((trial / "study.json").read_text())
    text, page = render_results(trial), render_report(trial).read_text(encoding="utf-8")
    for arm in study["arms"].values():
        (folds,) = arm["accuracy"]["by_fold"]
        assert f"| {', '.join(f'{value:.3f}' for value in folds)} |" in text
    assert "Verdict." in text
    assert study["answer"].startswith("Synthetic images: ")
    assert study["answer"].split(":")[0] in page
    assert list(study["descriptive"]) == ["synthetic - pca"]
    assert study["data"]["patients_known"] == "all"
    assert "bootstrap of patients, 1000 draws" in page
    assert "classic (resnet)" in text
    assert "its own learning rate of 0.05" in text
