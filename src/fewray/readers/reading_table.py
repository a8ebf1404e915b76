"""The answers of all readers who have finished, as arrays."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np

from fewray.readers.session import ReadingSession
from fewray.readers.study import ReaderStudy
from fewray.results.readers.scores import LeftOut
from fewray.results.readers.study import Item, LoggedAnswer, Reader


@dataclass(frozen=True, kw_only=True)
class ReadingTable:
    """Test images and their answers; r readers, n images."""

    items: tuple[Item, ...]
    readers: tuple[Reader, ...]
    """Those who have finished."""
    left_out: tuple[LeftOut, ...]
    first: tuple[dict[str, LoggedAnswer], ...]
    """By reader: the answer to the first showing, by the id of the image."""
    again: tuple[dict[str, LoggedAnswer], ...]
    """By reader: the answer to the second showing, by the id of the image."""

    @cached_property
    def ratings(self) -> np.ndarray:
        """Ratings, int64 (r, n): 1, certainly real, to 10, certainly synthetic."""
        rows = [[answers[item.id].rating for item in self.items] for answers in self.first]
        return np.array(rows, dtype=np.int64).reshape(len(self.readers), len(self.items))

    @cached_property
    def synthetic(self) -> np.ndarray:
        """Whether each image is synthetic: bool (n,)."""
        return np.array([item.synthetic for item in self.items], dtype=bool)

    def of_generator(self, name: str) -> np.ndarray:
        """Return bool (n,): the images of a generator."""
        return np.array([item.generator == name for item in self.items], dtype=bool)

    def repeated(self, reader: int) -> tuple[np.ndarray, np.ndarray]:
        """Return what a reader called the images shown twice: bool (m,) first, bool (m,) again."""
        ids = sorted(self.again[reader])
        first = [self.first[reader][each].synthetic for each in ids]
        again = [self.again[reader][each].synthetic for each in ids]
        return np.array(first, dtype=bool), np.array(again, dtype=bool)


def reading_table(study: ReaderStudy) -> ReadingTable:
    """Return the answers of a study. Readers who have not finished are listed, not analysed.

    Images are sorted by generator and file hash, so that results do not depend on random ids.
    """
    test = [item for item in study.file.items if not item.practice]
    items = tuple(sorted(_shortened(test), key=lambda item: (item.generator or "", item.sha256)))
    second = {item.again: item.id for item in items if item.again}
    readers, left_out, first, again = [], [], [], []
    for reader in study.readers:
        session = ReadingSession(study, reader.id)
        progress = session.progress()
        if not progress.complete:
            left_out.append(
                LeftOut(reader=reader.id, done=progress.test_done, total=progress.test_total)
            )
            continue
        # An image answered twice, by processes without a common lock: the first answer stands.
        answers = {each.showing: each for each in reversed(session.test_answers())}
        readers.append(reader)
        first.append({item.id: answers[item.id] for item in items})
        again.append({image: answers[showing] for showing, image in second.items()})
    return ReadingTable(
        items=items,
        readers=tuple(readers),
        left_out=tuple(left_out),
        first=tuple(first),
        again=tuple(again),
    )


def _shortened(items: list[Item]) -> list[Item]:
    """Return the items without the folders that hold the data, as new studies store them.

    Earlier versions stored whole paths. What the images of a source share is left out, and a
    source's folder of the class is kept.
    """
    roots: dict[str | None, str] = {}
    for generator in {item.generator for item in items}:
        paths = [Path(item.source) for item in items if item.generator == generator]
        if all(path.is_absolute() for path in paths):
            shared = Path(os.path.commonpath([path.parent for path in paths]))
            one_class = len({item.label for item in items if item.generator == generator}) == 1
            roots[generator] = str(shared.parent if one_class else shared)
    return [
        msgspec.structs.replace(item, source=Path(item.source).relative_to(root).as_posix())
        if (root := roots.get(item.generator))
        else item
        for item in items
    ]
