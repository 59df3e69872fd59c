"""`blend base`: what the phrases of a base are worth, measured once and kept beside it."""
