"""The built-in data set: frontal chest films of phantoms, drawn from seeds, in covid4's four classes.

Nothing here was taken from a patient: every film is a sum of path lengths through smooth shapes, exposed and developed
like a radiograph. It serves to try things out and to test them where the answer is known; a figure measured on it says
nothing about medicine.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from fewray.config import Options
from fewray.data.manifest import DataWarning, Manifest, Row
from fewray.data.phantom import anatomy, bones
from fewray.data.phantom import rendering as developed
from fewray.data.phantom.canvas import Canvas, Pose
from fewray.data.phantom.lesions import disease
from fewray.data.phantom.patient import grow_patient
from fewray.errors import InputError, RunFailed
from fewray.imaging.arrays import png_bytes
from fewray.storage.cache import cache_folder
from fewray.storage.files import write_json

CLASSES = ("covid", "normal", "pneumonia_bac", "pneumonia_vir")
CONFOUNDS = ("none", "mark", "border")
SMALLEST, LARGEST = 16, 2048


@dataclass(frozen=True, kw_only=True)
class PhantomOptions(Options):
    """What makes a phantom data set. The counts are in the order of ``CLASSES``; the defaults are the paper's."""

    size: int = 256
    """Pixels on a side. 256 leaves detail for extractors at 128 to 224 and for augmentation before a reduction to 64."""
    train: tuple[int, ...] = (60, 70, 70, 70)
    test: tuple[int, ...] = (9, 9, 9, 9)
    seed: int = 0
    difficulty: float = 0.4
    """0 the diseases are plain, 1 they cannot be seen. At the default a small CNN is right in about 3 of 4 films."""
    confound: developed.Confound = "none"
    """A planted fault that gives a class away: ``mark`` a lead disc in a corner, ``border`` a grey frame."""
    confound_class: str = "covid"
    """The class whose films carry the fault; no others do."""
    confound_strength: float = 1.0
    """The share of that class's films that carry it."""

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        if not SMALLEST <= self.size <= LARGEST:
            raise InputError(f"phantom size: {self.size}; {SMALLEST} to {LARGEST} pixels wanted")
        for name in ("train", "test"):
            counts = getattr(self, name)
            if len(counts) != len(CLASSES) or min(counts) < 0:
                shown = "/".join(map(str, counts))
                raise InputError(
                    f"phantom {name}: {shown}; one count for all classes wanted, or one each as 60/70/70/70"
                )
        if not sum(self.train) + sum(self.test):
            raise InputError("phantom train and test: no film at all; a count above 0 wanted")
        for name in ("difficulty", "confound_strength"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(
                    f"phantom {name}: {getattr(self, name)}; a number from 0 to 1 wanted"
                )
        if self.seed < 0:
            raise InputError(f"phantom seed: {self.seed}; a number of 0 or more wanted")
        if self.confound not in CONFOUNDS:
            raise InputError(
                f"phantom confound: {self.confound}; one of {', '.join(CONFOUNDS)} wanted"
            )
        if self.confound_class not in CLASSES:
            raise InputError(
                f"phantom confound_class: {self.confound_class}; one of {', '.join(CLASSES)} wanted"
            )


def draw(
    label: str,
    *,
    patient_seed: int,
    film_seed: int,
    size: int,
    difficulty: float = 0.4,
    confound: developed.Confound = "none",
) -> np.ndarray:
    """Draw one film: uint8 (size, size), 0 black (air) to 255 white (bone).

    ``patient_seed`` fixes the anatomy and where the disease sits, ``film_seed`` the positioning, exposure, grain and
    marks. Neither depends on the label: at ``difficulty`` 1 all labels give the same film. Sizes below 256 are drawn
    larger and averaged down, so that a film is the same at every size but for its grain. InputError for an unknown
    label. The bytes are the same wherever numpy's exp and sqrt are, and within a grey level elsewhere.
    """
    if label not in CLASSES:
        raise InputError(f"phantom label: {label}; one of {', '.join(CLASSES)} wanted")
    patient = grow_patient(patient_seed)
    rng = np.random.default_rng((patient_seed, film_seed, 7))
    pose = developed.take_pose(rng, patient.child)
    exposure = developed.take_exposure(rng)
    n = size * max(1, -(-256 // size))
    c, film = Canvas(n, pose), Canvas(n, Pose())

    lung = anatomy.lungs(c, patient, pose)
    lost = disease(label, c, patient, lung, seed=patient_seed, strength=1 - difficulty)
    mottle = c.texture(np.random.default_rng((patient_seed, 8)), 0.10)
    air = np.maximum(lung.air - anatomy.mediastinum(c, patient, pose), 0)
    vessels = anatomy.vessels(c, patient, pose) * np.minimum(4 * air, 1)
    air = np.maximum(air * (1 + 0.05 * mottle) - vessels, 0) * (1 - lost)
    gas = 0.13 * anatomy.airways(c, pose) + 3.0 * anatomy.abdomen_gas(c, patient, pose)
    path = np.maximum(anatomy.body(c, patient) * (1 - 0.02 * mottle) - 0.80 * air - gas, 0)
    path += bones.ribs(c, patient, pose, lung)
    path += bones.spine(c, patient, pose)
    path += bones.clavicles(c, patient, pose)
    path += bones.shoulders(c, patient, pose)
    path += developed.leads(c, rng)

    grey = developed.expose(gaussian_filter(path, exposure.blur * n / 2), exposure)
    grey = grey * developed.shutter(film, rng)
    grey = np.maximum(grey, developed.marks(film, rng))
    grey = developed.plant(developed.grain(grey, exposure, rng), film, confound)
    return developed.reduce(grey, size)


def write_phantom(folder: Path, options: PhantomOptions) -> Manifest:
    """Draw a data set into ``folder`` (<split>/<class>/*.png, manifest.csv, options.json) and return its manifest.

    A patient has one to three films, all of one class and in one split. The folder appears complete or not at all;
    one that already holds the same data set is returned as it is. InputError where it holds anything else.
    """
    folder = Path(folder)
    occupied = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if _is_complete(folder, options):
        return _read(folder, options)
    if occupied:
        raise InputError(
            f"{folder}: holds other files; a new or empty folder wanted; name another or remove it"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = folder.parent / f".{folder.name}.{uuid.uuid4().hex}"
    try:
        rows = tuple(_draw_all(staging, options))
        Manifest(name="phantom", classes=CLASSES, rows=rows).to_csv(staging / "manifest.csv")
        write_json(staging / "options.json", _identity(options))
        try:
            staging.replace(folder)
        except OSError:
            if not _is_complete(
                folder, options
            ):  # otherwise another writer was first, with the same films
                raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return _read(folder, options)


def load_phantom(spec: dict[str, str]) -> Manifest:
    """Return the data set of the ``key=value`` pairs after ``phantom:``, drawn once and kept in the user's cache.

    The keys are the fields of :class:`PhantomOptions`; ``train`` and ``test`` take one count for all classes or one
    each (``60/70/70/70``). Raises RunFailed where the cache cannot be written.
    """
    options = parse_options(spec)
    digest = hashlib.sha256(json.dumps(_identity(options), sort_keys=True).encode()).hexdigest()[
        :16
    ]
    cache = cache_folder("phantom")
    if cache is None:
        raise RunFailed(
            "phantom: this user has no cache folder to keep the films in; name one with FEWRAY_CACHE"
        )
    folder = cache / digest
    try:
        if not folder.exists() or _is_complete(folder, options):
            return write_phantom(folder, options)
        return _mend(folder, options)
    except OSError as error:
        raise RunFailed(
            f"phantom: films cannot be kept in {folder} ({error.strerror}); remove it, or name another cache with FEWRAY_CACHE"
        ) from error


def _mend(folder: Path, options: PhantomOptions) -> Manifest:
    """Put every film of a damaged data set in its place, the list of them last; others may be doing the same."""
    whole = folder.parent / f".{folder.name}.{uuid.uuid4().hex}"
    try:
        write_phantom(whole, options)
        for path in sorted(whole.rglob("*"), key=lambda path: path.suffix != ".png"):
            if path.is_file():
                place = folder / path.relative_to(whole)
                place.parent.mkdir(parents=True, exist_ok=True)
                path.replace(place)
    finally:
        shutil.rmtree(whole, ignore_errors=True)
    return _read(folder, options)


def parse_options(spec: dict[str, str]) -> PhantomOptions:
    """Turn ``key=value`` texts into options; InputError names the key, its value and what is wanted."""
    kinds = {field.name: type(field.default) for field in fields(PhantomOptions)}
    values: dict[str, object] = {}
    for key, text in spec.items():
        if key not in kinds:
            raise InputError(f"phantom key: {key}; one of {', '.join(kinds)} wanted")
        try:
            if kinds[key] is tuple:
                counts = tuple(int(part) for part in text.split("/"))
                values[key] = counts * len(CLASSES) if len(counts) == 1 else counts
            else:
                values[key] = kinds[key](text)
        except ValueError:
            wanted = (
                "counts"
                if kinds[key] is tuple
                else "a whole number"
                if kinds[key] is int
                else "a number"
            )
            raise InputError(f"phantom {key}: {text}; {wanted} wanted") from None
    return PhantomOptions.from_json(values)


def _plan(options: PhantomOptions) -> Iterator[tuple[Row, dict[str, Any]]]:
    """Give each film's row (its path below the folder, no hash yet) and what :func:`draw` is to be called with."""
    patient = 0
    for split_number, split in enumerate(("train", "test")):
        for class_number, (label, count) in enumerate(
            zip(CLASSES, getattr(options, split), strict=True)
        ):
            rng = np.random.default_rng((options.seed, split_number, class_number))
            done = 0
            while done < count:
                patient += 1
                patient_seed = int(rng.integers(2**62))
                films = min(int(rng.choice((1, 2, 3), p=(0.7, 0.2, 0.1))), count - done)
                done += films
                for film in range(films):
                    planted = (
                        rng.random() < options.confound_strength and label == options.confound_class
                    )
                    name = f"patient{patient:04d}"
                    path = Path(split, label, f"{name}-{film + 1}.png")
                    yield (
                        Row(
                            path=path,
                            label=label,
                            split=split,
                            group=name,
                            sha256="",
                            origin="phantom",
                        ),
                        {
                            "patient_seed": patient_seed,
                            "film_seed": film,
                            "size": options.size,
                            "difficulty": options.difficulty,
                            "confound": options.confound if planted else "none",
                        },
                    )


def _draw_all(folder: Path, options: PhantomOptions) -> Iterator[Row]:
    for row, how in _plan(options):
        path = folder / row.path
        path.parent.mkdir(parents=True, exist_ok=True)
        content = png_bytes(draw(row.label, **how))
        path.write_bytes(content)
        yield replace(row, path=path, sha256=hashlib.sha256(content).hexdigest())


def _identity(options: PhantomOptions) -> dict[str, object]:
    """Return what fixes the films: the options and the drawing code."""
    code = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        code.update(source.read_bytes())
    return {"options": json.loads(json.dumps(options.to_json())), "code": code.hexdigest()[:16]}


def _is_complete(folder: Path, options: PhantomOptions) -> bool:
    try:
        kept = json.loads((folder / "options.json").read_text())
        return kept == _identity(options) and all(
            path.is_file() for path in _read(folder, options).paths()
        )
    except (OSError, ValueError):
        return False


def _read(folder: Path, options: PhantomOptions) -> Manifest:
    notes = {
        "options": options.to_json(),
        "warnings": [
            DataWarning("These are computer-drawn phantoms, not patients.", "phantom_data")
        ],
    }
    if options.confound != "none":
        share = f"{options.confound_strength:.0%}"
        notes["warnings"].append(
            f"phantom: a {options.confound} was planted in {share} of {options.confound_class}."
        )
    return replace(
        Manifest.from_csv(folder / "manifest.csv", name="phantom"), classes=CLASSES, notes=notes
    )
