"""How selection is judged: labels, targets, families, head-room recovered and its noise ceiling."""
