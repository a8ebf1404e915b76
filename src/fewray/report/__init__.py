"""Reports on finished studies and generators: HTML, Markdown and terminal tables."""
