"""Typed models of reader studies and their results."""
