"""Training the encoder that the annotator ``reply`` reads: what answers what, instead of what is alike."""
