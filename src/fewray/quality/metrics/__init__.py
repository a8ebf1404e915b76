"""Metrics of two sets of images, computed from their features."""
