"""DICOM files of a data set: finding them, patients as keyed hashes, names, joins with tables."""
