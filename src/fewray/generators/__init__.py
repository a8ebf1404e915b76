"""Generators: networks, training, checkpoints, sampling."""
