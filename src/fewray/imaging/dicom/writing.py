"""Write a synthetic image as DICOM, so that no reader takes it for a radiograph of a patient.

The file is a Secondary Capture with Synthetic Data YES (0008,001C), Conversion Type SYN and Image
Type DERIVED (DICOM PS3.3, A.8.1, C.12.1 and C.8.6.1). It names no patient. Its UIDs follow from the
image and how it was made, so that the same image has the same UIDs (PS3.5, B.2: UUID-derived).
"""

from __future__ import annotations

import hashlib
import io
import uuid

import numpy as np

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
PROCESSING_EQUIPMENT = ("109102", "DCM", "Processing Equipment")
LONGEST = 64
"""Characters in a value of representation LO."""
PIECES = "Synthetic image made of pieces of patients' images"
"""What an image is that a generator did not draw; at most ``LONGEST`` characters."""


def synthetic_dicom(
    pixels: np.ndarray, *, label: str, seed: int, recipe: str, version: str, pieces: bool = False
) -> bytes:
    """Return uint8 (H, W) as a DICOM file, with the class, seed, recipe and version of fewray.

    Each image is a patient and an examination of its own. ``pieces``: the image is made of pieces
    of training images, and says so. The same arguments give the same bytes.
    """
    from pydicom import Dataset, dcmwrite
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    digest = hashlib.sha256(f"{label}\t{seed}\t{recipe}\t".encode() + pixels.tobytes()).hexdigest()
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SpecificCharacterSet = "ISO_IR 192"
    data.ImageType = ["DERIVED", "SECONDARY"]
    data.SyntheticData, data.ConversionType, data.Modality = "YES", "SYN", "OT"
    data.SOPClassUID, data.SOPInstanceUID = SECONDARY_CAPTURE, _uid(digest, "image")
    data.StudyInstanceUID, data.SeriesInstanceUID = _uid(digest, "study"), _uid(digest, "series")
    data.StudyDate = data.StudyTime = data.StudyID = data.AccessionNumber = ""
    data.ReferringPhysicianName = data.PatientBirthDate = data.PatientSex = ""
    data.PatientName = data.PatientID = f"FEWRAY{digest[:16].upper()}"
    data.PatientIdentityRemoved = "YES"
    origin = PIECES if pieces else "Synthetic image: there is no patient"
    data.DeidentificationMethod = origin
    data.SeriesNumber, data.InstanceNumber, data.PatientOrientation = 1, seed % 2**31, ""
    data.SeriesDescription = f"Synthetic: {label}"[:LONGEST]
    data.DerivationDescription = (
        f"Synthetic image of class {label} from seed {seed} of a generative model "
        f"(fewray {version}, recipe {recipe}). {origin}. Not for clinical use."
    )
    data.ContributingEquipmentSequence = [_equipment(recipe, version)]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = pixels.shape
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    data.WindowCenter, data.WindowWidth = 128, 256
    content = pixels.tobytes()
    data.PixelData = content + bytes(len(content) % 2)
    data["PixelData"].VR = "OB"
    stream = io.BytesIO()
    dcmwrite(stream, data, enforce_file_format=True)
    return stream.getvalue()


def _equipment(recipe: str, version: str) -> object:
    from pydicom import Dataset

    purpose, found = Dataset(), Dataset()
    purpose.CodeValue, purpose.CodingSchemeDesignator, purpose.CodeMeaning = PROCESSING_EQUIPMENT
    found.PurposeOfReferenceCodeSequence = [purpose]
    found.Manufacturer, found.ManufacturerModelName = "fewray", recipe[:LONGEST]
    found.SoftwareVersions = version
    found.ContributionDescription = "Generative model"
    return found


def _uid(digest: str, what: str) -> str:
    made = hashlib.sha256(f"{digest} {what}".encode()).digest()[:16]
    return f"2.25.{uuid.UUID(bytes=made, version=5).int}"
