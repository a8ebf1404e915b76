"""Typed contents of ``study.json``: the models that the study writes and the report reads."""
