"""A finished view as files: HTML, text, CSV and JSON."""
