"""Pages made from finished runs."""
