"""Metrics of two sets of images, computed from their features; independent of the rest of fewray."""
