"""Prompts that are retrieved: their pool, and the search for those that suit an input."""
