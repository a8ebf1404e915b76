"""Steps that combine data, generators, quality metrics and classifiers."""
