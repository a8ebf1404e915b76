"""Detection of synthetic images that copy a training image."""
