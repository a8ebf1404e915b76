"""Data sets of grey images: reading them, their patients and duplicates, and checks."""
