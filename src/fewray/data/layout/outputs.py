"""Recognise what fewray itself wrote, so that it is never read back as data.

This is the only place that knows the files of all commands. A file is an output if its name is one
that a command gives, and if the folder holds a file that marks it as that command's. What users
keep in the same folder stays theirs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fewray.data.manifest import MANIFEST, SOURCES, Manifest
from fewray.errors import InputError


@dataclass(frozen=True, kw_only=True)
class OutputKind:
    """What one command writes into one folder."""

    name: str
    """As messages call it."""
    files: re.Pattern[str]
    """The names of all its files."""
    markers: tuple[str, ...] = ()
    """Files of which one is always there, and before any picture. Empty: the names are enough."""
    up: int = 0
    """The markers lie this many folders above the files."""
    folder: re.Pattern[str] | None = None
    """The name of the folder of the markers, where their names alone say too little."""
    generated: bool = False
    """Whether the images may be read where synthetic ones are expected."""


def _names(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)


PHANTOM = "phantom images"
KINDS = (
    OutputKind(
        name="training run",
        markers=("stats.jsonl", "checkpoint.safetensors"),
        files=_names(
            r"options\.json|stats\.jsonl|reals\.png|fakes-\d+\.png|"
            r"(checkpoint|best)\.safetensors|training-[0-9a-f]{16}\.npy(\.sha256)?"
        ),
    ),
    OutputKind(
        name="training run", markers=("options.json",), files=_names(r"options\.json|report\.html")
    ),
    OutputKind(
        name="study",
        markers=("study.json", "fold_assignment.json", "timing.json", "history.jsonl"),
        files=_names(
            r"(study|fold_assignment|timing|training|run)\.json|history\.jsonl|predictions\.csv|"
            r"report\.html|classifier\.safetensors"
        ),
    ),
    OutputKind(
        name="study",
        files=_names(r"[a-z][a-z_-]*-[0-9a-f]{16}\.(json|npy|npy\.sha256|safetensors)"),
    ),
    OutputKind(
        name="quality report",
        markers=("quality.json",),
        files=_names(
            r"quality\.json|report\.html|copies\.csv|copied-areas\.csv|"
            r"(closest-pairs|closest-synthetic|copied-areas)-.+\.png"
        ),
    ),
    OutputKind(
        name="generated images",
        markers=(SOURCES,),
        files=_names(f"{re.escape(SOURCES)}|{re.escape(MANIFEST)}"),
        generated=True,
    ),
    OutputKind(
        name="generated images",
        markers=(SOURCES,),
        up=1,
        files=_names(r"seed\d+\.(png|dcm)"),
        generated=True,
    ),
    *(
        OutputKind(
            name=PHANTOM,
            markers=("options.json",),
            up=up,
            folder=_names(r"[0-9a-f]{16}"),
            files=_names(files),
            generated=True,
        )
        for up, files in ((0, r"manifest\.csv|options\.json"), (2, r"patient\d+-\d\.png"))
    ),
    OutputKind(
        name="cache", markers=("features", "ranges"), up=1, files=_names(r"[0-9a-f]{64}(-.+)?")
    ),
    OutputKind(name="cache", files=_names(r".+\.nb[ic]")),
)


@dataclass
class Outputs:
    """Tells files of fewray from others; each folder is listed once."""

    listed: dict[Path, frozenset[str]] = field(default_factory=dict)

    def kind(self, path: Path) -> OutputKind | None:
        """Return what a file is an output of, or None if it is none."""
        return next((kind for kind in KINDS if self._is(path, kind)), None)

    def among(self, files: Iterable[Path], root: Path) -> dict[Path, OutputKind]:
        """Return the outputs among the files below the data folder ``root``.

        Generated images are not among them if ``root`` itself is the folder that they were written
        to: then they are what the user asks for.
        """
        found = {path: kind for path in files if (kind := self.kind(path)) is not None}
        return {
            path: kind
            for path, kind in found.items()
            if not (kind.generated and path.parents[kind.up] == root)
        }

    def _is(self, path: Path, kind: OutputKind) -> bool:
        if kind.files.fullmatch(path.name) is None:
            return False
        if not kind.markers:
            return True
        parents = path.parents
        if len(parents) <= kind.up:
            return False
        if kind.folder is not None and kind.folder.fullmatch(parents[kind.up].name) is None:
            return False
        return not self._list(parents[kind.up]).isdisjoint(kind.markers)

    def _list(self, folder: Path) -> frozenset[str]:
        if folder not in self.listed:
            try:
                self.listed[folder] = frozenset(path.name for path in folder.iterdir())
            except OSError:
                self.listed[folder] = frozenset()
        return self.listed[folder]


def check_out_folder(manifest: Manifest, out: Path, names: Iterable[str] = ()) -> None:
    """Raise InputError if outputs in ``out`` would lie among the images of ``manifest``.

    ``names`` are folders that will be made in ``out``. Folders below the data are safe: what fewray
    writes there is recognised.
    """
    here = Path(os.path.realpath(out))
    used = {here, *(here / name for name in names)}
    folders = {
        Path(os.path.realpath(folder)) for folder in {row.path.parent for row in manifest.rows}
    }
    source = Path(manifest.source) if manifest.source else None
    if source is not None and source.is_dir():
        folders.add(source.resolve())
    if taken := sorted(used & folders):
        message = (
            f"--out {out}: {taken[0]} holds the images of {manifest.name}. Choose another folder; "
            f"a new one, such as {out / 'runs'}, may lie inside the data."
        )
        raise InputError("out_among_images", message, out=str(out), folder=str(taken[0]))
