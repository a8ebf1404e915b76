"""Sets of images: real ones named when the app starts, synthetic ones found below the runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from fewray.app.images.fold_sets import fold_set, is_fold
from fewray.app.images.image_set import ImageSet
from fewray.app.library import Library, generator_runs
from fewray.data.manifest import MANIFEST, SOURCES, Manifest
from fewray.errors import InputError
from fewray.results.files import STUDY


class ImageSets:
    """All sets. InputError for real data that cannot be loaded."""

    def __init__(self, library: Library, data: Sequence[str]) -> None:
        self.library = library
        self._lock = threading.Lock()
        self._real = [_real_set(number, source) for number, source in enumerate(data)]
        self._synthetic: dict[str, tuple[float, ImageSet]] = {}

    def real(self) -> list[ImageSet]:
        """Return the real sets."""
        return list(self._real)

    def all_keys(self) -> list[str]:
        """Return the keys of all sets: real ones, generated ones and those inside studies."""
        keys = [each.key for each in self._real]
        for run in self.library.runs():
            if run.kind == "images":
                keys.append(f"synthetic/{run.name}")
            elif run.kind == "study":
                folds = filter(is_fold, generator_runs(run.folder))
                keys += [f"synthetic/{run.name}/generators/{fold.name}" for fold in folds]
        return keys

    def get(self, key: str) -> ImageSet:
        """Return the set called ``key``; InputError ``no_set`` if there is none."""
        kind, _, name = key.partition("/")
        if kind == "real" and name.isdecimal() and len(name) < 4 and int(name) < len(self._real):
            return self._real[int(name)]
        if kind == "synthetic":
            return self._synthetic_set(name)
        raise InputError("no_set", f"{key[:200]}: no such set of images.", key=key[:200])

    def _synthetic_set(self, name: str) -> ImageSet:
        """Return the synthetic images in a folder, or of a fold of a study."""
        folder = self.library.folder(name)
        if is_fold(folder):
            return self._kept(name, folder.parent.parent / STUDY, lambda: fold_set(name, folder))
        if not (folder / SOURCES).is_file() or not (folder / MANIFEST).is_file():
            message = f"{name}: no complete set of synthetic images (no {SOURCES} or {MANIFEST})."
            raise InputError("no_set", message, key=name)
        return self._kept(name, folder / MANIFEST, lambda: self._folder_set(name, folder))

    def _kept(self, name: str, file: Path, make: Callable[[], ImageSet]) -> ImageSet:
        """Return the set that was made of ``file``, made again when that changes."""
        changed = file.stat().st_mtime
        with self._lock:
            kept = self._synthetic.get(name)
            if kept is None or kept[0] != changed:
                kept = self._synthetic[name] = (changed, make())
            return kept[1]

    def _folder_set(self, name: str, folder: Path) -> ImageSet:
        from fewray.data.loading import load_dataset
        from fewray.generators.output_folder import read_sources

        found = load_dataset(folder, option=name)
        self._check_inside(found, folder)
        return ImageSet(
            key=f"synthetic/{name}",
            title=name,
            origin="synthetic",
            manifest=found,
            folder=folder,
            generators=read_sources(folder),
        )

    @staticmethod
    def _check_inside(manifest: Manifest, folder: Path) -> None:
        """Refuse a table that lists files elsewhere: only files in the folder are sent."""
        for row in manifest.rows:
            if not row.path.resolve().is_relative_to(folder):
                message = f"{folder.name}: {MANIFEST} lists a file outside the folder."
                raise InputError("foreign_files", message, folder=str(folder))


def _real_set(number: int, source: str) -> ImageSet:
    from fewray.data.loading import load_dataset

    found = load_dataset(source)
    title = found.name
    return ImageSet(f"real/{number}", title, origin="real", manifest=found, source=source)
