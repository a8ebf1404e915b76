"""Train classifiers, predict with them, and score the predictions."""
