"""Cross-validation grouped by patient: everything is fitted inside the folds."""
