"""Labelling sheets: one file a format, and a table of the formats."""
