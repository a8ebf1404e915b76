"""Find the DICOM files of a data set and read their headers, once, before the rows are made."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from fewray.data.dicom.names import NameMask
from fewray.data.dicom.patient_key import PatientKey, patient_key
from fewray.data.patients import patient_in_cell
from fewray.imaging.arrays import in_threads
from fewray.imaging.dicom.header import DicomHeader, read_header
from fewray.imaging.unreadable import Unreadable
from fewray.results.data_check import DicomHeaders

DIRECTORY = "dicomdir"
NO_VIEW = "unknown"


@dataclass(frozen=True, kw_only=True)
class DicomOptions:
    """How the DICOM files of a data set are chosen and shown."""

    views: tuple[str, ...] = ()
    """The ViewPositions to keep, in capitals; empty for all."""
    show_names: bool = False
    """Whether errors show the names of files as they are, which may name patients."""
    key_file: Path | None = None
    """The file of the patient key, if it is that of another data set."""


ALL = DicomOptions()


@dataclass(kw_only=True)
class DicomFiles:
    """The DICOM files among the files of one data set."""

    headers: dict[Path, DicomHeader] = field(default_factory=dict)
    damaged: dict[Path, Unreadable] = field(default_factory=dict)
    directories: set[Path] = field(default_factory=set)
    """DICOMDIR files: tables of contents, which are passed over."""
    views: tuple[str, ...] = ()
    key: PatientKey | None = None
    mask: NameMask = field(default_factory=lambda: NameMask(root=Path()))

    @classmethod
    def scan(
        cls,
        root: Path,
        files: Iterable[Path],
        options: DicomOptions,
        keep: Iterable[str] = (),
        given: Path | None = None,
    ) -> DicomFiles:
        """Read the headers of the DICOM files among ``files``, all below ``root``.

        ``keep`` are the names of classes and splits; ``given`` is the folder that the user named,
        if it is above ``root``. Raises InputError ``patient_key``.
        """
        paths, found, own = list(files), cls(views=options.views), dict[Path, frozenset[str]]()
        for path, header in zip(paths, in_threads(_header, paths), strict=True):
            if isinstance(header, DicomHeader):
                own[path] = header.identifiers
                patient = patient_in_cell(header.patient)
                found.headers[path] = replace(header, identifiers=frozenset(), patient=patient)
            elif isinstance(header, Unreadable):
                found.damaged[path] = header
            elif header == DIRECTORY:
                found.directories.add(path)
        if found.headers or found.damaged:
            found.key = patient_key(given or root, options.key_file, root)
            shown = None if options.show_names else found.key
            found.mask = NameMask(root=root, given=given, key=shown, own=own, keep=frozenset(keep))
        return found

    def is_image(self, path: Path) -> bool:
        """Whether a file claims to be a DICOM image, damaged or not."""
        return path in self.damaged or (path in self.headers and self.headers[path].is_image)

    def is_other(self, path: Path) -> bool:
        """Whether a file is DICOM without an image, such as a report."""
        return path in self.headers and not self.headers[path].is_image

    def has_view(self, path: Path) -> bool:
        """Whether a file has one of the views asked for; only DICOM files have views."""
        if not self.views or path in self.damaged:
            return True
        return path in self.headers and self.headers[path].view in self.views

    def fault(self, path: Path) -> tuple[str, str] | None:
        """Return code and reason if a DICOM file cannot be used."""
        if (damaged := self.damaged.get(path)) is not None:
            return damaged.code, damaged.reason
        return self.headers[path].refusal if path in self.headers else None

    def group(self, path: Path, given: str) -> str:
        """Return the patient of a file: hashed, if it is DICOM; ``given`` is from elsewhere."""
        if self.key is None or (path not in self.headers and path not in self.damaged):
            return given
        name = self.patient(path, given)
        return self.key.patient(name) if name else ""

    def patient(self, path: Path, given: str) -> str:
        """Return the patient of a file as its header or ``given`` names it; never to be shown."""
        return given or (self.headers[path].patient if path in self.headers else "")

    def knows_patients(self) -> bool:
        """Whether there are DICOM files, and the header of each names the patient."""
        headers = self.headers.values()
        return bool(headers) and all(header.patient for header in headers if header.is_image)

    def alias(self, path: Path) -> Path | None:
        """Return how a path is shown, or None if it is shown as it is."""
        shown = self.mask.shown(path)
        return None if shown == path else shown

    def order(self, groups: Mapping[Path, str]) -> Callable[[Path], tuple[str, str, str]]:
        """Return a sort key: by path, but the DICOM images of a patient by their date.

        ``groups`` are the patients of the files.
        """
        first: dict[str, str] = {}
        for path, group in groups.items():
            first[group] = min(first.get(group, str(path)), str(path))

        def key(path: Path) -> tuple[str, str, str]:
            header = self.headers.get(path)
            if header is None:
                return str(path), "", str(path)
            return first[groups[path]], header.when, str(path)

        return key

    def summary(self, groups: Mapping[Path, str]) -> DicomHeaders | None:
        """Return what the headers say; None if no file is DICOM. ``groups``: patients by file."""
        paths = list(groups)
        found = [self.headers[path] for path in paths if path in self.headers]
        if not found or self.key is None:
            return None

        def counted(values: Iterable[str]) -> dict[str, int]:
            return dict(Counter(value or NO_VIEW for value in values).most_common())

        def named(attribute: str) -> tuple[str, ...]:
            return tuple(
                self.mask.shown_below(path)
                for path in paths
                if path in self.headers and getattr(self.headers[path], attribute)
            )

        return DicomHeaders(
            files=len(found),
            views=counted(header.view for header in found),
            laterality=counted(header.laterality for header in found),
            modalities=counted(header.modality for header in found),
            photometric=counted(header.photometric for header in found),
            bits=counted(str(header.bits) for header in found),
            windows=sum(header.window for header in found),
            several_dates=self._several_dates(groups),
            without_patient=sum(not header.patient for header in found),
            burned_in=named("burned_in"),
            for_processing=named("for_processing"),
            key_file=str(self.key.file),
        )

    def _several_dates(self, groups: Mapping[Path, str]) -> int:
        dates = defaultdict[str, set[str]](set)
        for path, group in groups.items():
            if path in self.headers and (date := self.headers[path].when.partition(" ")[0]):
                dates[group].add(date)
        return sum(len(each) > 1 for each in dates.values())


def _header(path: Path) -> DicomHeader | Unreadable | str | None:
    """Return the header of a DICOM file, or why it is damaged; None for other files."""
    if path.name.lower().partition(".")[0] == DIRECTORY:
        return DIRECTORY
    try:
        header = read_header(path)
    except Unreadable as error:
        return error
    except OSError as error:
        named = path.suffix and not path.suffix[1:].isdigit()  # UIDs end in digits
        reason = f"cannot be read ({error.strerror})"
        return None if named else Unreadable(path, reason, "unreadable_file")
    except ValueError:  # a name with a null byte
        return None  # whoever reads the file reports it
    return DIRECTORY if header is not None and header.is_directory else header
