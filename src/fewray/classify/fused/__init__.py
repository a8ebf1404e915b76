"""Layers of the classifiers as compiled CPU kernels."""
