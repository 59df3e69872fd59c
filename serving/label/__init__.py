"""`blend label`: jobs, sheets, progress, results, and what to label next. The page has a folder of its own."""
