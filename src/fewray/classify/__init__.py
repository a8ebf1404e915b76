"""The classifier, its training and its scores."""
