"""The pages of a cross-validation study that was really run."""

from pathlib import Path

from fewray.report.render import render_markdown, write_report
from fewray.results.crossval import CrossvalStudy
from fewray.results.files import read_study


def test_the_pages_show_the_study(trial: Path):
    study = read_study(trial)
    assert isinstance(study, CrossvalStudy)
    text, page = render_markdown(trial), write_report(trial).read_text(encoding="utf-8")
    for arm in study.arms.values():
        assert f"{arm.accuracy.value:.3f}" in text
    for verdict in study.conclusion.verdicts:
        assert verdict.text in text
        assert page.count(verdict.text) == 1
    assert [(pair.arm, pair.other) for pair in study.descriptive] == [("synthetic", "pca")]
    assert study.data.patients_known == "all"
    assert "bootstrap over patients (1000 resamples)" in page
    assert "resnet" in study.sensitivity
    assert "learning rate of 0.05" in text
