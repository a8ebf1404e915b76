"""Several runs side by side: studies by arm, training runs by class, quality by metric."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fewray.app.library import QUALITY, Found
from fewray.app.runs.charts import Chart, span_of
from fewray.app.runs.curves import compared_charts
from fewray.app.runs.study import ArmView, StudyView, view_study
from fewray.app.runs.training import GeneratorView, TrainingView, view_training
from fewray.errors import InputError
from fewray.report.text import number
from fewray.results.names import arm_name
from fewray.results.quality import METRICS, QualityReport
from fewray.results.quality_sets import read_quality_sets, sets_of


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of each kind, by name."""

    studies: dict[str, StudyView]
    training: dict[str, TrainingView]
    quality: dict[str, dict[str, dict[str, float | None]]]
    """By run, class and metric."""
    problems: dict[str, str]

    @property
    def arms(self) -> list[tuple[str, list[ArmView | None]]]:
        """Return the arms' names, each with its view in every study."""
        names = dict.fromkeys(arm.arm for study in self.studies.values() for arm in study.arms)
        return [
            (
                arm_name(arm),
                [next((a for a in s.arms if a.arm == arm), None) for s in self.studies.values()],
            )
            for arm in names
        ]

    @property
    def span(self) -> tuple[float, float]:
        """Return the scale of the differences, in points."""
        return span_of(arm.ci for study in self.studies.values() for arm in study.arms)

    @property
    def labels(self) -> list[str]:
        """Return the generators' labels over all training runs."""
        views = self.training.values()
        return list(dict.fromkeys(each.label for view in views for each in view.generators))

    def generators(self, label: str) -> dict[str, GeneratorView]:
        """Return the generator called ``label`` of each training run that has one."""
        return {
            name: each
            for name, view in self.training.items()
            for each in view.generators
            if each.label == label
        }

    def charts(self, label: str) -> list[Chart]:
        """Return the charts of the generators called ``label``, with one line per run."""
        return compared_charts({name: g.rows for name, g in self.generators(label).items()})

    @property
    def metrics(self) -> list[tuple[str, str, list[str]]]:
        """Return class, metric and one text per quality report."""
        classes = dict.fromkeys(label for found in self.quality.values() for label in found)
        rows = []
        for label in classes:
            for key, (name, digits) in METRICS.items():
                values = [found.get(label, {}).get(key) for found in self.quality.values()]
                texts = ["–" if v is None else number(v, digits) for v in values]
                if any(v is not None for v in values):
                    rows.append((label, name, texts))
        return rows


def comparison(runs: Sequence[Found]) -> Comparison:
    """Return the comparison of ``runs``. A damaged run is named under ``problems``."""
    studies: dict[str, StudyView] = {}
    training: dict[str, TrainingView] = {}
    quality: dict[str, dict[str, dict[str, float | None]]] = {}
    problems: dict[str, str] = {}
    for run in runs:
        try:
            if run.kind == "study":
                studies[run.name] = view_study(run.folder)
            elif run.kind == "training":
                training[run.name] = view_training(run.folder)
            if (run.folder / QUALITY).is_file():
                for name, found in sets_of(read_quality_sets(run.folder / QUALITY)).items():
                    quality[f"{run.name} {name}".strip()] = _metrics(found)
        except InputError as error:
            problems[run.name] = str(error)
        if run.kind in ("images", "reader_study"):
            problems[run.name] = "Only studies, training runs and quality reports are compared."
    return Comparison(studies=studies, training=training, quality=quality, problems=problems)


def _metrics(report: QualityReport) -> dict[str, dict[str, float | None]]:
    return {
        label: {key: getattr(found, key) for key in METRICS} for label, found in report.rows.items()
    }
