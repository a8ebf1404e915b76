"""The published protocol: the paper's split, arms and tables."""
