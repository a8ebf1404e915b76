"""Comparisons of arms, patient bootstrap, power and verdicts as pure array functions."""
