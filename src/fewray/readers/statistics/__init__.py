"""Statistics of reader studies as pure array functions."""
