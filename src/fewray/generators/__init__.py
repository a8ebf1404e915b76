"""Generators of synthetic images: families, training, checkpoints, sampling."""
