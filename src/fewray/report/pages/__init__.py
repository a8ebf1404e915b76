"""The pages: one module per kind of study, and one for generators alone."""
