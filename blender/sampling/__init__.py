"""Drawing contexts from a trusted corpus: stratified, without near-duplicates, seeded, with a datasheet."""
