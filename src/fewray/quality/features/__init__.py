"""Feature extractors: networks that turn grey images into vectors."""
