"""DICOM files: what is read from the header, which files are refused, and their grey values."""
