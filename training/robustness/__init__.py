"""What a choice holds out against: missing annotators, noisy and crowded pools, answers written to be chosen."""
