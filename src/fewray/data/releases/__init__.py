"""Public data sets, read from their folders as they were released. Nothing is downloaded."""
