"""What the readers of releases share: tables, an index of the files, and the rows made of both."""
