"""Systems under test: whatever answers a dialog."""
