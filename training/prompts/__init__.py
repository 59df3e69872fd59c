"""Tuning a retriever of prompts by how much they help a frozen language model (UPRISE)."""
