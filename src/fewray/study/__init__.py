"""Comparisons of augmentation arms."""
