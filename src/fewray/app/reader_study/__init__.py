"""Pages of reader studies: the owner's, and those of the readers."""
