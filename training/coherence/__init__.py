"""Training of the tail that comes with the package: layers of a language model that tell true replies from others."""
