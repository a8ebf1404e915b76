"""How fast fewray is, against a plain reference and against the machine's own ceiling, in one run."""
