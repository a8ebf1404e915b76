"""Radiomic figures of grey images, named as in the Image Biomarker Standardisation Initiative."""
