"""A light model that guesses what a language model would say of a phrase."""
