"""Checks of a data set: damaged and duplicate files, leaking splits, shortcuts."""
