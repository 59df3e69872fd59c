"""Human labelling: what is asked, of whom, what they said, and what comes of it."""
