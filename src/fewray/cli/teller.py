"""What a study tells of its progress on stderr."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from fewray.cli.show import EpochProgress


class StudyTeller:
    """Turns a study's events into bars and lines, with the time left of the classifiers."""

    def __init__(self, progress: EpochProgress, steps: int) -> None:
        self.progress, self.steps = progress, steps
        self.trained, self.started = 0, 0.0

    def __call__(self, kind: str, event: Mapping[str, Any]) -> None:
        """Tell of one event; kinds without anything to see are passed over."""
        if told := getattr(self, f"_{kind.replace(' ', '_')}", None):
            told(event)

    def _epoch(self, event: Mapping[str, Any]) -> None:
        self.progress.epoch(event["label"], event)

    def _batch(self, event: Mapping[str, Any]) -> None:
        self.progress.batch(event["label"], event)

    def _stage(self, event: Mapping[str, Any]) -> None:
        self.progress.line(event["text"])

    def _synthetic(self, event: Mapping[str, Any]) -> None:
        if event["rejected"]:
            self.progress.line(
                f"{event['set']}, {event['label']}: {event['rejected']} copies replaced"
            )

    def _classifiers(self, event: Mapping[str, Any]) -> None:
        self.trained, self.started = 0, time.monotonic()
        if event["done"]:
            self.progress.line(
                f"classifiers: {event['done']} of {event['total']} are there already"
            )

    def _step(self, event: Mapping[str, Any]) -> None:
        self.progress.advance(event["run"], event["step"], self.steps)

    def _classifier(self, event: Mapping[str, Any]) -> None:
        self.trained += 1
        minutes = (time.monotonic() - self.started) / self.trained * event["left"] / 60
        after = f"; {event['left']} left, about {minutes:.0f} min" if event["left"] else ""
        self.progress.line(
            f"{event['run']}: accuracy {event['accuracy']:.3f} in {event['seconds']:.0f} s{after}"
        )
