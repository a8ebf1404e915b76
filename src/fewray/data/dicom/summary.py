"""What the headers of the DICOM files of a data set say, without identifiers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DicomSummary:
    """Counts over the DICOM files of a data set, and the files that need a look."""

    files: int
    views: dict[str, int]
    """Files by ViewPosition, the most frequent first."""
    laterality: dict[str, int]
    modalities: dict[str, int]
    photometric: dict[str, int]
    bits: dict[str, int]
    """Files by BitsStored."""
    windows: int
    """Files with a VOI LUT or a usable window."""
    several_dates: int
    """Patients with examinations on more than one date."""
    without_patient: int
    burned_in: tuple[str, ...]
    """Files with BurnedInAnnotation YES."""
    for_processing: tuple[str, ...]
    """Files with PresentationIntentType FOR PROCESSING."""
    key_file: str
    """Where the key lies with which patient IDs are hashed."""

    def lines(self) -> list[tuple[str, str]]:
        """Return the rows of a table."""

        def listed(counts: dict[str, int]) -> str:
            return ", ".join(f"{name} {count}" for name, count in counts.items())

        return [
            ("views", listed(self.views)),
            ("laterality", listed(self.laterality)),
            ("modality", listed(self.modalities)),
            ("photometric", listed(self.photometric)),
            ("bits stored", listed(self.bits)),
            ("with a window", f"{self.windows} of {self.files}"),
            ("patients with several dates", str(self.several_dates)),
            ("patient key", self.key_file),
        ]
