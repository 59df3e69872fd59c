"""The report of an evaluation: one HTML file, and its data as JSON and CSV."""
