"""One reader's way through a study: the next image, the answer, how far it is.

What :meth:`ReadingSession.next` and :meth:`ReadingSession.answer` return may be sent to the reader:
they hold no truth, except about practice images that have been answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from fewray.errors import InputError, check_choice
from fewray.readers.answers import read_answers, store_answer
from fewray.readers.order import reading_order
from fewray.readers.study import ReaderStudy
from fewray.results.readers.study import Answer, Kind, LoggedAnswer
from fewray.results.scores import Model


class Showing(Model, frozen=True, kw_only=True):
    """The image to show next."""

    id: str
    number: int
    """From 1, counted separately for practice and test."""
    total: int
    """Practice images, or showings of test images."""
    practice: bool
    seconds: float
    """Time limit; 0 for none."""
    classes: tuple[str, ...]
    """Classes to choose from; empty if the class is not asked."""
    ask_click: bool


class Receipt(Model, frozen=True, kw_only=True):
    """Confirms an answer that is on the disk."""

    stored: LoggedAnswer
    """The answer that stands: the first one, if the showing was answered before."""
    new: bool
    truth: Kind | None
    """For practice images only."""
    truth_label: str | None
    generator: str | None
    next: Showing | None
    """None when the reader has finished."""


class Progress(Model, frozen=True, kw_only=True):
    """How many showings a reader has answered."""

    practice_done: int
    practice_total: int
    test_done: int
    test_total: int

    @property
    def complete(self) -> bool:
        """Whether all test images are answered."""
        return self.test_done == self.test_total


@dataclass(frozen=True)
class ReadingSession:
    """The way of ``reader`` (an id) through ``study``. Its state is on the disk only."""

    study: ReaderStudy
    reader: str

    @cached_property
    def order(self) -> list[str]:
        """Ids of all showings in this reader's order: practice first.

        What is shuffled is sorted by the files' hashes alone. Sorted by generator, the places of
        the real images would follow from the seed and this code, without the study's file.
        """
        items = sorted(self.study.file.items, key=lambda i: (i.sha256, i.generator or ""))
        return reading_order(items, self.study.options.seed, self.reader)

    def next(self) -> Showing | None:
        """Return the first showing without an answer; None when the reader has finished."""
        answered = {each.showing for each in self._answers()}
        left = (i for i, showing in enumerate(self.order) if showing not in answered)
        return None if (i := next(left, None)) is None else self._showing(i)

    def answer(self, answer: Answer) -> Receipt:
        """Store an answer; it is on the disk when this returns. See :func:`store_answer`.

        InputError ``unknown_value`` for a class that is not asked for, ``half_a_click`` for one
        coordinate without the other.
        """
        options = self.study.options
        if answer.label is not None:
            check_choice("class", answer.label, self.study.file.classes)
        if (answer.x is None) != (answer.y is None):
            raise InputError("half_a_click", "click: expected both x and y, or neither")
        folder = self.study.answers_folder(self.reader)
        stored, new = store_answer(folder, answer, due=self.order)
        item = self.study.item_of[answer.showing]
        shown = item.practice
        return Receipt(
            stored=stored,
            new=new,
            truth=item.kind if shown else None,
            truth_label=item.label if shown and options.ask_class else None,
            generator=item.generator if shown else None,
            next=self.next(),
        )

    def progress(self) -> Progress:
        """Return how far the reader is."""
        answered = {each.showing for each in self._answers()}
        practice = self._practice
        test = self.order[len(practice) :]
        return Progress(
            practice_done=len(answered & set(practice)),
            practice_total=len(practice),
            test_done=len(answered & set(test)),
            test_total=len(test),
        )

    def test_answers(self) -> list[LoggedAnswer]:
        """Return the answers to test images, oldest first."""
        practice = set(self._practice)
        return [each for each in self._answers() if each.showing not in practice]

    @property
    def _practice(self) -> list[str]:
        return [each for each in self.order if self.study.item_of[each].practice]

    def _answers(self) -> list[LoggedAnswer]:
        return read_answers(self.study.answers_folder(self.reader))

    def _showing(self, position: int) -> Showing:
        practice = len(self._practice)
        is_practice = position < practice
        options = self.study.options
        return Showing(
            id=self.order[position],
            number=position + 1 if is_practice else position + 1 - practice,
            total=practice if is_practice else len(self.order) - practice,
            practice=is_practice,
            seconds=options.seconds,
            classes=self.study.file.classes if options.ask_class else (),
            ask_click=options.ask_click,
        )
