"""The page as one HTML file: document, tables, figures, PDF."""
