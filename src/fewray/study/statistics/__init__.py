"""Statistics of a study: comparisons of arms, patient bootstrap, power and verdicts; pure array functions."""
