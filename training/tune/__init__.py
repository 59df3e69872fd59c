"""Tuning the retriever: two heads over a sentence encoder."""
